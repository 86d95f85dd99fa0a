#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Certificates from Pebble, validated by http-01 and tls-alpn-01: kinds of
# names, keys and chains.

use warnings;
use strict;
use utf8;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Pebble;

plan(skip_all => 'no pebble') unless Test::Nginx::Pebble::available();

my $t = Test::Nginx::ACM->new();
my $dns = Test::Nginx::Pebble::DNS->new();
my @args = (resolver => $dns->address(), http_port => $t->port(8081),
    tls_port => $t->port(8443));
my $ca = Test::Nginx::Pebble->new(@args, env => { PEBBLE_AUTHZREUSE => 0 });
my $other = Test::Nginx::Pebble->new(@args, strict => 1, chain => 2,
    alternates => 2);

my $n = 1;
my @many = map { "n$_.many.test" } 1 .. 100;
my %servers;

# an issuer at a CA, and a server with a certificate of it

sub server {
    my ($ca, $issuer, $names, $args) = @_;

    my $url = $ca->url();
    my $trusted = $ca->trusted();
    my $i = 'i' . $n++;
    my @names = split(' ', $names);
    my $auto = @names > 1 ? " $names" : '';

    $servers{$i} = $names[0];
    $t->{acm} .= "issuer $i { acme $url; trusted_certificate $trusted; "
        . 'accept_terms on; contact mailto:a@example.test; preflight off; '
        . "orders 4; retry 1s 2s 4s; $issuer }\n";
    $t->{http} .= "server { listen 127.0.0.1:8443 ssl; server_name $names[0]; "
        . "acm_certificate auto$auto issuer=$i $args; }\n";

    return;
}

server($ca, 'challenge http-01;', 'www.http.test', '');
server($ca, 'challenge tls-alpn-01;', 'www.alpn.test', '');
server($ca, 'challenge http-01;', "www.many.test @many[1 .. 99]", '');
server($ca, 'challenge http-01;', 'xn--bcher-kva.test', '');
server($ca, 'challenge http-01;', 'both.test', 'key=ecdsa:256,rsa:2048');
server($ca, 'challenge http-01; account_key rsa:2048;', 'rs256.test', '');
server($ca, 'challenge http-01; account_key ecdsa:384;', 'es384.test',
    'key=ecdsa:384');
server($other, 'challenge http-01;', 'strict.test', '');
server($other, 'challenge tls-alpn-01; preferred_chain "'
    . $other->root_name(2) . '";', 'chain.test', '');
server($other, 'challenge http-01; preferred_chain "no such root";',
    'nochain.test', '');

# bücher.test as an operator writes it, in UTF-8

$t->{http} =~ s/server_name xn--bcher-kva.test/server_name b\xc3\xbccher.test/;

$t->write_config(<<"EOF_CONF");
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store; master_key %%DIR%%/acm.key;
    $t->{acm}
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8081; }
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
    $t->{http}
}
EOF_CONF

$t->run();

for my $i (sort keys %servers) {
    my $name = $servers{$i};

    ok($t->wait_issued($name, 20), "$name: issued") or diag($t->tail($name));
}

# ask a worker

sub served {
    my ($name, $root, @args) = @_;

    my $r;

    $t->wait_for(sub {
        $r = $t->handshake(8443, $name, root => $root,
            args => ['-showcerts', @args]);
        return $r->{verified};
    }, 10);

    return $r;
}

for my $name (qw/ www.http.test www.alpn.test xn--bcher-kva.test rs256.test
    es384.test both.test /)
{
    my $r = served($name, $ca->root());

    is($r->{verified}, 1, "$name: verified") or diag($r->{text});
    is("@{$r->{names}}", $name, "$name: its name alone");
}

my $r = served('www.many.test', $ca->root());
is(scalar(@{$r->{names}}), 100, '100 names: all in it');

like(served('both.test', $ca->root(), '-tls1_2', '-cipher', 'ECDHE-RSA-AES128'
    . '-GCM-SHA256')->{text}, qr/Peer signature type: RSA/, 'both: RSA');

# chains: the leaf, two intermediates; the last one's issuer tells them apart

for my $case (['strict.test', 0], ['chain.test', 2], ['nochain.test', 0]) {
    my ($name, $root) = @$case;

    $r = served($name, $other->root($root));
    is($r->{verified}, 1, "$name: verified with root $root");
    is(() = $r->{text} =~ /BEGIN CERT/g, 3, "$name: two intermediates");
    is($t->handshake(8443, $name, root => $other->root(1))->{verified}, 0,
        "$name: not with another");
}

# no more was asked for than needed

my $wanted = 8;
is($ca->count('orders'), $wanted, 'an order for each certificate');
is($ca->count('accounts'), 7, 'an account for each issuer');

$t->finish();

done_testing();
