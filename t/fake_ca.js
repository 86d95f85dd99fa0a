#!/usr/bin/env node
'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * A scriptable ACME CA for tests: RFC 8555, RFC 8737, RFC 8738, RFC 9773,
 * profiles.  It does right by default, and wrong as told.  Loopback only; it
 * trusts whoever connects.  See fake_ca/README.md.
 *
 *   node t/fake_ca.js [--port N] [--seed N] [--config JSON] [--no-stdin]
 *       [--tls-port N [--tls-cert FILE --tls-key FILE]]
 *
 * Prints "listening PORT", or "listening PORT TLSPORT", when it is ready;
 * ends when its standard input does.
 */

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { parseArgs } = require('node:util');
const { State } = require('./fake_ca/state.js');
const { handler } = require('./fake_ca/server.js');
const { keyPair, pem } = require('./fake_ca/x509.js');

const ADDRESS = '127.0.0.1';


function options() {
    return parseArgs({ options: {
        'port': { type: 'string', default: '0' },
        'seed': { type: 'string', default: '1' },
        'config': { type: 'string', default: '{}' },
        'no-stdin': { type: 'boolean', default: false },
        'tls-port': { type: 'string' },
        'tls-cert': { type: 'string' },
        'tls-key': { type: 'string' },
    } }).values;
}


/* Without files: a certificate under the first root of this CA itself. */

function tlsPair(opts, state) {
    if (opts['tls-cert']) {
        return { cert: fs.readFileSync(opts['tls-cert']),
            key: fs.readFileSync(opts['tls-key'] || opts['tls-cert']) };
    }

    const pair = keyPair();
    const made = state.ca.issue(pair.spki, [
        { type: 'dns', value: 'localhost' }, { type: 'ip', value: ADDRESS },
        { type: 'ip', value: '::1' },
    ], { lifetime: 365 * 86400, backdate: 3600 });

    return { cert: pem(made.der) + state.ca.ints[0],
        key: pair.key.export({ type: 'pkcs8', format: 'pem' }) };
}


function listen(server, port, state) {
    server.keepAliveTimeout = 60000;
    server.requestTimeout = 0;
    server.on('connection', () => { state.stats.connections++; });

    return new Promise((resolve, reject) => {
        server.on('error', reject);
        server.listen(Number(port), ADDRESS, 1024, () =>
            resolve(server.address().port));
    });
}


/* No one listens for some time, as if the CA were down; all else stays. */

function goDown(servers, ports, seconds) {
    for (const [n, server] of servers.entries()) {
        server.close();
        server.closeAllConnections();
        setTimeout(() => server.listen(ports[n], ADDRESS, 1024),
            seconds * 1e3);
    }
}


async function main() {
    const opts = options();
    const state = new State(Number(opts.seed));
    const handle = handler(state);

    state.configure(JSON.parse(opts.config));

    const servers = [http.createServer(handle)];
    const ports = [await listen(servers[0], opts.port, state)];

    if (opts['tls-port'] !== undefined) {
        servers.push(https.createServer(tlsPair(opts, state), handle));
        ports.push(await listen(servers[1], opts['tls-port'], state));
    }

    state.goDown = (seconds) => goDown(servers, ports, seconds);

    if (!opts['no-stdin']) {
        process.stdin.resume();
        process.stdin.on('close', () => process.exit(0));
        process.stdin.on('error', () => process.exit(0));
    }

    process.stdout.write(`listening ${ports.join(' ')}\n`);
}


main().catch((e) => {
    process.stderr.write(`fake_ca: ${e.message}\n`);
    process.exit(1);
});
