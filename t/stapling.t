#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# OCSP stapling: the helper asks openssl's responder, workers hand on what it
# said, also when it is gone; what is revoked is not stapled.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::OCSP;

my $t = Test::Nginx::ACM->new();
my $ca = Test::Nginx::OCSP->new();
my $leaf = $ca->leaf('www', 'www.example.com');

$t->raw(RESPONDER => $ca->url());

sub config {
    my ($stapling) = @_;

    return $t->write_config(<<"EOF2");
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    stapling $stapling;
}
http {
    %%HTTP%%
    ssl_protocols TLSv1.2 TLSv1.3;
    server { listen 127.0.0.1:8443 ssl reuseport; acm_certificate sni; }
}
EOF2
}

# Imports leaf.crt of the CA; args: for acmctl.

sub import_leaf {
    my ($leaf, @args) = @_;

    my ($rc, $out) = $t->acmctl('import', @args, '--cert', "$leaf.crt",
        '--key', "$leaf.key", '--chain', "$ca->{dir}/ca.crt");

    is($rc, 0, 'imported') or diag($out);

    return ($out =~ /(arn:\S+)/)[0];
}

# What a client of a version of TLS hears.

sub stapled {
    my ($name, @args) = @_;

    my $r = $t->handshake(8443, $name, root => "$ca->{dir}/ca.crt",
        args => ['-status', @args]);

    return !$r->{verified} ? "not verified: $r->{text}"
        : $r->{text} =~ /OCSP response: no response sent/ ? 'none'
        : $r->{text} =~ /Cert Status: (\w+)/ ? $1 : $r->{text};
}

config('on responder=%%RESPONDER%%');
$t->run();

my $arn = import_leaf($leaf);

ok($t->wait_for(sub { stapled('www.example.com') eq 'good' }),
    'stapled within moments');
is(stapled('www.example.com', '-tls1_2'), 'good', 'in TLS 1.2');
is(stapled('www.example.com', '-tls1_3'), 'good', 'in TLS 1.3');
unlike($t->handshake(8443, 'www.example.com')->{text}, qr/Cert Status/,
    'not to who does not ask');

# once, by the GET that caches like

is($ca->asked(), 1, 'one request, for all workers');

my (undef, $shown) = $t->acmctl('show', $arn);
like($shown, qr/OcspStatus:? +GOOD/, 'acmctl show') or diag($shown);

# a certificate that names no responder

$t->self_signed('plain', 'plain.example.com');
my ($rc) = $t->acmctl('import', '--cert', "$t->{dir}/plain.crt", '--key',
    "$t->{dir}/plain.key");
is($rc, 0, 'imported one without a responder');
ok($t->wait_for(sub { $t->handshake(8443, 'plain.example.com')->{names} }),
    'served');
unlike($t->handshake(8443, 'plain.example.com', args => ['-status'])->{text},
    qr/Cert Status/, 'not stapled');

# the responder is gone; workers are new

$ca->stop();
$t->reload();
ok($t->wait_for(sub { stapled('www.example.com') eq 'good' }),
    'from the store after a reload');

my $other = $ca->leaf('other', 'other.example.com');
import_leaf($other);

ok($t->wait_for(sub { stapled('other.example.com') eq 'none' }),
    'served without a response');
ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /no OCSP response for certificate \S+ of "other\.example\.com"/ }),
    'the log says why');

# another version, that is revoked

$t->allow(qr/certificate \S+ of "www\.example\.com" was revoked/);

my $bad = $ca->leaf('bad', 'www.example.com');
$ca->revoke('bad');
$ca->start();
import_leaf($bad, '--arn', $arn);

my $said = 'was revoked at 2025-01-01T00:00:00Z, keyCompromise: import '
    . 'another one';

ok($t->wait_for(sub { $t->read_file('error.log') =~ /$said/ }),
    'revoked: the log says so, and what to do');
is(stapled('www.example.com'), 'none', 'revoked: not stapled');

# and a good one again

import_leaf($leaf, '--arn', $arn);
ok($t->wait_for(sub { stapled('www.example.com') eq 'good' }),
    'replaced: stapled');

is(($t->acmctl('verify'))[0], 0, 'the store is in order');

# a name that leads to this host is a way to what only it may reach

config('on');
$t->reload();

my $asked = $ca->asked();
my $port = $ca->{port};

import_leaf($ca->leaf('local', 'local.example.com',
    "http://ocsp.localhost:$port/"));

ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /"local\.example\.com": "ocsp\.localhost:$port" cannot be reached: its/ }),
    'a certificate does not name a responder on this host');
is($ca->asked(), $asked, 'which was not asked');

config('off');
$t->reload();
ok($t->wait_for(sub { stapled('www.example.com') eq 'none' }), 'off');

# nobody is asked by an address that a certificate names

config('on');
$t->reload();

$asked = $ca->asked();
import_leaf($ca->leaf('near', 'near.example.com', $ca->url()));
ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /of "near\.example\.com": .*by its address, configure it/ }),
    'an address is not asked');
is($ca->asked(), $asked, 'it was not');

$t->stop();
$t->finish();
done_testing();
