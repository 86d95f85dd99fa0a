#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The audit log of the API: a line for each call, whoever made it and however
# it ended, without secrets, chained, over a rotation.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64;
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();
my $users = "$t->{dir}/users.json";

sub user {
    my ($name, $policy) = @_;

    my ($rc, $out) = $t->acmctl('user', 'add', $name, '--policy', $policy,
        '--file', $users);
    my ($key) = $out =~ /aws_access_key_id = (\S+)/;
    my ($secret) = $out =~ /aws_secret_access_key = (\S+)/;
    die $out unless $secret;

    return api_new(port => $t->port(8080), key => $key, secret => $secret);
}

my $admin = user('admin', 'AWSCertificateManagerFullAccess');
my $reader = user('reader', 'AWSCertificateManagerReadOnly');

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    audit_log %%DIR%%/audit.json;
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

sub records { return map { decode_json($_) } split /\n/, $t->read_file($_[0]) }

# what is done

my ($cert, $key) = $t->self_signed('import', 'import.example.com');

sub base64 { return encode_base64($t->read_file($_[0]), '') }

my $arn = $admin->ok('ImportCertificate', {
    Certificate => base64('import.crt'),
    PrivateKey => base64('import.key') })->{CertificateArn};

$admin->ok('DescribeCertificate', { CertificateArn => $arn });

my ($status) = $reader->call('DeleteCertificate', { CertificateArn => $arn });
is($status, 400, 'denied');

my @r = records('audit.json');
is(scalar(@r), 3, 'a line for each call');

is($r[0]{eventName}, 'ImportCertificate', 'import');
is($r[0]{eventSource}, 'acm.amazonaws.com', 'source');
is($r[0]{recipientAccountId}, '123456789012', 'account');
is($r[0]{awsRegion}, 'us-east-1', 'region');
is($r[0]{sourceIPAddress}, '127.0.0.1', 'address');
is($r[0]{userIdentity}{userName}, 'admin', 'user');
is($r[0]{responseElements}{certificateArn}, $arn, 'what came of it');

is($r[1]{eventName}, 'DescribeCertificate', 'describe');
is($r[1]{requestParameters}{certificateArn}, $arn, 'of what');
is($r[1]{responseElements}, undef, 'what is read is not in the log');

is($r[2]{eventName}, 'DeleteCertificate', 'delete');
like($r[2]{errorCode}, qr{^AccessDenied}, 'denied');
is($r[2]{userIdentity}{userName}, 'reader', 'by whom');

my $secret = base64('import.key');
unlike($t->read_file('audit.json'), qr/\Q@{[substr($secret, 60, 40)]}\E/,
    'no secret');

# rotation

rename("$t->{dir}/audit.json", "$t->{dir}/audit.json.1") or die;
kill('USR1', $t->pid());

ok($t->wait_for(sub { -e "$t->{dir}/audit.json" }), 'reopened');

$admin->ok('DeleteCertificate', { CertificateArn => $arn });

my ($rc, $out) = $t->acmctl('audit', 'verify', "$t->{dir}/audit.json.1",
    "$t->{dir}/audit.json");
is($rc, 0, 'the chain is whole') or diag($out);

# somebody changes it

my $text = $t->read_file('audit.json.1');
$text =~ s/"reader"/"friend"/;
$t->write_file('changed.json', $text);

($rc, $out) = $t->acmctl('audit', 'verify', "$t->{dir}/changed.json",
    "$t->{dir}/audit.json");
is($rc, 1, 'a changed line is found');
like($out, qr/3/, 'and named');

$text =~ s/^[^\n]*\n//;
$t->write_file('missing.json', $text);
($rc, $out) = $t->acmctl('audit', 'verify', "$t->{dir}/missing.json");
is($rc, 1, 'a missing line is found');

$t->finish();

done_testing();
