
/*
 * Copyright (C) The ngx_acm authors
 *
 * Who uses a certificate: servers whose configuration names it, and servers
 * that take what is there for a name, and had it not long ago.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acm_api_impl.h"
#include "acm_certificate.h"
#include "acm_used.h"


static int acm_server_order(const void *a, const void *b);
static int acm_server_kind(const acm_api_server_t *server);
static const acm_api_server_t *acm_server_first(const acm_api_conf_t *conf,
    const acm_api_server_t *like);
static int acm_use_all(const acm_api_t *api, const acm_cert_t *cert,
    json_t *list);
static int acm_use_like(const acm_api_t *api, const acm_cert_t *cert,
    const acm_api_server_t *like, json_t *list);
static int acm_use_add(json_t *list, const acm_cert_t *cert,
    const char *name);
static int acm_use_served(const acm_api_t *api, acm_snap_t *snap,
    const acm_cert_t *cert, json_t *list);
static int acm_use_is_best(acm_snap_t *snap, const acm_cert_t *cert,
    int64_t now);


void
acm_api_servers_sort(acm_api_server_t *servers, size_t n)
{
    qsort(servers, n, sizeof(acm_api_server_t), acm_server_order);
}


/* By what they use; those that use the same in the order of their names. */

static int
acm_server_order(const void *a, const void *b)
{
    int                      order;
    const acm_api_server_t  *s, *t;

    s = a;
    t = b;
    order = acm_server_kind(s) - acm_server_kind(t);

    if (order == 0) {
        order = strcmp(s->uuid, t->uuid);
    }

    if (order == 0) {
        order = (s->id > t->id) - (s->id < t->id);
    }

    if (order == 0) {
        order = memcmp(s->identity, t->identity, ACM_HASH_LEN);
    }

    return (order != 0 || s->name == NULL || t->name == NULL)
           ? order : strcmp(s->name, t->name);
}


static int
acm_server_kind(const acm_api_server_t *server)
{
    return (server->uuid[0] != '\0') ? 0 : (server->id != 0) ? 1 : 2;
}


/* The first that uses the same; like has no name.  Or NULL. */

static const acm_api_server_t *
acm_server_first(const acm_api_conf_t *conf, const acm_api_server_t *like)
{
    size_t                   high, low, middle;
    const acm_api_server_t  *s;

    low = 0;
    high = conf->nservers;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (acm_server_order(&conf->servers[middle], like) < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    if (low == conf->nservers) {
        return NULL;
    }

    s = &conf->servers[low];

    return (acm_server_order(s, like) == 0) ? s : NULL;
}


int
acm_api_in_use(const acm_api_t *api, const acm_cert_t *cert)
{
    return acm_use_all(api, cert, NULL) > 0;
}


json_t *
acm_api_in_use_by(const acm_api_t *api, const acm_cert_t *cert)
{
    json_t  *list;

    list = json_array();

    if (list != NULL && acm_use_all(api, cert, list) < 0) {
        json_decref(list);
        return NULL;
    }

    return list;
}


int
acm_api_eligible(const acm_api_t *api, const acm_cert_t *cert)
{
    if (cert->type == ACM_TYPE_IMPORTED
        || acm_api_status(cert, api->now) != ACM_STATUS_ISSUED)
    {
        return 0;
    }

    return cert->exported || acm_api_in_use(api, cert);
}


/* How many use it, without a list no more than one; -1 without memory. */

static int
acm_use_all(const acm_api_t *api, const acm_cert_t *cert, json_t *list)
{
    int                n, m;
    acm_snap_t        *snap;
    acm_api_server_t   like;

    static const uint8_t  none[ACM_HASH_LEN];

    memset(&like, 0, sizeof(acm_api_server_t));
    memcpy(like.uuid, cert->uuid, sizeof(like.uuid));

    n = acm_use_like(api, cert, &like, list);

    if (n < 0 || (n > 0 && list == NULL)) {
        return n;
    }

    if (memcmp(cert->identity, none, ACM_HASH_LEN) != 0) {
        like.uuid[0] = '\0';
        memcpy(like.identity, cert->identity, ACM_HASH_LEN);

        m = acm_use_like(api, cert, &like, list);

        if (m < 0 || (m > 0 && list == NULL)) {
            return m;
        }

        n += m;
    }

    if (api->conf->in_use == 0) {
        return n;
    }

    if (api->snap != NULL) {
        m = acm_use_served(api, api->snap, cert, list);

    } else {
        if (acm_store_begin(api->store, &snap, NULL) != ACM_OK) {
            return n;
        }

        m = acm_use_served(api, snap, cert, list);
        acm_store_end(snap);
    }

    return (m < 0) ? m : n + m;
}


static int
acm_use_like(const acm_api_t *api, const acm_cert_t *cert,
    const acm_api_server_t *like, json_t *list)
{
    int                      n;
    const acm_api_server_t  *s, *last;

    n = 0;
    s = acm_server_first(api->conf, like);

    if (s == NULL) {
        return 0;
    }

    last = api->conf->servers + api->conf->nservers;

    for ( /* void */ ; s < last && acm_server_order(s, like) == 0; s++) {
        n++;

        if (list == NULL) {
            break;
        }

        if (acm_use_add(list, cert, s->name) != 0) {
            return -1;
        }
    }

    return n;
}


/* Servers of one name, such as on two ports, are told of once. */

static int
acm_use_add(json_t *list, const acm_cert_t *cert, const char *name)
{
    char          arn[ACM_MAX_ARN];
    size_t        i;
    json_t       *json;

    (void) snprintf(arn, sizeof(arn), "arn:aws:nginx:%s:%s:server/%s",
                    cert->region, cert->account, name);

    json = acm_json_clean(arn);

    if (json == NULL) {
        return -1;
    }

    for (i = 0; i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), json)) {
            json_decref(json);
            return 0;
        }
    }

    return json_array_append_new(list, json);
}


static int
acm_use_served(const acm_api_t *api, acm_snap_t *snap,
    const acm_cert_t *cert, json_t *list)
{
    int               m, n;
    size_t            i;
    acm_used_t        used;
    acm_used_by_t     by;
    acm_api_server_t  like;

    if (acm_used_get(snap, cert->uuid, &used) != ACM_OK) {
        return 0;
    }

    n = 0;
    memset(&like, 0, sizeof(acm_api_server_t));

    for (i = 0; i < ACM_USED_SERVERS; i++) {
        acm_used_by(&used, i, &by);

        if (by.server == 0
            || acm_add_sat(by.last, api->conf->in_use) <= api->now)
        {
            continue;
        }

        like.id = by.server;

        if (acm_server_first(api->conf, &like) == NULL) {
            continue;
        }

        if (n == 0 && !acm_use_is_best(snap, cert, api->now)) {
            return 0;
        }

        m = acm_use_like(api, cert, &like, list);

        if (m < 0 || (m > 0 && list == NULL)) {
            return m;
        }

        n += m;
    }

    return n;
}


/* It is still what such a server has for one of its names. */

static int
acm_use_is_best(acm_snap_t *snap, const acm_cert_t *cert, int64_t now)
{
    size_t       i;
    acm_found_t  found;

    for (i = 0; i < cert->nnames; i++) {
        if (acm_find_name(snap, cert->names[i], now, &found) == ACM_OK
            && (strcmp(found.ec.uuid, cert->uuid) == 0
                || strcmp(found.rsa.uuid, cert->uuid) == 0))
        {
            return 1;
        }
    }

    return 0;
}
