#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The fake CA itself: it must be right by default, and wrong as told.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw/ tempdir /;
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Open2;
use JSON::PP;
use POSIX ();
use Test::Nginx::FakeCA;
use Time::HiRes qw/ sleep time /;

plan(skip_all => 'no node') if system('node --version >/dev/null 2>&1');

my $dir = tempdir(CLEANUP => 1);
my $ca = Test::Nginx::FakeCA->new(seed => 7);
my $json = JSON::PP->new()->utf8()->canonical();
my $http = HTTP::Tiny->new(timeout => 10);
my ($to, $from, $client);

# one line to the ideal client, one line from it

sub ask {
    my (%command) = @_;

    print $to $json->encode(\%command), "\n";
    my $line = <$from> // die 'client is gone';

    return $json->decode($line);
}

sub start_client {
    my ($url, @args) = @_;

    if ($client) {
        close($to);
        waitpid($client, 0);
    }

    $client = open2($from, $to, 'node', "$FindBin::Bin/fake_ca/client.js",
        '--lines', '--directory', $url, @args);

    return;
}

sub type {
    my ($r) = @_;

    my $type = $r->{json}{type} // $r->{error} // "status $r->{status}";
    return $type =~ s/^urn:ietf:params:acme:error://r;
}

sub fires {
    my ($match, $action) = @_;

    $ca->clear();
    $ca->rule({ match => $match, action => $action });

    return;
}

sub save {
    my ($name, $text) = @_;

    open(my $fh, '>', "$dir/$name") or die "$name: $!";
    print $fh $text;
    close($fh);

    return "$dir/$name";
}

sub openssl {
    my (@args) = @_;

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>&', \*STDOUT);
        exec('openssl', @args) or POSIX::_exit(127);
    }

    local $/;
    return scalar(<$fh>) // '';
}

sub verify {
    my ($chain, $root) = @_;

    my $file = save('chain.pem', $chain);

    return openssl('verify', '-x509_strict', '-CAfile', $root, '-untrusted',
        $file, $file) =~ /: OK$/;
}

sub text { return openssl('x509', '-noout', '-text', '-in',
    save('cert.pem', $_[0])) }

# directory and nonces, by plain HTTP

my $base = 'http://127.0.0.1:' . $ca->port();
my $r = $http->get($ca->url());
my $d = $json->decode($r->{content});

is($r->{headers}{'content-type'}, 'application/json', 'directory type');
is($d->{$_} =~ m{^\Q$base\E/}, 1, "directory has $_")
    for qw/ newNonce newAccount newOrder revokeCert keyChange renewalInfo /;
is_deeply([sort keys %{$d->{meta}}], [qw/ caaIdentities
    externalAccountRequired profiles termsOfService website /], 'meta');

$r = $http->head($d->{newNonce});
is($r->{status}, 200, 'HEAD newNonce');
like($r->{headers}{'replay-nonce'}, qr/^[\w-]{22}$/, 'nonce');
is($r->{headers}{'cache-control'}, 'no-store', 'nonce is not cached');
like($r->{headers}{link}, qr{directory>;rel="index"}, 'link to the directory');
$r = $http->get($d->{newNonce});
is($r->{status}, 204, 'GET newNonce');
is($http->get($d->{newOrder})->{status}, 405, 'GET newOrder');
is($http->get("$base/nothing")->{status}, 404, 'unknown path');
is($http->post($d->{newAccount})->{status}, 415, 'POST of another type');

# accounts

start_client($ca->url());

$r = ask(op => 'post', url => $d->{newAccount}, jwk => \1,
    payload => { onlyReturnExisting => \1 });
is(type($r), 'accountDoesNotExist', 'onlyReturnExisting, none');
is($r->{headers}{'content-type'}, 'application/problem+json', 'problem type');

for (
    ['malformed', 'terms not agreed', {}],
    ['unsupportedContact', 'tel:', { contact => ['tel:+123'] }],
    ['invalidContact', 'two addresses',
        { contact => ['mailto:a@example.com,b@example.com'] }],
    ['invalidContact', 'header fields',
        { contact => ['mailto:a@example.com?subject=x'] }],
) {
    my ($type, $name, $extra) = @$_;

    $r = ask(op => 'post', url => $d->{newAccount}, jwk => \1, payload => {
        $extra->{contact} ? (termsOfServiceAgreed => \1) : (), %$extra });
    is(type($r), $type, "newAccount: $name");
}

$r = ask(op => 'register', extra => { contact => ['mailto:a@example.com'] });
is($r->{status}, 201, 'newAccount');
my $account = $r->{headers}{location};
like($account, qr{^\Q$base\E/acme/acct/\w+$}, 'Location');
is($r->{json}{status}, 'valid', 'account is valid');
$r = ask(op => 'post', url => $d->{newAccount}, jwk => \1,
    payload => { onlyReturnExisting => \1 });
is($r->{status}, 200, 'onlyReturnExisting');
is($r->{headers}{location}, $account, 'the same account');

$r = ask(op => 'post', url => $account,
    payload => { contact => ['mailto:b@example.com'] });
is($r->{json}{contact}[0], 'mailto:b@example.com', 'contact changed');

# JWS

my $order = { identifiers => [{ type => 'dns', value => 'www.example.com' }] };

for (
    ['malformed', 'bad signature', corrupt => \1],
    ['badNonce', 'unknown nonce', head => { nonce => 'abc' }],
    ['badNonce', 'no nonce', head => { nonce => undef }],
    ['unauthorized', 'another url', head => { url => "$base/x" }],
    ['malformed', 'jwk for kid', jwk => \1],
    ['accountDoesNotExist', 'unknown kid', head => { kid => "$account-" }],
    ['badSignatureAlgorithm', 'none', head => { alg => 'none' }],
    ['badSignatureAlgorithm', 'HS256', head => { alg => 'HS256' }],
    ['badSignatureAlgorithm', 'RS256 of an EC key', head => { alg => 'RS256' }],
    ['malformed', 'unprotected header', members => { header => {} }],
    ['malformed', 'padding', members => { payload => 'e30=' }],
    ['malformed', 'no JSON', body => '{'],
    ['malformed', 'Content-Type', type => 'application/json'],
) {
    my ($type, $name, @opts) = @$_;

    # null in JSON is not the same as absent, but no nonce either
    $r = ask(op => 'post', url => $d->{newOrder}, payload => $order, @opts);
    is(type($r), $name eq 'no nonce' ? 'malformed' : $type, "JWS: $name")
        or diag($r->{body});
}

$r = ask(op => 'post', url => $d->{newOrder}, payload => $order,
    head => { alg => 'ES999' });
is_deeply([sort @{$r->{json}{algorithms}}], [qw/ ES256 ES384 RS256 /],
    'algorithms are listed');

# a nonce is good for one request

my $nonce = $http->head($d->{newNonce})->{headers}{'replay-nonce'};
$r = ask(op => 'post', url => $account, head => { nonce => $nonce });
is($r->{status}, 200, 'nonce, once');
$r = ask(op => 'post', url => $account, head => { nonce => $nonce });
is(type($r), 'badNonce', 'nonce, twice');
ok($r->{headers}{'replay-nonce'}, 'a problem has a new nonce');

# orders that are refused

for (
    ['malformed', 'none', []],
    ['malformed', 'no name', [{ type => 'dns', value => 'a b.example.com' }]],
    ['malformed', 'inner wildcard',
        [{ type => 'dns', value => 'a.*.example.com' }]],
    ['malformed', 'bad IP', [{ type => 'ip', value => '1.2.3' }]],
    ['unsupportedIdentifier', 'mail',
        [{ type => 'email', value => 'a@example.com' }]],
) {
    my ($type, $name, $list) = @$_;

    $r = ask(op => 'post', url => $d->{newOrder},
        payload => { identifiers => $list });
    is(type($r), $type, "newOrder: $name");
}

$r = ask(op => 'post', url => $d->{newOrder},
    payload => { %$order, notAfter => '2040-01-01T00:00:00Z' });
is(type($r), 'malformed', 'newOrder: notAfter');
$r = ask(op => 'post', url => $d->{newOrder},
    payload => { %$order, profile => 'none' });
is(type($r), 'invalidProfile', 'newOrder: profile');

# one order step by step

$r = ask(op => 'post', url => $d->{newOrder}, payload => { identifiers => [
    { type => 'dns', value => 'WWW.example.com' },
    { type => 'dns', value => '*.example.com' },
    { type => 'ip', value => '127.0.0.1' }] });
is($r->{status}, 201, 'newOrder');
my $o = $r->{json};
my $order_url = $r->{headers}{location};
is($o->{status}, 'pending', 'order is pending');
is($o->{identifiers}[0]{value}, 'www.example.com', 'name in lower case');
is(@{$o->{authorizations}}, 3, 'an authorization each');

$r = ask(op => 'post', url => $o->{finalize}, payload => { csr => 'x' });
is(type($r), 'orderNotReady', 'finalize too early');

my @types = (['http-01', 'tls-alpn-01', 'dns-01'], ['dns-01'],
    ['http-01', 'tls-alpn-01']);

for my $i (0 .. 2) {
    my $url = $o->{authorizations}[$i];
    my $a = ask(op => 'post', url => $url)->{json};

    is($a->{status}, 'pending', "authorization $i is pending");
    is_deeply([map { $_->{type} } @{$a->{challenges}}], $types[$i],
        "challenges $i");
    is(!!$a->{wildcard}, $i == 1, "wildcard $i");
    like($a->{challenges}[0]{token}, qr/^[\w-]{32}$/, "token $i");

    $r = ask(op => 'post', url => $a->{challenges}[0]{url}, payload => {});
    is($r->{json}{status}, 'processing', "challenge $i");
    like($r->{headers}{link}, qr{\Q$url\E>;rel="up"}, "link up $i");
    $a = ask(op => 'post', url => $url)->{json};
    is($a->{status}, 'valid', "authorization $i is valid");
}

is(ask(op => 'post', url => $order_url)->{json}{status}, 'ready',
    'order is ready');

my @names = ('www.example.com', '*.example.com', '127.0.0.1');

for (
    ['missing name', { csr => ask(op => 'csr', names => [@names[0, 1]])
        ->{csr} }],
    ['another name', { csr => ask(op => 'csr', names => [@names,
        'evil.example'])->{csr} }],
    ['account key', { csr => ask(op => 'csr', names => \@names,
        account => \1)->{csr} }],
    ['garbage', { csr => 'AAAA' }],
) {
    $r = ask(op => 'post', url => $o->{finalize}, payload => $_->[1]);
    is(type($r), 'badCSR', "finalize: $_->[0]") or diag($r->{body});
}

$r = ask(op => 'post', url => $o->{finalize},
    payload => { csr => ask(op => 'csr', names => \@names)->{csr} });
is($r->{json}{status}, 'valid', 'finalize');
$r = ask(op => 'post', url => $r->{json}{certificate});
is($r->{headers}{'content-type'}, 'application/pem-certificate-chain',
    'certificate type');
my ($alternate) = $r->{headers}{link} =~ /<([^>]+)>;rel="alternate"/;
ok($alternate, 'link to the alternate');

my $root = $ca->root();
my $chain = $r->{body};

ok(verify($chain, $root), 'chain verifies');
ok(!verify($chain, $ca->root(1)), 'not by the second root');
my $second = ask(op => 'post', url => $alternate)->{body};
ok(verify($second, $ca->root(1)), 'alternate chain verifies');
ok(!verify($second, $root), 'not by the first root');
my $text = text($chain);
like($text, qr/DNS:www\.example\.com, DNS:\*\.example\.com, IP Addr[^:]*:127\./,
    'names');

# other key types, and their change

for my $alg (qw/ RS256 ES384 /) {
    ask(op => 'key', alg => $alg);
    is(ask(op => 'register')->{status}, 201, "account of $alg");
    $r = ask(op => 'issue', names => ['a.example.com']);
    ok(verify($r->{chain}, $root), "certificate by $alg");
    is(ask(op => 'keyChange', alg => 'ES256')->{status}, 200,
        "key change of $alg");
    $r = ask(op => 'issue', names => ['b.example.com'],
        profile => 'shortlived');
    ok(verify($r->{chain}, $root), 'certificate by the new key');
    is($r->{order}{profile}, 'shortlived', 'profile');
}

ask(op => 'key', alg => 'ES512');
is(type(ask(op => 'post', url => $d->{newAccount}, jwk => \1,
    head => { alg => 'ES256' }, payload => {})), 'badPublicKey', 'P-521');
ask(op => 'key', alg => 'weak');
is(type(ask(op => 'post', url => $d->{newAccount}, jwk => \1,
    payload => {})), 'badPublicKey', 'RSA 1024');

# renewal information, replaces, revocation

sub ari_id {
    my $t = text($_[0]);
    my $b64 = sub { my $v = pack('H*', $_[0] =~ s/[:\s]//gr);
        return MIME::Base64::encode_base64url($v) };
    my ($aki) = $t =~ /Authority Key Identifier:\s*([0-9A-F:]+)/;
    my ($serial) = $t =~ /Serial Number:\s*([0-9a-f:]+)/;

    require MIME::Base64;
    return $b64->($aki) . '.' . $b64->($serial);
}

ask(op => 'key');
ask(op => 'register');
$r = ask(op => 'issue', names => ['r.example.com']);
$chain = $r->{chain};
my $id = ari_id($chain);
$r = $http->get("$d->{renewalInfo}/$id");
my $ari = $json->decode($r->{content});
like($ari->{suggestedWindow}{start}, qr/^\d{4}-.*Z$/, 'ARI window');
ok($ari->{explanationURL}, 'ARI explanation');
is($r->{headers}{'retry-after'}, 21600, 'ARI Retry-After');
is($http->get("$d->{renewalInfo}/AAAA.AAAA")->{status}, 404, 'ARI unknown');
is($http->get("$d->{renewalInfo}/AAAA")->{status}, 400, 'ARI malformed');

$ca->config({ ariWindows => { 'r.example.com' =>
    { start => '2020-01-01T00:00:00Z', end => '2020-01-02T00:00:00Z' } } });
is($json->decode($http->get("$d->{renewalInfo}/$id")->{content})
    ->{suggestedWindow}{start}, '2020-01-01T00:00:00Z', 'ARI as configured');

$r = ask(op => 'issue', names => ['r.example.com'], replaces => $id);
is($r->{order}{replaces}, $id, 'replaces');
$r = ask(op => 'post', url => $d->{newOrder}, payload => { identifiers =>
    [{ type => 'dns', value => 'r.example.com' }], replaces => $id });
is(type($r), 'alreadyReplaced', 'replaces twice');
is($r->{status}, 409, 'conflict');
$r = ask(op => 'post', url => $d->{newOrder}, payload => { %$order,
    replaces => $id });
is(type($r), 'unauthorized', 'replaces for other names');

my ($b64) = $chain =~ /CERTIFICATE-----\n(.*?)-----END/s;
$b64 =~ tr{+/=\n}{-_}d;

for (
    ['badRevocationReason', 7], ['status 200', 1], ['alreadyRevoked', 1],
) {
    $r = ask(op => 'post', url => $d->{revokeCert},
        payload => { certificate => $b64, reason => $_->[1] });
    is(type($r), $_->[0], "revokeCert: $_->[0]");
}

# who may revoke: the key of the certificate, not another account

$r = ask(op => 'issue', names => ['k.example.com']);
($b64) = $r->{chain} =~ /CERTIFICATE-----\n(.*?)-----END/s;
$b64 =~ tr{+/=\n}{-_}d;

ask(op => 'key');
ask(op => 'register');
is(type(ask(op => 'post', url => $d->{revokeCert},
    payload => { certificate => $b64 })), 'unauthorized',
    'revokeCert: another account');
ask(op => 'key');
is(type(ask(op => 'post', url => $d->{revokeCert}, jwk => \1,
    payload => { certificate => $b64 })), 'unauthorized',
    'revokeCert: another key');
ask(op => 'key', pem => $r->{key});
is(ask(op => 'post', url => $d->{revokeCert}, jwk => \1,
    payload => { certificate => $b64 })->{status}, 200,
    'revokeCert: key of the certificate');
is($json->decode($http->get("$d->{renewalInfo}/" . ari_id($r->{chain}))
    ->{content})->{suggestedWindow}{end} lt POSIX::strftime('%FT%TZ', gmtime),
    1, 'ARI window of a revoked certificate is over');

# pre-authorization, deactivation, list of orders

ask(op => 'key');
$account = ask(op => 'register')->{headers}{location};
$ca->config({ preAuthorization => \1, ordersPerPage => 2,
    authzReusePercent => 100 });
my $new = $json->decode($http->get($ca->url())->{content})->{newAuthz};
$r = ask(op => 'post', url => $new, payload => { identifier =>
    { type => 'dns', value => 'p.example.com' } });
is($r->{status}, 201, 'newAuthz');
my $authz = $r->{headers}{location};
ask(op => 'post', url => $r->{json}{challenges}[0]{url}, payload => {});
$r = ask(op => 'post', url => $d->{newOrder}, payload => { identifiers =>
    [{ type => 'dns', value => 'p.example.com' }] });
is($r->{json}{status}, 'ready', 'order is ready at once');
$order_url = $r->{headers}{location};
is(ask(op => 'post', url => $authz, payload => { status => 'deactivated' })
    ->{json}{status}, 'deactivated', 'authorization is deactivated');
is(ask(op => 'post', url => $order_url)->{json}{status}, 'invalid',
    'and so the order is invalid');
$r = ask(op => 'post', url => $d->{newOrder}, payload => $order) for 1 .. 2;
$r = ask(op => 'post', url => "$account/orders");
is(@{$r->{json}{orders}}, 2, 'orders of the first page');
my ($next) = $r->{headers}{link} =~ /<([^>]+)>;rel="next"/;
is(@{ask(op => 'post', url => $next)->{json}{orders}}, 1, 'of the second');
$ca->config({ preAuthorization => undef, ordersPerPage => undef,
    authzReusePercent => undef });

# external accounts

$ca->config({ externalAccountRequired => \1,
    eabKeys => { k1 => 'c2VjcmV0LXNlY3JldC1zZWNyZXQ' } });
ask(op => 'key');
is(type(ask(op => 'post', url => $d->{newAccount}, jwk => \1,
    payload => { termsOfServiceAgreed => \1 })), 'externalAccountRequired',
    'no external account');
like(ask(op => 'register', eab => ['k1', 'AAAA'])->{error}, qr/unauthorized/,
    'wrong MAC key');
like(ask(op => 'register', eab => ['k2', 'AAAA'])->{error}, qr/unauthorized/,
    'unknown kid');
$r = ask(op => 'register', eab => ['k1', 'c2VjcmV0LXNlY3JldC1zZWNyZXQ']);
is($r->{status}, 201, 'external account');
ok($r->{json}{externalAccountBinding}, 'binding is shown');
$ca->config({ externalAccountRequired => \0 });
$account = $r->{headers}{location};

# every type of problem

my @problems = qw/ accountDoesNotExist alreadyReplaced alreadyRevoked badCSR
    badNonce badPublicKey badRevocationReason badSignatureAlgorithm caa
    compound connection dns externalAccountRequired incorrectResponse
    invalidContact invalidProfile malformed orderNotReady rateLimited
    rejectedIdentifier serverInternal tls unauthorized unsupportedContact
    unsupportedIdentifier userActionRequired /;

for my $type (@problems) {
    fires({ endpoint => 'newOrder' }, { problem => { type => $type,
        retryAfter => 17, subproblems => [{ type => 'caa', identifier =>
        { type => 'dns', value => 'www.example.com' } }] } });
    $r = ask(op => 'post', url => $d->{newOrder}, payload => $order);
    is(type($r), $type, "problem $type");
    is($r->{headers}{'retry-after'}, 17, 'Retry-After')
        if $type eq 'rateLimited';
    is($r->{json}{subproblems}[0]{type}, 'urn:ietf:params:acme:error:caa',
        'subproblem') if $type eq 'compound';
    like($r->{headers}{link}, qr/terms-of-service/, 'link to the terms')
        if $type eq 'userActionRequired';
}

# matches

$ca->clear();
$ca->rule({ match => { endpoint => 'newOrder', name => 'b.example.com',
    nth => 2 }, action => { problem => { type => 'caa' } } });

sub order_for {
    return type(ask(op => 'post', url => $d->{newOrder}, payload => {
        identifiers => [map { { type => 'dns', value => $_ } } @_] }));
}

is(order_for('b.example.com'), 'status 201', 'first is let through');
is(order_for('c.example.com'), 'status 201', 'another name does not count');
is(order_for('a.example.com', 'b.example.com'), 'caa', 'second');
is(order_for('b.example.com'), 'status 201', 'third is let through');
is($ca->rules()->[0]{seen}, 3, 'seen');
is($ca->rules()->[0]{fired}, 1, 'fired');

fires({ endpoint => 'newOrder', times => 2 }, { http => { status => 503 } });
is(join(' ', map { order_for('b.example.com') } 1 .. 3),
    'status 503 status 503 status 201', 'times');

fires({ endpoint => 'newOrder', percent => 50 },
    { http => { status => 503 } });
my $n = grep { order_for('b.example.com') eq 'status 503' } 1 .. 40;
ok($n > 5 && $n < 35, 'percent') or diag($n);

for (
    '{"match":{"endpoint":"nothing"},"action":{"hang":true}}',
    '{"match":{"nmae":"a"},"action":{"hang":true}}', '{"action":{"hag":true}}',
    '{"action":{"delay":"1"}}', '{"action":{"cert":"nice"}}', '{}', 'x',
) {
    is($http->post("$base/_fake/rules", { content => $_ })->{status}, 400,
        "refused: $_");
}

is($http->post("$base/_fake/config", { content => '{"lifetim":5}' })
    ->{status}, 400, 'an unknown setting is refused');

# what is on the wire

sub raw {
    my ($seconds) = @_;

    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $ca->port()) or die "connect: $!";
    my ($all, $end) = ('', time() + $seconds);

    print $s "GET /directory HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        . "Connection: close\r\n\r\n";

    while ((my $left = $end - time()) > 0 && length($all) < 1e6) {
        my $set = '';
        vec($set, fileno($s), 1) = 1;
        next if !select($set, undef, undef, $left);
        return ($all, 'closed') if !sysread($s, $all, 65536, length($all));
    }

    return ($all, 'open');
}

my ($all, $state) = raw(5);
is($state, 'closed', 'no rule matches: all is sent');

fires({ endpoint => 'directory' }, { truncate => 20 });
($all, $state) = raw(5);
my ($length, $body) = $all =~ /Content-Length: (\d+).*?\r\n\r\n(.*)/s;
is(length($body), 20, 'truncate: octets');
ok($length > 1000, 'truncate: Content-Length');
is($state, 'closed', 'truncate: closed');

fires({ endpoint => 'directory' }, { slow => { bytesPerSecond => 10 } });
($all, $state) = raw(1);
($body) = $all =~ /\r\n\r\n(.*)/s;
ok(length($body) > 2 && length($body) < 20, 'slow') or diag($all);
is($state, 'open', 'slow: goes on');

fires({ endpoint => 'directory' },
    { slow => { bytesPerSecond => 20, head => \1 } });
($all, $state) = raw(0.5);
ok(length($all) && $all !~ /\r\n\r\n/, 'slow head') or diag($all);

fires({ endpoint => 'directory' }, { endless => \1 });
($all, $state) = raw(10);
is($state, 'open', 'endless');
ok(length($all) >= 1e6, 'endless: a lot');

fires({ endpoint => 'directory' }, { close => \1 });
is(join('', raw(5)), 'closed', 'close');

fires({ endpoint => 'directory' }, { hang => \1 });
is(join('', raw(0.3)), 'open', 'hang');

fires({ endpoint => 'directory' }, { delay => 0.3 });
my $start = time();
is($http->get($ca->url())->{status}, 200, 'delay');
ok(time() - $start >= 0.3, 'delay takes its time');

# what is in the answer

sub directory { return $http->get($ca->url(), @_) }

fires({ endpoint => 'directory' }, { redirect => "$base/elsewhere" });
$r = HTTP::Tiny->new(max_redirect => 0)->get($ca->url());
is("$r->{status} $r->{headers}{location}", "302 $base/elsewhere", 'redirect');

fires({ endpoint => 'directory' }, { http => { status => 418,
    headers => { 'X-Test' => 'y' }, body => 'teapot' } });
$r = directory();
is("$r->{status} $r->{headers}{'x-test'} $r->{content}", '418 y teapot',
    'http');

fires({ endpoint => 'directory' }, { wrongType => 'text/html' });
is(directory()->{headers}{'content-type'}, 'text/html', 'wrongType');

fires({ endpoint => 'directory' }, { badJson => \1 });
ok(!eval { $json->decode(directory()->{content}) }, 'badJson');

fires({ endpoint => 'directory' }, { set => { newOrder => 5 },
    unset => ['meta'] });
$r = $json->decode(directory()->{content});
is($r->{newOrder}, 5, 'set');
ok(!exists $r->{meta}, 'unset');

fires({ endpoint => 'directory' }, { invalidUrl => 'http://evil.example/' });
is($json->decode(directory()->{content})->{newNonce}, 'http://evil.example/',
    'invalidUrl');

fires({ endpoint => 'newNonce' }, { noNonce => \1 });
ok(!$http->head($d->{newNonce})->{headers}{'replay-nonce'}, 'noNonce');

for my $kind (\1, 'garbage', 'stale') {
    fires({ endpoint => 'newNonce' }, { wrongNonce => $kind });
    $nonce = $http->head($d->{newNonce})->{headers}{'replay-nonce'};
    $ca->clear();
    $r = ask(op => 'post', url => $account, head => { nonce => $nonce });
    is(type($r), ref $kind || $kind eq 'stale' ? 'badNonce' : 'malformed',
        'wrongNonce ' . (ref $kind ? 'true' : $kind));
}

fires({ endpoint => 'newOrder' }, { dropLocation => \1 });
$r = ask(op => 'post', url => $d->{newOrder}, payload => $order);
ok(!$r->{headers}{location}, 'dropLocation');

fires({ endpoint => 'newOrder' }, { invalidUrl =>
    { url => 'http://evil.example/', field => 'finalize' } });
$r = ask(op => 'post', url => $d->{newOrder}, payload => $order);
is($r->{json}{finalize}, 'http://evil.example/', 'invalidUrl of a field');
like($r->{json}{authorizations}[0], qr/^\Q$base/, 'and of no other');

fires({ endpoint => 'newOrder' }, { orderExpires => -1 });
$r = ask(op => 'post', url => $d->{newOrder}, payload => $order);
is($r->{json}{status}, 'invalid', 'orderExpires');

fires({ endpoint => 'newOrder' }, { challengeTypes => ['dns-account-01'],
    token => '../../etc/passwd' });
$r = ask(op => 'post', url => $d->{newOrder}, payload => $order);
$r = ask(op => 'post', url => $r->{json}{authorizations}[0]);
is($r->{json}{challenges}[0]{type}, 'dns-account-01', 'challengeTypes');
is($r->{json}{challenges}[0]{token}, '../../etc/passwd', 'token');

fires({ endpoint => 'newOrder', times => 1 }, { close => \1, process => \1 });
my $before = $ca->stats(brief => 1)->{counts}{orders};
ok(ask(op => 'post', url => $d->{newOrder}, payload => $order)->{error},
    'close after the order is made');
is($ca->stats(brief => 1)->{counts}{orders}, $before + 1, 'it is made');

# failed validations and orders

fires({ endpoint => 'challenge', name => 'f.example.com' },
    { authzError => { type => 'dns', detail => 'no such name' } });
like(ask(op => 'issue', names => ['f.example.com'])->{error},
    qr/no such name/, 'authzError');
$ca->rule({ match => { endpoint => 'challenge', name => 'g.example.com' },
    action => { authzError => { type => 'caa' } } });
$r = ask(op => 'post', url => $d->{newOrder}, payload => { identifiers => [
    map { { type => 'dns', value => $_ } } qw/ f.example.com g.example.com / ]
});
$order_url = $r->{headers}{location};

for (@{$r->{json}{authorizations}}) {
    my $a = ask(op => 'post', url => $_)->{json};
    ask(op => 'post', url => $a->{challenges}[0]{url}, payload => {});
    ask(op => 'post', url => $_);
}

$r = ask(op => 'post', url => $order_url);
is($r->{json}{status}, 'invalid', 'order is invalid');
is($r->{json}{error}{subproblems}[1]{identifier}{value}, 'g.example.com',
    'compound error');
is(@{$ca->stats()->{names}{'f.example.com'}{failed}}, 2, 'failures counted');

fires({ endpoint => 'finalize' },
    { orderError => { type => 'serverInternal', detail => 'no HSM' } });
like(ask(op => 'issue', names => ['h.example.com'])->{error}, qr/no HSM/,
    'orderError');

# wrong certificates

for (
    ['otherkey', sub { verify($_[0], $root) }],
    ['missingsan', sub { text($_[0]) !~ /DNS:t2/ }],
    ['extrasan', sub { text($_[0]) =~ /DNS:extra\.example\.net/ }],
    ['html', sub { $_[0] =~ /^<!doctype/ }],
    ['empty', sub { $_[0] eq '' }],
    ['expired', sub { !verify($_[0], $root) }],
    ['future', sub { !verify($_[0], $root) }],
    ['selfsigned', sub { !verify($_[0], $root) }],
    ['reorder', sub { text($_[0]) =~ /Subject: CN = Fake Interm/ }],
    ['garbage', sub { text($_[0]) !~ /Serial/ }],
    ['toolong', sub { length($_[0]) > 1e6 }],
    ['longlife', sub { verify($_[0], $root) }],
    ['leafonly', sub { !verify($_[0], $root) }],
    ['clientonly', sub { text($_[0]) =~ /TLS Web Client/ }],
    ['crlf', sub { $_[0] =~ /\r\n/ && verify($_[0], $root) }],
) {
    my ($fault, $check) = @$_;

    fires({ endpoint => 'cert' }, { cert => $fault });
    $r = ask(op => 'issue', names => ['t.example.com', 't2.example.com']);
    ok($check->($r->{chain}), "certificate: $fault") or diag($r->{error});

    if ($fault eq 'otherkey') {
        save('key.pem', $r->{key});
        isnt(openssl('pkey', '-pubout', '-in', "$dir/key.pem"),
            openssl('x509', '-pubkey', '-noout', '-in', "$dir/chain.pem"),
            'it is another key');
    }
}

# settings

$ca->clear();
$ca->config({ lifetime => 600, scts => 2, authzReusePercent => 100,
    finalizeDelay => 0.05, retryAfter => { order => 1 },
    badNoncePercent => 30 });
$r = ask(op => 'issue', names => ['s.example.com']);
ok(verify($r->{chain}, $root), 'issued with settings') or diag($r->{error});
is(() = text($r->{chain}) =~ /Signed Certificate Timestamp:/g, 2, 'SCTs');
like(openssl('x509', '-noout', '-checkend', 601, '-in', "$dir/cert.pem"),
    qr/will expire/, 'lifetime');
$n = $ca->stats()->{names}{'s.example.com'}{challenge};
ask(op => 'issue', names => ['s.example.com']);
my $s = $ca->stats();
is($s->{names}{'s.example.com'}{challenge}, $n, 'authorization is reused');
is($s->{certificatesPerSet}{'s.example.com'}, 2, 'certificates of a set');
is($s->{ordersPerSet}{'s.example.com'}, 2, 'orders of a set');
ok($s->{problems}{badNonce} > 2, 'bad nonces');
is($s->{maxConcurrent}, 1, 'never two at a time');
ok(@{$s->{log}} > 100 && $s->{log}[0]{t} > 1e12, 'log');

$ca->admin('DELETE', 'config');
$ca->config({ validation => 'never' });
like(ask(op => 'issue', names => ['n.example.com'])->{error},
    qr/unauthorized/, 'validation: never');

# real validation: http-01 by a server that is the fake CA itself

$ca->config({ validation => 'real', httpPort => $ca->port(),
    tlsPort => $ca->port(), dnsServers => ['127.0.0.1:' . $ca->port()],
    validationTimeout => 0.5, challengeTypes => [qw/ http-01 tls-alpn-01
    dns-01 dns-account-01 dns-persist-01 /] });

for (
    ['http-01', qr/unauthorized.*answered 404/],
    ['tls-alpn-01', qr/error:tls/], ['dns-01', qr/error:dns/],
    ['dns-account-01', qr/error:dns.*_[a-z2-7]{16}\._acme-challenge\./],
    ['dns-persist-01', qr/error:dns.*_validation-persist\./],
) {
    like(ask(op => 'issue', names => ['v.example.com'],
        type => $_->[0])->{error}, $_->[1], "real $_->[0] fails");
}

# and it succeeds where the challenge is met

$r = ask(op => 'respond');
$ca->config($r->{config});

for (
    ['http-01', 'v1.example.com', '127.0.0.1', '::1'],
    ['tls-alpn-01', 'v2.example.com', '127.0.0.2', '2001:db8::1'],
    ['dns-01', 'v3.example.com', '*.v3.example.com'],
    ['dns-account-01', 'v4.example.com', '*.v4.example.com'],
    ['dns-persist-01', '*.v5.example.com', 'v5.example.com'],
) {
    my ($type, @list) = @$_;

    $r = ask(op => 'issue', names => \@list, type => $type);
    ok(verify($r->{chain} // '', $root), "real $type") or diag($r->{error});
}

$ca->config({ checkCaa => \1 });

for (
    ['c1.example.com', 'ca.example', qr/^$/],
    ['c2.example.com', ';', qr/error:caa/],
    ['c3.example.com', 'ca.example; accounturi=http://x', qr/error:caa/],
    ['c4.example.com', 'ca.example; validationmethods=http-01', qr/^$/],
) {
    my ($name, $value, $error) = @$_;

    ask(op => 'record', type => 'CAA', name => $name, value => $value);
    $r = ask(op => 'issue', names => ["www.$name"], type => 'http-01');
    like($r->{error} // '', $error, "CAA $value");
}

# down, and up again

$ca->admin('DELETE', 'config');
$ca->down(0.3);
is($http->get($ca->url())->{status}, 599, 'down');

for (1 .. 200) {
    last if $http->get($ca->url())->{status} == 200;
    sleep(0.05);
}

is(ask(op => 'post', url => $account)->{status}, 200, 'up again');

# what node itself would not send

fires({ endpoint => 'newNonce' },
    { headers => { 'Replay-Nonce' => "a\x01\r\nb: c" } });
is($http->get($d->{newNonce})->{headers}{b}, 'c', 'hostile header');
$ca->clear();

# POST-as-GET where GET is usual

is(ask(op => 'post', url => $d->{newNonce})->{status}, 204,
    'POST-as-GET newNonce');
is(ask(op => 'post', url => $ca->url())->{json}{newNonce}, $d->{newNonce},
    'POST-as-GET directory');

# deactivation, loss

$ca->admin('DELETE', 'config');
$ca->forget('orders');
is(type(ask(op => 'post', url => $order_url)), 'malformed', 'order is lost');
is(ask(op => 'post', url => $account, payload => { status => 'deactivated' })
    ->{json}{status}, 'deactivated', 'deactivated');
$r = ask(op => 'post', url => $d->{newOrder}, payload => $order);
is("$r->{status} " . type($r), '401 unauthorized', 'no order any more');
$ca->forget();
is(type(ask(op => 'post', url => $d->{newOrder}, payload => $order)),
    'accountDoesNotExist', 'account is lost');

is($ca->stats(brief => 1)->{concurrent}, 0, 'no request is left');

# https, with its own certificate; the end of the process

my $tls = Test::Nginx::FakeCA->new(tls => 1);
start_client($tls->url(), '--ca', $tls->root());
is(ask(op => 'register')->{status}, 201, 'https');
$r = ask(op => 'issue', names => ['a.example.com']);
ok(verify($r->{chain}, $tls->root()), 'certificate by https');

my ($pid, $port) = ($tls->pid(), $tls->port());
$tls->stop();
ok(!kill(0, $pid), 'stopped');
$tls->start();
is($tls->port(), $port, 'started again on its port');

close($to);
waitpid($client, 0);

# nothing is left when a test is killed

pipe(my $in, my $out) or die "pipe: $!";
my $child = fork() // die "fork: $!";

if ($child == 0) {
    my $doomed = Test::Nginx::FakeCA->new();
    syswrite($out, $doomed->pid() . "\n");
    kill('KILL', $$);
}

close($out);
$pid = <$in> + 0;
waitpid($child, 0);

sub alive {
    open(my $fh, '<', "/proc/$pid/stat") or return 0;
    return <$fh> !~ /\) Z /;
}

for (1 .. 200) {
    last if !alive();
    sleep(0.05);
}

ok(!alive(), 'ends with the test');

done_testing();
