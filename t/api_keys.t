#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Keys of the API: sessions with their token and their end, status, and what
# a reload makes of a changed file.

use warnings;
use strict;

use JSON::PP;
use POSIX ();
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();

my $arn = 'arn:aws:iam::123456789012';
my $token = 'FwoGZXIvYXdzE' . 'x/+=' x 40;

sub when {
    return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() + $_[0]));
}

sub session {
    my ($id, $name, $end) = @_;

    return { RoleSessionName => $name, AccessKeyId => $id,
        SecretAccessKey => "secret-of-$id", SessionToken => $token,
        Expiration => when($end) };
}

sub key {
    my ($id, $status) = @_;

    return { AccessKeyId => $id, SecretAccessKey => "secret-of-$id",
        Status => $status };
}

sub users {
    my (@keys) = @_;

    $t->write_file('users.json', encode_json({ Accounts => [ {
        AccountId => '123456789012',
        Users => [ { UserName => 'ci', AttachedManagedPolicies => [
            'AWSCertificateManagerReadOnly' ], AccessKeys => \@keys } ],
        Roles => [ { RoleName => 'deploy', AttachedManagedPolicies => [
            'AWSCertificateManagerReadOnly' ], Sessions => [
            session('ASIAAAAAAAAAAAAAAAAA', 'now', 3600),
            session('ASIABBBBBBBBBBBBBBBB', 'over', -1) ] } ],
    } ] }));
    chmod(0600, "$t->{dir}/users.json");

    return;
}

sub api {
    my ($id) = @_;

    return api_new(port => $t->port(8080), key => $id,
        secret => "secret-of-$id");
}

sub ask {
    my ($id, $with, $op) = @_;

    my ($status, $out) = api($id)->raw(op => $op || 'ListCertificates',
        headers => defined $with ? { 'X-Amz-Security-Token' => $with } : {});

    return $status == 200 ? 'ok'
        : join(': ', "$status $out->{__type}", $out->{message}
            // $out->{Message} // '');
}

users(key('AKIAAAAAAAAAAAAAAAAA', 'Active'),
    key('AKIABBBBBBBBBBBBBBBB', 'Inactive'));

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    issuer ours { ca; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location / { acm_api; }
    }
}
EOF_CONF

$t->run();

my $unknown = '400 UnrecognizedClientException: The security token included in'
    . ' the request is invalid';
my $over = '400 ExpiredTokenException: The security token included in the'
    . ' request is expired';

$t->wait_for(sub { ask('AKIAAAAAAAAAAAAAAAAA') eq 'ok' }, 30);

# a session needs its token, all of it, and has an end

is(ask('ASIAAAAAAAAAAAAAAAAA', $token), 'ok', 'a session');
is(ask('ASIAAAAAAAAAAAAAAAAA'), $unknown, 'a session: no token');
is(ask('ASIAAAAAAAAAAAAAAAAA', ''), $unknown, 'a session: an empty one');
is(ask('ASIAAAAAAAAAAAAAAAAA', substr($token, 0, -1)), $unknown,
    'a session: not all of it');
is(ask('ASIAAAAAAAAAAAAAAAAA', "${token}a"), $unknown,
    'a session: more than it');
is(ask('ASIABBBBBBBBBBBBBBBB', $token), $over, 'a session that is over');
is(ask('ASIABBBBBBBBBBBBBBBB', 'x'), $unknown,
    'a session that is over: another token');
is(ask('AKIAAAAAAAAAAAAAAAAA', $token), $unknown, 'a token of no session');

like(ask('ASIAAAAAAAAAAAAAAAAA', $token, 'PutAccountConfiguration'),
    qr/^400 ValidationException/, 'a session: checked as any other');

my ($status, $out) = api('ASIAAAAAAAAAAAAAAAAA')->raw(
    op => 'PutAccountConfiguration', body => '{"IdempotencyToken":"a",'
    . '"ExpiryEvents":{"DaysBeforeExpiry":30}}',
    headers => { 'X-Amz-Security-Token' => $token });
is($out->{Message}, 'User: arn:aws:sts::123456789012:assumed-role/deploy/now is'
    . ' not authorized to perform: acm:PutAccountConfiguration because no'
    . ' identity-based policy allows the acm:PutAccountConfiguration action',
    'a session: whose it is');

# status; each reload reads the file

is(ask('AKIABBBBBBBBBBBBBBBB'), "$unknown.", 'a key that is inactive');
is(ask('AKIACCCCCCCCCCCCCCCC'), "$unknown.", 'a key that there is not');

users(key('AKIAAAAAAAAAAAAAAAAA', 'Inactive'),
    key('AKIABBBBBBBBBBBBBBBB', 'Active'),
    key('AKIACCCCCCCCCCCCCCCC', 'Active'));

is(ask('AKIACCCCCCCCCCCCCCCC'), "$unknown.", 'not before a reload');
my ($old) = $t->workers();
$t->reload();
$t->wait_for(sub { my @now = $t->workers(); @now == 1 && $now[0] != $old }, 30)
    or die 'no other worker';

is(ask('AKIACCCCCCCCCCCCCCCC'), 'ok', 'a new key after a reload');
is(ask('AKIAAAAAAAAAAAAAAAAA'), "$unknown.", 'a key that was made inactive');
is(ask('AKIABBBBBBBBBBBBBBBB'), 'ok', 'a key that was made active');

# a file that cannot be read changes nothing, and the log says why

$t->allow(qr/users\.json/);
$t->write_file('users.json', '{"Accounts":[{}]}');
$t->reload();

ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /\[emerg\].*users\.json/ }, 30), 'a broken file is told of');
is(ask('AKIACCCCCCCCCCCCCCCC'), 'ok', 'a broken file: keys stay');

# nobody's secrets or tokens are in the log

unlike($t->read_file('error.log'), qr/secret-of|FwoGZXIvYXdzE/, 'no secrets');

$t->finish();

done_testing();
