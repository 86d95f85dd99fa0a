
/*
 * Copyright (C) The ngx_acm authors
 *
 * What is made of the directives when all files are parsed: the requests for
 * configured certificates, and the master key in memory.
 */


#include <sys/mman.h>

#include "ngx_acm.h"


static ngx_int_t ngx_acm_resolve_defaults(ngx_cycle_t *cycle,
    ngx_acm_conf_t *amcf);
static ngx_acm_issuer_t *ngx_acm_resolve_issuers(ngx_cycle_t *cycle,
    ngx_acm_conf_t *amcf, ngx_acm_want_t *want, acm_request_t *req);
static ngx_int_t ngx_acm_resolve_want(ngx_cycle_t *cycle,
    ngx_acm_conf_t *amcf, ngx_acm_want_t *want);
static ngx_int_t ngx_acm_resolve_name(ngx_cycle_t *cycle,
    ngx_acm_conf_t *amcf, ngx_acm_want_t *want);
static ngx_int_t ngx_acm_resolve_auto(ngx_cycle_t *cycle,
    ngx_acm_conf_t *amcf, ngx_acm_want_t *want);
static void ngx_acm_resolve_request(ngx_acm_conf_t *amcf,
    ngx_acm_issuer_t *issuer, acm_request_t *req);
static ngx_int_t ngx_acm_resolve_demand(ngx_cycle_t *cycle,
    ngx_acm_conf_t *amcf, ngx_acm_want_t *want);
static ngx_int_t ngx_acm_resolve_arn(ngx_cycle_t *cycle,
    ngx_acm_conf_t *amcf, ngx_acm_want_t *want);
static ngx_int_t ngx_acm_add_request(ngx_acm_conf_t *amcf,
    acm_request_t *req, uint8_t *identity);
static ngx_int_t ngx_acm_key_page(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf);
static void ngx_acm_key_wipe(void *data);
static ngx_int_t ngx_acm_store_exists(ngx_acm_conf_t *amcf);


ngx_int_t
ngx_acm_resolve(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    ngx_uint_t         i;
    ngx_acm_want_t   **wants;
    ngx_acm_issuer_t  *issuer;

    wants = amcf->wants.elts;

    if (!amcf->enabled) {

        if (amcf->wants.nelts) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "\"acm_certificate\" in %s:%ui needs an \"acm {}\" "
                          "block: add one beside \"http\"",
                          wants[0]->file, wants[0]->line);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (ngx_acm_resolve_defaults(cycle, amcf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_acm_issuer_defaults(amcf);

    issuer = amcf->issuers.elts;

    amcf->engine_issuers = ngx_palloc(cycle->pool, amcf->issuers.nelts
                                                   * sizeof(acm_issuer_t));
    if (amcf->engine_issuers == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < amcf->issuers.nelts; i++) {
        amcf->engine_issuers[i] = issuer[i].issuer;
    }

    for (i = 0; i < amcf->wants.nelts; i++) {
        if (ngx_acm_resolve_want(cycle, amcf, wants[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_resolve_defaults(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    ngx_str_t         *name;
    ngx_uint_t         i;
    ngx_acm_issuer_t  *issuer;

    if (amcf->default_issuers == NULL) {
        issuer = amcf->issuers.elts;

        amcf->default_issuers = ngx_array_create(cycle->pool, 1,
                                                 sizeof(ngx_str_t));
        if (amcf->default_issuers == NULL) {
            return NGX_ERROR;
        }

        name = ngx_array_push(amcf->default_issuers);
        *name = issuer[0].name;
    }

    name = amcf->default_issuers->elts;

    for (i = 0; i < amcf->default_issuers->nelts; i++) {
        if (ngx_acm_issuer_find(amcf, &name[i]) == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "\"default_issuer\" names unknown issuer \"%V\" in "
                          "\"acm\" in %s:%ui: add \"issuer %V { ... }\"",
                          &name[i], amcf->file, amcf->line, &name[i]);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The issuers of a certificate, in order, as one text; returns the first. */

static ngx_acm_issuer_t *
ngx_acm_resolve_issuers(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf,
    ngx_acm_want_t *want, acm_request_t *req)
{
    u_char            *p, *text, *last;
    ngx_str_t         *names, name;
    ngx_uint_t         i, n;
    ngx_acm_issuer_t  *issuer, *first;

    text = ngx_pnalloc(cycle->pool, ACM_MAX_ISSUERS_TEXT + 1);
    if (text == NULL) {
        return NULL;
    }

    p = text;
    first = NULL;
    names = amcf->default_issuers->elts;
    n = want->issuer.len ? ACM_MAX_TURN + 1 : amcf->default_issuers->nelts;
    last = want->issuer.data + want->issuer.len;
    name.data = want->issuer.data;

    for (i = 0; i < n; i++) {

        if (want->issuer.len) {
            name.len = ngx_strlchr(name.data, last, ',')
                       ? (size_t) (ngx_strlchr(name.data, last, ',')
                                   - name.data)
                       : (size_t) (last - name.data);

        } else {
            name = names[i];
        }

        issuer = ngx_acm_issuer_find(amcf, &name);

        if (issuer == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "unknown issuer \"%V\" in %s:%ui: add \"issuer %V "
                          "{ ... }\" to the \"acm\" block",
                          &name, want->file, want->line, &name);
            return NULL;
        }

        if (i == ACM_MAX_TURN) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "more than %d issuers in %s:%ui", ACM_MAX_TURN,
                          want->file, want->line);
            return NULL;
        }

        first = first ? first : issuer;

        p = ngx_sprintf(p, "%s%V", i ? " " : "", &name);

        if (want->issuer.len) {
            name.data += name.len + 1;

            if (name.data > last) {
                break;
            }
        }
    }

    *p = '\0';
    req->issuer = (char *) text;

    return first;
}


static ngx_int_t
ngx_acm_resolve_want(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf,
    ngx_acm_want_t *want)
{
    if (ngx_acm_resolve_name(cycle, amcf, want) != NGX_OK) {
        return NGX_ERROR;
    }

    if (want->mode == NGX_ACM_AUTO) {
        return ngx_acm_resolve_auto(cycle, amcf, want);
    }

    if (want->mode == NGX_ACM_ARN) {
        return ngx_acm_resolve_arn(cycle, amcf, want);
    }

    if (want->on_demand.len) {
        return ngx_acm_resolve_demand(cycle, amcf, want);
    }

    /* sni: what a name gets does not depend on the server */

    return NGX_OK;
}


/* What a server is called, where it is said who uses a certificate. */

static ngx_int_t
ngx_acm_resolve_name(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf,
    ngx_acm_want_t *want)
{
    char    **names;
    u_char   *p;
    size_t    len;

    if (want->names.nelts) {
        names = want->names.elts;
        want->name.data = (u_char *) names[0];
        want->name.len = ngx_strlen(names[0]);

    } else {
        len = ngx_strlen(want->file) + sizeof(":") + NGX_INT_T_LEN
              + want->name.len;

        p = ngx_pnalloc(cycle->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        /* with a NUL behind it, which a server_name need not have */

        len = (want->name.len ? ngx_snprintf(p, len - 1, "%V", &want->name)
                              : ngx_snprintf(p, len - 1, "%s:%ui", want->file,
                                             want->line))
              - p;

        p[len] = '\0';

        want->name.data = p;
        want->name.len = len;
    }

    if (want->mode == NGX_ACM_SNI) {
        want->server = acm_used_server((char *) want->name.data,
                                       want->name.len);
        want->bit = (uint64_t) 1 << (amcf->nsni++ % 64);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_resolve_auto(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf,
    ngx_acm_want_t *want)
{
    ngx_uint_t          i;
    acm_request_t       req;
    ngx_acm_issuer_t   *issuer;

    ngx_memzero(&req, sizeof(acm_request_t));

    issuer = ngx_acm_resolve_issuers(cycle, amcf, want, &req);
    if (issuer == NULL) {
        return NGX_ERROR;
    }

    ngx_acm_resolve_request(amcf, issuer, &req);

    req.method = want->method;
    req.unused = (amcf->unused != 0);
    req.names = want->names.elts;
    req.nnames = want->names.nelts;

    for (i = 0; i < want->nkeys; i++) {
        req.key = want->keys[i];

        if (ngx_acm_add_request(amcf, &req, want->identity[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    EVP_Digest(want->identity, want->nkeys * ACM_HASH_LEN, want->id, NULL,
               EVP_sha256(), NULL);

    return NGX_OK;
}


static void
ngx_acm_resolve_request(ngx_acm_conf_t *amcf, ngx_acm_issuer_t *issuer,
    acm_request_t *req)
{
    req->account = (char *) amcf->account.data;
    req->region = ngx_acm_home_region(amcf);
    req->type = issuer->ca ? ACM_TYPE_PRIVATE : ACM_TYPE_ISSUED;
}


static ngx_int_t
ngx_acm_resolve_demand(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf,
    ngx_acm_want_t *want)
{
    acm_request_t      req;
    ngx_acm_issuer_t  *issuer;

    ngx_memzero(&req, sizeof(acm_request_t));

    issuer = ngx_acm_resolve_issuers(cycle, amcf, want, &req);
    if (issuer == NULL) {
        return NGX_ERROR;
    }

    ngx_acm_resolve_request(amcf, issuer, &req);

    req.demanded = 1;

    return ngx_acm_demand_add(amcf, want, &req);
}


/* Servers that want the same certificate share one request. */

static ngx_int_t
ngx_acm_add_request(ngx_acm_conf_t *amcf, acm_request_t *req,
    uint8_t *identity)
{
    uint32_t         hash;
    ngx_str_t        id;
    acm_request_t   *reqs;
    ngx_str_node_t  *sn;

    acm_request_identity(req, identity);

    id.len = ACM_HASH_LEN;
    id.data = identity;
    hash = ngx_murmur_hash2(identity, ACM_HASH_LEN);

    if (ngx_str_rbtree_lookup(&amcf->identities, &id, hash)) {
        return NGX_OK;
    }

    sn = ngx_palloc(amcf->requests.pool, sizeof(ngx_str_node_t));
    reqs = ngx_array_push(&amcf->requests);

    if (sn == NULL || reqs == NULL) {
        return NGX_ERROR;
    }

    sn->str = id;
    sn->node.key = hash;
    ngx_rbtree_insert(&amcf->identities, &sn->node);

    *reqs = *req;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_resolve_arn(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf,
    ngx_acm_want_t *want)
{
    EVP_Digest(want->uuid, ACM_UUID_LEN, want->id, NULL, EVP_sha256(), NULL);

    if (ngx_strcmp(want->account, amcf->account.data) != 0) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "the ARN in %s:%ui is of account %s, but \"account\" "
                      "says %V", want->file, want->line, want->account,
                      &amcf->account);
        return NGX_ERROR;
    }

    if (!ngx_acm_region_known(amcf, want->region)) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "the ARN in %s:%ui is of region %s, which \"region\" "
                      "does not list", want->file, want->line, want->region);
        return NGX_ERROR;
    }

    if (amcf->one_region) {
        (void) ngx_cpystrn((u_char *) want->region,
                           (u_char *) ngx_acm_home_region(amcf),
                           ACM_MAX_LABEL + 1);
    }

    return NGX_OK;
}


ngx_int_t
ngx_acm_load_key(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    char       *path;
    acm_rc_t    rc;
    acm_err_t   err;

    if (ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_OK;
    }

    if (ngx_acm_key_page(cycle, amcf) != NGX_OK) {
        return NGX_ERROR;
    }

    path = (char *) amcf->master_key.data;

    rc = acm_master_key_read(path, amcf->key_secret, &err);

    if (rc == ACM_NOTFOUND && ngx_acm_store_exists(amcf)) {

        /* a new key would make all private keys of the store unreadable */

        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "master key file \"%V\" is missing, but the store "
                      "\"%V\" was sealed with one: restore the file, or "
                      "move the store away to start anew",
                      &amcf->master_key, &amcf->store);
        return NGX_ERROR;
    }

    if (rc == ACM_NOTFOUND) {

        if (ngx_test_config) {
            return NGX_OK;
        }

        rc = acm_master_key_create(path, amcf->key_secret, &err);

        if (rc == ACM_CONFLICT) {
            rc = acm_master_key_read(path, amcf->key_secret, &err);

        } else if (rc == ACM_OK) {
            ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                          "acm: made master key \"%V\": keep a copy of it",
                          &amcf->master_key);
        }
    }

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "%s (\"master_key\" of \"acm\" in %s:%ui)",
                      err.text, amcf->file, amcf->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The key has a page of its own, which a core dump leaves out. */

static ngx_int_t
ngx_acm_key_page(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    void                *page;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    page = mmap(NULL, ngx_pagesize, PROT_READ|PROT_WRITE,
                MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "acm: mmap() of the key page failed");
        return NGX_ERROR;
    }

    (void) madvise(page, ngx_pagesize, MADV_DONTDUMP);

    amcf->key_secret = page;

    cln->handler = ngx_acm_key_wipe;
    cln->data = page;

    return NGX_OK;
}


static void
ngx_acm_key_wipe(void *data)
{
    acm_key_wipe(data);

    (void) munmap(data, ngx_pagesize);
}


static ngx_int_t
ngx_acm_store_exists(ngx_acm_conf_t *amcf)
{
    u_char           path[NGX_MAX_PATH], *p;
    ngx_file_info_t  fi;

    p = ngx_snprintf(path, NGX_MAX_PATH - 1, "%V/data.mdb", &amcf->store);
    *p = '\0';

    return ngx_file_info(path, &fi) != NGX_FILE_ERROR
           && ngx_file_size(&fi) > 0;
}


ngx_acm_issuer_t *
ngx_acm_issuer_find(ngx_acm_conf_t *amcf, ngx_str_t *name)
{
    ngx_uint_t         i;
    ngx_acm_issuer_t  *issuer;

    issuer = amcf->issuers.elts;

    for (i = 0; i < amcf->issuers.nelts; i++) {
        if (issuer[i].name.len == name->len
            && ngx_strncmp(issuer[i].name.data, name->data, name->len) == 0)
        {
            return &issuer[i];
        }
    }

    return NULL;
}
