'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * Finalization, certificates and their chains, revocation, renewal
 * information.
 */

const crypto = require('node:crypto');
const jws = require('./jws.js');
const x509 = require('./x509.js');
const { Problem, fromRule } = require('./problem.js');
const { find, settle, setOf, view, date, retryAfter } = require('./order.js');

const REISSUED = ['otherkey', 'missingsan', 'extrasan', 'expired', 'future',
    'selfsigned', 'longlife', 'clientonly'];


function badCsr(why) {
    return new Problem('badCSR', `CSR: ${why}`);
}


function readCsr(text) {
    const der = jws.decode(text, 'csr');

    try {
        return x509.parseCsr(der);

    } catch (e) {
        throw badCsr(e.message);
    }
}


/* RFC 8555 s7.4: the CSR names exactly what the order does. */

function checkCsr(csr, order) {
    const fault = x509.keyFault(csr.key);

    if (fault) {
        throw badCsr(fault);
    }

    if (csr.key.equals(order.account.key)) {
        throw badCsr('has the key of the account');
    }

    const keys = (list) => list.map((n) => `${n.type}:${n.value.toLowerCase()}`)
        .sort().join(' ');
    const cn = csr.cn.filter((c) => !csr.names.some((n) =>
        n.value === c.toLowerCase()));
    const asked = keys([...csr.names,
        ...cn.map((value) => ({ type: 'dns', value }))]);

    if (asked !== keys(order.identifiers)) {
        throw badCsr(`names are ${asked}, not ${keys(order.identifiers)}`);
    }
}


function finalize(ctx) {
    const { state, action } = ctx;
    const order = settle(state, find(ctx, state.orders, 'order'));

    if (order.status !== 'ready') {
        throw new Problem('orderNotReady', `order is ${order.status}`);
    }

    const csr = readCsr(ctx.payload.csr);
    const { finalizeDelay } = state.config;

    checkCsr(csr, order);
    order.spki = csr.spki;
    order.certFault = action.cert;
    order.failure = action.orderError;

    if (finalizeDelay > 0 || order.failure) {
        order.status = 'processing';
        setTimeout(() => issue(state, order), finalizeDelay * 1e3);

    } else {
        issue(state, order);
    }

    return { status: 200, body: view(ctx, order), headers: {
        Location: `${ctx.base}/acme/order/${order.id}`,
        ...retryAfter(ctx, 'order', order.status === 'processing') } };
}


function options(state, order) {
    const profile = (state.config.profiles || {})[order.profile];

    return { ...state.config, ...profile };
}


/* Ends an order; settings may be such that no certificate can be made. */

function issue(state, order) {
    try {
        if (order.failure) {
            throw fromRule(order.failure);
        }

        make(state, order);

    } catch (e) {
        const problem = e instanceof Problem ? e
            : new Problem('serverInternal', String(e.stack));

        order.status = 'invalid';
        order.error = problem.body();
        state.stats.add(state.stats.problems, 'order ' + problem.type);
    }
}


function make(state, order) {
    const made = state.ca.issue(order.spki, order.identifiers,
        options(state, order));
    const cert = { id: state.id(), order, account: order.account, ...made };

    cert.ariId = `${made.aki.toString('base64url')}.`
        + made.serial.toString('base64url');
    order.status = 'valid';
    order.certId = cert.id;
    state.certs.set(cert.id, cert);
    state.serials.set(cert.ariId, cert);
    count(state.stats, order);
}


function count(stats, order) {
    stats.certificates++;
    stats.add(stats.certificatesPerSet, setOf(order.identifiers));

    for (const n of order.identifiers) {
        stats.add(stats.name(n.value), 'certificates');
    }
}


/* The PEM text of a chain, or what a rule makes of it. */

function chain(ctx, cert, n, fault) {
    const { ca } = ctx.state;
    const int = ca.ints[n];
    let made = cert;

    if (REISSUED.includes(fault)) {
        made = ca.issue(cert.order.spki, cert.names,
            options(ctx.state, cert.order), fault);
    }

    const leaf = x509.pem(made.der);

    switch (fault) {
    case 'html':
        return '<!doctype html><title>Login</title>\n';
    case 'empty':
        return '';
    case 'garbage':
        return x509.pem(crypto.randomBytes(700));
    case 'reorder':
        return int + leaf;
    case 'leafonly':
        return leaf;
    case 'toolong':
        return leaf + int.repeat(2000);
    case 'crlf':
        return (leaf + int).replace(/\n/g, '\r\n');
    default:
        return leaf + int;
    }
}


function certificate(ctx) {
    const cert = find(ctx, ctx.state.certs, 'certificate');
    const n = ctx.endpoint === 'alternate' ? 1 : 0;
    const url = `${ctx.base}/acme/cert/${cert.id}`;
    const fault = ctx.action.cert || cert.order.certFault;
    const headers = { 'Content-Type': fault === 'html' ? 'text/html'
        : 'application/pem-certificate-chain' };

    if (ctx.state.config.alternate) {
        headers.Link = [`<${n ? url : url + '/1'}>;rel="alternate"`];
    }

    return { status: 200, headers, body: chain(ctx, cert, n, fault) };
}


/* The account that got it, one with all names, or the certificate's key. */

function mayRevoke(ctx, cert) {
    if (!ctx.account) {
        const leaf = new crypto.X509Certificate(cert.der);

        return leaf.publicKey.equals(ctx.key.key);
    }

    const now = Date.now();

    return cert.account === ctx.account || cert.names.every((n) => {
        const authz = ctx.state.reusable.get(
            `${ctx.account.id} ${n.type} ${n.value}`);

        return authz && authz.status === 'valid' && authz.expires > now;
    });
}


function findDer(state, der) {
    let leaf;

    try {
        leaf = new crypto.X509Certificate(der);

    } catch (e) {
        throw new Problem('malformed', 'certificate does not parse');
    }

    const serial = Buffer.from(leaf.serialNumber, 'hex').toString('base64url');
    const cert = state.serials.get(state.ca.keyId.toString('base64url') + '.'
        + serial);

    if (!cert || !cert.der.equals(der)) {
        throw new Problem('malformed', 'certificate is not of this CA',
            { status: 404 });
    }

    return cert;
}


function revokeCert(ctx) {
    const { state, payload } = ctx;
    const reason = payload.reason === undefined ? 0 : payload.reason;
    const cert = findDer(state, jws.decode(payload.certificate,
        'certificate'));

    ctx.names = cert.names.map((n) => n.value);

    if (!state.config.revocationReasons.includes(reason)) {
        throw new Problem('badRevocationReason',
            `reason ${reason} is not allowed`);
    }

    if (!mayRevoke(ctx, cert)) {
        throw new Problem('unauthorized', 'may not revoke this certificate');
    }

    if (cert.revoked) {
        throw new Problem('alreadyRevoked', 'certificate is revoked');
    }

    cert.revoked = { at: Date.now(), reason };

    return { status: 200, headers: {}, body: '' };
}


/*
 * start and end are times (RFC 3339 or ms), or seconds from now, or fractions
 * of the life.
 */

function ariWindow(cert, w) {
    if (w.start !== undefined) {
        const text = (t) => typeof t === 'number' ? date(t) : t;

        return { start: text(w.start), end: text(w.end) };
    }

    if (w.startIn !== undefined) {
        const now = Date.now();

        return { start: date(now + w.startIn * 1e3),
            end: date(now + w.endIn * 1e3) };
    }

    const at = (frac) => date(cert.from + frac * (cert.to - cert.from));

    return { start: at(w.startFrac), end: at(w.endFrac) };
}


function renewalInfo(ctx) {
    const { config, serials } = ctx.state;
    const id = ctx.id || '';

    if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(id)) {
        throw new Problem('malformed', `"${id}" is no certificate id`);
    }

    const cert = serials.get(id);

    if (!cert || !config.renewalInfo) {
        throw new Problem('malformed', 'no such certificate', { status: 404 });
    }

    const named = cert.names.find((n) => config.ariWindows[n.value]);
    let window = ctx.action.ariWindow || config.ariWindows[id]
        || (named && config.ariWindows[named.value]) || config.ariWindow;

    if (cert.revoked) {
        window = { start: cert.revoked.at - 7200e3,
            end: cert.revoked.at - 3600e3 };
    }

    const body = { suggestedWindow: ariWindow(cert, window) };
    const headers = {};

    if (config.ariExplanation) {
        body.explanationURL = config.ariExplanation;
    }

    if (config.ariRetryAfter !== false) {
        headers['Retry-After'] = String(config.ariRetryAfter);
    }

    return { status: 200, headers, body };
}


module.exports = { finalize, certificate, revokeCert, renewalInfo };
