
/*
 * Copyright (C) The ngx_acm authors
 *
 * The key files of dynamic updates, in the form of BIND.
 */


#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acm_dns_update.h"


typedef struct {
    const char  *pos;
    const char  *end;
    const char  *word;               /* the token, without quotes */
    size_t       len;
    int          quoted;
} acm_tsig_scan_t;


static acm_rc_t acm_tsig_statement(acm_tsig_scan_t *s,
    acm_tsig_secret_t *key, acm_err_t *err);
static acm_rc_t acm_tsig_name(acm_tsig_scan_t *s, acm_tsig_secret_t *key,
    acm_err_t *err);
static acm_rc_t acm_tsig_algorithm(acm_tsig_scan_t *s,
    acm_tsig_secret_t *key, acm_err_t *err);
static acm_rc_t acm_tsig_secret(acm_tsig_scan_t *s, acm_tsig_secret_t *key,
    acm_err_t *err);
static void acm_tsig_blank(acm_tsig_scan_t *s);
static int acm_tsig_next(acm_tsig_scan_t *s);
static int acm_tsig_is(const acm_tsig_scan_t *s, const char *word);
static int acm_tsig_expect(acm_tsig_scan_t *s, const char *word);


acm_rc_t
acm_tsig_parse(const char *text, size_t len, acm_tsig_secret_t *key,
    acm_err_t *err)
{
    acm_rc_t         rc;
    acm_tsig_scan_t  s;

    memset(key, 0, sizeof(acm_tsig_secret_t));

    s.pos = text;
    s.end = text + len;

    rc = acm_tsig_statement(&s, key, err);

    if (rc == ACM_OK && acm_tsig_next(&s)) {
        rc = acm_fail(err, ACM_INVALID, "more than one statement: use a file "
                      "with one key");
    }

    if (rc != ACM_OK) {
        acm_tsig_wipe(key);
    }

    return rc;
}


static acm_rc_t
acm_tsig_statement(acm_tsig_scan_t *s, acm_tsig_secret_t *key,
    acm_err_t *err)
{
    int       algorithm;
    acm_rc_t  rc;

    if (!acm_tsig_expect(s, "key") || !acm_tsig_next(s)) {
        goto malformed;
    }

    rc = acm_tsig_name(s, key, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (!acm_tsig_expect(s, "{")) {
        goto malformed;
    }

    algorithm = 0;

    for ( ;; ) {
        if (!acm_tsig_next(s)) {
            goto malformed;
        }

        if (acm_tsig_is(s, "}")) {
            break;
        }

        if (acm_tsig_is(s, "algorithm") && !algorithm) {
            algorithm = 1;
            rc = acm_tsig_next(s) ? acm_tsig_algorithm(s, key, err)
                                  : ACM_NOTFOUND;

        } else if (acm_tsig_is(s, "secret") && key->len == 0) {
            rc = acm_tsig_next(s) ? acm_tsig_secret(s, key, err)
                                  : ACM_NOTFOUND;

        } else {
            goto malformed;
        }

        if (rc == ACM_NOTFOUND || (rc == ACM_OK && !acm_tsig_expect(s, ";")))
        {
            goto malformed;
        }

        if (rc != ACM_OK) {
            return rc;
        }
    }

    if (algorithm && key->len != 0 && acm_tsig_expect(s, ";")) {
        return ACM_OK;
    }

malformed:

    return acm_fail(err, ACM_INVALID, "not a key: it must be 'key \"name\" { "
                    "algorithm hmac-sha256; secret \"...\"; };', as "
                    "tsig-keygen writes it");
}


static acm_rc_t
acm_tsig_name(acm_tsig_scan_t *s, acm_tsig_secret_t *key, acm_err_t *err)
{
    char  name[ACM_MAX_NAME + 2];

    if (s->len == 0 || s->len > ACM_MAX_NAME + 1) {
        return acm_fail(err, ACM_INVALID, "the name of the key must have 1 "
                        "to %d characters", ACM_MAX_NAME);
    }

    memcpy(name, s->word, s->len);
    name[s->len] = '\0';

    if (strlen(name) != s->len || acm_dns_name(name, key->name) != ACM_OK) {
        return acm_fail(err, ACM_INVALID, "\"%s\", the name of the key, is "
                        "not a DNS name", name);
    }

    return ACM_OK;
}


static acm_rc_t
acm_tsig_algorithm(acm_tsig_scan_t *s, acm_tsig_secret_t *key,
    acm_err_t *err)
{
    if (s->len != 0 && s->word[s->len - 1] == '.') {
        s->len--;
    }

    if (acm_tsig_is(s, "hmac-sha256")) {
        key->algorithm = ACM_TSIG_SHA256;

    } else if (acm_tsig_is(s, "hmac-sha384")) {
        key->algorithm = ACM_TSIG_SHA384;

    } else if (acm_tsig_is(s, "hmac-sha512")) {
        key->algorithm = ACM_TSIG_SHA512;

    } else {
        return acm_fail(err, ACM_INVALID, "the algorithm of the key must be "
                        "hmac-sha256, hmac-sha384 or hmac-sha512");
    }

    return ACM_OK;
}


static acm_rc_t
acm_tsig_secret(acm_tsig_scan_t *s, acm_tsig_secret_t *key, acm_err_t *err)
{
    int      n;
    size_t   i, pad;
    uint8_t  data[ACM_MAX_TSIG_SECRET + 3];

    for (pad = 0; pad < 2 && pad < s->len; pad++) {
        if (s->word[s->len - 1 - pad] != '=') {
            break;
        }
    }

    n = -1;

    /* EVP_DecodeBlock() lets blanks at the ends and "=" anywhere pass */

    for (i = 0; i < s->len - pad; i++) {
        if (s->word[i] == '=' || (unsigned char) s->word[i] <= ' ') {
            break;
        }
    }

    if (s->len != 0 && s->len % 4 == 0 && i == s->len - pad
        && s->len / 4 * 3 - pad <= ACM_MAX_TSIG_SECRET)
    {
        n = EVP_DecodeBlock(data, (const unsigned char *) s->word,
                            (int) s->len);
    }

    if (n < 0) {
        return acm_fail(err, ACM_INVALID, "the secret of the key must be "
                        "base64 of at most %d octets", ACM_MAX_TSIG_SECRET);
    }

    key->len = (size_t) n - pad;
    memcpy(key->data, data, key->len);
    OPENSSL_cleanse(data, sizeof(data));

    if (key->len < ACM_MIN_TSIG_SECRET) {
        return acm_fail(err, ACM_INVALID, "the secret of the key has %zu "
                        "octets, use at least %d", key->len,
                        ACM_MIN_TSIG_SECRET);
    }

    return ACM_OK;
}


static void
acm_tsig_blank(acm_tsig_scan_t *s)
{
    const char  *end;

    while (s->pos != s->end) {
        if (*s->pos == ' ' || (*s->pos >= '\t' && *s->pos <= '\r')) {
            s->pos++;

        } else if (*s->pos == '#'
                   || (s->end - s->pos > 1 && s->pos[0] == '/'
                       && s->pos[1] == '/'))
        {
            end = memchr(s->pos, '\n', (size_t) (s->end - s->pos));
            s->pos = (end == NULL) ? s->end : end;

        } else if (s->end - s->pos > 1 && s->pos[0] == '/'
                   && s->pos[1] == '*')
        {
            end = memmem(s->pos + 2, (size_t) (s->end - s->pos - 2), "*/", 2);
            s->pos = (end == NULL) ? s->end : end + 2;

        } else {
            break;
        }
    }
}


/* 0: no more, or a quoted string without an end. */

static int
acm_tsig_next(acm_tsig_scan_t *s)
{
    const char  *end;

    acm_tsig_blank(s);

    s->quoted = 0;
    s->word = s->pos;

    if (s->pos == s->end) {
        return 0;
    }

    if (*s->pos == '"') {
        s->quoted = 1;
        s->word++;
        end = memchr(s->word, '"', (size_t) (s->end - s->word));

        if (end == NULL) {
            return 0;
        }

        s->len = (size_t) (end - s->word);
        s->pos = end + 1;

        return 1;
    }

    do {
        s->pos++;

    } while (strchr("{};", *s->word) == NULL && s->pos != s->end
             && *s->pos > ' ' && strchr("{};\"", *s->pos) == NULL);

    s->len = (size_t) (s->pos - s->word);

    return 1;
}


static int
acm_tsig_is(const acm_tsig_scan_t *s, const char *word)
{
    /* "}" in quotes is no brace */

    return s->len == strlen(word) && strncasecmp(s->word, word, s->len) == 0
           && !(s->quoted && s->len == 1);
}


static int
acm_tsig_expect(acm_tsig_scan_t *s, const char *word)
{
    return acm_tsig_next(s) && acm_tsig_is(s, word);
}


acm_rc_t
acm_tsig_load(const char *path, acm_tsig_secret_t *key, acm_err_t *err)
{
    int          fd;
    char         text[ACM_MAX_TSIG_FILE + 1];
    size_t       len;
    ssize_t      n;
    acm_rc_t     rc;
    acm_err_t    why;
    struct stat  st;

    /* O_NONBLOCK: a FIFO in this place must not hang anybody */

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);

    if (fd == -1) {
        return acm_fail(err, (errno == ENOENT) ? ACM_NOTFOUND : ACM_DENIED,
                        "cannot open key file \"%s\": %s", path,
                        (errno == ENOENT) ? "no such file"
                                          : "no permission, or no file");
    }

    len = 0;

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        rc = acm_fail(err, ACM_DENIED, "key file \"%s\" is not a regular "
                      "file", path);

    } else if (st.st_mode & (S_IRWXG|S_IRWXO)) {
        rc = acm_fail(err, ACM_DENIED, "key file \"%s\": mode %03o lets "
                      "others at it; run \"chmod 600\" on it", path,
                      (unsigned int) (st.st_mode & 0777));

    } else {
        do {
            n = read(fd, text + len, sizeof(text) - len);
            len += (n > 0) ? (size_t) n : 0;

        } while (n > 0 && len < sizeof(text));

        if (n < 0) {
            rc = acm_fail(err, ACM_ERROR, "cannot read key file \"%s\"",
                          path);

        } else if (len > ACM_MAX_TSIG_FILE) {
            rc = acm_fail(err, ACM_TOOBIG, "key file \"%s\" has more than %d "
                          "octets", path, ACM_MAX_TSIG_FILE);

        } else {
            rc = acm_tsig_parse(text, len, key, &why);

            if (rc != ACM_OK) {
                (void) acm_fail(err, rc, "key file \"%s\": %s", path,
                                why.text);
            }
        }
    }

    OPENSSL_cleanse(text, sizeof(text));
    (void) close(fd);  /* nothing was written */

    return rc;
}


void
acm_tsig_wipe(acm_tsig_secret_t *key)
{
    OPENSSL_cleanse(key, sizeof(acm_tsig_secret_t));
}
