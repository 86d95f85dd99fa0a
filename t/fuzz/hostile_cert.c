
/*
 * Copyright (C) The ngx_acm authors
 *
 * The certificates of a hostile CA, made once, and what may become of them.
 */


#include <openssl/x509v3.h>

#include "acm_issued.h"
#include "hostile.h"


#define HOSTILE_PEM    16384         /* octets of a chain */


static EVP_PKEY   *hostile_key;      /* of all certificates */
static acm_str_t   hostile_key_secret;
static acm_buf_t   hostile_pem[SIM_ISSUE_WAYS][HOSTILE_NAMES];


void
hostile_that(int holds)
{
    if (!holds) {
        abort();
    }
}


/* The names of a leaf are those wanted, each once. */

static void
hostile_leaf(const acm_order_rec_t *rec, X509 *x)
{
    int             i;
    size_t          k, found;
    GENERAL_NAME   *name;
    GENERAL_NAMES  *names;

    names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    hostile_that(names != NULL);
    hostile_that((size_t) sk_GENERAL_NAME_num(names) == rec->nnames);

    for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        name = sk_GENERAL_NAME_value(names, i);
        hostile_that(name->type == GEN_DNS);

        for (k = 0, found = 0; k < rec->nnames; k++) {
            found += ((size_t) ASN1_STRING_length(name->d.dNSName)
                      == strlen(rec->names[k])
                      && memcmp(ASN1_STRING_get0_data(name->d.dNSName),
                                rec->names[k], strlen(rec->names[k])) == 0);
        }

        hostile_that(found == 1);
    }

    GENERAL_NAMES_free(names);
}


/* 1 if it is handed on, and then it is what was wanted. */

static int
hostile_handed_on(const acm_buf_t *pem, const acm_order_rec_t *rec)
{
    X509                 *x;
    acm_err_t             err;
    acm_bundle_t          b;
    acm_issued_key_t      key;
    const unsigned char  *p;

    memset(&key, 0, sizeof(key));
    key.type = ACM_KEY_EC_P256;
    key.der_secret = &hostile_key_secret;

    if (acm_issued_check(pem, &key, rec->names, rec->nnames, acm_now(), &b,
                         &err)
        != ACM_OK)
    {
        return 0;
    }

    p = b.leaf.data;
    x = d2i_X509(NULL, &p, (long) b.leaf.len);

    hostile_that(x != NULL && p == b.leaf.data + b.leaf.len);
    hostile_that(X509_check_private_key(x, hostile_key) == 1);
    hostile_that(X509_check_ca(x) == 0);
    hostile_leaf(rec, x);

    X509_free(x);
    acm_bundle_free(&b);

    return 1;
}


const acm_buf_t *
hostile_cert(sim_issue_e way, size_t nnames)
{
    return &hostile_pem[way][nnames - 1];
}


/* What comes as it was made was looked at once: that takes its time. */

int
hostile_cert_check(const acm_buf_t *pem, const acm_order_rec_t *rec)
{
    unsigned          i;
    const acm_buf_t  *made;

    for (i = 0; i < SIM_ISSUE_WAYS; i++) {
        made = hostile_cert(i, rec->nnames);

        if (pem->len == made->len
            && memcmp(pem->data, made->data, made->len) == 0)
        {
            return i == SIM_ISSUE_RIGHT;
        }
    }

    return hostile_handed_on(pem, rec);
}


void
hostile_certs_make(sim_t *s)
{
    size_t            n;
    acm_str_t         leaf;
    acm_err_t         err;
    sim_order_t       o;
    sim_issue_e       way;
    acm_order_rec_t   rec;

    test_ok(acm_key_generate(ACM_KEY_EC_P256, &hostile_key, &err));
    test_ok(acm_key_encode(hostile_key, &hostile_key_secret, &err));

    for (way = 0; way < SIM_ISSUE_WAYS; way++) {
        for (n = 0; n < HOSTILE_NAMES; n++) {
            memset(&o, 0, sizeof(o));
            o.names = (char **) s->requests[0].names;
            o.nnames = n + 1;
            acm_buf_init(&o.pem, HOSTILE_PEM);

            s->cas[0].issue = way;
            sim_issue(&s->cas[0], &o, hostile_key, &leaf);
            acm_free(leaf.data);
            hostile_pem[way][n] = o.pem;

            memset(&rec, 0, sizeof(rec));
            rec.names = o.names;
            rec.nnames = o.nnames;

            /* a chain may be left out; of one name none can */

            if (way != SIM_ISSUE_BARE && (way != SIM_ISSUE_FEWER || n > 0)) {
                hostile_that(hostile_handed_on(&o.pem, &rec)
                             == (way == SIM_ISSUE_RIGHT));
            }
        }
    }

    s->cas[0].issue = SIM_ISSUE_RIGHT;
}
