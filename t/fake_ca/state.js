'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * What the fake CA knows: configuration, nonces, accounts, orders,
 * authorizations, certificates, and what it counted.  All in memory.
 */

const crypto = require('node:crypto');
const { Hierarchy } = require('./x509.js');

const MAX_NONCES = 100000;
const MAX_LOG = 50000;

/* all times in seconds; see the README */

const DEFAULTS = {
    lifetime: 90 * 86400, backdate: 0, cn: true, eku: ['serverAuth'], scts: 0,
    profiles: {
        classic: { description: 'as without a profile' },
        shortlived: { description: 'six days', lifetime: 6 * 86400 },
    },
    termsOfService: true, website: true, caaIdentities: ['ca.example'],
    externalAccountRequired: false, eabKeys: {},
    contactSchemes: ['mailto'], requireTerms: true,
    renewalInfo: true, ariWindow: { startFrac: 0.66, endFrac: 0.75 },
    ariWindows: {}, ariRetryAfter: 21600,
    ariExplanation: 'http://127.0.0.1/why',
    challengeTypes: ['http-01', 'tls-alpn-01', 'dns-01'],
    maxNames: 100, preAuthorization: false, ordersPerPage: 50,
    orderLife: 7 * 86400, authzLife: 30 * 86400, authzReusePercent: 0,
    badNoncePercent: 0, retryAfter: {}, finalizeDelay: 0,
    validation: 'always', validationDelay: 0, validationTimeout: 5,
    httpAddress: '127.0.0.1', httpPort: 80, tlsAddress: '127.0.0.1',
    tlsPort: 443, dnsServers: [], checkCaa: false,
    revocationReasons: [0, 1, 3, 4, 5, 9], alternate: true,
};


/* Repeatable: percents of rules and configuration follow the seed. */

function generator(seed) {
    let a = seed >>> 0;

    return () => {
        a = a + 0x6d2b79f5 >>> 0;
        let t = Math.imul(a ^ a >>> 15, 1 | a);
        t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;

        return ((t ^ t >>> 14) >>> 0) / 4294967296;
    };
}


class Stats {

    constructor() {
        this.started = Date.now();
        this.requests = 0;
        this.concurrent = 0;
        this.maxConcurrent = 0;
        this.connections = 0;
        this.endpoints = {};
        this.statuses = {};
        this.problems = {};
        this.agents = {};
        this.names = {};
        this.ordersPerSet = {};
        this.certificatesPerSet = {};
        this.certificates = 0;
        this.log = [];
    }

    add(map, key, n) {
        map[key] = (map[key] || 0) + (n === undefined ? 1 : n);
    }

    name(name) {
        if (!Object.hasOwn(this.names, name)) {
            this.names[name] = { failed: [] };
        }

        return this.names[name];
    }

    failed(name) {
        this.name(name).failed.push(Date.now());
    }

    record(entry) {
        if (this.log.length >= MAX_LOG) {
            this.log.splice(0, MAX_LOG / 10);
        }

        this.log.push(entry);
    }
}


class State {

    constructor(seed) {
        this.ca = new Hierarchy();
        this.random = generator(seed);
        this.defaults();
        this.rules = [];
        this.nonces = new Set();
        this.stale = 'stalestalestalestale';
        this.seq = Math.floor(Math.random() * 1e6);
        this.stats = new Stats();
        this.forget();
    }

    defaults() {
        this.config = structuredClone(DEFAULTS);
    }

    /* As after a CA lost its database; roots stay. */

    forget(what) {
        for (const kind of what || ['accounts', 'orders', 'certs']) {
            if (kind === 'accounts') {
                this.accounts = new Map();
                this.accountKeys = new Map();

            } else if (kind === 'orders') {
                this.orders = new Map();
                this.authzs = new Map();
                this.challenges = new Map();
                this.reusable = new Map();

            } else if (kind === 'certs') {
                this.certs = new Map();
                this.serials = new Map();

            } else if (kind === 'nonces') {
                this.nonces.clear();
            }
        }
    }

    /* Short, and not to be guessed from the one before. */

    id() {
        const random = crypto.randomBytes(3).toString('hex');

        return (++this.seq).toString(36) + random;
    }

    chance(percent) {
        return percent > 0 && this.random() * 100 < percent;
    }

    nonce() {
        const nonce = crypto.randomBytes(16).toString('base64url');

        if (this.nonces.size >= MAX_NONCES) {
            this.nonces.delete(this.nonces.values().next().value);
        }

        this.nonces.add(nonce);

        return nonce;
    }

    spend(nonce) {
        const good = this.nonces.delete(nonce);

        if (good) {
            this.stale = nonce;
        }

        return good && !this.chance(this.config.badNoncePercent);
    }

    configure(changes) {
        for (const [key, value] of Object.entries(changes)) {
            if (!Object.hasOwn(DEFAULTS, key)) {
                throw new Error(`unknown setting "${key}"`);
            }

            this.config[key] = value === null
                ? structuredClone(DEFAULTS[key]) : value;
        }
    }
}


module.exports = { State, Stats };
