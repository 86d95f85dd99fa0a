'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * An ideal ACME client: asks for nothing twice, and waits as told.  Tests of
 * the fake CA use it, also to send what no good client would.
 */

const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const der = require('./der.js');
const x509 = require('./x509.js');
const { thumbprint } = require('./jws.js');

const ALGS = {
    ES256: ['ec', { namedCurve: 'P-256' }, 'sha256'],
    ES384: ['ec', { namedCurve: 'P-384' }, 'sha384'],
    ES512: ['ec', { namedCurve: 'P-521' }, 'sha512'],
    RS256: ['rsa', { modulusLength: 2048 }, 'sha256'],
    weak: ['rsa', { modulusLength: 1024 }, 'sha256'],
};


function b64(value) {
    return Buffer.from(typeof value === 'string' || Buffer.isBuffer(value)
        ? value : JSON.stringify(value)).toString('base64url');
}


function sleep(seconds) {
    return new Promise((done) => { setTimeout(done, seconds * 1e3); });
}


/* A CSR for names; of a new P-256 key if none is given. */

function csr(names, pair) {
    const { key, spki } = pair || x509.keyPair();
    const ids = names.map(identifier);
    const exts = der.seq(x509.ext(x509.OID.san, false,
        x509.subjectAltName(ids)));
    const info = der.seq(der.integer(0), x509.name(''), spki,
        der.explicit(0, der.seq(der.oid(x509.OID.extensionRequest),
            der.set(exts))));
    const sig = crypto.sign('sha256', info, key);

    return { key, der: der.seq(info, der.seq(der.oid(x509.OID.ecdsaSha256)),
        der.bits(sig)) };
}


function identifier(name) {
    return { type: /^[\d.]+$|:/.test(name) ? 'ip' : 'dns', value: name };
}


class Client {

    /* opts: directory (URL), alg, parallel, ca (PEM), timeout (ms) */

    constructor(opts) {
        this.opts = opts;
        this.secure = opts.directory.startsWith('https:');
        this.agent = new (this.secure ? https : http).Agent({
            keepAlive: true, maxSockets: opts.parallel || 8 });
        this.nonces = [];
        this.requests = 0;
        this.newKey(opts.alg);
    }

    newKey(alg, pem) {
        this.alg = alg || 'ES256';

        const [type, options] = ALGS[this.alg];

        this.key = pem ? crypto.createPrivateKey(pem)
            : crypto.generateKeyPairSync(type, options).privateKey;
        this.jwk = crypto.createPublicKey(this.key).export({ format: 'jwk' });
        this.kid = undefined;
    }

    /* { status, headers, body (text), json }; rejects if the network fails */

    request(method, url, body, headers) {
        this.requests++;

        return new Promise((resolve, reject) => {
            // the CA listens on 127.0.0.1, whatever "localhost" is first

            const req = (this.secure ? https : http).request(url, { method,
                family: 4, headers, agent: this.agent, ca: this.opts.ca,
                timeout: this.opts.timeout || 10000 }, (res) => {
                const chunks = [];

                res.on('data', (data) => { chunks.push(data); });
                res.on('error', reject);
                res.on('end', () => resolve(this.response(res,
                    Buffer.concat(chunks).toString())));
            });

            req.on('timeout', () => req.destroy(new Error('timed out')));
            req.on('error', reject);
            req.end(body);
        });
    }

    response(res, body) {
        let json;

        try {
            json = JSON.parse(body);

        } catch (e) {
            json = undefined;
        }

        if (res.headers['replay-nonce']) {
            this.nonces.push(res.headers['replay-nonce']);
        }

        return { status: res.statusCode, headers: res.headers, body, json };
    }

    async start() {
        if (!this.directory) {
            const res = await this.request('GET', this.opts.directory);
            this.directory = res.json;
        }

        return this.directory;
    }

    async nonce() {
        if (!this.nonces.length) {
            await this.request('HEAD', this.directory.newNonce);
        }

        return this.nonces.pop();
    }

    sign(head, payload, key) {
        const input = `${b64(head)}.${payload === null ? '' : b64(payload)}`;
        const hash = (ALGS[head.alg] || ALGS.ES256)[2];
        const [protect, text] = input.split('.');

        return { protected: protect, payload: text,
            signature: crypto.sign(hash, Buffer.from(input),
                { key: key || this.key, dsaEncoding: 'ieee-p1363' })
                .toString('base64url') };
    }

    /* opts: jwk (sign with the key itself), head (members of the protected
     * header), type, corrupt, members (of the JWS) */

    async post(url, payload, opts) {
        const o = opts || {};
        const who = o.jwk || !this.kid ? { jwk: this.jwk }
            : { kid: this.kid };
        const alg = this.alg === 'weak' ? 'RS256' : this.alg;
        const head = { alg, nonce: await this.nonce(), url, ...who,
            ...o.head };
        const jws = { ...this.sign(head, payload), ...o.members };

        if (o.corrupt) {
            jws.signature = (jws.signature[0] === 'A' ? 'B' : 'A')
                + jws.signature.slice(1);
        }

        return this.request('POST', url, o.body || JSON.stringify(jws),
            { 'Content-Type': o.type || 'application/jose+json' });
    }

    /* As post(), but a bad nonce is tried again, and a problem is thrown. */

    async ask(url, payload, opts) {
        for (let n = 0;; n++) {
            const res = await this.post(url, payload, opts);

            if (res.status < 400) {
                return res;
            }

            const type = res.json && res.json.type;

            if (n > 9 || !/:badNonce$/.test(type)) {
                throw new Error(`${url}: ${res.status} ${res.body}`);
            }
        }
    }

    async register(extra) {
        await this.start();

        const res = await this.ask(this.directory.newAccount,
            { termsOfServiceAgreed: true, ...extra }, { jwk: true });

        this.kid = res.headers.location;

        return res;
    }

    eab(kid, mac) {
        const head = b64({ alg: 'HS256', kid, url: this.directory.newAccount });
        const payload = b64(this.jwk);

        return { protected: head, payload,
            signature: crypto.createHmac('sha256', Buffer.from(mac,
                'base64url')).update(`${head}.${payload}`)
                .digest('base64url') };
    }

    /* The payload of a keyChange to a new key, which then is in use. */

    async changeKey(alg) {
        const old = this.jwk;
        const { key, kid, alg: oldAlg } = this;
        const url = this.directory.keyChange;

        this.newKey(alg);

        const fresh = { key: this.key, jwk: this.jwk, alg: this.alg, kid };
        const inner = this.sign({ alg: this.alg, jwk: this.jwk, url },
            { account: kid, oldKey: old });

        Object.assign(this, { key, jwk: old, kid, alg: oldAlg });

        const res = await this.post(url, inner);

        if (res.status === 200) {
            Object.assign(this, fresh);
        }

        return res;
    }

    thumbprint() {
        return thumbprint(this.jwk);
    }

    /* Polls until a status is none of those. */

    async poll(url, waiting) {
        for (let n = 0; n < 500; n++) {
            const res = await this.ask(url, null);

            if (!waiting.includes(res.json.status)) {
                return res;
            }

            const after = Number(res.headers['retry-after']);
            await sleep(after > 0 ? after : Math.min(1, 0.002 * 2 ** n));
        }

        throw new Error(`${url}: waited too long`);
    }

    async authorize(url, type) {
        const { json } = await this.ask(url, null);

        if (json.status !== 'pending') {
            return;
        }

        const c = json.challenges.find((one) => !type || one.type === type);

        if (this.responder) {
            this.responder.provide(json.identifier, c, this.thumbprint(),
                this.kid, json.wildcard);
        }

        await this.ask(c.url, {});
        const done = await this.poll(url, ['pending']);

        if (done.json.status !== 'valid') {
            throw new Error(`${url}: ${done.body}`);
        }
    }

    /* A whole order: { order, orderUrl, chain, alternates, key }. */

    async issue(names, opts) {
        const o = opts || {};
        const made = await this.ask(this.directory.newOrder, {
            identifiers: names.map(identifier), profile: o.profile,
            replaces: o.replaces });
        const url = made.headers.location;

        for (const authz of made.json.authorizations) {
            await this.authorize(authz, o.type);
        }

        const { key, der: request } = csr(names);
        let order = await this.ask(made.json.finalize, { csr: b64(request) });

        if (order.json.status !== 'valid') {
            order = await this.poll(url, ['processing']);
        }

        if (order.json.status !== 'valid') {
            throw new Error(`${url}: ${order.body}`);
        }

        const cert = await this.ask(order.json.certificate, null);

        return { order: order.json, orderUrl: url, chain: cert.body, key,
            link: cert.headers.link };
    }
}


module.exports = { Client, csr, b64, identifier };
