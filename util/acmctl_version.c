
/*
 * Copyright (C) The ngx_acm authors
 *
 * The commands of acmctl about versions: versions, rollback.
 */


#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acmctl.h"


static void acmctl_print_versions(const acm_cert_t *cert,
    const acm_version_t *list, size_t n);
static int acmctl_json_versions(const acm_cert_t *cert,
    const acm_version_t *list, size_t n);
static json_t *acmctl_json_version(const acm_cert_t *cert,
    const acm_version_t *v);


int
acmctl_versions(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "json", no_argument, NULL, 'j' },
        { NULL, 0, NULL, 0 }
    };

    int             ch, rc;
    size_t          n;
    acm_rc_t        code;
    acm_err_t       err;
    acm_ref_t       ref;
    acm_cert_t      cert;
    acm_snap_t     *snap;
    acm_version_t   list[ACM_MAX_VERSIONS];

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (ch != 'j') {
            return ACMCTL_USAGE;
        }

        ctl->json = 1;
    }

    if (optind + 1 != argc) {
        return ACMCTL_USAGE;
    }

    if (acmctl_parse_arn(ctl, argv[optind], &ref) != ACMCTL_OK
        || acmctl_open(ctl, 0, 0) != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    code = acm_cert_get(snap, ref.account, ref.region, ref.uuid, &cert, NULL);

    if (code != ACM_OK) {
        acm_store_end(snap);
        return acmctl_fail("certificate %s: %s", ref.uuid,
                           acm_rc_text(code));
    }

    code = acm_certificate_versions(snap, ref.uuid, list, &n, &err);

    acm_store_end(snap);

    rc = ACMCTL_OK;

    if (code != ACM_OK) {
        rc = acmctl_fail("%s", err.text);

    } else if (ctl->json) {
        rc = acmctl_json_versions(&cert, list, n);

    } else {
        acmctl_print_versions(&cert, list, n);
    }

    acm_cert_free(&cert);

    return rc;
}


static void
acmctl_print_versions(const acm_cert_t *cert, const acm_version_t *list,
    size_t n)
{
    char    from[32], to[32];
    size_t  i;

    for (i = 0; i < n; i++) {

        if (list[i].rc != ACM_OK) {
            printf("%u %s%s\n", (unsigned) list[i].version,
                   acm_rc_text(list[i].rc),
                   (list[i].version == cert->version) ? " current" : "");
            continue;
        }

        printf("%u %s %s %s%s%s\n", (unsigned) list[i].version,
               list[i].serial, acm_time_text(list[i].not_before, from),
               acm_time_text(list[i].not_after, to),
               (list[i].version == cert->version) ? " current" : "",
               (list[i].not_after <= acm_now()) ? " expired" : "");
    }
}


static int
acmctl_json_versions(const acm_cert_t *cert, const acm_version_t *list,
    size_t n)
{
    size_t      i;
    json_t     *json, *v;
    acm_rc_t    rc;
    acm_err_t   err;
    acm_str_t   text;

    json = json_array();
    rc = (json == NULL) ? ACM_NOMEM : ACM_OK;

    for (i = 0; rc == ACM_OK && i < n; i++) {
        v = acmctl_json_version(cert, &list[i]);

        if (v == NULL || json_array_append_new(json, v) != 0) {
            rc = ACM_NOMEM;
        }
    }

    if (rc != ACM_OK) {
        (void) acm_fail(&err, rc, "no memory for JSON");

    } else {
        rc = acm_json_text(json, 1, &text, &err);
    }

    json_decref(json);

    if (rc != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    (void) fwrite(text.data, 1, text.len, stdout);
    acm_free(text.data);

    return ACMCTL_OK;
}


static json_t *
acmctl_json_version(const acm_cert_t *cert, const acm_version_t *v)
{
    int      rc;
    char     from[32], to[32];
    json_t  *o;

    o = json_object();
    if (o == NULL) {
        return NULL;
    }

    rc = json_object_set_new(o, "Version", json_integer(v->version));
    rc |= json_object_set_new(o, "Current",
                              json_boolean(v->version == cert->version));

    if (v->rc == ACM_OK) {
        rc |= json_object_set_new(o, "Serial", json_string(v->serial));
        rc |= json_object_set_new(o, "NotBefore",
                                  json_string(acm_time_text(v->not_before,
                                                            from)));
        rc |= json_object_set_new(o, "NotAfter",
                                  json_string(acm_time_text(v->not_after,
                                                            to)));

    } else {
        rc |= json_object_set_new(o, "Fault",
                                  json_string(acm_rc_text(v->rc)));
    }

    if (rc != 0) {
        json_decref(o);
        return NULL;
    }

    return o;
}


int
acmctl_rollback(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "version", required_argument, NULL, 'v' },
        { "force", no_argument, NULL, 'f' },
        { NULL, 0, NULL, 0 }
    };

    int         ch, forced;
    acm_err_t   err;
    acm_ref_t   ref;
    uint32_t    version;

    version = 0;
    forced = 0;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {

        switch (ch) {

        case 'v':
            if (acmctl_number(optarg, &version) != ACMCTL_OK) {
                return ACMCTL_USAGE;
            }

            break;

        case 'f':
            forced = 1;
            break;

        default:
            return ACMCTL_USAGE;
        }
    }

    if (optind + 1 != argc) {
        return ACMCTL_USAGE;
    }

    if (acmctl_parse_arn(ctl, argv[optind], &ref) != ACMCTL_OK
        || acmctl_open(ctl, 0, 1) != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    if (acm_certificate_rollback(ctl->ring, ref.account, ref.region, ref.uuid,
                                 &version, forced, acm_now(), &err)
        != ACM_OK)
    {
        return acmctl_fail("%s; nothing was changed", err.text);
    }

    printf("version %u is in use\n", (unsigned) version);

    return ACMCTL_OK;
}


int
acmctl_number(const char *text, uint32_t *n)
{
    char                *end;
    unsigned long long   value;

    if (*text < '0' || *text > '9') {
        return ACMCTL_USAGE;
    }

    errno = 0;
    value = strtoull(text, &end, 10);

    if (errno != 0 || *end != '\0' || value == 0 || value > UINT32_MAX) {
        return ACMCTL_USAGE;
    }

    *n = (uint32_t) value;

    return ACMCTL_OK;
}
