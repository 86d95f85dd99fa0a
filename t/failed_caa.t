#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# A request over the API for a name whose CAA records do not let the CA issue:
# our own look finds out, the CA never hears of it, and in the end it fails.
# A look that fails itself is no such thing.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;
use Test::Nginx::FakeCA;
use Test::Nginx::Named;

plan(skip_all => 'needs named') unless $Test::Nginx::Named::NAMED;

my $t = Test::Nginx::ACM->new();
my $ca = Test::Nginx::FakeCA->new();
my $named = Test::Nginx::Named->new(zones => {
    'pre.test' => "www.caa IN A 127.0.0.1\ncaa IN CAA 0 issue \"other.test\"\n"
        . "fine IN A 127.0.0.1\n",
    'broken.test' => undef,
});

my $api = api_new(api_user($t, 'admin'));

$t->raw(CA => $ca->url());
$t->raw(RESOLVER => "127.0.0.1:$named->{port}");

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    resolver %%RESOLVER%%;
    issuer fake {
        acme %%CA%%; accept_terms on; challenge http-01; retry 1s;
    }
    default_issuer fake;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location / { acm_api; }
        location /status { acm_status; }
    }
}
EOF_CONF

$t->run();

sub request {
    my (@names) = @_;

    return $api->ok('RequestCertificate', { DomainName => $names[0],
        SubjectAlternativeNames => \@names, ValidationMethod => 'DNS',
        KeyAlgorithm => 'EC_prime256v1' })->{CertificateArn};
}

sub describe {
    return $api->ok('DescribeCertificate',
        { CertificateArn => $_[0] })->{Certificate};
}

my $broken = request('www.broken.test');
my $arn = request('fine.pre.test', 'www.caa.pre.test');

ok($t->wait_for(sub { describe($arn)->{Status} eq 'FAILED' }, 30), 'failed');

my $c = describe($arn);

is($c->{FailureReason}, 'CAA_ERROR', 'why');
is_deeply({ map { $_->{DomainName} => $_->{ValidationStatus} }
    @{$c->{DomainValidationOptions}} }, { 'fine.pre.test' =>
    'PENDING_VALIDATION', 'www.caa.pre.test' => 'FAILED' }, 'the name');

my ($uuid) = $arn =~ /([0-9a-f-]{36})$/;
my $page = $t->status("/certificate/$uuid");

is($page->{Attempts}, 0, 'no attempt was made');
is(scalar(grep { $_->{What} eq 'failed' } @{$page->{History}}), 5,
    'five looks');

# the other one was looked at as often, at least

ok($t->wait_for(sub {
    my ($id) = $broken =~ /([0-9a-f-]{36})$/;
    (grep { $_->{What} eq 'failed' }
        @{$t->status("/certificate/$id")->{History}}) > 5
}, 60), 'broken: looked at again and again');
is(describe($broken)->{Status}, 'PENDING_VALIDATION', 'broken: pending');
is(scalar(@{$ca->stats()->{orders}}), 0, 'the CA never heard of them');

$t->finish();

done_testing();
