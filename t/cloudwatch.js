#!/usr/bin/env node
'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * PutMetricData for tests: verifies the signature (SigV4) by itself, notes
 * each request as a line of JSON, and answers as the file "answer" in its
 * directory says: { status, body }.
 *
 *   node t/cloudwatch.js PORT DIRECTORY ID SECRET REGION
 */

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const [port, dir, id, secret, region] = process.argv.slice(2);

const hmac = (key, text) => crypto.createHmac('sha256', key).update(text)
    .digest();
const sha256 = (data) => crypto.createHash('sha256').update(data)
    .digest('hex');


function answer() {
    try {
        return JSON.parse(fs.readFileSync(path.join(dir, 'answer'), 'utf8'));
    } catch {
        return {};
    }
}


function signed(req, body) {
    const m = new RegExp('^AWS4-HMAC-SHA256 Credential=([^,]+), ?'
        + 'SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$')
        .exec(req.headers.authorization || '');

    if (!m) {
        return 'no Authorization';
    }

    const at = req.headers['x-amz-date'];
    const scope = `${at.slice(0, 8)}/${region}/monitoring/aws4_request`;

    if (m[1] !== `${id}/${scope}`) {
        return 'wrong credential';
    }

    const names = m[2].split(';');

    for (const name of ['host', 'x-amz-date', 'x-amz-target',
        'content-type'])
    {
        if (!names.includes(name)) {
            return `${name} is not signed`;
        }
    }

    const canonical = [req.method, '/', '',
        ...names.map((n) => `${n}:${req.headers[n].trim()}`), '', m[2],
        sha256(body)].join('\n');
    let key = `AWS4${secret}`;

    for (const part of scope.split('/')) {
        key = hmac(key, part);
    }

    const text = ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)]
        .join('\n');

    return hmac(key, text).toString('hex') === m[3] ? '' : 'wrong signature';
}


const server = http.createServer((req, res) => {
    const chunks = [];

    req.on('data', (c) => chunks.push(c));
    req.on('end', () => {
        const body = Buffer.concat(chunks);
        const rule = answer();
        const fault = signed(req, body);
        const status = fault ? 403 : rule.status || 200;

        fs.appendFileSync(path.join(dir, 'requests'), JSON.stringify({
            url: req.url, method: req.method, headers: req.headers, status,
            fault, body: body.toString('utf8') }) + '\n');

        res.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.0' });
        res.end(rule.body || '{}');
    });
});

server.listen(Number(port), '127.0.0.1');
