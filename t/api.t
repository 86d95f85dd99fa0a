#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# acm_api on a real nginx: signatures, operations, what nginx itself answers,
# many calls at once, and at last aws-cli and boto3 if they are there.

use warnings;
use strict;

use JSON::PP;
use MIME::Base64;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();

sub user { return api_new(api_user($t, @_)) }

my $admin = user('admin', 'AWSCertificateManagerFullAccess');
my $reader = user('reader', 'AWSCertificateManagerReadOnly');

$t->write_config(<<'EOF');
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    region us-east-1 eu-central-1;
}
http {
    %%HTTP%%
    error_page 413 500 502 503 /page;
    server {
        listen 127.0.0.1:8080;
        location / { acm_api; }
        location /slow { acm_api; client_body_timeout 200ms; }
        location /status { acm_status; }
        location /page { return 200 "a page"; }
    }
    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name auto.example.com;
        acm_certificate auto;
    }
}
EOF

$t->run();

# from a request to a certificate that is served

my $arn = $admin->ok('RequestCertificate', { DomainName => 'a.example.com',
    SubjectAlternativeNames => [ '*.a.example.com' ],
    ValidationMethod => 'DNS', KeyAlgorithm => 'EC_prime256v1',
    Options => { Export => 'ENABLED' },
    Tags => [ { Key => 'team', Value => 'web' } ] })->{CertificateArn};

like($arn, qr/^arn:aws:acm:us-east-1:123456789012:certificate\/[0-9a-f-]{36}$/,
    'request');

sub describe {
    my ($arn) = @_;
    return $admin->ok('DescribeCertificate',
        { CertificateArn => $arn })->{Certificate};
}

my $c = describe($arn);
ok(defined $c->{DomainValidationOptions}[1]{ResourceRecord}{Value},
    'records are there at once');

ok($t->wait_for(sub { describe($arn)->{Status} eq 'ISSUED' }), 'issued');

$c = describe($arn);
is($c->{DomainValidationOptions}[0]{ValidationStatus}, 'SUCCESS', 'validated');
is($c->{KeyAlgorithm}, 'EC-prime256v1', 'key algorithm');
like($c->{CreatedAt}, qr/^\d+$/, 'times are numbers');

my $got = $admin->ok('GetCertificate', { CertificateArn => $arn });
like($got->{Certificate}, qr/-----END CERTIFICATE-----\n$/, 'get');

my $served = $t->handshake(8443, 'x.a.example.com');
ok((grep { $_ eq '*.a.example.com' } @{$served->{names} || []}), 'served');

# the head of an answer

my ($status, $out, $head) = $admin->call('ListCertificates');
is($status, 200, 'list');
like($head, qr/\nx-amzn-RequestId: [0-9a-f-]{36}\r/i, 'request id');
like($head, qr{\nContent-Type: application/x-amz-json-1\.1\r}, 'type');
like($head, qr/\nDate: /, 'date');
is(scalar @{$out->{CertificateSummaryList}}, 0, 'no RSA key yet');

# who may not

sub fault {
    my ($name, $want, $status, $out) = @_;
    is($status, 400, "$name: status") or diag(encode_json($out));
    is($out->{__type}, $want, "$name: type") or diag(encode_json($out));
    return;
}

($status, $out) = $reader->call('DeleteCertificate',
    { CertificateArn => $arn });
fault('reader', 'AccessDeniedException', $status, $out);
like($out->{Message}, qr{^User: arn:aws:iam::123456789012:user/reader is not authorized to perform: acm:DeleteCertificate on resource: \Q$arn\E because no identity-based policy allows the acm:DeleteCertificate action\z},
    'reader: why, with a capital letter');
is(($reader->call('DescribeCertificate', { CertificateArn => $arn }))[0], 200,
    'reader reads');
fault('nobody', 'MissingAuthenticationTokenException',
    $admin->call('ListCertificates', {}, unsigned => 1));
fault('another body', 'InvalidSignatureException',
    $admin->raw(op => 'ListCertificates', body => '{"MaxItems": 2}',
        sign_body => '{}'));
fault('late', 'InvalidSignatureException',
    $admin->call('ListCertificates', {}, time => time() - 400));
fault('another region', 'InvalidSignatureException',
    $admin->call('ListCertificates', {}, region => 'us-west-2'));
fault('another key', 'UnrecognizedClientException',
    api_new(%$admin, key => 'AKIAAAAAAAAAAAAAAAAA')->call('ListCertificates'));

# a region has certificates of its own

is(($admin->call('DescribeCertificate', { CertificateArn => $arn },
    region => 'eu-central-1'))[1]{__type}, 'ResourceNotFoundException',
    'of another region');

# a request that changes something is taken once; clients sign again

my $replay = $admin->request(op => 'AddTagsToCertificate', body =>
    encode_json({ CertificateArn => $arn, Tags => [ { Key => 'x' } ] }));

my @first = map { $admin->send($replay) } 1 .. 3;
is(scalar(grep { m{^HTTP/1.1 200} } @first) >= 1, 1, 'once');
cmp_ok(scalar(grep { /ThrottlingException/ } @first), '>=', 1, 'not again');

# bad requests

fault('constraint', 'ValidationException',
    $admin->call('RequestCertificate', { DomainName => 'x' }));
fault('no JSON', 'SerializationException',
    $admin->raw(op => 'ListCertificates', body => '{'));
($status, $out) = $admin->call('Nonsense');
is($status, 404, 'unknown operation');
is($out->{__type}, 'UnknownOperationException', 'unknown operation: type');

# what nginx answers is JSON, too

sub page {
    my ($name, $want, $response, $type) = @_;
    like($response, qr{^HTTP/1\.1 $want }, "$name: status");
    like($response, qr{\nContent-Type: application/x-amz-json-1\.1\r},
        "$name: type");
    like($response, qr/\nx-amzn-RequestId: /i, "$name: request id");
    my ($body) = $response =~ /\r\n\r\n(.*)$/s;
    is((eval { decode_json($body) } || {})->{__type}, $type, "$name: body");
    return;
}

page('too large', 413, $admin->send("POST / HTTP/1.1\r\nHost: a\r\n"
    . "Content-Length: 4194305\r\nConnection: close\r\n\r\n"),
    'RequestEntityTooLargeException');
page('a long address', 414, $admin->send('POST /' . 'a' x 40000
    . " HTTP/1.1\r\nHost: a\r\n\r\n"), 'RequestUriTooLongException');
page('a long field', 400, $admin->send("POST / HTTP/1.1\r\nHost: a\r\n"
    . 'X-Amz-Security-Token: ' . 'a' x 40000 . "\r\n\r\n"),
    'ValidationException');
page('no host', 400, $admin->send("POST / HTTP/1.1\r\n\r\n"),
    'ValidationException');

# a body that does not come, or not all of it: what came then would be no
# request

for my $case ([ 'no body', "Content-Length: 10\r\n\r\n" ],
    [ 'half a body', "Content-Length: 10\r\n\r\n{" ],
    [ 'half a chunk', "Transfer-Encoding: chunked\r\n\r\n5\r\n{" ])
{
    my ($name, $rest) = @$case;
    my $response = $admin->send("POST /slow HTTP/1.1\r\nHost: a\r\n$rest");

    page($name, 408, $response, 'RequestTimeoutException');
    like($response, qr/\nConnection: close\r/i, "$name: the end");
}

page('no request', 400, $admin->send("nonsense\r\n\r\n"),
    'ValidationException');

# two megabytes of something that is no chain

my $pem = "-----BEGIN CERTIFICATE-----\n";
($status, $out) = $admin->call('ImportCertificate', {
    Certificate => encode_base64($pem, ''),
    PrivateKey => encode_base64('x', ''),
    CertificateChain => encode_base64('x' x 2097152, '') });
fault('large body', 'ValidationException', $status, $out);
($status, $out) = $admin->call('ImportCertificate', {
    Certificate => encode_base64($pem, ''),
    PrivateKey => encode_base64('x', ''),
    CertificateChain => encode_base64('x' x 2097153, '') });
like($out->{message}, qr/less than or equal to 2097152/, 'larger chain');

# in use: nginx says by whom

my @all = @{$admin->ok('SearchCertificates', { FilterStatement => { Filter => {
    X509AttributeFilter => { SubjectAlternativeName => { DnsName => {
        Value => 'auto.example.com', ComparisonOperator => 'EQUALS' } } } } }
    })->{Results}};
is(scalar @all, 1, 'found by name');
($status, $out) = $admin->call('DeleteCertificate',
    { CertificateArn => $all[0]{CertificateArn} });
fault('in use', 'ResourceInUseException', $status, $out);
like($out->{message}, qr{server/auto\.example\.com}, 'in use: by whom');

# many at once, more than there are handles

my @pids;

for my $n (1 .. 8) {
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my $bad = 0;

        for my $i (1 .. 12) {
            my ($status) = $admin->call('RequestCertificate',
                { DomainName => "n$n-$i.example.com",
                    KeyAlgorithm => 'EC_prime256v1' });
            $bad++ if $status != 200;
        }

        POSIX::_exit($bad);
    }

    push @pids, $pid;
}

my $bad = 0;
waitpid($_, 0), $bad += $? for @pids;
is($bad, 0, 'many at once');

my (%seen, $token);

do {
    my $page = $admin->ok('ListCertificates', { MaxItems => 10,
        Includes => { keyTypes => [ 'EC_prime256v1' ] },
        defined $token ? (NextToken => $token) : () });
    $seen{$_->{DomainName}}++ for @{$page->{CertificateSummaryList}};
    $token = $page->{NextToken};
} while (defined $token);

is(scalar(grep { /^n\d+-\d+\./ } keys %seen), 96, 'all are there');
is((sort { $b <=> $a } values %seen)[0], 1, 'each once');

# a reload in between

$t->reload();
ok($t->wait_for(sub { eval { $admin->ok('ListCertificates') } }), 'reload');

# the clients themselves

my %env = (AWS_ACCESS_KEY_ID => $admin->{key},
    AWS_SECRET_ACCESS_KEY => $admin->{secret},
    AWS_DEFAULT_REGION => 'us-east-1', AWS_EC2_METADATA_DISABLED => 'true',
    AWS_CONFIG_FILE => "$t->{dir}/none",
    AWS_SHARED_CREDENTIALS_FILE => "$t->{dir}/none");

sub run {
    my (@command) = @_;

    local %ENV = (%ENV, %env);
    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>&', \*STDOUT);
        exec(@command) or POSIX::_exit(127);
    }

    my $out = do { local $/; <$fh> };
    close($fh);

    return ($? >> 8, $out // '');
}

my $url = 'http://127.0.0.1:' . $t->port(8080);

sub aws {
    return run('aws', '--endpoint-url', $url, '--output', 'json', 'acm', @_);
}

SKIP: {
    my ($rc, $version) = run('aws', '--version');
    skip('aws-cli is not installed', 6) if $rc;

    my $out;

    ($rc, $out) = aws('request-certificate', '--domain-name',
        'cli.example.com', '--validation-method', 'DNS', '--tags',
        'Key=a,Value=b');
    is($rc, 0, 'aws request-certificate') or diag($out);
    my $arn = (eval { decode_json($out) } || {})->{CertificateArn};

    ok($t->wait_for(sub {
        my ($rc, $out) = aws('describe-certificate', '--certificate-arn',
            $arn);
        return $rc == 0
            && decode_json($out)->{Certificate}{Status} eq 'ISSUED';
    }), 'aws describe-certificate');

    ($rc, $out) = aws('wait', 'certificate-validated', '--certificate-arn',
        $arn);
    is($rc, 0, 'aws wait certificate-validated') or diag($out);

    ($rc, $out) = aws('list-tags-for-certificate', '--certificate-arn', $arn);
    is_deeply(eval { decode_json($out)->{Tags} },
        [ { Key => 'a', Value => 'b' } ], 'aws list-tags-for-certificate');

    ($rc, $out) = aws('delete-certificate', '--certificate-arn', $arn);
    is($rc, 0, 'aws delete-certificate') or diag($out);

    ($rc, $out) = aws('describe-certificate', '--certificate-arn', $arn);
    like($out, qr/ResourceNotFoundException/, 'aws: gone');
}

SKIP: {
    my ($rc) = run('python3', '-c', 'import boto3');
    skip('boto3 is not installed', 1) if $rc;

    my $out;
    ($rc, $out) = run('python3', "$FindBin::Bin/tools/api.py", $url);
    is($rc, 0, 'boto3') or diag($out);
    note($out);
}

SKIP: {
    local $env{NODE_PATH} = $ENV{NODE_PATH}
        || "$Test::Nginx::ACM::ROOT/build/js/node_modules";

    my ($rc, $out) = run('node', '-e', "require('\@aws-sdk/client-acm')");

    skip('@aws-sdk/client-acm cannot be loaded: run "util/deps test"', 1)
        if $rc && !$ENV{CI};

    ($rc, $out) = run('node', "$FindBin::Bin/tools/api.js", $url)
        if $rc == 0;
    is($rc, 0, 'JavaScript SDK') or diag($out);
}

$t->finish();

done_testing();
