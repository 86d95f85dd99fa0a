
/*
 * Copyright (C) The ngx_acm authors
 *
 * The users of the API: a file in JSON, with the names that IAM has for its
 * members.  USERS.md describes it.
 */


#ifndef _ACM_USER_H_INCLUDED_
#define _ACM_USER_H_INCLUDED_


#include <sys/stat.h>

#include "acm_policy.h"
#include "acm_sigv4.h"


#define ACM_MAX_USERS_FILE     16777216  /* octets */
#define ACM_MAX_ACCOUNTS       100
#define ACM_MAX_USERS          10000     /* of an account; so for roles */
#define ACM_MAX_USER_GROUPS    300       /* of an account, as in IAM */
#define ACM_MAX_NAMED          1500      /* policies of an account, as in
                                            IAM */
#define ACM_MAX_USER_POLICIES  64        /* of a user, its groups' included */
#define ACM_MAX_USER_KEYS      16        /* of a user, or sessions of a role */
#define ACM_MAX_USER_TAGS      50        /* as in IAM, as the next */
#define ACM_MAX_USER_TAG_KEY   128       /* octets */
#define ACM_MAX_USER_TAG       256       /* octets of a value */
#define ACM_MAX_USER_NAME      64        /* octets; of a session, too */
#define ACM_MAX_POLICY_NAME    128       /* octets; of a group, too */
#define ACM_MAX_USER_PATH      512       /* octets */
#define ACM_MIN_KEY_ID         16        /* octets, as in IAM */
#define ACM_MIN_SECRET         16        /* octets: less can be guessed */
#define ACM_ACCOUNT_LEN        12        /* digits */

#define ACM_KEY_ID_LEN         20        /* of those that are made here */
#define ACM_SECRET_LEN         40


typedef struct acm_users_s  acm_users_t;


/*
 * Reads the secret that a file refers to (SecretAccessKeyFile) into buf, of
 * size octets.
 */
typedef acm_rc_t (*acm_users_secret_pt)(void *data, const char *path,
    char *buf, size_t size, size_t *len, acm_err_t *err);


/*
 * Parses the text of such a file.  All or nothing: ACM_INVALID or ACM_TOOBIG
 * with the place, what is wrong and what to do.  secret may be NULL: then
 * references are refused.  Secrets are wiped by acm_users_free(), and
 * wherever else they were on their way; not in text.  On any thread.
 */
acm_rc_t acm_users_parse(const char *text, size_t len,
    acm_users_secret_pt secret, void *data, acm_users_t **users,
    acm_err_t *err);

/* The file itself, and files of secrets, after acm_users_mode().  It blocks:
   for the start and for reloads. */
acm_rc_t acm_users_read(const char *path, acm_users_t **users,
    acm_err_t *err);

/* The text of that file, unparsed; release with acm_free_secret(), len. */
acm_rc_t acm_users_text_read(const char *path, acm_str_t *text,
    acm_err_t *err);

/*
 * ACM_DENIED for anything but a regular file of root, or of whom this process
 * works as, that others can neither read nor write, nor its group write: mode
 * 0600 or 0640.
 */
acm_rc_t acm_users_mode(const struct stat *st, const char *path,
    acm_err_t *err);

void acm_users_free(acm_users_t *users);

/*
 * An acm_sigv4_find_pt; data is an acm_users_t.  key->user becomes a const
 * acm_user_t *, which lives as long as the users.  Takes a time of log n.
 */
acm_rc_t acm_users_find(void *data, const char *key_id,
    acm_sigv4_key_t *key);

/* A user or, as if it had no session, a role; or NULL. */
const acm_user_t *acm_users_get(const acm_users_t *users, acm_user_e kind,
    const char *account, const char *name);

size_t acm_users_keys(const acm_users_t *users);

/* A new access key: buffers of ACM_KEY_ID_LEN + 1 and ACM_SECRET_LEN + 1
   octets.  prefix: "AKIA" of keys, "AIDA" of users; secret may be NULL. */
acm_rc_t acm_user_key_make(const char *prefix, char *id, char *secret,
    acm_err_t *err);


#endif /* _ACM_USER_H_INCLUDED_ */
