
/*
 * Copyright (C) The ngx_acm authors
 *
 * Users that were read: who has which key.  The file, its mode.
 */


#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acm_user_impl.h"


#define ACM_SECRET_OCTETS  (ACM_SECRET_LEN / 4 * 3)


static int acm_user_key_order(const void *a, const void *b);
static acm_rc_t acm_users_load(const char *path, size_t max, acm_str_t *text,
    size_t *size, acm_err_t *err);
static acm_rc_t acm_users_load_fd(int fd, const char *path, acm_str_t *text,
    size_t size, acm_err_t *err);
static acm_rc_t acm_users_secret(void *data, const char *path, char *buf,
    size_t size, size_t *len, acm_err_t *err);


void
acm_users_free(acm_users_t *users)
{
    acm_user_policy_t  *p;

    if (users == NULL) {
        return;
    }

    for (p = users->owned; p != NULL; p = p->next) {
        acm_policy_free(p->policy);
    }

    acm_free(users->users);
    acm_free_secret(users->keys, users->keys_size * sizeof(acm_user_key_t));
    acm_arena_free(&users->arena);
    acm_free(users);
}


acm_rc_t
acm_users_find(void *data, const char *key_id, acm_sigv4_key_t *key)
{
    acm_users_t           *users;
    acm_user_key_t         id;
    const acm_user_key_t  *found;

    users = data;

    if (users->nkeys == 0) {
        return ACM_NOTFOUND;
    }

    memset(&id, 0, sizeof(acm_user_key_t));
    id.id = key_id;

    found = bsearch(&id, users->keys, users->nkeys, sizeof(acm_user_key_t),
                    acm_user_key_order);

    if (found == NULL) {
        return ACM_NOTFOUND;
    }

    memcpy(key->secret, found->secret, found->len);
    key->len = found->len;
    key->token = found->token;
    key->expires = found->expires;
    key->active = found->active;
    key->user = (void *) found->user;

    return ACM_OK;
}


static int
acm_user_key_order(const void *a, const void *b)
{
    const acm_user_key_t  *x, *y;

    x = a;
    y = b;

    return strcmp(x->id, y->id);
}


/* As IAM has it, names that differ in case only are the same. */

int
acm_user_order(const void *a, const void *b)
{
    int                rc;
    const acm_user_t  *x, *y;

    x = *(acm_user_t *const *) a;
    y = *(acm_user_t *const *) b;

    rc = strcmp(x->account, y->account);

    if (rc == 0) {
        rc = (int) x->kind - (int) y->kind;
    }

    return (rc != 0) ? rc : strcasecmp(x->name, y->name);
}


const acm_user_t *
acm_users_get(const acm_users_t *users, acm_user_e kind, const char *account,
    const char *name)
{
    acm_user_t    user;
    acm_user_t   *key, **found;

    if (users->nusers == 0) {
        return NULL;
    }

    memset(&user, 0, sizeof(acm_user_t));
    user.kind = kind;
    user.account = account;
    user.name = name;
    key = &user;

    found = bsearch(&key, users->users, users->nusers, sizeof(acm_user_t *),
                    acm_user_order);

    return (found != NULL && strcmp((*found)->name, name) == 0) ? *found
                                                                : NULL;
}


size_t
acm_users_keys(const acm_users_t *users)
{
    return users->nkeys;
}


acm_rc_t
acm_users_mode(const struct stat *st, const char *path, acm_err_t *err)
{
    unsigned  mode;

    mode = (unsigned) st->st_mode & 0777;

    if (!S_ISREG(st->st_mode)) {
        return acm_fail(err, ACM_DENIED, "\"%s\" is not a regular file",
                        path);
    }

    if (mode & S_IRWXO) {
        return acm_fail(err, ACM_DENIED, "\"%s\": mode %03o lets others at "
                        "it; run \"chmod o= %s\"", path, mode, path);
    }

    if (mode & (S_IWGRP|S_IXGRP|S_IXUSR)) {
        return acm_fail(err, ACM_DENIED, "\"%s\": mode %03o is neither 600 "
                        "nor 640; run \"chmod 640 %s\"", path, mode, path);
    }

    /* an owner may change anything at any time */

    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        return acm_fail(err, ACM_DENIED, "\"%s\" belongs to user %lu; run "
                        "\"chown root %s\"", path,
                        (unsigned long) st->st_uid, path);
    }

    return ACM_OK;
}


acm_rc_t
acm_users_read(const char *path, acm_users_t **users, acm_err_t *err)
{
    size_t      size;
    acm_rc_t    rc;
    acm_err_t   e;
    acm_str_t   text;

    rc = acm_users_load(path, ACM_MAX_USERS_FILE, &text, &size, &e);

    if (rc == ACM_OK) {
        rc = acm_users_parse((char *) text.data, text.len, acm_users_secret,
                             NULL, users, &e);
        acm_free_secret(text.data, size);
    }

    return (rc == ACM_OK) ? ACM_OK : acm_fail(err, rc, "users \"%.160s\": %s",
                                              path, e.text);
}


acm_rc_t
acm_users_text_read(const char *path, acm_str_t *text, acm_err_t *err)
{
    size_t  size;

    /* the octet behind the text has none of it */

    return acm_users_load(path, ACM_MAX_USERS_FILE, text, &size, err);
}


/* size: what is to be wiped. */

static acm_rc_t
acm_users_load(const char *path, size_t max, acm_str_t *text, size_t *size,
    acm_err_t *err)
{
    int           fd;
    char          buf[128];
    acm_rc_t      rc;
    struct stat   st;

    /* O_NONBLOCK: a FIFO in this place must not hang the start */

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);

    if (fd == -1) {
        return acm_fail(err, errno == ENOENT ? ACM_NOTFOUND : ACM_DENIED,
                        "cannot open \"%s\": %s", path,
                        strerror_r(errno, buf, sizeof(buf)));
    }

    rc = (fstat(fd, &st) == -1)
         ? acm_fail(err, ACM_ERROR, "cannot stat \"%s\"", path)
         : acm_users_mode(&st, path, err);

    if (rc == ACM_OK && (uint64_t) st.st_size > max) {
        rc = acm_fail(err, ACM_TOOBIG, "\"%s\" has over %zu octets", path,
                      max);
    }

    if (rc == ACM_OK) {
        *size = (size_t) st.st_size + 1;
        rc = acm_users_load_fd(fd, path, text, *size, err);
    }

    (void) close(fd);  /* nothing was written */

    return rc;
}


static acm_rc_t
acm_users_load_fd(int fd, const char *path, acm_str_t *text, size_t size,
    acm_err_t *err)
{
    char      buf[128];
    ssize_t   n;
    acm_rc_t  rc;

    text->len = 0;
    text->data = acm_alloc(size);

    if (text->data == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for \"%s\"", path);
    }

    rc = ACM_OK;

    while (text->len < size) {
        n = read(fd, text->data + text->len, size - text->len);

        if (n == 0) {
            break;
        }

        if (n > 0) {
            text->len += (size_t) n;

        } else if (errno != EINTR) {
            rc = acm_fail(err, ACM_ERROR, "cannot read \"%s\": %s", path,
                          strerror_r(errno, buf, sizeof(buf)));
            break;
        }
    }

    if (text->len == size) {
        rc = acm_fail(err, ACM_BUSY, "\"%s\" grew while it was read; try "
                      "again", path);
    }

    if (rc != ACM_OK) {
        acm_free_secret(text->data, size);
    }

    return rc;
}


/* One line. */

static acm_rc_t
acm_users_secret(void *data, const char *path, char *buf, size_t size,
    size_t *len, acm_err_t *err)
{
    size_t     room;
    acm_rc_t   rc;
    acm_str_t  text;

    (void) data;

    rc = acm_users_load(path, size, &text, &room, err);

    if (rc != ACM_OK) {
        return rc;
    }

    *len = text.len;

    if (*len > 0 && text.data[*len - 1] == '\n') {
        (*len)--;
    }

    memcpy(buf, text.data, *len);
    acm_free_secret(text.data, room);

    return ACM_OK;
}


acm_rc_t
acm_user_key_make(const char *prefix, char *id, char *secret, acm_err_t *err)
{
    size_t   i, n;
    uint8_t  random[ACM_KEY_ID_LEN], octets[ACM_SECRET_OCTETS];

    static const char  base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    if (RAND_bytes(random, sizeof(random)) != 1
        || RAND_priv_bytes(octets, sizeof(octets)) != 1)
    {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    n = strlen(prefix);

    for (i = 0; i < ACM_KEY_ID_LEN; i++) {
        id[i] = (i < n) ? prefix[i] : base32[random[i] & 31];
    }

    id[i] = '\0';

    if (secret != NULL) {
        (void) EVP_EncodeBlock((unsigned char *) secret, octets,
                               sizeof(octets));
    }

    OPENSSL_cleanse(octets, sizeof(octets));

    return ACM_OK;
}
