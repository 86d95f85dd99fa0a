
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates page by page.  A page ends at a place in the order, not at a
 * certificate that must still be there.  The records are read in several
 * snapshots, so that none lasts long.
 */


#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "acm_api_impl.h"


#define ACM_SCAN_TOKEN    1              /* version of its form */
#define ACM_SCAN_HEAD     (1 + 8 + 1)    /* version, query, key length */
#define ACM_MAX_SCAN_RAW  (ACM_SCAN_HEAD + ACM_MAX_SCAN_KEY + ACM_UUID_LEN)


static acm_rc_t acm_scan_find(acm_scan_t *scan);
static acm_rc_t acm_scan_query(acm_scan_t *scan);
static acm_rc_t acm_scan_token(acm_scan_t *scan, const char *token);
static int acm_scan_digit(char c);
static acm_rc_t acm_scan_only(acm_scan_t *scan);
static acm_rc_t acm_scan_peek(acm_scan_t *scan, const acm_entry_t *entry,
    const acm_cert_t **cert);
static acm_rc_t acm_scan_read(acm_scan_t *scan);
static acm_rc_t acm_scan_slice(acm_scan_t *scan, uint8_t *key, size_t *len,
    size_t prefix, size_t *read);
static void acm_scan_put(acm_scan_t *scan, const acm_scan_entry_t *e);
static void acm_scan_up(acm_scan_t *scan, size_t i);
static void acm_scan_down(acm_scan_t *scan, size_t i);
static acm_rc_t acm_scan_answer(acm_scan_t *scan);
static acm_rc_t acm_scan_show(acm_scan_t *scan, json_t *list,
    const acm_scan_entry_t *e);
static json_t *acm_scan_next(acm_scan_t *scan, const acm_scan_entry_t *e);


acm_rc_t
acm_api_scan(acm_scan_t *scan)
{
    acm_rc_t       rc;
    acm_api_t     *api;
    const char    *token;
    const json_t  *size;

    api = scan->api;
    size = json_object_get(api->in, scan->size);
    token = json_string_value(json_object_get(api->in, "NextToken"));

    if (size != NULL) {
        scan->max = (size_t) json_integer_value(size);
    }

    rc = acm_scan_query(scan);

    if (rc == ACM_OK && token != NULL) {
        rc = acm_scan_token(scan, token);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    scan->found = acm_calloc(scan->max, sizeof(acm_scan_entry_t));
    scan->peek = acm_cert_peek_make();

    rc = (scan->found == NULL || scan->peek == NULL) ? acm_api_nomem(api)
                                                     : acm_scan_find(scan);

    if (rc == ACM_OK) {
        rc = acm_scan_answer(scan);
    }

    acm_free(scan->found);
    acm_free(scan->peek);

    return rc;
}


/* ACM_DENIED: not in this way. */

static acm_rc_t
acm_scan_find(acm_scan_t *scan)
{
    acm_rc_t  rc;

    if (scan->only != NULL) {
        return acm_scan_only(scan);
    }

    rc = ACM_DENIED;

    if (scan->plan != NULL && scan->plan->narrow) {
        rc = acm_scan_listed(scan);
    }

    if (rc == ACM_DENIED && scan->index != ACM_DB_META) {
        rc = acm_scan_ordered(scan);
    }

    return (rc == ACM_DENIED) ? acm_scan_read(scan) : rc;
}


/* What is asked for, but for the page: a token belongs to it. */

static acm_rc_t
acm_scan_query(acm_scan_t *scan)
{
    char       *text;
    json_t     *copy;
    uint8_t     hash[ACM_HASH_LEN];
    unsigned    i;
    EVP_MD_CTX *md;
    acm_api_t  *api;

    api = scan->api;
    copy = json_copy(api->in);

    if (copy == NULL) {
        return acm_api_nomem(api);
    }

    (void) json_object_del(copy, "NextToken");
    (void) json_object_del(copy, scan->size);

    text = json_dumps(copy, JSON_COMPACT|JSON_SORT_KEYS);
    json_decref(copy);

    if (text == NULL) {
        return acm_api_nomem(api);
    }

    memset(hash, 0, sizeof(hash));
    md = EVP_MD_CTX_new();

    if (md != NULL
        && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
        && EVP_DigestUpdate(md, scan->list, strlen(scan->list) + 1) == 1
        && EVP_DigestUpdate(md, api->caller->account,
                            strlen(api->caller->account) + 1)
           == 1
        && EVP_DigestUpdate(md, api->caller->region,
                            strlen(api->caller->region) + 1)
           == 1
        && EVP_DigestUpdate(md, text, strlen(text)) == 1)
    {
        (void) EVP_DigestFinal_ex(md, hash, NULL);
    }

    EVP_MD_CTX_free(md);
    free(text);

    for (i = 0; i < 8; i++) {
        scan->query = scan->query << 8 | hash[i];
    }

    return ACM_OK;
}


static acm_rc_t
acm_scan_token(acm_scan_t *scan, const char *token)
{
    int            high, low;
    size_t         i, len;
    uint8_t        raw[ACM_MAX_SCAN_RAW];
    uint64_t       query;
    acm_reader_t   r;

    len = strlen(token);

    if (len % 2 != 0 || len / 2 > sizeof(raw)
        || len / 2 < ACM_SCAN_HEAD + ACM_UUID_LEN)
    {
        goto bad;
    }

    for (i = 0; i < len / 2; i++) {
        high = acm_scan_digit(token[2 * i]);
        low = acm_scan_digit(token[2 * i + 1]);

        if (high < 0 || low < 0) {
            goto bad;
        }

        raw[i] = (uint8_t) (high << 4 | low);
    }

    acm_reader_init(&r, raw, len / 2);

    if (acm_read_u8(&r) != ACM_SCAN_TOKEN) {
        goto bad;
    }

    query = acm_read_u64(&r);
    scan->after.len = acm_read_u8(&r);

    if (query != scan->query
        || len / 2 != (size_t) ACM_SCAN_HEAD + scan->after.len + ACM_UUID_LEN)
    {
        goto bad;
    }

    memcpy(scan->after.key, raw + ACM_SCAN_HEAD, scan->after.len);
    memcpy(scan->after.uuid, raw + ACM_SCAN_HEAD + scan->after.len,
           ACM_UUID_LEN);
    scan->after.uuid[ACM_UUID_LEN] = '\0';

    if (!acm_uuid_ok(scan->after.uuid)) {
        goto bad;
    }

    scan->paged = 1;

    return ACM_OK;

bad:

    return acm_api_fault(scan->api, "ValidationException", "The NextToken is "
                         "not valid for this request.");
}


static int
acm_scan_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* There is one at most, on the first page. */

static acm_rc_t
acm_scan_only(acm_scan_t *scan)
{
    acm_rc_t           rc;
    acm_api_t         *api;
    acm_snap_t        *snap;
    const acm_cert_t  *cert;

    api = scan->api;

    if (scan->only[0] == '\0') {
        return ACM_OK;
    }

    rc = acm_store_begin(api->store, &snap, &api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    api->snap = snap;
    rc = acm_scan_look(scan, snap, scan->only, &cert);

    if (rc == ACM_OK) {
        acm_scan_take(scan, cert);
    }

    api->snap = NULL;
    acm_store_end(snap);

    /* what cannot be read is not shown */

    return (rc == ACM_NOMEM) ? rc : ACM_OK;
}


/* The certificate of a UUID, as long as the next one is not looked at. */

acm_rc_t
acm_scan_look(acm_scan_t *scan, acm_snap_t *snap, const char *uuid,
    const acm_cert_t **cert)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;

    len = acm_cert_key(key, scan->api->caller->account,
                       scan->api->caller->region, uuid);

    if (len == 0) {
        return ACM_NOTFOUND;
    }

    rc = acm_store_get(snap, ACM_DB_CERTIFICATE, key, len, &entry);

    if (rc == ACM_OK) {
        rc = acm_scan_peek(scan, &entry, cert);
    }

    /* a record that stands under a foreign key is as bad as a damaged one */

    if (rc == ACM_OK && strcmp((*cert)->uuid, uuid) != 0) {
        rc = ACM_CORRUPT;
    }

    return rc;
}


static acm_rc_t
acm_scan_peek(acm_scan_t *scan, const acm_entry_t *entry,
    const acm_cert_t **cert)
{
    acm_rc_t  rc;

    rc = acm_cert_peek(entry->data, entry->len, scan->peek);
    *cert = &scan->peek->cert;

    return rc;
}


static acm_rc_t
acm_scan_read(acm_scan_t *scan)
{
    size_t      len, prefix, read;
    uint8_t     key[ACM_MAX_STORE_KEY];
    acm_rc_t    rc;
    acm_api_t  *api;

    api = scan->api;
    prefix = acm_seal_key(key, api->caller->account, api->caller->region);

    if (prefix == 0) {
        return ACM_OK;
    }

    key[prefix++] = '/';
    len = prefix;
    read = 0;

    if (scan->paged && scan->key == NULL) {

        /* the first key behind that of the UUID */

        memcpy(key + len, scan->after.uuid, ACM_UUID_LEN);
        len += ACM_UUID_LEN;
        key[len++] = '\0';
    }

    do {
        rc = acm_scan_slice(scan, key, &len, prefix, &read);

        if (scan->key == NULL && rc == ACM_OK && !scan->more
            && read > ACM_MAX_SCAN)
        {

            /* the next page goes on from here */

            scan->more = 1;
            scan->cut = 1;
            break;
        }

    } while (rc == ACM_OK && !(scan->key == NULL && scan->more));

    return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
}


/* ACM_NOTFOUND: that was the last one. */

static acm_rc_t
acm_scan_slice(acm_scan_t *scan, uint8_t *key, size_t *len, size_t prefix,
    size_t *read)
{
    size_t             n;
    acm_rc_t           rc;
    acm_snap_t        *snap;
    acm_entry_t        entry;
    const acm_cert_t  *cert;

    rc = acm_store_begin(scan->api->store, &snap, &scan->api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    scan->api->snap = snap;
    n = 0;

    /* what is shown is read once more, with its checksum */

    acm_store_skim(snap, ACM_DB_CERTIFICATE);

    for (rc = acm_store_seek(snap, ACM_DB_CERTIFICATE, key, *len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_CERTIFICATE, &entry))
    {
        if (entry.key_len != prefix + ACM_UUID_LEN
            || memcmp(entry.key, key, prefix) != 0)
        {
            rc = ACM_NOTFOUND;
            break;
        }

        if (n++ == ACM_MAX_API_SCAN || (scan->key == NULL && scan->more)) {
            memcpy(key, entry.key, entry.key_len);
            *len = entry.key_len;
            rc = ACM_OK;
            break;
        }

        memcpy(scan->last.uuid, entry.key + prefix, ACM_UUID_LEN);

        /* what cannot be read is not shown, and hides no other */

        if (rc == ACM_OK && acm_scan_peek(scan, &entry, &cert) == ACM_OK) {
            acm_scan_take(scan, cert);
        }
    }

    scan->api->snap = NULL;
    acm_store_end(snap);
    *read += n;

    return rc;
}


void
acm_scan_take(acm_scan_t *scan, const acm_cert_t *cert)
{
    acm_scan_entry_t  e;

    if (!scan->match(scan, cert)) {
        return;
    }

    memset(&e, 0, sizeof(acm_scan_entry_t));
    memcpy(e.uuid, cert->uuid, sizeof(e.uuid));

    if (scan->key != NULL) {
        e.len = (uint8_t) scan->key(scan, cert, e.key);

        if (scan->paged && acm_scan_order(scan, &e, &scan->after) <= 0) {
            return;
        }
    }

    if (scan->nfound < scan->max) {
        scan->nfound++;
        acm_scan_put(scan, &e);
        return;
    }

    scan->more = 1;

    if (acm_scan_order(scan, &e, &scan->found[0]) < 0) {
        scan->found[0] = e;
        acm_scan_down(scan, 0);
    }
}


static void
acm_scan_put(acm_scan_t *scan, const acm_scan_entry_t *e)
{
    scan->found[scan->nfound - 1] = *e;
    acm_scan_up(scan, scan->nfound - 1);
}


int
acm_scan_order(const acm_scan_t *scan, const acm_scan_entry_t *a,
    const acm_scan_entry_t *b)
{
    int     order;
    size_t  len;

    len = (a->len < b->len) ? a->len : b->len;
    order = memcmp(a->key, b->key, len);

    if (order == 0) {
        order = (int) a->len - (int) b->len;
    }

    if (order == 0) {
        order = strcmp(a->uuid, b->uuid);
    }

    return scan->falling ? -order : order;
}


static void
acm_scan_up(acm_scan_t *scan, size_t i)
{
    size_t            parent;
    acm_scan_entry_t  e;

    while (i != 0) {
        parent = (i - 1) / 2;

        if (acm_scan_order(scan, &scan->found[i], &scan->found[parent]) <= 0)
        {
            return;
        }

        e = scan->found[i];
        scan->found[i] = scan->found[parent];
        scan->found[parent] = e;
        i = parent;
    }
}


static void
acm_scan_down(acm_scan_t *scan, size_t i)
{
    size_t            child;
    acm_scan_entry_t  e;

    for ( ;; ) {
        child = 2 * i + 1;

        if (child >= scan->nfound) {
            return;
        }

        if (child + 1 < scan->nfound
            && acm_scan_order(scan, &scan->found[child + 1],
                              &scan->found[child])
               > 0)
        {
            child++;
        }

        if (acm_scan_order(scan, &scan->found[i], &scan->found[child]) >= 0) {
            return;
        }

        e = scan->found[i];
        scan->found[i] = scan->found[child];
        scan->found[child] = e;
        i = child;
    }
}


static acm_rc_t
acm_scan_answer(acm_scan_t *scan)
{
    size_t             i, n;
    json_t            *list;
    acm_rc_t           rc;
    acm_scan_entry_t   e, last;

    last = scan->after;
    n = scan->nfound;

    if (scan->cut) {
        last = scan->last;

    } else if (n != 0) {
        last = scan->found[scan->listed ? n - 1 : 0];
    }

    /* the heap becomes a sorted list */

    while (!scan->listed && scan->nfound > 1) {
        scan->nfound--;
        e = scan->found[0];
        scan->found[0] = scan->found[scan->nfound];
        scan->found[scan->nfound] = e;
        acm_scan_down(scan, 0);
    }

    list = json_array();
    rc = (list == NULL) ? acm_api_nomem(scan->api)
                        : acm_store_begin(scan->api->store, &scan->api->snap,
                                          &scan->api->err);

    if (rc == ACM_OK) {
        for (i = 0; rc == ACM_OK && i < n; i++) {
            rc = acm_scan_show(scan, list, &scan->found[i]);
        }

        acm_store_end(scan->api->snap);
        scan->api->snap = NULL;
    }

    if (rc != ACM_OK) {
        json_decref(list);
        return rc;
    }

    rc = acm_api_answer(scan->api, scan->list, list);

    if (rc == ACM_OK && scan->more && last.uuid[0] != '\0'
        && json_object_set_new(scan->api->out, "NextToken",
                               acm_scan_next(scan, &last))
           != 0)
    {
        rc = acm_api_nomem(scan->api);
    }

    return rc;
}


/* One that has gone meanwhile is left out, and so is one of which no more than
   what was looked at can be read. */

static acm_rc_t
acm_scan_show(acm_scan_t *scan, json_t *list, const acm_scan_entry_t *e)
{
    int          failed;
    acm_rc_t     rc;
    acm_api_t   *api;
    acm_cert_t   cert;

    api = scan->api;
    memcpy(api->uuid, e->uuid, sizeof(api->uuid));

    rc = acm_api_cert(api, &cert, NULL);

    if (rc != ACM_OK) {
        if (rc == ACM_DENIED || rc == ACM_CORRUPT || rc == ACM_VERSION) {
            api->fault = NULL;
            rc = ACM_OK;
        }

        return rc;
    }

    failed = json_array_append_new(list, scan->show(api, &cert));
    acm_cert_free(&cert);

    return failed ? acm_api_nomem(api) : ACM_OK;
}


static json_t *
acm_scan_next(acm_scan_t *scan, const acm_scan_entry_t *e)
{
    char       text[2 * ACM_MAX_SCAN_RAW + 1];
    json_t    *json;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_SCAN_RAW);

    acm_buf_u8(&buf, ACM_SCAN_TOKEN);
    acm_buf_u64(&buf, scan->query);
    acm_buf_u8(&buf, e->len);
    acm_buf_add(&buf, e->key, e->len);
    acm_buf_add(&buf, e->uuid, ACM_UUID_LEN);

    json = NULL;

    if (acm_buf_rc(&buf) == ACM_OK) {
        json = json_string(acm_hex(buf.data, buf.len, text));
    }

    acm_buf_free(&buf);

    return json;
}
