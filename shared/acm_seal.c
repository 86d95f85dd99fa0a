
/*
 * Copyright (C) The ngx_acm authors
 */


#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "acm_buf.h"
#include "acm_seal.h"


#define ACM_SEAL_FORMAT     1
#define ACM_KEY_BASE64      44    /* octets of ACM_KEY_LEN in base64 */
#define ACM_KEY_LINE        (ACM_KEY_BASE64 + 1)
#define ACM_MAX_KEY_PATH    4096
#define ACM_TMP_RANDOM      8     /* octets in the name of a new file */


static acm_rc_t acm_errno_fail(acm_err_t *err, const char *what,
    const char *path, int e);
static acm_rc_t acm_master_key_open(const char *path, int *fd,
    acm_err_t *err);
static acm_rc_t acm_master_key_check(int fd, const char *path,
    acm_err_t *err);
static acm_rc_t acm_read_all(int fd, uint8_t *buf, size_t size, size_t *len);
static acm_rc_t acm_write_all(int fd, const uint8_t *data, size_t len);
static int acm_master_key_parse(const uint8_t *line, size_t len,
    acm_key_secret_t *key);
static acm_rc_t acm_master_key_names(const char *path, acm_buf_t *tmp,
    acm_buf_t *dir, acm_err_t *err);
static acm_rc_t acm_master_key_write(const char *path,
    const acm_key_secret_t *key, acm_err_t *err);
static acm_rc_t acm_master_key_link(const char *tmp, const char *path,
    const char *dir, acm_err_t *err);
static acm_rc_t acm_dir_sync(const char *dir, acm_err_t *err);
static int acm_seal_start(EVP_CIPHER_CTX *ctx, const acm_key_secret_t *key,
    const uint8_t *head, const void *aad, size_t aad_len, int encrypt);


acm_rc_t
acm_master_key_read(const char *path, acm_key_secret_t *key, acm_err_t *err)
{
    int       fd;
    size_t    len;
    uint8_t   line[ACM_KEY_LINE + 1];
    acm_rc_t  rc;

    fd = -1;

    rc = acm_master_key_open(path, &fd, err);
    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_master_key_check(fd, path, err);
    if (rc != ACM_OK) {
        goto done;
    }

    rc = acm_read_all(fd, line, sizeof(line), &len);
    if (rc != ACM_OK) {
        rc = acm_errno_fail(err, "cannot read", path, errno);
        goto done;
    }

    if (!acm_master_key_parse(line, len, key)) {
        rc = acm_fail(err, ACM_INVALID, "master key \"%s\": is not one line "
                      "of %d base64 characters; restore it from a copy",
                      path, ACM_KEY_BASE64);
    }

done:

    OPENSSL_cleanse(line, sizeof(line));
    (void) close(fd);  /* nothing was written */

    return rc;
}


static acm_rc_t
acm_master_key_open(const char *path, int *fd, acm_err_t *err)
{
    int  e, n;

    /* O_NONBLOCK: a FIFO in this place must not hang the start */

    *fd = -1;

    n = open(path, O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);

    if (n != -1) {
        *fd = n;
        return ACM_OK;
    }

    e = errno;

    if (e == ENOENT) {
        return acm_fail(err, ACM_NOTFOUND, "master key \"%s\": no such file",
                        path);
    }

    if (e == ELOOP) {
        return acm_fail(err, ACM_DENIED, "master key \"%s\": is a symbolic "
                        "link; name the file itself", path);
    }

    (void) acm_errno_fail(err, "cannot open", path, e);

    return ACM_DENIED;
}


static acm_rc_t
acm_master_key_check(int fd, const char *path, acm_err_t *err)
{
    struct stat  st;

    if (fstat(fd, &st) == -1) {
        return acm_errno_fail(err, "cannot stat", path, errno);
    }

    if (!S_ISREG(st.st_mode)) {
        return acm_fail(err, ACM_DENIED, "master key \"%s\": is not a "
                        "regular file", path);
    }

    if (st.st_mode & (S_IRWXG|S_IRWXO)) {
        return acm_fail(err, ACM_DENIED, "master key \"%s\": mode %03o lets "
                        "others at it; run \"chmod 600\" on it", path,
                        (unsigned int) (st.st_mode & 0777));
    }

    /* an owner may loosen the mode at any time */

    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        return acm_fail(err, ACM_DENIED, "master key \"%s\": belongs to user "
                        "%lu; run \"chown root\" on it", path,
                        (unsigned long) st.st_uid);
    }

    return ACM_OK;
}


static acm_rc_t
acm_errno_fail(acm_err_t *err, const char *what, const char *path, int e)
{
    char      buf[128];
    acm_rc_t  rc;

    switch (e) {
    case EACCES:
    case EPERM:
    case EROFS:
        rc = ACM_DENIED;
        break;
    case ENOSPC:
    case EDQUOT:
        rc = ACM_FULL;
        break;
    default:
        rc = ACM_ERROR;
    }

    return acm_fail(err, rc, "%s \"%s\": %s", what, path,
                    strerror_r(e, buf, sizeof(buf)));
}


/* Reads until the end or until buf is full; errno tells why it failed. */

static acm_rc_t
acm_read_all(int fd, uint8_t *buf, size_t size, size_t *len)
{
    size_t   total;
    ssize_t  n;

    total = 0;

    while (total < size) {
        n = read(fd, buf + total, size - total);

        if (n == 0) {
            break;
        }

        if (n > 0) {
            total += (size_t) n;

        } else if (errno != EINTR) {
            return ACM_ERROR;
        }
    }

    *len = total;

    return ACM_OK;
}


static acm_rc_t
acm_write_all(int fd, const uint8_t *data, size_t len)
{
    ssize_t  n;

    while (len != 0) {
        n = write(fd, data, len);

        if (n >= 0) {
            data += n;
            len -= (size_t) n;

        } else if (errno != EINTR) {
            return ACM_ERROR;
        }
    }

    return ACM_OK;
}


/* The line feed may be missing, as after an edit by hand. */

static int
acm_master_key_parse(const uint8_t *line, size_t len, acm_key_secret_t *key)
{
    int      ok;
    uint8_t  again[ACM_KEY_LINE], octets[ACM_KEY_LEN + 1];

    if (len == ACM_KEY_LINE && line[ACM_KEY_BASE64] == '\n') {
        len--;
    }

    if (len != ACM_KEY_BASE64) {
        return 0;
    }

    ok = 0;

    if (EVP_DecodeBlock(octets, line, ACM_KEY_BASE64) == ACM_KEY_LEN + 1) {

        /* the decoder is lenient with spaces, padding and spare bits */

        (void) EVP_EncodeBlock(again, octets, ACM_KEY_LEN);
        ok = CRYPTO_memcmp(again, line, ACM_KEY_BASE64) == 0;
    }

    if (ok) {
        memcpy(key->octets, octets, ACM_KEY_LEN);
    }

    OPENSSL_cleanse(octets, sizeof(octets));
    OPENSSL_cleanse(again, sizeof(again));

    return ok;
}


acm_rc_t
acm_master_key_create(const char *path, acm_key_secret_t *key,
    acm_err_t *err)
{
    acm_buf_t         dir, tmp;
    acm_rc_t          rc;
    acm_key_secret_t  fresh;

    memset(&fresh, 0, sizeof(acm_key_secret_t));
    acm_buf_init(&tmp, ACM_MAX_KEY_PATH);
    acm_buf_init(&dir, ACM_MAX_KEY_PATH);

    rc = acm_master_key_names(path, &tmp, &dir, err);
    if (rc != ACM_OK) {
        goto done;
    }

    rc = acm_key_random(&fresh, err);
    if (rc != ACM_OK) {
        goto done;
    }

    rc = acm_master_key_write((char *) tmp.data, &fresh, err);
    if (rc != ACM_OK) {
        goto done;
    }

    rc = acm_master_key_link((char *) tmp.data, path, (char *) dir.data, err);
    if (rc != ACM_OK) {
        goto done;
    }

    *key = fresh;

done:

    acm_key_wipe(&fresh);
    acm_buf_free(&dir);
    acm_buf_free(&tmp);

    return rc;
}


/* NUL-terminated names of a new file beside path and of their directory */

static acm_rc_t
acm_master_key_names(const char *path, acm_buf_t *tmp, acm_buf_t *dir,
    acm_err_t *err)
{
    char         hex[2 * ACM_TMP_RANDOM + 1];
    uint8_t      octets[ACM_TMP_RANDOM];
    acm_rc_t     rc;
    const char  *slash;

    if (RAND_bytes(octets, (int) sizeof(octets)) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    acm_buf_text(tmp, path);
    acm_buf_text(tmp, ".tmp.");
    acm_buf_text(tmp, acm_hex(octets, sizeof(octets), hex));
    acm_buf_u8(tmp, 0);

    slash = strrchr(path, '/');

    if (slash == NULL) {
        acm_buf_text(dir, ".");

    } else {
        acm_buf_add(dir, path, (size_t) (slash - path) + 1);
    }

    acm_buf_u8(dir, 0);

    rc = acm_buf_rc(tmp);

    if (rc == ACM_OK) {
        rc = acm_buf_rc(dir);
    }

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "master key: path: %s", acm_rc_text(rc));
    }

    return ACM_OK;
}


/* A new file with the key, on disk when this returns; or no file at all. */

static acm_rc_t
acm_master_key_write(const char *path, const acm_key_secret_t *key,
    acm_err_t *err)
{
    int       e, fd, ok;
    uint8_t   line[ACM_KEY_LINE];
    acm_rc_t  rc;

    fd = open(path, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == -1) {
        return acm_errno_fail(err, "cannot create", path, errno);
    }

    /* the NUL of the encoder becomes the line feed */

    (void) EVP_EncodeBlock(line, key->octets, ACM_KEY_LEN);
    line[ACM_KEY_BASE64] = '\n';

    /* fchmod(): a strange umask must not leave a key that nobody can read */

    ok = fchmod(fd, 0600) == 0
         && acm_write_all(fd, line, sizeof(line)) == ACM_OK
         && fsync(fd) == 0;
    e = errno;

    OPENSSL_cleanse(line, sizeof(line));

    if (close(fd) == -1 && ok) {
        ok = 0;
        e = errno;
    }

    if (ok) {
        return ACM_OK;
    }

    rc = acm_errno_fail(err, "cannot write", path, e);
    (void) unlink(path);  /* already failing */

    return rc;
}


/*
 * Gives the file its final name.  link(), unlike rename(), never replaces a
 * key that appeared meanwhile.
 */

static acm_rc_t
acm_master_key_link(const char *tmp, const char *path, const char *dir,
    acm_err_t *err)
{
    int       e;
    acm_rc_t  rc;

    if (link(tmp, path) == -1) {
        e = errno;
        (void) unlink(tmp);  /* already failing */

        if (e == EEXIST) {
            return acm_fail(err, ACM_CONFLICT, "master key \"%s\": exists; "
                            "it is never overwritten", path);
        }

        return acm_errno_fail(err, "cannot create", path, e);
    }

    if (unlink(tmp) == -1) {
        rc = acm_errno_fail(err, "cannot remove", tmp, errno);
        goto failed;
    }

    rc = acm_dir_sync(dir, err);
    if (rc != ACM_OK) {
        goto failed;
    }

    return ACM_OK;

failed:

    /* nothing must be sealed with a key that a power cut may take away */

    (void) unlink(path);

    return rc;
}


static acm_rc_t
acm_dir_sync(const char *dir, acm_err_t *err)
{
    int       fd;
    acm_rc_t  rc;

    fd = open(dir, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        return acm_errno_fail(err, "cannot open", dir, errno);
    }

    rc = ACM_OK;

    if (fsync(fd) == -1) {
        rc = acm_errno_fail(err, "cannot sync", dir, errno);
    }

    (void) close(fd);  /* nothing was written */

    return rc;
}


acm_rc_t
acm_key_id(const acm_key_secret_t *key, uint8_t id[8], acm_err_t *err)
{
    uint8_t               mac[EVP_MAX_MD_SIZE];
    unsigned int          len;
    static const uint8_t  label[] = "ngx_acm key id";

    len = 0;

    if (HMAC(EVP_sha256(), key->octets, ACM_KEY_LEN, label,
             sizeof(label) - 1, mac, &len)
        == NULL || len < 8)
    {
        return acm_fail(err, ACM_NOMEM, "no memory for the id of a master "
                        "key");
    }

    memcpy(id, mac, 8);

    return ACM_OK;
}


acm_rc_t
acm_key_random(acm_key_secret_t *key, acm_err_t *err)
{
    if (RAND_priv_bytes(key->octets, ACM_KEY_LEN) != 1) {
        OPENSSL_cleanse(key->octets, ACM_KEY_LEN);
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers for a key");
    }

    return ACM_OK;
}


void
acm_key_wipe(acm_key_secret_t *key)
{
    if (key != NULL) {
        OPENSSL_cleanse(key, sizeof(acm_key_secret_t));
    }
}


/*
 * Random nonces of 96 bits are sound for 2^32 sealings with one key (NIST
 * SP 800-38D, 8.3); one data key serves the keys of one account and region.
 */

acm_rc_t
acm_seal(const acm_key_secret_t *key, const void *aad, size_t aad_len,
    const uint8_t *plain, size_t len, acm_str_t *sealed, acm_err_t *err)
{
    int              n;
    uint8_t         *data, *text;
    acm_rc_t         rc;
    EVP_CIPHER_CTX  *ctx;

    if (len > ACM_MAX_SEAL || aad_len > ACM_MAX_SEAL) {
        return acm_fail(err, ACM_TOOBIG, "%zu octets are too many to seal; "
                        "the limit is %d", len > aad_len ? len : aad_len,
                        ACM_MAX_SEAL);
    }

    ctx = NULL;

    data = acm_alloc(len + ACM_SEAL_OVERHEAD);
    if (data == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory to seal %zu octets", len);
    }

    data[0] = ACM_SEAL_FORMAT;
    text = data + 1 + ACM_SEAL_NONCE_LEN;

    if (RAND_bytes(data + 1, ACM_SEAL_NONCE_LEN) != 1) {
        rc = acm_fail_ssl(err, ACM_ERROR, "no random numbers for a nonce");
        goto failed;
    }

    ctx = EVP_CIPHER_CTX_new();

    if (ctx == NULL
        || !acm_seal_start(ctx, key, data, aad, aad_len, 1)
        || (len != 0
            && EVP_EncryptUpdate(ctx, text, &n, plain, (int) len) != 1)
        || EVP_EncryptFinal_ex(ctx, text + len, &n) != 1
        || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, ACM_SEAL_TAG_LEN,
                               text + len)
           != 1)
    {
        rc = acm_fail_ssl(err, ACM_ERROR, "cannot seal %zu octets", len);
        goto failed;
    }

    EVP_CIPHER_CTX_free(ctx);

    sealed->data = data;
    sealed->len = len + ACM_SEAL_OVERHEAD;

    return ACM_OK;

failed:

    EVP_CIPHER_CTX_free(ctx);
    acm_free(data);

    return rc;
}


/*
 * The format octet is authenticated too, so that no later format can be
 * passed off as this one.
 */

static int
acm_seal_start(EVP_CIPHER_CTX *ctx, const acm_key_secret_t *key,
    const uint8_t *head, const void *aad, size_t aad_len, int encrypt)
{
    int  n;

    /* a nonce of 12 octets is the default of GCM */

    if (EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->octets, head + 1,
                          encrypt)
        != 1)
    {
        return 0;
    }

    if (EVP_CipherUpdate(ctx, NULL, &n, head, 1) != 1) {
        return 0;
    }

    if (aad_len != 0
        && EVP_CipherUpdate(ctx, NULL, &n, aad, (int) aad_len) != 1)
    {
        return 0;
    }

    return 1;
}


acm_rc_t
acm_unseal(const acm_key_secret_t *key, const void *aad, size_t aad_len,
    const uint8_t *sealed, size_t len, acm_str_t *plain_secret,
    acm_err_t *err)
{
    int              n;
    size_t           size;
    uint8_t         *data, tag[ACM_SEAL_TAG_LEN];
    acm_rc_t         rc;
    const uint8_t   *text;
    EVP_CIPHER_CTX  *ctx;

    if (len < ACM_SEAL_OVERHEAD || len - ACM_SEAL_OVERHEAD > ACM_MAX_SEAL
        || aad_len > ACM_MAX_SEAL || sealed[0] != ACM_SEAL_FORMAT)
    {
        return acm_fail(err, ACM_CORRUPT, "%zu octets are nothing that was "
                        "sealed", len);
    }

    size = len - ACM_SEAL_OVERHEAD;
    text = sealed + 1 + ACM_SEAL_NONCE_LEN;
    memcpy(tag, text + size, ACM_SEAL_TAG_LEN);

    data = acm_alloc(size);
    if (data == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory to unseal %zu octets",
                        size);
    }

    ctx = EVP_CIPHER_CTX_new();

    if (ctx == NULL
        || !acm_seal_start(ctx, key, sealed, aad, aad_len, 0)
        || (size != 0
            && EVP_DecryptUpdate(ctx, data, &n, text, (int) size) != 1)
        || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, ACM_SEAL_TAG_LEN,
                               tag)
           != 1)
    {
        rc = acm_fail_ssl(err, ACM_ERROR, "cannot unseal %zu octets", size);
        goto failed;
    }

    if (EVP_DecryptFinal_ex(ctx, data + size, &n) != 1) {
        rc = acm_fail_ssl(err, ACM_CORRUPT, "seal does not hold: wrong key, "
                          "wrong place or damaged octets");
        goto failed;
    }

    EVP_CIPHER_CTX_free(ctx);

    plain_secret->data = data;
    plain_secret->len = size;

    return ACM_OK;

failed:

    EVP_CIPHER_CTX_free(ctx);
    acm_free_secret(data, size);

    return rc;
}
