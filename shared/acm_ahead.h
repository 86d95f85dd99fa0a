
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates that were worked on while the clock was ahead, now that it is
 * right again: what they wait for is far away, or was reckoned from a life
 * that seemed to be over.  Pure arithmetic on a record.
 */


#ifndef _ACM_AHEAD_H_INCLUDED_
#define _ACM_AHEAD_H_INCLUDED_


#include "acm_record.h"


#define ACM_CLOCK_SLACK   60         /* seconds that a clock may be set back */


/* 1: it waits for something because of a clock that was ahead of `now`; what
   tells so is a time in its record that has not come yet. */
int acm_ahead(const acm_cert_t *cert, int64_t now);

/* 1: it is issued, but its life has not begun by far, and it is not about to be
   renewed: the clock was ahead, if the CA that signed it has no other. */
int acm_ahead_early(const acm_cert_t *cert, int64_t now);

/* 1: it waits for its next attempt, not for the time of its renewal. */
int acm_put_off(const acm_cert_t *cert, int64_t now);

/*
 * Brings forward what it waits for: an attempt that was put off to now, a
 * renewal to where it would be, questions to a CA or a responder to now.  A
 * request that was given up too early is pending again, and what was called
 * unused too early is renewed.  When it was asked for
 * stays: it may be that the clock is behind now, and nothing
 * would set it right again.
 */
void acm_ahead_mend(acm_cert_t *cert, int64_t now);

/* It is to be issued, or renewed, without a wait but that for the time of its
   renewal. */
void acm_due_again(acm_cert_t *cert, int64_t now);


#endif /* _ACM_AHEAD_H_INCLUDED_ */
