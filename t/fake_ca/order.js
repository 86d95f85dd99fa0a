'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * Orders, authorizations and challenges.
 */

const crypto = require('node:crypto');
const net = require('node:net');
const { ipCanonical } = require('./der.js');
const { Problem, fromRule } = require('./problem.js');
const validate = require('./validate.js');

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;


/* RFC 3339 without fractions of a second. */

function date(ms) {
    return new Date(ms).toISOString().replace(/\.\d+/, '');
}


function expiry(value, seconds) {
    const s = value === undefined ? seconds : value;

    return typeof s === 'number' ? Date.now() + s * 1e3 : s;
}


/* An expiry may be a text that a rule gave, then it never passes. */

function expires(value) {
    return typeof value === 'number' ? date(value) : value;
}


function passed(value) {
    return typeof value === 'number' && value <= Date.now();
}


function checkName(value) {
    const labels = value.replace(/^\*\./, '').split('.');

    if (value.length > 253 || labels.length < 2
        || labels.some((l) => !LABEL.test(l)))
    {
        throw new Problem('malformed', `"${value}" is not a domain name`);
    }

    if (/^\d+$/.test(labels[labels.length - 1])) {
        throw new Problem('rejectedIdentifier',
            `"${value}" has no public suffix`);
    }
}


function identifier(id) {
    if (id === null || typeof id !== 'object' || typeof id.type !== 'string'
        || typeof id.value !== 'string')
    {
        throw new Problem('malformed', 'identifier without type or value');
    }

    if (id.type === 'dns') {
        const value = id.value.toLowerCase();
        checkName(value);
        return { type: 'dns', value };
    }

    if (id.type !== 'ip') {
        throw new Problem('unsupportedIdentifier',
            `identifier type "${id.type}" is not supported`);
    }

    if (!net.isIP(id.value)) {
        throw new Problem('malformed', `"${id.value}" is not an IP address`);
    }

    return { type: 'ip', value: ipCanonical(id.value) };
}


function identifiers(payload, max) {
    const list = payload.identifiers;

    if (!Array.isArray(list) || !list.length || list.length > max) {
        throw new Problem('malformed', `identifiers: not 1 to ${max}`);
    }

    const unique = new Map();

    for (const one of list) {
        const id = identifier(one);
        unique.set(id.type + ':' + id.value, id);
    }

    return [...unique.values()];
}


function checkProfile(ctx, name) {
    const profiles = ctx.state.config.profiles || {};

    if (name !== undefined && (typeof name !== 'string'
        || !Object.hasOwn(profiles, name)))
    {
        throw new Problem('invalidProfile', `profile "${name}" is not offered`);
    }

    return name === undefined ? {} : profiles[name] || {};
}


/* RFC 9773 s5 */

function checkReplaces(ctx, id, names) {
    if (id === undefined) {
        return;
    }

    const cert = ctx.state.serials.get(id);

    if (!cert) {
        throw new Problem('malformed', `replaces: no certificate "${id}"`,
            { status: 404 });
    }

    if (cert.account !== ctx.account
        || !cert.names.some((a) => names.some((b) => a.value === b.value)))
    {
        throw new Problem('unauthorized', 'replaces: certificate of another '
            + 'account or of other names');
    }

    const other = cert.replacedBy;

    if (other && settle(ctx.state, other).status !== 'invalid') {
        throw new Problem('alreadyReplaced',
            'replaces: another order replaces this certificate');
    }

    return cert;
}


function newOrder(ctx) {
    const { state, payload, account } = ctx;
    const profile = checkProfile(ctx, payload.profile);
    const names = identifiers(payload, profile.maxNames
        || state.config.maxNames);

    if (payload.notBefore !== undefined || payload.notAfter !== undefined) {
        throw new Problem('malformed', 'notBefore and notAfter are not '
            + 'supported');
    }

    const replaced = checkReplaces(ctx, payload.replaces, names);
    const order = {
        id: state.id(), account, status: 'pending', identifiers: names,
        profile: payload.profile, replaces: payload.replaces,
        expires: expiry(ctx.action.orderExpires, state.config.orderLife),
        authzs: names.map((id) => authorize(ctx, id)), created: Date.now(),
    };

    if (replaced) {
        replaced.replacedBy = order;
    }

    state.orders.set(order.id, order);
    account.orders.push(order.id);
    state.stats.add(state.stats.ordersPerSet, setOf(names));
    settle(state, order);

    return { status: 201, body: view(ctx, order),
        headers: { Location: `${ctx.base}/acme/order/${order.id}` } };
}


function setOf(names) {
    return names.map((n) => n.value).sort().join(',');
}


function challengeTypes(config, id, wildcard) {
    if (wildcard) {
        return config.challengeTypes.filter((t) => t.startsWith('dns-'));
    }

    return id.type === 'ip'
        ? config.challengeTypes.filter((t) => !t.startsWith('dns-'))
        : config.challengeTypes;
}


function reuseKey(account, id) {
    return `${account.id} ${id.type} ${id.value}`;
}


/* A valid authorization of before, or a new one. */

function authorize(ctx, id) {
    const { state, account } = ctx;
    const old = state.reusable.get(reuseKey(account, id));

    if (old && settleAuthz(old).status === 'valid'
        && state.chance(state.config.authzReusePercent))
    {
        return old;
    }

    const wildcard = id.value.startsWith('*.');
    const authz = {
        id: state.id(), account, status: 'pending', name: id.value, wildcard,
        identifier: { type: id.type, value: id.value.replace(/^\*\./, '') },
        expires: expiry(ctx.action.authzExpires, state.config.orderLife),
        reuseKey: reuseKey(account, id), challenges: [],
    };

    for (const type of challengeTypes(state.config, id, wildcard)) {
        addChallenge(state, authz, type);
    }

    applyAction(state, authz, ctx);
    state.authzs.set(authz.id, authz);

    return authz;
}


function addChallenge(state, authz, type) {
    const challenge = { id: state.id(), authz, type, status: 'pending',
        token: crypto.randomBytes(24).toString('base64url') };

    authz.challenges.push(challenge);
    state.challenges.set(challenge.id, challenge);
}


/* What a rule of newOrder or of the authorization changes in it for good. */

function applyAction(state, authz, ctx) {
    const { challengeTypes: types, token } = ctx.action;

    if (ctx.ruleName && ctx.ruleName !== authz.name) {
        return;
    }

    if (types && authz.status === 'pending') {
        authz.challenges = authz.challenges.filter((c) =>
            types.includes(c.type));

        for (const type of types) {
            if (!authz.challenges.some((c) => c.type === type)) {
                addChallenge(state, authz, type);
            }
        }
    }

    if (token !== undefined) {
        authz.challenges.forEach((c) => { c.token = token; });
    }
}


function settleAuthz(authz) {
    if ((authz.status === 'pending' || authz.status === 'valid')
        && passed(authz.expires))
    {
        authz.status = authz.status === 'pending' ? 'invalid' : 'expired';
    }

    return authz;
}


/* Moves an order along RFC 8555 s7.1.6 as far as it goes by now. */

function settle(state, order) {
    if (order.status !== 'pending' && order.status !== 'ready') {
        return order;
    }

    const authzs = order.authzs.map(settleAuthz);
    const bad = authzs.find((a) => !['pending', 'valid'].includes(a.status));

    if (bad || passed(order.expires)) {
        order.status = 'invalid';
        order.error = bad ? orderError(authzs, bad)
            : new Problem('malformed', 'order expired').body();

    } else if (authzs.every((a) => a.status === 'valid')) {
        order.status = 'ready';
    }

    return order;
}


/* One failed name: its problem; more of them: a compound (s6.7.1). */

function orderError(authzs, bad) {
    const errors = authzs.map((a) => [a, a.challenges.find((c) => c.error)])
        .filter(([, c]) => c);

    if (errors.length < 2) {
        return errors.length ? errors[0][1].error
            : new Problem('unauthorized', `authorization of "${bad.name}" is `
                + bad.status).body();
    }

    return new Problem('compound', `${errors.length} names failed`, {
        subproblems: errors.map(([a, c]) => ({ ...c.error,
            identifier: a.identifier })) }).body();
}


function view(ctx, order) {
    const own = `${ctx.base}/acme/order/${order.id}`;

    return {
        status: order.status, expires: expires(order.expires),
        identifiers: order.identifiers, profile: order.profile,
        replaces: order.replaces, error: order.error,
        authorizations: order.authzs.map((a) =>
            `${ctx.base}/acme/authz/${a.id}`),
        finalize: own.replace('/order/', '/finalize/'),
        certificate: order.status === 'valid'
            ? `${ctx.base}/acme/cert/${order.certId}` : undefined,
    };
}


function find(ctx, map, what) {
    const object = map.get(ctx.id);

    if (!object) {
        throw new Problem('malformed', `no such ${what}`, { status: 404 });
    }

    if (object.account !== ctx.account) {
        throw new Problem('unauthorized', `not your ${what}`);
    }

    return object;
}


function retryAfter(ctx, kind, waiting) {
    const value = (ctx.state.config.retryAfter || {})[kind];

    return waiting && value !== undefined && value !== null
        ? { 'Retry-After': String(value) } : {};
}


function order(ctx) {
    const found = settle(ctx.state, find(ctx, ctx.state.orders, 'order'));
    const waiting = found.status === 'processing'
        || found.status === 'pending';

    return { status: 200, body: view(ctx, found),
        headers: retryAfter(ctx, 'order', waiting) };
}


function challengeView(ctx, c) {
    const body = { type: c.type, status: c.status,
        url: `${ctx.base}/acme/chall/${c.id}`, validated: c.validated,
        error: c.error };

    if (c.type === 'dns-persist-01') {
        body.accounturi = `${ctx.base}/acme/acct/${c.authz.account.id}`;
        body['issuer-domain-names'] = ctx.state.config.caaIdentities;

    } else {
        body.token = c.token;
    }

    return body;
}


function authzView(ctx, a) {
    return { identifier: a.identifier, status: a.status,
        expires: expires(a.expires), wildcard: a.wildcard || undefined,
        challenges: a.challenges.map((c) => challengeView(ctx, c)) };
}


function authz(ctx) {
    const found = settleAuthz(find(ctx, ctx.state.authzs, 'authorization'));

    applyAction(ctx.state, found, ctx);

    if (ctx.payload) {
        if (ctx.payload.status !== 'deactivated') {
            throw new Problem('malformed', 'status may only be "deactivated"');
        }

        if (['pending', 'valid'].includes(found.status)) {
            found.status = 'deactivated';
        }
    }

    return { status: 200, body: authzView(ctx, found),
        headers: retryAfter(ctx, 'authz', found.status === 'pending') };
}


/* RFC 8555 s7.4.1 */

function newAuthz(ctx) {
    const id = identifier(ctx.payload.identifier);

    if (id.value.startsWith('*.')) {
        throw new Problem('malformed', 'no wildcard in a pre-authorization');
    }

    const made = authorize(ctx, id);

    return { status: 201, body: authzView(ctx, made),
        headers: { Location: `${ctx.base}/acme/authz/${made.id}` } };
}


function challenge(ctx) {
    const { state, payload } = ctx;
    const found = state.challenges.get(ctx.id);

    if (!found) {
        throw new Problem('malformed', 'no such challenge', { status: 404 });
    }

    if (found.authz.account !== ctx.account) {
        throw new Problem('unauthorized', 'not your challenge');
    }

    if (payload && payload.keyAuthorization !== undefined) {
        throw new Problem('malformed', 'keyAuthorization is of another ACME');
    }

    settleAuthz(found.authz);

    if (payload && found.status === 'pending'
        && found.authz.status === 'pending')
    {
        found.status = 'processing';
        start(ctx, found);
    }

    return { status: 200, body: challengeView(ctx, found), headers: {
        Link: [`<${ctx.base}/acme/authz/${found.authz.id}>;rel="up"`],
        ...retryAfter(ctx, 'challenge', found.status === 'processing') } };
}


/* Validation goes on after the answer. */

function start(ctx, c) {
    const { state, base, account } = ctx;
    const { validationDelay } = state.config;
    const job = { config: state.config, type: c.type, token: c.token,
        identifier: c.authz.identifier, wildcard: c.authz.wildcard,
        accountUrl: `${base}/acme/acct/${account.id}`,
        keyAuth: `${c.token}.${account.thumbprint}` };
    const failure = ctx.action.authzError;

    const go = async () => {
        let error;

        try {
            if (failure) {
                throw fromRule(failure);
            }

            await validate.run(job);

        } catch (e) {
            error = e instanceof Problem ? e
                : new Problem('serverInternal', String(e.stack));
        }

        finish(state, c, error);
    };

    if (validationDelay > 0) {
        setTimeout(go, validationDelay * 1e3);

    } else {
        setImmediate(go);
    }
}


function finish(state, c, error) {
    const { authz: a } = c;

    if (a.status !== 'pending') {
        return;
    }

    c.validated = date(Date.now());

    if (error) {
        c.status = 'invalid';
        c.error = error.body();
        a.status = 'invalid';
        state.stats.failed(a.name);
        state.stats.add(state.stats.problems, 'authz ' + error.type);
        return;
    }

    c.status = 'valid';
    a.status = 'valid';
    a.expires = Date.now() + state.config.authzLife * 1e3;
    a.challenges = [c];
    state.reusable.set(a.reuseKey, a);
    state.stats.add(state.stats.name(a.name), 'validated');
}


module.exports = { newOrder, order, authz, newAuthz, challenge, view, find,
    settle, setOf, date, retryAfter };
