
/*
 * Copyright (C) The ngx_acm authors
 *
 * The commands of acmctl that show certificates: list, show.
 */


#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../shared/acm_name.h"
#include "acmctl.h"


#define ACMCTL_SLICE  128            /* certificates read in one snapshot */


/* what is shown of a certificate; used is all zero if it never was, staple if
   no responder was asked */

typedef struct {
    acm_cert_t    cert;
    acm_used_t    used;
    acm_staple_t  staple;
} acmctl_item_t;


typedef struct {
    acmctl_item_t items[ACMCTL_SLICE];
    size_t        n;
    int64_t       unused;            /* only what was not served for so long,
                                        seconds; -1: all */
    uint8_t       key[ACM_MAX_STORE_KEY + 1];
    size_t        len;
    int           end;
} acmctl_slice_t;


static int acmctl_flags(acmctl_t *ctl, int argc, char **argv,
    int64_t *unused);
static int acmctl_seconds(const char *text, int64_t *seconds);
static int acmctl_list_slice(acmctl_t *ctl, acmctl_slice_t *slice);
static int acmctl_list_item(acm_snap_t *snap, acmctl_slice_t *slice);
static int acmctl_show_name(acmctl_t *ctl, const char *name);
static int acmctl_get_named(acm_snap_t *snap, const acm_name_rec_t *rec,
    acmctl_item_t *items, size_t *n);
static int acmctl_get(acm_snap_t *snap, const acm_ref_t *ref,
    acmctl_item_t *item);
static int acmctl_get_more(acm_snap_t *snap, acmctl_item_t *item);
static void acmctl_item_free(acmctl_item_t *item);
static void acmctl_print_cert(const acmctl_item_t *item);
static json_t *acmctl_item_json(const acmctl_item_t *item);
static int acmctl_print_text(const acmctl_item_t *item);
static int acmctl_print_json(const acmctl_item_t *item, size_t n);


/* --json, and if unused is not NULL --unused. */

static int
acmctl_flags(acmctl_t *ctl, int argc, char **argv, int64_t *unused)
{
    static const struct option  options[] = {
        { "json", no_argument, NULL, 'j' },
        { "unused", required_argument, NULL, 'u' },
        { NULL, 0, NULL, 0 }
    };

    int  ch;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {

        if (ch == 'j') {
            ctl->json = 1;

        } else if (ch != 'u' || unused == NULL
                   || acmctl_seconds(optarg, unused) != ACMCTL_OK)
        {
            return ACMCTL_USAGE;
        }
    }

    return ACMCTL_OK;
}


/* "30d": a number and one of s, m, h, d, w, y, as in nginx.conf */

static int
acmctl_seconds(const char *text, int64_t *seconds)
{
    size_t              i, n;
    int64_t             value;
    static const struct {
        const char   *unit;
        int64_t       seconds;
    } units[] = {
        { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
        { "w", 7 * 86400 }, { "y", 365 * 86400 }
    };

    value = 0;

    for (n = 0; text[n] >= '0' && text[n] <= '9' && n < 10; n++) {
        value = value * 10 + (text[n] - '0');
    }

    for (i = 0; n > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + n, units[i].unit) == 0) {
            *seconds = value * units[i].seconds;
            return ACMCTL_OK;
        }
    }

    return acmctl_fail("\"%s\" is no time like \"30d\"", text);
}


/* The output may be slow, and an open snapshot keeps pages of the store from
   being used again: a slice is copied, then printed. */

int
acmctl_list(acmctl_t *ctl, int argc, char **argv)
{
    int             rc;
    size_t          i, total;
    acmctl_slice_t  slice;

    memset(&slice, 0, sizeof(acmctl_slice_t));
    slice.unused = -1;

    if (acmctl_flags(ctl, argc, argv, &slice.unused) != ACMCTL_OK
        || optind != argc)
    {
        return ACMCTL_USAGE;
    }

    if (acmctl_open(ctl, 0, 0) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    rc = ACMCTL_OK;
    total = 0;

    if (ctl->json) {
        fputs("[\n", stdout);
    }

    while (!slice.end) {

        if (acmctl_list_slice(ctl, &slice) != ACMCTL_OK) {
            rc = ACMCTL_FAULT;
        }

        for (i = 0; i < slice.n; i++, total++) {

            if (!ctl->json) {
                acmctl_print_cert(&slice.items[i]);

            } else if (acmctl_print_json(&slice.items[i], total) != ACMCTL_OK)
            {
                rc = ACMCTL_FAULT;
            }

            acmctl_item_free(&slice.items[i]);
        }
    }

    if (ctl->json) {
        fputs("]\n", stdout);
    }

    return rc;
}


static int
acmctl_list_slice(acmctl_t *ctl, acmctl_slice_t *slice)
{
    int           rc;
    size_t        n;
    acm_rc_t      code;
    acm_err_t     err;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    slice->n = 0;
    slice->end = 1;

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = ACMCTL_OK;
    n = 0;
    entry.key = NULL;
    code = acm_store_seek(snap, ACM_DB_CERTIFICATE, slice->key, slice->len,
                          &entry);

    while (code == ACM_OK || (code == ACM_CORRUPT && entry.key != NULL)) {

        if (n++ == ACMCTL_SLICE) {
            slice->end = 0;
            break;
        }

        if (code == ACM_OK) {
            code = acm_cert_decode(entry.data, entry.len,
                                   &slice->items[slice->n].cert);
        }

        if (code == ACM_OK) {
            rc |= acmctl_list_item(snap, slice);

        } else {
            rc = acmctl_fail("certificate \"%.*s\": %s", (int) entry.key_len,
                             (const char *) entry.key, acm_rc_text(code));
        }

        /* the least key behind this one */
        memcpy(slice->key, entry.key, entry.key_len);
        slice->key[entry.key_len] = 0;
        slice->len = entry.key_len + 1;

        entry.key = NULL;
        code = acm_store_next(snap, ACM_DB_CERTIFICATE, &entry);
    }

    acm_store_end(snap);

    if (slice->end && code != ACM_NOTFOUND) {
        rc = acmctl_fail("the list is cut short: %s", acm_rc_text(code));
    }

    return rc;
}


/* Takes the one that was read last, or not. */

static int
acmctl_list_item(acm_snap_t *snap, acmctl_slice_t *slice)
{
    acmctl_item_t  *item;

    item = &slice->items[slice->n];

    if (slice->unused >= 0
        && !acm_used_idle(snap, &item->cert, slice->unused, acm_now(), NULL))
    {
        acm_cert_free(&item->cert);
        return ACMCTL_OK;
    }

    slice->n++;

    return acmctl_get_more(snap, item);
}


static void
acmctl_print_cert(const acmctl_item_t *item)
{
    char               arn[ACM_MAX_ARN], end[32], last[32];
    const acm_cert_t  *cert;

    cert = &item->cert;

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);

    printf("%s %s %s %s %s %s\n", arn, acm_status_text(cert->status),
           acm_key_text(cert->key),
           cert->not_after ? acm_time_text(cert->not_after, end) : "-",
           cert->domain,
           item->used.last ? acm_time_text(item->used.last, last) : "-");
}


static json_t *
acmctl_item_json(const acmctl_item_t *item)
{
    json_t  *json;

    json = acm_json_cert(&item->cert, acm_now());

    if (json != NULL
        && ((item->used.last != 0 && acm_json_used(json, &item->used) != 0)
            || acm_json_staple(json, &item->staple) != 0))
    {
        json_decref(json);
        return NULL;
    }

    return json;
}


static void
acmctl_item_free(acmctl_item_t *item)
{
    acm_cert_free(&item->cert);
    acm_staple_free(&item->staple);
}


/* One certificate; n of them came before it in a list. */

static int
acmctl_print_json(const acmctl_item_t *item, size_t n)
{
    json_t     *json;
    acm_err_t   err;
    acm_str_t   text;

    json = acmctl_item_json(item);

    if (json == NULL) {
        return acmctl_fail("no memory for JSON");
    }

    if (acm_json_text(json, 1, &text, &err) != ACM_OK) {
        json_decref(json);
        return acmctl_fail("%s", err.text);
    }

    json_decref(json);

    fputs(n ? "," : "", stdout);
    (void) fwrite(text.data, 1, text.len, stdout);
    acm_free(text.data);

    return ACMCTL_OK;
}


int
acmctl_show(acmctl_t *ctl, int argc, char **argv)
{
    int             rc;
    acm_err_t       err;
    acm_ref_t       ref;
    acm_snap_t     *snap;
    acmctl_item_t   item;

    if (acmctl_flags(ctl, argc, argv, NULL) != ACMCTL_OK
        || optind + 1 != argc)
    {
        return ACMCTL_USAGE;
    }

    if (strncmp(argv[optind], "arn:", 4) != 0 && !acm_uuid_ok(argv[optind])) {
        return acmctl_show_name(ctl, argv[optind]);
    }

    if (acmctl_parse_arn(ctl, argv[optind], &ref) != ACMCTL_OK
        || acmctl_open(ctl, 0, 0) != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = acmctl_get(snap, &ref, &item);

    acm_store_end(snap);

    if (rc == ACMCTL_OK) {
        rc = ctl->json ? acmctl_print_json(&item, 0)
                       : acmctl_print_text(&item);
        acmctl_item_free(&item);
    }

    return rc;
}


/* What a client that asks for the name is served now: up to one certificate
   of each family, so in JSON an array. */

static int
acmctl_show_name(acmctl_t *ctl, const char *name)
{
    int             rc;
    char            host[ACM_MAX_NAME + 3];
    size_t          i, n, star;
    acm_rc_t        code;
    acm_err_t       err;
    acm_snap_t     *snap;
    acm_found_t     found;
    acmctl_item_t   items[2];

    star = (strncmp(name, "*.", 2) == 0) ? 2 : 0;
    memcpy(host, "*.", 2);

    if (acm_name_sni((const uint8_t *) name + star, strlen(name) - star,
                     host + star)
        != ACM_OK)
    {
        return acmctl_fail("\"%s\" is no ARN, no UUID and no host name",
                           name);
    }

    if (acmctl_open(ctl, 0, 0) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = ACMCTL_OK;
    n = 0;
    code = acm_find_name(snap, host, acm_now(), &found);

    if (code == ACM_OK) {
        rc |= acmctl_get_named(snap, &found.ec, items, &n);
        rc |= acmctl_get_named(snap, &found.rsa, items, &n);
    }

    acm_store_end(snap);

    if (code != ACM_OK) {
        return acmctl_fail("no certificate serves \"%s\": %s", host,
                           acm_rc_text(code));
    }

    fputs(ctl->json ? "[\n" : "", stdout);

    for (i = 0; i < n; i++) {
        rc |= ctl->json ? acmctl_print_json(&items[i], i)
                        : acmctl_print_text(&items[i]);
        acmctl_item_free(&items[i]);
    }

    fputs(ctl->json ? "]\n" : "", stdout);

    return rc;
}


static int
acmctl_get_named(acm_snap_t *snap, const acm_name_rec_t *rec,
    acmctl_item_t *items, size_t *n)
{
    int             rc;
    acm_ref_t       ref;
    acm_material_t  m;

    if (rec->key == ACM_KEY_NONE) {
        return ACMCTL_OK;
    }

    if (acm_material_get(snap, rec->uuid, rec->version, &m) != ACM_OK) {
        return acmctl_fail("certificate %s has no material", rec->uuid);
    }

    memset(&ref, 0, sizeof(acm_ref_t));
    memcpy(ref.uuid, rec->uuid, sizeof(ref.uuid));
    (void) snprintf(ref.account, sizeof(ref.account), "%s", m.account);
    (void) snprintf(ref.region, sizeof(ref.region), "%s", m.region);
    acm_material_free(&m);

    rc = acmctl_get(snap, &ref, &items[*n]);

    if (rc == ACMCTL_OK) {
        (*n)++;
    }

    return rc;
}


static int
acmctl_get(acm_snap_t *snap, const acm_ref_t *ref, acmctl_item_t *item)
{
    acm_rc_t  code;

    code = acm_cert_get(snap, ref->account, ref->region, ref->uuid,
                        &item->cert, NULL);

    if (code != ACM_OK) {
        return acmctl_fail("certificate %s: %s", ref->uuid,
                           acm_rc_text(code));
    }

    /* told, but the certificate can be shown */

    (void) acmctl_get_more(snap, item);

    return ACMCTL_OK;
}


static int
acmctl_get_more(acm_snap_t *snap, acmctl_item_t *item)
{
    acm_rc_t  code;

    if (acm_staple_get(snap, item->cert.uuid, item->cert.version,
                       &item->staple)
        != ACM_OK)
    {
        memset(&item->staple, 0, sizeof(acm_staple_t));
    }

    code = acm_used_get(snap, item->cert.uuid, &item->used);

    if (code == ACM_OK) {
        return ACMCTL_OK;
    }

    memset(&item->used, 0, sizeof(acm_used_t));

    return (code == ACM_NOTFOUND)
           ? ACMCTL_OK
           : acmctl_fail("when certificate %s was served: %s",
                         item->cert.uuid, acm_rc_text(code));
}


static int
acmctl_print_text(const acmctl_item_t *item)
{
    json_t            *json, *value;
    size_t             i;
    const char        *key;
    const acm_cert_t  *cert;

    cert = &item->cert;
    json = acmctl_item_json(item);

    if (json == NULL) {
        return acmctl_fail("no memory");
    }

    json_object_foreach(json, key, value) {
        if (json_is_string(value)) {
            printf("%-20s %s\n", key, json_string_value(value));

        } else if (json_is_integer(value)) {
            printf("%-20s %lld\n", key, json_integer_value(value));
        }
    }

    json_decref(json);

    for (i = 0; i < cert->nnames; i++) {
        printf("%-20s %s\n", i ? "" : "Names", cert->names[i]);
    }

    return ACMCTL_OK;
}
