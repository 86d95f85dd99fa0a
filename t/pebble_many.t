#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Many certificates from Pebbles that refuse half of the nonces, take up to
# five seconds to validate, and reuse authorizations never, sometimes and
# always.  ACM_PEBBLE: how many certificates.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Pebble;

plan(skip_all => 'no pebble') unless Test::Nginx::Pebble::available();

my $total = $ENV{ACM_PEBBLE} || 20;
my $t = Test::Nginx::ACM->new();
my $dns = Test::Nginx::Pebble::DNS->new();
my ($acm, $http) = ('', '');
my (%ca, %of);

for my $reuse (0, 50, 100) {
    my $ca = Test::Nginx::Pebble->new(resolver => $dns->address(),
        http_port => $t->port(8081), tls_port => $t->port(8443),
        env => { PEBBLE_AUTHZREUSE => $reuse, PEBBLE_VA_SLEEPTIME => 5,
            PEBBLE_WFE_NONCEREJECT => 50 });
    my $url = $ca->url();
    my $trusted = $ca->trusted();

    $ca{$reuse} = $ca;
    $acm .= "issuer r$reuse { acme $url; trusted_certificate $trusted; "
        . 'accept_terms on; challenge http-01 tls-alpn-01; preflight off; '
        . "orders 4; retry 1s 2s 4s; }\n";
}

for my $n (1 .. $total) {
    my $reuse = (0, 50, 100)[$n % 3];
    my $name = "n$n.many.test";

    # one name of its own, and one that was proved before

    push @{$of{$reuse}}, $name;
    $http .= "server { listen 127.0.0.1:8443 ssl; server_name $name; "
        . "acm_certificate auto $name all.many.test issuer=r$reuse; }\n";
}

$t->write_config(<<"EOF_CONF");
%%GLOBALS%%
events { worker_connections 1024; }
acm { store %%DIR%%/store; master_key %%DIR%%/acm.key; $acm }
http {
    %%HTTP%%
    server { listen 127.0.0.1:8081; }
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
    $http
}
EOF_CONF

$t->run();

sub issued {
    return grep { $_->{Status} eq 'ISSUED' }
        @{$t->full_status()->{Certificates} || []};
}

ok($t->wait_for(sub { issued() == $total }, 30 + 3 * $total), 'all issued')
    or diag(scalar(issued()) . " of $total\n" . $t->tail('failed at'));

my $log = $t->read_file('error.log');

is(() = $log =~ / failed at issuer/g, 0, 'none failed')
    or diag($t->tail('failed at'));

for my $reuse (sort { $a <=> $b } keys %ca) {
    my $ca = $ca{$reuse};
    my $n = @{$of{$reuse}};

    is($ca->count('orders'), $n, "reuse $reuse: an order for each");
    is($ca->count('accounts'), 1, "reuse $reuse: one account");

    my $name = $of{$reuse}[0];
    my $r = $t->handshake(8443, $name, root => $ca->root());
    is($r->{verified}, 1, "reuse $reuse: $name is served");
}

$t->finish();

done_testing();
