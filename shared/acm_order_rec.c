
/*
 * Copyright (C) The ngx_acm authors
 *
 * What of an order is stored, and what is held in memory.
 */


#include <string.h>

#include "acm_order.h"
#include "acm_record_impl.h"


static const acm_field_t  acm_order_fields[] = {
    acm_field(1, ACM_FIELD_STR, acm_order_rec_t, account, 1, ACM_MAX_LABEL),
    acm_field(2, ACM_FIELD_STR, acm_order_rec_t, region, 1, ACM_MAX_LABEL),
    acm_field(3, ACM_FIELD_UUID, acm_order_rec_t, uuid, 1, ACM_UUID_LEN),
    acm_field(4, ACM_FIELD_STR, acm_order_rec_t, issuer, 1, ACM_MAX_LABEL),
    acm_field(5, ACM_FIELD_STR, acm_order_rec_t, directory, 1, ACM_MAX_URL),
    acm_field(6, ACM_FIELD_U32, acm_order_rec_t, version, 0, 0),
    acm_field(7, ACM_FIELD_ENUM, acm_order_rec_t, key, ACM_KEY_RSA_1024,
              ACM_KEY_EC_P521),
    acm_field(8, ACM_FIELD_BLOB, acm_order_rec_t, sealed, 1,
              ACM_MAX_KEY_DER + ACM_SEAL_OVERHEAD),
    acm_field(9, ACM_FIELD_BLOB, acm_order_rec_t, csr, 1, ACM_MAX_CSR),
    { 10, ACM_FIELD_NAMES, offsetof(acm_order_rec_t, names), 1,
      ACM_MAX_NAMES, offsetof(acm_order_rec_t, nnames) },
    acm_field(11, ACM_FIELD_STR, acm_order_rec_t, url, 0, ACM_MAX_URL),
    acm_field(12, ACM_FIELD_STR, acm_order_rec_t, replaces, 0,
              ACM_MAX_REPLACES),
    acm_field(13, ACM_FIELD_U32, acm_order_rec_t, staging, 0, 0),
    acm_field(14, ACM_FIELD_U32, acm_order_rec_t, method, 0, 0),
    acm_field(15, ACM_FIELD_U32, acm_order_rec_t, resumed, 0, 0),
    acm_field(16, ACM_FIELD_TIME, acm_order_rec_t, resume_at, 0, 0),
    acm_field(17, ACM_FIELD_TIME, acm_order_rec_t, created_at, 0, 0),
    acm_field(18, ACM_FIELD_U32, acm_order_rec_t, only, 0, 0)
};

static const acm_layout_t  acm_order_layout =
    acm_layout(ACM_REC_ORDER, acm_order_rec_t, acm_order_fields);


acm_rc_t
acm_order_encode(const acm_order_rec_t *rec, acm_buf_t *out)
{
    return acm_record_encode(&acm_order_layout, rec, out);
}


acm_rc_t
acm_order_decode(const uint8_t *data, size_t len, acm_order_rec_t *rec)
{
    return acm_record_decode(&acm_order_layout, data, len, rec);
}


void
acm_order_rec_free(acm_order_rec_t *rec)
{
    acm_record_free(&acm_order_layout, rec);
}


void
acm_order_init(acm_order_t *o, acm_order_rec_t *rec,
    const acm_issuer_t *issuer, acm_session_t *session)
{
    memset(o, 0, sizeof(acm_order_t));

    o->rec = *rec;
    memset(rec, 0, sizeof(acm_order_rec_t));

    o->issuer = issuer;
    o->session = session;
    o->state = (*o->rec.url == '\0') ? ACM_ORDER_NEW : ACM_ORDER_RESUMED;
    o->retry_after = -1;

    acm_buf_init(&o->payload, ACM_MAX_JWS);
    acm_buf_init(&o->pem, ACM_MAX_HTTP_BODY);
}


void
acm_order_free(acm_order_t *o)
{
    size_t  i;

    for (i = 0; i < o->nauthz; i++) {
        acm_free(o->authz[i].url);
        acm_free(o->authz[i].challenge);
        acm_free(o->authz[i].token);
        acm_free(o->authz[i].cas);
    }

    for (i = 0; i < o->nalternates; i++) {
        acm_free(o->alternates[i]);
    }

    acm_call_reset(&o->call);
    acm_free(o->authz);
    acm_free(o->finalize);
    acm_free(o->certificate);
    acm_free(o->url);
    acm_buf_free(&o->payload);
    acm_buf_free(&o->pem);
    acm_order_rec_free(&o->rec);
}
