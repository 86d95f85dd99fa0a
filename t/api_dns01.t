#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Requests over the API that an ACME CA proves: by DNS through the record that
# DescribeCertificate shows, which leads the CA to nginx's validation zone, and
# by HTTP for a name that points at this nginx.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;
use Test::Nginx::FakeCA;
use Test::Nginx::Named;

plan(skip_all => 'needs named') unless $Test::Nginx::Named::NAMED;

# name servers are asked on port 53: nginx is one, and stands before BIND

my $addr = Test::Nginx::Named::free_address();
my $own = Test::Nginx::Named::free_address();

plan(skip_all => 'needs port 53 of 127.0.0.0/8') unless $addr && $own;

my $t = Test::Nginx::ACM->new();
my $ns = "@ IN NS ns\nns IN A $addr\nweb IN A 127.0.0.1\n";
my $named = Test::Nginx::Named->new(zones => {
    '.' => "acm-v.test. IN NS ns.acm-v.test.\nns.acm-v.test. IN A $own\n",
    'dns.test' => $ns,
});
my $ca = Test::Nginx::FakeCA->new(config => { validation => 'real',
    dnsServers => ["127.0.0.1:$named->{port}"],
    httpPort => $t->port(8081) });

my $api = api_new(api_user($t, 'admin'));

$t->raw(CA => $ca->url());
$t->raw(RESOLVER => "127.0.0.1:$named->{port}");
$t->raw(ADDR => $addr);
$t->raw(OWN => $own);

sub config {
    my ($challenge) = @_;

    $t->raw(CHALLENGE => $challenge);
    $t->write_config(<<'EOF_CONF');
%%GLOBALS%%
%%STREAM%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    resolver %%RESOLVER%%;
    validation_zone acm-v.test address=%%OWN%%;
    issuer fake {
        acme %%CA%%; accept_terms on; challenge %%CHALLENGE%%; retry 1s;
    }
    default_issuer fake;
}
stream {
    server {
        listen %%OWN%%:53 udp; listen %%OWN%%:53; acm_dns; acm_dns_rate 0;
    }
    server {
        listen %%ADDR%%:53 udp; proxy_pass %%RESOLVER%%; proxy_responses 1;
    }
    server { listen %%ADDR%%:53; proxy_pass %%RESOLVER%%; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location / { acm_api key_types=all; }
    }
    server { listen 127.0.0.1:8081; }
}
EOF_CONF

    return;
}

config('dns-01');
$t->run();

sub request {
    my ($method, @names) = @_;

    return $api->ok('RequestCertificate', { DomainName => $names[0],
        SubjectAlternativeNames => \@names, ValidationMethod => $method,
        KeyAlgorithm => 'EC_prime256v1' })->{CertificateArn};
}

# its status, and those of its names; never one without the other

my @torn;

sub state {
    my $c = $api->ok('DescribeCertificate',
        { CertificateArn => $_[0] })->{Certificate};
    my %seen = map { $_->{ValidationStatus} => 1 }
        @{$c->{DomainValidationOptions}};
    my $all = join(',', sort keys %seen);

    push @torn, "$c->{Status} $all" if ($c->{Status} eq 'ISSUED')
        != ($all eq 'SUCCESS');

    return wantarray ? ("$c->{Status} $all", $c) : "$c->{Status} $all";
}

my $arn = request('DNS', 'www.dns.test', '*.www.dns.test');
my ($state, $c) = state($arn);
my @records = map { $_->{ResourceRecord} } @{$c->{DomainValidationOptions}};

is($state, 'PENDING_VALIDATION PENDING_VALIDATION', 'pending');
is_deeply($records[0], $records[1], 'a wildcard has that of its domain');
is($records[0]{Name}, '_acme-challenge.www.dns.test.', 'the name that CAs ask');
like($records[0]{Value}, qr/^[0-9a-f]{32}\.acm-v\.test\.$/, 'in our zone');

# nothing else is done than what a client does: the record is made

$named->zone('dns.test', $ns
    . "$records[0]{Name} IN $records[0]{Type} $records[0]{Value}\n");

ok($t->wait_for(sub { state($arn) eq 'ISSUED SUCCESS' }, 60),
    'DNS: issued by the CA') or diag(scalar(state($arn)));

# the record stays: the next one needs nothing

my $next = request('DNS', 'www.dns.test');
ok($t->wait_for(sub { state($next) eq 'ISSUED SUCCESS' }, 60),
    'DNS: issued again');

# by HTTP, for a name that leads here

config('http-01');
$t->reload();

my $web = request('HTTP', 'web.dns.test');
(undef, $c) = state($web);
is($c->{DomainValidationOptions}[0]{ValidationMethod}, 'HTTP', 'HTTP: shown');
ok($t->wait_for(sub { state($web) eq 'ISSUED SUCCESS' }, 60),
    'HTTP: issued by the CA') or diag(scalar(state($web)));

is_deeply(\@torn, [], 'issued and validated in one step');

$t->finish();

done_testing();
