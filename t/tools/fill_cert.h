
/*
 * Copyright (C) The ngx_acm authors
 *
 * A CA for tests that signs certificates by the hundred thousand: one leaf
 * is made by OpenSSL for each key, the others are copies of its octets with
 * another serial number and another name of the same length, signed anew.
 */


#ifndef _FILL_CERT_H_INCLUDED_
#define _FILL_CERT_H_INCLUDED_


#include "../../shared/acm_x509.h"


#define FILL_KEYS      8                 /* leaf keys, used in turn; */
#define FILL_RSA_KEYS  2                 /* of RSA, which take long to make */
#define FILL_MAX       1000000           /* certificates: 7 digits of a name,
                                            20 bits of a UUID */
#define FILL_NAME      "n%07u.example.com"
#define FILL_NAME_LEN  20
#define FILL_LIFE      (90 * 86400)


typedef struct fill_ca_s  fill_ca_t;


/*
 * Reads root.pem, ca.pem and ca.key of a directory, or makes them.  The
 * keys of leaves, of the given type, are new each time.  The dates of all
 * leaves begin an hour before now.  Release with fill_ca_close().
 */
acm_rc_t fill_ca_open(const char *dir, acm_key_e key, int64_t now,
    fill_ca_t **ca, acm_err_t *err);
void fill_ca_close(fill_ca_t *ca);

/*
 * The ith certificate, its serial number made of i and turn.  What bundle
 * gets belongs to the CA, and is good until the next call.
 */
acm_rc_t fill_ca_sign(fill_ca_t *ca, uint32_t i, uint32_t turn,
    acm_bundle_t *bundle, acm_err_t *err);

/* Writes i.crt, with the chain, and i.key of FROM to before TO. */
acm_rc_t fill_ca_files(fill_ca_t *ca, const char *dir, uint32_t from,
    uint32_t to, acm_err_t *err);


#endif /* _FILL_CERT_H_INCLUDED_ */
