
/*
 * Copyright (C) The ngx_acm authors
 *
 * The records of acmctl import --bulk: how one is read, and how they are made
 * of the files that ACME clients and operators keep.
 */


#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acmctl_bulk.h"


#define ACMCTL_MAX_PATH   4096
#define ACMCTL_PEM_END    "-----END CERTIFICATE-----"
#define ACMCTL_PEM_BEGIN  "-----BEGIN "


/* a file with a key, and what may go with it, its name without the suffix */

typedef struct {
    const char   *key;
    const char   *cert;
    const char   *chain;                         /* or NULL */
} acmctl_pair_t;


static acm_rc_t acmctl_record(const json_t *json, acm_x509_seen_t *seen,
    acm_bundle_t *bundle, acm_err_t *err);
static acm_rc_t acmctl_record_text(const json_t *json, const char *name,
    acm_str_t *text, acm_err_t *err);
static void acmctl_record_split(acm_str_t *cert, acm_str_t *chain);
static const char *acmctl_record_place(const char *text,
    char place[ACMCTL_MAX_PATH]);
static int acmctl_tree_dir(char *path, unsigned depth, FILE *out);
static int acmctl_tree_file(char *path, const char *name, FILE *out);
static int acmctl_tree_pair(char *path, const char *name, FILE *out);
static int acmctl_tree_beside(const char *path, const char *name,
    const acmctl_pair_t *p, char place[ACMCTL_MAX_PATH], acm_str_t *cert,
    acm_str_t *chain);
static int acmctl_tree_combined(const char *path, FILE *out);
static int acmctl_tree_nul(const acm_str_t *part);
static int acmctl_tree_write(const char *place, const char *error,
    const acm_str_t *cert, const acm_str_t *key, const acm_str_t *chain,
    FILE *out);
static int acmctl_tree_read(const char *path, acm_str_t *data);
static int acmctl_ends(const char *name, const char *suffix);


/* the first that is there; a suffix of "/..." is a name of its own */

static const acmctl_pair_t  acmctl_pairs[] = {
    { "privkey.pem", "cert.pem", "chain.pem" },
    { "privkey.pem", "fullchain.pem", NULL },
    { ".key", ".crt", ".issuer.crt" },
    { ".key", ".crt", NULL },
    { ".key", ".cer", "/ca.cer" },
    { ".key", ".cer", NULL },
    { ".key", ".pem", ".chain.pem" },
    { ".key", ".pem", NULL }
};

#define ACMCTL_NPAIRS  (sizeof(acmctl_pairs) / sizeof(acmctl_pair_t))


void
acmctl_bulk_parse(const char *line, size_t len, acm_x509_seen_t *seen,
    acm_imported_t *item, char **place)
{
    char           text[ACMCTL_MAX_PATH];
    json_t        *json;
    json_error_t   error;

    if (line == NULL) {
        item->rc = acm_fail(&item->err, ACM_TOOBIG, "it has more than %d "
                            "octets", ACMCTL_MAX_LINE);
        return;
    }

    json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

    if (json == NULL || !json_is_object(json)) {
        item->rc = acm_fail(&item->err, ACM_INVALID, "it is no JSON object"
                            "%s%s", json == NULL ? ": " : "",
                            json == NULL ? error.text : "");
        json_decref(json);
        return;
    }

    if (json_is_string(json_object_get(json, "file"))) {
        *place = acm_strdup(acmctl_record_place(
                     json_string_value(json_object_get(json, "file")), text));
    }

    item->rc = acmctl_record(json, seen, &item->bundle, &item->err);

    json_decref(json);
}


static acm_rc_t
acmctl_record(const json_t *json, acm_x509_seen_t *seen,
    acm_bundle_t *bundle, acm_err_t *err)
{
    json_t       *value;
    acm_rc_t      rc;
    acm_str_t     cert, key, chain;
    const char   *name;

    value = json_object_get(json, "error");

    if (json_is_string(value)) {
        return acm_fail(err, ACM_INVALID, "%s", json_string_value(value));
    }

    json_object_foreach((json_t *) json, name, value) {
        if (strcmp(name, "certificate") != 0 && strcmp(name, "key") != 0
            && strcmp(name, "chain") != 0 && strcmp(name, "file") != 0)
        {
            return acm_fail(err, ACM_INVALID, "\"%.40s\" is unknown; there "
                            "are \"certificate\", \"key\", \"chain\" and "
                            "\"file\"", name);
        }
    }

    rc = acmctl_record_text(json, "certificate", &cert, err);

    if (rc == ACM_OK) {
        rc = acmctl_record_text(json, "key", &key, err);
    }

    if (rc == ACM_OK) {
        rc = acmctl_record_text(json, "chain", &chain, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    acmctl_record_split(&cert, &chain);

    return acm_bundle_parse_seen(&cert, &key, &chain, acm_now(), seen,
                                 bundle, err);
}


static acm_rc_t
acmctl_record_text(const json_t *json, const char *name, acm_str_t *text,
    acm_err_t *err)
{
    json_t  *value;

    memset(text, 0, sizeof(acm_str_t));

    value = json_object_get(json, name);

    if (value == NULL) {
        if (strcmp(name, "chain") == 0) {
            return ACM_OK;
        }

        return acm_fail(err, ACM_INVALID, "it has no \"%s\"", name);
    }

    if (!json_is_string(value)) {
        return acm_fail(err, ACM_INVALID, "\"%s\" is no string", name);
    }

    text->data = (uint8_t *) json_string_value(value);
    text->len = json_string_length(value);

    return ACM_OK;
}


/* As it may be shown in a terminal, whoever has made the record. */

static const char *
acmctl_record_place(const char *text, char place[ACMCTL_MAX_PATH])
{
    size_t  i;

    for (i = 0; text[i] != '\0' && i < ACMCTL_MAX_PATH - 1; i++) {
        place[i] = ((uint8_t) text[i] < 0x20 || (uint8_t) text[i] >= 0x7f)
                   ? '?' : text[i];
    }

    place[i] = '\0';

    return place;
}


/* What follows the first certificate is its chain, which if it is given
   too is what counts: many clients write both. */

static void
acmctl_record_split(acm_str_t *cert, acm_str_t *chain)
{
    size_t    len;
    uint8_t  *end;

    end = memmem(cert->data, cert->len, ACMCTL_PEM_END,
                 sizeof(ACMCTL_PEM_END) - 1);

    if (end == NULL) {
        return;
    }

    end += sizeof(ACMCTL_PEM_END) - 1;
    len = cert->len - (size_t) (end - cert->data);

    if (memmem(end, len, ACMCTL_PEM_BEGIN, sizeof(ACMCTL_PEM_BEGIN) - 1)
        == NULL)
    {
        return;
    }

    cert->len -= len;

    if (chain->len == 0) {
        chain->data = end;
        chain->len = len;
    }
}


int
acmctl_bulk_tree(const char *dir, FILE *out)
{
    char  path[ACMCTL_MAX_PATH];

    if (strlen(dir) >= sizeof(path)) {
        return acmctl_fail("the path \"%s\" is too long", dir);
    }

    memcpy(path, dir, strlen(dir) + 1);

    return acmctl_tree_dir(path, 0, out);
}


/* path is a buffer that names are appended to. */

static int
acmctl_tree_dir(char *path, unsigned depth, FILE *out)
{
    int             rc, n;
    DIR            *dir;
    size_t          len;
    struct stat     st;
    struct dirent  *d;

    if (depth == ACMCTL_MAX_DEPTH) {
        return acmctl_fail("\"%s\" is more than %d directories deep", path,
                           ACMCTL_MAX_DEPTH);
    }

    dir = opendir(path);

    if (dir == NULL) {
        return acmctl_fail("cannot read \"%s\": %s", path, strerror(errno));
    }

    rc = ACMCTL_OK;
    len = strlen(path);

    for ( ;; ) {
        errno = 0;
        d = readdir(dir);

        if (d == NULL) {
            if (errno != 0) {
                path[len] = '\0';
                rc = acmctl_fail("cannot read \"%s\" to its end: %s", path,
                                 strerror(errno));
            }

            break;
        }

        if (d->d_name[0] == '.') {
            continue;
        }

        n = snprintf(path + len, ACMCTL_MAX_PATH - len, "/%s", d->d_name);

        if (n < 0 || (size_t) n >= ACMCTL_MAX_PATH - len) {
            path[len] = '\0';
            rc = acmctl_fail("a path in \"%s\" is too long", path);
            continue;
        }

        /* links to files are followed, those to directories may go round */

        if (d->d_type == DT_DIR
            || (d->d_type == DT_UNKNOWN && lstat(path, &st) == 0
                && S_ISDIR(st.st_mode)))
        {
            if (acmctl_tree_dir(path, depth + 1, out) != ACMCTL_OK) {
                rc = ACMCTL_FAULT;
            }

        } else if (acmctl_tree_file(path, path + len + 1, out) != ACMCTL_OK) {
            rc = ACMCTL_FAULT;
        }

        if (ferror(out)) {
            rc = ACMCTL_FAULT;
            break;
        }
    }

    path[len] = '\0';
    closedir(dir);

    return rc;
}


static int
acmctl_tree_file(char *path, const char *name, FILE *out)
{
    char    other[ACMCTL_MAX_PATH];
    size_t  len;

    if (strcmp(name, "privkey.pem") == 0 || acmctl_ends(name, ".key")) {
        return acmctl_tree_pair(path, name, out);
    }

    if (!acmctl_ends(name, ".pem")) {
        return ACMCTL_OK;
    }

    /* all in one file, unless its key has a file of its own */

    len = strlen(path);
    (void) snprintf(other, sizeof(other), "%.*s.key", (int) (len - 4), path);

    if (access(other, F_OK) == 0) {
        return ACMCTL_OK;
    }

    (void) snprintf(other, sizeof(other), "%.*sprivkey.pem",
                    (int) (name - path), path);

    return (access(other, F_OK) == 0) ? ACMCTL_OK
                                      : acmctl_tree_combined(path, out);
}


static int
acmctl_tree_pair(char *path, const char *name, FILE *out)
{
    int        rc;
    char       cert[ACMCTL_MAX_PATH];
    size_t     i;
    acm_str_t  parts[3];

    memset(parts, 0, sizeof(parts));
    rc = ACMCTL_NONE;

    for (i = 0; rc == ACMCTL_NONE && i < ACMCTL_NPAIRS; i++) {
        if (acmctl_ends(name, acmctl_pairs[i].key)) {
            rc = acmctl_tree_beside(path, name, &acmctl_pairs[i], cert,
                                    &parts[0], &parts[2]);
        }
    }

    if (rc == ACMCTL_NONE) {
        return acmctl_tree_write(path, "there is no certificate beside this "
                                 "key", NULL, NULL, NULL, out);
    }

    if (rc != ACMCTL_OK || acmctl_tree_read(path, &parts[1]) != ACMCTL_OK) {
        rc = acmctl_tree_write(cert, "one of its files cannot be read", NULL,
                               NULL, NULL, out);

    } else {
        rc = acmctl_tree_write(cert, NULL, &parts[0], &parts[1], &parts[2],
                               out);
    }

    acm_free(parts[0].data);
    acm_free_secret(parts[1].data, parts[1].len);
    acm_free(parts[2].data);

    return rc;
}


/* Reads what goes with a key if it is all there; ACMCTL_NONE.  place gets the
   path of the certificate. */

static int
acmctl_tree_beside(const char *path, const char *name, const acmctl_pair_t *p,
    char place[ACMCTL_MAX_PATH], acm_str_t *cert, acm_str_t *chain)
{
    int     rc;
    char    other[ACMCTL_MAX_PATH];
    size_t  base;

    base = strlen(path) - strlen(p->key);
    (void) snprintf(place, ACMCTL_MAX_PATH, "%.*s%s", (int) base, path,
                    p->cert);

    rc = ACMCTL_OK;

    if (p->chain != NULL) {

        if (p->chain[0] == '/') {
            base = (size_t) (name - path) - 1;
        }

        (void) snprintf(other, sizeof(other), "%.*s%s", (int) base, path,
                        p->chain);
        rc = acmctl_tree_read(other, chain);
    }

    if (rc == ACMCTL_OK) {
        rc = acmctl_tree_read(place, cert);
    }

    if (rc == ACMCTL_NONE) {
        acm_free(chain->data);
        memset(chain, 0, sizeof(acm_str_t));
    }

    return rc;
}


/* A file of certificates alone is nothing to import. */

static int
acmctl_tree_combined(const char *path, FILE *out)
{
    int         rc;
    char       *key, *begin, *end;
    acm_str_t   all, cert, chain, secret;

    if (acmctl_tree_read(path, &all) != ACMCTL_OK) {
        return acmctl_tree_write(path, "it cannot be read", NULL, NULL, NULL,
                                 out);
    }

    /* the text ends with a NUL */

    rc = ACMCTL_OK;
    begin = NULL;
    end = NULL;
    key = strstr((char *) all.data, "PRIVATE KEY-----");

    if (key != NULL && strstr((char *) all.data, ACMCTL_PEM_END) != NULL) {

        for (begin = key; begin > (char *) all.data && begin[-1] != '\n';
             begin--)
        {
            /* void */
        }

        end = strstr(key + 1, "PRIVATE KEY-----");
    }

    if (begin != NULL && end != NULL) {
        end += strlen("PRIVATE KEY-----");

        secret.data = (uint8_t *) begin;
        secret.len = (size_t) (end - begin);

        memset(&chain, 0, sizeof(acm_str_t));

        /* what is before the key and what is behind it, as one text */

        cert.len = all.len - secret.len;
        cert.data = acm_alloc(cert.len + 1);

        if (cert.data == NULL) {
            acm_free_secret(all.data, all.len);
            return acmctl_fail("no memory");
        }

        memcpy(cert.data, all.data, (size_t) (begin - (char *) all.data));
        memcpy(cert.data + (begin - (char *) all.data), end,
               all.len - (size_t) (end - (char *) all.data));

        rc = acmctl_tree_write(path, NULL, &cert, &secret, &chain, out);

        acm_free_secret(cert.data, cert.len);
    }

    acm_free_secret(all.data, all.len);

    return rc;
}


/* 1 for what JSON has no text for, as a key in DER. */

static int
acmctl_tree_nul(const acm_str_t *part)
{
    return part->len != 0 && memchr(part->data, '\0', part->len) != NULL;
}


static int
acmctl_tree_write(const char *place, const char *error,
    const acm_str_t *cert, const acm_str_t *key, const acm_str_t *chain,
    FILE *out)
{
    int      rc;
    char     safe[ACMCTL_MAX_PATH];
    json_t  *json;

    place = acmctl_record_place(place, safe);

    /* NULL also for what is not UTF-8 */

    json = (error != NULL || acmctl_tree_nul(cert) || acmctl_tree_nul(key)
            || acmctl_tree_nul(chain))
           ? NULL
           : json_pack("{s:s, s:s%, s:s%, s:s%}", "file", place,
                       "certificate", cert->data, cert->len,
                       "key", key->data, key->len,
                       "chain", chain->len ? (char *) chain->data : "",
                       chain->len);

    if (json == NULL) {
        json = json_pack("{s:s, s:s}", "file", place, "error",
                         error != NULL ? error
                                       : "it is no text; give it as PEM");
    }

    if (json == NULL) {
        return acmctl_fail("no memory");
    }

    rc = (json_dumpf(json, out, JSON_COMPACT) == 0 && putc('\n', out) != EOF)
         ? ACMCTL_OK : ACMCTL_FAULT;

    json_decref(json);

    return rc;
}


/* With a NUL behind it, which is not counted; ACMCTL_NONE. */

static int
acmctl_tree_read(const char *path, acm_str_t *data)
{
    int       rc;
    uint8_t  *copy;

    rc = acmctl_read_found(path, data);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    /* what it was read into is as large as a file may be */

    copy = acm_alloc(data->len + 1);

    if (copy != NULL) {
        memcpy(copy, data->data, data->len);
        copy[data->len] = '\0';
    }

    acm_free_secret(data->data, data->len);
    data->data = copy;

    return (copy != NULL) ? ACMCTL_OK : acmctl_fail("no memory");
}


static int
acmctl_ends(const char *name, const char *suffix)
{
    size_t  len, n;

    len = strlen(name);
    n = strlen(suffix);

    return len >= n && strcmp(name + len - n, suffix) == 0;
}
