#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Certificates from Pebble, validated by dns-01: a permanent CNAME leads to
# the validation zone, which nginx answers for behind a real resolver.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Daemon;
use Test::Nginx::Named;
use Test::Nginx::Pebble;

plan(skip_all => 'no pebble or named')
    unless Test::Nginx::Pebble::available() && $Test::Nginx::Named::NAMED;

my $t = Test::Nginx::ACM->new();

plan(skip_all => 'challenge, for tests, is not built')
    unless -x "$t->{out}/challenge";

my $zone = 'acm-v.test';
my $secret = 'dGhlIGtleSBvZiB0aGUgcmVjb3JkcyBvZiB0aGlzIHRlc3Q=';
my $named = Test::Nginx::Named->new(
    zones => { 'dns.test' => "\@ IN A 127.0.0.1\n* IN A 127.0.0.1\n" },
    update => { 'dns.test' => 'grant records zonesub ANY;' },
    extra => "key records { algorithm hmac-sha256; secret \"$secret\"; };\n",
    forward => { $zone => $t->port(8053) });

# the operator's work

sub cname {
    my ($name) = @_;

    my $label = capture("$t->{out}/challenge", "$t->{dir}/store", $name, 0)
        // '';
    chomp $label;
    like($label, qr/^[0-9a-f]{32}$/, "$name: has a label");

    my $file = $t->write_file('update', "server 127.0.0.1 $named->{port}\n"
        . "add _acme-challenge.$name 1 CNAME $label.$zone.\nsend\n");
    ok(defined capture('nsupdate', '-y', "hmac-sha256:records:$secret",
        $file), "$name: has a record");

    return;
}

sub capture { return Test::Nginx::Daemon::capture(@_) }

my $ca = Test::Nginx::Pebble->new(resolver => "127.0.0.1:$named->{port}",
    env => { PEBBLE_AUTHZREUSE => 0 });
my $url = $ca->url();
my $trusted = $ca->trusted();

$t->write_config(<<"EOF_CONF");
%%GLOBALS%%
%%STREAM%%
events { }
acm {
    store %%DIR%%/store; master_key %%DIR%%/acm.key;
    validation_zone $zone;
    issuer pebble {
        acme $url; trusted_certificate $trusted; accept_terms on;
        challenge dns-01; preflight off; orders 4; retry 1s;
    }
}
stream {
    server { listen 127.0.0.1:8053 udp; listen 127.0.0.1:8053; acm_dns; }
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
    server {
        listen 127.0.0.1:8443 ssl; server_name dns.test *.dns.test;
        acm_certificate auto issuer=pebble key=ecdsa:256,rsa:2048;
    }
    server {
        listen 127.0.0.1:8443 ssl; server_name *.wild.dns.test;
        acm_certificate auto issuer=pebble;
    }
    server {
        listen 127.0.0.1:8443 ssl; server_name one.wild.dns.test;
        acm_certificate auto issuer=pebble;
    }
    server {
        listen 127.0.0.1:8443 ssl; server_name xn--bcher-kva.dns.test;
        acm_certificate auto issuer=pebble;
    }
}
EOF_CONF

$t->run();

# without the record they fail, and say of which name

for my $name ('dns.test', '*.wild.dns.test', 'one.wild.dns.test') {
    my $base = $name =~ s/^\*\.//r;

    my $which = $name eq 'dns.test' ? qr/: (?:\*\.)?dns\.test: / : qr/: /;

    ok($t->wait_for(sub {
        return $t->tail("for \"$name\" failed")
            =~ /at issuer "pebble", .*${which}unauthorized: .*TXT/;
    }, 20), "$name: fails without the CNAME") or diag($t->tail("\"$name\""));

    # made once, for ever, by who is first
    cname($base);
}

cname('xn--bcher-kva.dns.test');

my %want = (
    'dns.test' => 'dns.test *.dns.test',
    '*.wild.dns.test' => '*.wild.dns.test',
    'one.wild.dns.test' => 'one.wild.dns.test',
    'xn--bcher-kva.dns.test' => 'xn--bcher-kva.dns.test',
);

for my $name (sort keys %want) {
    ok($t->wait_issued($name, 10), "$name: issued") or diag($t->tail($name));

    my $sni = $name =~ s/^\*/x/r;
    my $r;

    $t->wait_for(sub {
        $r = $t->handshake(8443, $sni, root => $ca->root());
        return $r->{verified};
    }, 10);

    is($r->{verified}, 1, "$sni: verified");
    is(join(" ", sort @{$r->{names} || []}),
        join(' ', sort(split(' ', $want{$name}))), "$sni: the names");
}

for my $key (qw/ EC-prime256v1 RSA-2048 /) {
    ok($t->wait_for(sub {
        my $c = $t->certificate('dns.test', $key);
        return $c && $c->{Status} eq 'ISSUED';
    }), "dns.test: $key");
}

# what is over is answered no more

ok($t->wait_for(sub {
    my $out = capture('dig', '@127.0.0.1', '-p', $named->{port},
        '_acme-challenge.dns.test', 'TXT');
    return $out && $out =~ /CNAME/ && $out !~ /IN\s+TXT\s+"/;
}), 'no TXT is left');

$t->finish();

done_testing();
