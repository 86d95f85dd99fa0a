'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * What a validating CA looks at, all of it right: a web server for http-01, a
 * TLS server for tls-alpn-01, a DNS server for the TXT and CAA records.
 * Knows the tokens that it is given.
 */

const crypto = require('node:crypto');
const dgram = require('node:dgram');
const http = require('node:http');
const tls = require('node:tls');
const der = require('./der.js');
const x509 = require('./x509.js');
const { accountLabel, arpa } = require('./validate.js');

const TYPES = { 16: 'TXT', 257: 'CAA' };


function sha256(text) {
    return crypto.createHash('sha256').update(text).digest();
}


/* RFC 8737 s3 */

function alpnContext(id, keyAuth) {
    const pair = x509.keyPair();
    const now = Date.now();
    const cert = x509.sign({ serial: Buffer.from([1]), key: pair.key,
        issuer: x509.name('challenge'), subject: x509.name('challenge'),
        from: now - 3600e3, to: now + 3600e3, spki: pair.spki, exts: [
            x509.ext(x509.OID.san, false, x509.subjectAltName([id])),
            x509.ext(x509.OID.alpn, true, der.octets(sha256(keyAuth))),
        ] });

    return tls.createSecureContext({ cert: x509.pem(cert),
        key: pair.key.export({ type: 'pkcs8', format: 'pem' }) });
}


/* Labels of a name in a DNS question; where its type is. */

function question(msg) {
    const labels = [];
    let at = 12;

    for (; msg[at]; at += 1 + msg[at]) {
        labels.push(msg.toString('latin1', at + 1, at + 1 + msg[at]));
    }

    return { name: labels.join('.').toLowerCase(), end: at + 5,
        type: TYPES[msg.readUInt16BE(at + 1)] };
}


function record(type, text) {
    const value = Buffer.from(text);
    const data = type === 'CAA'
        ? Buffer.concat([Buffer.from('\0\x05issue'), value])
        : Buffer.concat([Buffer.from([value.length]), value]);
    const head = Buffer.from([0xc0, 12, type === 'CAA' ? 1 : 0,
        type === 'CAA' ? 1 : 16, 0, 1, 0, 0, 0, 0, 0, data.length]);

    return Buffer.concat([head, data]);
}


class Responder {

    constructor() {
        this.tokens = new Map();
        this.contexts = new Map();
        this.records = new Map();
        this.http = http.createServer((req, res) => this.answer(req, res));
        this.tls = tls.createServer({ ALPNProtocols: ['acme-tls/1'],
            SNICallback: (name, done) => done(null, this.contexts.get(name)),
        }, (socket) => socket.end());
        this.tls.on('tlsClientError', () => {});
        this.dns = dgram.createSocket('udp4');
        this.dns.on('message', (msg, peer) => this.query(msg, peer));
    }

    /* Starts; the settings that make a fake CA ask here. */

    async listen() {
        const wait = (listen) => new Promise(listen);

        await wait((done) => this.http.listen(0, '127.0.0.1', done));
        await wait((done) => this.tls.listen(0, '127.0.0.1', done));
        await wait((done) => this.dns.bind(0, '127.0.0.1', done));

        return { validation: 'real', httpPort: this.http.address().port,
            tlsPort: this.tls.address().port,
            dnsServers: ['127.0.0.1:' + this.dns.address().port] };
    }

    close() {
        this.http.close();
        this.tls.close();
        this.dns.close();
    }

    /* Meets one challenge, whatever its type is. */

    provide(identifier, challenge, print, account, wildcard) {
        const { type, token } = challenge;
        const keyAuth = `${token}.${print}`;
        const name = identifier.value;
        const value = sha256(keyAuth).toString('base64url');

        if (type === 'http-01') {
            this.tokens.set(token, keyAuth);

        } else if (type === 'tls-alpn-01') {
            this.contexts.set(identifier.type === 'ip' ? arpa(name) : name,
                alpnContext(identifier, keyAuth));

        } else if (type === 'dns-01') {
            this.add('TXT', `_acme-challenge.${name}`, value);

        } else if (type === 'dns-account-01') {
            this.add('TXT', `${accountLabel(account)}._acme-challenge.${name}`,
                value);

        } else {
            this.add('TXT', `_validation-persist.${name}`,
                `${challenge['issuer-domain-names'][0]}; accounturi=`
                + challenge.accounturi
                + (wildcard ? '; policy=wildcard' : ''));
        }
    }

    add(type, name, value) {
        const key = `${type} ${name}`;

        this.records.set(key, [...this.records.get(key) || [], value]);
    }

    answer(req, res) {
        const token = req.url.replace('/.well-known/acme-challenge/', '');
        const text = this.tokens.get(token);

        res.writeHead(text ? 200 : 404);
        res.end(text || 'none\n');
    }

    query(msg, peer) {
        const { name, type, end } = question(msg);
        const values = this.records.get(`${type} ${name}`) || [];
        const head = Buffer.alloc(12);

        msg.copy(head, 0, 0, 2);
        head.writeUInt16BE(0x8580, 2);
        head.writeUInt16BE(1, 4);
        head.writeUInt16BE(values.length, 6);

        this.dns.send(Buffer.concat([head, msg.subarray(12, end),
            ...values.map((v) => record(type, v))]), peer.port, peer.address);
    }
}


module.exports = { Responder };
