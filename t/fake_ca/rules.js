'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * Fault rules: which one fires for a request, and what it does to the answer.
 */

const { fromRule } = require('./problem.js');

const ENDPOINTS = ['directory', 'newNonce', 'newAccount', 'account', 'orders',
    'newOrder', 'newAuthz', 'order', 'authz', 'challenge', 'finalize', 'cert',
    'alternate', 'renewalInfo', 'keyChange', 'revokeCert', 'any'];

const MATCH = ['endpoint', 'name', 'pattern', 'method', 'nth', 'times',
    'percent'];

/* these answer without looking at the request, unless "process" is set */
const INSTEAD = ['problem', 'http', 'close', 'hang', 'redirect'];

/* what the value of an action may be: types, or "list" */
const ACTIONS = {
    problem: 'object', http: 'object', close: 'boolean', hang: 'boolean',
    redirect: 'string object', process: 'boolean', delay: 'number',
    truncate: 'number', slow: 'object', endless: 'boolean',
    wrongNonce: 'boolean string', noNonce: 'boolean', wrongType: 'string',
    badJson: 'boolean string', set: 'object', unset: 'list',
    headers: 'object', dropLocation: 'boolean',
    invalidUrl: 'string object', cert: 'string', authzError: 'object',
    orderError: 'object', challengeTypes: 'list', token: 'string',
    orderExpires: 'number string', authzExpires: 'number string',
    ariWindow: 'object',
};

const CERTS = ['otherkey', 'missingsan', 'extrasan', 'html', 'empty',
    'expired', 'future', 'selfsigned', 'reorder', 'garbage', 'toolong',
    'longlife', 'leafonly', 'crlf', 'clientonly'];


function known(object, keys, what) {
    for (const key of Object.keys(object)) {
        if (!keys.includes(key)) {
            throw new Error(`unknown ${what} "${key}"`);
        }
    }
}


function list(value) {
    return Array.isArray(value) ? value : [value];
}


function typeOf(value) {
    return Array.isArray(value) ? 'list'
        : value === null ? 'null' : typeof value;
}


/* Throws if it is not a rule: a mistake must not pass as "no effect". */

function check(rule) {
    if (typeOf(rule) !== 'object' || typeOf(rule.action) !== 'object'
        || typeOf(rule.match || {}) !== 'object')
    {
        throw new Error('a rule is an object with an action');
    }

    known(rule, ['match', 'action', 'id'], 'member of a rule');
    known(rule.match || {}, MATCH, 'match');
    known(rule.action, Object.keys(ACTIONS), 'action');

    for (const [key, value] of Object.entries(rule.action)) {
        if (!ACTIONS[key].split(' ').includes(typeOf(value))) {
            throw new Error(`action "${key}" is of a wrong type`);
        }
    }

    const endpoint = (rule.match || {}).endpoint || 'any';

    if (list(endpoint).some((e) => !ENDPOINTS.includes(e))) {
        throw new Error(`unknown endpoint "${endpoint}"`);
    }

    if (rule.action.cert && !CERTS.includes(rule.action.cert)) {
        throw new Error(`unknown cert "${rule.action.cert}"`);
    }
}


function add(state, rule) {
    check(rule);

    const match = rule.match || {};
    const kept = { id: rule.id || state.id(), match, action: rule.action,
        seen: 0, fired: 0 };

    Object.defineProperty(kept, 'test', { value: {
        endpoints: new Set(list(match.endpoint || 'any')),
        pattern: match.pattern && new RegExp(match.pattern),
    } });

    state.rules.push(kept);

    return kept.id;
}


function matches(rule, ctx) {
    const { match, test } = rule;

    return (test.endpoints.has('any') || test.endpoints.has(ctx.endpoint))
        && (!match.method || match.method === ctx.method)
        && (!match.name || ctx.names.includes(match.name))
        && (!test.pattern || ctx.names.some((n) => test.pattern.test(n)));
}


/* All rules that match count; the first of them that may fires. */

function pick(state, ctx) {
    let found;

    for (const rule of state.rules) {
        if (!matches(rule, ctx)) {
            continue;
        }

        const { nth, times, percent } = rule.match;
        rule.seen++;

        if (!found && (nth === undefined || list(nth).includes(rule.seen))
            && (times === undefined || rule.fired < times)
            && (percent === undefined || state.chance(percent)))
        {
            rule.fired++;
            found = rule;
        }
    }

    return found;
}


function preempts(action) {
    return INSTEAD.some((key) => action[key]);
}


/* The answer that a rule gives in place of the right one. */

function instead(action) {
    if (action.problem) {
        throw fromRule(action.problem);
    }

    if (action.redirect) {
        return { status: action.redirect.status || 302, body: '',
            headers: { Location: action.redirect.url || action.redirect } };
    }

    if (action.http) {
        const { status = 200, headers = {}, body = '' } = action.http;

        return { status, body, bare: true,
            headers: { 'Content-Type': 'text/plain', ...headers } };
    }

    return { status: 0, body: '', headers: {} };
}


/* Puts a URL in the place of all, or only in that of one field. */

function replaceUrls(value, url, field) {
    if (Array.isArray(value)) {
        return value.map((v) => typeof v === 'string' ? url
            : replaceUrls(v, url, field));
    }

    if (value === null || typeof value !== 'object') {
        return value;
    }

    return Object.fromEntries(Object.entries(value).map(([key, v]) => {
        const mine = !field || key === field;

        if (mine && typeof v === 'string' && /^https?:/.test(v)) {
            return [key, url];
        }

        if (key === 'authorizations') {
            return [key, mine ? replaceUrls(v, url, field) : v];
        }

        return [key, v !== null && typeof v === 'object' && key !== 'meta'
            && key !== 'identifiers' ? replaceUrls(v, url, field) : v];
    }));
}


function alterBody(out, action) {
    const { url, field } = action.invalidUrl instanceof Object
        ? action.invalidUrl : { url: action.invalidUrl };

    if (url && out.headers.Location && (!field || field === 'location')) {
        out.headers.Location = url;
    }

    if (out.body === null || typeof out.body !== 'object') {
        return;
    }

    if (url && field !== 'location') {
        out.body = replaceUrls(out.body, url, field);
    }

    if (action.set) {
        out.body = { ...out.body, ...action.set };
    }

    for (const key of action.unset || []) {
        delete out.body[key];
    }
}


function alterNonce(out, state, action) {
    if (action.noNonce) {
        delete out.headers['Replay-Nonce'];
    }

    if (action.wrongNonce === 'garbage') {
        out.headers['Replay-Nonce'] = '!"$%& not=base64url';

    } else if (action.wrongNonce === 'stale') {
        out.headers['Replay-Nonce'] = state.stale;

    } else if (action.wrongNonce) {
        out.headers['Replay-Nonce'] = 'neverissued' + state.id();
    }
}


/* Changes an answer before its body becomes octets. */

function alter(out, state, action) {
    alterBody(out, action);
    alterNonce(out, state, action);

    if (action.dropLocation) {
        delete out.headers.Location;
    }

    if (action.wrongType) {
        out.headers['Content-Type'] = action.wrongType;
    }

    Object.assign(out.headers, action.headers);
}


function alterText(text, action) {
    if (typeof action.badJson === 'string') {
        return action.badJson;
    }

    return action.badJson ? text.slice(0, text.length >> 1) : text;
}


/* A head as on the wire, for answers that node would not send. */

function rawHead(out, length) {
    let head = `HTTP/1.1 ${out.status} Fake\r\nConnection: close\r\n`;

    for (const [name, value] of Object.entries(out.headers)) {
        for (const one of list(value)) {
            head += `${name}: ${one}\r\n`;
        }
    }

    return head + (length === undefined ? 'Transfer-Encoding: chunked'
        : `Content-Length: ${length}`) + '\r\n\r\n';
}


function raw(socket, out, data) {
    socket.end(Buffer.concat([Buffer.from(rawHead(out, data.length)), data]));
}


function drip(socket, data, rate, done) {
    const step = Math.max(1, Math.round(rate / 10));
    let at = 0;

    const timer = setInterval(() => {
        if (at >= data.length || socket.destroyed) {
            clearInterval(timer);
            done();
            return;
        }

        socket.write(data.subarray(at, at + step));
        at += step;
    }, 1000 * step / rate);
}


function endless(socket, text) {
    const chunk = Buffer.from(`4000\r\n${' '.repeat(16384)}\r\n`);

    const fill = () => {
        while (!socket.destroyed) {
            if (!socket.write(chunk)) {
                socket.once('drain', fill);
                return;
            }
        }
    };

    if (text) {
        socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
    }

    fill();
}


/* True if the rule has sent the answer by itself, or will never. */

function transport(ctx, out, text, action) {
    const socket = ctx.req.socket;
    const data = Buffer.from(text);

    if (action.close) {
        socket.destroy();

    } else if (action.hang) {
        /* nothing: the client has to give up */

    } else if (action.truncate !== undefined) {
        const length = Math.max(data.length, action.truncate + 1000);

        socket.end(Buffer.concat([Buffer.from(rawHead(out, length)),
            data.subarray(0, action.truncate)]));

    } else if (action.slow) {
        const head = Buffer.from(rawHead(out, data.length));
        const rate = action.slow.bytesPerSecond || 1;

        if (!action.slow.head) {
            socket.write(head);
        }

        drip(socket, action.slow.head ? Buffer.concat([head, data]) : data,
            rate, () => socket.end());

    } else if (action.endless) {
        socket.write(rawHead(out));
        endless(socket, text);

    } else {
        return false;
    }

    return true;
}


module.exports = { add, pick, preempts, instead, alter, alterText, transport,
    raw };
