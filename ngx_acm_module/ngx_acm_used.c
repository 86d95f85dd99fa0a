
/*
 * Copyright (C) The ngx_acm authors
 *
 * Which certificates are served: workers note it in shared memory, each
 * certificate once an hour at most for each server with "sni", and the helper
 * takes the notes to the store.  A note that is lost costs nothing but a
 * sample.
 */


#include "ngx_acm.h"


#define NGX_ACM_USED_PROBES   8
#define NGX_ACM_USED_EVERY    3600           /* seconds between two notes */
#define NGX_ACM_USED_LIFE     20             /* or this part of its life */
#define NGX_ACM_USED_RETRY    5              /* seconds, the table is full */
#define NGX_ACM_USED_DRAIN    60             /* seconds */
#define NGX_ACM_USED_PART     4              /* or this part of "unused" and
                                                "api_in_use" */


static ngx_int_t ngx_acm_used_put(ngx_acm_shared_t *shared, u_char *id,
    uint64_t server, uint32_t count);
static ngx_atomic_uint_t ngx_acm_used_check(u_char *id, uint64_t server);
static time_t ngx_acm_used_part(ngx_acm_conf_t *amcf, time_t most);
static ngx_uint_t ngx_acm_used_take(ngx_acm_used_t *slot,
    acm_used_note_t *note);


/* of the helper, which is one in a process: where in the table it is; 0: at
   rest */

static ngx_uint_t  ngx_acm_used_place;


char *
ngx_acm_unused(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_str_t  *value;

    if (amcf->unused != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        amcf->unused = 0;
        return NGX_CONF_OK;
    }

    amcf->unused = ngx_parse_time(&value[1], 1);

    if (amcf->unused == (time_t) NGX_ERROR || amcf->unused == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\": use a time like \"90d\", or "
                           "\"off\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


void
ngx_acm_used_note(ngx_acm_conf_t *amcf, ngx_acm_material_t *m,
    ngx_acm_want_t *want, ngx_uint_t server)
{
    u_char      id[16], *p;
    time_t      every, now;
    ngx_int_t   n;
    ngx_uint_t  i;

    /* the key is the text of the UUID first */

    p = m->key;

    for (i = 0; i < 16; i++) {
        p += (*p == '-');
        n = ngx_hextoi(p, 2);
        id[i] = (u_char) n;
        p += 2;
    }

    n = ngx_acm_used_put(ngx_acm_shared(amcf), id, want->server, m->served);

    if (n == NGX_OK) {
        m->served = 0;
        m->seen = want->bit | (server ? m->seen : 0);
    }

    if (server) {
        return;
    }

    now = ngx_time();
    every = ngx_min(m->life / NGX_ACM_USED_LIFE, NGX_ACM_USED_EVERY);
    every = ngx_acm_used_part(amcf, every);

    if (n != NGX_OK) {
        every = ngx_min(every, NGX_ACM_USED_RETRY);
    }

    m->noted = now;
    m->note_every = (ngx_uint_t) every;
}


/* NGX_DECLINED: others are in all the places where it may be. */

static ngx_int_t
ngx_acm_used_put(ngx_acm_shared_t *shared, u_char *id, uint64_t server,
    uint32_t count)
{
    ngx_uint_t          i;
    ngx_acm_used_t     *slot, *free;
    ngx_atomic_uint_t   check;

    free = NULL;
    check = ngx_acm_used_check(id, server);

    for (i = 0; i < NGX_ACM_USED_PROBES; i++) {
        slot = &shared->used[(check + i) % NGX_ACM_USED];

        if (slot->check == check && slot->server == server
            && ngx_memcmp(slot->id, id, 16) == 0)
        {
            slot->time = (ngx_atomic_uint_t) ngx_time();
            (void) ngx_atomic_fetch_add(&slot->count, count);
            return NGX_OK;
        }

        if (free == NULL && slot->check == 0) {
            free = slot;
        }
    }

    if (free == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(free->id, id, 16);
    free->server = server;
    free->time = (ngx_atomic_uint_t) ngx_time();
    free->count = count;

    ngx_memory_barrier();

    free->check = check;

    return NGX_OK;
}


static ngx_atomic_uint_t
ngx_acm_used_check(u_char *id, uint64_t server)
{
    ngx_atomic_uint_t  check;

    check = ngx_murmur_hash2(id, 16)
            ^ ngx_murmur_hash2((u_char *) &server, sizeof(uint64_t));

    return check ? check : 1;
}


/* What is noted must be in the store well before it counts as unused, or no
   more as in use. */

static time_t
ngx_acm_used_part(ngx_acm_conf_t *amcf, time_t most)
{
    if (amcf->unused) {
        most = ngx_min(most, amcf->unused / NGX_ACM_USED_PART);
    }

    if (amcf->in_use) {
        most = ngx_min(most, amcf->in_use / NGX_ACM_USED_PART);
    }

    return ngx_max(most, 1);
}


void
ngx_acm_used_run(ngx_acm_conf_t *amcf, acm_engine_t *engine, ngx_log_t *log)
{
    time_t             now, wait, next;
    acm_rc_t           rc;
    acm_err_t          err;
    ngx_uint_t         n, *place;
    ngx_acm_shared_t  *shared;

    static acm_used_note_t  notes[ACM_MAX_NOTES];

    place = &ngx_acm_used_place;
    shared = ngx_acm_shared(amcf);
    now = ngx_time();

    /* what is served is noted again within this time after a start */

    wait = 2 * (NGX_ACM_USED_EVERY + NGX_ACM_USED_DRAIN);
    wait = ngx_min(wait, amcf->unused);

    engine->unused = (now - (time_t) shared->used_since >= wait)
                     ? amcf->unused : 0;

    wait = ngx_acm_used_part(amcf, NGX_ACM_USED_DRAIN);

    /* a helper that follows another one goes on when that would have: with a
       reload there is enough to do */

    next = (time_t) shared->used_next;

    if (*place == 0 && now < next && next - now <= wait) {
        return;
    }

    /* a batch at a time: orders and what is due do not wait for it */

    for (n = 0; n < ACM_MAX_NOTES && *place < NGX_ACM_USED; (*place)++) {
        n += ngx_acm_used_take(&shared->used[*place], &notes[n]);
    }

    if (*place == NGX_ACM_USED) {
        *place = 0;
        shared->used_next = (ngx_atomic_uint_t) (now + wait);
    }

    if (n == 0) {
        return;
    }

    err.text[0] = '\0';
    rc = acm_engine_served(engine, notes, n, now, &err);

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: which %ui certificates were served is lost: %s: "
                      "%s", n, acm_rc_text(rc), err.text);
    }
}


/* 1: note is filled in. */

static ngx_uint_t
ngx_acm_used_take(ngx_acm_used_t *slot, acm_used_note_t *note)
{
    u_char              id[16], text[32], *p;
    ngx_uint_t          i;
    ngx_atomic_uint_t   check;

    check = slot->check;

    if (check == 0) {
        return 0;
    }

    ngx_memory_barrier();

    ngx_memcpy(id, slot->id, 16);
    note->at = (int64_t) slot->time;
    note->count = (uint32_t) slot->count;
    note->server = slot->server;

    if (!ngx_atomic_cmp_set(&slot->check, check, 0)
        || ngx_acm_used_check(id, note->server) != check)
    {
        return 0;
    }

    (void) ngx_hex_dump(text, id, 16);

    p = (u_char *) note->uuid;

    for (i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) {
            *p++ = '-';
        }

        *p++ = text[i];
    }

    *p = '\0';

    return 1;
}
