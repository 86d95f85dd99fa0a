
/*
 * Copyright (C) The ngx_acm authors
 *
 * ACME accounts and their sealed keys.
 */


#include "acm_account.h"
#include "test_store.h"


#define NOW  1800000000LL
#define DIR  "https://ca.example.net/dir"


typedef struct {
    acm_store_t        *store;
    acm_keyring_t      *ring;
    acm_key_secret_t    master;
    acm_issuer_t        issuer;
} test_t;


static void
test_start(test_t *t)
{
    acm_err_t         err;

    memset(t, 0, sizeof(test_t));
    t->store = test_open_memory();
    test_ok(acm_key_random(&t->master, &err));
    test_ok(acm_keyring_open(t->store, &t->master, 1, &t->ring, &err));

    t->issuer.name = "le";
    t->issuer.account_key = ACM_KEY_EC_P256;
}


static void
test_stop(test_t *t)
{
    acm_keyring_close(t->ring);
    acm_store_close(t->store);
}


static acm_rc_t
test_get(test_t *t, const char *issuer, const char *directory,
    acm_account_t *a, uint64_t *revision)
{
    acm_rc_t     rc;
    acm_err_t    err;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, &err));
    rc = acm_account_get(snap, issuer, directory, a, revision);
    acm_store_end(snap);

    return rc;
}


static void
test_create(void **state)
{
    test_t          t;
    uint64_t        revision;
    EVP_PKEY       *pkey, *again;
    acm_err_t       err;
    acm_account_t   a, b;

    (void) state;

    test_start(&t);
    assert_int_equal(test_get(&t, "le", DIR, &a, &revision), ACM_NOTFOUND);

    test_ok(acm_account_create(t.ring, &t.issuer, DIR, NOW, &a, &err));
    assert_string_equal(a.issuer, "le");
    assert_string_equal(a.directory, DIR);
    assert_int_equal(a.status, ACM_ACCOUNT_NEW);
    assert_int_equal(a.wish, ACM_ACCOUNT_NOTHING);
    assert_int_equal(a.key, ACM_KEY_EC_P256);
    assert_int_equal(a.version, 1);
    assert_string_equal(a.url, "");
    assert_string_equal(a.contacts, "");
    assert_string_equal(a.error, "");
    assert_int_equal(a.next.len, 0);
    assert_int_equal(a.created_at, NOW);
    test_ok(acm_account_key(t.ring, &a, 0, &pkey, &err));
    assert_int_equal(acm_key_type(pkey), ACM_KEY_EC_P256);

    /* what was committed is what was returned */

    test_ok(test_get(&t, "le", DIR, &b, &revision));
    assert_true(revision != 0);
    assert_int_equal(a.sealed.len, b.sealed.len);
    assert_memory_equal(a.sealed.data, b.sealed.data, a.sealed.len);
    test_ok(acm_account_key(t.ring, &b, 0, &again, &err));
    assert_int_equal(EVP_PKEY_eq(pkey, again), 1);
    EVP_PKEY_free(again);

    /* never a second one over it: the first one's key would be lost */

    acm_account_free(&b);
    assert_int_equal(acm_account_create(t.ring, &t.issuer, DIR, NOW, &b,
                                        &err), ACM_CONFLICT);

    /* each directory and issuer has its own */

    assert_int_equal(test_get(&t, "le", DIR "/", &b, &revision),
                     ACM_NOTFOUND);
    assert_int_equal(test_get(&t, "lex", DIR, &b, &revision), ACM_NOTFOUND);
    assert_int_equal(test_get(&t, "", DIR, &b, &revision), ACM_INVALID);
    test_ok(acm_account_create(t.ring, &t.issuer, DIR "/staging", NOW, &b,
                               &err));
    test_ok(acm_account_key(t.ring, &b, 0, &again, &err));
    assert_int_equal(EVP_PKEY_eq(pkey, again), 0);
    EVP_PKEY_free(again);
    EVP_PKEY_free(pkey);
    acm_account_free(&b);
    acm_account_free(&a);
    test_stop(&t);
}


/* A sealed key opens where it belongs, and nowhere else. */

static void
test_binding(void **state)
{
    test_t          t;
    EVP_PKEY       *pkey;
    acm_err_t       err;
    acm_str_t       sealed;
    acm_account_t   a, b;

    (void) state;

    test_start(&t);
    test_ok(acm_account_create(t.ring, &t.issuer, DIR, NOW, &a, &err));
    t.issuer.name = "other";
    test_ok(acm_account_create(t.ring, &t.issuer, DIR, NOW, &b, &err));

    sealed = a.sealed;
    a.sealed = b.sealed;
    assert_int_not_equal(acm_account_key(t.ring, &a, 0, &pkey, &err), ACM_OK);
    a.sealed = sealed;
    a.version++;
    assert_int_not_equal(acm_account_key(t.ring, &a, 0, &pkey, &err), ACM_OK);
    a.version--;
    a.key = ACM_KEY_RSA_2048;
    assert_int_not_equal(acm_account_key(t.ring, &a, 0, &pkey, &err), ACM_OK);
    a.key = ACM_KEY_EC_P256;
    a.sealed.data[a.sealed.len - 1] ^= 1;
    assert_int_not_equal(acm_account_key(t.ring, &a, 0, &pkey, &err), ACM_OK);
    a.sealed.data[a.sealed.len - 1] ^= 1;

    /* no next one yet */

    assert_int_not_equal(acm_account_key(t.ring, &a, 1, &pkey, &err), ACM_OK);
    test_ok(acm_account_key(t.ring, &a, 0, &pkey, &err));
    EVP_PKEY_free(pkey);
    acm_account_free(&a);
    acm_account_free(&b);
    test_stop(&t);
}


static void
test_next(void **state)
{
    test_t          t;
    uint64_t        revision;
    EVP_PKEY       *first, *next, *pkey;
    acm_err_t       err;
    acm_account_t   a;

    (void) state;

    test_start(&t);
    test_ok(acm_account_create(t.ring, &t.issuer, DIR, NOW, &a, &err));
    test_ok(acm_account_key(t.ring, &a, 0, &first, &err));
    acm_account_free(&a);
    test_ok(test_get(&t, "le", DIR, &a, &revision));

    test_ok(acm_account_next(t.ring, &a, &err));
    test_ok(acm_account_next(t.ring, &a, &err));
    test_ok(acm_account_key(t.ring, &a, 1, &next, &err));
    assert_int_equal(EVP_PKEY_eq(first, next), 0);
    test_ok(acm_account_key(t.ring, &a, 0, &pkey, &err));
    assert_int_equal(EVP_PKEY_eq(first, pkey), 1);
    EVP_PKEY_free(pkey);

    /* committed before the CA hears of it, and then taken over */

    test_ok(acm_account_put(t.store, &a, revision, &err));
    acm_account_free(&a);
    test_ok(test_get(&t, "le", DIR, &a, &revision));
    test_ok(acm_account_key(t.ring, &a, 1, &pkey, &err));
    assert_int_equal(EVP_PKEY_eq(next, pkey), 1);
    EVP_PKEY_free(pkey);

    acm_free(a.sealed.data);
    a.sealed = a.next;
    a.next.data = NULL;
    a.next.len = 0;
    a.version++;
    test_ok(acm_account_key(t.ring, &a, 0, &pkey, &err));
    assert_int_equal(EVP_PKEY_eq(next, pkey), 1);
    EVP_PKEY_free(pkey);
    test_ok(acm_account_put(t.store, &a, revision, &err));

    /* somebody else wrote it meanwhile */

    assert_int_equal(acm_account_put(t.store, &a, revision, &err),
                     ACM_CONFLICT);
    assert_int_equal(acm_account_put(t.store, &a, 0, &err), ACM_CONFLICT);

    acm_account_free(&a);
    EVP_PKEY_free(first);
    EVP_PKEY_free(next);
    test_stop(&t);
}


static void
test_wish(void **state)
{
    test_t          t;
    uint64_t        revision;
    acm_err_t       err;
    acm_account_t   a;

    (void) state;

    test_start(&t);
    assert_int_equal(acm_account_wish(t.store, "le", DIR,
                                      ACM_ACCOUNT_ROLLOVER, &err),
                     ACM_NOTFOUND);
    assert_non_null(strstr(err.text, "\"le\""));
    test_ok(acm_account_create(t.ring, &t.issuer, DIR, NOW, &a, &err));
    acm_account_free(&a);
    test_ok(acm_account_wish(t.store, "le", DIR, ACM_ACCOUNT_ROLLOVER,
                             &err));
    test_ok(test_get(&t, "le", DIR, &a, &revision));
    assert_int_equal(a.wish, ACM_ACCOUNT_ROLLOVER);

    /* there is nothing to deactivate before the CA knows it */

    assert_int_equal(acm_account_wish(t.store, "le", DIR,
                                      ACM_ACCOUNT_DEACTIVATE, &err),
                     ACM_DENIED);
    assert_non_null(strstr(err.text, "\"le\""));
    acm_free(a.url);
    a.url = acm_strdup("https://ca.example.net/acct/1");
    test_ok(acm_account_put(t.store, &a, revision, &err));
    acm_account_free(&a);
    test_ok(acm_account_wish(t.store, "le", DIR, ACM_ACCOUNT_DEACTIVATE,
                             &err));
    test_ok(test_get(&t, "le", DIR, &a, &revision));
    assert_int_equal(a.wish, ACM_ACCOUNT_DEACTIVATE);
    assert_int_equal(a.status, ACM_ACCOUNT_NEW);
    acm_account_free(&a);
    assert_int_equal(acm_account_wish(t.store, "le", DIR,
                                      (acm_account_wish_e) 3, &err),
                     ACM_INVALID);
    test_stop(&t);
}


static void
test_octets(void **state)
{
    char            url[ACM_MAX_URL + 2], name[ACM_MAX_LABEL + 2];
    size_t          i;
    uint8_t        *copy;
    acm_rc_t        rc;
    acm_buf_t       buf;
    acm_account_t   a, out;

    (void) state;

    memset(&a, 0, sizeof(a));
    memset(url, 'u', sizeof(url));
    url[ACM_MAX_URL] = '\0';
    memset(name, 'n', sizeof(name));
    name[ACM_MAX_LABEL] = '\0';
    a.issuer = name;
    a.directory = url;
    a.status = ACM_ACCOUNT_VALID;
    a.wish = ACM_ACCOUNT_ROLLOVER;
    a.key = ACM_KEY_EC_P384;
    a.version = 9;
    a.sealed.data = (uint8_t *) "sealed";
    a.sealed.len = 6;
    a.next = a.sealed;
    a.url = url;
    a.contacts = "mailto:a@example.com";
    a.error = "it failed";
    a.created_at = NOW;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_account_encode(&a, &buf));
    test_ok(acm_account_decode(buf.data, buf.len, &out));
    assert_string_equal(out.issuer, name);
    assert_string_equal(out.directory, url);
    assert_string_equal(out.url, url);
    assert_int_equal(out.version, 9);
    assert_int_equal(out.next.len, 6);
    assert_string_equal(out.contacts, a.contacts);
    assert_string_equal(out.error, a.error);
    acm_account_free(&out);

    for (i = 0; i < buf.len; i++) {
        copy = malloc(i + (i == 0));
        memcpy(copy, buf.data, i);
        rc = acm_account_decode(copy, i, &out);
        free(copy);

        if (rc == ACM_OK) {
            acm_account_free(&out);

        } else {
            assert_int_equal(rc, ACM_CORRUPT);
        }
    }

    buf.data[1]++;
    assert_int_equal(acm_account_decode(buf.data, buf.len, &out),
                     ACM_VERSION);
    acm_buf_free(&buf);

    url[ACM_MAX_URL] = 'u';
    url[ACM_MAX_URL + 1] = '\0';
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    assert_int_equal(acm_account_encode(&a, &buf), ACM_TOOBIG);
    url[ACM_MAX_URL] = '\0';
    name[ACM_MAX_LABEL] = 'n';
    name[ACM_MAX_LABEL + 1] = '\0';
    acm_buf_free(&buf);
    assert_int_equal(acm_account_encode(&a, &buf), ACM_TOOBIG);
    acm_buf_free(&buf);
}


static void
test_contacts(void **state)
{
    char          text[ACM_MAX_CONTACT_TEXT + 1];
    char          big[ACM_MAX_CONTACT_TEXT + 2];
    char         *contacts[ACM_MAX_CONTACTS];
    acm_issuer_t  issuer;

    (void) state;

    memset(&issuer, 0, sizeof(issuer));
    issuer.contacts = contacts;
    acm_account_contacts(&issuer, text);
    assert_string_equal(text, "");

    contacts[0] = "mailto:a@example.com";
    contacts[1] = "mailto:b@example.com";
    issuer.ncontacts = 1;
    acm_account_contacts(&issuer, text);
    assert_string_equal(text, "mailto:a@example.com");
    issuer.ncontacts = 2;
    acm_account_contacts(&issuer, text);
    assert_string_equal(text, "mailto:a@example.com mailto:b@example.com");

    /* never past the end */

    memset(big, 'a', sizeof(big));
    big[ACM_MAX_CONTACT_TEXT + 1] = '\0';
    contacts[0] = big;
    acm_account_contacts(&issuer, text);
    assert_true(strlen(text) <= ACM_MAX_CONTACT_TEXT);
    big[ACM_MAX_CONTACT_TEXT - 2] = '\0';
    contacts[1] = "b";
    acm_account_contacts(&issuer, text);
    assert_int_equal(strlen(text), ACM_MAX_CONTACT_TEXT);
    big[ACM_MAX_CONTACT_TEXT - 2] = 'a';
    big[ACM_MAX_CONTACT_TEXT - 1] = '\0';
    acm_account_contacts(&issuer, text);
    assert_int_equal(strlen(text), ACM_MAX_CONTACT_TEXT - 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_binding),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_wish),
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_contacts)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
