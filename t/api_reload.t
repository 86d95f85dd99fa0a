#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Reloads while calls of the API are made: each gets its answer, and what it
# was told of is there.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();
my $api = api_new(api_user($t, 'client'));

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location / { acm_api key_types=all; }
    }
}
EOF_CONF

$t->run();

$api->ok('ListCertificates');

# clients that go on until they are told to stop, or something is lost

my @clients = map { client($_) } 1 .. 4;

sub client {
    my ($n) = @_;

    pipe(my $reader, my $writer) or die "pipe: $!";
    my $pid = fork() // die "fork: $!";

    if ($pid) {
        close($writer);
        return { pid => $pid, reader => $reader };
    }

    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    $writer->autoflush(1);

    for (my $i = 0; !$stop; $i++) {
        my ($status, $answer) = $api->call('RequestCertificate',
            { DomainName => "r$n-$i.example.com",
                KeyAlgorithm => 'EC_prime256v1' });

        print $writer "$status $answer->{CertificateArn}\n"
            if $status == 200;
        print $writer "$status lost\n" and last if $status != 200;
    }

    POSIX::_exit(0);
}

for (1 .. 15) {
    my @old = sort $t->workers();

    $t->reload();
    $t->wait_for(sub {
        my %now = map { $_ => 1 } $t->workers();
        return keys %now == 2 && !grep { $now{$_} } @old;
    });
}

kill('TERM', map { $_->{pid} } @clients);

my @answers = map { my $r = $_->{reader}; <$r> } @clients;
waitpid($_->{pid}, 0) for @clients;

my @lost = grep { !/^200 / } @answers;
is(scalar @lost, 0, 'each has its answer') or diag(@lost);
cmp_ok(scalar @answers, '>', 30, 'calls were made');

my (%there, $token);

do {
    my $page = $api->ok('ListCertificates',
        defined $token ? { NextToken => $token } : {});
    $there{$_->{CertificateArn}} = 1 for @{$page->{CertificateSummaryList}};
    $token = $page->{NextToken};
} while (defined $token);

ok(!(grep { /^200 (\S+)/ && !$there{$1} } @answers), 'and is there');

# workers that find no store look again: the client has its answer when it is
# there; only the helper makes one, and has it open

$t->allow(qr/exited on signal 9/);

my @old = $t->workers();

rename("$t->{dir}/store", "$t->{dir}/away") or die "rename: $!";
kill('KILL', @old);

$t->wait_for(sub {
    my %old = map { $_ => 1 } @old;
    my @new = $t->workers();
    return @new == 2 && !grep { $old{$_} } @new;
});

my $s = $api->connect();
$s->autoflush(1);
print $s $api->request(op => 'ListCertificates');

ok($t->wait_for(sub { !unread($s) }), 'a call without a store');

# one that has waited long enough is told so, as SDKs understand it

my ($status, $answer, $head) = $api->raw(op => 'DescribeCertificate');
is("$status $answer->{__type}", '503 ServiceUnavailable',
    'told that there is none');
like($head, qr{\nContent-Type: application/x-amz-json-1\.1\r}, 'in JSON');
is((split(/ /, <$s>))[1], 503, 'and so was the first');
close($s);

# the log says why, at a level that is seen, and once

my @told = grep { /\[crit\]/ } split(/\n/, $t->read_file('error.log'));
ok(@told == 1 || @told == 2, 'one line of each worker');
is((grep { !/acm: store "[^"]+": there is no such directory/ } @told), 0,
    'why there is none');

# and one that it comes to in time has its answer

$s = $api->connect();
$s->autoflush(1);
print $s $api->request(op => 'ListCertificates');
$t->wait_for(sub { !unread($s) });
rename("$t->{dir}/away", "$t->{dir}/store") or die "rename: $!";
like(do { local $/; <$s> }, qr{^HTTP/1\.1 200 .*"CertificateArn"}s,
    'answered when it is there');

$t->finish();

done_testing();
