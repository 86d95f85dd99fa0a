#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What Terraform's provider does with its resources and its data source, call
# by call and as it sends them, and what it looks at in each answer.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64;
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();
my $api = api_new(api_user($t, 'terraform'), style => 'go');

# its answers are compressed, as it asks for that

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    issuer internal { ca; }
    issuer private { ca; }
    default_issuer internal;
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
        server_name used.example.com;
        acm_certificate auto;
    }
}
EOF_CONF

$t->run();

my $request = $api->request(op => 'ListCertificates');
like($request, qr/SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-date;x-amz-target,/,
    'what it signs');

my ($status, $list, $head) = $api->call('ListCertificates');
is($status, 200, 'list');
like($head, qr/\nContent-Encoding: gzip/i, 'compressed');
like($head, qr/\nContent-Type: application\/x-amz-json-1\.1/i, 'type');

my $number = 0;

sub token { return sprintf('tf20261125%018d', ++$number) }

sub fault {
    my ($name, $want, $op, $in) = @_;

    my ($status, $out) = $api->call($op, $in);
    is($status, 400, "$name: status");
    is($out->{__type}, $want, "$name: type");
    return $out->{message};
}

sub describe {
    my ($arn) = @_;
    return $api->ok('DescribeCertificate', { CertificateArn => $arn })
        ->{Certificate};
}

sub tags {
    my ($arn) = @_;
    return { map { $_->{Key} => $_->{Value} // '' }
        @{$api->ok('ListTagsForCertificate', { CertificateArn => $arn })
            ->{Tags}} };
}

# The state that it keeps; sets, as it takes them.

sub state_of {
    my ($arn) = @_;

    my $c = describe($arn);
    my @options = @{$c->{DomainValidationOptions} || []};

    # it turns the hyphen of the answer into what it sends

    (my $key = $c->{KeyAlgorithm}) =~ s/-/_/;
    like($key, qr/^(?:RSA_(?:1024|2048|3072|4096)|EC_(?:prime256v1|secp384r1|secp521r1))$/,
        'key algorithm');

    return {
        arn => $c->{CertificateArn},
        certificate_authority_arn => $c->{CertificateAuthorityArn} // '',
        domain_name => $c->{DomainName},
        subject_alternative_names => [ sort
            @{$c->{SubjectAlternativeNames}} ],
        key_algorithm => $key,
        logging => $c->{Options}{CertificateTransparencyLoggingPreference},
        export => $c->{Options}{Export},
        status => $c->{Status},
        type => $c->{Type},
        renewal_eligibility => $c->{RenewalEligibility},
        pending_renewal => $c->{RenewalEligibility} eq 'ELIGIBLE'
            && ($c->{RenewalSummary}{RenewalStatus} // '')
                eq 'PENDING_AUTO_RENEWAL' ? 1 : 0,
        validation_method => $options[0]{ValidationMethod} // 'NONE',
        records => { map {
            $_->{DomainName} => $_->{ResourceRecord}
        } grep { $_->{ResourceRecord} } @options },
        emails => [ sort map {
            @{$_->{ValidationEmails} || []}
        } @options ],
        tags => tags($arn),
    };
}

# It looks until there is something to be done, or nothing left to do.

sub complete {
    my ($arn) = @_;

    return $t->wait_for(sub {
        my $c = describe($arn);

        return $c->{Status} ne 'PENDING_VALIDATION'
            if $c->{Type} eq 'PRIVATE' || $c->{Type} eq 'IMPORTED';

        my @options = @{$c->{DomainValidationOptions} || []};
        return @options && !grep {
            !$_->{ResourceRecord} && !@{$_->{ValidationEmails} || []}
                && $_->{ValidationStatus} ne 'SUCCESS'
        } @options;
    });
}

# aws_acm_certificate, public, DNS

my $token = token();
is(length($token), 28, 'its token');

my %wanted = (
    DomainName => 'tf.example.com',
    IdempotencyToken => $token,
    Options => { CertificateTransparencyLoggingPreference => 'ENABLED' },
    SubjectAlternativeNames => [ 'www.tf.example.com', '*.tf.example.com',
        'tf.example.com' ],
    Tags => [ { Key => 'Name', Value => 'tf' }, { Key => 'a', Value => '' } ],
    ValidationMethod => 'DNS',
);

my $arn = $api->ok('RequestCertificate', \%wanted)->{CertificateArn};
like($arn, qr/^arn:aws:acm:us-east-1:\d{12}:certificate\/.+$/, 'created');

# an attempt whose answer was lost is made again

is($api->ok('RequestCertificate', \%wanted)->{CertificateArn}, $arn,
    'once');

ok(complete($arn), 'complete');

my $state = state_of($arn);

is($state->{arn}, $arn, 'arn');
is($state->{domain_name}, 'tf.example.com', 'domain name');
is_deeply($state->{subject_alternative_names},
    [ sort @{$wanted{SubjectAlternativeNames}} ], 'names');
is($state->{key_algorithm}, 'RSA_2048', 'default key');
is($state->{logging}, 'ENABLED', 'logging');
is($state->{export}, 'DISABLED', 'export');
is($state->{type}, 'AMAZON_ISSUED', 'type');
is($state->{validation_method}, 'DNS', 'method');
is($state->{pending_renewal}, 0, 'no renewal');
is_deeply($state->{tags}, { Name => 'tf', a => '' }, 'tags');
is(scalar keys %{$state->{records}}, 3, 'records');
is_deeply($state->{records}{'*.tf.example.com'},
    $state->{records}{'tf.example.com'}, 'wildcard');

# aws_acm_certificate_validation: names that its Route 53 records have

my $record = $state->{records}{'www.tf.example.com'};
is($record->{Type}, 'CNAME', 'record');
like($record->{Name}, qr/^_[0-9a-f]{32}\.www\.tf\.example\.com\.$/,
    'its name');
like($record->{Value},
    qr/^_[0-9a-f]{32}\.[a-z]{10}\.acm-validations\.aws\.$/, 'its value');

ok($t->wait_for(sub { describe($arn)->{Status} eq 'ISSUED' }), 'validated');

my $c = describe($arn);
ok($c->{IssuedAt}, 'the id of the validation');
like($c->{$_}, qr/^\d+$/, $_) for qw/ NotBefore NotAfter CreatedAt /;

# a refresh changes nothing but the status

$state->{status} = 'ISSUED';
is_deeply(state_of($arn), $state, 'refresh');
is_deeply(state_of($arn), $state, 'refresh again');

# updates: options, and tags in two calls

$api->ok('UpdateCertificateOptions', { CertificateArn => $arn,
    Options => { CertificateTransparencyLoggingPreference => 'DISABLED' } });
$api->ok('RemoveTagsFromCertificate', { CertificateArn => $arn,
    Tags => [ { Key => 'a', Value => '' } ] });
$api->ok('AddTagsToCertificate', { CertificateArn => $arn,
    Tags => [ { Key => 'Name', Value => 'changed' },
        { Key => 'b', Value => 'c' } ] });

$state->{logging} = 'DISABLED';
$state->{tags} = { Name => 'changed', b => 'c' };
is_deeply(state_of($arn), $state, 'updated');

# another one for the same names: create before destroy

my $next = $api->ok('RequestCertificate', { %wanted,
    IdempotencyToken => token() })->{CertificateArn};
isnt($next, $arn, 'another token');
ok(complete($next), 'another one');
is_deeply(state_of($next)->{records}, $state->{records}, 'the same records');
$api->ok('DeleteCertificate', { CertificateArn => $next });

# by mail

my $mail = $api->ok('RequestCertificate', { DomainName => 'm.tf.example.com',
    IdempotencyToken => token(), ValidationMethod => 'EMAIL',
    SubjectAlternativeNames => [ 'm.tf.example.com' ],
    DomainValidationOptions => [ { DomainName => 'm.tf.example.com',
        ValidationDomain => 'example.com' } ] })->{CertificateArn};

ok(complete($mail), 'mail: complete');
my $by_mail = state_of($mail);
is($by_mail->{validation_method}, 'EMAIL', 'mail: method');
is(scalar @{$by_mail->{emails}}, 5, 'mail: addresses');
ok(!(grep { !/^[^@]+@.+$/ } @{$by_mail->{emails}}), 'mail: each is one');
is_deeply($by_mail->{records}, {}, 'mail: no records');
$api->ok('DeleteCertificate', { CertificateArn => $mail });

# aws_acm_certificate, private

(my $ca = $arn) =~ s/:acm:/:acm-pca:/;
$ca =~ s/:certificate\/.*/:certificate-authority\/private/;

my $private = $api->ok('RequestCertificate', { CertificateAuthorityArn => $ca,
    DomainName => 'private.tf.example.com', IdempotencyToken => token(),
    SubjectAlternativeNames => [ 'private.tf.example.com' ] })
    ->{CertificateArn};

ok(complete($private), 'private: complete');
my $p = state_of($private);
is($p->{status}, 'ISSUED', 'private: issued');
is($p->{type}, 'PRIVATE', 'private: type');
is($p->{certificate_authority_arn}, $ca, 'private: authority');
is($p->{validation_method}, 'NONE', 'private: method');
is($p->{renewal_eligibility}, 'INELIGIBLE', 'private: not eligible');
ok(!exists describe($private)->{DomainValidationOptions},
    'private: no options');
ok(!exists describe($private)->{RenewalSummary}, 'private: no summary');

# early_renewal_duration: pending within one call, done within a minute

my $before = describe($private);

fault('renewal before an export', 'ValidationException', 'RenewCertificate',
    { CertificateArn => $private });
$api->ok('ExportCertificate', { CertificateArn => $private,
    Passphrase => encode_base64('secret', '') });
is(state_of($private)->{renewal_eligibility}, 'ELIGIBLE',
    'private: eligible');
$api->ok('RenewCertificate', { CertificateArn => $private });
ok($t->wait_for(sub {
    (describe($private)->{RenewalSummary}{RenewalStatus} // '') eq 'SUCCESS';
}, 60), 'private: renewed');

$c = describe($private);
cmp_ok($c->{NotAfter}, '>=', $before->{NotAfter}, 'private: later');
isnt($c->{Serial}, $before->{Serial}, 'private: another one');
is($c->{CertificateArn}, $private, 'private: the same ARN');
is($c->{RenewalEligibility}, 'INELIGIBLE', 'private: until it is exported');
like($c->{RenewalSummary}{UpdatedAt}, qr/^\d+$/, 'private: when');

# aws_acm_certificate, imported, and imported again

sub material {
    my ($name) = @_;

    my ($crt, $key) = $t->self_signed($name, "$name.tf.example.com");

    return (Certificate => encode_base64($t->read_file("$name.crt"), ''),
        PrivateKey => encode_base64($t->read_file("$name.key"), ''));
}

my %first = material('first');
my $imported = $api->ok('ImportCertificate', { %first,
    Tags => [ { Key => 'k', Value => 'v' } ] })->{CertificateArn};

ok(complete($imported), 'import: complete');
my $i = state_of($imported);
is($i->{status}, 'ISSUED', 'import: status');
is($i->{type}, 'IMPORTED', 'import: type');
is($i->{domain_name}, 'first.tf.example.com', 'import: name');
is($i->{validation_method}, 'NONE', 'import: method');
is($i->{key_algorithm}, 'EC_prime256v1', 'import: key');
is_deeply($i->{tags}, { k => 'v' }, 'import: tags');

is($api->ok('ImportCertificate', { material('second'),
    CertificateArn => $imported })->{CertificateArn}, $imported,
    'import again');
$i->{domain_name} = 'second.tf.example.com';
$i->{subject_alternative_names} = [ 'second.tf.example.com' ];
is_deeply(state_of($imported), $i, 'import again: another name');

like(fault('import again with tags', 'ValidationException',
    'ImportCertificate', { %first, CertificateArn => $imported,
        Tags => [ { Key => 'k' } ] }),
    qr/^Tagging is not permitted on re-import$/, 'its text');
fault('options of an import', 'InvalidStateException',
    'UpdateCertificateOptions', { CertificateArn => $imported, Options =>
        { CertificateTransparencyLoggingPreference => 'DISABLED' } });

# data "aws_acm_certificate": all pages, then each that has the name

sub data_source {
    my ($domain, %in) = @_;

    my (@found, $next);

    do {
        my $page = $api->ok('ListCertificates', {
            CertificateStatuses => [ 'ISSUED' ], MaxItems => 1, %in,
            defined $next ? (NextToken => $next) : () });

        push @found, grep { ($_->{DomainName} // '') eq $domain }
            @{$page->{CertificateSummaryList}};
        $next = $page->{NextToken};
    } while (defined $next);

    my @certs = map { describe($_->{CertificateArn}) } @found;

    for my $c (@certs) {
        my $got = $api->ok('GetCertificate',
            { CertificateArn => $c->{CertificateArn} });
        like($got->{$_}, qr/-----END CERTIFICATE-----\n$/, "data: $_")
            for qw/ Certificate CertificateChain /;
        tags($c->{CertificateArn});
    }

    return map { $_->{CertificateArn} } @certs;
}

is_deeply([ data_source('tf.example.com') ], [ $arn ], 'data: RSA');
is_deeply([ data_source('second.tf.example.com') ], [],
    'data: no EC without key_types');
is_deeply([ data_source('second.tf.example.com', Includes =>
    { keyTypes => [ 'EC_prime256v1', 'RSA_2048' ] }) ], [ $imported ],
    'data: with key_types');
is_deeply([ data_source('private.tf.example.com') ], [ $private ],
    'data: private');

# what is in use is not deleted, and it tries for twenty minutes

my ($used) = data_source('used.example.com', Includes =>
    { keyTypes => [ 'EC_prime256v1' ] });
like(fault('delete in use', 'ResourceInUseException', 'DeleteCertificate',
    { CertificateArn => $used }),
    qr/^Certificate \Q$used\E in account \d{12} is in use\./, 'its text');
cmp_ok(scalar @{describe($used)->{InUseBy}}, '>', 0, 'by whom');

# destroyed, and gone

for my $gone ($arn, $private, $imported) {
    $api->ok('DeleteCertificate', { CertificateArn => $gone });
    fault('gone', 'ResourceNotFoundException', $_,
        { CertificateArn => $gone })
        for qw/ DescribeCertificate ListTagsForCertificate
            DeleteCertificate /;
}

$t->finish();

done_testing();
