
/*
 * Copyright (C) The ngx_acm authors
 *
 * Lines of the audit log: made, and read.
 */


#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "acm_audit.h"


#define ACM_AUDIT_CHAIN     ",\"ngxAcmChain\":{\"number\":"
#define ACM_AUDIT_PREVIOUS  ",\"previous\":\""
#define ACM_AUDIT_HASH      "\",\"hash\":\""
#define ACM_AUDIT_TAIL      "\"}}"
#define ACM_AUDIT_FLAGS     (JSON_COMPACT|JSON_ENSURE_ASCII)
#define ACM_AUDIT_ID        17               /* characters behind "AIDA" */

#define acm_audit_len(text)  (sizeof(text) - 1)


static acm_rc_t acm_audit_refused(const acm_audit_t *call,
    acm_audit_link_t *link, acm_buf_t *line, acm_err_t *err);
static acm_rc_t acm_audit_service(const char *name, json_t *data,
    int64_t now, acm_audit_link_t *link, acm_buf_t *line, acm_err_t *err);
static int acm_audit_put(json_t *o, const char *name, json_t *value);
static int acm_audit_text(json_t *o, const char *name, const char *text,
    size_t max);
static json_t *acm_audit_identity(const acm_audit_t *call);
static int acm_audit_role(json_t *o, const acm_audit_t *call,
    const char *role);
static int acm_audit_principal(json_t *o, const char *prefix,
    const char *arn, const char *session);
static json_t *acm_audit_parameters(const acm_audit_t *call);
static json_t *acm_audit_response(const acm_audit_t *call);
static json_t *acm_audit_part(const json_t *json, int request);
static json_t *acm_audit_camel(const json_t *json, unsigned depth,
    int request);
static json_t *acm_audit_member(const char *name, const json_t *value,
    unsigned depth, int request);
static json_t *acm_audit_buffer(const json_t *text);
static json_t *acm_audit_tls(const acm_audit_t *call);
static acm_rc_t acm_audit_chain(const json_t *json, acm_audit_link_t *link,
    acm_buf_t *line, acm_err_t *err);
static int acm_audit_dump(const char *data, size_t len, void *buf);


acm_rc_t
acm_audit_record(const acm_audit_t *call, acm_audit_link_t *link,
    acm_buf_t *line, acm_err_t *err)
{
    int          bad;
    char         buf[ACM_UUID_LEN + 1], at[32];
    json_t      *o;
    acm_rc_t     rc;
    const char  *operation, *recipient;

    if (call->refused != NULL) {
        return acm_audit_refused(call, link, line, err);
    }

    if (acm_uuid(buf) != ACM_OK) {
        return acm_fail_ssl(err, ACM_ERROR, "audit: no random number");
    }

    o = json_object();
    operation = (call->operation != NULL && *call->operation != '\0')
                ? call->operation : "UnknownOperation";
    recipient = (call->recipient != NULL) ? call->recipient : call->account;

    bad = acm_audit_put(o, "eventVersion", json_string(ACM_AUDIT_VERSION));
    bad |= acm_audit_put(o, "userIdentity", acm_audit_identity(call));
    bad |= acm_audit_put(o, "eventTime",
                         json_string(acm_time_text(call->now, at)));
    bad |= acm_audit_text(o, "eventSource",
                          call->source ? call->source : ACM_AUDIT_SOURCE,
                          ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_text(o, "eventName", operation, ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_text(o, "awsRegion", call->region, ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_text(o, "sourceIPAddress", call->address,
                          ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_text(o, "userAgent", call->agent, ACM_MAX_AUDIT_TEXT);
    bad |= acm_audit_text(o, "errorCode", call->fault, ACM_MAX_AUDIT_WORD);

    if (call->fault != NULL) {
        bad |= acm_audit_text(o, "errorMessage", call->message,
                              ACM_MAX_AUDIT_TEXT);
    }

    bad |= acm_audit_put(o, "requestParameters", acm_audit_parameters(call));
    bad |= acm_audit_put(o, "responseElements", acm_audit_response(call));
    bad |= acm_audit_text(o, "requestID", call->request_id,
                          ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_put(o, "eventID", json_string(buf));
    bad |= acm_audit_put(o, "readOnly", json_boolean(!call->changes));
    bad |= acm_audit_put(o, "eventType", json_string("AwsApiCall"));
    bad |= acm_audit_put(o, "managementEvent", json_true());
    bad |= acm_audit_text(o, "recipientAccountId", recipient,
                          ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_put(o, "eventCategory", json_string("Management"));

    if (call->tls_version != NULL) {
        bad |= acm_audit_put(o, "tlsDetails", acm_audit_tls(call));
    }

    rc = bad ? acm_fail(err, ACM_NOMEM, "audit: no memory for a record")
             : acm_audit_chain(o, link, line, err);

    json_decref(o);

    return rc;
}


acm_rc_t
acm_audit_resume(const uint8_t *torn, size_t len, int64_t now,
    acm_audit_link_t *link, acm_buf_t *line, acm_err_t *err)
{
    char      hex[ACM_AUDIT_HEX + 1];
    uint8_t   md[ACM_HASH_LEN];

    (void) SHA256(torn, len, md);

    return acm_audit_service(ACM_AUDIT_RESUME,
                             json_pack("{s:I, s:s}", "tornOctets",
                                       (json_int_t) len, "tornHash",
                                       acm_hex(md, ACM_HASH_LEN, hex)),
                             now, link, line, err);
}


static acm_rc_t
acm_audit_refused(const acm_audit_t *call, acm_audit_link_t *link,
    acm_buf_t *line, acm_err_t *err)
{
    char                        from[32], to[32];
    size_t                      i;
    json_t                     *faults;
    const acm_audit_refused_t  *r;

    r = call->refused;
    faults = json_object();

    for (i = 0; i < r->nfaults; i++) {
        if (acm_audit_put(faults, r->faults[i].fault,
                          json_integer((json_int_t) r->faults[i].n)))
        {
            json_decref(faults);
            faults = NULL;
        }
    }

    return acm_audit_service(ACM_AUDIT_SUMMARY,
                             json_pack("{s:s, s:s, s:I, s:o}",
                                       "from", acm_time_text(r->from, from),
                                       "to", acm_time_text(r->to, to),
                                       "refusedCalls", (json_int_t) r->n,
                                       "errorCodes", faults),
                             call->now, link, line, err);
}


/* What is told by the log itself; data is taken over, and may be NULL. */

static acm_rc_t
acm_audit_service(const char *name, json_t *data, int64_t now,
    acm_audit_link_t *link, acm_buf_t *line, acm_err_t *err)
{
    char      id[ACM_UUID_LEN + 1], at[32];
    json_t   *o;
    acm_rc_t  rc;

    if (acm_uuid(id) != ACM_OK) {
        json_decref(data);
        return acm_fail_ssl(err, ACM_ERROR, "audit: no random number");
    }

    o = json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:b, s:s, s:b,"
                  " s:s, s:o}",
                  "eventVersion", ACM_AUDIT_VERSION,
                  "userIdentity", "type", "AWSService",
                  "invokedBy", "ngx_acm",
                  "eventTime", acm_time_text(now, at),
                  "eventSource", ACM_AUDIT_SOURCE,
                  "eventName", name,
                  "eventID", id, "readOnly", 0,
                  "eventType", "AwsServiceEvent", "managementEvent", 1,
                  "eventCategory", "Management",
                  "additionalEventData", data);

    rc = (o == NULL) ? acm_fail(err, ACM_NOMEM, "audit: no memory")
                     : acm_audit_chain(o, link, line, err);

    json_decref(o);

    return rc;
}


/* Takes value over; 0 or a failure. */

static int
acm_audit_put(json_t *o, const char *name, json_t *value)
{
    return json_object_set_new(o, name, value) != 0;
}


/* Nothing for an empty text; cut between two characters. */

static int
acm_audit_text(json_t *o, const char *name, const char *text, size_t max)
{
    char    *copy;
    size_t   i, len;
    json_t  *json;

    len = (text == NULL) ? 0 : strlen(text);

    if (len == 0) {
        return 0;
    }

    if (len > max) {
        len = max;

        while (len > max - 3 && ((uint8_t) text[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    json = json_stringn(text, len);

    if (json != NULL) {
        return acm_audit_put(o, name, json);
    }

    copy = acm_memdup(text, len);

    if (copy == NULL) {
        return 1;
    }

    for (i = 0; i < len; i++) {
        if ((uint8_t) copy[i] >= 0x80) {
            copy[i] = '?';
        }
    }

    json = json_stringn(copy, len);
    acm_free(copy);

    return acm_audit_put(o, name, json);
}


static json_t *
acm_audit_identity(const acm_audit_t *call)
{
    int          bad, i;
    json_t      *o;
    const char  *p, *type, *name;

    o = json_object();
    p = call->arn;

    for (i = 0; i < 5 && p != NULL; i++) {
        p = strchr(p, ':');
        p = (p == NULL) ? NULL : p + 1;
    }

    p = (p == NULL) ? "" : p;
    name = strrchr(p, '/');

    if (call->account == NULL) {

        /* as for whoever signs nothing; a key is only what was said */

        if (call->key_id == NULL || *call->key_id == '\0') {
            bad = acm_audit_put(o, "type", json_string("AWSAccount"));
            bad |= acm_audit_put(o, "principalId", json_string(""));
            bad |= acm_audit_put(o, "accountId",
                                 json_string("ANONYMOUS_PRINCIPAL"));
            goto done;
        }

        bad = acm_audit_put(o, "type", json_string("Unknown"));
        bad |= acm_audit_put(o, "principalId", json_string(""));
        bad |= acm_audit_text(o, "accessKeyId", call->key_id,
                              ACM_MAX_AUDIT_WORD);
        goto done;
    }

    type = "Unknown";

    if (strcmp(p, "root") == 0) {
        type = "Root";

    } else if (strncmp(p, "user/", 5) == 0) {
        type = "IAMUser";

    } else if (strncmp(p, "assumed-role/", 13) == 0) {
        type = "AssumedRole";

    } else if (strncmp(p, "role/", 5) == 0) {
        type = "Role";
    }

    bad = acm_audit_put(o, "type", json_string(type));

    if (call->principal != NULL || call->arn == NULL
        || strcmp(type, "Root") == 0)
    {
        bad |= acm_audit_text(o, "principalId",
                              call->principal ? call->principal
                                              : call->account,
                              ACM_MAX_AUDIT_WORD);

    } else if (*type != 'A') {
        bad |= acm_audit_principal(o, *type == 'R' ? "AROA" : "AIDA",
                                   call->arn, NULL);
    }

    bad |= acm_audit_text(o, "arn", call->arn, ACM_MAX_AUDIT_TEXT);
    bad |= acm_audit_text(o, "accountId", call->account, ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_text(o, "accessKeyId", call->key_id,
                          ACM_MAX_AUDIT_WORD);

    if (*type == 'A') {
        bad |= acm_audit_role(o, call, p + 13);

    } else if (name != NULL) {
        bad |= acm_audit_text(o, "userName", name + 1, ACM_MAX_AUDIT_WORD);
    }

done:

    if (bad) {
        json_decref(o);
        return NULL;
    }

    return o;
}


/* role: "NAME/SESSION" */

static int
acm_audit_role(json_t *o, const acm_audit_t *call, const char *role)
{
    int          bad;
    char         name[ACM_MAX_AUDIT_WORD];
    char         arn[2 * ACM_MAX_AUDIT_WORD + 32];
    size_t       len;
    json_t      *issuer;
    const char  *session;

    len = strcspn(role, "/");
    session = role[len] ? role + len + 1 : "";

    (void) snprintf(name, sizeof(name), "%.*s",
                    (int) (len < sizeof(name) ? len : sizeof(name) - 1),
                    role);
    (void) snprintf(arn, sizeof(arn), "arn:aws:iam::%.*s:role/%s",
                    ACM_MAX_AUDIT_WORD, call->account, name);

    issuer = json_object();

    bad = acm_audit_put(issuer, "type", json_string("Role"));
    bad |= acm_audit_principal(issuer, "AROA", arn, NULL);
    bad |= acm_audit_text(issuer, "arn", arn, ACM_MAX_AUDIT_TEXT);
    bad |= acm_audit_text(issuer, "accountId", call->account,
                          ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_text(issuer, "userName", name, ACM_MAX_AUDIT_WORD);

    if (call->principal == NULL) {
        bad |= acm_audit_principal(o, "AROA", arn, session);
    }

    bad |= acm_audit_put(o, "sessionContext",
                         json_pack("{s:o, s:{s:s}}", "sessionIssuer", issuer,
                                   "attributes", "mfaAuthenticated",
                                   "false"));

    return bad;
}


/* Users and roles have no id of their own here: one is made of the name. */

static int
acm_audit_principal(json_t *o, const char *prefix, const char *arn,
    const char *session)
{
    char      id[ACM_MAX_AUDIT_WORD];
    size_t    i, n;
    uint8_t   md[ACM_HASH_LEN];

    static const char  alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    (void) SHA256((const uint8_t *) arn, strlen(arn), md);

    n = (size_t) snprintf(id, sizeof(id), "%s", prefix);

    for (i = 0; i < ACM_AUDIT_ID; i++) {
        id[n + i] = alphabet[md[i] & 31];
    }

    id[n + i] = '\0';

    if (session != NULL) {
        (void) snprintf(id + n + i, sizeof(id) - n - i, ":%s", session);
    }

    return acm_audit_text(o, "principalId", id, ACM_MAX_AUDIT_WORD);
}


static json_t *
acm_audit_parameters(const acm_audit_t *call)
{
    if (!json_is_object(call->parameters)
        || json_object_size(call->parameters) == 0)
    {
        return json_null();
    }

    return acm_audit_part(call->parameters, 1);
}


/* As CloudTrail: nothing of what only reads, but for certificates. */

static json_t *
acm_audit_response(const acm_audit_t *call)
{
    size_t       i;
    const char  *name;

    static const char *const  made[] = {
        "ImportCertificate", "RequestCertificate", "RevokeCertificate"
    };

    name = (call->operation == NULL) ? "" : call->operation;

    if (call->fault != NULL) {
        return json_null();
    }

    if (json_is_object(call->response)
        && json_object_size(call->response) != 0
        && (call->changes || strcmp(name, "GetCertificate") == 0
            || strcmp(name, "ExportCertificate") == 0))
    {
        return acm_audit_part(call->response, 0);
    }

    for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {

        if (strcmp(name, made[i]) == 0 && call->resource != NULL
            && *call->resource != '\0')
        {
            return json_pack("{s:o}", "certificateArn",
                             acm_json_clean(call->resource));
        }
    }

    return json_null();
}


/* Too much of it becomes a note. */

static json_t *
acm_audit_part(const json_t *json, int request)
{
    json_t  *part;
    size_t   len;

    part = acm_audit_camel(json, 0, request);

    if (part == NULL) {
        return NULL;
    }

    len = json_dumpb(part, NULL, 0, ACM_AUDIT_FLAGS);

    if (len > 0 && len <= ACM_MAX_AUDIT_PART) {
        return part;
    }

    json_decref(part);

    return (len == 0) ? NULL
                      : json_pack("{s:I}", "ngxAcmOmittedOctets",
                                  (json_int_t) len);
}


/* A copy, "CertificateArn" as "certificateArn", without what is secret. */

static json_t *
acm_audit_camel(const json_t *json, unsigned depth, int request)
{
    int          bad;
    size_t       i;
    json_t      *copy;
    const char  *key;
    json_t      *value;

    if (depth > ACM_MAX_JSON_DEPTH) {
        return json_null();
    }

    if (json_is_array(json)) {
        copy = json_array();
        bad = 0;

        for (i = 0; i < json_array_size(json) && !bad; i++) {
            bad = json_array_append_new(copy,
                      acm_audit_camel(json_array_get(json, i), depth + 1,
                                      request));
        }

    } else if (json_is_object(json)) {
        copy = json_object();
        bad = 0;

        /* only read, whatever jansson's interface says */

        json_object_foreach((json_t *) (uintptr_t) json, key, value) {
            char  name[ACM_MAX_AUDIT_WORD];

            (void) snprintf(name, sizeof(name), "%s", key);

            if (*name >= 'A' && *name <= 'Z') {
                *name = (char) (*name | 0x20);
            }

            /* a name that was cut may not be text any more */

            if (strlen(key) < sizeof(name)) {
                bad |= acm_audit_put(copy, name,
                           acm_audit_member(name, value, depth, request));
            }
        }

    } else {
        return json_deep_copy(json);
    }

    if (bad) {
        json_decref(copy);
        return NULL;
    }

    return copy;
}


static json_t *
acm_audit_member(const char *name, const json_t *value, unsigned depth,
    int request)
{
    if (strcasecmp(name, "privateKey") == 0
        || strcasecmp(name, "passphrase") == 0)
    {
        return json_string(ACM_AUDIT_HIDDEN);
    }

    if (request && json_is_string(value)
        && (strcmp(name, "certificate") == 0
            || strcmp(name, "certificateChain") == 0))
    {
        return acm_audit_buffer(value);
    }

    return acm_audit_camel(value, depth + 1, request);
}


/*
 * Octets, base64 in the request, as CloudTrail shows them: as an object of
 * Java, with how many there are; and their hash.
 */

static json_t *
acm_audit_buffer(const json_t *text)
{
    int       n;
    char      hex[ACM_AUDIT_HEX + 1];
    size_t    len;
    json_t   *o;
    uint8_t   md[ACM_HASH_LEN], *octets;

    len = json_string_length(text);

    if (len > ACM_MAX_PEM * 2) {
        return json_null();
    }

    octets = acm_alloc(len / 4 * 3 + 3);

    if (octets == NULL) {
        return NULL;
    }

    n = EVP_DecodeBlock(octets, (const uint8_t *) json_string_value(text),
                        (int) len);

    /* what is no base64 was refused: nobody needs to know what it was */

    n = (n < 0) ? 0 : n;

    while (len > 0 && n > 0 && json_string_value(text)[len - 1] == '=') {
        len--;
        n--;
    }

    (void) SHA256(octets, (size_t) n, md);
    acm_free(octets);

    o = json_pack("{s:[s], s:i, s:b, s:b, s:b, s:i, s:i, s:i, s:i, s:i}",
                  "hb", "...", "offset", 0, "isReadOnly", 0,
                  "bigEndian", 1, "nativeByteOrder", 0, "mark", -1,
                  "position", 0, "limit", n, "capacity", n, "address", 0);

    if (acm_audit_put(o, "sha256",
                      json_string(acm_hex(md, ACM_HASH_LEN, hex))))
    {
        json_decref(o);
        return NULL;
    }

    return o;
}


static json_t *
acm_audit_tls(const acm_audit_t *call)
{
    int      bad;
    json_t  *o;

    o = json_object();

    bad = acm_audit_text(o, "tlsVersion", call->tls_version,
                         ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_text(o, "cipherSuite", call->tls_cipher,
                          ACM_MAX_AUDIT_WORD);
    bad |= acm_audit_text(o, "clientProvidedHostHeader", call->tls_host,
                          ACM_MAX_AUDIT_WORD);

    if (bad) {
        json_decref(o);
        return NULL;
    }

    return o;
}


/* The end of the line, which makes it one of the chain. */

static acm_rc_t
acm_audit_chain(const json_t *json, acm_audit_link_t *link, acm_buf_t *line,
    acm_err_t *err)
{
    char      text[128], hex[ACM_AUDIT_HEX + 1];
    size_t    start;
    uint8_t   md[ACM_HASH_LEN];
    acm_rc_t  rc;

    start = line->len;

    if (json_dump_callback(json, acm_audit_dump, line, ACM_AUDIT_FLAGS) != 0
        || line->len < start + 2)
    {
        rc = (acm_buf_rc(line) == ACM_OK) ? ACM_NOMEM : acm_buf_rc(line);
        return acm_fail(err, rc, "audit: no memory for a line");
    }

    line->len--;

    (void) snprintf(text, sizeof(text), ACM_AUDIT_CHAIN "%llu",
                    (unsigned long long) link->number + 1);
    acm_buf_text(line, text);
    acm_buf_text(line, ACM_AUDIT_PREVIOUS);
    acm_buf_text(line, acm_hex(link->hash, ACM_HASH_LEN, hex));
    acm_buf_text(line, "\"");

    if (acm_buf_rc(line) == ACM_OK) {
        (void) SHA256(line->data + start, line->len - start, md);

        acm_buf_text(line, &ACM_AUDIT_HASH[1]);
        acm_buf_text(line, acm_hex(md, ACM_HASH_LEN, hex));
        acm_buf_text(line, ACM_AUDIT_TAIL "\n");
    }

    rc = acm_buf_rc(line);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "audit: no memory for a line");
    }

    link->number++;
    memcpy(link->hash, md, ACM_HASH_LEN);

    return ACM_OK;
}


static int
acm_audit_dump(const char *data, size_t len, void *buf)
{
    acm_buf_add(buf, data, len);

    return acm_buf_rc(buf) == ACM_OK ? 0 : -1;
}


/* From the end: what is in front of it may look like it. */

acm_rc_t
acm_audit_parse(const uint8_t *line, size_t len, acm_audit_link_t *link,
    uint8_t previous[ACM_HASH_LEN])
{
    size_t          i, digits;
    uint8_t         md[ACM_HASH_LEN];
    uint64_t        number, unit;
    const uint8_t  *p;

    static const size_t  fixed = acm_audit_len(ACM_AUDIT_PREVIOUS)
        + ACM_AUDIT_HEX + acm_audit_len(ACM_AUDIT_HASH) + ACM_AUDIT_HEX
        + acm_audit_len(ACM_AUDIT_TAIL);

    if (len < fixed + acm_audit_len(ACM_AUDIT_CHAIN) + 2) {
        return ACM_INVALID;
    }

    p = line + len - acm_audit_len(ACM_AUDIT_TAIL);

    if (memcmp(p, ACM_AUDIT_TAIL, acm_audit_len(ACM_AUDIT_TAIL)) != 0
        || !acm_audit_hash(p - ACM_AUDIT_HEX, link->hash))
    {
        return ACM_INVALID;
    }

    p -= ACM_AUDIT_HEX + acm_audit_len(ACM_AUDIT_HASH);

    if (memcmp(p, ACM_AUDIT_HASH, acm_audit_len(ACM_AUDIT_HASH)) != 0
        || !acm_audit_hash(p - ACM_AUDIT_HEX, previous))
    {
        return ACM_INVALID;
    }

    (void) SHA256(line, (size_t) (p + 1 - line), md);

    p -= ACM_AUDIT_HEX + acm_audit_len(ACM_AUDIT_PREVIOUS);

    if (memcmp(p, ACM_AUDIT_PREVIOUS, acm_audit_len(ACM_AUDIT_PREVIOUS))
        != 0)
    {
        return ACM_INVALID;
    }

    number = 0;
    unit = 1;

    /* nineteen digits are less than 2^64 */

    for (digits = 0; digits < 19; digits++) {
        p--;

        if (p <= line || *p < '0' || *p > '9') {
            p++;
            break;
        }

        number += (uint64_t) (*p - '0') * unit;
        unit *= 10;
    }

    i = acm_audit_len(ACM_AUDIT_CHAIN);

    if (digits == 0 || *p == '0' || (size_t) (p - line) < i + 1
        || memcmp(p - i, ACM_AUDIT_CHAIN, i) != 0)
    {
        return ACM_INVALID;
    }

    link->number = number;

    return memcmp(md, link->hash, ACM_HASH_LEN) == 0 ? ACM_OK : ACM_CORRUPT;
}


int
acm_audit_hash(const void *hex, uint8_t hash[ACM_HASH_LEN])
{
    size_t    i;
    uint8_t   ch;
    unsigned  v;

    memset(hash, 0, ACM_HASH_LEN);

    for (i = 0; i < ACM_AUDIT_HEX; i++) {
        ch = ((const uint8_t *) hex)[i];

        if (ch >= '0' && ch <= '9') {
            v = ch - '0';

        } else if (ch >= 'a' && ch <= 'f') {
            v = ch - 'a' + 10;

        } else {
            return 0;
        }

        hash[i / 2] = (uint8_t) (hash[i / 2] << 4 | v);
    }

    return 1;
}
