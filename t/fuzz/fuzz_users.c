
/*
 * Copyright (C) The ngx_acm authors
 *
 * Files of users.  What is taken can be asked.
 */


#include <stdint.h>
#include <string.h>

#include "acm_user.h"


#define FUZZ_SECRET  "0123456789abcdef"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static acm_rc_t
fuzz_secret(void *data, const char *path, char *buf, size_t size,
    size_t *len, acm_err_t *err)
{
    (void) data;

    if (strcmp(path, "/secret") != 0) {
        return acm_fail(err, ACM_NOTFOUND, "no file");
    }

    *len = strlen(FUZZ_SECRET);

    if (size < *len) {
        __builtin_trap();
    }

    memcpy(buf, FUZZ_SECRET, *len);

    return ACM_OK;
}


static void
fuzz_ask(acm_users_t *users, const acm_user_t *user)
{
    acm_access_t    req;
    acm_decision_t  out;

    if (user == NULL) {
        return;
    }

    memset(&req, 0, sizeof(req));
    req.action = "acm:GetCertificate";
    req.resource = "arn:aws:acm:us-east-1:123456789012:certificate/x";

    if (user->arn == NULL || user->account == NULL || user->principal == NULL
        || acm_users_get(users, user->kind, user->account, user->name)
           == NULL)
    {
        __builtin_trap();
    }

    (void) acm_policy_decide(user, &req, &out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t            i;
    acm_rc_t          rc;
    acm_err_t         err;
    acm_users_t      *users;
    acm_sigv4_key_t   key;

    static const char *const  ids[] = {
        "AKIAAAAAAAAAAAAAAAAA", "ASIAAAAAAAAAAAAAAAAA", ""
    };

    err.text[0] = '\0';

    rc = acm_users_parse((const char *) data, size, fuzz_secret, NULL, &users,
                         &err);

    if (rc != ACM_OK) {
        if (err.text[0] == '\0') {
            __builtin_trap();
        }

        return 0;
    }

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        memset(&key, 0, sizeof(key));

        if (acm_users_find(users, ids[i], &key) == ACM_OK) {
            if (key.len < ACM_MIN_SECRET) {
                __builtin_trap();
            }

            fuzz_ask(users, key.user);
        }
    }

    fuzz_ask(users, acm_users_get(users, ACM_USER_IAM, "123456789012", "a"));
    fuzz_ask(users, acm_users_get(users, ACM_USER_ROLE, "123456789012",
                                  "r"));

    acm_users_free(users);

    return 0;
}
