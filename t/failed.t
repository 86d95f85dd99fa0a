#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Requests over the API that come to nothing: FAILED, FailureReason, the name
# that it was, and no more orders; what may pass, and what is configured, is
# tried on.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;
use Test::Nginx::FakeCA;

my $t = Test::Nginx::ACM->new();
my $ca = Test::Nginx::FakeCA->new();
my ($rc, $out);

sub ctl { ($rc, $out) = $t->acmctl(@_); return $rc }

my $api = api_new(api_user($t, 'admin'));

$t->raw(CA => $ca->url());

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    event_sink file:%%DIR%%/events.json;
    issuer fake {
        acme %%CA%%; accept_terms on; preflight off; challenge http-01;
        retry 1s; public_names on;
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
    server {
        listen 127.0.0.1:8443 ssl;
        server_name auto.rejected.example.com;
        acm_certificate auto;
    }
}
EOF_CONF

# what the CA says of names

sub rule {
    my ($endpoint, $pattern, $action) = @_;

    $ca->rule({ match => { endpoint => $endpoint, pattern => $pattern },
        action => $action });

    return;
}

rule('newOrder', '(^|\.)rejected\.', { problem => {
    type => 'rejectedIdentifier', detail => 'policy forbids it',
    subproblems => [{ type => 'rejectedIdentifier', detail => 'forbidden',
        identifier => { type => 'dns', value => 'rejected.example.com' } }] }
    });
rule('newOrder', '^account\.', { problem => {
    type => 'externalAccountRequired', detail => 'who are you' } });
rule('challenge', '^caa\.', { authzError => { type => 'caa',
    detail => 'CAA forbids it' } });
rule('challenge', '^dns\.', { authzError => { type => 'dns',
    detail => 'no such host' } });

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

sub proved {
    my ($arn) = @_;

    return { map { $_->{DomainName} => $_->{ValidationStatus} }
        @{describe($arn)->{DomainValidationOptions}} };
}

sub listed {
    my ($status) = @_;

    return [sort map { $_->{DomainName} } @{$api->ok('ListCertificates',
        { CertificateStatuses => [$status], Includes =>
            { keyTypes => ['EC_prime256v1'] } })->{CertificateSummaryList}}];
}

sub orders {
    my ($name) = @_;

    my $sets = $ca->stats()->{log};

    return scalar(grep { $_->{endpoint} eq 'newOrder'
        && grep { $_ eq $name } @{$_->{names} || []} } @$sets);
}

my %want = (
    'a.example.internal' => ['INVALID_PUBLIC_DOMAIN', 0],
    'rejected.example.com' => ['DOMAIN_NOT_ALLOWED', 1],
    'caa.example.com' => ['CAA_ERROR', 3],
    'account.example.com' => ['OTHER', 4],
);

my $dns = request('dns.example.com', 'ok.dns.example.org');
my %arn = map { $_ => request($_, 'other.example.org') } sort keys %want;

for my $name (sort keys %want) {
    my ($reason, $asked) = @{$want{$name}};
    my $arn = $arn{$name};

    ok($t->wait_for(sub { describe($arn)->{Status} eq 'FAILED' }, 30),
        "$name: failed") or diag(encode_json(describe($arn)));

    my $c = describe($arn);
    is($c->{FailureReason}, $reason, "$name: why");

    # of the account there is no culprit

    my $other = $name =~ /account/ ? 'FAILED' : 'PENDING_VALIDATION';

    is_deeply(proved($arn), { $name => 'FAILED',
        'other.example.org' => $other }, "$name: the name");
    is(orders($name), $asked, "$name: orders");

    my ($uuid) = $arn =~ /([0-9a-f-]{36})$/;
    my $page = $t->status("/certificate/$uuid");

    is($page->{State}, 'failed', "$name: state");
    is($page->{FailureReason}, $reason, "$name: reason in the status");
    is($page->{History}[0]{What}, 'given up', "$name: history");
    is($page->{History}[0]{Text}, $reason, "$name: and why");

    my $line = qr/"\Q$arn\E" for "\Q$name\E" is given up, $reason, /;

    like($t->read_file('error.log'), qr/\[error\].*${line}attempts $asked: /,
        "$name: in the log");
}

is_deeply(listed('FAILED'), [sort keys %want], 'listed as FAILED');
ok($t->wait_for(sub { my @e = ($t->read_file('events.json') // '')
    =~ /ISSUANCE_FAILED/g; @e == keys %want }), 'an alarm for each');

# what may pass is tried on

ok($t->wait_for(sub { orders('dns.example.com') > 4 }, 30), 'dns: tried on');
is(describe($dns)->{Status}, 'PENDING_VALIDATION', 'dns: pending');
is(proved($dns)->{'dns.example.com'}, 'PENDING_VALIDATION',
    'dns: may be proved');
ok($t->wait_for(sub { orders('auto.rejected.example.com') > 4 }, 30),
    'configured: tried on');
is($t->certificate('auto.rejected.example.com')->{Status},
    'PENDING_VALIDATION', 'configured: pending');

# the end is the end, for the next helper too

kill('KILL', my @pids = $t->helpers());
ok($t->wait_for(sub { my @p = $t->helpers(); @p == 1 && $p[0] != $pids[0] }),
    'killed');

my $new = request('fine.example.org');

ok($t->wait_for(sub { describe($new)->{Status} eq 'ISSUED' }, 20),
    'others are issued');
is(orders($_), $want{$_}[1], "$_: no more orders") for sort keys %want;

# the key of an order that is under way: one that was changed is found

rule('finalize', '^slow\.', { hang => JSON::PP::true });

my $slow = request('slow.example.org');

ok($t->wait_for(sub { return $ca->stats()->{names}{'slow.example.org'}
    {finalize} }, 20), 'an order is under way');
is(ctl('verify'), 0, 'its key opens') or diag($out);
is(ctl('backup', "$t->{dir}/copy"), 0, 'a copy') or diag($out);
is(system("$t->{out}/spoil", "$t->{dir}/copy", 'seal:order'), 0, 'spoilt');

($rc, $out) = $t->acmctl('--store', "$t->{dir}/copy", 'verify');
is($rc, 1, 'verify of the copy');
like($out, qr/the order of certificate \S+, its key: .* 1 faults$/s, 'told')
    or diag($out);
$api->ok('DeleteCertificate', { CertificateArn => $slow });

# and can be deleted, and requested again

$ca->clear();
$api->ok('DeleteCertificate', { CertificateArn => $arn{'caa.example.com'} });
$new = request('caa.example.com', 'other.example.org');
ok($t->wait_for(sub { describe($new)->{Status} eq 'ISSUED' }, 20),
    'requested again');
is(proved($new)->{'caa.example.com'}, 'SUCCESS', 'proved');

is(ctl('verify'), 0, 'the store is sound') or diag($out);

$t->allow(qr/cache manager process \d+ exited on signal 9/);
$t->finish();

done_testing();
