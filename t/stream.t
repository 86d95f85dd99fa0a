#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# acm_certificate in servers of stream.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

# server_name, and servers of one address, came with 1.25.5

my ($minor, $patch) = `$t->{nginx} -v 2>&1` =~ /nginx\/1\.(\d+)\.(\d+)/;
my $names = $minor * 1000 + $patch >= 25005;

plan(skip_all => 'nginx without TLS in stream')
    if `$t->{nginx} -V 2>&1` !~ /--with-stream_ssl_module/;

my $arn = 'arn:aws:acm:us-east-1:123456789012:certificate/'
    . '00000000-0000-4000-8000-00000000000';

sub write_config {
    my ($more) = @_;

    my $conf = <<'EOC';
%%GLOBALS%%
%%STREAM%%
events { }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
    validation_zone acm.example.net address=192.0.2.53;
}
http {
    %%HTTP%%
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_ticket_key %%DIR%%/ticket.key;
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    server {
        listen 127.0.0.1:8449 ssl;
        acm_certificate sni;
    }
}
stream {
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_ticket_key %%DIR%%/ticket.key;
    upstream none { server 127.0.0.1:8099; }
    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate auto mqtt.example.com *.mqtt.example.com;
        return "mqtt\n";
    }
    server {
        listen 127.0.0.1:8444 ssl;
        acm_certificate auto both.example.com key=ecdsa:384,rsa:2048;
        return "both\n";
    }
    server {
        listen 127.0.0.1:8445 ssl;
        acm_certificate sni;
        return "sni\n";
    }
    server {
        listen 127.0.0.1:8446 ssl;
        acm_certificate sni fallback=reject;
        proxy_pass none;
    }
    server {
        listen 127.0.0.1:8447;
        proxy_pass 127.0.0.1:8445;
    }
    server {
        listen 127.0.0.1:8053;
        acm_dns;
    }
    %%MORE%%
}
EOC

    $conf =~ s/%%MORE%%/$more || ''/e;
    $t->write_config($conf);

    return;
}

my $virtual = <<'EOC';
    server {
        listen 127.0.0.1:8448 ssl;
        server_name default.example.com;
        acm_certificate auto;
        return "default\n";
    }
    server {
        listen 127.0.0.1:8448 ssl;
        server_name .second.example.com;
        acm_certificate auto;
        return "second\n";
    }
    server {
        listen 127.0.0.1:8452 ssl;
        server_name one.example.com;
        acm_certificate sni;
        ssl_verify_client on;
        ssl_client_certificate %%DIR%%/one.crt;
        return "one $ssl_session_reused\n";
    }
    server {
        listen 127.0.0.1:8452 ssl;
        server_name two.example.com;
        acm_certificate sni;
        ssl_verify_client on;
        ssl_client_certificate %%DIR%%/two.crt;
        return "two $ssl_session_reused\n";
    }
EOC

# the same for http and stream, so that only the context keeps them apart

$t->write_file('ticket.key', 'k' x 80);

$t->self_signed('one', 'one');
$t->self_signed('two', 'two');

write_config($names ? $virtual : '');
$t->run();

my $root;

ok($t->wait_issued('mqtt.example.com'), 'issued') or diag(
    $t->read_file('error.log'));
$root = $t->root();

sub verified {
    my ($port, $sni, $answer, @args) = @_;

    my $r = $t->handshake($port, $sni, root => $root, args => \@args);

    ok($r->{verified}, "$port, $sni @args: verified") or diag($r->{text});
    like($t->talk($port, $sni, '', @args), qr/^$answer$/m,
        "$port, $sni: the server's answer");

    return $r;
}

my $r = verified(8443, 'mqtt.example.com', 'mqtt');
is_deeply([sort @{$r->{names}}], ['*.mqtt.example.com', 'mqtt.example.com'],
    'names of the directive');
verified(8443, 'a.mqtt.example.com', 'mqtt');
verified(8443, 'mqtt.example.com', 'mqtt', '-tls1_2');

$r = $t->handshake(8443, undef, root => $root, verify => 'mqtt.example.com');
ok($r->{verified}, 'without SNI: the certificate of the server');

ok($t->wait_for(sub {
    my $c = $t->certificate('both.example.com', 'RSA-2048');
    return $c && $c->{Status} eq 'ISSUED';
}), 'an RSA key');
$r = verified(8444, 'both.example.com', 'both', '-tls1_2', '-cipher',
    'ECDHE-RSA-AES128-GCM-SHA256');
$r = verified(8444, 'both.example.com', 'both', '-tls1_2', '-cipher',
    'ECDHE-ECDSA-AES128-GCM-SHA256');

# whatever is in the store, as in http

my ($crt, $key) = $t->self_signed('own', 'own.example.com');
my ($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key);
is($rc, 0, 'import') or diag($out);
($arn) = $out =~ /(arn:\S+)/;

for my $port (8445, 8447, 8449) {
    $r = $t->handshake($port, 'own.example.com');
    is($t->serial($r->{pem}), $t->serial($t->read_file('own.crt')),
        "sni, $port");
}

$r = $t->handshake(8445, 'unknown.example.org');
like($r->{subject}, qr/not issued yet/, 'unknown: the fallback');
$r = $t->handshake(8446, 'unknown.example.org');
ok(!$r->{pem}, 'unknown: rejected');
is($r->{alert}, 40, 'with an alert');

# a session of http is none of stream's, and the other way round

for my $version ('-tls1_2', '-tls1_3') {
    my $session = "$t->{dir}/session.pem";

    unlink($session);
    $t->talk(8445, 'own.example.com', '', $version, '-sess_out', $session);

    like($t->talk(8445, 'own.example.com', '', $version, '-sess_in',
        $session), qr/^Reused/m, "$version: resumed");
    like($t->talk(8449, 'own.example.com', "GET / HTTP/1.0\r\n\r\n", $version,
        '-sess_in', $session), qr/^New.*HTTP\/1.1 /ms,
        "$version: not in http");
}

# tls-alpn-01, by any server with TLS; nothing is proxied

($rc) = system("$t->{out}/challenge", "$t->{dir}/store", 'alpn',
    'a.example.com', 600, 'a.' . 'k' x 43);
is($rc, 0, 'a challenge');

for my $port (8443, 8446) {
    $r = $t->handshake($port, 'a.example.com', args => ['-alpn',
        'acme-tls/1']);
    like($r->{text}, qr/^ALPN protocol: acme-tls\/1$/m, "$port: a CA");
    is_deeply($r->{names}, ['a.example.com'], "$port: its certificate");
    unlike($t->talk($port, 'a.example.com', '', '-alpn', 'acme-tls/1'),
        qr/^mqtt$/m, "$port: nothing else");
}

unlike($t->read_file('error.log'), qr/while connecting to upstream/,
    'no upstream was asked');
ok($t->wait_for(sub {
    $t->status()->{Handshakes}{CacheHits} > 2 }), 'handshakes are counted');

# an ARN, and a directive that nobody has any more

if ($names) {
    ok($t->wait_issued('second.example.com'), 'names of server_name');
    verified(8448, 'second.example.com', 'second');
    verified(8448, 'a.second.example.com', 'second');
    verified(8448, 'default.example.com', 'default');

    # who has a certificate for one server has none for the other

    my $session = "$dir/session.pem";

    for my $version ('-tls1_2', '-tls1_3') {
        for my $from ('one.example.com', undef) {
            unlink($session);
            $t->talk(8452, $from, '', $version, '-sess_out', $session,
                '-cert', "$dir/one.crt", '-key', "$dir/one.key");

            like($t->talk(8452, $from, '', $version, '-sess_in', $session),
                qr/^one r$/m, "$version, " . ($from // 'no name')
                . ': resumed');
            unlike($t->talk(8452, 'two.example.com', '', $version,
                '-sess_in', $session), qr/^two/m, "$version, "
                . ($from // 'no name') . ': not by another server');
        }
    }
}

write_config("server { listen 127.0.0.1:8450 ssl; acm_certificate $arn;"
    . ' return "arn\n"; }');
$t->reload();

ok($t->wait_for(sub {
    $r = $t->handshake(8450, 'x.example.com');
    return $r->{pem};
}), 'reloaded');

$r = $t->handshake(8450, 'own.example.com');
is_deeply($r->{names}, ['own.example.com'], 'an ARN');
like($t->talk(8450, 'own.example.com', ''), qr/^arn$/m, 'and the answer');
verified(8443, 'mqtt.example.com', 'mqtt');

# mistakes

sub check {
    my ($name, $server, @like) = @_;

    write_config($server);
    my ($rc, $out) = $t->nginx('-t');

    like($out, $_, $name) for @like;

    return $rc;
}

isnt(check('no names', 'server { listen 127.0.0.1:8451 ssl; acm_certificate'
    . ' auto; return x; }', $names
    ? qr/nginx.conf:\d+ has no names: add "server_name" to the server or/
    : qr/nginx.conf:\d+ has no names: add names to the directive/), 0,
    'no names: refused');
isnt(check('ssl_certificate too', 'server { listen 127.0.0.1:8451 ssl; '
    . 'acm_certificate sni; ssl_certificate %%DIR%%/own.crt; '
    . 'ssl_certificate_key %%DIR%%/own.key; return x; }',
    qr/"ssl_certificate"/), 0, 'ssl_certificate too: refused');
isnt(check('twice', 'server { listen 127.0.0.1:8451 ssl; acm_certificate sni;'
    . ' acm_certificate sni; return x; }',
    qr/"acm_certificate" directive is duplicate in \S+nginx\.conf:\d/), 0,
    'twice: refused');
is(check('no ssl', 'server { listen 127.0.0.1:8451; acm_certificate sni;'
    . ' return x; }', qr/\[warn\].*"acm_certificate" in \S+nginx\.conf:\d+ ser/,
    qr/add "ssl" to its "listen"/), 0, 'no ssl: a warning');
is(check('ssl', 'server { listen 127.0.0.1:8451 ssl; acm_certificate sni;'
    . ' return x; }', qr/test is successful/), 0, 'ssl: accepted');

write_config('server { listen 127.0.0.1:8451 ssl; acm_certificate sni;'
    . ' return x; }');
unlike(($t->nginx('-t'))[1], qr/warn/, 'ssl: no warning');

$t->finish();

done_testing();
