'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * Directory, nonces, accounts and their keys.
 */

const jws = require('./jws.js');
const { Problem } = require('./problem.js');


function directory(ctx) {
    const { config } = ctx.state;
    const url = (path) => ctx.base + '/acme/' + path;
    const body = {
        newNonce: url('nonce'), newAccount: url('acct-new'),
        newOrder: url('order-new'), revokeCert: url('revoke'),
        keyChange: url('key-change'),
    };

    if (config.preAuthorization) {
        body.newAuthz = url('authz-new');
    }

    if (config.renewalInfo) {
        body.renewalInfo = url('ari');
    }

    body.meta = meta(ctx, config);

    return { status: 200, headers: {}, body };
}


function meta(ctx, config) {
    const profiles = Object.entries(config.profiles || {});
    const own = (value, path) => value === true ? ctx.base + path : value;
    const body = {};

    if (config.termsOfService) {
        body.termsOfService = own(config.termsOfService, '/terms');
    }

    if (config.website) {
        body.website = own(config.website, '/');
    }

    if (config.caaIdentities && config.caaIdentities.length) {
        body.caaIdentities = config.caaIdentities;
    }

    body.externalAccountRequired = config.externalAccountRequired;

    if (profiles.length) {
        body.profiles = Object.fromEntries(profiles.map(([name, p]) =>
            [name, (p && p.description) || name]));
    }

    return body;
}


function newNonce(ctx) {
    return { status: ctx.method === 'HEAD' ? 200 : 204, body: '',
        headers: { 'Cache-Control': 'no-store' } };
}


function url(ctx, account) {
    return `${ctx.base}/acme/acct/${account.id}`;
}


function view(ctx, account) {
    const body = { status: account.status };

    if (account.contact.length) {
        body.contact = account.contact;
    }

    if (account.agreed) {
        body.termsOfServiceAgreed = true;
    }

    if (account.binding) {
        body.externalAccountBinding = account.binding;
    }

    body.orders = url(ctx, account) + '/orders';

    return body;
}


/* RFC 8555 s7.3: one address, no header fields. */

function checkContact(contact, config) {
    if (contact === undefined) {
        return [];
    }

    if (!Array.isArray(contact) || contact.length > 10
        || contact.some((c) => typeof c !== 'string'))
    {
        throw new Problem('malformed', 'contact is not a list of URLs');
    }

    for (const one of contact) {
        const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(one);

        if (!scheme) {
            throw new Problem('invalidContact', `contact "${one}": no URL`);
        }

        if (!config.contactSchemes.includes(scheme[1].toLowerCase())) {
            throw new Problem('unsupportedContact',
                `contact "${one}": scheme "${scheme[1]}" is not supported`);
        }

        if (scheme[1].toLowerCase() === 'mailto'
            && !/^mailto:[^\s@,?<>]+@[^\s@,?<>]+\.[^\s@,?<>.]+$/i.test(one))
        {
            throw new Problem('invalidContact',
                `contact "${one}": not one mail address`);
        }
    }

    return contact;
}


function existing(ctx, account) {
    if (account.status !== 'valid') {
        throw new Problem('unauthorized', `account is ${account.status}`,
            { status: 401 });
    }

    return { status: 200, body: view(ctx, account),
        headers: { Location: url(ctx, account) } };
}


function newAccount(ctx) {
    const { state, payload, key } = ctx;
    const found = state.accountKeys.get(key.thumbprint);

    if (found) {
        return existing(ctx, found);
    }

    if (payload.onlyReturnExisting) {
        throw new Problem('accountDoesNotExist', 'no account has this key');
    }

    if (state.config.termsOfService && state.config.requireTerms
        && payload.termsOfServiceAgreed !== true)
    {
        throw new Problem('malformed', 'termsOfServiceAgreed is not true');
    }

    const contact = checkContact(payload.contact, state.config);
    const account = { id: state.id(), status: 'valid', ...key, contact,
        agreed: payload.termsOfServiceAgreed === true, orders: [],
        created: Date.now() };

    bind(ctx, account);
    state.accounts.set(account.id, account);
    state.accountKeys.set(key.thumbprint, account);

    return { status: 201, body: view(ctx, account),
        headers: { Location: url(ctx, account) } };
}


function bind(ctx, account) {
    const binding = ctx.payload.externalAccountBinding;

    if (binding) {
        account.eabKid = jws.verifyEab(binding, ctx.url, ctx.key.thumbprint,
            ctx.state.config.eabKeys);
        account.binding = binding;

    } else if (ctx.state.config.externalAccountRequired) {
        throw new Problem('externalAccountRequired',
            'externalAccountBinding is required');
    }
}


function own(ctx) {
    if (ctx.id !== ctx.account.id) {
        throw new Problem('unauthorized', 'not your account');
    }

    return ctx.account;
}


function account(ctx) {
    const mine = own(ctx);
    const { payload } = ctx;

    if (payload) {
        if (payload.contact !== undefined) {
            mine.contact = checkContact(payload.contact, ctx.state.config);
        }

        if (payload.termsOfServiceAgreed === true) {
            mine.agreed = true;
        }

        if (payload.status === 'deactivated') {
            mine.status = 'deactivated';

        } else if (payload.status !== undefined
            && payload.status !== mine.status)
        {
            throw new Problem('malformed', 'status may only be "deactivated"');
        }
    }

    return { status: 200, headers: {}, body: view(ctx, mine) };
}


function orders(ctx) {
    const mine = own(ctx);
    const size = ctx.state.config.ordersPerPage;
    const page = Number(ctx.query.get('page')) || 0;
    const from = page * size;
    const headers = {};

    if (mine.orders.length > from + size) {
        headers.Link = [`<${ctx.url.replace(/\?.*/, '')}?page=${page + 1}>;`
            + 'rel="next"'];
    }

    return { status: 200, headers, body: {
        orders: mine.orders.slice(from, from + size).map((id) =>
            `${ctx.base}/acme/order/${id}`) } };
}


/* RFC 8555 s7.3.5 */

function keyChange(ctx) {
    const { state, payload, account } = ctx;
    const inner = jws.parse(payload, 'inner JWS');

    if (!inner.head.jwk || inner.head.kid !== undefined
        || inner.head.nonce !== undefined || inner.head.url !== ctx.url)
    {
        throw new Problem('malformed', 'inner JWS: no jwk, a kid, a nonce, '
            + 'or another url');
    }

    const key = jws.importJwk(inner.head.jwk);
    const change = jws.json(inner.payload, 'inner payload');

    jws.verify(inner, key.key);

    if (change.account !== url(ctx, account)
        || jws.thumbprint(change.oldKey || {}) !== account.thumbprint)
    {
        throw new Problem('malformed', 'account or oldKey is not that of '
            + 'the outer JWS');
    }

    const other = state.accountKeys.get(key.thumbprint);

    if (other) {
        throw new Problem('malformed', 'an account has this key',
            { status: 409, headers: { Location: url(ctx, other) } });
    }

    state.accountKeys.delete(account.thumbprint);
    Object.assign(account, key);
    state.accountKeys.set(key.thumbprint, account);

    return { status: 200, body: view(ctx, account),
        headers: { Location: url(ctx, account) } };
}


module.exports = { directory, newNonce, newAccount, account, orders,
    keyChange };
