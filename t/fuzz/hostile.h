
/*
 * Copyright (C) The ngx_acm authors
 *
 * CAs of the simulated world that are made hostile: a fuzzer's input says
 * what becomes of each answer on its way.
 */


#ifndef _HOSTILE_H_INCLUDED_
#define _HOSTILE_H_INCLUDED_


#include "../unit/sim.h"


#define HOSTILE_AUTHZ  20            /* of an order, at most that are valid */
#define HOSTILE_NAMES  3             /* of a certificate, at most */


/* one of an array, as the input says */
#define hostile_of(list)                                                      \
    list[hostile_u8() % (sizeof(list) / sizeof(list[0]))]


/* The input, from its beginning again and again if it is said so, until so
   many answers were altered. */
void hostile_begin(const uint8_t *data, size_t size, int again,
    unsigned answers);
/* The next octet; 0, which changes nothing, at the end. */
unsigned hostile_u8(void);
/* 1 at the end. */
int hostile_over(void);
/* A request has come to a CA. */
void hostile_take(sim_ca_t *ca, acm_http_t *http);

/* Ends the program if not. */
void hostile_that(int holds);

/* hostile_cert.c */

/* For one to all names of the world's first request. */
void hostile_certs_make(sim_t *s);
const acm_buf_t *hostile_cert(sim_issue_e way, size_t nnames);
/* 1 for one that would be handed on, which has our key and our names then. */
int hostile_cert_check(const acm_buf_t *pem, const acm_order_rec_t *rec);


#endif /* _HOSTILE_H_INCLUDED_ */
