
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


static int acmctl_flag_json(acmctl_t *ctl, int argc, char **argv);
static int acmctl_show_name(acmctl_t *ctl, const char *name);
static int acmctl_print(acmctl_t *ctl, acm_snap_t *snap,
    const acm_ref_t *ref);
static void acmctl_print_cert(const acm_cert_t *cert);
static int acmctl_print_json(json_t *json);


static int
acmctl_flag_json(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "json", no_argument, NULL, 'j' },
        { NULL, 0, NULL, 0 }
    };

    int  ch;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (ch != 'j') {
            return ACMCTL_USAGE;
        }

        ctl->json = 1;
    }

    return ACMCTL_OK;
}


int
acmctl_list(acmctl_t *ctl, int argc, char **argv)
{
    int           rc;
    json_t       *list;
    acm_rc_t      code;
    acm_err_t     err;
    acm_cert_t    cert;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    if (acmctl_flag_json(ctl, argc, argv) != ACMCTL_OK || optind != argc) {
        return ACMCTL_USAGE;
    }

    if (acmctl_open(ctl, 0, 0) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = ACMCTL_OK;
    list = json_array();

    for (code = acm_store_seek(snap, ACM_DB_CERTIFICATE, NULL, 0, &entry);
         code == ACM_OK || (code == ACM_CORRUPT && entry.key != NULL);
         code = acm_store_next(snap, ACM_DB_CERTIFICATE, &entry))
    {
        memset(&cert, 0, sizeof(acm_cert_t));

        if (code == ACM_OK) {
            code = acm_cert_decode(entry.data, entry.len, &cert);
        }

        if (code != ACM_OK) {
            rc = acmctl_fail("certificate \"%.*s\": %s", (int) entry.key_len,
                             (const char *) entry.key, acm_rc_text(code));

        } else if (ctl->json) {
            (void) json_array_append_new(list,
                                         acm_json_cert(&cert, acm_now()));

        } else {
            acmctl_print_cert(&cert);
        }

        acm_cert_free(&cert);
    }

    acm_store_end(snap);

    if (code != ACM_NOTFOUND) {
        rc = acmctl_fail("the list is cut short: %s", acm_rc_text(code));
    }

    if (ctl->json && acmctl_print_json(list) != ACMCTL_OK) {
        rc = ACMCTL_FAULT;
    }

    json_decref(list);

    return rc;
}


static void
acmctl_print_cert(const acm_cert_t *cert)
{
    char  arn[ACM_MAX_ARN], end[32];

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);

    printf("%s %s %s %s %s\n", arn, acm_status_text(cert->status),
           acm_key_text(cert->key),
           cert->not_after ? acm_time_text(cert->not_after, end) : "-",
           cert->domain);
}


static int
acmctl_print_json(json_t *json)
{
    acm_err_t  err;
    acm_str_t  text;

    if (acm_json_text(json, 1, &text, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    (void) fwrite(text.data, 1, text.len, stdout);
    acm_free(text.data);

    return ACMCTL_OK;
}


int
acmctl_show(acmctl_t *ctl, int argc, char **argv)
{
    int          rc;
    acm_err_t    err;
    acm_ref_t    ref;
    acm_snap_t  *snap;

    if (acmctl_flag_json(ctl, argc, argv) != ACMCTL_OK || optind + 1 != argc)
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

    rc = acmctl_print(ctl, snap, &ref);

    acm_store_end(snap);

    return rc;
}


/* What a client that asks for the name is served now. */

static int
acmctl_show_name(acmctl_t *ctl, const char *name)
{
    int              rc;
    char             host[ACM_MAX_NAME + 1];
    acm_err_t        err;
    acm_ref_t        ref;
    acm_snap_t      *snap;
    acm_found_t      found;
    acm_material_t   m;
    acm_name_rec_t  *rec[2];
    size_t           i;

    if (acm_name_sni((const uint8_t *) name, strlen(name), host) != ACM_OK) {
        return acmctl_fail("\"%s\" is no ARN, no UUID and no host name",
                           name);
    }

    if (acmctl_open(ctl, 0, 0) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    if (acm_find_name(snap, host, acm_now(), &found) != ACM_OK) {
        acm_store_end(snap);
        return acmctl_fail("no certificate for \"%s\"", host);
    }

    rc = ACMCTL_OK;
    rec[0] = &found.ec;
    rec[1] = &found.rsa;

    for (i = 0; i < 2; i++) {

        if (rec[i]->key == ACM_KEY_NONE) {
            continue;
        }

        memset(&ref, 0, sizeof(acm_ref_t));

        if (acm_material_get(snap, rec[i]->uuid, rec[i]->version, &m)
            != ACM_OK)
        {
            rc = acmctl_fail("certificate %s has no material", rec[i]->uuid);
            continue;
        }

        memcpy(ref.uuid, rec[i]->uuid, sizeof(ref.uuid));
        (void) snprintf(ref.account, sizeof(ref.account), "%s", m.account);
        (void) snprintf(ref.region, sizeof(ref.region), "%s", m.region);
        acm_material_free(&m);

        if (acmctl_print(ctl, snap, &ref) != ACMCTL_OK) {
            rc = ACMCTL_FAULT;
        }
    }

    acm_store_end(snap);

    return rc;
}


static int
acmctl_print(acmctl_t *ctl, acm_snap_t *snap, const acm_ref_t *ref)
{
    int          rc;
    json_t      *json, *value;
    size_t       i;
    acm_rc_t     code;
    acm_cert_t   cert;
    const char  *key;

    code = acm_cert_get(snap, ref->account, ref->region, ref->uuid, &cert,
                        NULL);

    if (code != ACM_OK) {
        return acmctl_fail("certificate %s: %s", ref->uuid,
                           acm_rc_text(code));
    }

    rc = ACMCTL_OK;
    json = acm_json_cert(&cert, acm_now());

    if (ctl->json) {
        rc = acmctl_print_json(json);

    } else {
        json_object_foreach(json, key, value) {
            if (json_is_string(value)) {
                printf("%-20s %s\n", key, json_string_value(value));

            } else if (json_is_integer(value)) {
                printf("%-20s %lld\n", key, json_integer_value(value));
            }
        }

        for (i = 0; i < cert.nnames; i++) {
            printf("%-20s %s\n", i ? "" : "Names", cert.names[i]);
        }
    }

    json_decref(json);
    acm_cert_free(&cert);

    return rc;
}
