
/*
 * Copyright (C) The ngx_acm authors
 *
 * The two contexts are kept from one check to the next, and so is the chain,
 * which is mostly that of the check before: to make them takes longer than
 * the handshake.  What was sent once, and verified, is not sent again: the
 * client would decode it anew.
 */


#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "acm_handshake.h"
#include "acm_leaf.h"
#include "acm_name.h"


/* turns of both sides; a handshake takes three */
#define ACM_HANDSHAKE_TURNS  16

#define ACM_HANDSHAKE_CURE   "the version in use stays; if it happens again, " \
                             "tell the CA, or use another issuer"


/* all borrowed */

typedef struct {
    X509             *leaf;
    const acm_str_t  *der;       /* that it was decoded from */
    EVP_PKEY         *pkey;
    STACK_OF(X509)   *chain;     /* without the leaf */
    X509_STORE       *trust;     /* its top; the issuer if alone */
    const char       *host;      /* what the client asks for, or NULL */
    int64_t           now;
    unsigned          alone:1;   /* only the leaf is sent */
} acm_handshake_t;


/* a chain as it was given, and decoded */

typedef struct {
    acm_str_t         ders[ACM_MAX_CHAIN];
    size_t            n;
    STACK_OF(X509)   *certs;
    X509_STORE       *trust;     /* the top */
    X509_STORE       *issuer;    /* of the leaf */
    int64_t           from;      /* all of them are valid, and */
    int64_t           to;
    unsigned          proved:1;  /* in a handshake with all of it */
} acm_handshake_chain_t;


static acm_rc_t acm_handshake_served(const acm_bundle_t *bundle,
    acm_leaf_t *leaf, acm_err_t *err);
static acm_rc_t acm_handshake_pair(const acm_bundle_t *bundle, X509 *leaf,
    EVP_PKEY *pkey, char *const *names, size_t nnames, int64_t now,
    acm_err_t *err);
static acm_rc_t acm_handshake_ready(acm_err_t *err);
static SSL_CTX *acm_handshake_ctx(const SSL_METHOD *method);
static acm_rc_t acm_handshake_chain(acm_handshake_chain_t *kept,
    const acm_bundle_t *bundle, X509 *leaf, acm_err_t *err);
static int acm_handshake_same(const acm_handshake_chain_t *kept,
    const acm_bundle_t *bundle);
static acm_rc_t acm_handshake_chain_add(acm_handshake_chain_t *kept,
    const acm_str_t *der, X509 **x, acm_err_t *err);
static void acm_handshake_chain_free(acm_handshake_chain_t *kept);
static acm_rc_t acm_handshake_both(acm_handshake_t *h, acm_err_t *err);
static acm_rc_t acm_handshake_try(const acm_handshake_t *h, int version,
    int *again, acm_err_t *err);
static acm_rc_t acm_handshake_sides(const acm_handshake_t *h, int version,
    SSL **server, SSL **client, acm_err_t *err);
static int acm_handshake_join(SSL *server, SSL *client);
static acm_rc_t acm_handshake_run(SSL *server, SSL *client);
static int acm_handshake_verify(int ok, X509_STORE_CTX *ctx);
static acm_rc_t acm_handshake_failed(SSL *client, int *again,
    acm_err_t *err);
static acm_rc_t acm_handshake_order(const acm_handshake_t *h, SSL *client,
    acm_err_t *err);
static int acm_handshake_is(X509 *x, const acm_str_t *der);
static acm_rc_t acm_handshake_names(const acm_handshake_t *h,
    char *const *names, size_t nnames, int cn_only, acm_err_t *err);
static const char *acm_handshake_host(const char *name, char *buf);


static SSL_CTX                *acm_handshake_server;
static SSL_CTX                *acm_handshake_client;
static acm_handshake_chain_t   acm_handshake_kept;
static int                     acm_handshake_depth;  /* of what is bad */


acm_rc_t
acm_handshake_check(const acm_bundle_t *bundle, char *const *names,
    size_t nnames, int64_t now, acm_err_t *err)
{
    X509        *leaf;
    acm_rc_t     rc;
    EVP_PKEY    *pkey;
    acm_leaf_t   served;

    rc = acm_handshake_served(bundle, &served, err);

    if (rc == ACM_OK) {
        rc = acm_handshake_pair(bundle, served.x, served.pkey, names, nnames,
                                now, err);
        acm_leaf_close(&served);

        return rc;
    }

    if (rc == ACM_NOMEM) {
        return rc;
    }

    /* what is wrong is said in OpenSSL's words */

    leaf = NULL;
    pkey = NULL;
    rc = ACM_OK;

    if (bundle->x == NULL) {
        rc = acm_x509_decode(bundle->leaf.data, bundle->leaf.len, &leaf, err);
    }

    if (rc == ACM_OK && bundle->pkey == NULL) {
        rc = acm_key_decode(bundle->info.key, bundle->key_secret.data,
                            bundle->key_secret.len, &pkey, err);
    }

    if (rc == ACM_OK) {
        rc = acm_handshake_pair(bundle,
                                (leaf != NULL) ? leaf : bundle->x,
                                (pkey != NULL) ? pkey : bundle->pkey, names,
                                nnames, now, err);
    }

    X509_free(leaf);
    EVP_PKEY_free(pkey);

    return rc;
}


/* As workers have it.  Such a leaf cannot be trusted as the top of a chain. */

static acm_rc_t
acm_handshake_served(const acm_bundle_t *bundle, acm_leaf_t *leaf,
    acm_err_t *err)
{
    if (bundle->nchain == 0 || (bundle->x != NULL && bundle->pkey != NULL)) {
        return ACM_NOTFOUND;
    }

    return acm_leaf_open(leaf, bundle->info.key, &bundle->leaf,
                         &bundle->key_secret, err);
}


static acm_rc_t
acm_handshake_pair(const acm_bundle_t *bundle, X509 *leaf,
    EVP_PKEY *pkey, char *const *names, size_t nnames, int64_t now,
    acm_err_t *err)
{
    char              host[ACM_MAX_NAME + 1];
    acm_rc_t          rc;
    acm_handshake_t   h;

    ERR_clear_error();

    rc = acm_handshake_ready(err);

    if (rc == ACM_OK) {
        rc = acm_handshake_chain(&acm_handshake_kept, bundle, leaf, err);
    }

    if (rc == ACM_OK) {
        h.leaf = leaf;
        h.der = &bundle->leaf;
        h.pkey = pkey;
        h.chain = acm_handshake_kept.certs;
        h.host = NULL;
        h.now = now;

        /* an address is asked for without SNI, RFC 6066 s3 */

        if (nnames > 0 && !acm_name_is_ip(names[0], strlen(names[0]))) {
            h.host = acm_handshake_host(names[0], host);
        }

        rc = acm_handshake_both(&h, err);
    }

    if (rc == ACM_OK) {
        rc = acm_handshake_names(&h, names, nnames, bundle->info.cn_only,
                                 err);
    }

    ERR_clear_error();

    return rc;
}


void
acm_handshake_done(void)
{
    SSL_CTX_free(acm_handshake_server);
    SSL_CTX_free(acm_handshake_client);

    acm_handshake_server = NULL;
    acm_handshake_client = NULL;

    acm_handshake_chain_free(&acm_handshake_kept);
}


static acm_rc_t
acm_handshake_ready(acm_err_t *err)
{
    if (acm_handshake_server == NULL) {
        acm_handshake_server = acm_handshake_ctx(TLS_server_method());
    }

    if (acm_handshake_client == NULL) {
        acm_handshake_client = acm_handshake_ctx(TLS_client_method());
    }

    if (acm_handshake_server == NULL || acm_handshake_client == NULL) {
        return acm_fail_ssl(err, ACM_ERROR, "no TLS for the self-check of a "
                            "certificate");
    }

    SSL_CTX_set_verify(acm_handshake_client, SSL_VERIFY_PEER,
                       acm_handshake_verify);

    return ACM_OK;
}


/* Nobody resumes these sessions. */

static SSL_CTX *
acm_handshake_ctx(const SSL_METHOD *method)
{
    SSL_CTX  *ctx;

    ctx = SSL_CTX_new(method);

    if (ctx == NULL) {
        return NULL;
    }

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);

    /* all that the bundle has, and nothing that OpenSSL finds elsewhere */

    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);

    if (SSL_CTX_set_num_tickets(ctx, 0) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


/* The chain of a bundle and its top, if they are not there already. */

static acm_rc_t
acm_handshake_chain(acm_handshake_chain_t *kept, const acm_bundle_t *bundle,
    X509 *leaf, acm_err_t *err)
{
    X509      *top;
    size_t     i;
    acm_rc_t   rc;

    if (acm_handshake_same(kept, bundle)) {
        return ACM_OK;
    }

    acm_handshake_chain_free(kept);

    kept->certs = sk_X509_new_null();
    kept->trust = X509_STORE_new();
    kept->issuer = X509_STORE_new();

    rc = (kept->certs != NULL && kept->trust != NULL && kept->issuer != NULL)
         ? ACM_OK : acm_fail(err, ACM_NOMEM, "no memory for a chain");

    top = leaf;

    for (i = 0; rc == ACM_OK && i < bundle->nchain; i++) {
        rc = acm_handshake_chain_add(kept, &bundle->chain[i], &top, err);
    }

    if (rc == ACM_OK
        && (X509_STORE_add_cert(kept->trust, top) != 1
            || (kept->n != 0
                && X509_STORE_add_cert(kept->issuer,
                                       sk_X509_value(kept->certs, 0))
                   != 1)))
    {
        rc = acm_fail_ssl(err, ACM_NOMEM, "cannot trust the top of a chain");
    }

    if (rc != ACM_OK) {
        acm_handshake_chain_free(kept);
    }

    return rc;
}


/* Without a chain the leaf is the top, and each is another one. */

static int
acm_handshake_same(const acm_handshake_chain_t *kept,
    const acm_bundle_t *bundle)
{
    size_t  i;

    if (bundle->nchain == 0 || bundle->nchain != kept->n) {
        return 0;
    }

    for (i = 0; i < kept->n; i++) {
        if (kept->ders[i].len != bundle->chain[i].len
            || memcmp(kept->ders[i].data, bundle->chain[i].data,
                      kept->ders[i].len)
               != 0)
        {
            return 0;
        }
    }

    return 1;
}


static acm_rc_t
acm_handshake_chain_add(acm_handshake_chain_t *kept, const acm_str_t *der,
    X509 **x, acm_err_t *err)
{
    int64_t    from, to;
    acm_rc_t   rc;
    acm_str_t  copy;

    copy.len = der->len;
    copy.data = acm_memdup(der->data, der->len);

    if (copy.data == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a chain");
    }

    rc = acm_x509_decode(der->data, der->len, x, err);

    if (rc == ACM_OK) {
        rc = acm_x509_dates(*x, &from, &to, err);

        if (rc == ACM_OK && sk_X509_push(kept->certs, *x) == 0) {
            rc = acm_fail(err, ACM_NOMEM, "no memory for a chain");
        }

        if (rc != ACM_OK) {
            X509_free(*x);
        }
    }

    if (rc != ACM_OK) {
        acm_free(copy.data);
        return rc;
    }

    kept->from = (kept->n == 0 || from > kept->from) ? from : kept->from;
    kept->to = (kept->n == 0 || to < kept->to) ? to : kept->to;
    kept->ders[kept->n++] = copy;

    return ACM_OK;
}


static void
acm_handshake_chain_free(acm_handshake_chain_t *kept)
{
    size_t  i;

    for (i = 0; i < kept->n; i++) {
        acm_free(kept->ders[i].data);
    }

    sk_X509_pop_free(kept->certs, X509_free);
    X509_STORE_free(kept->trust);
    X509_STORE_free(kept->issuer);

    memset(kept, 0, sizeof(acm_handshake_chain_t));
}


/* What is wrong is said by a handshake with all of the chain. */

static acm_rc_t
acm_handshake_both(acm_handshake_t *h, acm_err_t *err)
{
    int                     again;
    acm_rc_t                rc;
    acm_handshake_chain_t  *kept;

    kept = &acm_handshake_kept;

    if (kept->proved && kept->from <= h->now && h->now <= kept->to) {
        h->alone = 1;
        h->trust = kept->issuer;

        if (acm_handshake_try(h, TLS1_3_VERSION, &again, NULL) == ACM_OK) {
            return ACM_OK;
        }
    }

    h->alone = 0;
    h->trust = kept->trust;

    rc = acm_handshake_try(h, TLS1_3_VERSION, &again, err);

    if (rc != ACM_OK && again
        && acm_handshake_try(h, TLS1_2_VERSION, &again, NULL) == ACM_OK)
    {
        rc = ACM_OK;
    }

    kept->proved |= (rc == ACM_OK && kept->n != 0);

    return rc;
}


/* again: it failed, but not for what the certificate is. */

static acm_rc_t
acm_handshake_try(const acm_handshake_t *h, int version, int *again,
    acm_err_t *err)
{
    SSL       *server, *client;
    acm_rc_t   rc;

    *again = 0;
    server = NULL;
    client = NULL;

    rc = acm_handshake_sides(h, version, &server, &client, err);

    if (rc == ACM_OK) {
        rc = (acm_handshake_run(server, client) == ACM_OK)
             ? acm_handshake_order(h, client, err)
             : acm_handshake_failed(client, again, err);
    }

    SSL_free(server);
    SSL_free(client);
    ERR_clear_error();

    return rc;
}


static acm_rc_t
acm_handshake_sides(const acm_handshake_t *h, int version, SSL **server,
    SSL **client, acm_err_t *err)
{
    X509_VERIFY_PARAM  *param;

    *server = SSL_new(acm_handshake_server);
    *client = SSL_new(acm_handshake_client);

    if (*server == NULL || *client == NULL
        || SSL_set_min_proto_version(*server, version) != 1
        || SSL_set_max_proto_version(*server, version) != 1
        || SSL_set_min_proto_version(*client, version) != 1
        || SSL_set_max_proto_version(*client, version) != 1
        || SSL_set1_verify_cert_store(*client, h->trust) != 1
        || (h->host != NULL
            && SSL_set_tlsext_host_name(*client, h->host) != 1)
        || !acm_handshake_join(*server, *client))
    {
        return acm_fail_ssl(err, ACM_ERROR, "no TLS for the self-check of a "
                            "certificate");
    }

    /* as a worker does */

    if (SSL_use_cert_and_key(*server, h->leaf, h->pkey,
                             h->alone ? NULL : h->chain, 1)
        != 1)
    {
        return acm_fail_ssl(err, ACM_INVALID, "TLS self-check: the "
                            "certificate cannot be used with its key and "
                            "chain; " ACM_HANDSHAKE_CURE);
    }

    param = SSL_get0_param(*client);

    X509_VERIFY_PARAM_set_time(param, (time_t) h->now);
    (void) X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);

    SSL_set_accept_state(*server);
    SSL_set_connect_state(*client);

    return ACM_OK;
}


/* What one writes the other reads. */

static int
acm_handshake_join(SSL *server, SSL *client)
{
    BIO  *up, *down;

    up = BIO_new(BIO_s_mem());
    down = BIO_new(BIO_s_mem());

    if (up == NULL || down == NULL || BIO_up_ref(up) != 1) {
        BIO_free(up);
        BIO_free(down);
        return 0;
    }

    if (BIO_up_ref(down) != 1) {
        BIO_free(up);
        BIO_free(up);
        BIO_free(down);
        return 0;
    }

    SSL_set_bio(client, down, up);
    SSL_set_bio(server, up, down);

    return 1;
}


/* The one that fails first has its reasons in OpenSSL's queue. */

static acm_rc_t
acm_handshake_run(SSL *server, SSL *client)
{
    int       i, n, done;
    unsigned  turn;
    SSL      *side[2];

    side[0] = client;
    side[1] = server;

    for (turn = 0; turn < ACM_HANDSHAKE_TURNS; turn++) {
        done = 0;

        for (i = 0; i < 2; i++) {
            n = SSL_do_handshake(side[i]);

            if (n == 1) {
                done++;

            } else if (SSL_get_error(side[i], n) != SSL_ERROR_WANT_READ) {
                return ACM_INVALID;
            }
        }

        if (done == 2) {
            return ACM_OK;
        }
    }

    return ACM_INVALID;
}


static int
acm_handshake_verify(int ok, X509_STORE_CTX *ctx)
{
    if (!ok) {
        acm_handshake_depth = X509_STORE_CTX_get_error_depth(ctx);
    }

    return ok;
}


static acm_rc_t
acm_handshake_failed(SSL *client, int *again, acm_err_t *err)
{
    long         result;
    const char  *clock;

    result = SSL_get_verify_result(client);

    if (result == X509_V_OK) {
        *again = 1;

        return acm_fail_ssl(err, ACM_INVALID, "TLS self-check: no handshake "
                            "is possible with the certificate and its key; "
                            ACM_HANDSHAKE_CURE);
    }

    clock = (result == X509_V_ERR_CERT_NOT_YET_VALID
             || result == X509_V_ERR_CERT_HAS_EXPIRED)
            ? "look at the clock of this host; " : "";

    if (acm_handshake_depth == 0) {
        return acm_fail(err, ACM_INVALID, "TLS self-check: a client refuses "
                        "the certificate: %s; %s" ACM_HANDSHAKE_CURE,
                        X509_verify_cert_error_string(result), clock);
    }

    return acm_fail(err, ACM_INVALID, "TLS self-check: a client refuses "
                    "certificate %d of the chain: %s; %s" ACM_HANDSHAKE_CURE,
                    acm_handshake_depth,
                    X509_verify_cert_error_string(result), clock);
}


/* What was sent is what was verified: not only some of it, in any order. */

static acm_rc_t
acm_handshake_order(const acm_handshake_t *h, SSL *client, acm_err_t *err)
{
    int              i, n, all;
    X509            *want;
    STACK_OF(X509)  *sent, *verified;

    sent = SSL_get_peer_cert_chain(client);
    verified = SSL_get0_verified_chain(client);
    n = h->alone ? 1 : sk_X509_num(h->chain) + 1;
    all = h->alone ? 2 : n;

    if (sk_X509_num(sent) != n || sk_X509_num(verified) != all) {
        return acm_fail(err, ACM_INVALID, "TLS self-check: %d certificates "
                        "were sent, and %d of them lead from the leaf to the "
                        "top; " ACM_HANDSHAKE_CURE, sk_X509_num(sent),
                        sk_X509_num(verified));
    }

    for (i = 0; i < all; i++) {
        want = (i == 0) ? sk_X509_value(sent, 0)
                        : sk_X509_value(h->chain, i - 1);

        if ((i == 0 && !acm_handshake_is(want, h->der))
            || (i < n && X509_cmp(sk_X509_value(sent, i), want) != 0)
            || X509_cmp(sk_X509_value(verified, i), want) != 0)
        {
            return acm_fail(err, ACM_INVALID, "TLS self-check: certificate "
                            "%d of the chain is out of order; "
                            ACM_HANDSHAKE_CURE, i);
        }
    }

    return ACM_OK;
}


/* X509_cmp() would compare digests, which not every leaf has. */

static int
acm_handshake_is(X509 *x, const acm_str_t *der)
{
    int       n, same;
    uint8_t  *octets;

    octets = NULL;
    n = i2d_X509(x, &octets);

    same = n > 0 && (size_t) n == der->len
           && memcmp(octets, der->data, der->len) == 0;

    OPENSSL_free(octets);

    return same;
}


static acm_rc_t
acm_handshake_names(const acm_handshake_t *h, char *const *names,
    size_t nnames, int cn_only, acm_err_t *err)
{
    int           ok;
    char          buf[ACM_MAX_NAME + 1];
    size_t        i;
    unsigned      flags;
    const char   *host;

    /* clients ignore the common name, but then an import is only odd */

    flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    flags |= cn_only ? 0 : X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

    for (i = 0; i < nnames; i++) {
        host = acm_handshake_host(names[i], buf);

        if (acm_name_is_ip(names[i], strlen(names[i]))) {
            ok = X509_check_ip_asc(h->leaf, host, flags);

        } else {
            ok = X509_check_host(h->leaf, host, 0, flags, NULL);
        }

        if (ok != 1) {
            return acm_fail(err, ACM_INVALID, "TLS self-check: a client that "
                            "asks for \"%s\" refuses the certificate; "
                            ACM_HANDSHAKE_CURE, host);
        }
    }

    return ACM_OK;
}


/*
 * A host that a wildcard is for.  OpenSSL, alone among clients, takes no
 * wildcard right below a top-level domain, nor over an underscore: such a
 * name is compared as it is.
 */

static const char *
acm_handshake_host(const char *name, char *buf)
{
    size_t  len;

    len = strlen(name);

    if (strncmp(name, "*.", 2) != 0 || len > ACM_MAX_NAME
        || strchr(name + 2, '.') == NULL || strchr(name, '_') != NULL)
    {
        return name;
    }

    memcpy(buf, name, len + 1);
    buf[0] = 'a';

    return buf;
}
