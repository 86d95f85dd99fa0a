
/*
 * Copyright (C) The ngx_acm authors
 *
 * Signatures are checked against those of ldns, made the other way round.
 */


#include <sys/stat.h>
#include <time.h>

#include "test.h"
#include "test_dns.h"
#include "acm_dns_update.h"


#define ZONE    "example.com"
#define NAME    "_acme-challenge.www.example.com"
#define VALUE   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SECRET  "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define OTHER   "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWE="

#define KEY(alg)  "key \"Acm.example\" {\n\talgorithm " alg ";\n"             \
                  "\tsecret \"" SECRET "\";\n};\n"


static const char *const  algorithms[] = {
    "hmac-sha256", "hmac-sha384", "hmac-sha512"
};


static acm_rc_t
parse(const char *text, acm_tsig_secret_t *key)
{
    char       *copy;
    size_t      len;
    acm_rc_t    rc;
    acm_err_t   err;

    len = strlen(text);
    copy = malloc(len + 1);
    memcpy(copy, text, len);
    err.text[0] = '\0';
    rc = acm_tsig_parse(copy, len, key, &err);
    free(copy);

    if (rc != ACM_OK) {
        assert_string_not_equal(err.text, "");
        assert_null(strstr(err.text, SECRET));
    }

    return rc;
}


static void
test_key(void **state)
{
    size_t             i;
    acm_tsig_secret_t  key;

    static const char *const  good[] = {
        "key acm{algorithm hmac-sha256;secret " SECRET ";};",
        "// a\n# b\n/* c */ KEY \"acm\" { secret \"" SECRET "\"; algorithm "
            "\"HMAC-SHA256.\"; }; // d",
        "key \"acm.\" { algorithm hmac-sha256; secret \"" SECRET "\"; }\n;/*"
    };

    static const char *const  bad[] = {
        "", "key", "key acm", "key acm {", "key acm { };", "options { };",
        "key acm { algorithm hmac-sha256; };",
        "key acm { secret \"" SECRET "\"; };",
        "key acm { algorithm hmac-sha256; secret \"" SECRET "\"; }",
        "key acm { algorithm hmac-sha256; secret \"" SECRET "\" };",
        "key acm { algorithm hmac-sha256; secret \"" SECRET "; };",
        "key acm { algorithm hmac-sha256; secret \"" SECRET "\"; \"}\";",
        "key acm { algorithm hmac-sha256; algorithm hmac-sha256; secret \""
            SECRET "\"; };",
        "key acm { algorithm hmac-sha256; secret \"" SECRET "\"; secret \""
            SECRET "\"; };",
        "key acm { algorithm hmac-md5; secret \"" SECRET "\"; };",
        "key acm { algorithm hmac-sha256-128; secret \"" SECRET "\"; };",
        "key a..b { algorithm hmac-sha256; secret \"" SECRET "\"; };",
        "key \"\" { algorithm hmac-sha256; secret \"" SECRET "\"; };",
        KEY("hmac-sha256") KEY("hmac-sha256"),
        /* not base64, and 15 octets */
        "key acm { algorithm hmac-sha256; secret \"\"; };",
        "key acm { algorithm hmac-sha256; secret \"====\"; };",
        "key acm { algorithm hmac-sha256; secret \"AAAAAAAAAAAAAAAAAAAAAAA\";"
            " };",
        "key acm { algorithm hmac-sha256; secret \""
            "AA==AAAAAAAAAAAAAAAAAAAAAAAA\"; };",
        "key acm { algorithm hmac-sha256; secret \""
            "AAAA!AAAAAAAAAAAAAAAAAAAAAAA\"; };",
        "key acm { algorithm hmac-sha256; secret \""
            "    AAAAAAAAAAAAAAAAAAAAAAAA\"; };",
        "key acm { algorithm hmac-sha256; secret \"AAAAAAAAAAAAAAAAAAAA\"; };"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (parse(good[i], &key) != ACM_OK) {
            fail_msg("%s", good[i]);
        }

        assert_string_equal(key.name, "acm");
        assert_int_equal(key.algorithm, ACM_TSIG_SHA256);
        assert_int_equal(key.len, 32);
        assert_memory_equal(key.data, "0123456789abcdef0123456789abcdef", 32);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i], &key) == ACM_OK) {
            fail_msg("%s", bad[i]);
        }

        assert_int_equal(key.len, 0);
    }

    test_ok(parse(KEY("hmac-sha384"), &key));
    assert_string_equal(key.name, "acm.example");
    assert_int_equal(key.algorithm, ACM_TSIG_SHA384);
    test_ok(parse(KEY("hmac-sha512"), &key));
    assert_int_equal(key.algorithm, ACM_TSIG_SHA512);
    acm_tsig_wipe(&key);
    assert_int_equal(key.len, 0);
}


static void
test_key_limits(void **state)
{
    char               text[ACM_MAX_TSIG_SECRET * 2], name[300];
    size_t             i, n;
    acm_tsig_secret_t  key;

    (void) state;

    /* 256 octets: 341 digits and a bit; 258 are a multiple of three */

    for (i = 0; i < 2; i++) {
        n = (size_t) snprintf(text, sizeof(text), "key a { algorithm "
                              "hmac-sha256; secret \"");
        memset(text + n, 'A', 344);
        n += 344;

        if (i == 0) {
            memcpy(text + n - 2, "==", 2);
        } else {
            memcpy(text + n - 1, "=", 1);
        }

        memcpy(text + n, "\"; };", 6);
        assert_int_equal(parse(text, &key), i == 0 ? ACM_OK : ACM_INVALID);

        if (i == 0) {
            assert_int_equal(key.len, ACM_MAX_TSIG_SECRET);
        }
    }

    /* 16 octets are enough */

    test_ok(parse("key a { algorithm hmac-sha256; secret "
                  "AAAAAAAAAAAAAAAAAAAAAA==; };", &key));
    assert_int_equal(key.len, ACM_MIN_TSIG_SECRET);

    for (n = ACM_MAX_NAME; n <= ACM_MAX_NAME + 2; n++) {
        memset(name, 'a', sizeof(name));

        for (i = 60; i < n; i += 60) {
            name[i] = '.';
        }

        name[n] = '\0';
        snprintf(text, sizeof(text), "key %s { algorithm hmac-sha256; secret "
                 "AAAAAAAAAAAAAAAAAAAAAA==; };", name);
        assert_int_equal(parse(text, &key),
                         n == ACM_MAX_NAME ? ACM_OK : ACM_INVALID);
    }
}


static void
write_file(const char *path, const char *text, size_t len, mode_t mode)
{
    FILE  *f;

    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}


static void
test_load(void **state)
{
    char               *dir, path[300], big[ACM_MAX_TSIG_FILE + 1];
    acm_err_t           err;
    acm_tsig_secret_t   key;

    (void) state;

    dir = test_mkdir();
    snprintf(path, sizeof(path), "%s/key", dir);

    assert_int_equal(acm_tsig_load(path, &key, &err), ACM_NOTFOUND);

    write_file(path, KEY("hmac-sha256"), strlen(KEY("hmac-sha256")), 0600);
    test_ok(acm_tsig_load(path, &key, &err));
    assert_string_equal(key.name, "acm.example");

    chmod(path, 0640);
    assert_int_equal(acm_tsig_load(path, &key, &err), ACM_DENIED);
    assert_non_null(strstr(err.text, "mode 640"));
    chmod(path, 0604);
    assert_int_equal(acm_tsig_load(path, &key, &err), ACM_DENIED);

    write_file(path, "rubbish", 7, 0600);
    assert_int_equal(acm_tsig_load(path, &key, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, path));

    memset(big, '\n', sizeof(big));
    memcpy(big, KEY("hmac-sha256"), strlen(KEY("hmac-sha256")));
    write_file(path, big, ACM_MAX_TSIG_FILE, 0600);
    test_ok(acm_tsig_load(path, &key, &err));
    write_file(path, big, ACM_MAX_TSIG_FILE + 1, 0600);
    assert_int_equal(acm_tsig_load(path, &key, &err), ACM_TOOBIG);

    assert_int_equal(acm_tsig_load(dir, &key, &err), ACM_DENIED);
    test_rmdir(dir);
}


/* The answer of a server that has secret, NULL: unsigned. */

static uint8_t *
answer(const acm_dns_update_t *update, const char *name, const char *secret,
    const char *algorithm, uint8_t rcode, size_t *len)
{
    char       alg[32];
    ldns_pkt  *pkt;
    ldns_rdf  *mac;

    pkt = test_dns_reply(ZONE, ACM_DNS_SOA, rcode);
    ldns_pkt_set_opcode(pkt, LDNS_PACKET_UPDATE);
    ldns_pkt_set_id(pkt, update->id);

    if (secret != NULL) {

        /* ldns wants the length in front */

        uint8_t  data[ACM_MAX_TSIG_MAC + 2];

        data[0] = 0;
        data[1] = (uint8_t) update->mac_len;
        memcpy(data + 2, update->mac, update->mac_len);
        mac = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA,
                                    update->mac_len + 2, data);
        snprintf(alg, sizeof(alg), "%s.", algorithm);
        assert_int_equal(ldns_pkt_tsig_sign(pkt, name, secret, 300, alg, mac),
                         LDNS_STATUS_OK);
        ldns_rdf_deep_free(mac);
    }

    return test_dns_wire(pkt, len);
}


static void
test_sign(void **state)
{
    size_t              i, len;
    uint8_t            *wire;
    ldns_pkt           *pkt;
    acm_buf_t           buf;
    acm_err_t           err;
    acm_dns_update_t    update;
    acm_tsig_secret_t   key;

    (void) state;

    for (i = 0; i < 3; i++) {
        char  text[256], alg[32];

        snprintf(text, sizeof(text), "key acm.example { algorithm %s; secret "
                 "\"%s\"; };", algorithms[i], SECRET);
        test_ok(parse(text, &key));

        acm_buf_init(&buf, ACM_MAX_DNS_WIRE);
        test_ok(acm_dns_update(ZONE, "_ACME-challenge.www.example.com.",
                               VALUE, 60, i == 0, &key, time(NULL),
                               &update, &buf, &err));
        assert_int_equal(update.mac_len, 32 + 16 * i);

        if (i == 1) {

            /* ldns 1.8 has a typing error in its name */

            acm_buf_free(&buf);
            continue;
        }

        assert_int_equal(ldns_wire2pkt(&pkt, buf.data, buf.len),
                         LDNS_STATUS_OK);
        snprintf(alg, sizeof(alg), "%s.", algorithms[i]);
        assert_true(ldns_pkt_tsig_verify(pkt, buf.data, buf.len,
                                         "acm.example.", SECRET, NULL));
        assert_false(ldns_pkt_tsig_verify(pkt, buf.data, buf.len,
                                          "acm.example.", OTHER, NULL));
        ldns_pkt_free(pkt);

        wire = answer(&update, "acm.example.", SECRET, algorithms[i], 0,
                      &len);
        test_ok(acm_dns_update_answer(&update, &key, time(NULL), wire, len,
                                      &err));
        free(wire);
        acm_buf_free(&buf);
    }
}


static void
test_message(void **state)
{
    char               value[ACM_MAX_UPDATE_TXT + 2];
    size_t             at;
    acm_buf_t          buf;
    acm_err_t          err;
    acm_dns_update_t   update;
    acm_tsig_secret_t  key;

    (void) state;

    test_ok(parse(KEY("hmac-sha256"), &key));
    acm_buf_init(&buf, ACM_MAX_DNS_WIRE);

    /* an addition: zone section, then the record with class IN */

    test_ok(acm_dns_update(ZONE, NAME, VALUE, 60, 1, &key, 1800000000,
                           &update, &buf, &err));
    assert_memory_equal(buf.data + 2, "\x28\0\0\1\0\0\0\1\0\1", 10);
    assert_memory_equal(buf.data + 12, "\7example\3com\0\0\6\0\1", 17);
    at = 29 + 33;
    assert_memory_equal(buf.data + at, "\0\x10\0\1\0\0\0\x3c\0\x2c\x2b", 11);
    buf.len = 0;

    /* a removal: class NONE, TTL 0 */

    test_ok(acm_dns_update(ZONE, NAME, VALUE, 60, 0, &key, 1800000000,
                           &update, &buf, &err));
    assert_memory_equal(buf.data + at, "\0\x10\0\xfe\0\0\0\0\0\x2c\x2b", 11);
    buf.len = 0;

    /* strings of 255, the limit, an empty one */

    memset(value, 'v', sizeof(value));
    value[ACM_MAX_UPDATE_TXT] = '\0';
    test_ok(acm_dns_update(ZONE, NAME, value, 60, 1, &key, 1800000000,
                           &update, &buf, &err));
    assert_memory_equal(buf.data + at + 8, "\x04\x05\xff", 3);
    buf.len = 0;
    value[ACM_MAX_UPDATE_TXT] = 'v';
    value[ACM_MAX_UPDATE_TXT + 1] = '\0';
    assert_int_equal(acm_dns_update(ZONE, NAME, value, 60, 1, &key,
                                    1800000000, &update, &buf, &err),
                     ACM_TOOBIG);
    test_ok(acm_dns_update(ZONE, ZONE, "", 60, 1, &key, 1800000000,
                           &update, &buf, &err));
    buf.len = 0;

    assert_int_equal(acm_dns_update("example.net", NAME, VALUE, 60, 1, &key,
                                    1800000000, &update, &buf, &err),
                     ACM_INVALID);
    assert_string_equal(err.text, "\"" NAME "\" is not in zone "
                        "\"example.net\"");
    assert_int_equal(acm_dns_update("ple.com", NAME, VALUE, 60, 1, &key,
                                    1800000000, &update, &buf, &err),
                     ACM_INVALID);
    assert_int_equal(acm_dns_update(ZONE, "a..b", VALUE, 60, 1, &key,
                                    1800000000, &update, &buf, &err),
                     ACM_INVALID);
    acm_buf_free(&buf);
}


static acm_rc_t
check(const acm_dns_update_t *update, const acm_tsig_secret_t *key,
    int64_t now, const uint8_t *wire, size_t len, acm_err_t *err)
{
    uint8_t   *copy;
    acm_rc_t   rc;

    copy = malloc(len + (len == 0));
    memcpy(copy, wire, len);
    rc = acm_dns_update_answer(update, key, now, copy, len, err);
    free(copy);

    return rc;
}


static void
test_answer(void **state)
{
    size_t              i, len;
    int64_t             now;
    uint8_t            *wire, copy[512];
    acm_buf_t           buf;
    acm_err_t           err;
    acm_dns_update_t    update, another;
    acm_tsig_secret_t   key;

    static const struct {
        uint8_t      rcode;
        acm_rc_t     rc;
    } rcodes[] = {
        { 0, ACM_OK }, { 1, ACM_DENIED }, { 2, ACM_BUSY },
        { 5, ACM_DENIED }, { 9, ACM_INVALID }, { 10, ACM_INVALID }
    };

    (void) state;

    now = time(NULL);
    test_ok(parse(KEY("hmac-sha256"), &key));
    acm_buf_init(&buf, ACM_MAX_DNS_WIRE);
    test_ok(acm_dns_update(ZONE, NAME, VALUE, 60, 1, &key, now, &update,
                           &buf, &err));
    acm_buf_free(&buf);

    for (i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); i++) {
        wire = answer(&update, "acm.example.", SECRET, "hmac-sha256",
                      rcodes[i].rcode, &len);
        assert_int_equal(check(&update, &key, now, wire, len, &err),
                         rcodes[i].rc);
        free(wire);
    }

    /* another secret, key, algorithm; none */

    wire = answer(&update, "acm.example.", OTHER, "hmac-sha256", 0, &len);
    assert_int_equal(check(&update, &key, now, wire, len, &err), ACM_DENIED);
    free(wire);
    wire = answer(&update, "bcm.example.", SECRET, "hmac-sha256", 0, &len);
    assert_int_equal(check(&update, &key, now, wire, len, &err), ACM_DENIED);
    free(wire);
    wire = answer(&update, "acm.example.", SECRET, "hmac-sha512", 0, &len);
    assert_int_equal(check(&update, &key, now, wire, len, &err), ACM_DENIED);
    free(wire);
    wire = answer(&update, NULL, NULL, NULL, 0, &len);
    assert_int_equal(check(&update, &key, now, wire, len, &err), ACM_DENIED);
    assert_non_null(strstr(err.text, "(NOERROR) is not signed"));
    free(wire);

    /* an answer to another update */

    wire = answer(&update, "acm.example.", SECRET, "hmac-sha256", 0, &len);
    another = update;
    another.mac[0] ^= 1;
    assert_int_equal(check(&another, &key, now, wire, len, &err),
                     ACM_DENIED);
    another = update;
    another.id ^= 1;
    assert_int_equal(check(&another, &key, now, wire, len, &err),
                     ACM_INVALID);

    /* old, and from a time to come */

    test_ok(check(&update, &key, now + ACM_TSIG_FUDGE - 5, wire, len, &err));
    assert_int_equal(check(&update, &key, now + ACM_TSIG_FUDGE + 60, wire,
                           len, &err), ACM_DENIED);
    assert_int_equal(check(&update, &key, now - ACM_TSIG_FUDGE - 60, wire,
                           len, &err), ACM_DENIED);

    /* any octet changed, anything cut or appended; but for the id, which is
       compared first */

    assert_true(len < sizeof(copy));

    for (i = 0; i < len; i++) {
        memcpy(copy, wire, len);
        copy[i] ^= 1;

        if (check(&update, &key, now, copy, len, &err) == ACM_OK) {
            fail_msg("octet %zu", i);
        }

        assert_int_not_equal(check(&update, &key, now, wire, i, &err),
                             ACM_OK);
    }

    copy[len] = 0;
    memcpy(copy, wire, len);
    assert_int_not_equal(check(&update, &key, now, copy, len + 1, &err),
                         ACM_OK);
    free(wire);
}


static void
test_refused_key(void **state)
{
    size_t              len;
    uint8_t            *wire;
    acm_err_t           err;
    acm_dns_update_t    update;
    acm_tsig_secret_t   key;

    /* BADKEY, without a MAC, RFC 8945 s5.2.1 */

    static const uint8_t  tail[] = "\3acm\7example\0\0\xfa\0\xff\0\0\0\0"
        "\0\x1d\x0bhmac-sha256\0\0\0\x6b\0\0\0\x01\x2c\0\0\0\1\0\x11\0";

    (void) state;

    memset(&update, 0, sizeof(update));
    update.id = 1;
    update.mac_len = 32;

    test_ok(parse(KEY("hmac-sha256"), &key));
    wire = answer(&update, NULL, NULL, NULL, 9, &len);
    wire = realloc(wire, len + sizeof(tail));
    memcpy(wire + len, tail, sizeof(tail));
    wire[11] = 1;
    assert_int_equal(check(&update, &key, 0, wire, len + sizeof(tail), &err),
                     ACM_DENIED);
    assert_non_null(strstr(err.text, "BADKEY"));

    wire[len + sizeof(tail) - 3] = 16;
    assert_int_equal(check(&update, &key, 0, wire, len + sizeof(tail), &err),
                     ACM_DENIED);
    assert_non_null(strstr(err.text, "BADSIG"));

    /* no error, no MAC */

    wire[len + sizeof(tail) - 3] = 0;
    wire[3] = 0;
    assert_int_equal(check(&update, &key, 0, wire, len + sizeof(tail), &err),
                     ACM_DENIED);
    free(wire);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_key_limits),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_refused_key)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
