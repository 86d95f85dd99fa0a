
/*
 * Copyright (C) The ngx_acm authors
 *
 * Imports of many certificates: several in one commit, none twice.
 */


#ifndef _ACM_IMPORT_H_INCLUDED_
#define _ACM_IMPORT_H_INCLUDED_


#include "acm_certificate.h"


/* certificates of one name, or of one end, among which one is looked for */
#define ACM_MAX_ALIKE  4096


/* one of many: the bundle is as of acm_bundle_parse() */

typedef struct {
    acm_bundle_t    bundle;
    acm_rc_t        rc;                       /* not ACM_OK: left out */
    acm_err_t       err;                      /* why */
    char            uuid[ACM_UUID_LEN + 1];   /* which it is, if ACM_OK */
    unsigned        there:1;                  /* it was there before */
} acm_imported_t;


/*
 * Looks for an import of this very leaf; uuid gets it, and chain whether its
 * chain is the same too.  ACM_NOTFOUND; ACM_TOOBIG: there are more than
 * ACM_MAX_ALIKE that might be it.
 */
acm_rc_t acm_import_find(acm_snap_t *snap, const char *account,
    const char *region, const acm_bundle_t *bundle, char *uuid, int *chain,
    acm_err_t *err);

/*
 * Imports all whose rc is ACM_OK, as acm_certificate_import() does, and sets
 * rc, uuid and there of each.  What the store holds already is left alone;
 * with another chain, but not without one, it becomes a new version.  quiet:
 * nothing goes into the history and to the sinks.  Durable on return, however
 * it ends, is what has rc ACM_OK.  A failure that concerns all of them is
 * returned, and nothing behind it was tried.
 */
acm_rc_t acm_import_many(acm_keyring_t *ring, const char *account,
    const char *region, acm_imported_t *list, size_t n, int quiet,
    int64_t now, acm_err_t *err);


#endif /* _ACM_IMPORT_H_INCLUDED_ */
