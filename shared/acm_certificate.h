
/*
 * Copyright (C) The ngx_acm authors
 *
 * What can be done with certificates: request, import, delete, find.  Each
 * mutation is one batch.  The helper and acmctl mutate; workers only find.
 */


#ifndef _ACM_CERTIFICATE_H_INCLUDED_
#define _ACM_CERTIFICATE_H_INCLUDED_


#include "acm_keyring.h"


/* what is wanted; pointers are borrowed, names are in normal form */

typedef struct {
    const char    *account;
    const char    *region;
    const char    *issuer;
    acm_key_e      key;
    acm_type_e     type;
    uint32_t       method;       /* acm_method_e; 0: as the issuer says */
    uint32_t       demanded;     /* 1: on demand, by no configuration */
    uint32_t       unused;       /* 1: given up for being unused, it stays */
    char *const   *names;        /* the first becomes DomainName */
    size_t         nnames;
} acm_request_t;


/* What identifies a configured certificate: SHA-256 over account, region,
   issuer, key type and the sorted set of names. */
void acm_request_identity(const acm_request_t *req,
    uint8_t identity[ACM_HASH_LEN]);

/*
 * Makes sure that a configured certificate exists: a new record, pending and
 * due now, or the one that the identity already has, which is made due again
 * if its renewal had been given up, unless req->unused keeps it, or if a clock
 * that was ahead has put it off.  uuid gets the result (ACM_UUID_LEN + 1).
 */
acm_rc_t acm_certificate_ensure(acm_store_t *store, const acm_request_t *req,
    int64_t now, char *uuid, acm_err_t *err);

/* The same, but a new record goes into the batch, for the caller to commit.  No
   other request in it may have the same identity. */
acm_rc_t acm_certificate_ensure_into(acm_store_t *store,
    const acm_request_t *req, int64_t now, char *uuid, acm_batch_t *into,
    acm_err_t *err);

/*
 * The clock went back: what was put off is due now, or when it is to be
 * renewed.
 */
acm_rc_t acm_certificate_again(acm_store_t *store, const acm_request_t *req,
    int64_t now, acm_err_t *err);

/* what goes with new material */

typedef struct {
    int64_t        now;
    int64_t        renew_at;     /* 0: nobody renews it, it expires */
    int64_t        ari_at;       /* when to ask for a window, 0: never */
    const char    *issued_by;    /* of several issuers, or "" */
    uint32_t       rolled_back;  /* 1: it was in use before */
    uint32_t       quiet;        /* 1: no history, no events */
    acm_batch_t   *also;         /* committed together; or NULL */
    acm_batch_t   *into;         /* not committed: all goes into this one; or
                                    NULL */
    const acm_bundle_t  *like;   /* whose chain is in that one already; or
                                    NULL */
} acm_install_t;


/*
 * Commits new material for a certificate: material, chain, names, status,
 * dates, next due time in one batch; of the versions before as many stay as
 * acm_versions_get() says.  cert is the record as read at `revision` and is
 * updated on success.
 * With install->into the caller commits, and forgets cert if that fails.
 */
acm_rc_t acm_certificate_install(acm_keyring_t *ring, acm_cert_t *cert,
    uint64_t revision, const acm_bundle_t *bundle,
    const acm_install_t *install, acm_err_t *err);

/*
 * Imports: a new certificate, or new material for an imported one when uuid
 * is not empty (its key type must stay).  uuid gets the result.
 */
acm_rc_t acm_certificate_import(acm_keyring_t *ring, const char *account,
    const char *region, const acm_bundle_t *bundle,
    const acm_install_t *install, char *uuid, acm_err_t *err);

/*
 * Rewrites the record and its index entries, with the precondition that it
 * is as read; what the change means goes into the history and the outbox.
 * also: committed together, or NULL.
 */
acm_rc_t acm_certificate_update(acm_store_t *store, const acm_cert_t *old,
    uint64_t revision, const acm_cert_t *cert, acm_batch_t *also,
    int64_t now, acm_err_t *err);
/* The same into a batch that somebody else commits; reads the store. */
acm_rc_t acm_certificate_change(acm_store_t *store, acm_batch_t *batch,
    const acm_cert_t *old, uint64_t revision, const acm_cert_t *cert,
    int64_t now, acm_err_t *err);

/* Sets due and due_at from renew_at and ari_at. */
void acm_certificate_schedule(acm_cert_t *cert);

/* Record, materials, names, due entry and use, in one batch. */
acm_rc_t acm_certificate_delete(acm_store_t *store, const char *account,
    const char *region, const char *uuid, acm_err_t *err);
/* The same of one whose record is damaged, else ACM_INVALID; reads all keys of
   the store's indices.  Quotas go on counting it. */
acm_rc_t acm_certificate_forget(acm_store_t *store, const char *account,
    const char *region, const char *uuid, acm_err_t *err);


/* what serves a name, one per key family */

typedef struct {
    acm_name_rec_t   ec;         /* key ACM_KEY_NONE: none */
    acm_name_rec_t   rsa;
} acm_found_t;


/*
 * Looks a normal-form name up, exactly, then by its wildcard.  Of several
 * certificates of one family, one that is valid at `now` wins over one
 * that is not, then the later not_before.  ACM_NOTFOUND.
 */
acm_rc_t acm_find_name(acm_snap_t *snap, const char *name, int64_t now,
    acm_found_t *found);

/* The same for one certificate by UUID or by identity; ACM_NOTFOUND also if
   it is revoked. */
acm_rc_t acm_find_uuid(acm_snap_t *snap, const char *account,
    const char *region, const char *uuid, acm_found_t *found,
    acm_err_t *err);
acm_rc_t acm_find_identity(acm_snap_t *snap,
    const uint8_t identity[ACM_HASH_LEN], acm_name_rec_t *rec,
    acm_err_t *err);

/*
 * The material itself, opened: the leaf and chain as DER copies, the key as
 * traditional DER.  Release with acm_bundle_free(); info is not filled.
 */
acm_rc_t acm_material_open(acm_keyring_t *ring, acm_snap_t *snap,
    const char *uuid, uint32_t version, acm_bundle_t *bundle,
    acm_err_t *err);

/*
 * The same in parts, for who has the chain already: the record, released
 * with acm_material_free(); its key as traditional DER, with
 * acm_free_secret(); its ith chain certificate, with acm_free().
 */
acm_rc_t acm_material_read(acm_snap_t *snap, const char *uuid,
    uint32_t version, acm_material_t *m, acm_err_t *err);
acm_rc_t acm_material_key_open(acm_keyring_t *ring, acm_snap_t *snap,
    const char *uuid, uint32_t version, const acm_material_t *m,
    acm_str_t *key_secret, acm_err_t *err);
acm_rc_t acm_material_link(acm_snap_t *snap, const acm_material_t *m,
    size_t i, acm_str_t *der, acm_err_t *err);


#endif /* _ACM_CERTIFICATE_H_INCLUDED_ */
