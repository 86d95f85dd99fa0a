#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# A clock that is ahead for a while: what the built-in CA signed meanwhile is
# signed anew when it is right again, and what it signed before stays.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Clock;

plan(skip_all => 'no libfaketime') unless Test::Nginx::Clock->available();

my $clock = Test::Nginx::Clock->new();
my $t = Test::Nginx::ACM->new()->environment($clock->environment());

sub configure {
    $t->write_config(<<'EOF' . join('', map { <<"EOF" } @_) . "}\n");
%%GLOBALS%%
worker_processes 1;
events {}
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer internal { ca; }
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
EOF
    server { listen 127.0.0.1:8443 ssl; server_name $_.example.com;
        acm_certificate auto; }
EOF
}

configure('a');
$t->run();
ok($t->wait_issued('a.example.com'), 'issued');

$clock->set($clock->now() + 10 * 86400);
configure(qw/ a b /);
$t->reload();

my $c = $t->wait_issued('b.example.com');
ok($c, 'issued, with a clock ahead');

my $root = $t->root();
isnt($t->handshake(8443, 'b.example.com', root => $root)->{verified}, 1,
    'no client takes it');

$clock->set(time());

ok($t->wait_for(sub {
    $c = $t->certificate('b.example.com');
    return $c && $c->{Version} == 2;
}, 60), 'signed anew, when it is right');

ok($t->wait_for(sub {
    return $t->handshake(8443, 'b.example.com', root => $root)->{verified};
}), 'and served');
is($t->certificate('a.example.com')->{Version}, 1, 'the other one stays');

$t->finish();

done_testing();
