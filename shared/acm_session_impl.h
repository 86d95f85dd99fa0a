
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of a session share.
 */


#ifndef _ACM_SESSION_IMPL_H_INCLUDED_
#define _ACM_SESSION_IMPL_H_INCLUDED_


#include "acm_session.h"


#define ACM_SESSION_FETCHES  8           /* of nonces, at a time */

#define ACM_SESSION_NO_CHANGE  "the CA offers no change of the account key"


/* what the session itself is asking the CA */

typedef enum {
    ACM_SESSION_NOTHING = 0,
    ACM_SESSION_REGISTER,
    ACM_SESSION_CONTACTS,
    ACM_SESSION_STATUS,
    ACM_SESSION_KEY_CHANGE,
    ACM_SESSION_KEY_CHECK,           /* is the new key the CA's already? */
    ACM_SESSION_DEACTIVATION
} acm_session_ask_e;


struct acm_session_s {
    acm_session_conf_t   conf;

    acm_directory_t      directory;
    int64_t              directory_at;       /* ticks */
    acm_http_t          *fetch;              /* of the directory */

    char                *nonces[ACM_MAX_NONCES];
    size_t               nnonces;
    acm_http_t          *fetches[ACM_SESSION_FETCHES];   /* of nonces */

    acm_account_t        account;
    uint64_t             revision;           /* of its record; 0: absent */
    uint64_t             generation;         /* when it was read */
    EVP_PKEY            *pkey;
    EVP_PKEY            *next_key;           /* during a rollover */
    acm_err_t            unchanged;          /* why the CA refused next_key;
                                                "": it did not, so far */
    char                 thumbprint[ACM_THUMBPRINT_LEN + 1];
    acm_session_ask_e    asking;
    acm_call_t           ask;
    char                *ask_url;
    acm_buf_t            payload;            /* of ask */
    size_t               held;               /* orders under way */

    acm_call_t          *queue;              /* waiting */
    acm_call_t         **tail;
    acm_call_t          *active;             /* sent */

    int64_t              blocked;            /* ticks */
    unsigned             fails;
    acm_err_t            error;
    unsigned             have_directory:1;
    unsigned             have_account:1;
    unsigned             dead:1;         /* deactivated */
    unsigned             contactless:1;  /* new ones were refused */
    unsigned             suspect:1;
    unsigned             wanted:1;       /* the directory */
    unsigned             needed:1;       /* the account */
};


/* acm_session.c */

/* Trouble of the session as a whole: every waiting call ends with it. */
void acm_session_failed(acm_session_t *s, const acm_problem_t *problem,
    int64_t retry_after);
void acm_session_fault(acm_session_t *s, acm_fault_e fault,
    const acm_err_t *why);
/* 1: an URL of another host, which is not asked with "same_origin". */
int acm_session_foreign(const acm_session_t *s, const char *url);
void acm_session_report(acm_session_t *s, int trouble, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* acm_session_account.c */

/* ACM_OK: calls may go; ACM_BUSY: something is under way; other results: the
   session has failed. */
acm_rc_t acm_session_ready(acm_session_t *s);

/* 1 while it is not known which of two keys is the CA's: only the session's
   own requests are signed. */
int acm_session_rolling(acm_session_t *s);

/* 1 if nothing is to be asked of the CA for the account's own sake. */
int acm_session_idle(acm_session_t *s);

/* Writes the account down, and forgets it: it is read again. */
acm_rc_t acm_session_save(acm_session_t *s);
/* Puts a copy in place of a text. */
acm_rc_t acm_session_text(char **slot, const char *text);

/* The answer to what the session itself has asked. */
void acm_session_asked(acm_call_t *call);

/* acm_session_ask.c */

acm_rc_t acm_session_ask(acm_session_t *s, acm_session_ask_e ask);


#endif /* _ACM_SESSION_IMPL_H_INCLUDED_ */
