#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Accounts at Pebble, and what happens to them: external binding, a new key,
# a CA that forgot all; renewals; a helper that is killed.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Pebble;

plan(skip_all => 'no pebble') unless Test::Nginx::Pebble::available();

my $t = Test::Nginx::ACM->new();
my $dns = Test::Nginx::Pebble::DNS->new();
my $mac = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';
my @args = (resolver => $dns->address(), http_port => $t->port(8081));
my $ca = Test::Nginx::Pebble->new(@args, eab => { 'kid-1' => $mac });
my $short = Test::Nginx::Pebble->new(@args,
    config => { certificateValidityPeriod => 20 });
my $slow = Test::Nginx::Pebble->new(@args,
    env => { PEBBLE_VA_SLEEPTIME => 2, PEBBLE_AUTHZREUSE => 0 });

my $eab = $t->write_file('eab.key', "$mac\n");
my $wrong = $t->write_file('wrong.key', reverse($mac) . "\n");
my $n = 0;

sub issuer {
    my ($name, $ca, $more) = @_;

    my $url = $ca->url();
    my $trusted = $ca->trusted();

    return "issuer $name { acme $url; trusted_certificate $trusted; "
        . 'accept_terms on; challenge http-01; preflight off; orders 4; '
        . "retry 1s 2s 4s; $more }\n";
}

sub server {
    my ($name, $issuer) = @_;

    return "server { listen 127.0.0.1:8443 ssl; server_name $name; "
        . "acm_certificate auto issuer=$issuer; }\n";
}

sub config {
    my ($servers) = @_;

    my $acm = issuer('bound', $ca, "eab kid-1 $eab;")
        . issuer('wrong', $ca, "eab kid-1 $wrong;")
        . issuer('unbound', $ca, '') . issuer('short', $short, '')
        . issuer('slow', $slow, '');

    return $t->write_config(<<"EOF_CONF");
%%GLOBALS%%
events { }
acm { store %%DIR%%/store; master_key %%DIR%%/acm.key; $acm }
http {
    %%HTTP%%
    server { listen 127.0.0.1:8081; }
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
    $servers
}
EOF_CONF
}

sub log_has {
    my ($re, $seconds) = @_;

    return $t->wait_for(sub { $t->read_file('error.log') =~ $re }, $seconds);
}

sub issued {
    my ($name) = @_;

    return ok($t->wait_issued($name, 20), "$name: issued")
        || diag($t->tail($name));
}

# external account binding

my $servers = server('bound.test', 'bound') . server('wrong.test', 'wrong')
    . server('unbound.test', 'unbound') . server('short.test', 'short');

config($servers);
$t->run();

issued('bound.test');
ok(log_has(qr/"unbound.test" failed at .*external/i, 10), 'eab: required')
    or diag($t->tail('unbound'));
ok(log_has(qr/"wrong.test" failed at/, 10), 'eab: with the wrong key')
    or diag($t->tail('wrong'));
unlike($t->tail('"wrong"'), qr/must lead/, 'eab: no word of the name');
is($ca->count('accounts'), 1, 'eab: one account');

# renewals: a certificate of 20 seconds, with a new key each time

issued('short.test');
ok($t->wait_for(sub {
    ($t->certificate('short.test') || {})->{Version} >= 3;
}, 50), 'renewal: twice') or diag($t->tail('short.test'));

my $r = $t->handshake(8443, 'short.test', root => $short->root());
is($r->{verified}, 1, 'renewal: served');
is($t->tail('"short.test" failed'), '', 'renewal: without a failure');

# a new account key, and an order with it

my ($rc, $out) = $t->acmctl('account', 'rollover', 'bound');

is($rc, 0, 'rollover: asked for') or diag($out);
ok(log_has(qr/issuer "bound": .*new key/, 10), 'rollover: done')
    or diag($t->tail('issuer "bound"'));
like($ca->log(), qr/POST \S*roll/i, 'rollover: at the CA');

$servers .= server('rolled.test', 'bound');
config($servers);
$t->reload();
issued('rolled.test');
is($ca->count('accounts'), 1, 'rollover: the same account');

# a Pebble that has forgotten all: registered again, with the same key

$ca->stop()->start();
$servers .= server('again.test', 'bound');
config($servers);
$t->reload();
issued('again.test');
is(() = $t->read_file('error.log')
    =~ /issuer "bound": account "\S+" registered/g, 2, 'lost: registered again')
    or diag($t->tail('issuer "bound"'));

# The helper is killed in the middle of orders: what the CA was asked for in
# the last instant before, and was not written down, is asked for once more.

for my $case ([1, 1], [4, 3]) {
    my ($certs, $kills) = @$case;
    my @names = map { "kill$_.of$certs.test" } 1 .. $certs;
    my $before = $slow->count('orders');
    my $killed = 0;

    $servers .= server($_, 'slow') for @names;
    config($servers);
    $t->reload();

    $t->wait_for(sub {
        if ($slow->count('orders') > $before) {
            for my $pid ($t->helpers()) {
                $killed += kill('KILL', $pid) if $killed < $kills;
            }
        }
        return $killed >= $kills;
    }, 20);

    is($killed, $kills, "killed: $kills");
    issued($_) for @names;
    cmp_ok($slow->count('orders') - $before, '<=', $certs * (1 + $kills),
        'killed: at most one order more for each time');
}

$t->allow(qr/cache manager process \d+ exited on signal 9/);

$t->finish();

done_testing();
