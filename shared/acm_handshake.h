
/*
 * Copyright (C) The ngx_acm authors
 *
 * The self-check of a new certificate: a TLS handshake of a server that has
 * it with a client that verifies it, both in memory.  No I/O.
 */


#ifndef _ACM_HANDSHAKE_H_INCLUDED_
#define _ACM_HANDSHAKE_H_INCLUDED_


#include "acm_x509.h"


/*
 * Serves a bundle as a worker would, in a handshake of TLS 1.3, or of 1.2 if
 * that does not do, and verifies it as a client would at `now` (seconds):
 * the key is the certificate's, which is for each of the names (normal form;
 * a wildcard by a host below it, an address as one) and for TLS servers; the
 * chain was sent in order, and leads up to its last certificate, which is
 * trusted.  Alone, the leaf is trusted.
 * ACM_INVALID: it must not be served; err says why, and what to do.
 * ACM_NOMEM, ACM_ERROR: it could not be looked at.
 */
acm_rc_t acm_handshake_check(const acm_bundle_t *bundle, char *const *names,
    size_t nnames, int64_t now, acm_err_t *err);

/* Frees what is kept in the process from one check to the next. */
void acm_handshake_done(void);


#endif /* _ACM_HANDSHAKE_H_INCLUDED_ */
