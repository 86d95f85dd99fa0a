
/*
 * Copyright (C) The ngx_acm authors
 *
 * The commands of acmctl about revocation: revoke, revocations.
 */


#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acmctl.h"
#include "../shared/acm_revocation.h"


#define ACMCTL_MAX_REASON  32
#define ACMCTL_PIECE       128           /* read in one snapshot */


typedef struct {
    FILE     *out;
    size_t    n;                         /* in all pieces */
} acmctl_revocations_t;


static acm_revocation_e acmctl_reason(const char *text);
static int acmctl_revoke_do(acmctl_t *ctl, const acm_ref_t *ref,
    uint32_t version, acm_revocation_e reason);
static int acmctl_revocations_piece(acmctl_t *ctl, const char *issuer,
    acm_revocation_walk_t *walk, acmctl_revocations_t *list);
static acm_rc_t acmctl_revocation_print(void *data,
    const acm_revocation_t *r);
static acm_rc_t acmctl_revocation_json(void *data,
    const acm_revocation_t *r);
static int acmctl_json_time(json_t *o, const char *name, int64_t t);


int
acmctl_revoke(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "reason", required_argument, NULL, 'r' },
        { "version", required_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 }
    };

    int                ch;
    acm_ref_t          ref;
    uint32_t           version;
    acm_revocation_e   reason;

    version = 0;
    reason = ACM_REVOKED_UNSPECIFIED;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {

        switch (ch) {

        case 'r':
            reason = acmctl_reason(optarg);

            if (reason == ACM_REVOKED_NOT) {
                return acmctl_fail("\"%s\" is no reason: it is one of "
                                   "unspecified, key_compromise, "
                                   "ca_compromise, affiliation_changed, "
                                   "superseded, cessation_of_operation, "
                                   "certificate_hold, remove_from_crl, "
                                   "privilege_withdrawn, a_a_compromise",
                                   optarg);
            }

            break;

        case 'v':
            if (acmctl_number(optarg, &version) != ACMCTL_OK) {
                return ACMCTL_USAGE;
            }

            break;

        default:
            return ACMCTL_USAGE;
        }
    }

    if (optind + 1 != argc) {
        return ACMCTL_USAGE;
    }

    if (acmctl_parse_arn(ctl, argv[optind], &ref) != ACMCTL_OK
        || acmctl_open(ctl, 0, 0) != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    return acmctl_revoke_do(ctl, &ref, version, reason);
}


/* As in ACM's API, in any case, and with "-" for "_" if one likes that. */

static acm_revocation_e
acmctl_reason(const char *text)
{
    char    name[ACMCTL_MAX_REASON];
    size_t  i, len;

    len = strlen(text);

    if (len >= sizeof(name)) {
        return ACM_REVOKED_NOT;
    }

    for (i = 0; i <= len; i++) {
        name[i] = (text[i] == '-') ? '_'
                  : (char) toupper((unsigned char) text[i]);
    }

    return acm_revocation_parse(name);
}


static int
acmctl_revoke_do(acmctl_t *ctl, const acm_ref_t *ref, uint32_t version,
    acm_revocation_e reason)
{
    acm_rc_t     rc;
    unsigned     n;
    uint64_t     revision;
    acm_err_t    err;
    acm_cert_t   cert;
    acm_snap_t  *snap;

    n = 0;

    do {
        if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
            return acmctl_fail("%s", err.text);
        }

        rc = acm_cert_get(snap, ref->account, ref->region, ref->uuid, &cert,
                          &revision);
        acm_store_end(snap);

        if (rc != ACM_OK) {
            return acmctl_fail("certificate %s: %s", ref->uuid,
                               acm_rc_text(rc));
        }

        rc = acm_certificate_revoke(ctl->store, &cert, revision, version,
                                    reason, acm_now(), &err);
        acm_cert_free(&cert);

    } while (rc == ACM_CONFLICT && ++n < ACM_REVOKE_TRIES);

    return (rc == ACM_OK) ? ACMCTL_OK
                          : acmctl_fail("%s; nothing was changed", err.text);
}


int
acmctl_revocations(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "json", no_argument, NULL, 'j' },
        { NULL, 0, NULL, 0 }
    };

    int                     ch, rc;
    acmctl_revocations_t    list;
    acm_revocation_walk_t   walk;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (ch != 'j') {
            return ACMCTL_USAGE;
        }

        ctl->json = 1;
    }

    if (argc - optind > 1) {
        return ACMCTL_USAGE;
    }

    if (acmctl_open(ctl, 0, 0) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    memset(&walk, 0, sizeof(acm_revocation_walk_t));
    list.n = 0;
    rc = ACMCTL_OK;

    fputs(ctl->json ? "[" : "", stdout);

    while (!walk.end && !ferror(stdout)) {
        rc |= acmctl_revocations_piece(ctl, argv[optind], &walk, &list);
    }

    fputs(ctl->json ? "]\n" : "", stdout);

    return rc;
}


/* The output may be slow, and an open snapshot keeps pages of the store from
   being used again: a piece is made into text, then printed. */

static int
acmctl_revocations_piece(acmctl_t *ctl, const char *issuer,
    acm_revocation_walk_t *walk, acmctl_revocations_t *list)
{
    char        *text;
    size_t       len;
    acm_rc_t     rc;
    acm_err_t    err;
    acm_snap_t  *snap;

    walk->end = 1;

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    text = NULL;
    len = 0;
    list->out = open_memstream(&text, &len);

    rc = (list->out == NULL)
         ? ACM_NOMEM
         : acm_revocation_some(snap, issuer, walk, ACMCTL_PIECE,
                               ctl->json ? acmctl_revocation_json
                                         : acmctl_revocation_print, list);

    acm_store_end(snap);

    if (list->out != NULL && fclose(list->out) != 0) {
        rc = ACM_NOMEM;
    }

    if (text != NULL) {
        (void) fwrite(text, 1, len, stdout);
        free(text);
    }

    if (rc == ACM_CORRUPT) {
        return acmctl_fail("some that are in the list cannot be read, see "
                           "\"acmctl verify\"");
    }

    if (rc != ACM_OK) {
        walk->end = 1;
        return acmctl_fail("the list is cut short: %s", acm_rc_text(rc));
    }

    return ACMCTL_OK;
}


static acm_rc_t
acmctl_revocation_print(void *data, const acm_revocation_t *r)
{
    acmctl_revocations_t  *list = data;

    char  arn[ACM_MAX_ARN], at[32];

    fprintf(list->out, "%s %s %s %s %s %s version %u%s%s\n", r->issuer,
            r->serial, acm_time_text(r->at, at),
            acm_revocation_text(r->reason), acm_revoking_text(r->state),
            acm_arn_text(arn, r->account, r->region, r->uuid),
            (unsigned) r->version, (*r->error == '\0') ? "" : " ", r->error);

    return ACM_OK;
}


static acm_rc_t
acmctl_revocation_json(void *data, const acm_revocation_t *r)
{
    acmctl_revocations_t  *list = data;

    int         rc;
    char        arn[ACM_MAX_ARN];
    json_t     *o;
    acm_err_t   err;
    acm_str_t   text;

    o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s}",
                  "Issuer", r->issuer, "Serial", r->serial,
                  "CertificateArn", acm_arn_text(arn, r->account, r->region,
                                                 r->uuid),
                  "DomainName", r->domain, "Version", (int) r->version,
                  "RevocationReason", acm_revocation_text(r->reason),
                  "RevocationStatus", acm_revoking_text(r->state));

    if (o == NULL) {
        return ACM_NOMEM;
    }

    rc = acmctl_json_time(o, "RevokedAt", r->at);
    rc |= acmctl_json_time(o, "NotAfter", r->not_after);
    rc |= acmctl_json_time(o, "EndedAt", r->ended_at);
    rc |= acmctl_json_time(o, "NextAttemptAt", r->due_at);
    rc |= json_object_set_new(o, "Attempts", json_integer(r->attempts));

    if (*r->error != '\0') {
        rc |= json_object_set_new(o, "LastError", acm_json_clean(r->error));
    }

    if (rc != 0 || acm_json_text(o, 0, &text, &err) != ACM_OK) {
        json_decref(o);
        return ACM_NOMEM;
    }

    json_decref(o);

    fputs(list->n++ ? ",\n" : "\n", list->out);
    (void) fwrite(text.data, 1, text.len - 1, list->out);
    acm_free(text.data);

    return ACM_OK;
}


static int
acmctl_json_time(json_t *o, const char *name, int64_t t)
{
    char  text[32];

    return (t == 0) ? 0
           : json_object_set_new(o, name,
                                 json_string(acm_time_text(t, text)));
}
