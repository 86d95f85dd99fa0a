
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates on demand, in the helper: asks the hook for what workers have
 * posted, and makes the record of a certificate that it allows; the engine
 * does the rest.  What to ask for, and when, is decided in acm_demand.c.
 */


#include <openssl/rand.h>

#include "ngx_acm.h"
#include "ngx_acm_curl.h"


#define NGX_ACM_DEMAND_BATCH    16           /* names fetched at a time */
#define NGX_ACM_DEMAND_TIMEOUT  5000         /* milliseconds, a hook's answer */
#define NGX_ACM_DEMAND_LOG      60           /* seconds between summaries */


typedef struct {
    acm_demand_t        *demand;             /* NULL: not started */
    ngx_acm_conf_t      *amcf;
    acm_store_t         *store;
    acm_transport_t      transport;
    acm_http_t          *asked[ACM_MAX_DEMAND_ASKED];
    void               (*ended)(void *data);
    void                *data;
    ngx_log_t           *log;
    ngx_uint_t           over_client;        /* since the last summary */
    ngx_uint_t           over_domain;
    ngx_uint_t           full;
    time_t               logged;
    unsigned             curl:1;
} ngx_acm_asker_t;


static void ngx_acm_demand_posted(ngx_acm_asker_t *a,
    ngx_acm_posted_t *posted);
static ngx_uint_t ngx_acm_demand_missing(ngx_acm_asker_t *a,
    ngx_acm_demand_t *hook, const char *name);
static ngx_uint_t ngx_acm_demand_pending(acm_snap_t *snap,
    ngx_acm_demand_t *hook, const char *name);
static ngx_uint_t ngx_acm_demand_idle(acm_snap_t *snap, const char *account,
    const char *region, const char *uuid);
static void ngx_acm_demand_summary(ngx_acm_asker_t *a);
static void ngx_acm_demand_ask(ngx_acm_asker_t *a, acm_demand_name_t *n);
static void ngx_acm_demand_send(ngx_acm_asker_t *a, ngx_acm_demand_t *hook,
    acm_demand_name_t *n);
static void ngx_acm_demand_done(acm_http_t *http);
static void ngx_acm_demand_answered(ngx_acm_asker_t *a, acm_demand_name_t *n,
    acm_demand_e answer, const char *why);
static acm_rc_t ngx_acm_demand_ensure(ngx_acm_asker_t *a,
    acm_demand_name_t *n, acm_err_t *err);
static ngx_uint_t ngx_acm_demand_orders(ngx_acm_demand_t *hook,
    const acm_cert_t *cert);
static acm_demand_e ngx_acm_demand_listed(ngx_acm_asker_t *a,
    ngx_acm_demand_t *hook, const char *name);
static void ngx_acm_demand_look(ngx_acm_asker_t *a, ngx_acm_demand_t *hook);
static ngx_int_t ngx_acm_demand_load(ngx_acm_asker_t *a,
    ngx_acm_demand_t *hook, ngx_fd_t fd, size_t size);
static void ngx_acm_demand_fault(ngx_acm_asker_t *a, ngx_acm_demand_t *hook,
    ngx_err_t e, const char *what);


/* one in a process, as the helper */

static ngx_acm_asker_t  ngx_acm_asker;


ngx_int_t
ngx_acm_demand_start(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void (*ended)(void *data), void *data,
    ngx_log_t *log)
{
    uint64_t           seed;
    ngx_uint_t         i;
    ngx_acm_asker_t   *a;
    ngx_acm_demand_t  *hook;

    a = &ngx_acm_asker;

    if (a->demand) {
        return NGX_OK;
    }

    ngx_memzero(a, sizeof(ngx_acm_asker_t));

    hook = amcf->demands.elts;

    for (i = 0; i < amcf->demands.nelts && !a->curl; i++) {

        if (hook[i].url.len == 0) {
            continue;
        }

        if (ngx_acm_curl_init(&a->transport, wake, data, log) != NGX_OK) {
            return NGX_ERROR;
        }

        a->curl = 1;
    }

    if (RAND_bytes((u_char *) &seed, sizeof(uint64_t)) == 1) {
        a->demand = acm_demand_new(seed);
    }

    if (a->demand == NULL) {
        ngx_acm_demand_stop();
        return NGX_ERROR;
    }

    a->amcf = amcf;
    a->store = store;
    a->ended = ended;
    a->data = data;
    a->log = log;

    return NGX_OK;
}


void
ngx_acm_demand_stop(void)
{
    ngx_uint_t         i;
    ngx_acm_asker_t   *a;
    ngx_acm_demand_t  *hook;

    a = &ngx_acm_asker;

    for (i = 0; i < ACM_MAX_DEMAND_ASKED; i++) {
        if (a->asked[i]) {
            a->transport.cancel(a->transport.data, a->asked[i]);
            acm_http_free(a->asked[i]);
            a->asked[i] = NULL;
        }
    }

    if (a->curl) {
        ngx_acm_curl_done();
        a->curl = 0;
    }

    if (a->amcf) {
        hook = a->amcf->demands.elts;

        for (i = 0; i < a->amcf->demands.nelts; i++) {
            acm_demand_list_free(&hook[i].list);
            hook[i].loaded = 0;
        }
    }

    acm_demand_free(a->demand);
    a->demand = NULL;
}


void
ngx_acm_demand_run(ngx_log_t *log)
{
    ngx_uint_t          i, n, total;
    ngx_acm_asker_t    *a;
    ngx_acm_demand_t   *hook;
    ngx_acm_posted_t    posted[NGX_ACM_DEMAND_BATCH];
    acm_demand_name_t  *name;

    a = &ngx_acm_asker;

    if (a->demand == NULL) {
        return;
    }

    hook = a->amcf->demands.elts;

    for (i = 0; i < a->amcf->demands.nelts; i++) {
        if (hook[i].path.len) {
            ngx_acm_demand_look(a, &hook[i]);
        }
    }

    /* workers may go on posting: no more than was there */

    for (total = 0; total < NGX_ACM_DEMANDS; total += n) {

        n = ngx_acm_demand_fetch(a->amcf, posted, NGX_ACM_DEMAND_BATCH);

        if (n == 0) {
            break;
        }

        for (i = 0; i < n; i++) {
            ngx_acm_demand_posted(a, &posted[i]);
        }
    }

    for ( ;; ) {
        name = acm_demand_next(a->demand);

        if (name == NULL) {
            break;
        }

        ngx_acm_demand_ask(a, name);
    }

    ngx_acm_demand_summary(a);
}


static void
ngx_acm_demand_posted(ngx_acm_asker_t *a, ngx_acm_posted_t *posted)
{
    int64_t            now;
    ngx_acm_demand_t  *hook;
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(a->amcf);
    hook = ngx_acm_demand_find(a->amcf, posted->hook);
    now = acm_ticks() / 1000;

    if (hook == NULL) {
        /* a worker of a configuration before this one */
        (void) ngx_atomic_fetch_add(&shared->demand_dropped, 1);
        return;
    }

    switch (acm_demand_known(a->demand, hook->id, posted->name, now)) {

    case ACM_DEMAND_NEW:
    case ACM_DEMAND_YES:
        break;

    default:
        return;
    }

    if (!ngx_acm_demand_missing(a, hook, posted->name)) {
        return;
    }

    switch (acm_demand_take(a->demand, hook->id, posted->name, posted->addr,
                            posted->addr_len, now))
    {

    case ACM_DEMAND_OVER_CLIENT:
        a->over_client++;
        (void) ngx_atomic_fetch_add(&shared->demand_refused, 1);
        break;

    case ACM_DEMAND_OVER_DOMAIN:
        a->over_domain++;
        (void) ngx_atomic_fetch_add(&shared->demand_refused, 1);
        break;

    case ACM_DEMAND_FULL:
        a->full++;
        (void) ngx_atomic_fetch_add(&shared->demand_dropped, 1);
        break;

    default:
        break;
    }
}


/* Whether nothing serves the name, and nothing is about to. */

static ngx_uint_t
ngx_acm_demand_missing(ngx_acm_asker_t *a, ngx_acm_demand_t *hook,
    const char *name)
{
    int64_t          now;
    acm_err_t        err;
    acm_rc_t         rc;
    acm_snap_t      *snap;
    ngx_uint_t       missing;
    acm_found_t      found;
    acm_request_t   *req;
    acm_name_rec_t  *rec;

    now = acm_now();
    req = &hook->requests[0];

    if (acm_store_begin(a->store, &snap, &err) != ACM_OK) {
        return 0;
    }

    rc = acm_find_name(snap, name, now, &found);

    if (rc == ACM_OK) {

        /* of an expired one it depends on whether anybody renews it */

        rec = (found.ec.key != ACM_KEY_NONE) ? &found.ec : &found.rsa;

        missing = (found.ec.key == ACM_KEY_NONE || found.ec.not_after <= now)
                  && (found.rsa.key == ACM_KEY_NONE
                      || found.rsa.not_after <= now)
                  && ngx_acm_demand_idle(snap, req->account, req->region,
                                         rec->uuid);

    } else {
        missing = (rc == ACM_NOTFOUND);
    }

    if (missing) {
        missing = !ngx_acm_demand_pending(snap, hook, name);
    }

    acm_store_end(snap);

    return missing;
}


static ngx_uint_t
ngx_acm_demand_pending(acm_snap_t *snap, ngx_acm_demand_t *hook,
    const char *name)
{
    char           *names[1];
    uint8_t         identity[ACM_HASH_LEN];
    acm_ref_t       ref;
    acm_entry_t     entry;
    acm_request_t   req;

    names[0] = (char *) name;

    req = hook->requests[0];
    req.names = names;
    req.nnames = 1;

    acm_request_identity(&req, identity);

    return acm_store_get(snap, ACM_DB_IDENTITY, identity, ACM_HASH_LEN,
                         &entry)
           == ACM_OK
           && acm_ref_decode(entry.data, entry.len, &ref) == ACM_OK
           && !ngx_acm_demand_idle(snap, ref.account, ref.region, ref.uuid);
}


/* Nothing but an end lies before it. */

static ngx_uint_t
ngx_acm_demand_idle(acm_snap_t *snap, const char *account,
    const char *region, const char *uuid)
{
    acm_rc_t    rc;
    acm_cert_t  cert;
    ngx_uint_t  idle;

    ngx_memzero(&cert, sizeof(acm_cert_t));

    rc = acm_cert_get(snap, account, region, uuid, &cert, NULL);

    if (rc != ACM_OK) {
        return 0;
    }

    idle = cert.type != ACM_TYPE_IMPORTED
           && (cert.due == ACM_DUE_NONE || cert.due == ACM_DUE_EXPIRE);

    acm_cert_free(&cert);

    return idle;
}


/* A flood is told of once a minute. */

static void
ngx_acm_demand_summary(ngx_acm_asker_t *a)
{
    if (a->over_client + a->over_domain + a->full == 0
        || (a->logged && ngx_time() - a->logged < NGX_ACM_DEMAND_LOG))
    {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, a->log, 0,
                  "acm: on demand: names refused without asking: %ui over "
                  "the %d in %d s of a client's network, %ui over the %d in "
                  "%d s of a registered domain, %ui dropped",
                  a->over_client, ACM_DEMAND_PER_CLIENT,
                  ACM_DEMAND_CLIENT_TIME, a->over_domain,
                  ACM_DEMAND_PER_DOMAIN, ACM_DEMAND_DOMAIN_TIME, a->full);

    a->over_client = 0;
    a->over_domain = 0;
    a->full = 0;
    a->logged = ngx_time();
}


static void
ngx_acm_demand_ask(ngx_acm_asker_t *a, acm_demand_name_t *n)
{
    acm_demand_e       answer;
    ngx_acm_demand_t  *hook;

    (void) ngx_atomic_fetch_add(&ngx_acm_shared(a->amcf)->demand_asked, 1);

    ngx_log_error(NGX_LOG_INFO, a->log, 0,
                  "acm: on demand: \"%s\" asked for%s%s%s", n->name,
                  n->ip[0] ? " by client " : "", n->ip,
                  n->renewal ? ", to be renewed" : "");

    hook = ngx_acm_demand_find(a->amcf, n->hook);

    if (hook->url.len) {
        ngx_acm_demand_send(a, hook, n);
        return;
    }

    answer = ngx_acm_demand_listed(a, hook, n->name);

    ngx_acm_demand_answered(a, n, answer,
                            answer == ACM_DEMAND_NO
                            ? "it is not in the \"on_demand\" file"
                            : "the \"on_demand\" file cannot be read");
}


static void
ngx_acm_demand_send(ngx_acm_asker_t *a, ngx_acm_demand_t *hook,
    acm_demand_name_t *n)
{
    u_char       url[ACM_MAX_URL + 1], *p;
    acm_err_t    err;
    ngx_uint_t   i;
    acm_http_t  *http;

    for (i = 0; a->asked[i]; i++) {
        /* void: as many are asked at most */
    }

    p = ngx_snprintf(url, ACM_MAX_URL, "%V%sdomain=%s%s%s", &hook->url,
                     ngx_strlchr(hook->url.data,
                                 hook->url.data + hook->url.len, '?')
                     ? "&" : "?", n->name, n->ip[0] ? "&ip=" : "", n->ip);
    *p = '\0';

    http = acm_http_new(ACM_HTTP_GET, (char *) url);

    if (http == NULL) {
        ngx_acm_demand_answered(a, n, ACM_DEMAND_NOT_NOW, "no memory");
        return;
    }

    http->done = ngx_acm_demand_done;
    http->data = n;
    http->timeout = NGX_ACM_DEMAND_TIMEOUT;

    if (a->transport.send(a->transport.data, http, &err) != ACM_OK) {
        acm_http_free(http);
        ngx_acm_demand_answered(a, n, ACM_DEMAND_NOT_NOW, err.text);
        return;
    }

    a->asked[i] = http;
}


static void
ngx_acm_demand_done(acm_http_t *http)
{
    u_char            why[ACM_MAX_ERROR], *p;
    ngx_uint_t        i;
    acm_demand_e      answer;
    ngx_acm_asker_t  *a;

    a = &ngx_acm_asker;

    for (i = 0; a->asked[i] != http; i++) {
        /* void */
    }

    a->asked[i] = NULL;

    answer = ACM_DEMAND_NOT_NOW;

    if (http->rc == ACM_OK && http->status >= 200 && http->status < 300) {
        answer = ACM_DEMAND_YES;

    } else if (http->rc == ACM_OK && http->status >= 400
               && http->status < 500)
    {
        answer = ACM_DEMAND_NO;
    }

    if (http->rc == ACM_OK) {
        p = ngx_snprintf(why, sizeof(why) - 1, "the hook answered %d",
                         http->status);

    } else {
        p = ngx_snprintf(why, sizeof(why) - 1, "%s", http->why.text);
    }

    *p = '\0';

    ngx_acm_demand_answered(a, http->data, answer, (char *) why);

    acm_http_free(http);
}


static void
ngx_acm_demand_answered(ngx_acm_asker_t *a, acm_demand_name_t *n,
    acm_demand_e answer, const char *why)
{
    acm_err_t          err;
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(a->amcf);
    err.text[0] = '\0';

    /* a certificate that is to be renewed has its record */

    if (answer == ACM_DEMAND_YES && n->wanted
        && ngx_acm_demand_ensure(a, n, &err) != ACM_OK)
    {
        answer = ACM_DEMAND_NOT_NOW;
        why = err.text;
    }

    switch (answer) {

    case ACM_DEMAND_YES:
        (void) ngx_atomic_fetch_add(&shared->demand_accepted, 1);

        ngx_log_error(NGX_LOG_NOTICE, a->log, 0,
                      "acm: on demand: \"%s\" accepted%s", n->name,
                      n->renewal ? ", to be renewed" : "");
        break;

    case ACM_DEMAND_NO:
        (void) ngx_atomic_fetch_add(&shared->demand_refused, 1);

        ngx_log_error(NGX_LOG_NOTICE, a->log, 0,
                      "acm: on demand: \"%s\" refused: %s", n->name, why);
        break;

    default:
        ngx_log_error(NGX_LOG_WARN, a->log, 0,
                      "acm: on demand: \"%s\" not now: %s", n->name, why);
        break;
    }

    acm_demand_answer(a->demand, n, answer, acm_ticks() / 1000);

    /* the engine has something to do, or may go on */

    if (answer == ACM_DEMAND_YES || n->renewal) {
        a->ended(a->data);
    }
}


static acm_rc_t
ngx_acm_demand_ensure(ngx_acm_asker_t *a, acm_demand_name_t *n,
    acm_err_t *err)
{
    char               uuid[ACM_UUID_LEN + 1], *names[1];
    acm_rc_t           rc;
    ngx_uint_t         i;
    acm_request_t      req;
    ngx_acm_demand_t  *hook;

    hook = ngx_acm_demand_find(a->amcf, n->hook);
    names[0] = n->name;
    rc = ACM_OK;

    for (i = 0; rc == ACM_OK && i < hook->nrequests; i++) {
        req = hook->requests[i];
        req.names = names;
        req.nnames = 1;

        rc = acm_certificate_ensure(a->store, &req, acm_now(), uuid, err);

        if (rc == ACM_CONFLICT) {
            rc = ACM_OK;
        }
    }

    return rc;
}


/*
 * One of the hooks must allow it whose servers would order the same; or of
 * all, if there is no such server any more.
 */

acm_demand_e
ngx_acm_demand_renew(void *data, const acm_cert_t *cert, int64_t now,
    int64_t *at)
{
    int64_t            wait, soonest;
    ngx_uint_t         i, all;
    acm_demand_e       rc, answer;
    ngx_acm_asker_t   *a;
    ngx_acm_demand_t  *hook;

    a = &ngx_acm_asker;

    if (a->demand == NULL) {
        return ACM_DEMAND_WAIT;
    }

    hook = a->amcf->demands.elts;
    all = 1;

    for (i = 0; i < a->amcf->demands.nelts; i++) {
        if (ngx_acm_demand_orders(&hook[i], cert)) {
            all = 0;
            break;
        }
    }

    answer = ACM_DEMAND_NO;
    soonest = INT64_MAX;

    for (i = 0; i < a->amcf->demands.nelts; i++) {

        if (!all && !ngx_acm_demand_orders(&hook[i], cert)) {
            continue;
        }

        rc = acm_demand_renew(a->demand, hook[i].id, cert->domain,
                              acm_ticks() / 1000, &wait);

        if (rc == ACM_DEMAND_YES) {
            return rc;
        }

        if (rc == ACM_DEMAND_NOT_NOW && answer != ACM_DEMAND_WAIT) {
            answer = rc;
            soonest = ngx_min(soonest, wait);
        }

        if (rc == ACM_DEMAND_WAIT) {
            answer = rc;
        }
    }

    *at = acm_add_sat(now, soonest);

    return answer;
}


static ngx_uint_t
ngx_acm_demand_orders(ngx_acm_demand_t *hook, const acm_cert_t *cert)
{
    uint8_t        identity[ACM_HASH_LEN];
    ngx_uint_t     i;
    acm_request_t  req;

    for (i = 0; i < hook->nrequests; i++) {
        req = hook->requests[i];
        req.names = cert->names;
        req.nnames = cert->nnames;

        acm_request_identity(&req, identity);

        if (ngx_memcmp(identity, cert->identity, ACM_HASH_LEN) == 0) {
            return 1;
        }
    }

    return 0;
}


static acm_demand_e
ngx_acm_demand_listed(ngx_acm_asker_t *a, ngx_acm_demand_t *hook,
    const char *name)
{
    if (!hook->loaded) {
        return ACM_DEMAND_NOT_NOW;
    }

    return acm_demand_list_has(&hook->list, name) ? ACM_DEMAND_YES
                                                  : ACM_DEMAND_NO;
}


/* Reads the file when it is another one, and looks once a second. */

static void
ngx_acm_demand_look(ngx_acm_asker_t *a, ngx_acm_demand_t *hook)
{
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    if (hook->looked == ngx_time()) {
        return;
    }

    hook->looked = ngx_time();

    if (ngx_file_info(hook->path.data, &fi) == NGX_FILE_ERROR) {
        ngx_acm_demand_fault(a, hook, ngx_errno, "cannot be found");
        return;
    }

    if (hook->loaded && hook->uniq == ngx_file_uniq(&fi)
        && hook->size == ngx_file_size(&fi)
        && hook->mtime.tv_sec == fi.st_mtim.tv_sec
        && hook->mtime.tv_nsec == fi.st_mtim.tv_nsec)
    {
        return;
    }

    if (!ngx_is_file(&fi) || ngx_file_size(&fi) > ACM_MAX_DEMAND_FILE) {
        ngx_acm_demand_fault(a, hook, EFBIG, "is too big, or no file");
        return;
    }

    fd = ngx_open_file(hook->path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_acm_demand_fault(a, hook, ngx_errno, "cannot be opened");
        return;
    }

    if (ngx_acm_demand_load(a, hook, fd, ngx_file_size(&fi)) == NGX_OK) {
        hook->uniq = ngx_file_uniq(&fi);
        hook->size = ngx_file_size(&fi);
        hook->mtime = fi.st_mtim;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, a->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &hook->path);
    }
}


static ngx_int_t
ngx_acm_demand_load(ngx_acm_asker_t *a, ngx_acm_demand_t *hook, ngx_fd_t fd,
    size_t size)
{
    char               *text;
    ssize_t             n;
    acm_rc_t            rc;
    acm_err_t           err;
    acm_demand_list_t   list;

    text = ngx_alloc(size + 1, a->log);
    if (text == NULL) {
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, text, size);

    if (n < 0) {
        ngx_free(text);
        ngx_acm_demand_fault(a, hook, ngx_errno, "cannot be read");
        return NGX_ERROR;
    }

    rc = acm_demand_list_parse(&list, text, n, &err);

    ngx_free(text);

    if (rc != ACM_OK) {
        return NGX_ERROR;
    }

    acm_demand_list_free(&hook->list);

    hook->list = list;
    hook->loaded = 1;
    hook->fault = 0;

    acm_demand_forget(a->demand, hook->id);

    ngx_log_error(NGX_LOG_NOTICE, a->log, 0,
                  "acm: on demand: file \"%V\" read: %uz names", &hook->path,
                  list.nnames);

    if (list.bad) {
        ngx_log_error(NGX_LOG_WARN, a->log, 0,
                      "acm: on demand: %uz lines of \"%V\" are no names, the "
                      "first in line %uz: %s", list.bad, &hook->path,
                      list.bad_line, err.text);
    }

    return NGX_OK;
}


/* What was read before is not good any longer; told once. */

static void
ngx_acm_demand_fault(ngx_acm_asker_t *a, ngx_acm_demand_t *hook, ngx_err_t e,
    const char *what)
{
    acm_demand_list_free(&hook->list);
    hook->loaded = 0;

    if (hook->fault == e) {
        return;
    }

    hook->fault = e;

    ngx_log_error(NGX_LOG_ERR, a->log, e,
                  "acm: on demand: file \"%V\" %s: no name is allowed until "
                  "the helper can read it", &hook->path, what);
}
