
/*
 * Copyright (C) The ngx_acm authors
 *
 * The versions of a certificate: the last few are kept, and one of them can
 * be put in use again.
 */


#ifndef _ACM_VERSION_H_INCLUDED_
#define _ACM_VERSION_H_INCLUDED_


#include "acm_certificate.h"


/* how many versions of a certificate are kept, the one in use included */

#define ACM_VERSIONS          3
#define ACM_MIN_VERSIONS      2      /* a worker may be reading the last */
#define ACM_MAX_VERSIONS      100


/* one that is kept */

typedef struct {
    uint32_t   version;
    acm_rc_t   rc;                           /* of reading it */
    char       serial[3 * ACM_MAX_SERIAL];   /* "" unless rc is ACM_OK */
    int64_t    not_before;                   /* seconds */
    int64_t    not_after;
} acm_version_t;


/*
 * How many versions are kept in this store: a setting of its own, since
 * acmctl installs too and knows no configuration.  ACM_VERSIONS if none was
 * made, or none that makes sense.
 */
uint32_t acm_versions_get(acm_snap_t *snap);

/* Changes it, if it is another one; what is too much goes with the next
   version of each certificate.  ACM_INVALID: not within the limits. */
acm_rc_t acm_versions_set(acm_store_t *store, uint32_t n, acm_err_t *err);

/*
 * The versions of a certificate that are kept, in order; list has room for
 * ACM_MAX_VERSIONS, and gets the newest if there are more.
 */
acm_rc_t acm_certificate_versions(acm_snap_t *snap, const char *uuid,
    acm_version_t *list, size_t *n, acm_err_t *err);

/*
 * Puts an old version (0: the one before the one in use) in use again, as a
 * new version that is a copy of it, in one batch as any other installation.
 * The next renewal is as far off as for what was just issued, and its CA is
 * not asked when, nor told what is replaced: to the CA it is replaced
 * already.  What is not imported makes a TLS handshake first.
 * version gets the new number, and may be where `version` came from.
 * ACM_NOTFOUND: no such certificate, or that version is not kept.
 * ACM_INVALID: it is in use, or is revoked, or is not valid at `now`, or its
 * handshake fails; forced lets the last two be.
 */
acm_rc_t acm_certificate_rollback(acm_keyring_t *ring, const char *account,
    const char *region, const char *uuid, uint32_t *version, int forced,
    int64_t now, acm_err_t *err);


#endif /* _ACM_VERSION_H_INCLUDED_ */
