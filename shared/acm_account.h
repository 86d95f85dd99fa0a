
/*
 * Copyright (C) The ngx_acm authors
 *
 * An ACME account as stored: one per issuer and directory.  Its key is
 * committed before the CA hears of it, and so is the key that follows it.
 */


#ifndef _ACM_ACCOUNT_H_INCLUDED_
#define _ACM_ACCOUNT_H_INCLUDED_


#include "acm_issuer.h"
#include "acm_keyring.h"


#define ACM_MAX_CONTACT_TEXT 2048    /* octets of all contacts */


/* Numbers are on disk: never renumber. */

typedef enum {
    ACM_ACCOUNT_NEW = 1,             /* the CA may not know it yet */
    ACM_ACCOUNT_VALID = 2,
    ACM_ACCOUNT_DEACTIVATED = 3      /* for good */
} acm_account_status_e;

typedef enum {
    ACM_ACCOUNT_NOTHING = 0,
    ACM_ACCOUNT_ROLLOVER = 1,        /* wants a new key */
    ACM_ACCOUNT_DEACTIVATE = 2
} acm_account_wish_e;


typedef struct {
    char                  *issuer;
    char                  *directory;
    acm_account_status_e   status;
    acm_account_wish_e     wish;     /* of the operator */
    acm_key_e              key;
    uint32_t               version;  /* of the key: binds the seal */
    acm_str_t              sealed;
    acm_str_t              next;     /* of version + 1, during a rollover */
    char                  *url;      /* "" before the CA knows it */
    char                  *contacts; /* as the CA has them, with spaces */
    char                  *error;    /* the last one, "" after a success */
    int64_t                created_at;
    uint32_t               methods;  /* of the issuer, those that have records
                                        of the account: acm_method_e, or'ed */
    char                  *cas;      /* names of the CA, for dns-persist-01,
                                        with spaces */
} acm_account_t;


acm_rc_t acm_account_encode(const acm_account_t *a, acm_buf_t *out);
acm_rc_t acm_account_decode(const uint8_t *data, size_t len,
    acm_account_t *a);
void acm_account_free(acm_account_t *a);

/* The account of an issuer at a directory: ACM_NOTFOUND, ACM_CORRUPT. */
acm_rc_t acm_account_get(acm_snap_t *snap, const char *issuer,
    const char *directory, acm_account_t *a, uint64_t *revision);

/* Writes it with the precondition that it is as read (0: absent). */
acm_rc_t acm_account_put(acm_store_t *store, const acm_account_t *a,
    uint64_t revision, acm_err_t *err);

/* A new account record with a new sealed key, committed. */
acm_rc_t acm_account_create(acm_keyring_t *ring, const acm_issuer_t *issuer,
    const char *directory, int64_t now, acm_account_t *a, acm_err_t *err);

/* Opens a key: of a->sealed, or of a->next. */
acm_rc_t acm_account_key(acm_keyring_t *ring, const acm_account_t *a,
    int next, EVP_PKEY **pkey, acm_err_t *err);

/* The same in a snapshot that is open. */
acm_rc_t acm_account_open(acm_keyring_t *ring, acm_snap_t *snap,
    const acm_account_t *a, int next, EVP_PKEY **pkey, acm_err_t *err);

/* Fills a->next with a new key of the same type; does not commit. */
acm_rc_t acm_account_next(acm_keyring_t *ring, acm_account_t *a,
    acm_err_t *err);

/*
 * Calls back with each account, until it returns other than ACM_OK, which is
 * then the result.  A record that cannot be read is passed over; when all the
 * others were called back with, the result is ACM_CORRUPT.
 */
acm_rc_t acm_account_each(acm_store_t *store,
    acm_rc_t (*each)(void *data, const acm_account_t *a), void *data,
    acm_err_t *err);

/* Deletes the records of an issuer, at all of its directories if this is NULL,
   also what cannot be read: the next order makes a new account.  ACM_NOTFOUND:
   there is none. */
acm_rc_t acm_account_forget(acm_store_t *store, const char *issuer,
    const char *directory, acm_err_t *err);

/* Asks the helper for a rollover or a deactivation: ACM_NOTFOUND; ACM_DENIED
   for the deactivation of one that is not registered. */
acm_rc_t acm_account_wish(acm_store_t *store, const char *issuer,
    const char *directory, acm_account_wish_e wish, acm_err_t *err);

/* The contacts of an issuer as one text; ACM_MAX_CONTACT_TEXT + 1. */
void acm_account_contacts(const acm_issuer_t *issuer, char *text);


#endif /* _ACM_ACCOUNT_H_INCLUDED_ */
