
/*
 * Copyright (C) The ngx_acm authors
 *
 * A name server of a few lines of zone text, for the tests of what asks:
 * it answers from the text, and follows CNAMEs like a resolver.
 */


#ifndef _TEST_DNS_H_INCLUDED_
#define _TEST_DNS_H_INCLUDED_


#include <ldns/ldns.h>

#include "acm_dns_msg.h"


static inline ldns_pkt *
test_dns_reply(const char *name, uint16_t type, unsigned rcode)
{
    ldns_pkt  *pkt;
    ldns_rdf  *dname;

    dname = ldns_dname_new_frm_str(name);
    assert_non_null(dname);

    pkt = ldns_pkt_query_new(dname, (ldns_rr_type) type, LDNS_RR_CLASS_IN,
                             LDNS_RD);
    assert_non_null(pkt);

    ldns_pkt_set_qr(pkt, true);
    ldns_pkt_set_ra(pkt, true);
    ldns_pkt_set_id(pkt, 0x1234);
    ldns_pkt_set_rcode(pkt, (uint8_t) rcode);

    return pkt;
}


static inline void
test_dns_push(ldns_pkt *pkt, ldns_pkt_section section, const char *line)
{
    ldns_rr  *rr;

    rr = NULL;

    if (ldns_rr_new_frm_str(&rr, line, 60, NULL, NULL) != LDNS_STATUS_OK) {
        fail_msg("zone text: %s", line);
    }

    assert_true(ldns_pkt_push_rr(pkt, section, rr));
}


/* The wire form, to be freed with free(); frees the packet. */

static inline uint8_t *
test_dns_wire(ldns_pkt *pkt, size_t *len)
{
    uint8_t  *wire;

    assert_int_equal(ldns_pkt2wire(&wire, pkt, len), LDNS_STATUS_OK);
    ldns_pkt_free(pkt);

    return wire;
}


/*
 * zone: records with absolute names, NULL at the end.  NXDOMAIN if neither
 * the name nor one below it is there.  aa: as the zone's own server.
 */

static inline uint8_t *
test_dns_answer(const char *const *zone, const char *name, uint16_t type,
    int aa, size_t *len)
{
    int           exists, steps;
    size_t        i;
    ldns_rr      *rr, *cname;
    ldns_pkt     *pkt;
    ldns_rdf     *at;
    ldns_rr_type  t;

    pkt = test_dns_reply(name, type, 0);
    ldns_pkt_set_aa(pkt, aa ? true : false);
    at = ldns_dname_new_frm_str(name);
    exists = 0;

    for (steps = 0; steps < 20; steps++) {
        cname = NULL;

        for (i = 0; zone[i] != NULL; i++) {
            rr = NULL;

            if (ldns_rr_new_frm_str(&rr, zone[i], 60, NULL, NULL)
                != LDNS_STATUS_OK)
            {
                fail_msg("zone text: %s", zone[i]);
            }

            t = ldns_rr_get_type(rr);

            if (ldns_dname_is_subdomain(ldns_rr_owner(rr), at)) {
                exists = 1;
            }

            if (ldns_dname_compare(ldns_rr_owner(rr), at) != 0) {
                ldns_rr_free(rr);
                continue;
            }

            exists = 1;

            if (t == (ldns_rr_type) type) {
                ldns_pkt_push_rr(pkt, LDNS_SECTION_ANSWER, rr);
                continue;
            }

            if (t == LDNS_RR_TYPE_CNAME) {
                ldns_pkt_push_rr(pkt, LDNS_SECTION_ANSWER, rr);
                cname = rr;
                continue;
            }

            ldns_rr_free(rr);
        }

        if (cname == NULL) {
            break;
        }

        exists = 0;
        ldns_rdf_deep_free(at);
        at = ldns_rdf_clone(ldns_rr_rdf(cname, 0));
    }

    ldns_rdf_deep_free(at);

    if (!exists) {
        ldns_pkt_set_rcode(pkt, LDNS_RCODE_NXDOMAIN);
    }

    return test_dns_wire(pkt, len);
}


#endif /* _TEST_DNS_H_INCLUDED_ */
