
/*
 * Copyright (C) The ngx_acm authors
 *
 * The certificates of the simulated world, right and wrong.
 */


#include "acm_pem.h"
#include "sim.h"


#define SIM_NAMES    8                   /* of one that is wrong */


static void
sim_pem(acm_buf_t *pem, const acm_str_t *der)
{
    acm_str_t  text;

    test_ok(acm_pem_certificate(der, &text, NULL));
    acm_buf_add(pem, text.data, text.len);
    acm_free(text.data);
}


static EVP_PKEY *
sim_key_of(const acm_str_t *der)
{
    X509       *x;
    EVP_PKEY   *pkey;
    acm_err_t   err;

    test_ok(acm_x509_decode(der->data, der->len, &x, &err));
    pkey = X509_get_pubkey(x);
    assert_non_null(pkey);
    X509_free(x);

    return pkey;
}


static void
sim_sign_wrong(sim_ca_t *ca, const sim_order_t *o, EVP_PKEY *pkey,
    acm_str_t *leaf)
{
    char       *names[SIM_NAMES];
    size_t      n;
    int64_t     now;
    EVP_PKEY   *other;
    acm_err_t   err;

    now = sim_true(ca->sim);
    other = NULL;

    for (n = 0; n < o->nnames && n < SIM_NAMES - 1; n++) {
        names[n] = o->names[n];
    }

    switch (ca->issue) {

    case SIM_ISSUE_KEY:
        other = sim_key_of(&ca->ca.root);
        break;

    case SIM_ISSUE_MORE:
        names[n++] = (char *) "victim.example.com";
        break;

    case SIM_ISSUE_FEWER:
        n -= (n > 1);
        break;

    case SIM_ISSUE_OLD:
        now -= SIM_YEAR;
        break;

    case SIM_ISSUE_EARLY:
        now += SIM_DAY;
        break;

    default:
        break;
    }

    test_ok(acm_ca_sign(&ca->ca, (other != NULL) ? other : pkey, names, n,
                        now, ca->lifetime, NULL, leaf, &err));
    EVP_PKEY_free(other);
}


void
sim_issue(sim_ca_t *ca, sim_order_t *o, EVP_PKEY *pkey, acm_str_t *leaf)
{
    acm_err_t         err;
    const acm_str_t  *issuing;

    issuing = &ca->ca.issuing;

    if (ca->issue == SIM_ISSUE_RIGHT) {
        test_ok(acm_ca_sign(&ca->ca, pkey, o->names, o->nnames,
                            sim_true(ca->sim), ca->lifetime, NULL, leaf,
                            &err));

    } else {
        sim_sign_wrong(ca, o, pkey, leaf);
    }

    if (ca->issue == SIM_ISSUE_FOREIGN) {
        issuing = &ca->sim->cas[(ca->n + 1) % SIM_CAS].ca.issuing;
    }

    if (ca->issue == SIM_ISSUE_TURNED) {
        sim_pem(&o->pem, issuing);
    }

    if (ca->issue != SIM_ISSUE_CA) {
        sim_pem(&o->pem, leaf);
    }

    if (ca->issue != SIM_ISSUE_TURNED && ca->issue != SIM_ISSUE_BARE) {
        sim_pem(&o->pem, issuing);
    }
}
