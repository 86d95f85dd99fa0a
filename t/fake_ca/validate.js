'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * Validation of challenges as a CA does it, except that all names are at one
 * address and port for each method, and one DNS server knows all records.
 */

const crypto = require('node:crypto');
const dns = require('node:dns');
const http = require('node:http');
const https = require('node:https');
const tls = require('node:tls');
const der = require('./der.js');
const { ipBytes } = der;
const { Problem } = require('./problem.js');
const { OID } = require('./x509.js');

const MAX_BODY = 65536;
const MAX_REDIRECTS = 10;


function sha256(text) {
    return crypto.createHash('sha256').update(text).digest();
}


/* One GET of a URL at the configured address; the body and its status. */

function get(job, url) {
    const { config } = job;
    const secure = url.protocol === 'https:';

    return new Promise((resolve, reject) => {
        const req = (secure ? https : http).request({
            host: secure ? config.tlsAddress : config.httpAddress,
            port: secure ? config.tlsPort : config.httpPort,
            path: url.pathname + url.search, agent: false,
            headers: { Host: url.host, 'User-Agent': 'fake-ca' },
            rejectUnauthorized: false,
            servername: secure ? url.hostname : undefined,
            timeout: config.validationTimeout * 1e3,
        }, (res) => {
            let body = '';

            res.on('data', (data) => {
                body += data;

                if (body.length > MAX_BODY) {
                    req.destroy(new Error('body is too long'));
                }
            });
            res.on('end', () => resolve({ status: res.statusCode, body,
                location: res.headers.location }));
            res.on('error', reject);
        });

        req.on('timeout', () => req.destroy(new Error('timed out')));
        req.on('error', reject);
        req.end();
    });
}


async function fetchToken(job) {
    const { identifier: { value }, token } = job;
    const host = value.includes(':') ? `[${value}]` : value;
    let url = new URL(`http://${host}/.well-known/acme-challenge/${token}`);

    for (let n = 0; n <= MAX_REDIRECTS; n++) {
        const res = await get(job, url);

        if (res.status < 300 || res.status > 399 || !res.location) {
            return { ...res, url };
        }

        url = new URL(res.location, url);
    }

    throw new Error('too many redirects');
}


async function http01(job) {
    let res;

    try {
        res = await fetchToken(job);

    } catch (e) {
        throw new Problem('connection', `http-01: ${e.message}`);
    }

    if (res.status !== 200) {
        throw new Problem('unauthorized',
            `http-01: ${res.url} answered ${res.status}`);
    }

    if (res.body.trimEnd() !== job.keyAuth) {
        throw new Problem('incorrectResponse',
            `http-01: ${res.url} has another key authorization`);
    }
}


/* The name of an address in SNI, RFC 8738 s6. */

function arpa(ip) {
    const bytes = [...ipBytes(ip)].reverse();

    if (bytes.length === 4) {
        return bytes.join('.') + '.in-addr.arpa';
    }

    return bytes.map((b) => `${(b & 15).toString(16)}.${(b >> 4).toString(16)}`)
        .join('.') + '.ip6.arpa';
}


function handshake(job, servername) {
    const { config } = job;

    return new Promise((resolve, reject) => {
        const socket = tls.connect({ host: config.tlsAddress,
            port: config.tlsPort, servername, rejectUnauthorized: false,
            ALPNProtocols: ['acme-tls/1'], minVersion: 'TLSv1.2' });

        socket.setTimeout(config.validationTimeout * 1e3, () =>
            socket.destroy(new Error('timed out')));
        socket.on('error', reject);
        socket.on('secureConnect', () => {
            const cert = socket.getPeerCertificate();

            resolve({ alpn: socket.alpnProtocol, raw: cert && cert.raw });
            socket.end();
        });
    });
}


/* RFC 8737 s3: self-signed, one name, acmeIdentifier critical. */

function checkAlpnCert(raw, job) {
    const tbs = der.children(der.children(der.parse(raw))[0]);
    const exts = der.extensions(der.children(tbs.find((n) =>
        n.tag === 0xa3))[0]);
    const san = exts.get(OID.san);
    const id = exts.get(OID.alpn);
    const names = san ? der.altNames(san.value) : [];
    const { type, value } = job.identifier;

    if (names.length !== 1 || names[0].type !== type
        || names[0].value.toLowerCase() !== value)
    {
        throw new Error('certificate has not exactly the name');
    }

    if (!id || !id.critical) {
        throw new Error('no critical acmeIdentifier');
    }

    const hash = der.parse(id.value, 4).body;

    if (!hash.equals(sha256(job.keyAuth))) {
        throw new Error('acmeIdentifier is of another key authorization');
    }
}


async function tlsAlpn01(job) {
    const { type, value } = job.identifier;
    const name = type === 'ip' ? arpa(value) : value;
    let peer;

    try {
        peer = await handshake(job, name);

    } catch (e) {
        const kind = e.syscall || e.message === 'timed out' ? 'connection'
            : 'tls';

        throw new Problem(kind, `tls-alpn-01: ${e.message}`);
    }

    if (peer.alpn !== 'acme-tls/1' || !peer.raw) {
        throw new Problem('tls', 'tls-alpn-01: acme-tls/1 not negotiated');
    }

    try {
        checkAlpnCert(peer.raw, job);

    } catch (e) {
        throw new Problem('incorrectResponse', `tls-alpn-01: ${e.message}`);
    }
}


function resolver(config) {
    const r = new dns.promises.Resolver({ tries: 2,
        timeout: config.validationTimeout * 500 });

    r.setServers(config.dnsServers);

    return r;
}


async function txt(job, name) {
    try {
        const records = await resolver(job.config).resolveTxt(name);

        return records.map((strings) => strings.join(''));

    } catch (e) {
        if (e.code === 'ENODATA') {
            return [];
        }

        throw new Problem('dns', `TXT ${name}: ${e.code || e.message}`);
    }
}


async function checkTxt(job, name) {
    const wanted = sha256(job.keyAuth).toString('base64url');
    const records = await txt(job, name);

    if (!records.includes(wanted)) {
        throw new Problem(records.length ? 'incorrectResponse' : 'unauthorized',
            `TXT ${name}: ${records.length} records, none is "${wanted}"`);
    }
}


function base32(buf) {
    const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
    let bits = '';

    for (const b of buf) {
        bits += b.toString(2).padStart(8, '0');
    }

    return bits.match(/.{5}/g).map((b) => alphabet[parseInt(b, 2)]).join('');
}


function accountLabel(url) {
    return '_' + base32(sha256(url).subarray(0, 10));
}


/* An issue-value of RFC 8659 s4.2: the domain, and parameters. */

function issueValue(text) {
    const [domain, ...rest] = text.split(';').map((s) => s.trim());
    const params = Object.fromEntries(rest.filter(Boolean).map((p) => {
        const at = p.indexOf('=');
        return [p.slice(0, at).trim().toLowerCase(), p.slice(at + 1).trim()];
    }));

    return { domain: domain.toLowerCase(), params };
}


async function dnsPersist(job) {
    const name = '_validation-persist.' + job.identifier.value;
    const records = await txt(job, name);
    const now = Date.now() / 1e3;

    const good = records.map(issueValue).some(({ domain, params }) =>
        job.config.caaIdentities.includes(domain)
            && params.accounturi === job.accountUrl
            && (!params.persistuntil || Number(params.persistuntil) > now)
            && (!job.wildcard || /^wildcard$/i.test(params.policy || '')));

    if (!good) {
        throw new Problem('unauthorized', `TXT ${name}: ${records.length} `
            + 'records, none is for this CA and account');
    }
}


/* RFC 8659 s3: the records of the name or of the nearest parent. */

async function caaRecords(r, name) {
    for (let at = name; at.includes('.'); at = at.replace(/^[^.]*\./, '')) {
        try {
            const records = await r.resolveCaa(at);

            if (records.length) {
                return records;
            }

        } catch (e) {
            if (e.code !== 'ENODATA' && e.code !== 'ENOTFOUND') {
                throw new Problem('dns', `CAA ${at}: ${e.code || e.message}`);
            }
        }
    }

    return [];
}


async function checkCaa(job) {
    const records = await caaRecords(resolver(job.config),
        job.identifier.value);
    const of = (tag) => records.filter((r) => r[tag] !== undefined)
        .map((r) => issueValue(r[tag]));
    const wild = job.wildcard ? of('issuewild') : [];
    const list = wild.length ? wild : of('issue');

    const good = !list.length || list.some(({ domain, params }) =>
        job.config.caaIdentities.includes(domain)
            && (!params.accounturi || params.accounturi === job.accountUrl)
            && (!params.validationmethods
                || params.validationmethods.split(',').includes(job.type)));

    if (!good) {
        throw new Problem('caa', `CAA of ${job.identifier.value} forbids `
            + 'this CA');
    }
}


const METHODS = {
    'http-01': http01,
    'tls-alpn-01': tlsAlpn01,
    'dns-01': (job) => checkTxt(job,
        `_acme-challenge.${job.identifier.value}`),
    'dns-account-01': (job) => checkTxt(job, `${accountLabel(job.accountUrl)}.`
        + `_acme-challenge.${job.identifier.value}`),
    'dns-persist-01': dnsPersist,
};


/* Resolves if the challenge is met, rejects with a Problem if not. */

async function run(job) {
    const { validation, checkCaa: caa } = job.config;

    if (validation === 'never') {
        throw new Problem('unauthorized', 'no challenge is ever met here');
    }

    if (validation === 'always') {
        return;
    }

    if (!METHODS[job.type]) {
        throw new Problem('serverInternal', `no validation of ${job.type}`);
    }

    await METHODS[job.type](job);

    if (caa && job.identifier.type === 'dns') {
        await checkCaa(job);
    }
}


module.exports = { run, accountLabel, arpa };
