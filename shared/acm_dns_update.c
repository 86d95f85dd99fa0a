
/*
 * Copyright (C) The ngx_acm authors
 */


#include <ldns/ldns.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "acm_dns_update.h"


#define ACM_DNS_HEADER     12
#define ACM_DNS_UPDATE     5         /* opcode, RFC 2136 */
#define ACM_DNS_NOTAUTH    9
#define ACM_DNS_NOTZONE    10
#define ACM_DNS_TSIG       250
#define ACM_DNS_IN         1
#define ACM_DNS_NONE       254
#define ACM_DNS_ANY        255
#define ACM_TSIG_BADSIG    16        /* RFC 8945 s3 */
#define ACM_TSIG_BADKEY    17
#define ACM_TSIG_BADTIME   18
#define ACM_TSIG_ALG_LEN   13        /* octets of an algorithm's name */


/* the TSIG record of an answer; points into it */

typedef struct {
    size_t          start;           /* of the record */
    uint64_t        time;
    uint16_t        fudge;
    const uint8_t  *mac;
    size_t          mac_len;
    uint16_t        id;
    uint16_t        error;
    const uint8_t  *other;
    size_t          other_len;
} acm_tsig_rr_t;


static void acm_update_record(acm_buf_t *out, const char *name,
    const char *value, uint32_t ttl, int add);
static void acm_update_name(acm_buf_t *out, const char *name);
static int acm_update_below(const char *name, const char *zone);
static acm_rc_t acm_tsig_sign(const acm_tsig_secret_t *key, int64_t now,
    acm_dns_update_t *update, acm_buf_t *out, acm_err_t *err);
static void acm_tsig_variables(acm_buf_t *b, const acm_tsig_secret_t *key,
    const acm_tsig_rr_t *rr);
static acm_rc_t acm_tsig_mac(const acm_tsig_secret_t *key,
    const acm_buf_t *b, uint8_t *mac, size_t *len);
static acm_rc_t acm_tsig_find(const acm_tsig_secret_t *key,
    const uint8_t *wire, size_t len, acm_tsig_rr_t *rr, acm_err_t *err);
static acm_rc_t acm_tsig_skip(const uint8_t *wire, size_t len, size_t *pos,
    int question);
static acm_rc_t acm_tsig_read(const acm_tsig_secret_t *key,
    const uint8_t *wire, size_t len, acm_tsig_rr_t *rr, acm_err_t *err);
static acm_rc_t acm_tsig_verify(const acm_dns_update_t *update,
    const acm_tsig_secret_t *key, int64_t now, const uint8_t *wire,
    const acm_tsig_rr_t *rr, acm_err_t *err);
static acm_rc_t acm_update_result(const acm_dns_update_t *update,
    const acm_tsig_secret_t *key, unsigned rcode, acm_err_t *err);


static const uint8_t  acm_tsig_names[][ACM_TSIG_ALG_LEN + 1] = {
    "\x0bhmac-sha256", "\x0bhmac-sha384", "\x0bhmac-sha512"
};


acm_rc_t
acm_dns_update(const char *zone, const char *name, const char *value,
    uint32_t ttl, int add, const acm_tsig_secret_t *key, int64_t now,
    acm_dns_update_t *update, acm_buf_t *out, acm_err_t *err)
{
    char      z[ACM_MAX_DNS_NAME + 1], n[ACM_MAX_DNS_NAME + 1];
    uint8_t   id[2];
    acm_rc_t  rc;

    if (acm_dns_name(zone, z) != ACM_OK || acm_dns_name(name, n) != ACM_OK) {
        return acm_fail(err, ACM_INVALID, "\"%s\" or zone \"%s\" is not a "
                        "DNS name", name, zone);
    }

    if (!acm_update_below(n, z)) {
        return acm_fail(err, ACM_INVALID, "\"%s\" is not in zone \"%s\"", n,
                        z);
    }

    if (strlen(value) > ACM_MAX_UPDATE_TXT) {
        return acm_fail(err, ACM_TOOBIG, "a TXT value of more than %d octets",
                        ACM_MAX_UPDATE_TXT);
    }

    if (RAND_bytes(id, sizeof(id)) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    update->id = (uint16_t) (id[0] << 8 | id[1]);
    memcpy(update->name, n, strlen(n) + 1);

    /* one zone, no prerequisite, one update; RFC 2136 s2 */

    acm_buf_u16(out, update->id);
    acm_buf_u16(out, ACM_DNS_UPDATE << 11);
    acm_buf_u16(out, 1);
    acm_buf_u16(out, 0);
    acm_buf_u16(out, 1);
    acm_buf_u16(out, 0);

    acm_update_name(out, z);
    acm_buf_u16(out, ACM_DNS_SOA);
    acm_buf_u16(out, ACM_DNS_IN);

    acm_update_record(out, n, value, ttl, add);

    rc = acm_buf_rc(out);

    if (rc == ACM_OK) {
        rc = acm_tsig_sign(key, now, update, out, err);

    } else {
        (void) acm_fail(err, rc, "the update cannot be made: %s",
                        acm_rc_text(rc));
    }

    return rc;
}


static void
acm_update_record(acm_buf_t *out, const char *name, const char *value,
    uint32_t ttl, int add)
{
    size_t  n, len;

    /* "delete an RR from an RRset": class NONE, TTL 0, s2.5.4 */

    acm_update_name(out, name);
    acm_buf_u16(out, ACM_DNS_TXT);
    acm_buf_u16(out, add ? ACM_DNS_IN : ACM_DNS_NONE);
    acm_buf_u32(out, add ? ttl : 0);

    len = strlen(value);
    n = (len == 0) ? 1 : (len + 254) / 255;

    acm_buf_u16(out, (uint16_t) (len + n));

    do {
        n = (len > 255) ? 255 : len;
        acm_buf_u8(out, (uint8_t) n);
        acm_buf_add(out, value, n);
        value += n;
        len -= n;

    } while (len != 0);
}


static void
acm_update_name(acm_buf_t *out, const char *name)
{
    ldns_rdf  *rdf;

    rdf = ldns_dname_new_frm_str(name);

    if (rdf == NULL) {
        out->rc = (out->rc == ACM_OK) ? ACM_NOMEM : out->rc;
        return;
    }

    ldns_dname2canonical(rdf);
    acm_buf_add(out, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
    ldns_rdf_deep_free(rdf);
}


static int
acm_update_below(const char *name, const char *zone)
{
    while (name != NULL) {
        if (strcmp(name, zone) == 0) {
            return 1;
        }

        name = acm_dns_parent(name);
    }

    return 0;
}


/* RFC 8945 s4.3, s5.1: the message, and the variables. */

static acm_rc_t
acm_tsig_sign(const acm_tsig_secret_t *key, int64_t now,
    acm_dns_update_t *update, acm_buf_t *out, acm_err_t *err)
{
    acm_rc_t       rc;
    acm_buf_t      b;
    acm_tsig_rr_t  rr;

    memset(&rr, 0, sizeof(acm_tsig_rr_t));
    rr.time = (uint64_t) now;
    rr.fudge = ACM_TSIG_FUDGE;

    acm_buf_init(&b, ACM_MAX_DNS_WIRE);
    acm_buf_add(&b, out->data, out->len);
    acm_tsig_variables(&b, key, &rr);

    rc = acm_tsig_mac(key, &b, update->mac, &update->mac_len);

    if (rc == ACM_OK) {
        acm_update_name(out, key->name);
        acm_buf_u16(out, ACM_DNS_TSIG);
        acm_buf_u16(out, ACM_DNS_ANY);
        acm_buf_u32(out, 0);
        acm_buf_u16(out, (uint16_t) (ACM_TSIG_ALG_LEN + 16
                                     + update->mac_len));
        acm_buf_add(out, acm_tsig_names[key->algorithm], ACM_TSIG_ALG_LEN);
        acm_buf_u16(out, (uint16_t) (rr.time >> 32));
        acm_buf_u32(out, (uint32_t) rr.time);
        acm_buf_u16(out, rr.fudge);
        acm_buf_u16(out, (uint16_t) update->mac_len);
        acm_buf_add(out, update->mac, update->mac_len);
        acm_buf_u16(out, update->id);
        acm_buf_u16(out, 0);
        acm_buf_u16(out, 0);

        rc = acm_buf_rc(out);
    }

    acm_buf_free(&b);

    if (rc != ACM_OK) {
        return acm_fail_ssl(err, rc, "the update cannot be signed: %s",
                            acm_rc_text(rc));
    }

    out->data[11] = 1;

    return ACM_OK;
}


static void
acm_tsig_variables(acm_buf_t *b, const acm_tsig_secret_t *key,
    const acm_tsig_rr_t *rr)
{
    acm_update_name(b, key->name);
    acm_buf_u16(b, ACM_DNS_ANY);
    acm_buf_u32(b, 0);
    acm_buf_add(b, acm_tsig_names[key->algorithm], ACM_TSIG_ALG_LEN);
    acm_buf_u16(b, (uint16_t) (rr->time >> 32));
    acm_buf_u32(b, (uint32_t) rr->time);
    acm_buf_u16(b, rr->fudge);
    acm_buf_u16(b, rr->error);
    acm_buf_u16(b, (uint16_t) rr->other_len);
    acm_buf_add(b, rr->other, rr->other_len);
}


static acm_rc_t
acm_tsig_mac(const acm_tsig_secret_t *key, const acm_buf_t *b, uint8_t *mac,
    size_t *len)
{
    unsigned int   n;
    const EVP_MD  *md;

    if (acm_buf_rc(b) != ACM_OK) {
        return acm_buf_rc(b);
    }

    md = NULL;

    switch (key->algorithm) {
    case ACM_TSIG_SHA256:
        md = EVP_sha256();
        break;
    case ACM_TSIG_SHA384:
        md = EVP_sha384();
        break;
    case ACM_TSIG_SHA512:
        md = EVP_sha512();
        break;
    }

    n = 0;

    if (HMAC(md, key->data, (int) key->len, b->data, b->len, mac, &n) == NULL)
    {
        return ACM_ERROR;
    }

    *len = n;

    return ACM_OK;
}


acm_rc_t
acm_dns_update_answer(const acm_dns_update_t *update,
    const acm_tsig_secret_t *key, int64_t now, const uint8_t *wire,
    size_t len, acm_err_t *err)
{
    char           buf[16];
    acm_rc_t       rc;
    unsigned       rcode;
    acm_tsig_rr_t  rr;

    if (len < ACM_DNS_HEADER || len > ACM_MAX_DNS_WIRE
        || (wire[2] & 0xf8) != (0x80 | ACM_DNS_UPDATE << 3)
        || (wire[0] << 8 | wire[1]) != update->id)
    {
        return acm_fail(err, ACM_INVALID, "not an answer to this update");
    }

    rcode = wire[3] & 0x0f;
    rc = acm_tsig_find(key, wire, len, &rr, err);

    if (rc == ACM_NOTFOUND) {

        /* whoever sent it: the update is not done */

        return acm_fail(err, ACM_DENIED, "the answer to the update (%s) is "
                        "not signed: check that the server has the zone and "
                        "takes updates of it, knows key \"%s\" with this "
                        "secret, and has the same time",
                        acm_dns_rcode_text(rcode, buf), key->name);
    }

    if (rc == ACM_OK && rr.mac_len == 0 && rr.error == ACM_TSIG_BADKEY) {
        return acm_fail(err, ACM_DENIED, "the server does not know key "
                        "\"%s\" (BADKEY): give it the key, with this name "
                        "and algorithm, and in Knot let an acl of the zone "
                        "allow it updates", key->name);
    }

    if (rc == ACM_OK && rr.mac_len == 0 && rr.error == ACM_TSIG_BADSIG) {
        return acm_fail(err, ACM_DENIED, "the server has another secret for "
                        "key \"%s\" (BADSIG): use the same on both sides",
                        key->name);
    }

    if (rc == ACM_OK) {
        rc = acm_tsig_verify(update, key, now, wire, &rr, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    if (rr.error != 0) {
        return acm_fail(err, ACM_DENIED, "the server refuses the signature: "
                        "%s", (rr.error == ACM_TSIG_BADTIME)
                              ? "the clocks differ (BADTIME), set them"
                              : acm_dns_rcode_text(rr.error, buf));
    }

    return acm_update_result(update, key, rcode, err);
}


static acm_rc_t
acm_update_result(const acm_dns_update_t *update,
    const acm_tsig_secret_t *key, unsigned rcode, acm_err_t *err)
{
    char  buf[16];

    switch (rcode) {

    case ACM_DNS_NOERROR:
        return ACM_OK;

    case ACM_DNS_SERVFAIL:
        return acm_fail(err, ACM_BUSY, "the server cannot update the zone "
                        "now (SERVFAIL): see its log, it must be able to "
                        "write its journal");

    case ACM_DNS_REFUSED:
        return acm_fail(err, ACM_DENIED, "the server does not let key \"%s\" "
                        "update this name (REFUSED): allow it, in BIND with "
                        "\"update-policy { grant %s name %s. TXT; };\", in "
                        "Knot with an acl, in PowerDNS with dnsupdate=yes and "
                        "TSIG-ALLOW-DNSUPDATE", key->name, key->name,
                        update->name);

    case ACM_DNS_NOTAUTH:
    case ACM_DNS_NOTZONE:
        return acm_fail(err, ACM_INVALID, "the server is not the primary of "
                        "this zone (%s): check the zone and the server",
                        acm_dns_rcode_text(rcode, buf));

    default:
        return acm_fail(err, ACM_DENIED, "the server answers the update with "
                        "%s", acm_dns_rcode_text(rcode, buf));
    }
}


/* The last record, and only that, may be the signature, s5.1. */

static acm_rc_t
acm_tsig_find(const acm_tsig_secret_t *key, const uint8_t *wire, size_t len,
    acm_tsig_rr_t *rr, acm_err_t *err)
{
    size_t        i, n, nq, nrr, pos;
    acm_reader_t  r;

    acm_reader_init(&r, wire + 4, ACM_DNS_HEADER - 4);

    nq = acm_read_u16(&r);
    nrr = acm_read_u16(&r);
    nrr += acm_read_u16(&r);
    n = acm_read_u16(&r);
    nrr += n;
    pos = ACM_DNS_HEADER;

    if (nq > 1 || nrr > ACM_MAX_DNS_COUNT) {
        return acm_fail(err, ACM_INVALID, "the answer to the update is "
                        "malformed");
    }

    if (n == 0) {
        return ACM_NOTFOUND;
    }

    for (i = 0; i < nq + nrr; i++) {
        rr->start = pos;

        if (acm_tsig_skip(wire, len, &pos, i < nq) != ACM_OK) {
            return acm_fail(err, ACM_INVALID, "the answer to the update is "
                            "malformed");
        }
    }

    if (pos != len) {
        return acm_fail(err, ACM_INVALID, "the answer to the update has "
                        "octets behind its end");
    }

    return acm_tsig_read(key, wire, len, rr, err);
}


static acm_rc_t
acm_tsig_skip(const uint8_t *wire, size_t len, size_t *pos, int question)
{
    size_t     n;
    ldns_rdf  *name;

    name = NULL;

    if (ldns_wire2dname(&name, wire, len, pos) != LDNS_STATUS_OK) {
        return ACM_INVALID;
    }

    ldns_rdf_deep_free(name);

    n = question ? 4 : 10;

    if (*pos > len || len - *pos < n) {
        return ACM_INVALID;
    }

    *pos += n;

    if (question) {
        return ACM_OK;
    }

    n = (size_t) wire[*pos - 2] << 8 | wire[*pos - 1];

    if (len - *pos < n) {
        return ACM_INVALID;
    }

    *pos += n;

    return ACM_OK;
}


/* Reads the record from start on; key and algorithm must be ours. */

static acm_rc_t
acm_tsig_read(const acm_tsig_secret_t *key, const uint8_t *wire, size_t len,
    acm_tsig_rr_t *rr, acm_err_t *err)
{
    int           ok;
    size_t        pos;
    uint16_t      type, class;
    uint32_t      ttl;
    acm_buf_t     b;
    ldns_rdf     *name, *algorithm;
    acm_reader_t  r;

    name = NULL;
    algorithm = NULL;
    pos = rr->start;
    ok = 0;

    acm_buf_init(&b, ACM_MAX_DNS_WIRE);
    acm_update_name(&b, key->name);

    if (ldns_wire2dname(&name, wire, len, &pos) != LDNS_STATUS_OK) {
        goto done;
    }

    acm_reader_init(&r, wire + pos, len - pos);
    type = acm_read_u16(&r);
    class = acm_read_u16(&r);

    if (type != ACM_DNS_TSIG) {
        goto done;
    }

    ok = -1;
    ttl = acm_read_u32(&r);

    /* of acm_tsig_skip(): there are ten octets, and then the rdata */

    pos += 10;

    if (class != ACM_DNS_ANY || ttl != 0
        || ldns_wire2dname(&algorithm, wire, len, &pos) != LDNS_STATUS_OK
        || pos > len)
    {
        goto done;
    }

    ldns_dname2canonical(name);
    ldns_dname2canonical(algorithm);

    acm_reader_init(&r, wire + pos, len - pos);
    rr->time = (uint64_t) acm_read_u16(&r) << 32;
    rr->time |= acm_read_u32(&r);
    rr->fudge = acm_read_u16(&r);
    rr->mac_len = acm_read_u16(&r);
    rr->mac = acm_read_bytes(&r, rr->mac_len);
    rr->id = acm_read_u16(&r);
    rr->error = acm_read_u16(&r);
    rr->other_len = acm_read_u16(&r);
    rr->other = acm_read_bytes(&r, rr->other_len);

    if (r.rc == ACM_OK && r.pos == r.end && acm_buf_rc(&b) == ACM_OK
        && ldns_rdf_size(name) == b.len
        && memcmp(ldns_rdf_data(name), b.data, b.len) == 0
        && ldns_rdf_size(algorithm) == ACM_TSIG_ALG_LEN
        && memcmp(ldns_rdf_data(algorithm), acm_tsig_names[key->algorithm],
                  ACM_TSIG_ALG_LEN) == 0)
    {
        ok = 1;
    }

done:

    ldns_rdf_deep_free(algorithm);
    ldns_rdf_deep_free(name);
    acm_buf_free(&b);

    if (ok == 1) {
        return ACM_OK;
    }

    if (ok == 0) {
        return ACM_NOTFOUND;
    }

    return acm_fail(err, ACM_DENIED, "the signature of the answer is "
                    "malformed, or of another key or algorithm");
}


static acm_rc_t
acm_tsig_verify(const acm_dns_update_t *update, const acm_tsig_secret_t *key,
    int64_t now, const uint8_t *wire, const acm_tsig_rr_t *rr,
    acm_err_t *err)
{
    size_t     len, n;
    uint8_t    mac[ACM_MAX_TSIG_MAC];
    uint64_t   at, apart;
    acm_rc_t   rc;
    acm_buf_t  b;

    /*
     * s5.3: the request's MAC, the message as it was before it was signed,
     * the variables
     */

    acm_buf_init(&b, 2 * ACM_MAX_DNS_WIRE);
    acm_buf_u16(&b, (uint16_t) update->mac_len);
    acm_buf_add(&b, update->mac, update->mac_len);
    acm_buf_u16(&b, rr->id);
    acm_buf_add(&b, wire + 2, 8);
    n = ((size_t) wire[10] << 8 | wire[11]) - 1;
    acm_buf_u16(&b, (uint16_t) n);
    acm_buf_add(&b, wire + ACM_DNS_HEADER, rr->start - ACM_DNS_HEADER);
    acm_tsig_variables(&b, key, rr);

    len = 0;
    rc = acm_tsig_mac(key, &b, mac, &len);

    acm_buf_free(&b);

    if (rc != ACM_OK) {
        return acm_fail_ssl(err, rc, "the signature of the answer cannot be "
                            "verified: %s", acm_rc_text(rc));
    }

    /* not a truncated one either: none was sent */

    if (rr->mac_len != len || CRYPTO_memcmp(mac, rr->mac, len) != 0) {
        return acm_fail(err, ACM_DENIED, "the signature of the answer to the "
                        "update is wrong: it is not the server's, or that "
                        "has another secret for key \"%s\"", key->name);
    }

    at = (uint64_t) now;
    apart = (at > rr->time) ? at - rr->time : rr->time - at;

    if (apart > ACM_TSIG_FUDGE && rr->error != ACM_TSIG_BADTIME) {
        return acm_fail(err, ACM_DENIED, "the answer to the update was signed "
                        "%llu seconds from now: set the clocks",
                        (unsigned long long) apart);
    }

    return ACM_OK;
}
