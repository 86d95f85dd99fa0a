
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates on demand: names on their way from workers to the helper, by
 * a ring in shared memory.  Its mutex is the zone's, which nginx opens again
 * if a process dies with it.
 */


#include "ngx_acm.h"


#define NGX_ACM_DAMPERS      256             /* names, each worker */
#define NGX_ACM_DAMPER_TIME  1000            /* milliseconds */


typedef struct {
    uint64_t           hook;
    ngx_msec_t         time;
    char               name[ACM_MAX_NAME + 1];
} ngx_acm_damper_t;


static size_t ngx_acm_demand_addr(ngx_connection_t *c, u_char *addr);


static ngx_acm_damper_t  ngx_acm_dampers[NGX_ACM_DAMPERS];


void
ngx_acm_demand_post(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    const char *name, ngx_connection_t *c)
{
    size_t             len;
    uint32_t           hash;
    ngx_uint_t         n;
    ngx_slab_pool_t   *shpool;
    ngx_acm_damper_t  *damper;
    ngx_acm_shared_t  *shared;
    ngx_acm_posted_t  *posted;

    len = ngx_strlen(name);
    hash = ngx_murmur_hash2((u_char *) name, len);
    damper = &ngx_acm_dampers[hash % NGX_ACM_DAMPERS];

    if (damper->hook == want->hook
        && ngx_current_msec - damper->time < NGX_ACM_DAMPER_TIME
        && ngx_strcmp(damper->name, name) == 0)
    {
        return;
    }

    if (!acm_demand_name_ok(name)) {
        return;
    }

    shared = ngx_acm_shared(amcf);
    shpool = (ngx_slab_pool_t *) amcf->zone->shm.addr;

    /* a handshake waits for nobody: the client's next one posts it */

    if (shared->nposted == NGX_ACM_DEMANDS
        || !ngx_shmtx_trylock(&shpool->mutex))
    {
        (void) ngx_atomic_fetch_add(&shared->demand_dropped, 1);
        return;
    }

    n = shared->nposted;

    if (n < NGX_ACM_DEMANDS) {
        posted = &shared->posted[(shared->first_posted + n)
                                 % NGX_ACM_DEMANDS];

        posted->hook = want->hook;
        posted->addr_len = ngx_acm_demand_addr(c, posted->addr);
        ngx_memcpy(posted->name, name, len + 1);

        shared->nposted = n + 1;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    if (n == NGX_ACM_DEMANDS) {
        (void) ngx_atomic_fetch_add(&shared->demand_dropped, 1);
        return;
    }

    damper->hook = want->hook;
    damper->time = ngx_current_msec;
    ngx_memcpy(damper->name, name, len + 1);

    /* for the others before it, it has been rung already */

    if (n == 0) {
        ngx_acm_ring(amcf, c->log);
    }
}


static size_t
ngx_acm_demand_addr(ngx_connection_t *c, u_char *addr)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (c->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) c->sockaddr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            ngx_memcpy(addr, &sin6->sin6_addr.s6_addr[12], 4);
            return 4;
        }

        ngx_memcpy(addr, &sin6->sin6_addr, 16);
        return 16;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) c->sockaddr;
        ngx_memcpy(addr, &sin->sin_addr, 4);
        return 4;
    }

    return 0;
}


ngx_uint_t
ngx_acm_demand_fetch(ngx_acm_conf_t *amcf, ngx_acm_posted_t *posted,
    ngx_uint_t n)
{
    ngx_uint_t         i;
    ngx_slab_pool_t   *shpool;
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(amcf);
    shpool = (ngx_slab_pool_t *) amcf->zone->shm.addr;

    if (shared->nposted == 0) {
        return 0;
    }

    ngx_shmtx_lock(&shpool->mutex);

    n = ngx_min(n, shared->nposted);

    for (i = 0; i < n; i++) {
        posted[i] = shared->posted[shared->first_posted];

        shared->first_posted = (shared->first_posted + 1) % NGX_ACM_DEMANDS;
        shared->nposted--;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return n;
}
