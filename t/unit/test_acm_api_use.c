
/*
 * Copyright (C) The ngx_acm authors
 *
 * Who uses a certificate; and regions that are one.
 */


#include "acm_used.h"
#include "test_api.h"


#define DAY           86400
#define TEST_SERVERS  6


/* InUseBy as one text, and whether all that tells of it is of one mind. */

static const char *
test_users(test_api_t *t)
{
    int          in_use;
    size_t       i;
    json_t      *c, *json, *list, *o;
    const char  *arn;

    static char  text[2048];

    c = test_describe(t);
    list = json_object_get(c, "InUseBy");
    text[0] = '\0';

    for (i = 0; i < json_array_size(list); i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
                 i ? " " : "", json_string_value(json_array_get(list, i)));
    }

    in_use = (i != 0);

    test_is(c, "RenewalEligibility", in_use ? "ELIGIBLE" : "INELIGIBLE");
    json_decref(c);

    json = test_api_ok(t, "ListCertificates",
                       "{'Includes': {'keyTypes': ['RSA_2048',"
                       " 'EC_prime256v1']}}");
    list = json_object_get(json, "CertificateSummaryList");

    for (i = 0; i < json_array_size(list); i++) {
        o = json_array_get(list, i);
        arn = json_string_value(json_object_get(o, "CertificateArn"));

        if (strcmp(arn, test_arn) == 0) {
            assert_int_equal(json_is_true(json_object_get(o, "InUse")),
                             in_use);
            test_is(o, "RenewalEligibility",
                    in_use ? "ELIGIBLE" : "INELIGIBLE");
        }
    }

    json_decref(json);

    json = test_api_ok(t, "SearchCertificates",
                       "{'FilterStatement': {'Filter':"
                       " {'AcmCertificateMetadataFilter': {'InUse': true}}}}");
    list = json_object_get(json, "Results");

    for (i = 0; i < json_array_size(list); i++) {
        o = json_array_get(list, i);

        if (strcmp(json_string_value(json_object_get(o, "CertificateArn")),
                   test_arn) == 0)
        {
            break;
        }
    }

    assert_int_equal(i < json_array_size(list), in_use);
    json_decref(json);

    return text;
}


static void
test_served(test_api_t *t, const char *name, int64_t at)
{
    acm_used_note_t  note;

    memset(&note, 0, sizeof(note));
    memcpy(note.uuid, test_arn + sizeof(TEST_ARN) - 1, ACM_UUID_LEN);
    note.at = at;
    note.count = 1;
    note.server = (name == NULL) ? 0 : acm_used_server(name, strlen(name));

    test_ok(acm_engine_served(&t->engine, &note, 1, t->now, NULL));
}


static void
test_issued(test_api_t *t, const char *body)
{
    test_make(t, body);
    test_api_run(t);
}


#define TEST_SERVER  "arn:aws:nginx:" TEST_REGION ":" TEST_ACCOUNT ":server/"


/* Servers of "sni": what they had, for how long, until there is another. */

static void
test_sni(void **state)
{
    char               old[ACM_MAX_ARN], text[1024];
    unsigned           i;
    test_api_t         t;
    acm_api_server_t   servers[TEST_SERVERS];

    (void) state;

    static const char *const  names[TEST_SERVERS] = {
        "b.example.com", "a.example.com", "c.example.com", "a.example.com",
        "nginx.conf:7", "unused.example.com"
    };

    test_api_start(&t);
    memset(servers, 0, sizeof(servers));

    for (i = 0; i < TEST_SERVERS; i++) {
        servers[i].name = names[i];
        servers[i].id = acm_used_server(names[i], strlen(names[i]));
    }

    acm_api_servers_sort(servers, TEST_SERVERS);
    t.conf.servers = servers;
    t.conf.nservers = TEST_SERVERS;
    t.conf.in_use = DAY;

    test_issued(&t, "{'DomainName': 'x.example.com',"
                "'SubjectAlternativeNames': ['*.x.example.com']}");
    assert_string_equal(test_users(&t), "");

    /* one that is configured does not say so by serving */

    test_served(&t, NULL, t.now);
    assert_string_equal(test_users(&t), "");

    test_served(&t, "a.example.com", t.now);
    assert_string_equal(test_users(&t), TEST_SERVER "a.example.com");

    t.now += 60;
    test_served(&t, "nginx.conf:7", t.now);
    assert_string_equal(test_users(&t), TEST_SERVER "a.example.com "
                        TEST_SERVER "nginx.conf:7");

    snprintf(text, sizeof(text), "Certificate %s in account " TEST_ACCOUNT
             " is in use. It is used by " TEST_SERVER "a.example.com and "
             "others.", test_arn);
    test_api_fault(&t, "DeleteCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "ResourceInUseException", text);

    /* one that is not configured any more uses nothing */

    test_served(&t, "gone.example.com", t.now);
    assert_string_equal(test_users(&t), TEST_SERVER "a.example.com "
                        TEST_SERVER "nginx.conf:7");

    /* for a day: a.example.com had it a minute earlier */

    t.now += DAY - 61;
    assert_string_equal(test_users(&t), TEST_SERVER "a.example.com "
                        TEST_SERVER "nginx.conf:7");
    t.now++;
    assert_string_equal(test_users(&t), TEST_SERVER "nginx.conf:7");
    t.now += 59;
    assert_string_equal(test_users(&t), TEST_SERVER "nginx.conf:7");
    t.now++;
    assert_string_equal(test_users(&t), "");

    /* again; and not at all with "off" */

    test_served(&t, "c.example.com", t.now);
    assert_string_equal(test_users(&t), TEST_SERVER "c.example.com");
    t.conf.in_use = 0;
    assert_string_equal(test_users(&t), "");
    t.conf.in_use = DAY;

    /* a newer one has taken the place of one name, then of both */

    snprintf(old, sizeof(old), "%s", test_arn);

    t.now++;
    test_issued(&t, "{'DomainName': 'x.example.com'}");
    snprintf(test_arn, sizeof(test_arn), "%s", old);
    assert_string_equal(test_users(&t), TEST_SERVER "c.example.com");

    t.now++;
    test_issued(&t, "{'DomainName': '*.x.example.com'}");
    snprintf(test_arn, sizeof(test_arn), "%s", old);
    assert_string_equal(test_users(&t), "");

    json_decref(test_api_ok(&t, "DeleteCertificate",
                            test_with_arn("{'CertificateArn': '%s'}")));

    test_api_stop(&t);
}


/* Of more servers than are kept those that had it last. */

static void
test_places(void **state)
{
    char           name[32];
    size_t         i, n;
    test_api_t     t;
    acm_used_t     used;
    acm_snap_t    *snap;
    acm_used_by_t  by;

    (void) state;

    test_api_start(&t);
    test_issued(&t, "{'DomainName': 'x.example.com'}");

    for (i = 0; i < ACM_USED_SERVERS + 1; i++) {
        t.now++;
        snprintf(name, sizeof(name), "s%zu", i);
        test_served(&t, name, t.now);
    }

    /* one of them again, and later than it is */

    test_served(&t, "s3", t.now + 1000);
    test_served(&t, "s3", t.now - 1000);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_used_get(snap, test_arn + sizeof(TEST_ARN) - 1, &used));
    acm_store_end(snap);

    for (i = 0, n = 0; i < ACM_USED_SERVERS; i++) {
        acm_used_by(&used, i, &by);
        assert_true(by.server != acm_used_server("s0", 2));
        assert_true(by.last <= t.now);

        if (by.server == acm_used_server("s3", 2)) {
            assert_true(by.last == t.now);
            n++;
        }
    }

    assert_int_equal(n, 1);

    test_api_stop(&t);
}


/* Servers that are configured, by ARN and as a request, among many. */

static void
test_configured(void **state)
{
    char               text[1024], uuid[ACM_UUID_LEN + 1];
    uint8_t            identity[ACM_HASH_LEN];
    unsigned           i;
    test_api_t         t;
    acm_request_t      req;
    acm_api_server_t   servers[100];

    (void) state;

    static char *const  names[] = { (char *) "auto.example.com" };

    test_api_start(&t);

    memset(&req, 0, sizeof(req));
    req.account = TEST_ACCOUNT;
    req.region = TEST_REGION;
    req.issuer = "internal";
    req.key = ACM_KEY_EC_P256;
    req.type = ACM_TYPE_PRIVATE;
    req.names = names;
    req.nnames = 1;
    acm_request_identity(&req, identity);

    t.engine.requests = &req;
    t.engine.nrequests = 1;
    test_api_run(&t);

    memset(servers, 0, sizeof(servers));

    for (i = 0; i < 100; i++) {
        servers[i].name = "other.example.com";
        servers[i].id = i + 1;
    }

    servers[20].name = "auto.example.com";
    servers[20].id = 0;
    memcpy(servers[20].identity, identity, ACM_HASH_LEN);
    servers[70] = servers[20];

    test_make(&t, "{'DomainName': 'x.example.com'}");
    test_api_run(&t);

    servers[50].name = "by-arn:1";
    servers[50].id = 0;
    memcpy(servers[50].uuid, test_arn + sizeof(TEST_ARN) - 1, ACM_UUID_LEN);
    servers[90] = servers[50];
    servers[90].name = "by-arn:0";

    acm_api_servers_sort(servers, 100);
    t.conf.servers = servers;
    t.conf.nservers = 100;

    assert_string_equal(test_users(&t), TEST_SERVER "by-arn:0 " TEST_SERVER
                        "by-arn:1");

    /* the same name twice is told of once */

    t.conf.nservers = 0;
    test_ok(acm_certificate_ensure(t.store, &req, t.now, uuid, NULL));
    snprintf(test_arn, sizeof(test_arn), TEST_ARN "%s", uuid);
    assert_string_equal(test_users(&t), "");
    t.conf.nservers = 100;
    assert_string_equal(test_users(&t), TEST_SERVER "auto.example.com");

    snprintf(text, sizeof(text), "Certificate %s in account " TEST_ACCOUNT
             " is in use. It is used by " TEST_SERVER "auto.example.com.",
             test_arn);
    test_api_fault(&t, "DeleteCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "ResourceInUseException", text);

    test_api_stop(&t);
}


/* What policies and the log are told. */

static char  test_asked[64], test_region[64], test_resource[ACM_MAX_ARN];


static acm_rc_t
test_authorize(void *data, const acm_api_caller_t *caller,
    const acm_api_access_t *access, char *message)
{
    (void) data;
    (void) message;

    snprintf(test_asked, sizeof(test_asked), "%s", caller->asked);
    snprintf(test_region, sizeof(test_region), "%s", caller->region);
    snprintf(test_resource, sizeof(test_resource), "%s",
             access->resource ? access->resource : "");

    return ACM_OK;
}


static void
test_regions(void **state)
{
    char         home[ACM_MAX_ARN];
    json_t      *c, *json;
    test_api_t   t;

    (void) state;

    test_api_start(&t);
    t.conf.authorize = test_authorize;
    t.conf.home = TEST_REGION;

    /* asked in one region, it is the home region's */

    t.caller.region = "eu-central-1";
    test_issued(&t, "{'DomainName': 'x.example.com'}");
    assert_memory_equal(test_arn, TEST_ARN, sizeof(TEST_ARN) - 1);
    assert_string_equal(test_asked, "eu-central-1");
    assert_string_equal(test_region, TEST_REGION);
    assert_string_equal(test_resource, TEST_ARN "*");

    /* the same request in another region is the same */

    snprintf(home, sizeof(home), "%s", test_arn);
    t.caller.region = "us-west-2";
    test_make(&t, "{'DomainName': 'x.example.com'}");
    assert_string_equal(test_arn, home);

    json = test_api_ok(&t, "ListCertificates", "{}");
    assert_int_equal(json_array_size(json_object_get(json,
                                         "CertificateSummaryList")), 1);
    json_decref(json);

    /* by the ARN that was given, and by that of the region that is asked;
       policies always know the first */

    c = test_describe(&t);
    test_is(c, "CertificateArn", home);
    json_decref(c);

    snprintf(test_arn, sizeof(test_arn), "arn:aws:acm:us-west-2:"
             TEST_ACCOUNT ":certificate/%s", home + sizeof(TEST_ARN) - 1);
    c = test_describe(&t);
    test_is(c, "CertificateArn", home);
    json_decref(c);
    assert_string_equal(test_resource, home);
    assert_string_equal(test_asked, "us-west-2");

    /* but not by that of a third one */

    t.caller.region = "eu-central-1";
    test_api_fault(&t, "DescribeCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "ResourceNotFoundException", NULL);

    /* apart, each region has its own */

    t.conf.home = NULL;
    snprintf(test_arn, sizeof(test_arn), "%s", home);
    test_api_fault(&t, "DescribeCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "ResourceNotFoundException", NULL);

    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sni),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_configured),
        cmocka_unit_test(test_regions)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
