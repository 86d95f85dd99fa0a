
/*
 * Copyright (C) The ngx_acm authors
 *
 * Lists of certificates.  A list is made of phases, each a walk over one
 * map, that share no certificate:
 *
 *   n  the name index, from the domain that is searched for
 *   d  the due index, as far as things are tried soon, and only so far that
 *      a page is not held up by it: what is stuck
 *   e  the expiry index
 *   a  the name index, each certificate at its first name
 *   c  all certificates: those that no index of the phases before has
 *   s  all certificates
 *
 * A cursor is the letter of a phase, when the list was begun, the key that
 * phase d ends before, and the last key that was seen, so that whatever is
 * added or removed between two pages, all else is seen once.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acm_json.h"
#include "acm_name.h"
#include "acm_status.h"


#define ACM_CURSOR_TIME  16          /* hex digits */
#define ACM_CURSOR_DUE   (8 + 1 + ACM_UUID_LEN)      /* a key of that map */
#define ACM_CURSOR_HEAD  (1 + ACM_CURSOR_TIME + 2 * ACM_CURSOR_DUE)

#define ACM_WALK_CLOCK   63          /* records, and more names than one of
                                        rows, after which the clock is looked
                                        at */


typedef struct {
    acm_status_view_t          *view;
    const acm_status_query_t   *query;
    const char                 *phases;
    json_t                     *rows;
    size_t                      left;        /* rows that are wanted still */
    size_t                      looked;
    size_t                      weight;      /* since the clock was looked
                                                at */
    int64_t                     since;       /* when the list was begun */
    uint8_t                     soon[ACM_CURSOR_DUE];    /* phase d ends
                                                            before this key */
    size_t                      ndue;        /* records it read */
    size_t                      nasked;
    char                        phase;       /* of the cursor */
    uint8_t                     key[ACM_MAX_STORE_KEY + 1];
    size_t                      len;
    uint8_t                     range[ACM_MAX_STORE_KEY];    /* phase n */
    size_t                      range_len;
    unsigned                    failed:1;
    unsigned                    more:1;
    unsigned                    cut:1;
} acm_walk_t;


static void acm_walk_begin(acm_walk_t *w);
static void acm_walk_cursor(acm_walk_t *w);
static void acm_walk_range(acm_walk_t *w);
static void acm_walk_phase(acm_walk_t *w, char phase);
static int acm_walk_unhex(const char *s, size_t n, uint8_t *out);
static acm_db_e acm_walk_db(char phase);
static void acm_walk_first(acm_walk_t *w, char phase);
static int acm_walk_enough(acm_walk_t *w);
static int acm_walk_over(acm_walk_t *w, char phase,
    const acm_entry_t *entry);
static acm_rc_t acm_walk_read(acm_walk_t *w, char phase,
    const acm_entry_t *entry, acm_cert_t *cert);
static int acm_walk_due(acm_walk_t *w);
static int acm_walk_asked(acm_walk_t *w, const acm_entry_t *entry);
static int acm_walk_holds(const acm_status_query_t *query,
    const acm_entry_t *entry);
static acm_rc_t acm_walk_read_name(acm_walk_t *w, const acm_entry_t *entry,
    acm_cert_t *cert);
static int acm_walk_mine(acm_walk_t *w, char phase, const acm_entry_t *entry,
    const acm_cert_t *cert);
static int acm_walk_first_name(acm_walk_t *w, const acm_entry_t *entry,
    const acm_cert_t *cert);
static int acm_walk_soon(acm_walk_t *w, const acm_cert_t *cert);
static int acm_walk_in_range(acm_walk_t *w, const uint8_t *key, size_t len);
static int acm_walk_named(acm_walk_t *w, const acm_cert_t *cert, int all);
static int acm_walk_dated(acm_walk_t *w, const acm_cert_t *cert);
static int acm_walk_match(acm_walk_t *w, const acm_cert_t *cert);
static int acm_walk_text(const acm_status_query_t *query,
    const acm_cert_t *cert);
static int acm_walk_issuer(const acm_status_query_t *query,
    const acm_cert_t *cert);
static void acm_walk_add(acm_walk_t *w, const acm_entry_t *entry,
    acm_rc_t rc, const acm_cert_t *cert);
static json_t *acm_walk_end(acm_walk_t *w);
static json_t *acm_walk_next(acm_walk_t *w);


json_t *
acm_status_list(acm_status_view_t *view, const acm_status_query_t *query)
{
    acm_walk_t   w;
    const char  *phase;

    memset(&w, 0, sizeof(acm_walk_t));

    w.view = view;
    w.query = query;

    w.rows = json_array();
    if (w.rows == NULL) {
        return NULL;
    }

    acm_walk_begin(&w);

    for (phase = strchr(w.phases, w.phase); *phase != '\0'; phase++) {

        if (*phase != w.phase) {

            /* whoever asks for a domain mostly wants this, and not a look at
               all names that it may be a part of */

            if (w.phase == 'n' && json_array_size(w.rows) != 0) {
                w.more = 1;
                w.cut = 1;
            }

            w.phase = *phase;
            w.len = 0;

            if (w.more) {
                break;
            }
        }

        acm_walk_phase(&w, *phase);

        if (w.more || w.failed) {
            break;
        }
    }

    return acm_walk_end(&w);
}


static void
acm_walk_begin(acm_walk_t *w)
{
    size_t                     i;
    const acm_status_query_t  *query;

    query = w->query;
    w->since = w->view->now;

    for (i = 0; i < 8; i++) {
        w->soon[i] = (uint8_t) ((uint64_t) (w->since + ACM_STATUS_AHEAD)
                                >> (56 - 8 * i));
    }

    w->left = query->limit ? query->limit : ACM_STATUS_PAGE;

    switch (query->sort) {

    case ACM_SORT_NONE:
    case ACM_SORT_ATTENTION:
        acm_walk_range(w);
        w->phases = w->range_len ? "ndec" : "dec";
        break;

    case ACM_SORT_EXPIRY:
        w->phases = "ec";
        break;

    case ACM_SORT_NAME:
        w->phases = "ac";
        break;

    case ACM_SORT_STORE:
        w->phases = "s";
        break;
    }

    w->phase = w->phases[0];

    acm_walk_cursor(w);
}


/* What is searched for, if it can be a domain: all below it stand together
   in the name index. */

static void
acm_walk_range(acm_walk_t *w)
{
    char    name[ACM_MAX_NAME + 1];
    size_t  len;

    len = strlen(w->query->q);

    if (memchr(w->query->q, '.', len) == NULL
        || acm_name_sni((const uint8_t *) w->query->q, len, name) != ACM_OK)
    {
        return;
    }

    w->range_len = acm_name_prefix(w->range, name);

    if (w->range_len) {
        w->range_len--;              /* without its NUL */
    }
}


/* A cursor that is none begins anew. */

static void
acm_walk_cursor(acm_walk_t *w)
{
    char         at[ACM_CURSOR_TIME + 1], *end;
    size_t       len;
    int64_t      since;
    uint8_t      soon[ACM_CURSOR_DUE];
    const char  *s;

    s = w->query->after;
    len = w->query->after_len;

    if (len == 0) {
        return;
    }

    if (*w->phases == 's') {
        if (len < ACM_MAX_STORE_KEY) {
            memcpy(w->key, s, len);
            w->len = len;
            w->key[w->len++] = '\0';
        }

        return;
    }

    if (len < ACM_CURSOR_HEAD || strchr(w->phases, s[0]) == NULL
        || (len - ACM_CURSOR_HEAD) % 2 != 0
        || (len - ACM_CURSOR_HEAD) / 2 > ACM_MAX_STORE_KEY - 1)
    {
        return;
    }

    memcpy(at, s + 1, ACM_CURSOR_TIME);
    at[ACM_CURSOR_TIME] = '\0';

    since = strtoll(at, &end, 16);

    if (*end != '\0' || since < 0) {
        return;
    }

    if (!acm_walk_unhex(s + 1 + ACM_CURSOR_TIME, ACM_CURSOR_DUE, soon)
        || !acm_walk_unhex(s + ACM_CURSOR_HEAD, (len - ACM_CURSOR_HEAD) / 2,
                           w->key))
    {
        return;
    }

    w->len = (len - ACM_CURSOR_HEAD) / 2;

    if (w->len) {
        w->key[w->len++] = '\0';     /* the first one behind it */
    }

    w->phase = s[0];
    w->since = since;
    memcpy(w->soon, soon, ACM_CURSOR_DUE);
}


static int
acm_walk_unhex(const char *s, size_t n, uint8_t *out)
{
    size_t       i;
    const char  *digit;

    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < 2 * n; i++) {
        digit = (s[i] == '\0') ? NULL : strchr(hex, s[i]);

        if (digit == NULL) {
            return 0;
        }

        out[i / 2] = (uint8_t) ((i % 2 ? out[i / 2] << 4 : 0)
                                | (digit - hex));
    }

    return 1;
}


static acm_db_e
acm_walk_db(char phase)
{
    switch (phase) {

    case 'n':
    case 'a':
        return ACM_DB_NAME;

    case 'd':
        return ACM_DB_DUE;

    case 'e':
        return ACM_DB_EXPIRY;

    default:
        return ACM_DB_CERTIFICATE;
    }
}


/* Where a phase begins that is not begun yet. */

static void
acm_walk_first(acm_walk_t *w, char phase)
{
    if (phase == 'n') {
        memcpy(w->key, w->range, w->range_len);
        w->len = w->range_len;
    }
}


/* 1 if the answer is full, or has taken long enough. */

static int
acm_walk_enough(acm_walk_t *w)
{
    if (w->left == 0) {
        w->more = 1;

    } else if (w->view->scan == 0) {
        w->more = 1;
        w->cut = 1;

    } else if (w->weight >= ACM_WALK_CLOCK) {
        w->weight = 0;
        w->more = (acm_ticks() > w->view->until);
        w->cut = w->more;
    }

    return w->more;
}


static void
acm_walk_phase(acm_walk_t *w, char phase)
{
    acm_db_e     db;
    acm_rc_t     rc;
    acm_cert_t   cert;
    acm_entry_t  entry;

    db = acm_walk_db(phase);

    if (w->len == 0) {
        acm_walk_first(w, phase);
    }

    entry.key = NULL;

    for (rc = acm_store_seek(w->view->snap, db, w->key, w->len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(w->view->snap, db, &entry))
    {
        if (acm_walk_over(w, phase, &entry) || acm_walk_enough(w)) {
            return;
        }

        memcpy(w->key, entry.key, entry.key_len);
        w->len = entry.key_len;

        if (phase == 'd' && acm_walk_asked(w, &entry)) {
            entry.key = NULL;
            continue;
        }

        w->view->scan--;
        w->looked++;
        w->weight++;

        if (rc == ACM_OK) {
            rc = acm_walk_read(w, phase, &entry, &cert);
        }

        if (rc == ACM_OK) {
            if (acm_walk_match(w, &cert)
                && acm_walk_mine(w, phase, &entry, &cert))
            {
                acm_walk_add(w, &entry, ACM_OK, &cert);
            }

            acm_cert_free(&cert);

        } else if (db == ACM_DB_CERTIFICATE && rc != ACM_BUSY) {
            acm_walk_add(w, &entry, rc, NULL);
        }

        if (w->failed) {
            return;
        }

        entry.key = NULL;
    }
}


/* 1 if the phase ends before this entry. */

static int
acm_walk_over(acm_walk_t *w, char phase, const acm_entry_t *entry)
{
    char     uuid[ACM_UUID_LEN + 1];
    int64_t  at;

    switch (phase) {

    case 'n':
        return entry->key_len < w->range_len
               || memcmp(entry->key, w->range, w->range_len) != 0;

    case 'd':
        if (entry->key_len != ACM_CURSOR_DUE) {
            return 0;
        }

        /* all behind it comes by expiry then */

        if (memcmp(entry->key, w->soon, ACM_CURSOR_DUE) < 0
            && acm_walk_due(w))
        {
            memcpy(w->soon, entry->key, ACM_CURSOR_DUE);
        }

        return memcmp(entry->key, w->soon, ACM_CURSOR_DUE) >= 0;

    case 'e':
        return w->query->expires
               && acm_time_key_parse(entry->key, entry->key_len, &at, uuid)
                  == ACM_OK
               && at > acm_add_sat(w->since, w->query->expires);

    default:
        return 0;
    }
}


/* Windows of CAs are asked for often, and of all certificates: their entries
   are passed over by the key alone. */

static int
acm_walk_asked(acm_walk_t *w, const acm_entry_t *entry)
{
    char       uuid[ACM_UUID_LEN + 1];
    int64_t    at;
    acm_due_e  kind;

    if (acm_due_key_parse(entry->key, entry->key_len, &at, &kind, uuid)
        != ACM_OK
        || kind == ACM_DUE_ISSUE || kind == ACM_DUE_RENEW)
    {
        return 0;
    }

    w->nasked++;

    return 1;
}


/* 1 if phase d has had its share: half of the time, so that there is a page
   to be shown. */

static int
acm_walk_due(acm_walk_t *w)
{
    return w->ndue >= ACM_MAX_STATUS_DUE
           || w->nasked >= ACM_MAX_STATUS_ASKED
           || ((w->ndue + w->nasked) % 32 == 31
               && acm_ticks() > w->view->until - ACM_STATUS_TIME / 2);
}


static acm_rc_t
acm_walk_read(acm_walk_t *w, char phase, const acm_entry_t *entry,
    acm_cert_t *cert)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_ref_t    ref;
    acm_entry_t  found;

    switch (phase) {

    case 'n':
    case 'a':
        return acm_walk_read_name(w, entry, cert);

    case 'd':
        w->ndue++;
        /* fall through */

    case 'e':
        rc = acm_ref_decode(entry->data, entry->len, &ref);

        if (rc != ACM_OK) {
            return rc;
        }

        len = acm_cert_key(key, ref.account, ref.region, ref.uuid);
        rc = acm_store_get(w->view->snap, ACM_DB_CERTIFICATE, key, len,
                           &found);
        entry = &found;
        break;

    default:
        rc = ACM_OK;
    }

    if (rc == ACM_OK && !acm_walk_holds(w->query, entry)) {
        return ACM_BUSY;
    }

    return (rc != ACM_OK) ? rc
           : acm_cert_decode(entry->data, entry->len, cert);
}


/* Names stand in a record as they are: what is not in it anywhere need not be
   decoded, which takes most of the time.  An ARN does not stand in it. */

static int
acm_walk_holds(const acm_status_query_t *query, const acm_entry_t *entry)
{
    return *query->q == '\0' || strpbrk(query->q, ":/") != NULL
           || memmem(entry->data, entry->len, query->q, strlen(query->q))
              != NULL;
}


/* The index does not say whose it is: ours mostly, else its material tells. */

static acm_rc_t
acm_walk_read_name(acm_walk_t *w, const acm_entry_t *entry, acm_cert_t *cert)
{
    acm_rc_t        rc;
    acm_name_rec_t  rec;

    if (!acm_walk_in_range(w, entry->key, entry->key_len)) {
        return ACM_NOTFOUND;
    }

    rc = acm_name_rec_decode(entry->data, entry->len, &rec);

    if (rc != ACM_OK) {
        return rc;
    }

    return acm_status_find(w->view, rec.uuid, cert);
}


/* 1 if the certificate is listed at this entry, and at no other of all
   phases. */

static int
acm_walk_mine(acm_walk_t *w, char phase, const acm_entry_t *entry,
    const acm_cert_t *cert)
{
    char     uuid[ACM_UUID_LEN + 1];
    int64_t  at;

    if (phase == 's') {
        return 1;
    }

    if (phase == 'n' || phase == 'a') {
        return acm_walk_first_name(w, entry, cert);
    }

    if (w->range_len && acm_walk_named(w, cert, 1)) {
        return 0;
    }

    if (phase == 'd') {
        return acm_walk_soon(w, cert);
    }

    if (w->phases[0] == 'a') {
        return !acm_walk_named(w, cert, 0);
    }

    if (strchr(w->phases, 'd') != NULL && acm_walk_soon(w, cert)) {
        return 0;
    }

    if (phase == 'e') {
        return acm_time_key_parse(entry->key, entry->key_len, &at, uuid)
               == ACM_OK
               && at == cert->not_after;
    }

    return !acm_walk_dated(w, cert);
}


/* Phase a: the first name of the record.  Phase n: the first one of those in
   the range, in the order of the index. */

static int
acm_walk_first_name(acm_walk_t *w, const acm_entry_t *entry,
    const acm_cert_t *cert)
{
    size_t   i, len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    for (i = 0; i < cert->nnames; i++) {
        len = acm_name_key(key, cert->names[i], cert->key, cert->uuid);

        if (w->range_len == 0) {
            return len == entry->key_len
                   && memcmp(key, entry->key, len) == 0;
        }

        if (len != 0 && acm_walk_in_range(w, key, len)
            && strcmp((char *) key, (const char *) entry->key) < 0)
        {
            return 0;
        }
    }

    return 1;
}


/* Stuck, and tried again soon: it stands in the due index before all else. */

static int
acm_walk_soon(acm_walk_t *w, const acm_cert_t *cert)
{
    uint8_t  key[ACM_MAX_STORE_KEY];

    return (cert->due == ACM_DUE_ISSUE || cert->due == ACM_DUE_RENEW)
           && acm_due_key(key, cert->due_at, cert->due, cert->uuid)
              == ACM_CURSOR_DUE
           && memcmp(key, w->soon, ACM_CURSOR_DUE) < 0
           && acm_status_stuck(cert, w->since);
}


static int
acm_walk_in_range(acm_walk_t *w, const uint8_t *key, size_t len)
{
    if (w->range_len == 0) {
        return 1;
    }

    return len > w->range_len
           && memcmp(key, w->range, w->range_len) == 0
           && (key[w->range_len] == '\0' || key[w->range_len] == '.');
}


/* 1 if the name index has the first name, or "all": any one of the range. */

static int
acm_walk_named(acm_walk_t *w, const acm_cert_t *cert, int all)
{
    size_t       i, len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_entry_t  entry;

    for (i = 0; i < cert->nnames && (all || i == 0); i++) {
        len = acm_name_key(key, cert->names[i], cert->key, cert->uuid);

        if (len != 0 && acm_walk_in_range(w, key, len)
            && acm_store_get(w->view->snap, ACM_DB_NAME, key, len, &entry)
               == ACM_OK)
        {
            return 1;
        }
    }

    return 0;
}


/* 1 if the expiry index has it. */

static int
acm_walk_dated(acm_walk_t *w, const acm_cert_t *cert)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_entry_t  entry;

    if (cert->not_after == 0) {
        return 0;
    }

    len = acm_time_key(key, cert->not_after, cert->uuid);

    return len != 0
           && acm_store_get(w->view->snap, ACM_DB_EXPIRY, key, len, &entry)
              == ACM_OK;
}


static int
acm_walk_match(acm_walk_t *w, const acm_cert_t *cert)
{
    const acm_status_query_t  *query;

    query = w->query;

    if (query->status && cert->status != query->status) {
        return 0;
    }

    if (query->type && cert->type != query->type) {
        return 0;
    }

    if (query->expires
        && (cert->not_after == 0
            || cert->not_after > acm_add_sat(w->since, query->expires)))
    {
        return 0;
    }

    if (query->stuck && !acm_status_stuck(cert, w->since)) {
        return 0;
    }

    return acm_walk_issuer(query, cert) && acm_walk_text(query, cert);
}


/* A part of a name, or of the ARN. */

static int
acm_walk_text(const acm_status_query_t *query, const acm_cert_t *cert)
{
    char    arn[ACM_MAX_ARN];
    size_t  i;

    if (*query->q == '\0') {
        return 1;
    }

    for (i = 0; i < cert->nnames; i++) {
        if (strstr(cert->names[i], query->q) != NULL) {
            return 1;
        }
    }

    if (strstr(cert->domain, query->q) != NULL) {
        return 1;
    }

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);

    return strstr(arn, query->q) != NULL;
}


/* One of the issuers that it may come from. */

static int
acm_walk_issuer(const acm_status_query_t *query, const acm_cert_t *cert)
{
    size_t       len, n;
    const char  *s;

    len = strlen(query->issuer);

    if (len == 0) {
        return 1;
    }

    for (s = cert->issuer; *s != '\0'; s += n + (s[n] == ' ')) {
        n = strcspn(s, " ");

        if (n == len && memcmp(s, query->issuer, n) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
acm_walk_add(acm_walk_t *w, const acm_entry_t *entry, acm_rc_t rc,
    const acm_cert_t *cert)
{
    json_t  *o;

    if (cert != NULL) {

        /* each name may have records that are to be created */

        o = acm_status_row(w->view, cert, 0);
        w->weight += cert->nnames - (cert->nnames != 0);

    } else {
        o = json_pack("{s:s%, s:s}", "Key", (const char *) entry->key,
                      entry->key_len, "Status", acm_rc_text(rc));
    }

    if (cert == NULL && o == NULL) {
        return;                      /* a key that is no text */
    }

    w->failed = (json_array_append_new(w->rows, o) != 0);
    w->left--;
}


static json_t *
acm_walk_end(acm_walk_t *w)
{
    json_t  *o;

    o = json_object();

    if (o == NULL || w->failed) {
        json_decref(w->rows);
        json_decref(o);
        return NULL;
    }

    if (json_object_set_new(o, "Certificates", w->rows) != 0
        || (w->more
            && json_object_set_new(o, "Next", acm_walk_next(w)) != 0)
        || (w->cut && json_object_set_new(o, "Cut", json_true()) != 0)
        || json_object_set_new(o, "Looked",
                               json_integer((json_int_t) w->looked))
           != 0)
    {
        json_decref(o);
        return NULL;
    }

    return o;
}


static json_t *
acm_walk_next(acm_walk_t *w)
{
    char  text[ACM_CURSOR_HEAD + 2 * ACM_MAX_STORE_KEY + 3];

    if (w->phase == 's') {
        return json_stringn((const char *) w->key, w->len);
    }

    (void) snprintf(text, sizeof(text), "%c%016llx", w->phase,
                    (unsigned long long) w->since);
    (void) acm_hex(w->soon, ACM_CURSOR_DUE, text + 1 + ACM_CURSOR_TIME);

    /* a phase that is not begun yet has no key */

    if (w->len != 0 && !(w->phase == 'n' && w->len == w->range_len)) {
        (void) acm_hex(w->key, w->len, text + ACM_CURSOR_HEAD);
    }

    return json_string(text);
}
