'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * /_fake/: rules, configuration, statistics.  See the README.
 */

const rules = require('./rules.js');
const { Stats } = require('./state.js');


function reply(ctx, status, body, type) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);

    ctx.res.writeHead(status, { 'Content-Type': type || 'application/json',
        'Content-Length': Buffer.byteLength(text) });
    ctx.res.end(text);
}


function accounts(state) {
    return [...state.accounts.values()].map((a) => ({ id: a.id,
        status: a.status, contact: a.contact, thumbprint: a.thumbprint,
        eabKid: a.eabKid, orders: a.orders.length, created: a.created }));
}


function orders(state) {
    return [...state.orders.values()].map((o) => ({ id: o.id,
        account: o.account.id, status: o.status, profile: o.profile,
        replaces: o.replaces, names: o.identifiers.map((n) => n.value),
        created: o.created, certificate: o.certId, error: o.error }));
}


function certificates(state) {
    return [...state.certs.values()].map((c) => ({ id: c.id,
        account: c.account.id, order: c.order.id, ariId: c.ariId,
        serial: c.serial.toString('hex'), names: c.names.map((n) => n.value),
        from: c.from, to: c.to, revoked: c.revoked,
        replacedBy: c.replacedBy && c.replacedBy.id }));
}


/* Lists can be long: "?brief" is without them. */

function stats(ctx) {
    const { state } = ctx;
    const { log, certificates: issued, ...rest } = state.stats;
    const body = { ...rest, issued, now: Date.now(),
        cpu: process.cpuUsage(), rss: process.memoryUsage.rss(),
        counts: { accounts: state.accounts.size, orders: state.orders.size,
            certificates: state.certs.size, nonces: state.nonces.size } };

    if (!ctx.query.has('brief')) {
        Object.assign(body, { accounts: accounts(state), log,
            orders: orders(state), certificates: certificates(state) });
    }

    return body;
}


function addRules(ctx, body) {
    const value = JSON.parse(body);
    const list = Array.isArray(value) ? value : [value];

    return { ids: list.map((rule) => rules.add(ctx.state, rule)) };
}


function dropRules(ctx) {
    const id = ctx.path.split('/')[3];

    ctx.state.rules = id ? ctx.state.rules.filter((r) => r.id !== id) : [];

    return {};
}


const CALLS = {
    'POST rules': addRules,
    'GET rules': (ctx) => ctx.state.rules,
    'DELETE rules': dropRules,
    'GET stats': stats,
    'DELETE stats': (ctx) => {
        /* requests under way end in the old one */
        const old = ctx.state.stats;
        ctx.state.stats = new Stats();
        ctx.state.stats.connections = old.connections;
        return {};
    },
    'GET config': (ctx) => ctx.state.config,
    'POST config': (ctx, body) => {
        ctx.state.configure(JSON.parse(body));
        return ctx.state.config;
    },
    'DELETE config': (ctx) => {
        ctx.state.defaults();
        return ctx.state.config;
    },
    'POST down': (ctx, body) => {
        const { seconds } = JSON.parse(body);

        /* this answer is the last one */
        ctx.res.on('close', () => ctx.state.goDown(seconds));
        ctx.res.shouldKeepAlive = false;
        return {};
    },
    'POST forget': (ctx, body) => {
        ctx.state.forget(body ? JSON.parse(body) : undefined);
        return {};
    },
};


function handle(ctx, body) {
    const name = ctx.path.split('/')[2];
    const call = CALLS[`${ctx.method} ${name}`];

    if (ctx.method === 'GET' && name === 'root') {
        const n = ctx.query.get('n') === '1' ? 1 : 0;

        reply(ctx, 200, ctx.state.ca.roots[n], 'application/x-pem-file');
        return;
    }

    if (!call) {
        reply(ctx, 404, { error: `no ${ctx.method} ${ctx.path}` });
        return;
    }

    try {
        reply(ctx, 200, call(ctx, body));

    } catch (e) {
        reply(ctx, 400, { error: e.message });
    }
}


module.exports = { handle };
