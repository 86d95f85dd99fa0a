#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Metrics of orders at a CA: by issuer, problem, method and answer.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;

my $ca = Test::Nginx::FakeCA->new();

$ca->rule({ match => { endpoint => 'newOrder', name => 'caa.example.com',
    times => 1 }, action => { problem => { type => 'caa', status => 403,
    detail => 'not us' } } });
$ca->rule({ match => { endpoint => 'finalize', name => 'busy.example.com',
    times => 1 }, action => { http => { status => 503,
    headers => { 'Retry-After' => '1' } } } });
$ca->rule({ match => { endpoint => 'challenge', name => 'bad.example.com',
    times => 1 }, action => { authzError => { type => 'unauthorized',
    detail => 'not yours' } } });

my $t = Test::Nginx::ACM->new()->raw(CA => $ca->url());
my @names = qw/ good caa busy bad /;

$t->write_config(<<'EOF' . join('', map { <<"EOS" } @names) . "}\n");
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer fake {
        acme %%CA%%; accept_terms on; preflight off; challenge http-01;
        retry 1s;
    }
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
EOF
    server {
        listen 127.0.0.1:8443 ssl;
        server_name $_.example.com;
        acm_certificate auto;
    }
EOS

$t->run();

my $text;

sub value {
    my ($name) = @_;

    return $text =~ /^\Q$name\E (\S+)$/m ? $1 : 0;
}

ok($t->wait_for(sub {
    $text = $t->http_get(8080, '/status/metrics');
    $text =~ s/\r//g;
    value('acm_certificates{type="AMAZON_ISSUED",status="ISSUED"}') == 4
}, 60), 'issued') or diag($text);

is(value('acm_orders_started_total{issuer="fake"}'), 6, 'started');
is(value('acm_certificates_issued_total{issuer="fake",reason="request"}'), 4,
    'issued');
is(value('acm_certificates_issued_total{issuer="fake",reason="renewal"}'), 0,
    'none is renewed');
is(value('acm_orders_failed_total{issuer="fake",problem="caa"}'), 1,
    'failed by a newOrder');
is(value('acm_orders_failed_total{issuer="fake",problem="unauthorized"}'), 1,
    'failed by a challenge');
is(value('acm_orders_failed_total{issuer="fake",problem="local"}'), 0,
    'by nothing else');
is(value('acm_validations_total{method="http-01",result="success"}'), 4,
    'validated');
is(value('acm_validations_total{method="http-01",result="failure"}'), 1,
    'not validated');
is(value('acm_order_duration_seconds_count{issuer="fake"}'), 4, 'timed');
is(value('acm_order_duration_seconds_bucket{issuer="fake",le="3600.0"}'), 4,
    'in a bucket');
is(value('acm_acme_requests_total{status="5xx"}'), 1, '5xx');
is(value('acm_acme_requests_total{status="4xx"}'), 1, '4xx');
cmp_ok(value('acm_acme_requests_total{status="2xx"}'), '>', 15, '2xx');
is(value('acm_acme_requests_total{status="none"}'), 0, 'all are answered');
is(value('acm_orders_in_flight'), 0, 'none is under way');

$t->finish();

done_testing();
