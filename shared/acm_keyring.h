
/*
 * Copyright (C) The ngx_acm authors
 *
 * The data keys of a store: which master key the store belongs to, one
 * wrapped data key per account and region, one for built-in CAs.
 */


#ifndef _ACM_KEYRING_H_INCLUDED_
#define _ACM_KEYRING_H_INCLUDED_


#include "acm_record.h"
#include "acm_seal.h"


#define ACM_MAX_KEYRING  1024        /* data keys held open in one process */
/* data keys that can get a new master key: its record is expected and put in
   the same batch */
#define ACM_MAX_REKEY    (ACM_MAX_BATCH - 2)
/* the pseudo account and region whose data key seals CA keys; no account
   or region can be named so */
#define ACM_KEYRING_CA   "_ca"


typedef struct acm_keyring_s  acm_keyring_t;


/*
 * Joins a master key (copied) and a store (borrowed; must outlive the
 * keyring).  An untouched store is claimed for the key when create is set:
 * ACM_NOTFOUND otherwise.  ACM_DENIED if the store belongs to another key;
 * nothing is changed then.
 */
acm_rc_t acm_keyring_open(acm_store_t *store, const acm_key_secret_t *master,
    int create, acm_keyring_t **ring, acm_err_t *err);
void acm_keyring_close(acm_keyring_t *ring);

/* The store it was opened on. */
acm_store_t *acm_keyring_store(acm_keyring_t *ring);

/* Makes and commits the data key if there is none.  No snapshot open. */
acm_rc_t acm_keyring_ensure(acm_keyring_t *ring, const char *account,
    const char *region, acm_err_t *err);

/*
 * Seals and unseals a private key for an ARN and version (for a CA: the
 * issuer's name and 0).  The data key must exist; snap is used to read it
 * when it is not in memory yet.
 */
acm_rc_t acm_keyring_seal(acm_keyring_t *ring, acm_snap_t *snap,
    const char *account, const char *region, const char *subject,
    uint32_t version, const acm_str_t *plain_secret, acm_str_t *sealed,
    acm_err_t *err);
acm_rc_t acm_keyring_unseal(acm_keyring_t *ring, acm_snap_t *snap,
    const char *account, const char *region, const char *subject,
    uint32_t version, const acm_str_t *sealed, acm_str_t *plain_secret,
    acm_err_t *err);

/* Wraps every data key under a new master key, in one batch: ACM_TOOBIG over
   ACM_MAX_REKEY.  *damaged: how many could not be, as neither key opens a
   damaged record; they are left as they are. */
acm_rc_t acm_keyring_rekey(acm_store_t *store,
    const acm_key_secret_t *old_key, const acm_key_secret_t *new_key,
    unsigned *damaged, acm_err_t *err);


#endif /* _ACM_KEYRING_H_INCLUDED_ */
