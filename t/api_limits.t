#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What the API limits, over several workers, reloads and kills; which servers
# use a certificate; regions that are one.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();

my $api = api_new(api_user($t, 'admin'));
my $other = api_new(%$api, region => 'eu-central-1');

sub config {
    my ($acm, $servers) = @_;

    $t->write_config(<<"EOF");
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    $acm
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080 reuseport;
        add_header X-Pid \$pid always;
        location / { acm_api; }
    }
    $servers
}
EOF
    return;
}

# New workers, and no old ones.

sub reload {
    my %old = map { $_ => 1 } $t->workers();

    $t->reload();
    ok($t->wait_for(sub {
        my @workers = $t->workers();
        return @workers == 2 && !grep { $old{$_} } @workers;
    }), 'reload');
    return;
}

sub fault {
    my ($name, $want, $status, $out) = @_;

    is($out->{__type}, $want, "$name: type") or diag(encode_json($out));
    return $out;
}

# Calls of several clients at a time; returns how often each answer came.

sub many {
    my ($clients, $calls, $code) = @_;

    my (@pids, %answers);

    pipe(my $read, my $write) or die "pipe: $!";

    for my $n (1 .. $clients) {
        my $pid = fork() // die "fork: $!";

        if ($pid == 0) {
            for my $i (1 .. $calls) {
                my ($status, $out, $head) = $code->("$n-$i");
                my ($worker) = $head =~ /\nX-Pid: (\d+)/;
                my $line = ($out->{__type} || $status) . ' '
                    . ($worker // 'none') . ' ' . ($out->{message} // '')
                    . "\n";
                syswrite($write, $line);
            }

            POSIX::_exit(0);
        }

        push @pids, $pid;
    }

    close($write);

    while (<$read>) {
        my ($answer, $worker) = /^(\S+) (\S+)/;
        $answers{$answer}++;
        $answers{workers}{$worker} = 1;
        $answers{message} = $1 if /^\S*Exception \S+ (.+)/;
    }

    waitpid($_, 0) for @pids;

    return \%answers;
}

my $sni = 'server { listen 127.0.0.1:8443 ssl; server_name sni.example.com; '
    . 'acm_certificate sni; }';
my $limits = 'region us-east-1 eu-central-1; api_in_use 20s; '
    . 'api_rate ListCertificates=5r/m; api_quota acm certificates=20 '
    . 'certificates_per_year=25 names=2;';

config($limits, $sni);
$t->run();

# there is a store

ok($t->wait_for(sub { ($api->call('GetAccountConfiguration'))[0] == 200 }),
    'ready');

# one bucket for all workers: five at once, and one more in twelve seconds

my $began = time();
my $got = { workers => {} };
my $taken = 0;

for (1 .. 20) {
    my $some = many(4, 5, sub { $api->call('ListCertificates') });

    $taken += $some->{200} || 0;
    $got = { %$some, workers => { %{$got->{workers}}, %{$some->{workers}} } };
    last if keys %{$got->{workers}} == 2;
}

cmp_ok($taken, '>=', 5, 'as many as are allowed');
cmp_ok($taken, '<=', 5 + (time() - $began + 1) / 12, 'and not more');
is(scalar(keys %{$got->{workers}}), 2, 'of both workers');
cmp_ok($got->{ThrottlingException}, '>', 0, 'others are refused');
is($got->{message}, 'Rate exceeded', 'says why');

is(($other->call('ListCertificates'))[0], 200, 'another region');

# a worker that is killed, and a reload, give nothing back

kill('KILL', ($t->workers())[0]);
$t->allow(qr/worker process \d+ exited on signal 9/);
ok($t->wait_for(sub { $t->workers() == 2 }), 'a new worker');
reload();

my $out429 = many(4, 5, sub { $api->call('ListCertificates') });
cmp_ok($out429->{200} || 0, '<=', (time() - $began + 1) / 12,
    'still not more');

my ($status, $throttled) = $api->call('ListCertificates');

SKIP: {
    skip('it is time for another one', 2) if $status == 200;

    is($throttled->{throttlingReasons}[0]{reason}, 'RequestRateExceeded',
        'reason');
    is($throttled->{throttlingReasons}[0]{resource}, 'acm:ListCertificates',
        'resource');
}

# quotas: those that are there, of all that ask at the same time

my $requests = 0;

sub request {
    my ($client, $name, %args) = @_;

    # the same request in the same second has another signature

    return $client->call('RequestCertificate', { DomainName => $name,
        KeyAlgorithm => 'EC_prime256v1', %args },
        headers => { 'x-request' => ++$requests });
}

$got = many(6, 5, sub { request($api, "a$_[0].example.com") });
is($got->{200}, 20, 'as many certificates as there may be');
is($got->{LimitExceededException}, 10, 'others are refused');
is($got->{message}, 'Cannot request more certificates in this account. '
    . 'Contact Customer Service for details', 'says why');

fault('names', 'LimitExceededException', request($other, 'n.example.com',
    SubjectAlternativeNames => [ 'o.example.com', 'p.example.com' ]));
is((request($other, 'n.example.com',
    SubjectAlternativeNames => [ 'o.example.com' ]))[0], 200, 'two names');

# the same request again is none more

my $arn = (request($api, 'a1-1.example.com'))[1]{CertificateArn};
ok($arn, 'the same request');
is((request($api, 'a1-1.example.com'))[1]{CertificateArn}, $arn, 'again');

$arn = (request($other, 'again.example.com'))[1]{CertificateArn};

# those of a year, deleted ones too; nothing is lost by kill -9

my @gone = @{$api->ok('SearchCertificates', { MaxResults => 10 })->{Results}};

is(scalar(grep { ($api->call('DeleteCertificate',
    { CertificateArn => $_->{CertificateArn} }))[0] == 200 } @gone), 10,
    'deleted');

$got = many(2, 1, sub { request($api, "b$_[0].example.com") });
is($got->{200}, 2, 'there is room again');

# the master first, which would start others

my @all = ($t->pid(), $t->workers(), $t->helpers());
kill('KILL', $_) for @all;
waitpid($t->{child}, 0) if $t->{child};
ok($t->wait_for(sub { !$t->left_over() }), 'all killed');
$t->{running} = 0;
$t->run();

$got = many(4, 2, sub { request($api, "c$_[0].example.com") });
is($got->{200}, 3, 'up to those of a year');
is($got->{LimitExceededException}, 5, 'others are refused');
is($got->{message}, 'Error: you have reached your limit of 25 certificates '
    . 'in the last year.', 'says why');
is((request($other, 'more.example.com'))[0], 200, 'another region');

reload();
fault('after a reload', 'LimitExceededException',
    request($api, 'd.example.com'));

# a server of "sni" uses what it serves

sub describe {
    my ($arn) = @_;
    return $other->ok('DescribeCertificate',
        { CertificateArn => $arn })->{Certificate};
}

sub users {
    my ($arn) = @_;
    return join(' ', @{describe($arn)->{InUseBy}});
}

my $server = 'arn:aws:nginx:eu-central-1:123456789012:server/';

ok($t->wait_for(sub { describe($arn)->{Status} eq 'ISSUED' }), 'issued');
is(users($arn), '', 'nobody uses it');
is(describe($arn)->{RenewalEligibility}, 'INELIGIBLE', 'not eligible');

ok($t->wait_for(sub {
    $t->handshake(8443, 'again.example.com');
    return users($arn) ne '';
}), 'served');
is(users($arn), "${server}sni.example.com", 'by the server');
is(describe($arn)->{RenewalEligibility}, 'ELIGIBLE', 'eligible');

my $summary = $other->ok('SearchCertificates', { FilterStatement => {
    Filter => { CertificateArn => $arn } } })->{Results}[0];
ok($summary->{CertificateMetadata}{AcmCertificateMetadata}{InUse},
    'in use in a list');

my $message = fault('delete', 'ResourceInUseException',
    $other->call('DeleteCertificate', { CertificateArn => $arn }))->{message};
is($message, "Certificate $arn in account 123456789012 is in use. It is used "
    . "by ${server}sni.example.com.", 'by whom');

# one that is removed from the configuration does not; one that names it does

config($limits, 'server { listen 127.0.0.1:8443 ssl; '
    . "acm_certificate $arn; }");
reload();
like(users($arn), qr{^\Q$server\E\S*/nginx\.conf:\d+$}, 'by its ARN');
fault('delete', 'ResourceInUseException',
    $other->call('DeleteCertificate', { CertificateArn => $arn }));

config($limits, $sni);
reload();
ok($t->wait_for(sub { users($arn) eq '' }, 60), 'not served for so long');
is(describe($arn)->{RenewalEligibility}, 'INELIGIBLE', 'nor eligible');
is(($other->call('DeleteCertificate', { CertificateArn => $arn }))[0], 200,
    'and deleted');

# regions that are one

config('region eu-west-1 any namespace=one;', $sni);
reload();

my %west = map { $_ => api_new(%$api, region => $_) } qw/ eu-west-1 ap-x-1 /;

$arn = (request($west{'ap-x-1'}, 'one.example.com'))[1]{CertificateArn};
like($arn, qr/^arn:aws:acm:eu-west-1:/, 'an ARN of the home region');

for my $region (keys %west) {
    is((request($west{$region}, 'one.example.com'))[1]{CertificateArn}, $arn,
        "$region: the same request");
    is($west{$region}->ok('ListCertificates', { Includes => { keyTypes =>
        [ 'EC_prime256v1' ] } })->{CertificateSummaryList}[0]{CertificateArn},
        $arn, "$region: listed");

    (my $asked = $arn) =~ s/eu-west-1/$region/;
    is($west{$region}->ok('DescribeCertificate', { CertificateArn => $asked })
        ->{Certificate}{CertificateArn}, $arn, "$region: by its own ARN");
}

(my $third = $arn) =~ s/eu-west-1/us-east-1/;
fault('by another', 'ResourceNotFoundException',
    $west{'ap-x-1'}->call('DescribeCertificate', { CertificateArn => $third }));

# "any" has each region apart

config('region any;', $sni);
reload();

fault('of another region', 'ResourceNotFoundException',
    $west{'ap-x-1'}->call('DescribeCertificate', { CertificateArn => $arn }));
is(($west{'eu-west-1'}->call('DescribeCertificate',
    { CertificateArn => $arn }))[0], 200, 'of its own');

# ACM's own numbers

config('api_rate acm SearchCertificates=1r/m; api_quota acm;', $sni);
reload();

for (['GetAccountConfiguration', 1], ['ListCertificates', 8]) {
    my ($op, $rate) = @$_;

    my $began = time();
    my $got = many(4, 6, sub { $api->call($op) });
    my $most = $rate * (time() - $began + 2);

    cmp_ok($got->{200}, '>=', $rate, "$op: $rate at once");
    cmp_ok($got->{200}, '<=', $most, "$op: no more than $rate in a second");
}

$got = many(2, 2, sub { $api->call('SearchCertificates') });
is($got->{200}, 1, 'SearchCertificates: as it is given');

my @names = map { "n$_.example.com" } 1 .. 10;

is((request($api, 'n1.example.com', SubjectAlternativeNames =>
    [ @names ]))[0], 200, 'ten names');
fault('eleven names', 'LimitExceededException', request($api,
    'n1.example.com', SubjectAlternativeNames =>
        [ @names, 'n11.example.com' ]));

$t->finish();

done_testing();
