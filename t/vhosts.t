#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Several names on one connection (RFC 9113 s9.1.1): what one server wants of
# clients is not got around by a connection to another; and clients that have
# not learned what certificates are good for.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

plan(skip_all => 'no node') if system('node --version >/dev/null 2>&1');

$t->self_signed('client', 'client');

# "http2" is a directive since 1.25.1

my ($minor, $patch) = `$t->{nginx} -v 2>&1` =~ /nginx\/1\.(\d+)\.(\d+)/;
my $new = $minor * 1000 + $patch >= 25001;

$t->raw(H2 => $new ? '' : 'http2');
$t->raw(ON => $new ? 'http2 on;' : '');
$t->write_config(<<'EOF');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    %%ON%%
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    server {
        listen 127.0.0.1:8443 ssl %%H2%%;
        server_name a.example.com b.example.com;
        acm_certificate auto *.example.com;
        return 200 "$host\n";
    }
    server {
        listen 127.0.0.1:8443 ssl %%H2%%;
        server_name other.example.com;
        acm_certificate auto *.example.com;
        return 200 "the other\n";
    }
    server {
        listen 127.0.0.1:8443 ssl %%H2%%;
        server_name secret.example.com;
        acm_certificate auto *.example.com;
        ssl_verify_client on;
        ssl_client_certificate %%DIR%%/client.crt;
        return 200 "secret\n";
    }
    server {
        listen 127.0.0.1:8444 ssl;
        server_name rsa.example.com;
        acm_certificate auto key=rsa:2048;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ALL:@SECLEVEL=0;
        return 200 "rsa\n";
    }
}
EOF

$t->run();

ok($t->wait_issued('*.example.com'), 'a wildcard');
ok($t->wait_issued('rsa.example.com'), 'an RSA key');

my $root = $t->root();

# one connection by the name a, and a request for each authority

my $client = $t->write_file('client.js', <<'EOF');
'use strict';
const http2 = require('http2');
const fs = require('fs');
const [port, root, ...names] = process.argv.slice(2);
const c = http2.connect('https://a.example.com:' + port, {
    servername: 'a.example.com', ca: fs.readFileSync(root),
    lookup: (host, options, done) => options.all
        ? done(null, [{ address: '127.0.0.1', family: 4 }])
        : done(null, '127.0.0.1', 4) });
let left = names.length;
c.on('error', (e) => { console.log(String(e)); process.exit(1); });
for (const name of names) {
    const r = c.request({ ':authority': name });
    let status, body = '';
    r.on('response', (h) => { status = h[':status']; });
    r.on('data', (d) => { body += d; });
    r.on('end', () => {
        console.log(name, status, body.split('\n')[0]);
        if (--left === 0) { c.close(); }
    });
}
EOF

my @names = map { "$_.example.com" } qw/ a b other secret /;
my $port = $t->port(8443);
my $out = `timeout 20 node $client $port $root @names 2>&1`;

like($out, qr/^a\.example\.com 200 a\.example\.com$/m, 'a') or diag($out);
like($out, qr/^b\.example\.com 200 b\.example\.com$/m, 'b: the same server');
like($out, qr/^other\.example\.com 200 the other$/m, 'other: its own server');
like($out, qr/^secret\.example\.com 421 /m,
    'secret: misdirected, RFC 9110 s15.5.20');
unlike($out, qr/^secret.* secret$/m, 'secret: not told');

# a ClientHello of TLS 1.2 without signature_algorithms (RFC 5246
# s7.4.1.4.1); byte by byte, as no library makes it any more

sub hello {
    my ($name, $algorithms) = @_;

    my $vector = sub { return pack('n/a*', $_[0]) };

    my $extensions
        # server_name, RFC 6066 s3
        = pack('n', 0) . $vector->($vector->("\0" . $vector->($name)))
        # supported_groups: P-256
        . pack('n', 10) . $vector->($vector->(pack('n', 23)))
        # ec_point_formats
        . pack('n', 11) . $vector->("\1\0");
    $extensions .= pack('n', 13) . $vector->($vector->($algorithms))
        if defined $algorithms;

    # ECDHE-RSA and ECDHE-ECDSA with AES128-GCM
    my $body = "\3\3" . 'r' x 32 . "\0" . $vector->("\xc0\x2f\xc0\x2b")
        . "\1\0" . $vector->($extensions);

    return "\x16\3\1" . $vector->("\1" . substr(pack('N', length($body)), 1)
        . $body);
}

# The first record that comes back: [type, first octets].

sub record {
    my ($port, $hello) = @_;

    my $s = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1:' . $t->port($port)) or die "connect: $!";

    my $got = '';
    local $SIG{ALRM} = sub { die "timeout\n" };

    alarm(20);
    eval {
        syswrite($s, $hello);
        while (length($got) < 7) {
            sysread($s, $got, 7 - length($got), length($got)) or last;
        }
    };
    alarm(0);

    return unpack('C x4 C2', $got);
}

my @workers = sort $t->workers();

for my $case (['rsa.example.com', 8444], ['unknown.example.org', 8444],
    ['a.example.com', 8443])
{
    my ($name, $port) = @$case;

    # the same with the extension is answered, so it is not for another fault
    is_deeply([(record($port, hello($name, "\4\1\4\3")))[0, 1]], [22, 2],
        "$name, with signature algorithms: ServerHello");

    my ($type, $level, $what) = record($port, hello($name));

    ok(defined $type && ($type == 22
        || $type == 21 && $level == 2 && $what == 40),
        "$name, without: a handshake, or handshake_failure")
        or diag(join(' ', map { $_ // 'nothing' } $type, $level, $what));

    ($type, $level, $what) = record($port, hello($name, ''));
    ok(defined $type && $type == 21 && $level == 2,
        "$name, none of them: an alert")
        or diag(join(' ', map { $_ // 'nothing' } $type, $level, $what));

    ($type, $level, $what) = record($port, hello($name, "\2\2"));
    ok(defined $type && $type == 21 && $level == 2,
        "$name, unusable ones: an alert")
        or diag(join(' ', map { $_ // 'nothing' } $type, $level, $what));
}

is_deeply([sort $t->workers()], \@workers, 'the workers live');

my $r = $t->handshake(8444, 'rsa.example.com', root => $root);
ok($r->{verified}, 'and serve');

$t->finish();

done_testing();
