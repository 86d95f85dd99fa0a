'use strict';

/*
 * Copyright (C) The ngx_acm authors
 *
 * A small DER writer, and a strict reader that is enough for a CSR and for
 * the extensions of a certificate.
 */


function length(n) {
    if (n < 128) {
        return Buffer.from([n]);
    }

    const bytes = [];

    for (; n > 0; n = Math.floor(n / 256)) {
        bytes.unshift(n % 256);
    }

    return Buffer.from([128 + bytes.length, ...bytes]);
}


function tlv(tag, ...parts) {
    const body = parts.length === 1 ? parts[0] : Buffer.concat(parts);

    return Buffer.concat([Buffer.from([tag]), length(body.length), body]);
}


const seq = (...parts) => tlv(0x30, ...parts);
const set = (...parts) => tlv(0x31, ...parts);
const octets = (...parts) => tlv(0x04, ...parts);
const utf8 = (s) => tlv(0x0c, Buffer.from(s));
const bool = (b) => Buffer.from([1, 1, b ? 255 : 0]);
const explicit = (n, ...parts) => tlv(0xa0 + n, ...parts);
const bits = (buf, unused) => tlv(0x03, Buffer.from([unused || 0]), buf);


/* A positive integer, of a number or of its octets. */

function integer(v) {
    let buf = typeof v === 'number' ? Buffer.from([v]) : v;

    while (buf.length > 1 && buf[0] === 0 && buf[1] < 128) {
        buf = buf.subarray(1);
    }

    return buf[0] > 127 ? tlv(2, Buffer.from([0]), buf) : tlv(2, buf);
}


const oids = new Map();

function oid(text) {
    let der = oids.get(text);

    if (der) {
        return der;
    }

    const arcs = text.split('.').map(Number);
    const bytes = [];

    arcs.splice(0, 2, arcs[0] * 40 + arcs[1]);

    for (const arc of arcs) {
        const septets = [arc % 128];

        for (let n = Math.floor(arc / 128); n > 0; n = Math.floor(n / 128)) {
            septets.unshift(128 + n % 128);
        }

        bytes.push(...septets);
    }

    der = tlv(6, Buffer.from(bytes));
    oids.set(text, der);

    return der;
}


/* UTCTime until 2049, GeneralizedTime from then on (RFC 5280 s4.1.2.5). */

function time(ms) {
    const s = new Date(ms).toISOString().replace(/[-:T]|\..*/g, '');

    return s < '2050' ? tlv(0x17, Buffer.from(s.slice(2) + 'Z'))
        : tlv(0x18, Buffer.from(s + 'Z'));
}


/* The element at an offset; throws if it does not fit. */

function read(buf, at) {
    const start = at;
    const tag = buf[at++];
    let len = buf[at++];

    if (len === undefined || (tag & 31) === 31) {
        throw new Error('truncated DER');
    }

    if (len > 127) {
        const n = len - 128;

        if (n < 1 || n > 4 || at + n > buf.length) {
            throw new Error('bad DER length');
        }

        len = buf.readUIntBE(at, n);
        at += n;

        if (len < 128 || len < 2 ** (8 * (n - 1))) {
            throw new Error('DER length is not minimal');
        }
    }

    if (at + len > buf.length) {
        throw new Error('truncated DER');
    }

    return { tag, start, end: at + len, body: buf.subarray(at, at + len),
        raw: buf.subarray(start, at + len) };
}


/* The elements inside of a constructed one. */

function children(node) {
    const list = [];

    for (let at = 0; at < node.body.length;) {
        const child = read(node.body, at);
        list.push(child);
        at = child.end;
    }

    return list;
}


/* One element that fills the buffer. */

function parse(buf, tag) {
    const node = read(buf, 0);

    if (node.end !== buf.length || (tag && node.tag !== tag)) {
        throw new Error('unexpected DER');
    }

    return node;
}


function oidText(node) {
    const arcs = [];
    let n = 0;

    for (const b of node.body) {
        n = n * 128 + b % 128;

        if (b < 128) {
            arcs.push(n);
            n = 0;
        }
    }

    const first = Math.min(2, Math.floor(arcs[0] / 40));

    return [first, arcs[0] - 40 * first, ...arcs.slice(1)].join('.');
}


/* Extensions, as in a CSR and in a certificate: oid to its value. */

function extensions(node) {
    const found = new Map();

    for (const ext of children(node)) {
        const parts = children(ext);
        const value = parts[parts.length - 1];

        if (value.tag !== 4 || parts[0].tag !== 6) {
            throw new Error('bad extension');
        }

        found.set(oidText(parts[0]), { value: value.body,
            critical: parts.length === 3 && parts[1].body[0] !== 0 });
    }

    return found;
}


function ipText(buf) {
    if (buf.length === 4) {
        return buf.join('.');
    }

    if (buf.length !== 16) {
        throw new Error('bad IP address');
    }

    const groups = [];

    for (let i = 0; i < 16; i += 2) {
        groups.push(buf.readUInt16BE(i).toString(16));
    }

    return ipCanonical(groups.join(':'));
}


function ipCanonical(text) {
    return text.includes(':') ? new URL(`http://[${text}]/`).hostname
        .slice(1, -1) : text;
}


function ipBytes(text) {
    if (!text.includes(':')) {
        return Buffer.from(text.split('.').map(Number));
    }

    const [head, tail] = ipCanonical(text).split('::');
    const left = head ? head.split(':') : [];
    const right = tail ? tail.split(':') : [];
    const zeros = Array(8 - left.length - right.length).fill('0');
    const out = Buffer.alloc(16);

    [...left, ...zeros, ...right].forEach((g, i) => {
        out.writeUInt16BE(parseInt(g, 16), 2 * i);
    });

    return out;
}


/* The names of a subjectAltName value; other kinds are named by their tag. */

function altNames(value) {
    return children(parse(value, 0x30)).map((n) => {
        if (n.tag === 0x82) {
            return { type: 'dns', value: n.body.toString('latin1') };
        }

        return n.tag === 0x87 ? { type: 'ip', value: ipText(n.body) }
            : { type: 'tag ' + n.tag, value: '' };
    });
}


module.exports = { tlv, seq, set, octets, utf8, bool, explicit, bits, integer,
    oid, time, read, children, parse, oidText, extensions, altNames, ipBytes,
    ipCanonical };
