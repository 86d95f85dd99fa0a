#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The audit log of the API: a line for each call, whoever made it and however
# it ended, without secrets, chained, over a rotation.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::SSL;
use JSON::PP;
use MIME::Base64;
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();

sub user { return api_new(api_user($t, @_)) }

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
        listen 127.0.0.1:8443 ssl;
        server_name api.example.com;
        acm_certificate auto;
        location / { acm_api; }
    }
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

# what is refused is written, too

sub last_one { return (records('audit.json'))[-1] }

my $forged = api_new(port => $t->port(8080), key => $admin->{key},
    secret => 'x' x 40);
($status) = $forged->call('DeleteCertificate', { CertificateArn => $arn });
is($status, 400, 'a wrong signature');

my $r = last_one();
is($r->{eventName}, 'DeleteCertificate', 'wrong signature: what');
is($r->{errorCode}, 'InvalidSignatureException', 'wrong signature: code');
like($r->{errorMessage}, qr/^The request signature we calculated does not/,
    'wrong signature: message');
is_deeply($r->{userIdentity}, { type => 'Unknown', principalId => '',
    accessKeyId => $admin->{key} }, 'wrong signature: nobody, with a key');
ok(!exists $r->{recipientAccountId}, 'wrong signature: no account');
is($r->{awsRegion}, 'us-east-1', 'wrong signature: region');
is($r->{readOnly}, JSON::PP::false, 'wrong signature: it could change');
like($r->{requestID}, qr/^[0-9a-f-]{36}$/, 'wrong signature: request id');
ok(!exists $r->{tlsDetails}, 'no TLS');

my $unknown = api_new(port => $t->port(8080), key => 'AKIAUNKNOWNUNKNOWN00',
    secret => 'x' x 40);
$unknown->call('ListCertificates');
$r = last_one();
is($r->{errorCode}, 'UnrecognizedClientException', 'unknown key: code');
is($r->{userIdentity}{accessKeyId}, 'AKIAUNKNOWNUNKNOWN00', 'unknown key');

$admin->raw(op => 'ListCertificates', unsigned => 1);
$r = last_one();
is($r->{errorCode}, 'MissingAuthenticationTokenException', 'no token: code');
is_deeply($r->{userIdentity}, { type => 'AWSAccount', principalId => '',
    accountId => 'ANONYMOUS_PRINCIPAL' }, 'no token: nobody');

$admin->raw(op => 'ListCertificates', unsigned => 1,
    headers => { Authorization => 'Basic cGFzc3dvcmQ6c2VjcmV0' });
$r = last_one();
is($r->{errorCode}, 'IncompleteSignatureException', 'malformed: code');
like($r->{errorMessage}, qr/malformed/, 'malformed: message');
unlike($t->read_file('audit.json'), qr/cGFzc3dvcmQ6c2VjcmV0/,
    'a password is not in it');

$admin->raw(op => 'ListCertificates', body => '{"x');
$r = last_one();
is($r->{errorCode}, 'SerializationException', 'no JSON: code');
is($r->{userIdentity}{userName}, 'admin', 'no JSON: by whom');

$admin->raw(op => 'NoSuchThing');
$r = last_one();
is($r->{errorCode}, 'UnknownOperationException', 'no operation: code');
is($r->{eventName}, 'UnknownOperation', 'no operation');

my $twice = $admin->request(op => 'DeleteCertificate',
    body => encode_json({ CertificateArn => $arn }));
$admin->send($twice) for 1 .. 2;
$r = last_one();
is($r->{errorCode}, 'ThrottlingException', 'a signature again: code');
is($r->{userIdentity}{userName}, 'admin', 'a signature again: whose');

# TLS

my $body = encode_json({ CertificateArn => $arn });
my $tls = $admin->request(op => 'DescribeCertificate', body => $body);
my $ssl = IO::Socket::SSL->new(PeerAddr => '127.0.0.1',
    PeerPort => $t->port(8443), SSL_verify_mode => 0,
    SSL_hostname => 'api.example.com') or die IO::Socket::SSL::errstr();
my ($version, $cipher) = ($ssl->get_sslversion(), $ssl->get_cipher());
print $ssl $tls;
1 while <$ssl>;
$r = last_one();
(my $dotted = $version) =~ s/_/./;
is_deeply($r->{tlsDetails}, { tlsVersion => $dotted, cipherSuite => $cipher,
    clientProvidedHostHeader => '127.0.0.1:' . $t->port(8080) },
    'TLS');

# who sends a lot of it does not fill the disk: what is over 100 in a minute is
# counted

my $before = records('audit.json');
$unknown->raw(op => 'ListCertificates') for 1 .. 130;
$admin->raw(body => 'x' x (5 << 20));

my @new = (records('audit.json'))[$before .. records('audit.json') - 1];
cmp_ok(scalar(@new), '<', 110, 'lines of refused calls');

$t->stop();

@new = (records('audit.json'))[$before .. records('audit.json') - 1];
my @sums = grep { $_->{eventName} eq 'SummarizeRefusedCalls' } @new;
my ($counted, $large) = (0, 0);

for my $sum (@sums) {
    is($sum->{eventType}, 'AwsServiceEvent', 'a summary');
    my $codes = $sum->{additionalEventData}{errorCodes};
    $counted += $codes->{UnrecognizedClientException} // 0;
    $large += $codes->{RequestEntityTooLargeException} // 0;
}

is((grep { $_->{eventName} eq 'ListCertificates' } @new) + $counted, 130,
    'all are in it, or counted');
is($large, 1, 'and what nginx has answered');

($rc, $out) = $t->acmctl('audit', 'verify', "$t->{dir}/audit.json.1",
    "$t->{dir}/audit.json");
is($rc, 0, 'the chain is whole with all that') or diag($out);

$t->finish();

done_testing();
