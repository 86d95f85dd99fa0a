#!/usr/bin/env node
'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * The ideal client as a program.
 *
 * Load:  node t/fake_ca/client.js --orders 1000 --parallel 32
 *            [--directory URL] [--names N] [--alg ES256]
 *        orders certificates, of a fake CA that it starts if there is no
 *        URL, and prints certificates per minute.
 *
 * Lines: node t/fake_ca/client.js --lines --directory URL [--ca FILE]
 *        reads one JSON command a line, writes one JSON answer a line:
 *
 *   {op:"get", url, method}                   {status, headers, body, json}
 *   {op:"post", url, payload, jwk, head, type, corrupt, members, body}
 *   {op:"key", alg, pem}                      a new account key, or that one
 *   {op:"register", extra, eab: [kid, mac]}   newAccount
 *   {op:"keyChange", alg}
 *   {op:"csr", names, account}                {csr}; of the account key
 *   {op:"issue", names, profile, replaces, type}
 *   {op:"set", timeout}
 *   {op:"respond"}         {config}: the client meets its challenges, and the
 *                          CA finds that out with these settings
 *   {op:"record", type, name, value}          a DNS record of it
 *
 * An answer has "error" if there was no response, or an order failed.
 */

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { spawn } = require('node:child_process');
const { createPublicKey } = require('node:crypto');
const { parseArgs } = require('node:util');
const { Client, csr, b64 } = require('./acme.js');
const { Responder } = require('./responder.js');


function options() {
    return parseArgs({ options: {
        directory: { type: 'string' }, ca: { type: 'string' },
        lines: { type: 'boolean' }, alg: { type: 'string' },
        orders: { type: 'string', default: '100' },
        names: { type: 'string', default: '1' },
        parallel: { type: 'string', default: '8' },
    } }).values;
}


async function pool(count, parallel, work) {
    let next = 0;

    await Promise.all(Array.from({ length: parallel }, async () => {
        while (next < count) {
            await work(next++);
        }
    }));
}


function startCa() {
    const child = spawn(process.execPath,
        [path.join(__dirname, '..', 'fake_ca.js')],
        { stdio: ['pipe', 'pipe', 'inherit'] });

    return new Promise((resolve) => {
        child.stdout.once('data', (line) => {
            const port = /listening (\d+)/.exec(line)[1];

            resolve({ child, url: `http://127.0.0.1:${port}/directory` });
        });
    });
}


async function cpu(client, url) {
    const res = await client.request('GET',
        new URL('/_fake/stats?brief', url));

    return res.json;
}


function report(client, orders, seconds, before, after) {
    const used = (after.cpu.user + after.cpu.system - before.cpu.user
        - before.cpu.system) / 1e6;

    process.stdout.write(`${orders} certificates, ${client.requests} requests `
        + `in ${seconds.toFixed(2)} s\n`
        + `${Math.round(orders / seconds * 60)} certificates per minute, `
        + `${Math.round(client.requests / seconds)} requests/s\n`
        + `CA: ${Math.round(client.requests / used)} requests per second of `
        + `its CPU, ${Math.round(after.rss / 1048576)} MB\n`);
}


async function load(opts) {
    const own = opts.directory ? null : await startCa();
    const directory = opts.directory || own.url;
    const orders = Number(opts.orders);
    const client = new Client({ ...opts, directory,
        parallel: Number(opts.parallel) });

    await client.register();

    const before = await cpu(client, directory);
    client.requests = 0;
    const start = Date.now();

    await pool(orders, Number(opts.parallel), (n) => client.issue(
        Array.from({ length: Number(opts.names) }, (_, i) =>
            `n${i}.c${n}.example.com`)));

    report(client, orders, (Date.now() - start) / 1e3, before,
        await cpu(client, directory));
    client.agent.destroy();

    if (own) {
        own.child.stdin.end();
    }
}


const OPS = {
    get: (client, c) => client.request(c.method || 'GET', c.url),
    post: (client, c) => client.post(c.url,
        c.payload === undefined ? null : c.payload, c),
    key: (client, c) => {
        client.newKey(c.alg, c.pem);
        return { thumbprint: client.thumbprint() };
    },
    register: async (client, c) => {
        await client.start();
        return client.register({ ...c.extra, externalAccountBinding:
            c.eab && client.eab(...c.eab) });
    },
    keyChange: (client, c) => client.changeKey(c.alg),
    csr: (client, c) => ({ csr: b64(csr(c.names, c.account && {
        key: client.key, spki: createPublicKey(client.key).export(
            { type: 'spki', format: 'der' }) }).der) }),
    issue: async (client, c) => {
        const made = await client.issue(c.names, c);
        return { ...made, key: made.key.export({ type: 'pkcs8',
            format: 'pem' }) };
    },
    respond: async (client) => {
        client.responder = new Responder();
        return { config: await client.responder.listen() };
    },
    record: (client, c) => {
        client.responder.add(c.type, c.name, c.value);
        return {};
    },
    set: (client, c) => Object.assign(client.opts, c) && {},
};


async function lines(opts) {
    const client = new Client({ ...opts,
        ca: opts.ca && fs.readFileSync(opts.ca) });

    for await (const line of readline.createInterface(
        { input: process.stdin }))
    {
        let answer;

        try {
            const c = JSON.parse(line);

            await client.start();
            answer = await OPS[c.op](client, c);

        } catch (e) {
            answer = { error: e.message };
        }

        process.stdout.write(JSON.stringify(answer) + '\n');
    }

    client.agent.destroy();

    if (client.responder) {
        client.responder.close();
    }
}


async function main() {
    const opts = options();

    await (opts.lines ? lines(opts) : load(opts));
}


main().catch((e) => {
    process.stderr.write(`client: ${e.message}\n`);
    process.exit(1);
});
