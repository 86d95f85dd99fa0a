
/*
 * Copyright (C) The ngx_acm authors
 *
 * Secrets of sinks: their files, and the signature of webhooks.
 */


#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acm_sink_format.h"


static acm_rc_t acm_aws_line(const char *line, size_t len,
    acm_aws_secret_t *c, acm_err_t *err);
static int acm_aws_value(const char *name, const char *line, size_t len,
    const char **value, size_t *vlen);
static acm_rc_t acm_aws_copy(const char *value, size_t len, char *to,
    size_t size, acm_err_t *err);


acm_rc_t
acm_secret_read(const char *path, char *text, size_t size, size_t *len,
    acm_err_t *err)
{
    int          fd;
    size_t       n;
    ssize_t      got;
    acm_rc_t     rc;
    struct stat  st;

    /* O_NONBLOCK: a FIFO in this place must not hang anybody */

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);

    if (fd == -1) {
        return acm_fail(err, (errno == ENOENT) ? ACM_NOTFOUND : ACM_DENIED,
                        "cannot open file \"%s\": %s", path,
                        (errno == ENOENT) ? "no such file"
                                          : "no permission, or no file");
    }

    rc = ACM_OK;
    n = 0;

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        rc = acm_fail(err, ACM_DENIED, "\"%s\" is not a regular file", path);

    } else if (st.st_mode & (S_IRWXG|S_IRWXO)) {
        rc = acm_fail(err, ACM_DENIED, "file \"%s\": mode %03o lets others "
                      "at it; run \"chmod 600\" on it", path,
                      (unsigned int) (st.st_mode & 0777));

    } else {
        do {
            got = read(fd, text + n, size - n);
            n += (got > 0) ? (size_t) got : 0;

        } while (got > 0 && n < size);

        if (got < 0) {
            rc = acm_fail(err, ACM_ERROR, "cannot read file \"%s\"", path);

        } else if (n == size) {
            rc = acm_fail(err, ACM_TOOBIG, "file \"%s\" has more than %zu "
                          "octets", path, size - 1);
        }
    }

    (void) close(fd);  /* nothing was written */

    if (rc != ACM_OK) {
        OPENSSL_cleanse(text, size);
        return rc;
    }

    text[n] = '\0';
    *len = n;

    return ACM_OK;
}


acm_rc_t
acm_webhook_parse(const char *text, size_t len, acm_webhook_secret_t *secret,
    acm_err_t *err)
{
    int      n;
    size_t   i, pad;
    uint8_t  data[ACM_MAX_WEBHOOK + 3];

    while (len != 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'
                        || text[len - 1] == ' '))
    {
        len--;
    }

    if (len > 6 && memcmp(text, "whsec_", 6) == 0) {
        text += 6;
        len -= 6;
    }

    for (pad = 0; pad < 2 && pad < len; pad++) {
        if (text[len - 1 - pad] != '=') {
            break;
        }
    }

    n = -1;

    /* EVP_DecodeBlock() lets blanks at the ends and "=" anywhere pass */

    for (i = 0; i < len - pad; i++) {
        if (text[i] == '=' || (unsigned char) text[i] <= ' ') {
            break;
        }
    }

    if (len != 0 && len % 4 == 0 && i == len - pad
        && len / 4 * 3 - pad <= ACM_MAX_WEBHOOK)
    {
        n = EVP_DecodeBlock(data, (const unsigned char *) text, (int) len);
    }

    if (n < 0 || (size_t) n - pad < ACM_MIN_WEBHOOK) {
        OPENSSL_cleanse(data, sizeof(data));
        return acm_fail(err, ACM_INVALID, "not a secret: it must be %d to %d "
                        "octets in base64, as \"openssl rand -base64 32\" "
                        "makes them", ACM_MIN_WEBHOOK, ACM_MAX_WEBHOOK);
    }

    secret->len = (size_t) n - pad;
    memcpy(secret->octets, data, secret->len);

    OPENSSL_cleanse(data, sizeof(data));

    return ACM_OK;
}


acm_rc_t
acm_webhook_sign(const acm_webhook_secret_t *secret, const char *id,
    int64_t at, const void *body, size_t len,
    char signature[ACM_WEBHOOK_SIGNATURE], acm_err_t *err)
{
    char       time[32];
    uint8_t    md[EVP_MAX_MD_SIZE];
    unsigned   n;
    acm_buf_t  buf;

    (void) snprintf(time, sizeof(time), ".%" PRId64 ".", at);

    acm_buf_init(&buf, SIZE_MAX / 2);
    acm_buf_text(&buf, id);
    acm_buf_text(&buf, time);
    acm_buf_add(&buf, body, len);

    if (acm_buf_rc(&buf) != ACM_OK) {
        acm_buf_free(&buf);
        return acm_fail(err, ACM_NOMEM, "no memory for a signature");
    }

    if (HMAC(EVP_sha256(), secret->octets, (int) secret->len, buf.data,
             buf.len, md, &n)
        == NULL)
    {
        acm_buf_free(&buf);
        return acm_fail_ssl(err, ACM_ERROR, "HMAC() failed");
    }

    acm_buf_free(&buf);

    memcpy(signature, "v1,", 3);
    (void) EVP_EncodeBlock((unsigned char *) signature + 3, md, (int) n);

    return ACM_OK;
}


acm_rc_t
acm_aws_parse(const char *text, size_t len, acm_aws_secret_t *c,
    acm_err_t *err)
{
    int          sections;
    size_t       n;
    acm_rc_t     rc;
    const char  *p, *end, *last;

    memset(c, 0, sizeof(acm_aws_secret_t));

    sections = 0;
    rc = ACM_OK;
    last = text + len;

    for (p = text; rc == ACM_OK && p < last; p = end + 1) {
        end = memchr(p, '\n', (size_t) (last - p));

        if (end == NULL) {
            end = last;
        }

        n = (size_t) (end - p);

        if (n != 0 && *p == '[' && sections++ != 0) {
            break;
        }

        rc = acm_aws_line(p, n, c, err);
    }

    if (rc == ACM_OK && (c->id[0] == '\0' || c->secret[0] == '\0')) {
        rc = acm_fail(err, ACM_INVALID, "no credentials: it must have lines "
                      "\"aws_access_key_id = ...\" and "
                      "\"aws_secret_access_key = ...\"");
    }

    if (rc != ACM_OK) {
        OPENSSL_cleanse(c, sizeof(acm_aws_secret_t));
    }

    return rc;
}


static acm_rc_t
acm_aws_line(const char *line, size_t len, acm_aws_secret_t *c,
    acm_err_t *err)
{
    size_t       n;
    const char  *value;

    while (len != 0 && (line[len - 1] == '\r' || line[len - 1] == ' '
                        || line[len - 1] == '\t'))
    {
        len--;
    }

    if (acm_aws_value("aws_access_key_id", line, len, &value, &n)) {
        return acm_aws_copy(value, n, c->id, sizeof(c->id), err);
    }

    if (acm_aws_value("aws_secret_access_key", line, len, &value, &n)) {
        return acm_aws_copy(value, n, c->secret, sizeof(c->secret), err);
    }

    if (acm_aws_value("aws_session_token", line, len, &value, &n)) {
        return acm_aws_copy(value, n, c->token, sizeof(c->token), err);
    }

    return ACM_OK;
}


static int
acm_aws_value(const char *name, const char *line, size_t len,
    const char **value, size_t *vlen)
{
    size_t  n;

    n = strlen(name);

    if (len < n || memcmp(line, name, n) != 0) {
        return 0;
    }

    while (n < len && (line[n] == ' ' || line[n] == '\t')) {
        n++;
    }

    if (n == len || line[n] != '=') {
        return 0;
    }

    do {
        n++;
    } while (n < len && (line[n] == ' ' || line[n] == '\t'));

    *value = line + n;
    *vlen = len - n;

    return 1;
}


static acm_rc_t
acm_aws_copy(const char *value, size_t len, char *to, size_t size,
    acm_err_t *err)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (value[i] <= ' ' || value[i] >= 0x7f) {
            break;
        }
    }

    if (i != len || len == 0 || len >= size) {
        return acm_fail(err, ACM_INVALID, "credentials are 1 to %zu visible "
                        "characters", size - 1);
    }

    memcpy(to, value, len);
    to[len] = '\0';

    return ACM_OK;
}
