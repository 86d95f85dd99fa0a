
/*
 * Copyright (C) The ngx_acm authors
 *
 * OCSP stapling (RFC 6066 s8): the helper keeps responses in the store, a
 * worker takes them along with a certificate, and hands them to clients that
 * ask.  A response hangs on OpenSSL's object, as handshakes may hold that
 * longer than the cache does.
 */


#include "ngx_acm.h"
#include "ngx_acm_curl.h"
#include "../shared/acm_staple.h"


#define NGX_ACM_STAPLE_HEAP   32             /* octets, beside the response */
#define NGX_ACM_STAPLE_TURNS  8              /* begun in one run */


typedef struct {
    time_t                     until;
    size_t                     len;
    u_char                     der[];
} ngx_acm_response_t;


/* of the helper */

typedef struct {
    acm_transport_t            transport;    /* curl, once it is needed */
    acm_transport_t            curl;
    acm_stapler_t              stapler;
    void                     (*wake)(void *data);
    void                      *data;
    unsigned                   ready:1;
    unsigned                   connected:1;
} ngx_acm_stapler_run_t;


static void ngx_acm_staple_set(ngx_acm_material_t *m,
    ngx_acm_response_t *response);
static ngx_acm_response_t *ngx_acm_staple_read(acm_entry_t *entry,
    uint32_t version);
static void ngx_acm_staple_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad,
    int idx, long argl, void *argp);
static int ngx_acm_staple_cb(ngx_ssl_conn_t *ssl, void *data);
static acm_rc_t ngx_acm_stapler_send(void *data, acm_http_t *http,
    acm_err_t *err);
static void ngx_acm_stapler_cancel(void *data, acm_http_t *http);
static void ngx_acm_stapler_report(void *data, const acm_cert_t *cert,
    const acm_ocsp_answer_t *answer, const char *why);


static int                     ngx_acm_staple_index = -1;
static ngx_acm_stapler_run_t   ngx_acm_stapler_run_state;


char *
ngx_acm_stapling(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_str_t  *value;

    if (amcf->stapling != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "on") == 0) {
        amcf->stapling = 1;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        amcf->stapling = 0;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": use \"on\" or \"off\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "responder=", 10) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"responder=\" is the "
                           "only one", &value[2]);
        return NGX_CONF_ERROR;
    }

    amcf->responder = (char *) value[2].data + 10;

    if (!acm_ocsp_url_ok((u_char *) amcf->responder,
                         ngx_strlen(amcf->responder)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL \"%s\": use http or https, like "
                           "\"http://ocsp.example.com/\"", amcf->responder);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


void
ngx_acm_staple_init(ngx_acm_conf_t *amcf, SSL_CTX *ctx)
{
    if (amcf->stapling) {
        SSL_CTX_set_tlsext_status_cb(ctx, ngx_acm_staple_cb);
    }
}


/* What the store has now; nothing is better than what is not to be had. */

void
ngx_acm_staple_refresh(ngx_acm_material_t *m, acm_snap_t *snap,
    acm_name_rec_t *rec)
{
    acm_rc_t      rc;
    acm_entry_t   entry;

    if (!ngx_acm_get_conf(ngx_cycle)->stapling) {
        return;
    }

    /* in a worker only: the master may unload this code, not forget it */

    if (ngx_acm_staple_index == -1) {
        ngx_acm_staple_index = X509_get_ex_new_index(0, NULL, NULL, NULL,
                                                     ngx_acm_staple_free);
    }

    if (ngx_acm_staple_index == -1) {
        return;
    }

    rc = acm_store_get(snap, ACM_DB_STAPLE, rec->uuid, ACM_UUID_LEN, &entry);

    if (rc == ACM_OK && entry.revision == m->stapled) {
        return;
    }

    if (rc != ACM_OK) {

        if (m->stapled) {
            m->stapled = 0;
            ngx_acm_staple_set(m, NULL);
        }

        return;
    }

    m->stapled = entry.revision;
    ngx_acm_staple_set(m, ngx_acm_staple_read(&entry, rec->version));
}


static ngx_acm_response_t *
ngx_acm_staple_read(acm_entry_t *entry, uint32_t version)
{
    acm_staple_t         staple;
    ngx_acm_response_t  *response;

    if (acm_staple_decode(entry->data, entry->len, &staple) != ACM_OK) {
        return NULL;
    }

    response = NULL;

    if (staple.version == version && staple.response.len != 0) {
        response = ngx_alloc(sizeof(ngx_acm_response_t) + staple.response.len,
                             ngx_cycle->log);
    }

    if (response) {
        response->until = (time_t) staple.next_update;
        response->len = staple.response.len;
        ngx_memcpy(response->der, staple.response.data, response->len);
    }

    acm_staple_free(&staple);

    return response;
}


static void
ngx_acm_staple_set(ngx_acm_material_t *m, ngx_acm_response_t *response)
{
    size_t               bytes;
    ngx_acm_response_t  *old;

    old = X509_get_ex_data(m->leaf.x, ngx_acm_staple_index);

    if (old) {
        bytes = old->len + NGX_ACM_STAPLE_HEAP;
        acm_cache_discharge(m->cache, bytes);
        m->leaf.bytes -= bytes;
    }

    if (response) {
        bytes = response->len + NGX_ACM_STAPLE_HEAP;

        if (acm_cache_charge(m->cache, bytes)) {
            m->leaf.bytes += bytes;

        } else {
            ngx_free(response);
            response = NULL;
        }
    }

    if (X509_set_ex_data(m->leaf.x, ngx_acm_staple_index, response) != 1
        && response)
    {
        /* there was none before, or there would have been room */

        m->leaf.bytes -= response->len + NGX_ACM_STAPLE_HEAP;
        acm_cache_discharge(m->cache, response->len + NGX_ACM_STAPLE_HEAP);
        ngx_free(response);
        return;
    }

    if (old) {
        ngx_free(old);
    }
}


static void
ngx_acm_staple_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx,
    long argl, void *argp)
{
    if (ptr) {
        ngx_free(ptr);
    }
}


/* Called for any certificate in the process, and nginx has some longer than it
   has this code. */

void
ngx_acm_staple_done(void)
{
    if (ngx_acm_staple_index != -1) {
        (void) CRYPTO_free_ex_index(CRYPTO_EX_INDEX_X509,
                                    ngx_acm_staple_index);
        ngx_acm_staple_index = -1;
    }
}


/* Called when the client asks, with the certificate that it is to get. */

static int
ngx_acm_staple_cb(ngx_ssl_conn_t *ssl, void *data)
{
    X509                *x;
    u_char              *der;
    ngx_acm_response_t  *response;

    x = (ngx_acm_staple_index != -1) ? SSL_get_certificate(ssl) : NULL;
    response = x ? X509_get_ex_data(x, ngx_acm_staple_index) : NULL;

    if (response == NULL || response->until <= ngx_time()) {
        return SSL_TLSEXT_ERR_NOACK;
    }

    der = OPENSSL_memdup(response->der, response->len);

    if (der == NULL) {
        return SSL_TLSEXT_ERR_NOACK;
    }

    /* which the connection frees */

    SSL_set_tlsext_status_ocsp_resp(ssl, der, (long) response->len);

    return SSL_TLSEXT_ERR_OK;
}


void
ngx_acm_stapler_run(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void *data, ngx_log_t *log)
{
    int64_t                 next;
    acm_rc_t                rc;
    acm_err_t               err;
    ngx_uint_t              n;
    ngx_acm_stapler_run_t  *run;

    run = &ngx_acm_stapler_run_state;

    if (!amcf->stapling) {
        return;
    }

    if (!run->ready) {
        run->ready = 1;
        run->wake = wake;
        run->data = data;
        run->transport.send = ngx_acm_stapler_send;
        run->transport.cancel = ngx_acm_stapler_cancel;
        run->transport.data = run;
        run->stapler.transport = &run->transport;
        run->stapler.responder = amcf->responder;
        run->stapler.report = ngx_acm_stapler_report;
    }

    run->stapler.store = store;

    for (n = 0; n < NGX_ACM_STAPLE_TURNS; n++) {
        err.text[0] = '\0';
        rc = acm_stapler_tick(&run->stapler, acm_now(), &next, &err);

        if (rc != ACM_OK) {
            break;
        }
    }

    if (n == NGX_ACM_STAPLE_TURNS) {
        wake(data);

    } else if (rc != ACM_NOTFOUND) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "acm: OCSP: %s", err.text);
    }
}


void
ngx_acm_stapler_stop(void)
{
    ngx_acm_stapler_run_t  *run;

    run = &ngx_acm_stapler_run_state;

    if (!run->ready) {
        return;
    }

    acm_stapler_done(&run->stapler);

    if (run->connected) {
        ngx_acm_curl_done();
    }

    ngx_memzero(run, sizeof(ngx_acm_stapler_run_t));
}


/* Most certificates name no responder: nothing is opened for them. */

static acm_rc_t
ngx_acm_stapler_send(void *data, acm_http_t *http, acm_err_t *err)
{
    ngx_acm_stapler_run_t *run = data;

    if (!run->connected
        && ngx_acm_curl_init(&run->curl, run->wake, run->data, ngx_cycle->log)
           != NGX_OK)
    {
        return acm_fail(err, ACM_ERROR, "no HTTP client: see the log");
    }

    run->connected = 1;

    return run->curl.send(run->curl.data, http, err);
}


static void
ngx_acm_stapler_cancel(void *data, acm_http_t *http)
{
    ngx_acm_stapler_run_t *run = data;

    run->curl.cancel(run->curl.data, http);
}


static void
ngx_acm_stapler_report(void *data, const acm_cert_t *cert,
    const acm_ocsp_answer_t *answer, const char *why)
{
    char        at[32];
    ngx_log_t  *log;

    log = ngx_cycle->log;

    if (answer == NULL) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: no OCSP response for certificate %s of \"%s\": "
                      "%s", cert->uuid, cert->domain, why);
        return;
    }

    switch (answer->status) {

    case ACM_OCSP_REVOKED:
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "acm: certificate %s of \"%s\" was revoked at %s%s%s: "
                      "%s", cert->uuid, cert->domain,
                      acm_time_text(answer->revoked_at, at),
                      answer->reason[0] ? ", " : "", answer->reason,
                      (cert->type == ACM_TYPE_IMPORTED)
                      ? "import another one" : "it is replaced");
        break;

    case ACM_OCSP_UNKNOWN:
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: the OCSP responder does not know certificate %s "
                      "of \"%s\"", cert->uuid, cert->domain);
        break;

    default:
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "acm: OCSP response for certificate %s of \"%s\"",
                      cert->uuid, cert->domain);
    }
}
