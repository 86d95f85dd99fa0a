
/*
 * Copyright (C) The ngx_acm authors
 *
 * Requests to be verified.  The first octet says what the others are: a
 * request as text, or changes to one that is valid.  No signature can be
 * guessed, so what is accepted must say what one that was recorded says.
 */


#include "../unit/test_sigv4.h"


#define FUZZ_CHANGES  4


typedef struct {
    const uint8_t  *pos;
    const uint8_t  *end;
} fuzz_input_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static uint32_t
fuzz_next(void *data)
{
    uint32_t       v;
    fuzz_input_t  *in;

    in = data;
    v = 0;

    if (in->pos != in->end) {
        v = *in->pos++;
    }

    if (in->pos != in->end) {
        v = v << 8 | *in->pos++;
    }

    return v;
}


static void
fuzz_verify(const test_request_t *t, const acm_buf_t *meaning)
{
    acm_rc_t            rc;
    acm_buf_t           out;
    acm_sigv4_user_t    user;
    acm_sigv4_fault_t   fault;
    acm_sigv4_policy_t  policy;

    memset(&policy, 0, sizeof(policy));

    policy.service = "acm";
    policy.now = TEST_NOW;
    policy.find = test_find;
    policy.root = 1;

    rc = acm_sigv4_verify(&t->r, &policy, &user, &fault);

    if (rc != ACM_OK) {
        if (rc != ACM_DENIED || fault.type == NULL || user.key_id[0] != '\0'
            || memchr(fault.message, '\0', sizeof(fault.message)) == NULL)
        {
            __builtin_trap();
        }

        return;
    }

    acm_buf_init(&out, 1 << 20);
    test_meaning(&out, &t->r);

    if (strcmp(user.key_id, TEST_KEY_ID) != 0 || out.len != meaning->len
        || memcmp(out.data, meaning->data, out.len) != 0)
    {
        __builtin_trap();
    }

    acm_buf_free(&out);
}


/* Signing takes what comes, too. */

static void
fuzz_sign(test_request_t *t)
{
    acm_buf_t  auth;

    static const acm_sigv4_signer_t  signer = {
        TEST_KEY_ID, TEST_SECRET, NULL, "eu-central-1", "acm"
    };

    acm_buf_init(&auth, ACM_MAX_SIGV4_AUTH);
    (void) acm_sigv4_sign(&signer, &t->r, &auth, NULL);
    acm_buf_free(&auth);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            *keep[FUZZ_CHANGES];
    size_t           i;
    acm_buf_t        meaning;
    fuzz_input_t     in;
    test_request_t   valid, t;

    if (size == 0) {
        return 0;
    }

    if (!test_request_read(&valid, TEST_JS, strlen(TEST_JS))) {
        __builtin_trap();
    }

    acm_buf_init(&meaning, 1 << 20);
    test_meaning(&meaning, &valid.r);
    memset(keep, 0, sizeof(keep));

    if (data[0] == 'P' || data[0] == 'G') {

        if (test_request_read(&t, data, size)) {
            fuzz_verify(&t, &meaning);
            fuzz_sign(&t);
        }

        test_request_free(&t);

    } else {
        in.pos = data + 1;
        in.end = data + size;

        for (i = 0; i < FUZZ_CHANGES && valid.r.nheaders != 0; i++) {
            test_change(&valid, &keep[i], fuzz_next, &in);

            if (in.pos == in.end) {
                break;
            }
        }

        fuzz_verify(&valid, &meaning);
    }

    for (i = 0; i < FUZZ_CHANGES; i++) {
        free(keep[i]);
    }

    acm_buf_free(&meaning);
    test_request_free(&valid);

    return 0;
}
