
/*
 * Copyright (C) The ngx_acm authors
 *
 * Dynamic updates of a zone (RFC 2136) that are signed with a shared key
 * (TSIG, RFC 8945): a TXT record comes or goes.  Messages only, no I/O.
 * The MAC is made here and not by ldns, which takes the algorithm to verify
 * with from the answer, does not wipe the key, and in 1.8 has no hmac-sha384.
 */


#ifndef _ACM_DNS_UPDATE_H_INCLUDED_
#define _ACM_DNS_UPDATE_H_INCLUDED_


#include "acm_dns_msg.h"


#define ACM_MIN_TSIG_SECRET  16      /* octets */
#define ACM_MAX_TSIG_SECRET  256
#define ACM_MAX_TSIG_MAC     64
#define ACM_MAX_TSIG_FILE    4096    /* octets of a key file */
#define ACM_MAX_UPDATE_TXT   1024    /* octets of the value */
#define ACM_TSIG_FUDGE       300     /* seconds, RFC 8945 s10 */


typedef enum {
    ACM_TSIG_SHA256 = 0,
    ACM_TSIG_SHA384,
    ACM_TSIG_SHA512
} acm_tsig_e;


typedef struct {
    char         name[ACM_MAX_DNS_NAME + 1];
    acm_tsig_e   algorithm;
    uint8_t      data[ACM_MAX_TSIG_SECRET];
    size_t       len;
} acm_tsig_secret_t;


/* what is needed to verify the answer and to tell what it means */

typedef struct {
    char         name[ACM_MAX_DNS_NAME + 1];
    uint16_t     id;
    uint8_t      mac[ACM_MAX_TSIG_MAC];
    size_t       mac_len;
} acm_dns_update_t;


/*
 * A key as tsig-keygen writes it, the only statement of the text:
 * key "name" { algorithm hmac-sha256; secret "base64"; };
 * The error never quotes the secret.  On failure key is wiped.
 */
acm_rc_t acm_tsig_parse(const char *text, size_t len, acm_tsig_secret_t *key,
    acm_err_t *err);
/* From a file that nobody else may read: ACM_DENIED otherwise. */
acm_rc_t acm_tsig_load(const char *path, acm_tsig_secret_t *key,
    acm_err_t *err);
void acm_tsig_wipe(acm_tsig_secret_t *key);

/*
 * Appends an update of zone that adds one TXT record, or removes exactly
 * this one and no other of the name.  out must be empty.  ttl in seconds;
 * now: the time of the signature, of a clock like the server's.
 */
acm_rc_t acm_dns_update(const char *zone, const char *name,
    const char *value, uint32_t ttl, int add, const acm_tsig_secret_t *key,
    int64_t now, acm_dns_update_t *update, acm_buf_t *out, acm_err_t *err);

/*
 * Verifies the answer.  ACM_OK: signed, and the zone is updated.  Else the
 * text says what the server said, and the cure: ACM_BUSY may go by itself,
 * ACM_DENIED: the server refuses, or the answer is not its; ACM_INVALID:
 * malformed, or not the server of this zone.
 */
acm_rc_t acm_dns_update_answer(const acm_dns_update_t *update,
    const acm_tsig_secret_t *key, int64_t now, const uint8_t *wire,
    size_t len, acm_err_t *err);


#endif /* _ACM_DNS_UPDATE_H_INCLUDED_ */
