
/*
 * Copyright (C) The ngx_acm authors
 *
 * Records of dns-persist-01: what is to be created is what is enough.
 */


#include "test.h"
#include "acm_persist.h"


#define URL  "https://ca.example.net/acme/acct/1"


static int
match(const acm_persist_t *p, const char *text)
{
    return acm_persist_match(p, (const uint8_t *) text, strlen(text));
}


static void
test_list(void **state)
{
    int      i;
    char     list[ACM_MAX_PERSIST_CAS], name[ACM_MAX_NAME + 2];
    json_t  *json;

    (void) state;

    list[0] = '\0';
    acm_persist_list(list, NULL);
    assert_string_equal(list, "");

    json = json_pack("[s, i, s, s, s, s, s]", "CA.example.", 1, "ca.example",
                     "b d", "", ".\"", "other.example");
    acm_persist_list(list, json);
    json_decref(json);
    assert_string_equal(list, "ca.example other.example");

    memset(name, 'a', sizeof(name));
    name[ACM_MAX_NAME + 1] = '\0';
    list[0] = '\0';
    acm_persist_add(list, name);
    assert_string_equal(list, "");
    name[ACM_MAX_NAME] = '\0';
    acm_persist_add(list, name);
    assert_string_equal(list, name);

    for (i = 0; i < 26; i++) {
        name[0] = (char) ('a' + i);
        acm_persist_add(list, name);
    }

    assert_int_equal(strlen(list), 4 * ACM_MAX_NAME + 3);

    /* to the last octet */

    name[ACM_MAX_PERSIST_CAS - 2 - strlen(list)] = '\0';
    acm_persist_add(list, name);
    assert_int_equal(strlen(list), ACM_MAX_PERSIST_CAS - 1);
}


static void
test_value(void **state)
{
    char           buf[ACM_MAX_PERSIST], cas[ACM_MAX_PERSIST_CAS];
    char           url[ACM_MAX_PERSIST];
    acm_persist_t  p;

    (void) state;

    memset(&p, 0, sizeof(acm_persist_t));
    p.cas = "ca.example other.example";
    p.account = URL;

    test_ok(acm_persist_value(&p, buf));
    assert_string_equal(buf, "ca.example; accounturi=" URL);
    assert_int_equal(match(&p, buf), 1);

    p.wildcard = 1;
    assert_int_equal(match(&p, buf), 0);
    test_ok(acm_persist_value(&p, buf));
    assert_string_equal(buf, "ca.example; accounturi=" URL
                             "; policy=wildcard");
    assert_int_equal(match(&p, buf), 1);

    p.cas = "";
    assert_int_equal(acm_persist_value(&p, buf), ACM_INVALID);
    p.cas = "ca.example";
    p.account = NULL;
    assert_int_equal(acm_persist_value(&p, buf), ACM_INVALID);
    p.account = "";
    assert_int_equal(acm_persist_value(&p, buf), ACM_INVALID);
    p.account = "https://a/;b";
    assert_int_equal(acm_persist_value(&p, buf), ACM_INVALID);
    p.account = "https://a/\"b";
    assert_int_equal(acm_persist_value(&p, buf), ACM_INVALID);
    p.account = "https://a/\nb";
    assert_int_equal(acm_persist_value(&p, buf), ACM_INVALID);

    memset(cas, 'a', sizeof(cas));
    cas[ACM_MAX_PERSIST_CAS - 1] = '\0';
    memset(url, 'a', sizeof(url));
    p.cas = cas;
    p.account = url;
    p.wildcard = 0;
    url[ACM_MAX_PERSIST - ACM_MAX_PERSIST_CAS - 13] = '\0';
    test_ok(acm_persist_value(&p, buf));
    assert_int_equal(strlen(buf), ACM_MAX_PERSIST - 1);
    url[ACM_MAX_PERSIST - ACM_MAX_PERSIST_CAS - 13] = 'a';
    url[ACM_MAX_PERSIST - ACM_MAX_PERSIST_CAS - 12] = '\0';
    assert_int_equal(acm_persist_value(&p, buf), ACM_TOOBIG);
}


static void
test_match(void **state)
{
    size_t         i;
    acm_persist_t  p;

    static const struct {
        const char  *text;
        int          plain, wild, any;
    } cases[] = {
        { "ca.example; accounturi=" URL, 1, 0, 1 },
        { " CA.Example. ;\tAccountURI=" URL " ", 1, 0, 1 },
        { "ca.example;accounturi=" URL ";policy=WildCard", 1, 1, 1 },
        { "ca.example;accounturi=" URL ";policy=other;x;=;y=", 1, 0, 1 },
        { "b.example; accounturi=" URL, 1, 0, 1 },
        { "c.example; accounturi=" URL, 0, 0, 1 },
        { "ca.example b.example; accounturi=" URL, 0, 0, 1 },
        { "; accounturi=" URL, 0, 0, 0 },
        { "", 0, 0, 0 },
        { ".", 0, 0, 0 },
        { "ca.example", 0, 0, 0 },
        { "ca.example; accounturi=" URL "2", 0, 0, 0 },
        { "ca.example; accounturi=", 0, 0, 0 },
        { "ca.example; accounturi=" URL "; accounturi=" URL, 0, 0, 0 },
        { "ca.example; accounturi=" URL "; policy=wildcard; policy=x",
          0, 0, 0 },
        { "ca.example; accounturi=" URL "; persistUntil=1001", 1, 0, 1 },
        { "ca.example; accounturi=" URL "; persistUntil=1000", 0, 0, 0 },
        { "ca.example; accounturi=" URL "; persistUntil=", 0, 0, 0 },
        { "ca.example; accounturi=" URL "; persistUntil=1e9", 0, 0, 0 },
        { "ca.example; accounturi=" URL
          "; persistUntil=1000000000000000000", 0, 0, 0 },
        { "ca.example; accounturi=" URL
          "; persistUntil=999999999999999999", 1, 0, 1 },
    };

    (void) state;

    memset(&p, 0, sizeof(acm_persist_t));
    p.account = URL;
    p.now = 1000;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        p.cas = "ca.example b.example";
        p.wildcard = 0;
        assert_int_equal(match(&p, cases[i].text), cases[i].plain);
        p.wildcard = 1;
        assert_int_equal(match(&p, cases[i].text), cases[i].wild);
        p.cas = "";
        p.wildcard = 0;
        assert_int_equal(match(&p, cases[i].text), cases[i].any);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_value),
        cmocka_unit_test(test_match),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
