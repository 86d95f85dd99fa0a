'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * The hierarchy of the fake CA, certificates by request, and what may be
 * wrong with them; CSR parsing.
 *
 *   Fake Root 1 -> Fake Intermediate -> leaf
 *   Fake Root 2 -> the same intermediate, cross-signed: the alternate chain
 */

const crypto = require('node:crypto');
const der = require('./der.js');

const OID = {
    cn: '2.5.4.3', san: '2.5.29.17', ski: '2.5.29.14', aki: '2.5.29.35',
    ku: '2.5.29.15', eku: '2.5.29.37', bc: '2.5.29.19', cp: '2.5.29.32',
    sct: '1.3.6.1.4.1.11129.2.4.2', dv: '2.23.140.1.2.1',
    ecdsaSha256: '1.2.840.10045.4.3.2', ecPublicKey: '1.2.840.10045.2.1',
    rsa: '1.2.840.113549.1.1.1', extensionRequest: '1.2.840.113549.1.9.14',
    alpn: '1.3.6.1.5.5.7.1.31',
};

const EKU = {
    serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2',
};

const HASH = {
    '1.2.840.10045.4.3.2': 'sha256', '1.2.840.10045.4.3.3': 'sha384',
    '1.2.840.10045.4.3.4': 'sha512', '1.2.840.113549.1.1.11': 'sha256',
    '1.2.840.113549.1.1.12': 'sha384', '1.2.840.113549.1.1.13': 'sha512',
    '1.3.101.112': null,
};

const DAY = 86400;
const SIG_ALG = der.seq(der.oid(OID.ecdsaSha256));


function keyPair() {
    const pair = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });

    return { key: pair.privateKey, spki: pair.publicKey.export(
        { type: 'spki', format: 'der' }) };
}


function name(cn) {
    return cn ? der.seq(der.set(der.seq(der.oid(OID.cn), der.utf8(cn))))
        : der.seq();
}


/* SHA-1 of the public key bits, RFC 5280 s4.2.1.2 method 1. */

function keyId(spki) {
    const bits = der.children(der.parse(spki, 0x30))[1].body.subarray(1);

    return crypto.createHash('sha1').update(bits).digest();
}


function ext(id, critical, value) {
    return critical ? der.seq(der.oid(id), der.bool(true), der.octets(value))
        : der.seq(der.oid(id), der.octets(value));
}


function serialNumber() {
    const serial = crypto.randomBytes(16);

    /* positive, and no leading zero that DER would drop */
    serial[0] = serial[0] % 127 + 1;

    return serial;
}


/* Bits of this module's certificates are all in the first octet. */

function keyUsage(octet) {
    let unused = 0;

    while (!(octet >> unused & 1)) {
        unused++;
    }

    return ext(OID.ku, true, der.bits(Buffer.from([octet]), unused));
}


/* c: serial, issuer (DER), subject (DER), from, to (ms), spki, exts, key */

function sign(c) {
    const tbs = der.seq(der.explicit(0, der.integer(2)),
        der.integer(c.serial), SIG_ALG, c.issuer,
        der.seq(der.time(c.from), der.time(c.to)), c.subject, c.spki,
        der.explicit(3, der.seq(...c.exts)));

    return der.seq(tbs, SIG_ALG, der.bits(crypto.sign('sha256', tbs, c.key)));
}


function pem(cert) {
    return '-----BEGIN CERTIFICATE-----\n'
        + cert.toString('base64').replace(/.{1,64}/g, '$&\n')
        + '-----END CERTIFICATE-----\n';
}


function authority(subject, pair, issuer, years) {
    const now = Date.now();

    return sign({
        serial: serialNumber(), issuer: name(issuer.cn), subject: name(subject),
        from: now - 3600e3, to: now + years * 365 * DAY * 1e3,
        spki: pair.spki, key: issuer.key,
        exts: [
            ext(OID.bc, true, issuer.spki === pair.spki
                ? der.seq(der.bool(true))
                : der.seq(der.bool(true), der.integer(0))),
            keyUsage(0x86),
            ext(OID.ski, false, der.octets(keyId(pair.spki))),
            ext(OID.aki, false, der.seq(der.tlv(0x80, keyId(issuer.spki)))),
        ],
    });
}


class Hierarchy {

    constructor() {
        const root1 = { cn: 'Fake Root 1', ...keyPair() };
        const root2 = { cn: 'Fake Root 2', ...keyPair() };

        this.int = { cn: 'Fake Intermediate', ...keyPair() };
        this.roots = [root1, root2].map((r) =>
            pem(authority(r.cn, r, r, 20)));
        this.ints = [root1, root2].map((r) =>
            pem(authority(this.int.cn, this.int, r, 10)));
        this.keyId = keyId(this.int.spki);
        this.other = keyPair();
    }

    /*
     * names: [{type, value}]; opts: lifetime, backdate (seconds), eku, cn,
     * scts; fault: see the README.
     */

    issue(spki, names, opts, fault) {
        const c = this.template(spki, names, opts, fault);
        return { der: sign(c), serial: c.serial, from: c.from, to: c.to,
            names, aki: this.keyId };
    }

    template(spki, names, opts, fault) {
        const life = Math.max(1, Math.round(opts.lifetime)) * 1e3;
        const now = Math.floor(Date.now() / 1e3) * 1e3;
        let from = now - (opts.backdate || 0) * 1e3;
        let to = from + life - (life > 1e3 ? 1e3 : 0);
        let sans = names;

        if (fault === 'expired') {
            [from, to] = [now - 2 * life - 60e3, now - 60e3];

        } else if (fault === 'future') {
            [from, to] = [now + DAY * 1e3, now + DAY * 1e3 + life];

        } else if (fault === 'longlife') {
            to = now + 3650 * DAY * 1e3;
        }

        if (fault === 'missingsan') {
            sans = names.slice(0, -1);

        } else if (fault === 'extrasan') {
            sans = [...names, { type: 'dns', value: 'extra.example.net' }];
        }

        if (fault === 'clientonly') {
            opts = { ...opts, eku: ['clientAuth'] };
        }

        const self = fault === 'selfsigned' || fault === 'otherkey';
        const key = self ? this.other : this.int;
        const cn = this.commonName(sans, opts);

        return {
            serial: serialNumber(), from, to, subject: name(cn),
            issuer: name(fault === 'selfsigned' ? cn : this.int.cn),
            spki: self ? this.other.spki : spki,
            key: fault === 'selfsigned' ? key.key : this.int.key,
            exts: this.extensions(spki, sans, opts, cn),
        };
    }

    commonName(names, opts) {
        const first = names.find((n) => n.value.length <= 64);

        return opts.cn === false || !first ? '' : first.value;
    }

    extensions(spki, names, opts, cn) {
        const rsa = spki.includes(der.oid(OID.rsa));
        const list = [
            keyUsage(rsa ? 0xa0 : 0x80),
            ext(OID.eku, false, der.seq(...(opts.eku || ['serverAuth']).map(
                (e) => der.oid(EKU[e] || e)))),
            ext(OID.bc, true, der.seq()),
            ext(OID.ski, false, der.octets(keyId(spki))),
            ext(OID.aki, false, der.seq(der.tlv(0x80, this.keyId))),
            ext(OID.cp, false, der.seq(der.seq(der.oid(OID.dv)))),
        ];

        if (names.length) {
            list.push(ext(OID.san, !cn, subjectAltName(names)));
        }

        if (opts.scts) {
            list.push(ext(OID.sct, false, der.octets(sctList(opts.scts))));
        }

        return list;
    }
}


function subjectAltName(names) {
    return der.seq(...names.map((n) => n.type === 'ip'
        ? der.tlv(0x87, der.ipBytes(n.value))
        : der.tlv(0x82, Buffer.from(n.value))));
}


/* SCTs of logs that do not exist: well-formed, signatures of random bits. */

function sctList(count) {
    const scts = [];

    for (let i = 0; i < count; i++) {
        const time = Buffer.alloc(8);
        time.writeBigUInt64BE(BigInt(Date.now()));

        const sig = der.seq(der.integer(crypto.randomBytes(32)),
            der.integer(crypto.randomBytes(32)));
        const sct = Buffer.concat([Buffer.from([0]), crypto.randomBytes(32),
            time, Buffer.from([0, 0, 4, 3, 0, sig.length]), sig]);

        scts.push(Buffer.from([sct.length >> 8, sct.length & 255]), sct);
    }

    const all = Buffer.concat(scts);

    return Buffer.concat([Buffer.from([all.length >> 8, all.length & 255]),
        all]);
}


/* Common names of an RDNSequence. */

function commonNames(node) {
    const found = [];

    for (const rdn of der.children(node)) {
        for (const attr of der.children(rdn)) {
            const [type, value] = der.children(attr);

            if (der.oidText(type) === OID.cn) {
                found.push(value.body.toString());
            }
        }
    }

    return found;
}


function requestedExtensions(node) {
    for (const attr of node ? der.children(node) : []) {
        const [type, values] = der.children(attr);

        if (der.oidText(type) === OID.extensionRequest) {
            return der.extensions(der.children(values)[0]);
        }
    }

    return new Map();
}


/* Throws with the reason if the request, its key or signature is bad. */

function parseCsr(buf) {
    const [info, alg, sig] = der.children(der.parse(buf, 0x30));
    const [version, subject, spki, attrs] = der.children(info);
    const hash = HASH[der.oidText(der.children(alg)[0])];

    if (version.tag !== 2 || version.body[0] !== 0) {
        throw new Error('version is not 0');
    }

    if (hash === undefined) {
        throw new Error('signature algorithm is not accepted');
    }

    const key = crypto.createPublicKey({ key: spki.raw, format: 'der',
        type: 'spki' });

    if (!crypto.verify(hash, info.raw, key, sig.body.subarray(1))) {
        throw new Error('signature is not valid');
    }

    const exts = requestedExtensions(attrs);
    const san = exts.get(OID.san);

    return { key, spki: Buffer.from(spki.raw), cn: commonNames(subject),
        names: san ? der.altNames(san.value) : [], exts };
}


/* Text why a key is not accepted, or nothing. */

function keyFault(key) {
    const detail = key.asymmetricKeyDetails;

    if (key.asymmetricKeyType === 'ec') {
        return ['prime256v1', 'secp384r1'].includes(detail.namedCurve)
            ? '' : `curve ${detail.namedCurve} is not accepted`;
    }

    if (key.asymmetricKeyType !== 'rsa') {
        return `key type ${key.asymmetricKeyType} is not accepted`;
    }

    if (detail.modulusLength < 2048 || detail.modulusLength > 4096) {
        return `RSA keys of ${detail.modulusLength} bits are not accepted`;
    }

    return detail.publicExponent === 65537n ? ''
        : 'RSA exponent is not 65537';
}


module.exports = { Hierarchy, parseCsr, keyFault, keyPair, sign, pem, name,
    OID, subjectAltName, ext };
