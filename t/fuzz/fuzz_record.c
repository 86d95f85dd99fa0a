
/*
 * Copyright (C) The ngx_acm authors
 *
 * Each decoder of the store's records, chosen by the first octet; what
 * decodes is encoded and decoded again.
 */


#include <string.h>

#include "acm_outbox.h"
#include "acm_peek.h"
#include "acm_revocation.h"
#include "acm_tags.h"
#include "acm_used.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* What decodes can be looked at, and looks the same. */

static void
fuzz_peek(const acm_cert_t *cert, acm_rc_t rc, const acm_cert_t *seen)
{
    size_t  i;

    if (rc != ACM_OK || seen->status != cert->status
        || seen->type != cert->type || seen->key != cert->key
        || seen->not_after != cert->not_after
        || seen->usages != cert->usages || seen->proof != cert->proof
        || strcmp(seen->domain, cert->domain) != 0
        || strcmp(seen->serial, cert->serial) != 0
        || seen->nnames != cert->nnames)
    {
        __builtin_trap();
    }

    for (i = 0; i < cert->nnames; i++) {
        if (strcmp(seen->names[i], cert->names[i]) != 0) {
            __builtin_trap();
        }
    }
}


static void
fuzz_cert(const uint8_t *data, size_t size)
{
    acm_rc_t     rc;
    acm_buf_t    buf;
    acm_cert_t   cert, again;

    static acm_peek_t  *peek;

    if (peek == NULL) {
        peek = acm_cert_peek_make();
    }

    rc = acm_cert_peek(data, size, peek);

    if (acm_cert_decode(data, size, &cert) != ACM_OK) {
        return;
    }

    fuzz_peek(&cert, rc, &peek->cert);

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    if (acm_cert_encode(&cert, &buf) == ACM_OK) {
        if (acm_cert_decode(buf.data, buf.len, &again) != ACM_OK) {
            __builtin_trap();
        }

        acm_cert_free(&again);
    }

    acm_buf_free(&buf);
    acm_cert_free(&cert);
}


static void
fuzz_tags(const uint8_t *data, size_t size)
{
    acm_buf_t   buf, again;
    acm_str_t   text;
    acm_tags_t  tags;

    text.data = (uint8_t *) data;
    text.len = size;

    if (acm_tags_decode(&text, &tags) != ACM_OK) {
        return;
    }

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    acm_buf_init(&again, ACM_MAX_STORE_VALUE);

    if (tags.ntags > ACM_MAX_TAGS) {
        __builtin_trap();
    }

    if (acm_tags_encode(&tags, &buf) == ACM_OK) {
        acm_tags_free(&tags);

        text.data = buf.data;
        text.len = buf.len;

        if (acm_tags_decode(&text, &tags) != ACM_OK
            || acm_tags_encode(&tags, &again) != ACM_OK
            || again.len != buf.len
            || (buf.len != 0 && memcmp(again.data, buf.data, buf.len) != 0))
        {
            __builtin_trap();
        }
    }

    acm_tags_free(&tags);
    acm_buf_free(&buf);
    acm_buf_free(&again);
}


/* What is in the outbox goes to sinks as JSON. */

static void
fuzz_event(const acm_event_t *event)
{
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    (void) acm_event_json(event, &buf);
    acm_buf_free(&buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            uuid[ACM_UUID_LEN + 1];
    int64_t         at;
    acm_err_t       err;
    acm_due_e       kind;
    acm_ref_t       ref;
    acm_str_t       account, region;
    acm_ca_rec_t    ca;
    acm_sink_t      sink;
    acm_dead_t      dead;
    acm_used_t      used;
    acm_event_t     event;
    acm_seal_rec_t  seal;
    acm_name_rec_t  name;
    acm_material_t  m;

    acm_revocation_t  revoked;
    acm_master_rec_t  master;

    if (size == 0) {
        return 0;
    }

    switch (data[0] % 8) {

    case 0:
        fuzz_cert(data + 1, size - 1);
        break;

    case 1:
        if (acm_material_decode(data + 1, size - 1, &m) == ACM_OK) {
            acm_material_free(&m);
        }

        fuzz_tags(data + 1, size - 1);
        break;

    case 2:
        if (acm_ca_rec_decode(data + 1, size - 1, &ca) == ACM_OK) {
            acm_ca_rec_free(&ca);
        }
        break;

    case 3:
        (void) acm_master_rec_decode(data + 1, size - 1, &master);

        if (acm_seal_rec_decode(data + 1, size - 1, &seal) == ACM_OK) {
            acm_seal_rec_free(&seal);
        }
        break;

    case 4:
        (void) acm_name_rec_decode(data + 1, size - 1, &name);

        if (acm_revocation_decode(data + 1, size - 1, &revoked) == ACM_OK) {
            acm_revocation_free(&revoked);
        }
        break;

    case 5:
        (void) acm_ref_decode(data + 1, size - 1, &ref);

        if (acm_event_decode(data + 1, size - 1, &event) == ACM_OK) {
            fuzz_event(&event);
            acm_event_free(&event);
        }
        break;

    case 6:
        (void) acm_due_key_parse(data + 1, size - 1, &at, &kind, uuid);
        (void) acm_time_key_parse(data + 1, size - 1, &at, uuid);
        (void) acm_dead_key_parse(data + 1, size - 1, "sink");
        (void) acm_number_parse(data + 1, size - 1);
        (void) acm_arn_parse((const char *) data + 1, size - 1, &account,
                             &region, uuid, &err);
        break;

    default:
        (void) acm_used_decode(data + 1, size - 1, &used);

        if (acm_sink_decode(data + 1, size - 1, &sink) == ACM_OK) {
            acm_sink_free(&sink);
        }

        if (acm_dead_decode(data + 1, size - 1, &dead) == ACM_OK) {
            acm_dead_free(&dead);
        }
        break;
    }

    return 0;
}
