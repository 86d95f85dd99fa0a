
/*
 * Copyright (C) The ngx_acm authors
 *
 * The file of users: access keys, and sessions.
 */


#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "acm_user_impl.h"


static acm_rc_t acm_users_access_key(acm_users_parse_t *p,
    const json_t *json, const acm_user_t *user);
static acm_rc_t acm_users_key_fields(acm_users_parse_t *p,
    const json_t *json, acm_user_key_t *key);
static acm_rc_t acm_users_key_secret(acm_users_parse_t *p,
    const json_t *json, acm_user_key_t *key);
static acm_rc_t acm_users_key_time(acm_users_parse_t *p, const json_t *json,
    int64_t *t);
static acm_rc_t acm_users_session(acm_users_parse_t *p, const json_t *json,
    const acm_user_t *user, acm_user_key_t *key);
static acm_rc_t acm_users_session_name(acm_users_parse_t *p,
    const json_t *json, acm_user_t *session);
static acm_rc_t acm_users_key_add(acm_users_parse_t *p,
    const acm_user_key_t *key);


acm_rc_t
acm_users_access_keys(acm_users_parse_t *p, const json_t *json,
    const acm_user_t *user)
{
    size_t       i, n, len;
    json_t      *list;
    acm_rc_t     rc;
    const char  *member;

    member = (user->kind == ACM_USER_ROLE) ? "Sessions" : "AccessKeys";
    len = strlen(p->where);

    rc = acm_users_list(p, json, member, ACM_MAX_USER_KEYS, &list, &n);

    for (i = 0; rc == ACM_OK && i < n; i++) {
        (void) snprintf(p->where + len, sizeof(p->where) - len, ", %s %zu",
                        member, i + 1);
        rc = acm_users_access_key(p, json_array_get(list, i), user);
    }

    return rc;
}


static acm_rc_t
acm_users_access_key(acm_users_parse_t *p, const json_t *json,
    const acm_user_t *user)
{
    acm_rc_t        rc;
    acm_user_key_t  key;

    static const char *const  known[] = {
        "AccessKeyId", "Comment", "UserName", "SecretAccessKey",
        "SecretAccessKeyFile", "Status", "CreateDate", "Expiration",
        "SessionToken", "SessionPolicy", NULL
    };

    static const char *const  known_session[] = {
        "AccessKeyId", "Comment", "SecretAccessKey", "SecretAccessKeyFile",
        "Status", "CreateDate", "Expiration", "SessionToken",
        "SessionPolicy", "RoleSessionName", NULL
    };

    memset(&key, 0, sizeof(acm_user_key_t));
    key.user = user;

    rc = acm_users_members(p, json, user->kind == ACM_USER_ROLE
                                    ? known_session : known);

    if (rc == ACM_OK) {
        rc = acm_users_key_fields(p, json, &key);
    }

    if (rc == ACM_OK) {
        rc = acm_users_key_secret(p, json, &key);
    }

    if (rc == ACM_OK
        && (user->kind == ACM_USER_ROLE
            || json_object_get(json, "SessionPolicy") != NULL))
    {
        rc = acm_users_session(p, json, user, &key);
    }

    return (rc == ACM_OK) ? acm_users_key_add(p, &key) : rc;
}


static acm_rc_t
acm_users_key_fields(acm_users_parse_t *p, const json_t *json,
    acm_user_key_t *key)
{
    acm_rc_t     rc;
    const char  *status, *token;

    rc = acm_users_text(p, json, "AccessKeyId", ACM_MAX_SIGV4_KEY_ID, 0,
                        &key->id);

    if (rc != ACM_OK) {
        return rc;
    }

    if (strlen(key->id) < ACM_MIN_KEY_ID
        || key->id[strspn(key->id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "abcdefghijklmnopqrstuvwxyz0123456789_")]
           != '\0')
    {
        return acm_users_bad(p, ACM_INVALID, "AccessKeyId must be at least "
                             "%d letters, digits or \"_\"", ACM_MIN_KEY_ID);
    }

    rc = acm_users_text(p, json, "Status", ACM_MAX_LABEL, 1, &status);

    if (rc != ACM_OK) {
        return rc;
    }

    if (status != NULL && strcmp(status, "Active") != 0
        && strcmp(status, "Inactive") != 0)
    {
        return acm_users_bad(p, ACM_INVALID, "Status must be \"Active\" or "
                             "\"Inactive\"");
    }

    key->active = (status == NULL || *status == 'A');

    rc = acm_users_text(p, json, "SessionToken", ACM_MAX_SIGV4_TOKEN, 1,
                        &token);

    if (rc != ACM_OK) {
        return rc;
    }

    if (token != NULL) {
        key->token.data = (uint8_t *) token;
        key->token.len = strlen(token);
    }

    return acm_users_key_time(p, json, &key->expires);
}


/* The text, or the name of a file with it. */

static acm_rc_t
acm_users_key_secret(acm_users_parse_t *p, const json_t *json,
    acm_user_key_t *key)
{
    char         buf[ACM_MAX_SIGV4_SECRET + 1];
    size_t       i, len;
    acm_rc_t     rc;
    acm_err_t    err;
    const char  *file;

    if ((json_object_get(json, "SecretAccessKey") == NULL)
        == (json_object_get(json, "SecretAccessKeyFile") == NULL))
    {
        return acm_users_bad(p, ACM_INVALID, "a key has either "
                             "SecretAccessKey or SecretAccessKeyFile");
    }

    rc = acm_users_text(p, json, "SecretAccessKeyFile", ACM_MAX_USER_PATH, 1,
                        &file);

    if (rc != ACM_OK) {
        return rc;
    }

    if (file == NULL) {
        rc = acm_users_text(p, json, "SecretAccessKey", ACM_MAX_SIGV4_SECRET,
                            0, &key->secret);

        if (rc != ACM_OK) {
            return rc;
        }

    } else {

        if (p->secret == NULL || *file != '/') {
            return acm_users_bad(p, ACM_INVALID, "SecretAccessKeyFile must "
                                 "be an absolute path");
        }

        rc = p->secret(p->data, file, buf, sizeof(buf), &len, &err);

        if (rc != ACM_OK) {
            return acm_users_bad(p, rc, "SecretAccessKeyFile: %s", err.text);
        }

        for (i = 0; i < len; i++) {
            if (buf[i] <= ' ' || buf[i] > '~') {
                break;
            }
        }

        key->secret = acm_arena_text(&p->users->arena, buf, len);
        OPENSSL_cleanse(buf, sizeof(buf));

        if (key->secret == NULL) {
            return acm_users_nomem(p);
        }

        if (i != len || len > ACM_MAX_SIGV4_SECRET) {
            return acm_users_bad(p, ACM_INVALID, "\"%s\" must have one line "
                                 "of up to %d visible characters", file,
                                 ACM_MAX_SIGV4_SECRET);
        }
    }

    key->len = strlen(key->secret);

    if (key->len < ACM_MIN_SECRET) {
        return acm_users_bad(p, ACM_INVALID, "the secret access key has "
                             "under %d characters; make one with \"acmctl "
                             "user key add\"", ACM_MIN_SECRET);
    }

    return ACM_OK;
}


static acm_rc_t
acm_users_key_time(acm_users_parse_t *p, const json_t *json, int64_t *t)
{
    json_t  *value;

    value = json_object_get(json, "Expiration");

    if (value == NULL) {
        return ACM_OK;
    }

    if (json_is_integer(value)) {
        *t = json_integer_value(value);

    } else if (!json_is_string(value)
               || !acm_policy_time(json_string_value(value), t))
    {
        *t = 0;
    }

    if (*t <= 0) {
        return acm_users_bad(p, ACM_INVALID, "Expiration must be a time like "
                             "\"2026-11-25T05:00:00Z\"");
    }

    return ACM_OK;
}


/* A principal of its own: the same user or role, and what the session has. */

static acm_rc_t
acm_users_session(acm_users_parse_t *p, const json_t *json,
    const acm_user_t *user, acm_user_key_t *key)
{
    json_t        *document;
    acm_rc_t       rc;
    acm_user_t    *session;
    acm_policy_t  *policy;

    session = acm_arena_alloc(&p->users->arena, 1, sizeof(acm_user_t));

    if (session == NULL) {
        return acm_users_nomem(p);
    }

    *session = *user;
    key->user = session;

    if (key->token.len == 0) {
        return acm_users_bad(p, ACM_INVALID, "SessionToken is missing: what "
                             "a session may do is bound to it");
    }

    rc = (user->kind == ACM_USER_ROLE)
         ? acm_users_session_name(p, json, session) : ACM_OK;

    if (rc != ACM_OK) {
        return rc;
    }

    document = json_object_get(json, "SessionPolicy");

    if (document == NULL) {
        return ACM_OK;
    }

    rc = acm_users_own(p, document, "SessionPolicy", &policy);

    if (rc != ACM_OK) {
        return rc;
    }

    p->nfound = 0;
    rc = acm_users_found(p, policy);

    return (rc == ACM_OK)
           ? acm_users_collected(p, &session->policies[ACM_POLICY_SESSION])
           : rc;
}


static acm_rc_t
acm_users_session_name(acm_users_parse_t *p, const json_t *json,
    acm_user_t *session)
{
    char         arn[2 * ACM_MAX_USER_NAME + 64];
    char         id[ACM_MAX_LABEL + ACM_MAX_USER_NAME + 2];
    acm_rc_t     rc;
    const char  *name;

    rc = acm_users_name(p, json, "RoleSessionName", ACM_MAX_USER_NAME, &name);

    if (rc != ACM_OK) {
        return rc;
    }

    /* without the role's path */

    (void) snprintf(arn, sizeof(arn), "arn:aws:sts::%s:assumed-role/%s/%s",
                    p->account, session->name, name);

    session->arn = acm_arena_text(&p->users->arena, arn, strlen(arn));

    if (session->arn != NULL && session->id != NULL) {
        (void) snprintf(id, sizeof(id), "%s:%s", session->id, name);
        session->id = acm_arena_text(&p->users->arena, id, strlen(id));

        if (session->id == NULL) {
            return acm_users_nomem(p);
        }
    }

    return (session->arn != NULL) ? ACM_OK : acm_users_nomem(p);
}


static acm_rc_t
acm_users_key_add(acm_users_parse_t *p, const acm_user_key_t *key)
{
    size_t           size;
    acm_users_t     *users;
    acm_user_key_t  *keys;

    users = p->users;

    if (users->nkeys == users->keys_size) {
        size = users->keys_size ? 2 * users->keys_size : 16;
        keys = acm_realloc(users->keys, size * sizeof(acm_user_key_t));

        if (keys == NULL) {
            return acm_users_nomem(p);
        }

        users->keys = keys;
        users->keys_size = size;
    }

    users->keys[users->nkeys++] = *key;

    return ACM_OK;
}
