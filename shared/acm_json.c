
/*
 * Copyright (C) The ngx_acm authors
 */


#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "acm_json.h"
#include "acm_revocation.h"


static unsigned acm_json_depth(const char *s, size_t len);
static int acm_json_put(json_t *o, const char *name, json_t *value);
static int acm_json_put_text(json_t *o, const char *name, const char *text);
static int acm_json_put_time(json_t *o, const char *name, int64_t t);
static json_t *acm_json_names(const acm_cert_t *cert);
static json_t *acm_json_lines(const char *text);
static int acm_json_put_life(json_t *o, const acm_cert_t *cert, int64_t now);
static int acm_json_write(const char *data, size_t len, void *buf);
static void acm_json_wipe_init(void);
static void acm_json_wipe_free(void *p);


static pthread_once_t       acm_json_once = PTHREAD_ONCE_INIT;
static json_free_t          acm_json_free;       /* jansson's */
static __thread unsigned    acm_json_wiping;


/* Fills o; any failure makes the result of the whole a failure. */

static int
acm_json_put(json_t *o, const char *name, json_t *value)
{
    return json_object_set_new(o, name, value);
}


/* Empty texts are left out, as ACM does. */

static int
acm_json_put_text(json_t *o, const char *name, const char *text)
{
    if (text == NULL || *text == '\0') {
        return 0;
    }

    return acm_json_put(o, name, acm_json_clean(text));
}


json_t *
acm_json_clean(const char *text)
{
    char    *copy, *p;
    json_t  *json;

    json = json_string(text);

    if (json != NULL) {
        return json;
    }

    copy = acm_strdup(text);

    if (copy == NULL) {
        return NULL;
    }

    for (p = copy; *p != '\0'; p++) {
        if ((unsigned char) *p >= 0x80) {
            *p = '?';
        }
    }

    json = json_string(copy);
    acm_free(copy);

    return json;
}


static int
acm_json_put_time(json_t *o, const char *name, int64_t t)
{
    char  buf[32];

    if (t == 0) {
        return 0;
    }

    return acm_json_put(o, name, json_string(acm_time_text(t, buf)));
}


static json_t *
acm_json_names(const acm_cert_t *cert)
{
    size_t   i;
    json_t  *names;

    names = json_array();

    for (i = 0; names != NULL && i < cert->nnames; i++) {
        if (json_array_append_new(names, json_string(cert->names[i])) != 0) {
            json_decref(names);
            return NULL;
        }
    }

    return names;
}


/* One text a line. */

static json_t *
acm_json_lines(const char *text)
{
    size_t   len;
    json_t  *list;

    list = json_array();

    for ( ; list != NULL && *text != '\0'; text += len + (text[len] != 0)) {
        len = strcspn(text, "\n");

        if (json_array_append_new(list, json_stringn(text, len)) != 0) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


json_t *
acm_json_cert(const acm_cert_t *cert, int64_t now)
{
    int      rc;
    char     arn[ACM_MAX_ARN];
    json_t  *o;

    o = json_object();
    if (o == NULL) {
        return NULL;
    }

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);

    rc = acm_json_put_text(o, "CertificateArn", arn);
    rc |= acm_json_put_text(o, "DomainName", cert->domain);
    rc |= acm_json_put(o, "SubjectAlternativeNames", acm_json_names(cert));
    rc |= acm_json_put_text(o, "Type", acm_type_text(cert->type));
    rc |= acm_json_put_text(o, "Status", acm_status_text(cert->status));
    rc |= acm_json_put_text(o, "KeyAlgorithm", acm_key_algorithm(cert->key));
    rc |= acm_json_put_text(o, "IssuerName", cert->issuer);

    if (cert->demanded) {
        rc |= acm_json_put(o, "OnDemand", json_true());
    }

    rc |= acm_json_put(o, "Version", json_integer(cert->version));
    rc |= acm_json_put_text(o, "Subject", cert->subject);
    rc |= acm_json_put_text(o, "Issuer", cert->issuer_dn);
    rc |= acm_json_put_text(o, "Serial", cert->serial);
    rc |= acm_json_put_text(o, "SignatureAlgorithm", cert->sigalg);
    rc |= acm_json_put_time(o, "CreatedAt", cert->created_at);
    rc |= acm_json_put_time(o, "IssuedAt", cert->issued_at);
    rc |= acm_json_put_time(o, "ImportedAt", cert->imported_at);
    rc |= acm_json_put_life(o, cert, now);

    if (rc != 0) {
        json_decref(o);
        return NULL;
    }

    return o;
}


static int
acm_json_put_life(json_t *o, const acm_cert_t *cert, int64_t now)
{
    int      rc;
    int64_t  left;

    rc = acm_json_put_time(o, "NotBefore", cert->not_before);
    rc |= acm_json_put_time(o, "NotAfter", cert->not_after);

    if (cert->not_after != 0) {
        left = acm_add_sat(cert->not_after, -now);

        rc |= acm_json_put(o, "DaysLeft", json_integer(left / 86400));
        rc |= acm_json_put(o, "SecondsLeft", json_integer(left));
    }

    if (cert->due != ACM_DUE_NONE) {
        rc |= acm_json_put_text(o, "NextStep", acm_due_text(cert->due));
        rc |= acm_json_put_time(o, "NextStepAt", cert->due_at);

    } else if (cert->status == ACM_STATUS_ISSUED) {
        rc |= acm_json_put_text(o, "NextStep", "expire");
        rc |= acm_json_put_time(o, "NextStepAt", cert->not_after);
    }

    rc |= acm_json_put(o, "Attempts", json_integer(cert->attempts));
    rc |= acm_json_put_text(o, "LastError", cert->last_error);
    rc |= acm_json_put_time(o, "LastErrorAt", cert->last_error_at);
    rc |= acm_json_put_time(o, "RenewAt", cert->renew_at);
    rc |= acm_json_put_time(o, "UnusedAt", cert->unused_at);
    rc |= acm_json_put_time(o, "RevokedAt", cert->revoked_at);
    rc |= acm_json_put_text(o, "RevocationReason",
                            acm_revocation_text(cert->revocation));
    rc |= acm_json_put_text(o, "RevocationStatus",
                            acm_revoking_text(cert->revoking));
    rc |= acm_json_put_time(o, "RenewalWindowStart", cert->ari_start);
    rc |= acm_json_put_time(o, "RenewalWindowEnd", cert->ari_end);
    rc |= acm_json_put_text(o, "IssuedBy", cert->issued_by);

    if (cert->scts != 0) {
        rc |= acm_json_put(o, "SignedCertificateTimestamps",
                           json_integer(cert->scts));
    }

    if (cert->findings != NULL && *cert->findings != '\0') {
        rc |= acm_json_put(o, "Findings", acm_json_lines(cert->findings));
    }

    return rc;
}


int
acm_json_used(json_t *cert, const acm_used_t *used)
{
    int  rc;

    rc = acm_json_put_time(cert, "FirstServedAt", used->first);
    rc |= acm_json_put_time(cert, "LastServedAt", used->last);
    rc |= acm_json_put(cert, "HandshakeCount", json_integer(used->count));

    return rc;
}


int
acm_json_staple(json_t *cert, const acm_staple_t *staple)
{
    int  rc;

    rc = 0;

    if (staple->status != ACM_OCSP_NONE) {
        rc |= acm_json_put_text(cert, "OcspStatus",
                                acm_ocsp_text(staple->status));
        rc |= acm_json_put_time(cert, "OcspThisUpdate", staple->this_update);
        rc |= acm_json_put_time(cert, "OcspNextUpdate", staple->next_update);
    }

    rc |= acm_json_put_text(cert, "OcspLastError", staple->last_error);
    rc |= acm_json_put_time(cert, "OcspLastErrorAt", staple->last_error_at);

    return rc;
}


json_t *
acm_json_store(const acm_store_stat_t *stat)
{
    int       rc;
    size_t    i;
    json_t   *o, *entries;

    o = json_object();
    if (o == NULL) {
        return NULL;
    }

    entries = json_object();

    rc = acm_json_put(o, "Entries", entries);
    rc |= acm_json_put(o, "Generation",
                       json_integer((json_int_t) stat->generation));
    rc |= acm_json_put(o, "Schema", json_integer(stat->schema));
    rc |= acm_json_put(o, "MapSize",
                       json_integer((json_int_t) stat->map_size));
    rc |= acm_json_put(o, "Used", json_integer((json_int_t) stat->used));
    rc |= acm_json_put(o, "Readers", json_integer(stat->readers));
    rc |= acm_json_put(o, "MaxReaders", json_integer(stat->max_readers));

    for (i = 0; rc == 0 && i < ACM_DB_MAX; i++) {
        rc |= acm_json_put(entries, acm_db_name((acm_db_e) i),
                           json_integer((json_int_t) stat->entries[i]));
    }

    if (rc != 0) {
        json_decref(o);
        return NULL;
    }

    return o;
}


static int
acm_json_write(const char *data, size_t len, void *buf)
{
    acm_buf_add(buf, data, len);

    return acm_buf_rc(buf) == ACM_OK ? 0 : -1;
}


acm_rc_t
acm_json_text(const json_t *json, int indent, acm_str_t *text,
    acm_err_t *err)
{
    size_t     flags;
    acm_buf_t  buf;

    flags = indent ? JSON_INDENT(2) : JSON_COMPACT;

    acm_buf_init(&buf, SIZE_MAX / 2);

    if (json_dump_callback(json, acm_json_write, &buf, flags) == 0) {
        acm_buf_text(&buf, "\n");
    }

    if (acm_buf_rc(&buf) != ACM_OK || buf.len == 0) {
        acm_buf_free(&buf);
        return acm_fail(err, ACM_NOMEM, "no memory for JSON");
    }

    text->data = buf.data;
    text->len = buf.len;

    return ACM_OK;
}


acm_rc_t
acm_json_parse(const void *data, size_t len, size_t max, json_t **json,
    acm_err_t *err)
{
    json_t        *root;
    json_error_t   where;

    if (len > max) {
        return acm_fail(err, ACM_TOOBIG, "JSON of over %zu octets", max);
    }

    if (len == 0) {
        return acm_fail(err, ACM_INVALID, "no valid JSON: it is empty");
    }

    /* jansson goes down by recursion, and would go down 2048 levels */

    if (acm_json_depth(data, len) > ACM_MAX_JSON_DEPTH) {
        return acm_fail(err, ACM_INVALID, "JSON of over %d levels",
                        ACM_MAX_JSON_DEPTH);
    }

    root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &where);

    if (root == NULL) {
        return acm_fail(err, ACM_INVALID, "no valid JSON at line %d: %.100s",
                        where.line, where.text);
    }

    if (!json_is_object(root)) {
        json_decref(root);
        return acm_fail(err, ACM_INVALID, "no JSON object");
    }

    *json = root;

    return ACM_OK;
}


static unsigned
acm_json_depth(const char *s, size_t len)
{
    int       quoted;
    size_t    i;
    unsigned  depth, most;

    quoted = 0;
    depth = 0;
    most = 0;

    for (i = 0; i < len; i++) {

        if (quoted) {
            if (s[i] == '\\') {
                i++;

            } else if (s[i] == '"') {
                quoted = 0;
            }

            continue;
        }

        switch (s[i]) {

        case '"':
            quoted = 1;
            break;

        case '{':
        case '[':
            depth++;
            most = (depth > most) ? depth : most;
            break;

        case '}':
        case ']':
            depth -= (depth != 0);
            break;
        }
    }

    return most;
}


const char *
acm_json_string(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}


json_t *
acm_json_array(const json_t *json, const char *name)
{
    json_t  *value;

    value = json_object_get(json, name);

    return json_is_array(value) ? value : NULL;
}


json_t *
acm_json_object(const json_t *json, const char *name)
{
    json_t  *value;

    value = json_object_get(json, name);

    return json_is_object(value) ? value : NULL;
}


void
acm_json_wipe_begin(void)
{
    (void) pthread_once(&acm_json_once, acm_json_wipe_init);
    acm_json_wiping++;
}


void
acm_json_wipe_end(void)
{
    acm_json_wiping--;
}


/* Memory is still that of malloc(), so it does not matter to whom it is given
   back, nor when. */

static void
acm_json_wipe_init(void)
{
    json_malloc_t  alloc;

    json_get_alloc_funcs(&alloc, &acm_json_free);

    /* of another one's memory the size is not known */

    if (alloc == malloc) {
        json_set_alloc_funcs(alloc, acm_json_wipe_free);
    }
}


static void
acm_json_wipe_free(void *p)
{
    if (p != NULL && acm_json_wiping) {
        OPENSSL_cleanse(p, malloc_usable_size(p));
    }

    acm_json_free(p);
}
