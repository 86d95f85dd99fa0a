#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Certificates on demand from a CA over ACME.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;

plan(skip_all => 'no node') if system('node --version >/dev/null 2>&1');

my $ca = Test::Nginx::FakeCA->new(config => { finalizeDelay => 2 });
my $t = Test::Nginx::ACM->new();

mkdir("$t->{dir}/allowed");
$t->write_file("allowed/$_", 'yes') for 'www.one.example', 'www.two.example';

$t->raw('CA', $ca->url());
$t->write_config(<<'EOC');
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
    issuer fake {
        acme %%CA%%;
        accept_terms on;
        preflight off;
        retry 1s;
    }
}
http {
    %%HTTP%%
    log_format hook '$arg_domain $status';

    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni issuer=fake on_demand=http://127.0.0.1:8081/ask;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    server {
        listen 127.0.0.1:8081;
        access_log %%DIR%%/hook.log hook;
        location / { try_files /allowed/$arg_domain =404; root %%DIR%%; }
    }
}
EOC

$t->run();
ok($t->wait_for(sub { $t->status()->{Helper}{Locked} }), 'helper works');

sub asked {
    my ($name) = @_;

    return scalar(grep { /^\Q$name\E / } split(/\n/,
        $t->read_file('hook.log')));
}

# an order takes seconds, and no handshake waits for it

my $handshakes = 0;
my $r;

ok($t->wait_for(sub {
    $r = $t->handshake(8443, 'www.one.example', root => $ca->root());
    $handshakes++;
    return $r->{verified};
}, 60), 'issued by the CA') or diag($t->read_file('error.log'));

cmp_ok($handshakes, '>', 1, 'meanwhile there was the fallback');
is(asked('www.one.example'), 1, 'asked once');

my $s = $ca->stats();
is($s->{ordersPerSet}{'www.one.example'}, 1, 'one order');

my $c = $t->certificate('www.one.example');
is($c->{Type}, 'AMAZON_ISSUED', 'type');
ok($c->{OnDemand}, 'on demand');

# refused: the CA never hears of it

$t->handshake(8443, 'bad.one.example');
ok($t->wait_for(sub { asked('bad.one.example') }), 'another is refused');

# it cannot be had: each attempt after the first asks again

$ca->rule({ match => { endpoint => 'newOrder', name => 'www.two.example' },
    action => { problem => { type => 'rejectedIdentifier' } } });
$t->handshake(8443, 'www.two.example');
ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /"www\.two\.example" failed at issuer/ }), 'the CA refuses one');
ok($t->wait_for(sub { asked('www.two.example') >= 2 }),
    'asked again before the next attempt');
unlink("$t->{dir}/allowed/www.two.example");
ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /"www\.two\.example" is refused by "on_demand"/ }),
    'given up when the hook says so');

$s = $ca->stats();
ok(!exists $s->{ordersPerSet}{'bad.one.example'}, 'no order without a yes');

$t->finish();

done_testing();
