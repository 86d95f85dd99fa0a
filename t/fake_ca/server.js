'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * A request from its octets to an answer: routing, JWS, rules, headers.
 */

const jws = require('./jws.js');
const rules = require('./rules.js');
const account = require('./account.js');
const order = require('./order.js');
const cert = require('./cert.js');
const admin = require('./admin.js');
const { Problem } = require('./problem.js');

const MAX_BODY = 262144;

/*
 * get: GET without a JWS, both: or POST-as-GET; key: who signs, an account if
 * missing; empty: POST-as-GET is allowed, only: nothing else is
 */

const ROUTES = {
    'directory': { endpoint: 'directory', get: true, both: true, only: true,
        run: account.directory },
    'acme/nonce': { endpoint: 'newNonce', get: true, both: true, only: true,
        run: account.newNonce },
    'acme/acct-new': { endpoint: 'newAccount', key: 'jwk',
        run: account.newAccount },
    'acme/acct': { endpoint: 'account', id: true, empty: true,
        run: account.account },
    'acme/orders': { endpoint: 'orders', id: true, empty: true,
        run: account.orders },
    'acme/key-change': { endpoint: 'keyChange', run: account.keyChange },
    'acme/order-new': { endpoint: 'newOrder', run: order.newOrder },
    'acme/authz-new': { endpoint: 'newAuthz', run: order.newAuthz },
    'acme/order': { endpoint: 'order', id: true, only: true,
        run: order.order },
    'acme/authz': { endpoint: 'authz', id: true, empty: true,
        run: order.authz },
    'acme/chall': { endpoint: 'challenge', id: true, empty: true,
        run: order.challenge },
    'acme/finalize': { endpoint: 'finalize', id: true, run: cert.finalize },
    'acme/cert': { endpoint: 'cert', id: true, only: true,
        run: cert.certificate },
    'acme/alternate': { endpoint: 'alternate', id: true, only: true,
        run: cert.certificate },
    'acme/revoke': { endpoint: 'revokeCert', key: 'both',
        run: cert.revokeCert },
    'acme/ari': { endpoint: 'renewalInfo', id: true, get: true,
        run: cert.renewalInfo },
};


/* Sets ctx.route, ctx.endpoint and ctx.id; unknown paths have no route. */

function route(ctx) {
    const parts = ctx.path.split('/').slice(1);
    let key = parts.slice(0, 2).join('/');
    let id = parts[2];

    if (key === 'acme/acct' && parts[3] === 'orders') {
        key = 'acme/orders';
        parts.length = 3;

    } else if (key === 'acme/cert' && parts[3] === '1') {
        key = 'acme/alternate';
        parts.length = 3;
    }

    const found = Object.hasOwn(ROUTES, key) ? ROUTES[key] : null;

    if (found && parts.length <= 3 && (id !== undefined) === !!found.id) {
        ctx.route = found;
        ctx.endpoint = found.endpoint;
        ctx.id = id;
    }
}


function checkMethod(ctx) {
    const { method, req, route: { get, both } } = ctx;
    const allowed = get ? ['GET', 'HEAD'] : ['POST'];

    if (both) {
        allowed.push('POST');
    }

    if (!allowed.includes(method)) {
        throw new Problem('malformed', `method ${method} is not allowed`,
            { status: 405, headers: { Allow: allowed.join(', ') } });
    }

    if (method === 'POST'
        && req.headers['content-type'] !== 'application/jose+json')
    {
        throw new Problem('malformed', 'Content-Type is not '
            + 'application/jose+json', { status: 415 });
    }
}


function signer(ctx, head) {
    const kind = ctx.route.key || 'kid';

    if ((head.jwk === undefined) === (head.kid === undefined)) {
        throw new Problem('malformed', 'not exactly one of "jwk" and "kid"');
    }

    if (kind !== 'both' && head[kind] === undefined) {
        throw new Problem('malformed', `"${kind}" is required here`);
    }

    if (head.jwk !== undefined) {
        ctx.key = jws.importJwk(head.jwk);
        return;
    }

    const prefix = ctx.base + '/acme/acct/';
    const known = typeof head.kid === 'string' && head.kid.startsWith(prefix)
        && ctx.state.accounts.get(head.kid.slice(prefix.length));

    if (!known) {
        throw new Problem('accountDoesNotExist', `no account "${head.kid}"`);
    }

    if (known.status !== 'valid') {
        throw new Problem('unauthorized', `account is ${known.status}`,
            { status: 401 });
    }

    ctx.account = ctx.key = known;
}


function payloadOf(ctx, text) {
    if (text !== '') {
        if (ctx.route.only) {
            throw new Problem('malformed', 'POST-as-GET has an empty payload');
        }

        return jws.json(text, 'payload');
    }

    if (!ctx.route.only && !ctx.route.empty) {
        throw new Problem('malformed', 'payload is empty');
    }

    return null;
}


/* RFC 8555 s6.2 to s6.5 */

function authenticate(ctx, body) {
    const parsed = jws.parse(body, 'JWS');
    const { head } = parsed;

    jws.checkAlg(head.alg);

    if (head.url !== ctx.url) {
        throw new Problem('unauthorized', `url "${head.url}" is not `
            + `"${ctx.url}"`);
    }

    if (typeof head.nonce !== 'string' || !/^[\w-]+$/.test(head.nonce)) {
        throw new Problem(head.nonce === undefined ? 'badNonce' : 'malformed',
            'no nonce, or not base64url');
    }

    if (!ctx.state.spend(head.nonce)) {
        throw new Problem('badNonce', `nonce "${head.nonce}" is not valid`);
    }

    signer(ctx, head);
    jws.verify(parsed, ctx.key.key);
    ctx.payload = payloadOf(ctx, parsed.payload);
}


/* The names that a request is about, for rules and statistics. */

function namesOf(ctx) {
    const { state, id } = ctx;
    const values = (list) => list.map((n) => n.value);
    let found;

    switch (ctx.endpoint) {
    case 'newOrder':
        found = ctx.payload.identifiers;
        return Array.isArray(found) ? found.map((n) =>
            String(n && n.value).toLowerCase()) : [];
    case 'newAuthz':
        return [String((ctx.payload.identifier || {}).value)];
    case 'order':
    case 'finalize':
        found = state.orders.get(id);
        return found ? values(found.identifiers) : [];
    case 'authz':
        found = state.authzs.get(id);
        return found ? [found.name] : [];
    case 'challenge':
        found = state.challenges.get(id);
        return found ? [found.authz.name] : [];
    case 'cert':
    case 'alternate':
        found = state.certs.get(id);
        return found ? values(found.names) : [];
    case 'renewalInfo':
        found = state.serials.get(id);
        return found ? values(found.names) : [];
    default:
        return [];
    }
}


function problemOut(ctx, e) {
    const problem = e instanceof Problem ? e
        : new Problem('serverInternal', String(e.stack));

    ctx.problem = problem.type;
    ctx.state.stats.add(ctx.state.stats.problems, problem.type);

    return { status: problem.status, body: problem.body(), headers: {
        'Content-Type': 'application/problem+json',
        ...problem.extra.headers } };
}


/* The answer, before it is octets; never throws. */

function answer(ctx, body) {
    try {
        if (!ctx.route) {
            throw new Problem('malformed', `no such path ${ctx.path}`,
                { status: 404 });
        }

        checkMethod(ctx);

        if (ctx.method === 'POST') {
            authenticate(ctx, body);
        }

        ctx.names = namesOf(ctx);

        const rule = rules.pick(ctx.state, ctx);

        if (!rule) {
            return ctx.route.run(ctx);
        }

        ctx.rule = rule.id;
        ctx.ruleName = rule.match.name;
        ctx.action = rule.action;

        return obey(ctx, rule.action);

    } catch (e) {
        return problemOut(ctx, e);
    }
}


function obey(ctx, action) {
    if (!rules.preempts(action)) {
        return ctx.route.run(ctx);
    }

    if (action.process) {
        ctx.route.run(ctx);
    }

    return rules.instead(action);
}


function headers(ctx, out) {
    const index = `<${ctx.base}/directory>;rel="index"`;
    const has = out.headers.Link || [];

    if (out.bare) {
        return;
    }

    out.headers = {
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
        ...out.headers,
    };

    if (ctx.endpoint !== 'directory') {
        out.headers.Link = [...(Array.isArray(has) ? has : [has]), index];
    }

    if (ctx.method === 'POST' || ctx.endpoint === 'newNonce') {
        out.headers['Replay-Nonce'] = ctx.state.nonce();
    }

    if (out.body === '') {
        delete out.headers['Content-Type'];
    }
}


/* A rule that cannot be obeyed must not end the CA; 599 shows in a test. */

function send(ctx, out) {
    try {
        transmit(ctx, out);

    } catch (e) {
        rules.raw(ctx.req.socket, { status: 599, headers: {} },
            Buffer.from(String(e.stack)));
    }
}


function transmit(ctx, out) {
    const { res, action, state } = ctx;

    headers(ctx, out);
    rules.alter(out, state, action);

    let text = typeof out.body === 'string' ? out.body
        : JSON.stringify(out.body);

    text = rules.alterText(text, action);
    ctx.status = out.status;
    ctx.location = out.headers.Location;

    if (rules.transport(ctx, out, text, action)) {
        return;
    }

    const data = Buffer.from(text);

    if (out.status !== 204) {
        out.headers['Content-Length'] = data.length;
    }

    try {
        res.writeHead(out.status, out.headers);

    } catch (e) {
        /* a rule with octets that node does not let through */
        rules.raw(ctx.req.socket, out, data);
        return;
    }

    res.end(ctx.method === 'HEAD' ? undefined : data);
}


function note(stats, ctx) {
    const { endpoint, names } = ctx;

    stats.add(stats.endpoints, endpoint);
    stats.add(stats.statuses, ctx.status || 'none');
    stats.add(stats.agents, ctx.req.headers['user-agent'] || 'none');

    for (const name of names) {
        stats.add(stats.name(name), endpoint);
    }

    stats.record({ t: ctx.started, ms: 0, endpoint, method: ctx.method,
        path: ctx.path, status: ctx.status, names, rule: ctx.rule,
        problem: ctx.problem, account: ctx.account && ctx.account.id });

    const entry = stats.log[stats.log.length - 1];

    ctx.res.on('close', () => { entry.ms = Date.now() - ctx.started; });
}


function respond(ctx, body) {
    const out = answer(ctx, body);
    const { delay } = ctx.action;

    ctx.status = out.status;
    note(ctx.state.stats, ctx);

    if (delay > 0) {
        setTimeout(() => send(ctx, out), delay * 1e3);

    } else {
        send(ctx, out);
    }
}


function context(state, req, res) {
    const scheme = req.socket.encrypted ? 'https://' : 'http://';
    const base = scheme + (req.headers.host || '127.0.0.1');
    const at = req.url.indexOf('?');

    return { state, req, res, base, url: base + req.url, started: Date.now(),
        path: at < 0 ? req.url : req.url.slice(0, at),
        query: new URLSearchParams(at < 0 ? '' : req.url.slice(at)),
        method: req.method, endpoint: 'unknown', names: [], action: {} };
}


function begin(stats, res) {
    stats.requests++;
    stats.concurrent++;
    stats.maxConcurrent = Math.max(stats.maxConcurrent, stats.concurrent);

    res.on('close', () => { stats.concurrent--; });
}


/* A listener for node's http and https servers. */

function handler(state) {
    return (req, res) => {
        const ctx = context(state, req, res);
        const fake = ctx.path.startsWith('/_fake/');
        let chunks = [];
        let size = 0;

        if (!fake) {
            begin(state.stats, res);
            route(ctx);
        }

        req.on('data', (data) => {
            size += data.length;
            chunks = size > MAX_BODY ? [] : [...chunks, data];
        });

        req.on('end', () => {
            const body = Buffer.concat(chunks).toString();

            if (fake) {
                admin.handle(ctx, body);

            } else {
                respond(ctx, body);
            }
        });
    };
}


module.exports = { handler };
