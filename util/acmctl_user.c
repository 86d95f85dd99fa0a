
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl user: the file of users.  It is changed by putting another one in
 * its place, after that has been read as nginx will read it.
 */


#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../shared/acm_user.h"
#include "acmctl.h"


#define ACMCTL_USERS    "/etc/nginx/acm-users.json"
#define ACMCTL_REFS     ACM_MAX_USER_POLICIES
#define ACMCTL_TIME     32


typedef struct {
    acmctl_t           *ctl;
    const char         *file;
    const char         *policies[ACMCTL_REFS];
    size_t              npolicies;
    const char         *groups[ACMCTL_REFS];
    size_t              ngroups;
    int                 json;

    char                path[PATH_MAX];      /* what file leads to */
    int                 dir;                 /* locked; or -1 */
    int                 exists;
    struct stat         st;
    json_t             *root;
} acmctl_users_t;


static int acmctl_user_options(acmctl_users_t *u, int argc, char **argv);
static int acmctl_user_run(acmctl_users_t *u, int argc, char **argv);
static int acmctl_user_path(acmctl_users_t *u);
static int acmctl_user_load(acmctl_users_t *u);
static int acmctl_user_save(acmctl_users_t *u);
static int acmctl_user_write(acmctl_users_t *u, int fd, const char *temp,
    const char *text, size_t len);
static int acmctl_user_add(acmctl_users_t *u, const char *name);
static json_t *acmctl_user_list_of(json_t *o, const char *name);
static json_t *acmctl_user_account(acmctl_users_t *u, int create);
static json_t *acmctl_user_find(json_t *account, const char *name);
static int acmctl_user_refs(json_t *user, const char *member,
    const char *const *refs, size_t n);
static int acmctl_user_key_add(acmctl_users_t *u, json_t *user);
static int acmctl_user_key_set(acmctl_users_t *u, const char *id,
    const char *verb);
static json_t *acmctl_user_keys(json_t *owner, const char *id, size_t *i);
static json_t *acmctl_user_key_find(acmctl_users_t *u, const char *id,
    size_t *i);
static int acmctl_user_list(acmctl_users_t *u);
static void acmctl_user_print(const char *account, json_t *owner,
    const char *kind, const char *member);
static int acmctl_user_print_json(acmctl_users_t *u);
static void acmctl_user_strip(json_t *json);


int
acmctl_user(acmctl_t *ctl, int argc, char **argv)
{
    int                 rc;
    acmctl_users_t      u;

    memset(&u, 0, sizeof(acmctl_users_t));

    u.ctl = ctl;
    u.file = ACMCTL_USERS;
    u.dir = -1;

    rc = acmctl_user_options(&u, argc, argv);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    rc = acmctl_user_run(&u, argc - optind, argv + optind);

    json_decref(u.root);

    if (u.dir != -1) {
        (void) close(u.dir);
    }

    return rc;
}


static int
acmctl_user_options(acmctl_users_t *u, int argc, char **argv)
{
    static const struct option  options[] = {
        { "file", required_argument, NULL, 'f' },
        { "policy", required_argument, NULL, 'p' },
        { "group", required_argument, NULL, 'g' },
        { "json", no_argument, NULL, 'j' },
        { NULL, 0, NULL, 0 }
    };

    int  ch;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {

        switch (ch) {

        case 'f':
            u->file = optarg;
            break;

        case 'j':
            u->json = 1;
            break;

        case 'p':
            if (u->npolicies == ACMCTL_REFS) {
                return acmctl_fail("over %d policies", ACMCTL_REFS);
            }

            u->policies[u->npolicies++] = optarg;
            break;

        case 'g':
            if (u->ngroups == ACMCTL_REFS) {
                return acmctl_fail("over %d groups", ACMCTL_REFS);
            }

            u->groups[u->ngroups++] = optarg;
            break;

        default:
            return ACMCTL_USAGE;
        }
    }

    return ACMCTL_OK;
}


static int
acmctl_user_run(acmctl_users_t *u, int argc, char **argv)
{
    json_t      *user;
    const char  *verb;

    verb = (argc > 0) ? argv[0] : "";

    if (strcmp(verb, "list") == 0 && argc == 1) {
        return acmctl_user_list(u);
    }

    if (strcmp(verb, "add") == 0 && argc == 2) {
        return acmctl_user_add(u, argv[1]);
    }

    if (strcmp(verb, "key") != 0 || argc != 3 || u->npolicies != 0
        || u->ngroups != 0)
    {
        return ACMCTL_USAGE;
    }

    verb = argv[1];

    if (strcmp(verb, "enable") == 0 || strcmp(verb, "disable") == 0
        || strcmp(verb, "delete") == 0)
    {
        return acmctl_user_key_set(u, argv[2], verb);
    }

    if (strcmp(verb, "add") != 0) {
        return ACMCTL_USAGE;
    }

    if (acmctl_user_load(u) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    user = acmctl_user_find(acmctl_user_account(u, 0), argv[2]);

    if (user == NULL) {
        return acmctl_fail("no user \"%s\" in account %s; \"acmctl user add\" "
                           "makes one", argv[2], u->ctl->account);
    }

    return acmctl_user_key_add(u, user);
}


/* A link stays one.  The directory is locked, since the file itself is
   another one after each change. */

static int
acmctl_user_path(acmctl_users_t *u)
{
    char  dir[PATH_MAX];

    if (realpath(u->file, u->path) == NULL) {

        if (errno != ENOENT || strlen(u->file) >= sizeof(u->path)) {
            return acmctl_fail("\"%s\": %s", u->file, strerror(errno));
        }

        memcpy(u->path, u->file, strlen(u->file) + 1);
    }

    memcpy(dir, u->path, sizeof(dir));

    u->dir = open(dirname(dir), O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (u->dir == -1 || flock(u->dir, LOCK_EX) == -1) {
        return acmctl_fail("directory of \"%s\": %s", u->path,
                           strerror(errno));
    }

    return ACMCTL_OK;
}


static int
acmctl_user_load(acmctl_users_t *u)
{
    acm_rc_t      rc;
    acm_err_t     err;
    acm_str_t     text;
    acm_users_t  *users;

    if (acmctl_user_path(u) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    /* what nginx would refuse is not changed, but told */

    rc = acm_users_read(u->path, &users, &err);

    if (rc == ACM_NOTFOUND && access(u->path, F_OK) == -1) {
        u->root = json_object();
        return (u->root != NULL) ? ACMCTL_OK : acmctl_fail("no memory");
    }

    if (rc != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    acm_users_free(users);
    u->exists = 1;

    if (stat(u->path, &u->st) == -1) {
        return acmctl_fail("\"%s\": %s", u->path, strerror(errno));
    }

    rc = acm_users_text_read(u->path, &text, &err);

    if (rc != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = acm_json_parse(text.data, text.len, ACM_MAX_USERS_FILE, &u->root,
                        &err);
    acm_free_secret(text.data, text.len);

    return (rc == ACM_OK) ? ACMCTL_OK : acmctl_fail("\"%s\": %s", u->path,
                                                    err.text);
}


static int
acmctl_user_save(acmctl_users_t *u)
{
    int      fd, rc;
    char     temp[PATH_MAX + 8], *text;
    size_t   len;

    len = json_dumpb(u->root, NULL, 0, JSON_INDENT(2));
    text = (len != 0) ? acm_alloc(len + 1) : NULL;

    if (text == NULL || json_dumpb(u->root, text, len, JSON_INDENT(2)) != len)
    {
        acm_free(text);
        return acmctl_fail("no memory");
    }

    text[len] = '\n';

    (void) snprintf(temp, sizeof(temp), "%s.XXXXXX", u->path);
    fd = mkostemp(temp, O_CLOEXEC);

    if (fd == -1) {
        rc = acmctl_fail("cannot make \"%s\": %s", temp, strerror(errno));

    } else {
        rc = acmctl_user_write(u, fd, temp, text, len + 1);

        if (rc != ACMCTL_OK) {
            (void) unlink(temp);
        }
    }

    acm_free_secret(text, len + 1);

    return rc;
}


static int
acmctl_user_write(acmctl_users_t *u, int fd, const char *temp,
    const char *text, size_t len)
{
    int           ok;
    size_t        done;
    ssize_t       n;
    acm_err_t     err;
    acm_users_t  *users;

    ok = !u->exists || (fchmod(fd, u->st.st_mode & 0777) == 0
                        && fchown(fd, u->st.st_uid, u->st.st_gid) == 0);

    for (done = 0; ok && done < len; ) {
        n = write(fd, text + done, len - done);

        if (n > 0) {
            done += (size_t) n;

        } else if (errno != EINTR) {
            ok = 0;
        }
    }

    ok = ok && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;

    if (!ok) {
        return acmctl_fail("cannot write \"%s\": %s", temp, strerror(errno));
    }

    if (acm_users_read(temp, &users, &err) != ACM_OK) {
        return acmctl_fail("nothing was changed: %s", err.text);
    }

    acm_users_free(users);

    if (rename(temp, u->path) == -1 || fsync(u->dir) == -1) {
        return acmctl_fail("cannot rename \"%s\" to \"%s\": %s", temp,
                           u->path, strerror(errno));
    }

    return ACMCTL_OK;
}


static int
acmctl_user_add(acmctl_users_t *u, const char *name)
{
    int         rc;
    char        id[ACM_KEY_ID_LEN + 1], now[ACMCTL_TIME];
    json_t     *account, *user;
    acm_err_t   err;

    if (acmctl_user_load(u) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    account = acmctl_user_account(u, 1);

    if (account == NULL) {
        return acmctl_fail("no memory");
    }

    if (acmctl_user_find(account, name) != NULL) {
        return acmctl_fail("there is a user \"%s\" already; \"acmctl user key "
                           "add\" makes another key", name);
    }

    if (acm_user_key_make("AIDA", id, NULL, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    user = json_object();

    rc = json_object_set_new(user, "UserName", json_string(name));
    rc |= json_object_set_new(user, "UserId", json_string(id));
    rc |= json_object_set_new(user, "CreateDate",
                              json_string(acm_time_text(acm_now(), now)));
    rc |= acmctl_user_refs(user, "GroupList", u->groups, u->ngroups);
    rc |= acmctl_user_refs(user, "AttachedManagedPolicies", u->policies,
                           u->npolicies);
    rc |= json_array_append_new(acmctl_user_list_of(account, "Users"), user);

    if (rc != 0) {
        return acmctl_fail("user \"%s\": no memory, or no UTF-8", name);
    }

    return acmctl_user_key_add(u, user);
}


/* The list of a member, made if there is none; NULL without memory. */

static json_t *
acmctl_user_list_of(json_t *o, const char *name)
{
    json_t  *list;

    list = json_object_get(o, name);

    if (list != NULL) {
        return list;
    }

    return json_object_set_new(o, name, json_array()) == 0
           ? json_object_get(o, name) : NULL;
}


static json_t *
acmctl_user_account(acmctl_users_t *u, int create)
{
    size_t    i;
    json_t   *list, *account;

    list = create ? acmctl_user_list_of(u->root, "Accounts")
                  : json_object_get(u->root, "Accounts");

    json_array_foreach(list, i, account) {
        if (strcmp(acm_json_string(account, "AccountId"), u->ctl->account)
            == 0)
        {
            return account;
        }
    }

    if (!create) {
        return NULL;
    }

    account = json_object();

    if (json_object_set_new(account, "AccountId",
                            json_string(u->ctl->account)) != 0
        || json_array_append_new(list, account) != 0)
    {
        return NULL;
    }

    return account;
}


static json_t *
acmctl_user_find(json_t *account, const char *name)
{
    size_t   i;
    json_t  *user;

    json_array_foreach(json_object_get(account, "Users"), i, user) {
        if (strcasecmp(acm_json_string(user, "UserName"), name) == 0) {
            return user;
        }
    }

    return NULL;
}


static int
acmctl_user_refs(json_t *user, const char *member, const char *const *refs,
    size_t n)
{
    int      rc;
    size_t   i;

    rc = 0;

    for (i = 0; i < n; i++) {
        rc |= json_array_append_new(acmctl_user_list_of(user, member),
                                    json_string(refs[i]));
    }

    return rc;
}


/* Prints them in the form of ~/.aws/credentials, once they are in the
   file. */

static int
acmctl_user_key_add(acmctl_users_t *u, json_t *user)
{
    int         rc;
    char        id[ACM_KEY_ID_LEN + 1], secret[ACM_SECRET_LEN + 1];
    char        now[ACMCTL_TIME];
    json_t     *key;
    acm_err_t   err;

    if (acm_user_key_make("AKIA", id, secret, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    key = json_object();

    rc = json_object_set_new(key, "AccessKeyId", json_string(id));
    rc |= json_object_set_new(key, "SecretAccessKey", json_string(secret));
    rc |= json_object_set_new(key, "Status", json_string("Active"));
    rc |= json_object_set_new(key, "CreateDate",
                              json_string(acm_time_text(acm_now(), now)));
    rc |= json_array_append_new(acmctl_user_list_of(user, "AccessKeys"), key);

    rc = (rc == 0) ? acmctl_user_save(u) : acmctl_fail("no memory");

    if (rc == ACMCTL_OK) {
        printf("[%s]\n"
               "aws_access_key_id = %s\n"
               "aws_secret_access_key = %s\n",
               acm_json_string(user, "UserName"), id, secret);
        (void) fprintf(stderr, "acmctl: this secret is not shown again; "
                       "reload nginx, and the key is good\n");
    }

    OPENSSL_cleanse(secret, sizeof(secret));

    return rc;
}


static int
acmctl_user_key_set(acmctl_users_t *u, const char *id, const char *verb)
{
    int      rc;
    size_t   i;
    json_t  *keys;

    if (acmctl_user_load(u) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    keys = acmctl_user_key_find(u, id, &i);

    if (keys == NULL) {
        return acmctl_fail("no key \"%s\" in \"%s\"; \"acmctl user list\" has "
                           "them all", id, u->path);
    }

    if (strcmp(verb, "delete") == 0) {
        rc = json_array_remove(keys, i);

    } else {
        rc = json_object_set_new(json_array_get(keys, i), "Status",
                                 json_string(*verb == 'e' ? "Active"
                                                          : "Inactive"));
    }

    rc = (rc == 0) ? acmctl_user_save(u) : acmctl_fail("no memory");

    if (rc == ACMCTL_OK) {
        printf("key %s: %sd, once nginx is reloaded\n", id, verb);
    }

    return rc;
}


/* The list with this key, of a user, a role or root. */

static json_t *
acmctl_user_keys(json_t *owner, const char *id, size_t *i)
{
    size_t   k;
    json_t  *keys, *key;

    keys = json_object_get(owner, "AccessKeys");

    if (keys == NULL) {
        keys = json_object_get(owner, "Sessions");
    }

    json_array_foreach(keys, k, key) {
        if (strcmp(acm_json_string(key, "AccessKeyId"), id) == 0) {
            *i = k;
            return keys;
        }
    }

    return NULL;
}


static json_t *
acmctl_user_key_find(acmctl_users_t *u, const char *id, size_t *i)
{
    size_t   k, n;
    json_t  *account, *owner, *keys;

    json_array_foreach(json_object_get(u->root, "Accounts"), k, account) {

        keys = acmctl_user_keys(json_object_get(account, "RootUser"), id, i);

        if (keys != NULL) {
            return keys;
        }

        json_array_foreach(json_object_get(account, "Users"), n, owner) {
            keys = acmctl_user_keys(owner, id, i);

            if (keys != NULL) {
                return keys;
            }
        }

        json_array_foreach(json_object_get(account, "Roles"), n, owner) {
            keys = acmctl_user_keys(owner, id, i);

            if (keys != NULL) {
                return keys;
            }
        }
    }

    return NULL;
}


/* A line for each key, and for who has none: ARN, key, status, expiry. */

static int
acmctl_user_list(acmctl_users_t *u)
{
    size_t       i, k;
    json_t      *account, *owner;
    const char  *id;

    if (acmctl_user_load(u) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    if (!u->exists) {
        return acmctl_fail("\"%s\": no such file", u->path);
    }

    if (u->json) {
        return acmctl_user_print_json(u);
    }

    json_array_foreach(json_object_get(u->root, "Accounts"), i, account) {
        id = acm_json_string(account, "AccountId");
        owner = json_object_get(account, "RootUser");

        if (owner != NULL) {
            acmctl_user_print(id, owner, "root", "AccessKeys");
        }

        json_array_foreach(json_object_get(account, "Users"), k, owner) {
            acmctl_user_print(id, owner, "user", "AccessKeys");
        }

        json_array_foreach(json_object_get(account, "Roles"), k, owner) {
            acmctl_user_print(id, owner, "role", "Sessions");
        }
    }

    return ACMCTL_OK;
}


static void
acmctl_user_print(const char *account, json_t *owner, const char *kind,
    const char *member)
{
    char         arn[ACM_MAX_USER_PATH + ACM_MAX_USER_NAME + 64];
    size_t       i;
    json_t      *keys, *key;
    const char  *name, *path, *status, *until;

    name = acm_json_string(owner, *kind == 'r' && kind[2] == 'l'
                                  ? "RoleName" : "UserName");
    path = acm_json_string(owner, "Path");

    if (name == NULL) {
        name = "";
        path = "";
    }

    (void) snprintf(arn, sizeof(arn), "arn:aws:iam::%s:%s%s%s", account, kind,
                    path ? path : "/", name);

    keys = json_object_get(owner, member);

    if (json_array_size(keys) == 0) {
        printf("%s  -\n", arn);
        return;
    }

    json_array_foreach(keys, i, key) {
        status = acm_json_string(key, "Status");
        until = acm_json_string(key, "Expiration");

        printf("%s  %s  %s%s%s\n", arn, acm_json_string(key, "AccessKeyId"),
               status ? status : "Active", until ? "  until " : "",
               until ? until : "");
    }
}


static int
acmctl_user_print_json(acmctl_users_t *u)
{
    acmctl_user_strip(u->root);

    if (json_dumpf(u->root, stdout, JSON_INDENT(2)) != 0) {
        return acmctl_fail("cannot write to standard output");
    }

    putchar('\n');

    return ACMCTL_OK;
}


/* Wherever they are. */

static void
acmctl_user_strip(json_t *json)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    (void) json_object_del(json, "SecretAccessKey");
    (void) json_object_del(json, "SessionToken");

    json_object_foreach(json, name, value) {
        acmctl_user_strip(value);
    }

    json_array_foreach(json, i, value) {
        acmctl_user_strip(value);
    }
}
