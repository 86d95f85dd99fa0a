
/*
 * Copyright (C) The ngx_acm authors
 *
 * The helper keeps in memory what handshakes read of the store: it may wait
 * for the disk, a worker should not.  In its own time, between other things,
 * and told of in shared memory.
 */


#include "ngx_acm.h"


#define NGX_ACM_RESIDENT_PAUSE  5            /* ms between steps: what is read
                                                meanwhile is 200 MB a second */
#define NGX_ACM_RESIDENT_REST   1000         /* ms between looks at the time */
#define NGX_ACM_RESIDENT_RETRY  60000        /* ms after a fault */


typedef struct {
    ngx_connection_t           dumb;         /* what the timer's log reads */
    ngx_event_t                timer;
    acm_resident_t             resident;
    ngx_acm_conf_t            *amcf;         /* what it was set up for */
    acm_warm_t                *list;         /* of this round, or NULL */
    uint16_t                   order[ACM_WARM_NAMES];
    size_t                     n;
    uint64_t                   reads;        /* that were told of */
} ngx_acm_keeper_t;


static void ngx_acm_resident_timer(ngx_event_t *ev);
static ngx_msec_t ngx_acm_resident_step(ngx_acm_keeper_t *k, ngx_log_t *log);
static acm_rc_t ngx_acm_resident_hot(void *data, acm_snap_t *snap, size_t i,
    acm_found_t *found);
static void ngx_acm_resident_tell(ngx_acm_keeper_t *k);


/* of the helper */

static ngx_acm_keeper_t  ngx_acm_keeper;


void
ngx_acm_resident_run(ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    ngx_acm_keeper_t  *k;

    k = &ngx_acm_keeper;

    /* without a process of its own it would be the worker that waits */

    if (amcf->resident == 0 || ngx_process == NGX_PROCESS_SINGLE
        || k->amcf == amcf)
    {
        return;
    }

    k->amcf = amcf;
    acm_resident_init(&k->resident, (uint64_t) amcf->resident,
                      ngx_acm_resident_hot, k);

    k->dumb.fd = (ngx_socket_t) -1;
    k->timer.handler = ngx_acm_resident_timer;
    k->timer.data = &k->dumb;
    k->timer.log = log;
    k->timer.cancelable = 1;

    ngx_add_timer(&k->timer, 1);
}


static void
ngx_acm_resident_timer(ngx_event_t *ev)
{
    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    ngx_add_timer(ev, ngx_acm_resident_step(&ngx_acm_keeper, ev->log));
}


static ngx_msec_t
ngx_acm_resident_step(ngx_acm_keeper_t *k, ngx_log_t *log)
{
    int             more;
    acm_rc_t        rc;
    acm_err_t       err;
    acm_store_t    *store;
    acm_keyring_t  *ring;

    if (ngx_acm_open(k->amcf, 0, &store, &ring, log) != NGX_OK) {
        return NGX_ACM_RESIDENT_REST;
    }

    err.text[0] = '\0';
    rc = acm_resident_step(&k->resident, store, acm_ticks(), &more, &err);

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: the store is not kept in memory: %s", err.text);
        return NGX_ACM_RESIDENT_RETRY;
    }

    if (more) {
        return NGX_ACM_RESIDENT_PAUSE;
    }

    ngx_acm_resident_tell(k);

    return NGX_ACM_RESIDENT_REST;
}


/* The list is that of the beginning of a round. */

static acm_rc_t
ngx_acm_resident_hot(void *data, acm_snap_t *snap, size_t i,
    acm_found_t *found)
{
    ngx_acm_keeper_t  *k = data;

    if (i == 0) {
        ngx_free(k->list);
        k->list = ngx_alloc(sizeof(acm_warm_t), k->timer.log);

        k->n = (k->list && ngx_acm_warm_copy(k->amcf, k->list) == NGX_OK)
               ? acm_warm_order(k->list, k->order) : 0;
    }

    if (i >= k->n) {
        ngx_free(k->list);
        k->list = NULL;
        k->n = 0;
        return ACM_BUSY;
    }

    return ngx_acm_warm_find(k->amcf, &k->list->names[k->order[i]], snap,
                             found);
}


static void
ngx_acm_resident_tell(ngx_acm_keeper_t *k)
{
    acm_resident_stat_t  *stat;
    ngx_acm_resident_t   *told;

    stat = &k->resident.stat;
    told = &ngx_acm_shared(k->amcf)->resident;

    told->store = (ngx_atomic_uint_t) stat->store;
    told->resident = (ngx_atomic_uint_t) stat->resident;
    told->wanted = (ngx_atomic_uint_t) stat->wanted;
    told->kept = (ngx_atomic_uint_t) stat->kept;
    told->reads += (ngx_atomic_uint_t) (stat->reads - k->reads);
    told->rounds = (ngx_atomic_uint_t) stat->rounds;

    k->reads = stat->reads;
}


char *
ngx_acm_resident_parameter(ngx_conf_t *cf, ngx_acm_conf_t *amcf,
    ngx_str_t *value)
{
    ngx_str_t  size;

    if (ngx_strncmp(value->data, "resident=", 9) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": use \"size=\" and "
                           "\"resident=\"", value);
        return NGX_CONF_ERROR;
    }

    if (amcf->resident != NGX_CONF_UNSET) {
        return "has \"resident\" twice";
    }

    size.data = value->data + 9;
    size.len = value->len - 9;

    if (size.len == 3 && ngx_strncmp(size.data, "off", 3) == 0) {
        amcf->resident = 0;
        return NGX_CONF_OK;
    }

    amcf->resident = ngx_parse_offset(&size);

    if (amcf->resident < NGX_ACM_RESIDENT_LEAST
        || amcf->resident > NGX_ACM_RESIDENT_MOST)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" to keep in memory: use 1m to "
                           "1024g, or \"off\"", &size);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
