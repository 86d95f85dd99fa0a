'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * JWS as RFC 8555 s6.2 wants them, really verified.
 */

const crypto = require('node:crypto');
const { Problem } = require('./problem.js');
const { keyFault } = require('./x509.js');

const ALGS = {
    ES256: { hash: 'sha256', kty: 'EC', crv: 'P-256', size: 64 },
    ES384: { hash: 'sha384', kty: 'EC', crv: 'P-384', size: 96 },
    RS256: { hash: 'sha256', kty: 'RSA' },
};

/* what RFC 7638 s3.2 hashes */
const MEMBERS = { EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'] };

const B64URL = /^[A-Za-z0-9_-]*$/;


function malformed(detail, status) {
    return new Problem('malformed', detail, status && { status });
}


function decode(text, what) {
    if (typeof text !== 'string' || !B64URL.test(text)
        || text.length % 4 === 1)
    {
        throw malformed(`${what} is not base64url`);
    }

    return Buffer.from(text, 'base64url');
}


function json(text, what) {
    let value;

    try {
        value = JSON.parse(text);

    } catch (e) {
        throw malformed(`${what} is not JSON`);
    }

    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
        throw malformed(`${what} is not an object`);
    }

    return value;
}


/* Flattened JSON serialization to its parts; nothing is verified yet. */

function parse(text, what) {
    const jws = typeof text === 'string' ? json(text, what) : text;

    for (const member of Object.keys(jws)) {
        if (!['protected', 'payload', 'signature'].includes(member)) {
            throw malformed(`${what} has a member "${member}"`);
        }
    }

    const head = json(decode(jws.protected, 'protected').toString(),
        'protected header');
    const payload = decode(jws.payload, 'payload').toString();
    const signature = decode(jws.signature, 'signature');

    if (typeof head.alg !== 'string') {
        throw malformed('no "alg" in the protected header');
    }

    if (head.crit !== undefined || head.b64 !== undefined) {
        throw malformed('"crit" is not understood');
    }

    return { head, payload, signature, what,
        signed: jws.protected + '.' + jws.payload };
}


function checkAlg(alg) {
    if (!Object.hasOwn(ALGS, alg)) {
        throw new Problem('badSignatureAlgorithm', `alg "${alg}" is not one of `
            + Object.keys(ALGS).join(', '), { algorithms: Object.keys(ALGS) });
    }

    return ALGS[alg];
}


/* RFC 7638: the thumbprint, base64url. */

function thumbprint(jwk) {
    const members = MEMBERS[jwk.kty];

    if (!members || members.some((m) => typeof jwk[m] !== 'string')) {
        throw new Problem('badPublicKey', 'jwk has no known type or misses '
            + 'a member');
    }

    return crypto.createHash('sha256').update(JSON.stringify(
        Object.fromEntries(members.map((m) => [m, jwk[m]]))))
        .digest('base64url');
}


/* A key that may be an account key: { key, thumbprint, jwk }. */

function importJwk(jwk) {
    if (jwk === null || typeof jwk !== 'object') {
        throw malformed('jwk is not an object');
    }

    if (jwk.d !== undefined || jwk.kty === 'oct') {
        throw new Problem('badPublicKey', 'jwk is not a public key');
    }

    const print = thumbprint(jwk);
    let key;

    try {
        key = crypto.createPublicKey({ key: jwk, format: 'jwk' });

    } catch (e) {
        throw new Problem('badPublicKey', `jwk: ${e.message}`);
    }

    const fault = keyFault(key);

    if (fault) {
        throw new Problem('badPublicKey', fault);
    }

    return { key, thumbprint: print, jwk };
}


function checkKeyType(alg, key) {
    const a = checkAlg(alg);
    const ec = key.asymmetricKeyType === 'ec';
    const curve = ec && key.asymmetricKeyDetails.namedCurve;

    if ((a.kty === 'EC') !== ec
        || ec && curve !== (a.crv === 'P-256' ? 'prime256v1' : 'secp384r1'))
    {
        throw new Problem('badSignatureAlgorithm',
            `alg "${alg}" is not for this key`,
            { algorithms: Object.keys(ALGS) });
    }

    return a;
}


function verify(jws, key) {
    const a = checkKeyType(jws.head.alg, key);
    const ok = (!a.size || jws.signature.length === a.size)
        && crypto.verify(a.hash, Buffer.from(jws.signed),
            { key, dsaEncoding: 'ieee-p1363' }, jws.signature);

    if (!ok) {
        throw malformed(`signature of the ${jws.what} is not valid`);
    }
}


/* An external account binding, RFC 8555 s7.3.4; returns its kid. */

function verifyEab(binding, url, print, keys) {
    if (binding === null || typeof binding !== 'object') {
        throw malformed('externalAccountBinding is not a JWS');
    }

    const jws = parse(binding, 'externalAccountBinding');
    const { alg, kid, nonce, url: signedUrl } = jws.head;

    if (alg !== 'HS256') {
        throw new Problem('badSignatureAlgorithm', 'externalAccountBinding: '
            + `alg "${alg}" is not HS256`, { algorithms: ['HS256'] });
    }

    if (nonce !== undefined || signedUrl !== url || typeof kid !== 'string') {
        throw malformed('externalAccountBinding: has a nonce, another url, '
            + 'or no kid');
    }

    if (thumbprint(json(jws.payload, 'externalAccountBinding')) !== print) {
        throw malformed('externalAccountBinding: is for another key');
    }

    if (!Object.hasOwn(keys, kid)) {
        throw new Problem('unauthorized', `externalAccountBinding: kid `
            + `"${kid}" is not known`);
    }

    const mac = crypto.createHmac('sha256', Buffer.from(keys[kid],
        'base64url')).update(jws.signed).digest();

    if (mac.length !== jws.signature.length
        || !crypto.timingSafeEqual(mac, jws.signature))
    {
        throw new Problem('unauthorized', 'externalAccountBinding: MAC is '
            + 'not valid');
    }

    return kid;
}


module.exports = { parse, json, decode, checkAlg, importJwk, verify,
    verifyEab, thumbprint, ALGS };
