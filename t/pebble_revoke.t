#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Revocation at Pebble, with a reason and without one.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Pebble;

plan(skip_all => 'no pebble') unless Test::Nginx::Pebble::available();

my $t = Test::Nginx::ACM->new();
my $dns = Test::Nginx::Pebble::DNS->new();
my $ca = Test::Nginx::Pebble->new(resolver => $dns->address(), strict => 1,
    http_port => $t->port(8081), tls_port => $t->port(8443));

$t->raw(CA => $ca->url());
$t->raw(ROOT => $ca->trusted());

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store; master_key %%DIR%%/acm.key;
    issuer pebble {
        acme %%CA%%; trusted_certificate %%ROOT%%; accept_terms on;
        challenge http-01; preflight off; retry 1s;
    }
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8081; }
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
    server { listen 127.0.0.1:8443 ssl; server_name one.revoke.test;
        acm_certificate auto; }
    server { listen 127.0.0.1:8443 ssl; server_name two.revoke.test;
        acm_certificate auto; }
}
EOF_CONF

$t->run();

sub at_ca {
    my ($serial) = @_;

    $serial =~ s/://g;

    return decode_json($ca->admin("cert-status-by-serial/$serial"));
}

# that it is unspecified is not said, RFC 5280 s5.3.1

for my $case (['one.revoke.test', 'superseded', 4],
    ['two.revoke.test', 'unspecified', undef])
{
    my ($name, $reason, $code) = @$case;
    my $c = $t->wait_issued($name, 30) or die $t->tail($name);

    is(at_ca($c->{Serial})->{Status}, 'Valid', "$name: valid");

    my ($rc, $out) = $t->acmctl('revoke', $c->{CertificateArn}, '--reason',
        $reason);
    is($rc, 0, "$name: revoke") or diag($out);

    ok($t->wait_for(sub { at_ca($c->{Serial})->{Status} eq 'Revoked' }, 30),
        "$name: revoked by the CA");
    is(at_ca($c->{Serial})->{Reason}, $code, "$name: its reason");

    ok($t->wait_for(sub { $t->certificate($name)->{Version} == 2 }, 30),
        "$name: made anew");

    my $new = $t->certificate($name);
    is($new->{Status}, 'ISSUED', "$name: issued");
    is(at_ca($new->{Serial})->{Status}, 'Valid', "$name: and valid");
    is($t->handshake(8443, $name, root => $ca->root())->{verified}, 1,
        "$name: served");
}

my ($rc, $out) = $t->acmctl('revocations', 'pebble');
is(() = $out =~ / DONE /g, 2, 'both are done') or diag($out);

$t->finish();

done_testing();
