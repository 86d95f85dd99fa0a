
/*
 * Copyright (C) The ngx_acm authors
 *
 * The commands of acmctl that read files of the operator: import, rekey.
 */


#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acmctl_bulk.h"


#define ACMCTL_MAX_LINEAGES  10000       /* of a certbot directory */
#define ACMCTL_MAX_PATH      4096


typedef struct {
    const char     *name;                /* of its directory */
    acm_bundle_t    bundle;
} acmctl_lineage_t;


static int acmctl_parse_bundle(const char *cert, const char *key,
    const char *chain, acm_bundle_t *bundle);
static int acmctl_import_one(acmctl_t *ctl, const acm_bundle_t *bundle,
    const char *uuid, const char *what);
static void acmctl_imported(acmctl_t *ctl, const acm_bundle_t *bundle,
    const char *uuid, const char *what);
static int acmctl_certbot(acmctl_t *ctl, const char *dir);
static int acmctl_certbot_import(acmctl_t *ctl,
    const acmctl_lineage_t *lineage);
static int acmctl_certbot_names(const char *dir, struct dirent ***names,
    char *live);
static int acmctl_certbot_read(const char *live, const char *name,
    acm_bundle_t *bundle);
static int acmctl_path(char *path, const char *dir, const char *name,
    const char *file);
static int acmctl_visible(const struct dirent *d);
static int acmctl_rekey_check(acmctl_t *ctl);
static int acmctl_rekey_done(acmctl_t *ctl, const acm_key_secret_t *key);


int
acmctl_import(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "cert", required_argument, NULL, 'c' },
        { "key", required_argument, NULL, 'k' },
        { "chain", required_argument, NULL, 'n' },
        { "arn", required_argument, NULL, 'a' },
        { "certbot", required_argument, NULL, 'b' },
        { "bulk", required_argument, NULL, 'u' },
        { NULL, 0, NULL, 0 }
    };

    int            ch, rc;
    acm_ref_t      ref;
    const char    *cert, *key, *chain, *arn, *certbot, *bulk;
    acm_bundle_t   bundle;

    cert = key = chain = arn = certbot = bulk = NULL;
    memset(&ref, 0, sizeof(acm_ref_t));

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {

        switch (ch) {
        case 'c': cert = optarg; break;
        case 'k': key = optarg; break;
        case 'n': chain = optarg; break;
        case 'a': arn = optarg; break;
        case 'b': certbot = optarg; break;
        case 'u': bulk = optarg; break;
        default:  return ACMCTL_USAGE;
        }
    }

    if (optind != argc) {
        return ACMCTL_USAGE;
    }

    if (bulk != NULL || certbot != NULL) {
        if (cert || key || chain || arn || (bulk && certbot)) {
            return ACMCTL_USAGE;
        }

        return bulk ? acmctl_bulk(ctl, bulk) : acmctl_certbot(ctl, certbot);
    }

    if (cert == NULL || key == NULL) {
        return ACMCTL_USAGE;
    }

    if (arn != NULL) {
        if (acmctl_parse_arn(ctl, arn, &ref) != ACMCTL_OK) {
            return ACMCTL_FAULT;
        }

        ctl->account = ref.account;
        ctl->region = ref.region;
    }

    /* files first: opening the store gives root's rights up */

    if (acmctl_parse_bundle(cert, key, chain, &bundle) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    rc = acmctl_open(ctl, 1, 1);

    if (rc == ACMCTL_OK) {
        rc = acmctl_import_one(ctl, &bundle, ref.uuid, cert);
    }

    acm_bundle_free(&bundle);

    return rc;
}


static int
acmctl_parse_bundle(const char *cert, const char *key, const char *chain,
    acm_bundle_t *bundle)
{
    int        rc;
    acm_err_t  err;
    acm_str_t  cert_pem, key_pem, chain_pem;

    memset(&cert_pem, 0, sizeof(acm_str_t));
    memset(&key_pem, 0, sizeof(acm_str_t));
    memset(&chain_pem, 0, sizeof(acm_str_t));

    rc = acmctl_read_file(cert, &cert_pem);

    if (rc == ACMCTL_OK) {
        rc = acmctl_read_file(key, &key_pem);
    }

    if (rc == ACMCTL_OK && chain != NULL) {
        rc = acmctl_read_file(chain, &chain_pem);
    }

    if (rc == ACMCTL_OK
        && acm_bundle_parse(&cert_pem, &key_pem, &chain_pem, acm_now(),
                            bundle, &err)
           != ACM_OK)
    {
        rc = acmctl_fail("\"%s\" cannot be imported: %s", cert, err.text);
    }

    acm_free(cert_pem.data);
    acm_free_secret(key_pem.data, key_pem.len);
    acm_free(chain_pem.data);

    return rc;
}


static int
acmctl_import_one(acmctl_t *ctl, const acm_bundle_t *bundle,
    const char *uuid, const char *what)
{
    char            id[ACM_UUID_LEN + 1];
    acm_err_t       err;
    acm_install_t   install;

    memset(id, 0, sizeof(id));
    memcpy(id, uuid, strnlen(uuid, ACM_UUID_LEN));

    memset(&install, 0, sizeof(acm_install_t));
    install.now = acm_now();
    install.issued_by = "";

    if (acm_certificate_import(ctl->ring, ctl->account, ctl->region, bundle,
                               &install, id, &err)
        != ACM_OK)
    {
        return acmctl_fail("\"%s\" cannot be imported: %s", what, err.text);
    }

    acmctl_imported(ctl, bundle, id, what);

    return ACMCTL_OK;
}


static void
acmctl_imported(acmctl_t *ctl, const acm_bundle_t *bundle, const char *uuid,
    const char *what)
{
    char  arn[ACM_MAX_ARN];

    if (bundle->info.cn_only) {
        fprintf(stderr, "acmctl: warning: \"%s\" names its host in the "
                "common name only: most clients will refuse it\n", what);
    }

    printf("%s %s\n", acm_arn_text(arn, ctl->account, ctl->region, uuid),
           bundle->info.domain);
}


/* All that can be read is read and checked before the store is opened; what
   is bad is told and does not keep the others out. */

static int
acmctl_certbot(acmctl_t *ctl, const char *dir)
{
    int                 n, i, rc, good;
    char                live[ACMCTL_MAX_PATH];
    struct dirent     **names;
    acmctl_lineage_t   *lineages;

    n = acmctl_certbot_names(dir, &names, live);

    if (n < 0) {
        return ACMCTL_FAULT;
    }

    rc = ACMCTL_OK;
    good = 0;
    lineages = acm_calloc((size_t) n + 1, sizeof(acmctl_lineage_t));

    for (i = 0; lineages != NULL && i < n; i++) {
        if (acmctl_certbot_read(live, names[i]->d_name,
                                &lineages[good].bundle)
            == ACMCTL_OK)
        {
            lineages[good++].name = names[i]->d_name;

        } else {
            rc = ACMCTL_FAULT;
        }
    }

    if (good == 0) {
        rc = acmctl_fail("\"%s\" has no certificate that can be imported",
                         live);

    } else if (acmctl_open(ctl, 1, 1) != ACMCTL_OK) {
        rc = ACMCTL_FAULT;

    } else {
        for (i = 0; i < good; i++) {
            if (acmctl_certbot_import(ctl, &lineages[i]) != ACMCTL_OK) {
                rc = ACMCTL_FAULT;
            }
        }
    }

    for (i = 0; i < good; i++) {
        acm_bundle_free(&lineages[i].bundle);
    }

    for (i = 0; i < n; i++) {
        free(names[i]);
    }

    free(names);
    acm_free(lineages);

    return rc;
}


static int
acmctl_certbot_import(acmctl_t *ctl, const acmctl_lineage_t *lineage)
{
    char            arn[ACM_MAX_ARN];
    acm_err_t       err;
    acm_imported_t  item;

    memset(&item, 0, sizeof(acm_imported_t));
    item.bundle = lineage->bundle;               /* borrowed */

    if (acm_import_many(ctl->ring, ctl->account, ctl->region, &item, 1, 0,
                        acm_now(), &err)
        != ACM_OK)
    {
        return acmctl_fail("\"%s\" cannot be imported: %s", lineage->name,
                           err.text);
    }

    if (item.rc != ACM_OK) {
        return acmctl_fail("\"%s\" cannot be imported: %s", lineage->name,
                           item.err.text);
    }

    if (item.there) {
        printf("%s %s is there already\n",
               acm_arn_text(arn, ctl->account, ctl->region, item.uuid),
               lineage->name);

    } else {
        acmctl_imported(ctl, &item.bundle, item.uuid, lineage->name);
    }

    return ACMCTL_OK;
}


/* The subdirectories of DIR/live, or of DIR if it has no "live". */

static int
acmctl_certbot_names(const char *dir, struct dirent ***names, char *live)
{
    int  n;

    if (acmctl_path(live, dir, "live", NULL) != ACMCTL_OK) {
        return -1;
    }

    n = scandir(live, names, acmctl_visible, alphasort);

    if (n == -1 && errno == ENOENT) {
        if (acmctl_path(live, dir, NULL, NULL) != ACMCTL_OK) {
            return -1;
        }

        n = scandir(live, names, acmctl_visible, alphasort);
    }

    if (n == -1) {
        (void) acmctl_fail("cannot read \"%s\": %s", live, strerror(errno));
        return -1;
    }

    if (n > ACMCTL_MAX_LINEAGES) {
        (void) acmctl_fail("\"%s\" has more than %d entries", live,
                           ACMCTL_MAX_LINEAGES);

        while (n > 0) {
            free((*names)[--n]);
        }

        free(*names);
        return -1;
    }

    return n;
}


static int
acmctl_visible(const struct dirent *d)
{
    return d->d_name[0] != '.' && strcmp(d->d_name, "README") != 0;
}


static int
acmctl_path(char *path, const char *dir, const char *name, const char *file)
{
    int  n;

    n = snprintf(path, ACMCTL_MAX_PATH, "%s%s%s%s%s", dir, name ? "/" : "",
                 name ? name : "", file ? "/" : "", file ? file : "");

    return (n > 0 && n < ACMCTL_MAX_PATH)
           ? ACMCTL_OK : acmctl_fail("the path \"%s\" is too long", dir);
}


static int
acmctl_certbot_read(const char *live, const char *name, acm_bundle_t *bundle)
{
    char  cert[ACMCTL_MAX_PATH], key[ACMCTL_MAX_PATH],
          chain[ACMCTL_MAX_PATH];

    if (acmctl_path(cert, live, name, "cert.pem") != ACMCTL_OK
        || acmctl_path(key, live, name, "privkey.pem") != ACMCTL_OK
        || acmctl_path(chain, live, name, "chain.pem") != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    return acmctl_parse_bundle(cert, key, chain, bundle);
}


int
acmctl_rekey(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "new-master-key", required_argument, NULL, 'n' },
        { NULL, 0, NULL, 0 }
    };

    int                ch, rc;
    acm_rc_t           code;
    acm_err_t          err;
    unsigned           damaged;
    const char        *path;
    acm_key_secret_t   key;

    path = NULL;
    damaged = 0;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (ch != 'n') {
            return ACMCTL_USAGE;
        }

        path = optarg;
    }

    if (path == NULL || optind != argc) {
        return ACMCTL_USAGE;
    }

    if (acmctl_read_key(ctl) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    /* the new key is safe on disk before anything depends on it */

    code = acm_master_key_read(path, &key, &err);

    if (code == ACM_NOTFOUND) {

        /* no new file for an old key that is wrong */

        if (acmctl_rekey_check(ctl) != ACMCTL_OK) {
            return ACMCTL_FAULT;
        }

        code = acm_master_key_create(path, &key, &err);
    }

    if (code != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = acmctl_open(ctl, 0, 0);

    if (rc == ACMCTL_OK && !acmctl_rekey_done(ctl, &key)
        && acm_keyring_rekey(ctl->store, &ctl->master_secret, &key, &damaged,
                             &err)
           != ACM_OK)
    {
        rc = acmctl_fail("%s; nothing was changed", err.text);
    }

    acm_key_wipe(&key);

    if (rc == ACMCTL_OK && damaged != 0) {

        /* done all the same: the new file is needed */

        (void) acmctl_fail("%u data keys are damaged and were left as they "
                           "are: nothing of their accounts and regions can be "
                           "opened, \"acmctl verify\" says which", damaged);
    }

    if (rc == ACMCTL_OK) {
        printf("the store is sealed under \"%s\" now: put that file in the "
               "place of \"%s\" and reload nginx\n", path, ctl->key_path);
    }

    return rc;
}


/* Whether the old key opens the store, by a child: opening the store gives
   root's rights up, which the new key file is made with. */

static int
acmctl_rekey_check(acmctl_t *ctl)
{
    int    status;
    pid_t  pid;

    pid = fork();

    if (pid == -1) {
        return acmctl_fail("fork: %s", strerror(errno));
    }

    if (pid == 0) {
        _exit(acmctl_open(ctl, 0, 1));
    }

    while (waitpid(pid, &status, 0) == -1) {
        if (errno != EINTR) {
            return acmctl_fail("waitpid: %s", strerror(errno));
        }
    }

    return (WIFEXITED(status) && WEXITSTATUS(status) == ACMCTL_OK)
           ? ACMCTL_OK : acmctl_fail("nothing was changed");
}


/* 1 if a run that was cut short after its commit has rekeyed the store. */

static int
acmctl_rekey_done(acmctl_t *ctl, const acm_key_secret_t *key)
{
    acm_err_t       err;
    acm_keyring_t  *ring;

    if (acm_keyring_open(ctl->store, key, 0, &ring, &err) != ACM_OK) {
        return 0;
    }

    acm_keyring_close(ring);

    return 1;
}
