
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl: a look into the store of ngx_acm from the command line, and the
 * few changes an operator makes by hand.  Works while nginx runs.
 */


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acmctl.h"


typedef struct {
    const char    *name;
    int          (*run)(acmctl_t *ctl, int argc, char **argv);
} acmctl_command_t;


static int acmctl_descriptors(void);
static void acmctl_usage(FILE *f);
static void acmctl_close(acmctl_t *ctl);
static int acmctl_owner(const acmctl_t *ctl, struct stat *st);
static int acmctl_drop_rights(acmctl_t *ctl);
static int acmctl_export(acmctl_t *ctl, int argc, char **argv);
static int acmctl_export_bundle(acmctl_t *ctl, const acm_ref_t *ref,
    acm_bundle_t *bundle);
static int acmctl_export_parts(const acm_bundle_t *bundle, const char *dir,
    int with_key);
static int acmctl_export_part(const char *dir, const char *name,
    const acm_str_t *ders, size_t n);
static int acmctl_export_key(const char *dir, const acm_bundle_t *bundle);
static int acmctl_renew(acmctl_t *ctl, int argc, char **argv);
static int acmctl_delete(acmctl_t *ctl, int argc, char **argv);
static int acmctl_backup(acmctl_t *ctl, int argc, char **argv);
static int acmctl_backup_enter(acmctl_t *ctl, const char *path);
static int acmctl_empty(int fd);
static int acmctl_ca(acmctl_t *ctl, int argc, char **argv);
static int acmctl_version(acmctl_t *ctl, int argc, char **argv);


static const acmctl_command_t  acmctl_commands[] = {
    { "list", acmctl_list },
    { "show", acmctl_show },
    { "import", acmctl_import },
    { "export", acmctl_export },
    { "renew", acmctl_renew },
    { "delete", acmctl_delete },
    { "versions", acmctl_versions },
    { "rollback", acmctl_rollback },
    { "revoke", acmctl_revoke },
    { "revocations", acmctl_revocations },
    { "verify", acmctl_verify },
    { "stat", acmctl_stat },
    { "compact", acmctl_compact },
    { "backup", acmctl_backup },
    { "rekey", acmctl_rekey },
    { "ca", acmctl_ca },
    { "account", acmctl_account },
    { "dns", acmctl_dns },
    { "events", acmctl_events },
    { "user", acmctl_user },
    { "audit", acmctl_audit },
    { "version", acmctl_version },
    { NULL, NULL }
};


int
main(int argc, char **argv)
{
    static const struct option  options[] = {
        { "store", required_argument, NULL, 's' },
        { "master-key", required_argument, NULL, 'k' },
        { "account", required_argument, NULL, 'a' },
        { "region", required_argument, NULL, 'r' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };

    int                       ch, rc;
    acmctl_t                  ctl;
    const acmctl_command_t   *cmd;

    if (acmctl_descriptors() == -1) {
        return acmctl_fail("cannot open \"/dev/null\": %s", strerror(errno));
    }

    memset(&ctl, 0, sizeof(acmctl_t));

    ctl.store_path = "/var/lib/nginx/acm";
    ctl.key_path = "/etc/nginx/acm.key";
    ctl.account = "123456789012";
    ctl.region = "us-east-1";

    /* a core file would hold keys */
    (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    acm_json_wipe_begin();
    acmctl_fatal();

    while ((ch = getopt_long(argc, argv, "+h", options, NULL)) != -1) {

        switch (ch) {
        case 's': ctl.store_path = optarg; break;
        case 'k': ctl.key_path = optarg; break;
        case 'a': ctl.account = optarg; break;
        case 'r': ctl.region = optarg; break;
        case 'h': acmctl_usage(stdout); return ACMCTL_OK;
        default:  acmctl_usage(stderr); return ACMCTL_USAGE;
        }
    }

    if (optind == argc) {
        acmctl_usage(stderr);
        return ACMCTL_USAGE;
    }

    argc -= optind;
    argv += optind;
    optind = 0;

    for (cmd = acmctl_commands; cmd->name != NULL; cmd++) {
        if (strcmp(cmd->name, argv[0]) == 0) {
            break;
        }
    }

    if (cmd->name == NULL) {
        (void) acmctl_fail("unknown command \"%s\", see --help", argv[0]);
        return ACMCTL_USAGE;
    }

    rc = cmd->run(&ctl, argc, argv);

    acmctl_close(&ctl);
    acm_key_wipe(&ctl.master_secret);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        rc = acmctl_fail("cannot write to standard output: %s",
                         strerror(errno));
    }

    if (rc == ACMCTL_USAGE) {
        (void) acmctl_fail("wrong arguments for \"%s\", see --help",
                           argv[0]);
    }

    return rc;
}


/* What is opened takes the least number that is free: in the place of a
   closed output what is printed would be written into the store.  What is put
   there instead cannot be written to, or read from, and so it is told. */

static int
acmctl_descriptors(void)
{
    int  fd;

    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1
            && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY)
               == -1)
        {
            return -1;
        }
    }

    return 0;
}


static void
acmctl_usage(FILE *f)
{
    fputs("usage: acmctl [--store DIR] [--master-key FILE] [--account N]\n"
          "              [--region NAME] COMMAND ...\n"
          "\n"
          "  list [--json] [--unused TIME]  not served for TIME, like 30d\n"
          "  show ARN|UUID|NAME [--json]\n"
          "  import --cert FILE --key FILE [--chain FILE] [--arn ARN]\n"
          "  import --certbot DIR      take over a certbot live directory\n"
          "  import --bulk DIR|FILE|-  very many: the pairs of files below\n"
          "                            DIR, or a JSON object in each line:\n"
          "                            certificate, key, chain, all PEM\n"
          "  export ARN|UUID [--out DIR] [--with-key]\n"
          "  renew ARN|UUID            at once, whatever its dates say\n"
          "  delete ARN|UUID           one whose record is damaged, too\n"
          "  versions ARN|UUID [--json]\n"
          "                            those that are kept\n"
          "  rollback ARN|UUID [--version N] [--force]\n"
          "                            an old one, or the last, in use again\n"
          "  revoke ARN|UUID [--reason REASON] [--version N]\n"
          "                            the one in use, or an old one\n"
          "  revocations [ISSUER] [--json]\n"
          "                            what was revoked, how it stands\n"
          "  verify                    every record, seal and chain\n"
          "  stat [--json]             what takes how much room\n"
          "  compact                   gives free room back; nginx is stopped\n"
          "  backup DIR                a compacting copy into an empty DIR\n"
          "  rekey --new-master-key FILE\n"
          "  ca ISSUER [--issuing]     a built-in CA's certificate\n"
          "  account [list]            accounts at ACME issuers\n"
          "  account rollover|deactivate|forget ISSUER\n"
          "  dns [NAME ...]            the CNAMEs that prove names\n"
          "  events [--sink NAME] [--dead] [--json]\n"
          "  events replay --sink NAME --dead|--from ID\n"
          "  events sinks              how far each sink has got\n"
          "  events test               puts an alarm for all sinks\n"
          "  user list [--json] [--file FILE]       keys of the API\n"
          "  user add NAME [--policy P ...] [--group G ...] [--file FILE]\n"
          "  user key add NAME | enable|disable|delete KEYID [--file FILE]\n"
          "  audit verify [--latest|--head N:HASH] FILE ...\n"
          "                            the audit log, oldest file first\n"
          "  audit show [--user NAME] [--event NAME] [--error CODE] [--json]\n"
          "             FILE ...\n"
          "  version\n"
          "\n"
          "Defaults: --store /var/lib/nginx/acm, --master-key\n"
          "/etc/nginx/acm.key, --account 123456789012, --region us-east-1,\n"
          "--file /etc/nginx/acm-users.json.\n"
          "Exit status: 0 done, 1 fault, 2 usage.  A key is exported only\n"
          "with --with-key, and into files only.\n"
          "\n"
          "rekey makes the new key file if there is none and wraps all data\n"
          "keys under it.  Then at once put the new file in the place of the\n"
          "old one and reload: until then the running nginx has only the data\n"
          "keys that it has used before.  If rekey was cut short, one of the\n"
          "two files opens the store: keep both, and run it again.  Backups\n"
          "made before need the old file.\n",
          f);
}


int
acmctl_fail(const char *fmt, ...)
{
    va_list  args;

    fputs("acmctl: ", stderr);

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fputc('\n', stderr);

    return ACMCTL_FAULT;
}


int
acmctl_read_key(acmctl_t *ctl)
{
    acm_err_t  err;

    if (acm_master_key_read(ctl->key_path, &ctl->master_secret, &err)
        != ACM_OK)
    {
        return acmctl_fail("%s", err.text);
    }

    return ACMCTL_OK;
}


int
acmctl_open(acmctl_t *ctl, int create, int keys)
{
    acm_rc_t          rc;
    acm_err_t         err;
    acm_store_conf_t  conf;

    if (keys && acmctl_read_key(ctl) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    if (acmctl_drop_rights(ctl) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    memset(&conf, 0, sizeof(acm_store_conf_t));
    conf.path = ctl->store_path;
    conf.create = create ? 1 : 0;

    rc = acm_store_lmdb_open(&conf, &ctl->store, &err);

    if (rc == ACM_OK && keys) {
        rc = acm_keyring_open(ctl->store, &ctl->master_secret, create,
                              &ctl->ring, &err);
    }

    return (rc == ACM_OK) ? ACMCTL_OK : acmctl_fail("%s", err.text);
}


static void
acmctl_close(acmctl_t *ctl)
{
    acm_keyring_close(ctl->ring);
    ctl->ring = NULL;

    acm_store_close(ctl->store);
    ctl->store = NULL;
}


static int
acmctl_owner(const acmctl_t *ctl, struct stat *st)
{
    char  path[4096];

    /* its files may have another owner than the directory: without a master
       process nginx works as root */

    (void) snprintf(path, sizeof(path), "%s/data.mdb", ctl->store_path);

    if (lstat(path, st) == -1 && stat(ctl->store_path, st) == -1) {
        return acmctl_fail("store \"%s\": %s", ctl->store_path,
                           strerror(errno));
    }

    return ACMCTL_OK;
}


static int
acmctl_drop_rights(acmctl_t *ctl)
{
    struct stat  st;

    if (acmctl_owner(ctl, &st) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    if (geteuid() != 0 || st.st_uid == 0) {
        return ACMCTL_OK;
    }

    if (setgroups(0, NULL) == -1
        || (ctl->keep_root ? setegid(st.st_gid) : setgid(st.st_gid)) == -1
        || (ctl->keep_root ? seteuid(st.st_uid) : setuid(st.st_uid)) == -1)
    {
        return acmctl_fail("becoming the owner of store \"%s\": %s",
                           ctl->store_path, strerror(errno));
    }

    /* changing the user makes a process dumpable again */
    (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);

    return ACMCTL_OK;
}


int
acmctl_parse_arn(acmctl_t *ctl, const char *arn, acm_ref_t *ref)
{
    acm_err_t  err;
    acm_str_t  account, region;

    memset(ref, 0, sizeof(acm_ref_t));

    if (acm_uuid_ok(arn)) {
        account.data = (uint8_t *) ctl->account;
        account.len = strlen(ctl->account);
        region.data = (uint8_t *) ctl->region;
        region.len = strlen(ctl->region);
        memcpy(ref->uuid, arn, ACM_UUID_LEN);

    } else if (acm_arn_parse(arn, strlen(arn), &account, &region, ref->uuid,
                             &err)
               != ACM_OK)
    {
        return acmctl_fail("\"%s\": %s", arn, err.text);
    }

    if (account.len > ACM_MAX_LABEL || region.len > ACM_MAX_LABEL) {
        return acmctl_fail("account or region is too long");
    }

    memcpy(ref->account, account.data, account.len);
    memcpy(ref->region, region.data, region.len);

    return ACMCTL_OK;
}


static int
acmctl_export(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "out", required_argument, NULL, 'o' },
        { "with-key", no_argument, NULL, 'k' },
        { NULL, 0, NULL, 0 }
    };

    int            ch, rc, with_key;
    acm_ref_t      ref;
    const char    *dir;
    acm_bundle_t   bundle;

    dir = NULL;
    with_key = 0;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {

        switch (ch) {
        case 'o': dir = optarg; break;
        case 'k': with_key = 1; break;
        default:  return ACMCTL_USAGE;
        }
    }

    if (optind + 1 != argc) {
        return ACMCTL_USAGE;
    }

    if (with_key && dir == NULL) {
        return acmctl_fail("a key is written into a file only: add --out "
                           "DIR");
    }

    /* the store is read as its owner, the files are written as the caller */

    ctl->keep_root = (geteuid() == 0);

    if (acmctl_parse_arn(ctl, argv[optind], &ref) != ACMCTL_OK
        || acmctl_open(ctl, 0, 1) != ACMCTL_OK
        || acmctl_export_bundle(ctl, &ref, &bundle) != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    acmctl_close(ctl);

    if (ctl->keep_root && (seteuid(0) == -1 || setegid(0) == -1)) {
        rc = acmctl_fail("becoming root again: %s", strerror(errno));

    } else {
        rc = acmctl_export_parts(&bundle, dir, with_key);
    }

    acm_bundle_free(&bundle);

    return rc;
}


static int
acmctl_export_bundle(acmctl_t *ctl, const acm_ref_t *ref,
    acm_bundle_t *bundle)
{
    acm_rc_t     rc;
    acm_err_t    err;
    acm_snap_t  *snap;
    acm_found_t  found;

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = acm_find_uuid(snap, ref->account, ref->region, ref->uuid, &found,
                       &err);

    if (rc == ACM_OK) {
        rc = acm_material_open(ctl->ring, snap, ref->uuid,
                               found.ec.key ? found.ec.version
                                            : found.rsa.version,
                               bundle, &err);
    }

    acm_store_end(snap);

    return (rc == ACM_OK) ? ACMCTL_OK : acmctl_fail("%s", err.text);
}


static int
acmctl_export_parts(const acm_bundle_t *bundle, const char *dir,
    int with_key)
{
    if (acmctl_export_part(dir, "cert.pem", &bundle->leaf, 1) != ACMCTL_OK
        || acmctl_export_part(dir, "chain.pem", bundle->chain,
                              bundle->nchain)
           != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    return with_key ? acmctl_export_key(dir, bundle) : ACMCTL_OK;
}


/* To a file of the directory, or to standard output without one. */

static int
acmctl_export_part(const char *dir, const char *name, const acm_str_t *ders,
    size_t n)
{
    int        rc;
    size_t     i;
    acm_buf_t  buf;
    acm_err_t  err;
    acm_str_t  pem;

    acm_buf_init(&buf, ACM_MAX_PEM);

    for (i = 0; i < n; i++) {
        if (acm_pem_certificate(&ders[i], &pem, &err) != ACM_OK) {
            acm_buf_free(&buf);
            return acmctl_fail("%s", err.text);
        }

        acm_buf_add(&buf, pem.data, pem.len);
        acm_free(pem.data);
    }

    if (dir == NULL) {
        rc = fwrite(buf.data, 1, buf.len, stdout) == buf.len
             ? ACMCTL_OK : ACMCTL_FAULT;

    } else {
        pem.data = buf.data;
        pem.len = buf.len;
        rc = acmctl_write_file(dir, name, &pem);
    }

    acm_buf_free(&buf);

    return rc;
}


static int
acmctl_export_key(const char *dir, const acm_bundle_t *bundle)
{
    int        rc;
    acm_err_t  err;
    acm_str_t  pem;

    if (acm_pem_key(bundle->info.key, &bundle->key_secret, &pem, &err)
        != ACM_OK)
    {
        return acmctl_fail("%s", err.text);
    }

    rc = acmctl_write_file(dir, "privkey.pem", &pem);

    acm_free_secret(pem.data, pem.len);

    return rc;
}


/* The helper sees it within a second. */

static int
acmctl_renew(acmctl_t *ctl, int argc, char **argv)
{
    acm_err_t  err;
    acm_ref_t  ref;

    if (argc != 2) {
        return ACMCTL_USAGE;
    }

    if (acmctl_parse_arn(ctl, argv[1], &ref) != ACMCTL_OK
        || acmctl_open(ctl, 0, 0) != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    if (acm_renewal_force(ctl->store, ref.account, ref.region, ref.uuid,
                          acm_now(), &err)
        != ACM_OK)
    {
        return acmctl_fail("%s", err.text);
    }

    return ACMCTL_OK;
}


static int
acmctl_delete(acmctl_t *ctl, int argc, char **argv)
{
    acm_rc_t   rc;
    acm_err_t  err;
    acm_ref_t  ref;

    if (argc != 2) {
        return ACMCTL_USAGE;
    }

    if (acmctl_parse_arn(ctl, argv[1], &ref) != ACMCTL_OK
        || acmctl_open(ctl, 0, 0) != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    rc = acm_certificate_delete(ctl->store, ref.account, ref.region, ref.uuid,
                                &err);

    if (rc == ACM_CORRUPT) {
        rc = acm_certificate_forget(ctl->store, ref.account, ref.region,
                                    ref.uuid, &err);
    }

    return (rc == ACM_OK) ? ACMCTL_OK : acmctl_fail("%s", err.text);
}


static int
acmctl_backup(acmctl_t *ctl, int argc, char **argv)
{
    int        rc;
    char      *store;
    acm_err_t  err;

    if (argc != 2) {
        return ACMCTL_USAGE;
    }

    store = realpath(ctl->store_path, NULL);

    if (store == NULL) {
        return acmctl_fail("store \"%s\": %s", ctl->store_path,
                           strerror(errno));
    }

    ctl->store_path = store;

    rc = acmctl_backup_enter(ctl, argv[1]);

    if (rc == ACMCTL_OK) {
        rc = acmctl_open(ctl, 0, 0);
    }

    if (rc == ACMCTL_OK && acm_store_backup(ctl->store, ".", &err) != ACM_OK)
    {
        rc = acmctl_fail("\"%s\": %s", argv[1], err.text);
    }

    acmctl_close(ctl);
    ctl->store_path = NULL;
    free(store);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    printf("copied to \"%s\"; it opens with the master key of the store, "
           "which is not in it\n", argv[1]);

    return ACMCTL_OK;
}


/*
 * Makes the directory and goes into it as root, so that the owner of the
 * store, who makes the copy, need not be able to walk to it.  Only an empty
 * directory is given to that owner.
 */

static int
acmctl_backup_enter(acmctl_t *ctl, const char *path)
{
    int          fd, rc;
    struct stat  st;

    if (acmctl_owner(ctl, &st) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    if (mkdir(path, 0700) == -1 && errno != EEXIST) {
        return acmctl_fail("cannot make \"%s\": %s", path, strerror(errno));
    }

    fd = open(path, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

    if (fd == -1) {
        return acmctl_fail("cannot open directory \"%s\": %s", path,
                           strerror(errno));
    }

    if (!acmctl_empty(fd)) {
        rc = acmctl_fail("\"%s\" is not empty: name a new directory", path);

    } else if (fchdir(fd) == -1
               || (geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) == -1))
    {
        rc = acmctl_fail("cannot use directory \"%s\": %s", path,
                         strerror(errno));

    } else {
        rc = ACMCTL_OK;
    }

    close(fd);

    return rc;
}


static int
acmctl_empty(int fd)
{
    DIR            *dir;
    int             n, copy;
    struct dirent  *d;

    copy = dup(fd);
    dir = (copy == -1) ? NULL : fdopendir(copy);

    if (dir == NULL) {
        if (copy != -1) {
            close(copy);
        }

        return 0;
    }

    n = 0;

    for (d = readdir(dir); d != NULL; d = readdir(dir)) {
        n += (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0);
    }

    closedir(dir);

    return n == 0;
}


static int
acmctl_ca(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "issuing", no_argument, NULL, 'i' },
        { NULL, 0, NULL, 0 }
    };

    int           ch, issuing, rc;
    acm_rc_t      code;
    acm_err_t     err;
    acm_snap_t   *snap;
    acm_entry_t   entry;
    acm_ca_rec_t  rec;

    issuing = 0;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (ch != 'i') {
            return ACMCTL_USAGE;
        }

        issuing = 1;
    }

    if (optind + 1 != argc) {
        return ACMCTL_USAGE;
    }

    if (acmctl_open(ctl, 0, 0) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    memset(&rec, 0, sizeof(acm_ca_rec_t));

    code = acm_store_get(snap, ACM_DB_ISSUER, argv[optind],
                         strlen(argv[optind]), &entry);

    if (code == ACM_OK) {
        code = acm_ca_rec_decode(entry.data, entry.len, &rec);
    }

    acm_store_end(snap);

    if (code != ACM_OK) {
        return acmctl_fail("built-in CA \"%s\": %s", argv[optind],
                           acm_rc_text(code));
    }

    rc = acmctl_export_part(NULL, NULL, issuing ? &rec.issuing : &rec.root,
                            1);
    acm_ca_rec_free(&rec);

    return rc;
}


static int
acmctl_version(acmctl_t *ctl, int argc, char **argv)
{
    (void) ctl;
    (void) argv;

    printf("acmctl %s, store schema %d\n", ACM_VERSION_TEXT,
           ACM_STORE_SCHEMA);

    return (argc == 1) ? ACMCTL_OK : ACMCTL_USAGE;
}
