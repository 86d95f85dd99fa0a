
/*
 * Copyright (C) The ngx_acm authors
 *
 * For tests and measurements: puts certificates into the store of an nginx,
 * as its owner; or writes them into files.
 */


#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fill.h"
#include "fill_shown.h"


typedef struct {
    fill_t            f;
    const char       *path;              /* of the store, NULL: files */
    const char       *ca;
    const char       *key_file;
    int               evil;
    acm_key_secret_t  master_secret;
} fill_options_t;


static void
fill_usage(void)
{
    fputs("usage: fill [-e] STORE FROM TO\n"
          "       fill -c DIR -m KEY_FILE [-r] [-i ISSUER [-d N]] STORE FROM "
          "TO\n"
          "       fill -c DIR -m KEY_FILE [-r] -R N STORE FROM TO\n"
          "       fill -c DIR [-r] FROM TO\n"
          "\n"
          "Certificates with the numbers FROM to before TO: what the status "
          "page shows,\n"
          "with records and indices only; what can be served, for "
          "n0000000.example.com\n"
          "and so on, by a CA in DIR; new versions of those; or as N.crt and "
          "N.key in DIR.\n"
          "\n"
          "  -e         with texts that no page may take for markup\n"
          "  -c DIR     root.pem, ca.pem and ca.key, made if they are not "
          "there\n"
          "  -m FILE    the master key\n"
          "  -r         RSA-2048 keys (default: ECDSA P-256)\n"
          "  -i ISSUER  issued by this one, not imported\n"
          "  -d N       the first N of them are to be renewed now\n"
          "  -R N       replaces N a second, at random, until SIGTERM\n",
          stderr);

    exit(2);
}


static uint32_t
fill_number(const char *s)
{
    char           *end;
    unsigned long   n;

    errno = 0;
    n = strtoul(s, &end, 10);

    if (errno || end == s || *end != '\0' || n > FILL_MAX) {
        fprintf(stderr, "fill: \"%s\" is no number up to %d\n", s, FILL_MAX);
        exit(2);
    }

    return (uint32_t) n;
}


static void
fill_parse(fill_options_t *o, int argc, char **argv)
{
    int  ch;

    o->f.key = ACM_KEY_EC_P256;
    o->f.now = acm_now();

    while ((ch = getopt(argc, argv, "ec:m:ri:d:R:")) != -1) {
        switch (ch) {
        case 'e': o->evil = 1; break;
        case 'c': o->ca = optarg; break;
        case 'm': o->key_file = optarg; break;
        case 'r': o->f.key = ACM_KEY_RSA_2048; break;
        case 'i': o->f.issuer = optarg; break;
        case 'd': o->f.due = fill_number(optarg); break;
        case 'R': o->f.rate = fill_number(optarg); break;
        default:  fill_usage();
        }
    }

    if (argc - optind == 3) {
        o->path = argv[optind++];
    }

    if (argc - optind != 2 || (o->path == NULL) != (o->ca && !o->key_file)
        || (o->key_file && !o->ca))
    {
        fill_usage();
    }

    o->f.from = fill_number(argv[optind]);
    o->f.to = fill_number(argv[optind + 1]);
}


/* The store's files must stay the worker's. */

static acm_rc_t
fill_owner(const char *path, acm_err_t *err)
{
    struct stat  st;

    if (stat(path, &st) == -1) {
        return acm_fail(err, ACM_NOTFOUND, "no store \"%s\"", path);
    }

    if (geteuid() == 0
        && (setgid(st.st_gid) == -1 || setuid(st.st_uid) == -1))
    {
        return acm_fail(err, ACM_DENIED, "the owner of \"%s\"", path);
    }

    return ACM_OK;
}


static acm_rc_t
fill_store_do(fill_options_t *o, acm_err_t *err)
{
    fill_t    *f;
    acm_rc_t   rc;

    f = &o->f;

    if (o->ca == NULL) {
        return shown_store(f->store, f->from, f->to, f->now, o->evil, err);
    }

    rc = acm_keyring_open(f->store, &o->master_secret, 0, &f->ring, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = (f->rate > 0) ? fill_replace(f, err) : fill_served(f, err);

    acm_keyring_close(f->ring);

    return rc;
}


static acm_rc_t
fill(fill_options_t *o, acm_err_t *err)
{
    acm_rc_t          rc;
    acm_store_conf_t  conf;

    rc = ACM_OK;

    if (o->ca) {
        rc = fill_ca_open(o->ca, o->f.key, o->f.now, &o->f.ca, err);
    }

    if (rc == ACM_OK && o->path == NULL) {
        return fill_ca_files(o->f.ca, o->ca, o->f.from, o->f.to, err);
    }

    if (rc == ACM_OK && o->key_file) {
        rc = acm_master_key_read(o->key_file, &o->master_secret, err);
    }

    if (rc == ACM_OK) {
        rc = fill_owner(o->path, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    memset(&conf, 0, sizeof(acm_store_conf_t));
    conf.path = o->path;

    rc = acm_store_lmdb_open(&conf, &o->f.store, err);

    if (rc == ACM_OK) {
        rc = fill_store_do(o, err);
        acm_store_close(o->f.store);
    }

    return rc;
}


int
main(int argc, char **argv)
{
    acm_rc_t         rc;
    acm_err_t        err;
    fill_options_t   o;

    memset(&o, 0, sizeof(fill_options_t));
    err.text[0] = '\0';

    fill_parse(&o, argc, argv);

    rc = fill(&o, &err);

    if (o.f.ca) {
        fill_ca_close(o.f.ca);
    }

    acm_key_wipe(&o.master_secret);

    if (rc != ACM_OK) {
        fprintf(stderr, "fill: %s: %s\n", acm_rc_text(rc), err.text);
        return 1;
    }

    return 0;
}
