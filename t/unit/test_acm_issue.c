
/*
 * Copyright (C) The ngx_acm authors
 *
 * The issuing CAs of a built-in CA, from its first day to its last.
 */


#include "acm_ca.h"
#include "acm_issue.h"
#include "test_engine.h"


static char  *test_www[] = { "www.example.com" };


/* How many issuing CAs there are in the life of a root, with a certificate
   every so often; each lives half as long as it should at least, as long as
   the root does. */

static unsigned
test_issuing(int64_t lifetime, int64_t step)
{
    test_t         t;
    int64_t        now, end, least;
    uint8_t        last[ACM_MAX_CERT_DER];
    unsigned       n;
    acm_err_t      err;
    acm_cert_t     cert;
    acm_bundle_t   b;

    test_start(&t, lifetime, NULL, 0);
    memset(&cert, 0, sizeof(cert));
    cert.key = ACM_KEY_EC_P256;
    cert.names = test_www;
    cert.nnames = 1;

    n = 0;
    memset(last, 0, sizeof(last));
    end = START + ACM_CA_ROOT_LIFETIME;

    for (now = START; now < end; now += step) {
        test_ok(acm_issue_bundle(t.ring, &t.issuer, &cert, now, &b, &err));

        least = (lifetime / 2 < end - now) ? lifetime / 2 : end - now;
        assert_true(b.info.not_after - now >= least - 3600);

        if (memcmp(last, b.chain[0].data, b.chain[0].len) != 0) {
            memcpy(last, b.chain[0].data, b.chain[0].len);
            n++;
        }

        acm_bundle_free(&b);
    }

    assert_int_equal(acm_issue_bundle(t.ring, &t.issuer, &cert, end, &b,
                                      &err), ACM_INVALID);
    test_stop(&t);

    return n;
}


static void
test_life(void **state)
{
    (void) state;

    /* the second one lasts nearly to the end of the root: there is a third */

    assert_int_equal(test_issuing(ACM_CA_LEAF_LIFETIME, 30 * DAY), 3);
    assert_int_equal(test_issuing(60, 90 * DAY), 2);
    assert_in_range(test_issuing(ACM_CA_ISSUING_LIFETIME / 2, 30 * DAY), 3, 5);

    /* as long as they live themselves: one a year, till the root's end */

    assert_in_range(test_issuing(ACM_CA_ISSUING_LIFETIME, 10 * DAY), 9, 12);
    assert_in_range(test_issuing(ACM_CA_ISSUING_LIFETIME - DAY, 10 * DAY), 9,
                    12);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_life)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
