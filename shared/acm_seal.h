
/*
 * Copyright (C) The ngx_acm authors
 *
 * Sealing of private keys at rest.  A master key of 32 random octets wraps
 * one data key per account and region; a data key seals private keys with
 * AES-256-GCM.  The additional data binds a sealed key to its ARN and
 * version, so that two records cannot be swapped.
 */


#ifndef _ACM_SEAL_H_INCLUDED_
#define _ACM_SEAL_H_INCLUDED_


#include "acm.h"


#define ACM_KEY_LEN          32
#define ACM_SEAL_NONCE_LEN   12
#define ACM_SEAL_TAG_LEN     16
/* format octet, nonce, tag */
#define ACM_SEAL_OVERHEAD    (1 + ACM_SEAL_NONCE_LEN + ACM_SEAL_TAG_LEN)
#define ACM_MAX_SEAL         1048576 /* octets sealed, and of their data */


typedef struct {
    uint8_t   octets[ACM_KEY_LEN];
} acm_key_secret_t;


/*
 * The master key file: one line of base64 (44 characters, LF).
 *
 * _read: ACM_NOTFOUND if there is no such file, ACM_DENIED if it is not a
 * regular file, is open to group or others, belongs to neither root nor the
 * caller, or cannot be opened; ACM_INVALID if the content is no key.
 * _create: makes a random key in a new file, mode 0600, synced to disk before
 * it gets its name; ACM_CONFLICT if the name exists: never overwrites.
 */
acm_rc_t acm_master_key_read(const char *path, acm_key_secret_t *key,
    acm_err_t *err);
acm_rc_t acm_master_key_create(const char *path, acm_key_secret_t *key,
    acm_err_t *err);

/* Eight octets that tell one key from another and say nothing about it:
   ACM_NOMEM. */
acm_rc_t acm_key_id(const acm_key_secret_t *key, uint8_t id[8],
    acm_err_t *err);

acm_rc_t acm_key_random(acm_key_secret_t *key, acm_err_t *err);
void acm_key_wipe(acm_key_secret_t *key);

/*
 * Seals plain with a fresh random nonce.  sealed gets a new allocation of
 * len + ACM_SEAL_OVERHEAD octets; ACM_TOOBIG over ACM_MAX_SEAL.
 */
acm_rc_t acm_seal(const acm_key_secret_t *key, const void *aad, size_t aad_len,
    const uint8_t *plain, size_t len, acm_str_t *sealed, acm_err_t *err);

/*
 * The other way.  ACM_CORRUPT if key, additional data or octets are not those
 * of the sealing.  plain_secret: release with acm_free_secret().
 */
acm_rc_t acm_unseal(const acm_key_secret_t *key, const void *aad,
    size_t aad_len, const uint8_t *sealed, size_t len,
    acm_str_t *plain_secret, acm_err_t *err);


#endif /* _ACM_SEAL_H_INCLUDED_ */
