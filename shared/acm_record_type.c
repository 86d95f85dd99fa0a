
/*
 * Copyright (C) The ngx_acm authors
 *
 * The fields of every record.  Tags are on disk: only append.
 */


#include "acm_record_impl.h"
#include "acm_seal.h"


#define ACM_MAX_SEALED   (ACM_MAX_KEY_DER + ACM_SEAL_OVERHEAD)
#define ACM_MAX_WRAPPED  256


static const acm_field_t  acm_cert_fields[] = {
    acm_field(1, ACM_FIELD_STR, acm_cert_t, account, 1, ACM_MAX_LABEL),
    acm_field(2, ACM_FIELD_STR, acm_cert_t, region, 1, ACM_MAX_LABEL),
    acm_field(3, ACM_FIELD_UUID, acm_cert_t, uuid, 1, ACM_UUID_LEN),
    acm_field(4, ACM_FIELD_ENUM, acm_cert_t, type, ACM_TYPE_ISSUED,
              ACM_TYPE_PRIVATE),
    acm_field(5, ACM_FIELD_ENUM, acm_cert_t, status,
              ACM_STATUS_PENDING_VALIDATION, ACM_STATUS_FAILED),
    acm_field(6, ACM_FIELD_ENUM, acm_cert_t, key, ACM_KEY_RSA_1024,
              ACM_KEY_EC_P521),
    acm_field(7, ACM_FIELD_STR, acm_cert_t, domain, 1, ACM_MAX_NAME),
    { 8, ACM_FIELD_NAMES, offsetof(acm_cert_t, names), 1, ACM_MAX_NAMES,
      offsetof(acm_cert_t, nnames) },
    acm_field(9, ACM_FIELD_STR, acm_cert_t, issuer, 0,
              ACM_MAX_ISSUERS_TEXT),
    acm_field(10, ACM_FIELD_OCTETS, acm_cert_t, identity, 0, ACM_HASH_LEN),
    acm_field(11, ACM_FIELD_U32, acm_cert_t, version, 0, 0),
    acm_field(12, ACM_FIELD_STR, acm_cert_t, subject, 0, ACM_MAX_REC_DN),
    acm_field(13, ACM_FIELD_STR, acm_cert_t, issuer_dn, 0, ACM_MAX_REC_DN),
    acm_field(14, ACM_FIELD_STR, acm_cert_t, serial, 0, ACM_MAX_REC_SERIAL),
    acm_field(15, ACM_FIELD_STR, acm_cert_t, sigalg, 0, ACM_MAX_SIGALG),
    acm_field(16, ACM_FIELD_TIME, acm_cert_t, not_before, 0, 0),
    acm_field(17, ACM_FIELD_TIME, acm_cert_t, not_after, 0, 0),
    acm_field(18, ACM_FIELD_TIME, acm_cert_t, created_at, 0, 0),
    acm_field(19, ACM_FIELD_TIME, acm_cert_t, issued_at, 0, 0),
    acm_field(20, ACM_FIELD_TIME, acm_cert_t, imported_at, 0, 0),
    acm_field(21, ACM_FIELD_ENUM, acm_cert_t, due, ACM_DUE_NONE,
              ACM_DUE_ARI),
    acm_field(22, ACM_FIELD_TIME, acm_cert_t, due_at, 0, 0),
    acm_field(23, ACM_FIELD_U32, acm_cert_t, attempts, 0, 0),
    acm_field(24, ACM_FIELD_STR, acm_cert_t, last_error, 0, ACM_MAX_ERROR),
    acm_field(25, ACM_FIELD_TIME, acm_cert_t, last_error_at, 0, 0),
    acm_field(26, ACM_FIELD_STR, acm_cert_t, issued_by, 0, ACM_MAX_LABEL),
    acm_field(27, ACM_FIELD_U32, acm_cert_t, turn, 0, 0),
    acm_field(28, ACM_FIELD_U32, acm_cert_t, rehearsed, 0, 0),
    acm_field(29, ACM_FIELD_U32, acm_cert_t, scts, 0, 0),
    acm_field(30, ACM_FIELD_TIME, acm_cert_t, renew_at, 0, 0),
    acm_field(31, ACM_FIELD_TIME, acm_cert_t, ari_at, 0, 0),
    acm_field(32, ACM_FIELD_TIME, acm_cert_t, ari_start, 0, 0),
    acm_field(33, ACM_FIELD_TIME, acm_cert_t, ari_end, 0, 0),
    acm_field(34, ACM_FIELD_STR, acm_cert_t, findings, 0, ACM_MAX_FINDINGS),
    acm_field(35, ACM_FIELD_U32, acm_cert_t, checks, 0, 0),
    acm_field(36, ACM_FIELD_U32, acm_cert_t, method, 0, 0),
    acm_field(37, ACM_FIELD_U32, acm_cert_t, demanded, 0, 0),
    acm_field(38, ACM_FIELD_ENUM, acm_cert_t, renewal, ACM_RENEWAL_NONE,
              ACM_RENEWAL_FAILED),
    acm_field(39, ACM_FIELD_ENUM, acm_cert_t, reason, ACM_REASON_NONE,
              ACM_REASON_PENDING_DOMAIN_VALIDATION),
    acm_field(40, ACM_FIELD_TIME, acm_cert_t, renewal_at, 0, 0),
    acm_field(41, ACM_FIELD_TIME, acm_cert_t, watch_at, 0, 0),
    acm_field(42, ACM_FIELD_U32, acm_cert_t, warned, 0, 0),
    acm_field(43, ACM_FIELD_U32, acm_cert_t, approached, 0, 0),
    acm_field(44, ACM_FIELD_U32, acm_cert_t, overdue, 0, 0),
    acm_field(45, ACM_FIELD_U32, acm_cert_t, steps, 0, 0),
    acm_field(46, ACM_FIELD_U32, acm_cert_t, exported, 0, 0),
    acm_field(47, ACM_FIELD_U32, acm_cert_t, exportable, 0, 0),
    acm_field(48, ACM_FIELD_TIME, acm_cert_t, revoked_at, 0, 0),
    acm_field(49, ACM_FIELD_ENUM, acm_cert_t, revocation, ACM_REVOKED_NOT,
              ACM_REVOKED_A_A_COMPROMISE),
    acm_field(50, ACM_FIELD_U32, acm_cert_t, forced, 0, 0),
    acm_field(51, ACM_FIELD_U32, acm_cert_t, rolled_back, 0, 0),
    acm_field(52, ACM_FIELD_TIME, acm_cert_t, unused_at, 0, 0),
    acm_field(53, ACM_FIELD_BLOB, acm_cert_t, tags, 0, ACM_MAX_TAGS_LEN),
    acm_field(54, ACM_FIELD_U32, acm_cert_t, managed, 0, 0),
    acm_field(55, ACM_FIELD_U32, acm_cert_t, usages, 0, 0),
    acm_field(56, ACM_FIELD_ENUM, acm_cert_t, proof, ACM_PROOF_NONE,
              ACM_PROOF_HTTP),
    acm_field(57, ACM_FIELD_U32, acm_cert_t, unlogged, 0, 0),
    acm_field(58, ACM_FIELD_ENUM, acm_cert_t, revoking, ACM_REVOKING_NONE,
              ACM_REVOKING_REFUSED),
    acm_field(59, ACM_FIELD_STR, acm_cert_t, culprit, 0, ACM_MAX_NAME),
    acm_field(60, ACM_FIELD_BLOB, acm_cert_t, mail, 0, ACM_MAX_NAMES),
    acm_field(61, ACM_FIELD_TIME, acm_cert_t, ocsp_at, 0, 0)
};

static const acm_field_t  acm_material_fields[] = {
    acm_field(1, ACM_FIELD_STR, acm_material_t, account, 1, ACM_MAX_LABEL),
    acm_field(2, ACM_FIELD_STR, acm_material_t, region, 1, ACM_MAX_LABEL),
    acm_field(3, ACM_FIELD_ENUM, acm_material_t, key, ACM_KEY_RSA_1024,
              ACM_KEY_EC_P521),
    acm_field(4, ACM_FIELD_BLOB, acm_material_t, leaf, 1, ACM_MAX_CERT_DER),
    { 5, ACM_FIELD_CHAIN, offsetof(acm_material_t, chain), 0, ACM_MAX_CHAIN,
      offsetof(acm_material_t, nchain) },
    acm_field(6, ACM_FIELD_BLOB, acm_material_t, sealed, 1, ACM_MAX_SEALED)
};

static const acm_field_t  acm_name_fields[] = {
    acm_field(1, ACM_FIELD_UUID, acm_name_rec_t, uuid, 1, ACM_UUID_LEN),
    acm_field(2, ACM_FIELD_U32, acm_name_rec_t, version, 0, 0),
    acm_field(3, ACM_FIELD_ENUM, acm_name_rec_t, key, ACM_KEY_RSA_1024,
              ACM_KEY_EC_P521),
    acm_field(4, ACM_FIELD_TIME, acm_name_rec_t, not_before, 0, 0),
    acm_field(5, ACM_FIELD_TIME, acm_name_rec_t, not_after, 0, 0)
};

static const acm_field_t  acm_ca_fields[] = {
    acm_field(1, ACM_FIELD_ENUM, acm_ca_rec_t, key, ACM_KEY_RSA_1024,
              ACM_KEY_EC_P521),
    acm_field(2, ACM_FIELD_BLOB, acm_ca_rec_t, root, 1, ACM_MAX_CERT_DER),
    acm_field(3, ACM_FIELD_BLOB, acm_ca_rec_t, root_sealed, 1,
              ACM_MAX_SEALED),
    acm_field(4, ACM_FIELD_BLOB, acm_ca_rec_t, issuing, 1, ACM_MAX_CERT_DER),
    acm_field(5, ACM_FIELD_BLOB, acm_ca_rec_t, issuing_sealed, 1,
              ACM_MAX_SEALED)
};

static const acm_field_t  acm_seal_fields[] = {
    acm_field(1, ACM_FIELD_OCTETS, acm_seal_rec_t, master_id, 1,
              ACM_MASTER_ID),
    acm_field(2, ACM_FIELD_BLOB, acm_seal_rec_t, wrapped, 1, ACM_MAX_WRAPPED)
};

static const acm_field_t  acm_ref_fields[] = {
    acm_field(1, ACM_FIELD_TEXT, acm_ref_t, account, 1, ACM_MAX_LABEL),
    acm_field(2, ACM_FIELD_TEXT, acm_ref_t, region, 1, ACM_MAX_LABEL),
    acm_field(3, ACM_FIELD_UUID, acm_ref_t, uuid, 1, ACM_UUID_LEN)
};

static const acm_field_t  acm_master_fields[] = {
    acm_field(1, ACM_FIELD_OCTETS, acm_master_rec_t, id, 1, ACM_MASTER_ID)
};


static const acm_layout_t  acm_cert_layout =
    acm_layout(ACM_REC_CERT, acm_cert_t, acm_cert_fields);
static const acm_layout_t  acm_material_layout =
    acm_layout(ACM_REC_MATERIAL, acm_material_t, acm_material_fields);
static const acm_layout_t  acm_name_layout =
    acm_layout(ACM_REC_NAME, acm_name_rec_t, acm_name_fields);
static const acm_layout_t  acm_ca_layout =
    acm_layout(ACM_REC_CA, acm_ca_rec_t, acm_ca_fields);
static const acm_layout_t  acm_seal_layout =
    acm_layout(ACM_REC_SEAL, acm_seal_rec_t, acm_seal_fields);
static const acm_layout_t  acm_ref_layout =
    acm_layout(ACM_REC_REF, acm_ref_t, acm_ref_fields);
static const acm_layout_t  acm_master_layout =
    acm_layout(ACM_REC_MASTER, acm_master_rec_t, acm_master_fields);


acm_rc_t
acm_cert_encode(const acm_cert_t *cert, acm_buf_t *out)
{
    return acm_record_encode(&acm_cert_layout, cert, out);
}


acm_rc_t
acm_cert_decode(const uint8_t *data, size_t len, acm_cert_t *cert)
{
    return acm_record_decode(&acm_cert_layout, data, len, cert);
}


void
acm_cert_free(acm_cert_t *cert)
{
    acm_record_free(&acm_cert_layout, cert);
}


acm_rc_t
acm_material_encode(const acm_material_t *m, acm_buf_t *out)
{
    return acm_record_encode(&acm_material_layout, m, out);
}


acm_rc_t
acm_material_decode(const uint8_t *data, size_t len, acm_material_t *m)
{
    return acm_record_decode(&acm_material_layout, data, len, m);
}


void
acm_material_free(acm_material_t *m)
{
    acm_record_free(&acm_material_layout, m);
}


acm_rc_t
acm_name_rec_encode(const acm_name_rec_t *n, acm_buf_t *out)
{
    return acm_record_encode(&acm_name_layout, n, out);
}


acm_rc_t
acm_name_rec_decode(const uint8_t *data, size_t len, acm_name_rec_t *n)
{
    return acm_record_decode(&acm_name_layout, data, len, n);
}


acm_rc_t
acm_ca_rec_encode(const acm_ca_rec_t *ca, acm_buf_t *out)
{
    return acm_record_encode(&acm_ca_layout, ca, out);
}


acm_rc_t
acm_ca_rec_decode(const uint8_t *data, size_t len, acm_ca_rec_t *ca)
{
    return acm_record_decode(&acm_ca_layout, data, len, ca);
}


void
acm_ca_rec_free(acm_ca_rec_t *ca)
{
    acm_record_free(&acm_ca_layout, ca);
}


acm_rc_t
acm_seal_rec_encode(const acm_seal_rec_t *s, acm_buf_t *out)
{
    return acm_record_encode(&acm_seal_layout, s, out);
}


acm_rc_t
acm_seal_rec_decode(const uint8_t *data, size_t len, acm_seal_rec_t *s)
{
    return acm_record_decode(&acm_seal_layout, data, len, s);
}


void
acm_seal_rec_free(acm_seal_rec_t *s)
{
    acm_record_free(&acm_seal_layout, s);
}


acm_rc_t
acm_ref_encode(const acm_ref_t *ref, acm_buf_t *out)
{
    return acm_record_encode(&acm_ref_layout, ref, out);
}


acm_rc_t
acm_ref_decode(const uint8_t *data, size_t len, acm_ref_t *ref)
{
    return acm_record_decode(&acm_ref_layout, data, len, ref);
}


acm_rc_t
acm_master_rec_encode(const acm_master_rec_t *m, acm_buf_t *out)
{
    return acm_record_encode(&acm_master_layout, m, out);
}


acm_rc_t
acm_master_rec_decode(const uint8_t *data, size_t len, acm_master_rec_t *m)
{
    return acm_record_decode(&acm_master_layout, data, len, m);
}
