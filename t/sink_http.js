#!/usr/bin/env node
'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * A receiver of events for tests: notes each request as a line of JSON, and
 * answers as the file "answer" in its directory says: { status, headers, body,
 * wait }.  A path that begins with /events speaks PutEvents.
 *
 *   node t/sink_http.js PORT DIRECTORY
 */

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const [port, dir] = process.argv.slice(2);


function answer() {
    try {
        return JSON.parse(fs.readFileSync(path.join(dir, 'answer'), 'utf8'));
    } catch {
        return {};
    }
}


function putEvents(body, rule) {
    const entries = JSON.parse(body).Entries.map((e, i) => {
        if (rule.fail && rule.fail[i]) {
            return { ErrorCode: rule.fail[i], ErrorMessage: 'as told' };
        }

        return { EventId: `00000000-0000-0000-0000-00000000000${i}` };
    });

    return JSON.stringify({
        FailedEntryCount: entries.filter((e) => e.ErrorCode).length,
        Entries: entries,
    });
}


const server = http.createServer((req, res) => {
    const chunks = [];

    req.on('data', (c) => chunks.push(c));
    req.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const rule = answer();
        const status = rule.status || 200;
        const line = { url: req.url, method: req.method, status,
            headers: req.headers, body };
        let text = rule.body || '';

        if (req.url.startsWith('/events') && status === 200) {
            text = putEvents(body, rule);
        }

        fs.appendFileSync(path.join(dir, 'requests'),
            JSON.stringify(line) + '\n');

        setTimeout(() => {
            res.writeHead(status, rule.headers || {});
            res.end(text);
        }, rule.wait || 0);
    });
});

server.listen(Number(port), '127.0.0.1');
