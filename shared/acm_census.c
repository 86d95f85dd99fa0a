
/*
 * Copyright (C) The ngx_acm authors
 */


#include <stdio.h>
#include <string.h>

#include "acm_census.h"
#include "acm_watch.h"


static void acm_census_cert(acm_census_t *c, const acm_cert_t *cert,
    int64_t now);
static void acm_census_behind(acm_census_walk_t *walk,
    const acm_entry_t *entry);


const int64_t  acm_census_windows[ACM_CENSUS_WINDOWS] = {
    86400, 7 * 86400, 30 * 86400
};


acm_rc_t
acm_census_step(acm_census_walk_t *walk, acm_store_t *store, int64_t now,
    acm_census_t *done, acm_err_t *err)
{
    unsigned      n;
    acm_rc_t      rc, code;
    acm_snap_t   *snap;
    acm_cert_t    cert;
    acm_entry_t   entry;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    walk->begun = 1;

    rc = acm_store_seek(snap, ACM_DB_CERTIFICATE, walk->key, walk->len,
                        &entry);

    for (n = 0; n < ACM_CENSUS_SLICE; n++) {

        if (rc != ACM_OK && rc != ACM_CORRUPT) {
            break;
        }

        acm_census_behind(walk, &entry);

        code = rc;

        if (code == ACM_OK) {
            code = acm_cert_decode(entry.data, entry.len, &cert);
        }

        if (code == ACM_NOMEM) {
            rc = code;
            break;
        }

        if (code == ACM_OK) {
            acm_census_cert(&walk->counts, &cert, now);
            acm_cert_free(&cert);

        } else {
            walk->counts.unreadable++;
        }

        rc = acm_store_next(snap, ACM_DB_CERTIFICATE, &entry);
    }

    acm_store_end(snap);

    if (rc == ACM_OK || rc == ACM_CORRUPT) {
        return ACM_OK;
    }

    if (rc != ACM_NOTFOUND) {
        memset(walk, 0, sizeof(acm_census_walk_t));
        return acm_fail(err, rc, "certificates cannot be counted: %s",
                        acm_rc_text(rc));
    }

    walk->counts.at = now;
    *done = walk->counts;
    memset(walk, 0, sizeof(acm_census_walk_t));

    return ACM_NOTFOUND;
}


/* The next step begins at the first key behind this one. */

static void
acm_census_behind(acm_census_walk_t *walk, const acm_entry_t *entry)
{
    size_t  len;

    len = entry->key_len;

    if (len >= ACM_MAX_STORE_KEY) {
        len = ACM_MAX_STORE_KEY - 1;
    }

    memcpy(walk->key, entry->key, len);
    walk->key[len] = 0;
    walk->len = len + 1;
}


static void
acm_census_cert(acm_census_t *c, const acm_cert_t *cert, int64_t now)
{
    unsigned  i;

    if ((unsigned) cert->type < ACM_CENSUS_TYPES
        && (unsigned) cert->status < ACM_CENSUS_STATUSES)
    {
        c->certificates[cert->type][cert->status]++;
    }

    if (*cert->last_error != '\0') {
        c->failing++;
    }

    if (cert->not_after > now && cert->status == ACM_STATUS_ISSUED) {

        for (i = 0; i < ACM_CENSUS_WINDOWS; i++) {
            if (cert->not_after - now <= acm_census_windows[i]) {
                c->expiring[i]++;
            }
        }
    }

    /* what nobody renews any more is told of by its end alone */

    if (!acm_watch_renews(cert)) {
        return;
    }

    if (cert->version != 0 && cert->not_after <= now) {

        if (c->expired++ == 0) {
            (void) snprintf(c->first_expired, sizeof(c->first_expired), "%s",
                            cert->domain);
        }

    } else if (cert->overdue
               || (cert->version != 0 && now >= acm_watch_overdue_at(cert)))
    {
        if (c->overdue++ == 0) {
            (void) snprintf(c->first_overdue, sizeof(c->first_overdue), "%s",
                            cert->domain);
        }
    }
}
