'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * Problem documents of RFC 8555 s6.7, RFC 9773 and the profiles draft.
 */

const URN = 'urn:ietf:params:acme:error:';

/* the usual status of each type */

const STATUS = {
    accountDoesNotExist: 400, alreadyReplaced: 409, alreadyRevoked: 400,
    badCSR: 400, badNonce: 400, badPublicKey: 400, badRevocationReason: 400,
    badSignatureAlgorithm: 400, caa: 403, compound: 403, connection: 400,
    dns: 400, externalAccountRequired: 403, incorrectResponse: 403,
    invalidContact: 400, invalidProfile: 400, malformed: 400,
    orderNotReady: 403, rateLimited: 429, rejectedIdentifier: 400,
    serverInternal: 500, tls: 400, unauthorized: 403,
    unsupportedContact: 400, unsupportedIdentifier: 400,
    userActionRequired: 403,
};


class Problem extends Error {

    constructor(type, detail, extra) {
        super(detail);
        this.type = type;
        this.status = (extra && extra.status) || STATUS[type] || 400;
        this.extra = extra || {};
    }

    body() {
        const { headers, status, ...members } = this.extra;

        return { type: urn(this.type), detail: this.message,
            status: status || this.status, ...members };
    }
}


/* Types without a colon are those of ACME. */

function urn(type) {
    return type.includes(':') ? type : URN + type;
}


/*
 * A problem as a rule writes it: all members may be missing, subproblems have
 * the same form; retryAfter becomes a header.
 */

function fromRule(p) {
    const { type = 'serverInternal', detail, retryAfter, headers, ...rest } = p;
    const problem = new Problem(type, detail || `fake ${type}`, rest);

    if (rest.subproblems) {
        rest.subproblems = rest.subproblems.map((s) => ({
            detail: `fake ${s.type}`, ...s,
            type: urn(s.type || 'malformed') }));
    }

    problem.extra.headers = { ...headers };

    if (retryAfter !== undefined) {
        problem.extra.headers['Retry-After'] = String(retryAfter);
    }

    if (type === 'userActionRequired' && !rest.instance) {
        rest.instance = 'http://127.0.0.1/terms';
        problem.extra.headers.Link = '<http://127.0.0.1/terms>;'
            + 'rel="terms-of-service"';
    }

    return problem;
}


module.exports = { Problem, fromRule, urn, STATUS };
