
/*
 * Copyright (C) The ngx_acm authors
 */


#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "acm_cloudwatch.h"
#include "acm_watch.h"


#define ACM_MAX_CLOUDWATCH_DATUM  1024   /* octets, with an ARN */


static acm_rc_t acm_cloudwatch_datum(const acm_entry_t *entry, int64_t now,
    size_t n, acm_buf_t *out);
static int acm_cloudwatch_plain(const char *s);


acm_rc_t
acm_cloudwatch_namespace(const char *s, size_t len, acm_err_t *err)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z')
              || (s[i] >= '0' && s[i] <= '9')
              || (s[i] != '\0' && strchr(".-_/#:", s[i]) != NULL)))
        {
            break;
        }
    }

    if (len == 0 || len > ACM_MAX_CLOUDWATCH_NAMESPACE || i != len
        || s[0] == ':')
    {
        return acm_fail(err, ACM_INVALID, "use 1 to %d letters, digits and "
                        "\".-_/#:\", and no \":\" in front",
                        ACM_MAX_CLOUDWATCH_NAMESPACE);
    }

    return ACM_OK;
}


acm_rc_t
acm_cloudwatch_body(acm_snap_t *snap, const char *space, int64_t now,
    size_t max, acm_cloudwatch_t *where, acm_buf_t *out, size_t *n)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    *n = 0;

    if (where->len == 0) {

        /* what ends in this very second has expired */

        where->len = acm_time_key(where->key, acm_add_sat(now, 1),
                                  "00000000-0000-0000-0000-000000000000");
    }

    acm_buf_text(out, "{\"Namespace\":\"");
    acm_buf_text(out, space);
    acm_buf_text(out, "\",\"MetricData\":[");

    if (max > ACM_MAX_CLOUDWATCH_DATA) {
        max = ACM_MAX_CLOUDWATCH_DATA;
    }

    for (rc = acm_store_seek(snap, ACM_DB_EXPIRY, where->key, where->len,
                             &entry);
         rc == ACM_OK || rc == ACM_CORRUPT;
         rc = acm_store_next(snap, ACM_DB_EXPIRY, &entry))
    {
        if (*n == max
            || out->len + ACM_MAX_CLOUDWATCH_DATUM > ACM_MAX_CLOUDWATCH_BODY)
        {
            break;
        }

        if (rc == ACM_OK
            && acm_cloudwatch_datum(&entry, now, *n, out) == ACM_OK)
        {
            (*n)++;
        }

        /* the next one begins behind this key */

        if (entry.key_len < ACM_MAX_STORE_KEY) {
            memcpy(where->key, entry.key, entry.key_len);
            where->key[entry.key_len] = 0;
            where->len = entry.key_len + 1;
        }
    }

    acm_buf_text(out, "]}");

    if (rc != ACM_OK && rc != ACM_CORRUPT && rc != ACM_NOTFOUND) {
        return rc;
    }

    if (acm_buf_rc(out) != ACM_OK) {
        return acm_buf_rc(out);
    }

    return (*n == 0) ? ACM_NOTFOUND : ACM_OK;
}


static acm_rc_t
acm_cloudwatch_datum(const acm_entry_t *entry, int64_t now, size_t n,
    acm_buf_t *out)
{
    char       uuid[ACM_UUID_LEN + 1], arn[ACM_MAX_ARN];
    char       text[ACM_MAX_CLOUDWATCH_DATUM];
    int64_t    at;
    acm_rc_t   rc;
    acm_ref_t  ref;

    rc = acm_time_key_parse(entry->key, entry->key_len, &at, uuid);

    if (rc == ACM_OK) {
        rc = acm_ref_decode(entry->data, entry->len, &ref);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    (void) acm_arn_text(arn, ref.account, ref.region, ref.uuid);

    if (!acm_cloudwatch_plain(arn)) {
        return ACM_INVALID;
    }

    (void) snprintf(text, sizeof(text), "%s{\"MetricName\":\"DaysToExpiry\","
                    "\"Dimensions\":[{\"Name\":\"CertificateArn\","
                    "\"Value\":\"%s\"}],\"Timestamp\":%" PRId64 ","
                    "\"Value\":%" PRIu32 ",\"Unit\":\"Count\"}",
                    (n != 0) ? "," : "", arn, now, acm_watch_days(at, now));

    acm_buf_text(out, text);

    return acm_buf_rc(out);
}


/* Nothing that JSON would have to escape. */

static int
acm_cloudwatch_plain(const char *s)
{
    for ( /* void */ ; *s != '\0'; s++) {
        if (*s <= ' ' || *s >= 0x7f || *s == '"' || *s == '\\') {
            return 0;
        }
    }

    return 1;
}
