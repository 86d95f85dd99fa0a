#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What other clients do, call by call: the handler of CDK's
# DnsValidatedCertificate, Ansible's module, controllers of Kubernetes, hooks
# of certbot.  Terraform has a file of its own.

use warnings;
use strict;

use Test::More;

use Digest::SHA qw/ sha256_hex /;
use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64;
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();

my %args = api_user($t, 'clients');

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
    gzip on;
    gzip_min_length 1;
    gzip_types application/x-amz-json-1.1;
    server {
        listen 127.0.0.1:8080;
        location / { acm_api; }
    }
    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni;
    }
}
EOF_CONF

$t->run();

my $js = api_new(%args, style => 'js');
my $go = api_new(%args, style => 'go');
my $boto = api_new(%args);

sub describe {
    my ($api, $arn) = @_;
    return $api->ok('DescribeCertificate', { CertificateArn => $arn })
        ->{Certificate};
}

sub issued {
    my ($api, $arn) = @_;
    return $t->wait_for(sub { describe($api, $arn)->{Status} eq 'ISSUED' });
}

sub blob { return encode_base64($_[0], '') }

sub material {
    my ($name, @names) = @_;
    $t->self_signed($name, @names);
    return ($t->read_file("$name.crt"), $t->read_file("$name.key"));
}

# nobody is sent what he did not ask for

my (undef, undef, $head) = $js->call('ListCertificates');
unlike($head, qr/\nContent-Encoding/i, 'js: not compressed');
(undef, undef, $head) = $boto->call('ListCertificates');
unlike($head, qr/\nContent-Encoding/i, 'boto: not compressed');
(undef, undef, $head) = $go->call('ListCertificates');
like($head, qr/\nContent-Encoding: gzip/i, 'go: compressed');

# CDK: a token that is made of the id of its request; records of all names in
# the first answers, one for each Name; the waiter; tags at last

my $token = substr(sha256_hex('2f6a0b0e-6a1b-4c7d-9d55-000000000001'), 0, 32);
my %wanted = (DomainName => 'cdk.example.com', SubjectAlternativeNames =>
    [ '*.cdk.example.com', 'www.cdk.example.com' ],
    IdempotencyToken => $token, ValidationMethod => 'DNS', Options =>
        { CertificateTransparencyLoggingPreference => 'ENABLED' });

my $arn = $js->ok('RequestCertificate', \%wanted)->{CertificateArn};
is($js->ok('RequestCertificate', \%wanted)->{CertificateArn}, $arn,
    'CDK: the same for its token');

my @options = @{describe($js, $arn)->{DomainValidationOptions}};
is(scalar(grep { $_->{ResourceRecord} } @options), 3, 'CDK: all records');
my %records = map { $_->{ResourceRecord}{Name} => $_->{ResourceRecord} }
    @options;
is(scalar keys %records, 2, 'CDK: one for the wildcard and its domain');

ok($t->wait_for(sub {
    my $c = describe($js, $arn);
    my @left = grep { $_->{ValidationStatus} ne 'SUCCESS' }
        @{$c->{DomainValidationOptions}};
    die 'validated, and not issued' if !@left && $c->{Status} ne 'ISSUED';
    return !@left;
}), 'CDK: validated and issued in one step');

$js->ok('AddTagsToCertificate', { CertificateArn => $arn,
    Tags => [ { Key => 'stack', Value => 'one' } ] });

is_deeply(describe($js, $arn)->{InUseBy}, [], 'CDK: not in use');
$js->ok('DeleteCertificate', { CertificateArn => $arn });
is(($js->call('DescribeCertificate', { CertificateArn => $arn }))[1]{__type},
    'ResourceNotFoundException', 'CDK: gone');
is(($js->call('DeleteCertificate', { CertificateArn => $arn }))[1]{__type},
    'ResourceNotFoundException', 'CDK: what it passes over');
isnt($js->ok('RequestCertificate', \%wanted)->{CertificateArn}, $arn,
    'CDK: a new one for the token of one that is gone');

# Ansible: all certificates with all that there is to know; the one with its
# tag Name is replaced, and must keep its ARN

my ($crt, $pem) = material('ansible', 'ansible.example.com');

sub ansible_all {
    my (@all, $next);

    do {
        my $page = $boto->ok('ListCertificates', { Includes => { keyTypes =>
            [ qw/ RSA_1024 RSA_2048 RSA_3072 RSA_4096 EC_prime256v1
                EC_secp384r1 EC_secp521r1 / ] },
            defined $next ? (NextToken => $next) : () });
        push @all, @{$page->{CertificateSummaryList}};
        $next = $page->{NextToken};
    } while (defined $next);

    for my $c (@all) {
        my $arn = $c->{CertificateArn};

        $c = describe($boto, $arn);

        if ($c->{Status} !~ /^(?:PENDING_VALIDATION|VALIDATION_TIMED_OUT|FAILED)$/)
        {
            my $got = $boto->ok('GetCertificate',
                { CertificateArn => $arn });
            $c->{certificate} = $got->{Certificate} // die 'KeyError';
            $c->{chain} = $got->{CertificateChain} // die 'KeyError';
        }

        $c->{tags} = { map { $_->{Key} => $_->{Value} }
            @{$boto->ok('ListTagsForCertificate',
                { CertificateArn => $arn })->{Tags}} };
    }

    return @all;
}

sub ansible_present {
    my ($name, $crt, $key) = @_;

    my ($old) = grep { ($_->{tags}{Name} // '') eq $name } ansible_all();

    return ($old->{CertificateArn}, 0) if $old && $old->{certificate} eq $crt;

    my $arn = $boto->ok('ImportCertificate', { Certificate => blob($crt),
        PrivateKey => blob($key),
        $old ? (CertificateArn => $old->{CertificateArn}) : () })
        ->{CertificateArn};

    $boto->ok('AddTagsToCertificate', { CertificateArn => $arn,
        Tags => [ { Key => 'Name', Value => $name } ] }) unless $old;

    return ($arn, 1);
}

my ($first, $changed) = ansible_present('web', $crt, $pem);
is($changed, 1, 'Ansible: imported');
is_deeply([ ansible_present('web', $crt, $pem) ], [ $first, 0 ],
    'Ansible: nothing to do');

my ($c) = grep { $_->{CertificateArn} eq $first } ansible_all();
is($c->{chain}, $crt, 'Ansible: a certificate that needs no chain is its own');

($crt, $pem) = material('ansible2', 'ansible.example.com');
is_deeply([ ansible_present('web', $crt, $pem) ], [ $first, 1 ],
    'Ansible: replaced under its ARN');

$boto->ok('RemoveTagsFromCertificate', { CertificateArn => $first,
    Tags => [ { Key => 'Name', Value => 'other' } ] });
is_deeply($boto->ok('ListTagsForCertificate', { CertificateArn => $first })
    ->{Tags}, [ { Key => 'Name', Value => 'web' } ],
    'Ansible: a tag of another value stays');
$boto->ok('RemoveTagsFromCertificate', { CertificateArn => $first,
    Tags => [ { Key => 'Name', Value => 'web' } ] });
is_deeply($boto->ok('ListTagsForCertificate', { CertificateArn => $first })
    ->{Tags}, [], 'Ansible: the tag is gone');
$boto->ok('DeleteCertificate', { CertificateArn => $first });

# a load balancer controller looks for the certificate of a host among the
# names of those that are issued; another reads all their certificates

$arn = $go->ok('RequestCertificate', { DomainName => 'k.example.com',
    SubjectAlternativeNames => [ '*.k.example.com' ],
    KeyAlgorithm => 'EC_prime256v1', ValidationMethod => 'DNS',
    Options => { Export => 'ENABLED' } })->{CertificateArn};
ok(issued($go, $arn), 'controllers: issued');

my @list = @{$go->ok('ListCertificates', { CertificateStatuses =>
    [ 'ISSUED' ], Includes => { keyTypes => [ 'EC_prime256v1' ] } })
    ->{CertificateSummaryList}};
my @match = grep { my $c = describe($go, $_->{CertificateArn});
    grep { $_ eq '*.k.example.com' } @{$c->{SubjectAlternativeNames}} } @list;
is_deeply([ map { $_->{CertificateArn} } @match ], [ $arn ],
    'controllers: found by a name');

my $got = $go->ok('GetCertificate', { CertificateArn => $arn });
$t->write_file('k.crt', $got->{Certificate});
$t->write_file('k.chain', $got->{CertificateChain});
is(scalar(() = $got->{Certificate} =~ /BEGIN CERTIFICATE/g), 1,
    'controllers: one certificate');
like(`openssl verify -partial_chain -CAfile $t->{dir}/k.chain $t->{dir}/k.crt 2>&1`,
    qr/: OK$/, 'controllers: and its chain');

# another exports it anew whenever IssuedAt or Serial are others

sub export {
    my $out = $go->ok('ExportCertificate', { CertificateArn => $arn,
        Passphrase => blob('correct horse') });

    $t->write_file('k.key', $out->{PrivateKey});
    $t->write_file('k.crt', $out->{Certificate});

    return $out;
}

sub public {
    my ($command) = @_;
    return `openssl $command 2>&1`;
}

my $exported = export();
my $kind = `openssl asn1parse -in $t->{dir}/k.key`;

like($kind, qr/:PBES2/, 'export: PBES2');
like($kind, qr/:PBKDF2/, 'export: PBKDF2');
like($kind, qr/:aes-256-cbc/, 'export: AES-256-CBC');
unlike($kind, qr/hmacWith/, 'export: its default, HMAC-SHA1');
like($kind, qr/INTEGER\s+:0800\n/, 'export: 2048 rounds');
like($kind, qr/prim: OCTET STRING\s+\[HEX DUMP\]:[0-9A-F]{40}\n/,
    'export: 20 octets of salt');
is(public("pkey -in $t->{dir}/k.key -passin 'pass:correct horse' -pubout"),
    public("x509 -in $t->{dir}/k.crt -noout -pubkey"), 'export: the key');

# what scripts put together must come in lines

like("$exported->{Certificate}$exported->{CertificateChain}$exported->{PrivateKey}",
    qr/\A(?:-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n)+-----BEGIN ENCRYPTED PRIVATE KEY-----\n[^-]+-----END ENCRYPTED PRIVATE KEY-----\n\z/,
    'export: in lines');

my $before = describe($go, $arn);
$go->ok('RenewCertificate', { CertificateArn => $arn });
ok($t->wait_for(sub { describe($go, $arn)->{Serial} ne $before->{Serial} }),
    'export: another serial number');
isnt(export()->{Certificate}, $exported->{Certificate},
    'export: another certificate');

# certbot's hooks import by ARN; secrets of Kubernetes come with a chain that
# is a first line alone, if there is none

($crt, $pem) = material('hook', 'hook.example.com');
my $hook = $boto->ok('ImportCertificate', { Certificate => blob($crt),
    PrivateKey => blob($pem), Tags => [ { Key => 'by', Value => 'hook' } ] })
    ->{CertificateArn};

my ($status, $answer) = $go->call('ImportCertificate', {
    CertificateArn => $hook, Certificate => blob($crt),
    PrivateKey => blob($pem),
    CertificateChain => blob("-----BEGIN CERTIFICATE-----\n") });
is($answer->{message}, 'The certificate body/chain provided is not in a valid '
    . 'PEM format.', 'hooks: a first line is no chain');

($crt, $pem) = material('hook2', 'hook.example.com');
is($boto->ok('ImportCertificate', { CertificateArn => $hook,
    Certificate => blob($crt), PrivateKey => blob($pem) })
    ->{CertificateArn}, $hook, 'hooks: imported again');
ok($t->wait_for(sub {
    ($t->handshake(8443, 'hook.example.com')->{pem} // '') eq $crt;
}), 'hooks: served');
is_deeply($boto->ok('ListTagsForCertificate', { CertificateArn => $hook })
    ->{Tags}, [ { Key => 'by', Value => 'hook' } ], 'hooks: tags stay');

$t->finish();

done_testing();
