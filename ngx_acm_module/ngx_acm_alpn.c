
/*
 * Copyright (C) The ngx_acm authors
 *
 * tls-alpn-01 (RFC 8737): a ClientHello that offers "acme-tls/1" alone, and
 * a name that is being validated, gets the certificate for that from an SSL
 * context of ours, and the connection ends with the handshake.  Any other
 * is nginx's, which refuses the protocol.
 *
 * OpenSSL asks for the protocol before it asks for the certificate, so this
 * is done in the first callback there is.  It is called by the context of
 * the listening socket's default server, for all its servers.
 */


#include "../shared/acm_alpn_cert.h"
#include "../shared/acm_challenge.h"
#include "ngx_acm_server.h"


#define NGX_ACM_EXT_ALPN                                                      \
    TLSEXT_TYPE_application_layer_protocol_negotiation
#define NGX_ACM_EXT_SNI   TLSEXT_TYPE_server_name


static ngx_int_t ngx_acm_alpn_asked(ngx_ssl_conn_t *ssl, char *name);
static ngx_int_t ngx_acm_alpn_find(const char *name, acm_challenge_t *c,
    ngx_log_t *log);
static ngx_int_t ngx_acm_alpn_prepare(SSL_CTX *ctx, ngx_ssl_conn_t *ssl,
    acm_challenge_t *ch, ngx_log_t *log);
static int ngx_acm_alpn_select(ngx_ssl_conn_t *ssl,
    const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned int inlen, void *arg);
static int ngx_acm_alpn_servername(ngx_ssl_conn_t *ssl, int *alert,
    void *arg);
static int ngx_acm_alpn_not_resumable(ngx_ssl_conn_t *ssl, int secret);
static void ngx_acm_alpn_info(const ngx_ssl_conn_t *ssl, int where, int ret);


static const u_char  ngx_acm_alpn_session[] = ACM_ALPN_PROTOCOL;


ngx_ssl_t *
ngx_acm_alpn_create(ngx_conf_t *cf)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (ssl == NULL || cln == NULL) {
        return NULL;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    SSL_CTX_set_alpn_select_cb(ssl->ctx, ngx_acm_alpn_select, NULL);

    /* without one nginx's would be called, and choose a server */
    (void) SSL_CTX_set_tlsext_servername_callback(ssl->ctx,
                                                  ngx_acm_alpn_servername);

    return ssl;
}


ngx_int_t
ngx_acm_alpn_answer(SSL_CTX *ctx, ngx_ssl_conn_t *ssl)
{
    char               name[ACM_MAX_NAME + 1];
    ngx_int_t          rc;
    acm_challenge_t    ch;
    ngx_connection_t  *c;

    c = ngx_ssl_get_connection(ssl);

    if (ngx_acm_alpn_asked(ssl, name) != NGX_OK
        || ngx_acm_alpn_find(name, &ch, c->log) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    rc = ngx_acm_alpn_prepare(ctx, ssl, &ch, c->log);

    acm_challenge_free(&ch);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_acm_count(ngx_acm_get_conf(ngx_cycle), NGX_ACM_SERVED_ALPN);

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "acm: tls-alpn-01 challenge for \"%s\" answered", name);

    return NGX_OK;
}


ngx_uint_t
ngx_acm_alpn_answered(ngx_ssl_conn_t *ssl)
{
    return SSL_get_info_callback(ssl) == ngx_acm_alpn_info;
}


static ngx_int_t
ngx_acm_alpn_asked(ngx_ssl_conn_t *ssl, char *name)
{
    size_t                len;
    const unsigned char  *ext;

    if (SSL_client_hello_get0_ext(ssl, NGX_ACM_EXT_ALPN, &ext, &len) == 0
        || !acm_alpn_only(ext, len))
    {
        return NGX_DECLINED;
    }

    if (SSL_client_hello_get0_ext(ssl, NGX_ACM_EXT_SNI, &ext, &len) == 0
        || acm_alpn_sni(ext, len, name) != ACM_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_alpn_find(const char *name, acm_challenge_t *c, ngx_log_t *log)
{
    acm_rc_t         rc;
    acm_err_t        err;
    acm_snap_t      *snap;
    acm_store_t     *store;
    acm_keyring_t   *ring;
    ngx_acm_conf_t  *amcf;

    amcf = ngx_acm_get_conf(ngx_cycle);

    if (!amcf->enabled || ngx_acm_open(amcf, 0, &store, &ring, log) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    err.text[0] = '\0';
    rc = acm_store_begin(store, &snap, &err);

    if (rc != ACM_OK) {
        ngx_acm_log_fault(rc, &err, log);
        return NGX_DECLINED;
    }

    rc = acm_challenge_get(snap, ACM_CHALLENGE_ALPN, name, ngx_strlen(name),
                           ngx_time(), c);

    acm_store_end(snap);

    if (rc == ACM_OK) {
        return NGX_OK;
    }

    if (rc != ACM_NOTFOUND) {
        (void) acm_fail(&err, rc, "the challenge for \"%s\" cannot be read: "
                        "%s; see \"acmctl verify\"", name, acm_rc_text(rc));
        ngx_acm_log_fault(rc, &err, log);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_acm_alpn_prepare(SSL_CTX *ctx, ngx_ssl_conn_t *ssl, acm_challenge_t *ch,
    ngx_log_t *log)
{
    X509       *x;
    EVP_PKEY   *pkey;
    acm_err_t   err;
    ngx_int_t   rc;

    if (acm_alpn_certificate(ch->subject, ch->value, &x, &pkey, &err)
        != ACM_OK)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0, "acm: %s", err.text);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (SSL_set_SSL_CTX(ssl, ctx) == NULL
        || SSL_use_cert_and_key(ssl, x, pkey, NULL, 1) != 1
        || SSL_set_min_proto_version(ssl, TLS1_2_VERSION) != 1
        || SSL_set_num_tickets(ssl, 0) != 1
        || SSL_set_session_id_context(ssl, ngx_acm_alpn_session,
                                      sizeof(ngx_acm_alpn_session) - 1)
           != 1)
    {
        ngx_ssl_error(NGX_LOG_ERR, log, 0,
                      "acm: preparing for a challenge failed");
        goto done;
    }

    /* a context of its own, and no sessions: none can be resumed */

    SSL_set_not_resumable_session_callback(ssl, ngx_acm_alpn_not_resumable);
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    SSL_set_info_callback(ssl, ngx_acm_alpn_info);

    rc = NGX_OK;

done:

    X509_free(x);
    EVP_PKEY_free(pkey);

    return rc;
}


/* ngx_acm_alpn_asked() has seen that this is what the client offers. */

static int
ngx_acm_alpn_select(ngx_ssl_conn_t *ssl, const unsigned char **out,
    unsigned char *outlen, const unsigned char *in, unsigned int inlen,
    void *arg)
{
    *out = (const unsigned char *) ACM_ALPN_PROTOCOL;
    *outlen = sizeof(ACM_ALPN_PROTOCOL) - 1;

    return SSL_TLSEXT_ERR_OK;
}


static int
ngx_acm_alpn_servername(ngx_ssl_conn_t *ssl, int *alert, void *arg)
{
    return SSL_TLSEXT_ERR_OK;
}


static int
ngx_acm_alpn_not_resumable(ngx_ssl_conn_t *ssl, int secret)
{
    return 1;
}


/*
 * No data follow (RFC 8737 s3).  For nginx it is as if the client had closed
 * the connection, so that nothing is read and nginx closes it as well.
 */

static void
ngx_acm_alpn_info(const ngx_ssl_conn_t *ssl, int where, int ret)
{
    if (where & SSL_CB_HANDSHAKE_DONE) {
        SSL_set_shutdown((ngx_ssl_conn_t *) ssl, SSL_RECEIVED_SHUTDOWN);
    }
}
