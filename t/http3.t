#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Certificates over QUIC, with ngtcp2's client.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

plan(skip_all => 'nginx without http_v3_module')
    if `$t->{nginx} -V 2>&1` !~ /--with-http_v3_module/;
plan(skip_all => 'no gtlsclient: install ngtcp2-client')
    if system('gtlsclient --help >/dev/null 2>&1');

my $peer = "$dir/gtls_peer.so";

plan(skip_all => 'no headers of GnuTLS: install libgnutls28-dev')
    if system("cc -shared -fPIC -Wall -Wextra -o $peer "
        . "$FindBin::Bin/tools/gtls_peer.c -lgnutls -ldl 2>$dir/cc.log");

for my $ca ('one', 'two') {
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
        . "-nodes -days 30 -keyout $dir/$ca.key -out $dir/$ca.crt "
        . "-subj /CN=$ca >/dev/null 2>&1") == 0 or die 'openssl req';
}

$t->write_file('ticket.key', 'k' x 80);

my $conf = <<'EOF';
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    ssl_session_ticket_key %%DIR%%/ticket.key;
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    server {
        listen 127.0.0.1:8443 quic;
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate auto key=ecdsa:256,rsa:2048;
        return 200 "$http3 $ssl_server_name $ssl_session_reused\n";
    }
    server {
        listen 127.0.0.1:8444 quic;
        acm_certificate sni;
        return 200 "sni\n";
    }
    server {
        listen 127.0.0.1:8445 quic;
        acm_certificate sni fallback=reject;
        return 200 "reject\n";
    }
    server {
        listen 127.0.0.1:8446 quic;
        server_name one.example.com;
        acm_certificate sni;
        ssl_verify_client on;
        ssl_client_certificate %%DIR%%/one.crt;
        return 200 "one $ssl_session_reused\n";
    }
    server {
        listen 127.0.0.1:8446 quic;
        server_name two.example.com;
        acm_certificate sni;
        ssl_verify_client on;
        ssl_client_certificate %%DIR%%/two.crt;
        return 200 "two $ssl_session_reused\n";
    }
}
EOF

$t->write_config($conf)->run();

ok($t->wait_for(sub {
    my $c = $t->certificate('www.example.com', 'RSA-2048');
    return $c && $c->{Status} eq 'ISSUED';
}), 'issued');
ok($t->wait_issued('www.example.com'), 'both');

# One request; returns the answer, the certificate and its chain.

sub get {
    my ($port, $name, @args) = @_;

    my $url = 'https://' . ($name // 'localhost') . '/answer';
    my $pid = open(my $fh, '-|') // die "fork: $!";

    unlink("$dir/answer");

    if ($pid == 0) {
        open(STDERR, '>', "$dir/client.log");
        $ENV{LD_PRELOAD} = $peer;
        $ENV{PEER_NAME} = $name if defined $name;
        exec('timeout', '20', 'gtlsclient', '-q', '--timeout=10s',
            '--exit-on-all-streams-close', "--download=$dir", @args,
            '127.0.0.1', $t->port($port), $url) or POSIX::_exit(127);
    }

    my $out = do { local $/; <$fh> } // '';
    close($fh);

    my ($pem, $chain)
        = $out =~ /^(-----BEGIN CERT.*?-----END CERT[^\n]+\n)(.*)/s;

    return ($t->read_file('answer'), $pem, $chain);
}

sub serial { return $_[0] ? $t->serial($_[0]) : '' }

my ($answer, $pem, $chain) = get(8443, 'www.example.com');
is($answer, "h3 www.example.com .\n", 'an answer by HTTP/3');
is_deeply([$t->names($pem // '')], ['www.example.com'], 'the certificate');

my $file = $t->write_file('seen.pem', $pem // '');
my $more = $t->write_file('chain.pem', $chain // '');
my $root = $t->root();
like(`openssl verify -CAfile $root -untrusted $more $file 2>&1`, qr/: OK$/,
    'which is good');

# of two keys clients have their choice

my %serial;

for my $algorithm ('ECDSA+SHA256', 'RSA-PSS+SHA256') {
    my $r = $t->handshake(8443, 'www.example.com', root => $root,
        args => ['-sigalgs', "$algorithm:RSA-PSS+SHA384:RSA+SHA256"]);
    ok($r->{verified}, "by TCP, at the same port, $algorithm");
    $serial{serial($r->{pem})} = 1;
}

is(scalar(keys %serial), 2, 'two keys');
ok($serial{serial($pem)}, 'it is one of them');

# whatever is in the store, at once

($answer, $pem) = get(8444, 'own.example.com');
is($answer, "sni\n", 'an empty store: an answer');
like(subject($pem), qr/not issued yet/, 'with the fallback');

($answer, $pem) = get(8445, 'own.example.com');
is($answer, '', 'rejected: no answer');
is($pem, undef, 'and no certificate');

sub subject {
    my $file = $t->write_file('peer.pem', $_[0] // '');
    return `openssl x509 -in $file -noout -subject 2>&1`;
}

sub import_pair {
    my ($file, $name, @args) = @_;

    my ($crt, $key) = $t->self_signed($file, $name);
    my ($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key,
        @args);
    is($rc, 0, "import $file") or diag($out);

    return ($out =~ /(arn:\S+)/)[0];
}

my $arn = import_pair('own', 'own.example.com');
import_pair('wild', '*.example.com');

for my $port (8444, 8445) {
    is(serial((get($port, 'own.example.com'))[1]),
        serial($t->read_file('own.crt')), "$port: by name");
    is(serial((get($port, 'x.example.com'))[1]),
        serial($t->read_file('wild.crt')), "$port: by a wildcard");
}

import_pair('new', 'own.example.com', '--arn', $arn);
is(serial((get(8444, 'OWN.example.com'))[1]),
    serial($t->read_file('new.crt')), 'the new version, in upper case');

like(subject((get(8444, undef))[1]), qr/not issued yet/, 'without a name');
like(subject((get(8444, 'a.b.example.org'))[1]), qr/not issued yet/,
    'an unknown one');

# sessions: resumed, also after a reload, and not by another server

my @session = ("--session-file=$dir/session", '--disable-early-data');

is((get(8443, 'www.example.com', @session))[0], "h3 www.example.com .\n",
    'a session');
is((get(8443, 'www.example.com', @session))[0], "h3 www.example.com r\n",
    'resumed');

my @old = $t->workers();
$t->reload();
ok($t->wait_for(sub {
    my %new = map { $_ => 1 } $t->workers();
    return %new && !grep { $new{$_} } @old;
}), 'reloaded');

is((get(8443, 'www.example.com', @session))[0], "h3 www.example.com r\n",
    'resumed after it');

import_pair('one-server', 'one.example.com');
import_pair('two-server', 'two.example.com');
unlink("$dir/session");

my @client = ("--key=$dir/one.key", "--cert=$dir/one.crt", @session);

is((get(8446, 'one.example.com', @client))[0], "one .\n",
    'a client with a certificate');
is((get(8446, 'one.example.com', @session))[0], "one r\n", 'resumed');

for my $round (1 .. 2) {
    unlink("$dir/session");
    get(8446, $round == 1 ? 'one.example.com' : undef, @client);
    ok(-s "$dir/session", "round $round: a session");
    unlike((get(8446, 'two.example.com', @session))[0], qr/^two/,
        "round $round: not by a server that wants another certificate");
}

$t->finish();

done_testing();
