#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# ValidationMethod DNS of a built-in CA that looks for the records: pending
# while one is missing, issued and validated in one step when all are there, in
# a real name server.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;
use Test::Nginx::Named;

plan(skip_all => 'needs named') unless $Test::Nginx::Named::NAMED;

my $t = Test::Nginx::ACM->new();
my $named = Test::Nginx::Named->new(zones => { 'proof.test' => '' });

my $api = api_new(api_user($t, 'admin'));

$t->raw(RESOLVER => "127.0.0.1:$named->{port}");

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    resolver %%RESOLVER%%;
    issuer ours { ca; dns_proof on; }
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

sub request {
    my ($names, %args) = @_;

    return $api->ok('RequestCertificate', { DomainName => $names->[0],
        SubjectAlternativeNames => $names, ValidationMethod => 'DNS',
        KeyAlgorithm => 'EC_prime256v1', %args })->{CertificateArn};
}

sub describe {
    return $api->ok('DescribeCertificate',
        { CertificateArn => $_[0] })->{Certificate};
}

# its status, and those of its names; never one without the other

my @torn;

sub state {
    my $c = describe($_[0]);
    my %seen = map { $_->{ValidationStatus} => 1 }
        @{$c->{DomainValidationOptions}};
    my $all = join(',', sort keys %seen);

    push @torn, "$c->{Status} $all" if ($c->{Status} eq 'ISSUED')
        != ($all eq 'SUCCESS');

    return "$c->{Status} $all";
}

sub looked {
    my ($what) = @_;

    return $t->wait_for(sub { $t->read_file('error.log') =~ $what }, 30);
}

my $pending = 'PENDING_VALIDATION PENDING_VALIDATION';

# all records are there in the first answer, and stay what they are

my @names = ('proof.test', '*.proof.test', 'www.proof.test');
my $arn = request(\@names);
my %record = map { $_->{DomainName} => $_->{ResourceRecord} }
    @{describe($arn)->{DomainValidationOptions}};

is(scalar(grep { $_->{Type} eq 'CNAME' && $_->{Name} =~ /^_.*\.test\.$/
    && $_->{Value} =~ /\.acm-validations\.aws\.$/ } values %record), 3,
    'records');
is_deeply($record{'*.proof.test'}, $record{'proof.test'},
    'a wildcard has that of its domain');

ok(looked(qr/"proof\.test" is not proved: "_\w+\.proof\.test" has no CNAME/),
    'none is there');
is(state($arn), $pending, 'none is there: pending');

# what the zone has: names of records without their zone, and where they lead

sub zone {
    my (%records) = @_;

    my $text = '';

    for my $name (sort keys %records) {
        my ($owner) = $name =~ /^(.*?)(?:\.proof\.test\.)?$/;
        $text .= "$owner IN CNAME $records{$name}\n";
    }

    $named->zone('proof.test', $text);

    return;
}

my ($apex, $www) = @record{'proof.test', 'www.proof.test'};

zone($apex->{Name} => $apex->{Value}, $www->{Name} => $apex->{Value});

# a request anew is looked at in its turn at once; the records are the same

$api->ok('DeleteCertificate', { CertificateArn => $arn });
$arn = request(\@names);
is_deeply({ map { $_->{DomainName} => $_->{ResourceRecord} }
    @{describe($arn)->{DomainValidationOptions}} }, \%record,
    'the same records');

ok(looked(qr/"www\.proof\.test" is not proved: /), 'one leads elsewhere');
is(state($arn), $pending, 'one leads elsewhere: pending');

# all of them, one through others

zone($apex->{Name} => $apex->{Value}, $www->{Name} => 'b',
    b => 'c', c => 'd', d => 'e', e => $www->{Value});

$api->ok('DeleteCertificate', { CertificateArn => $arn });
my $first = request(\@names);
ok($t->wait_for(sub { state($first) eq 'ISSUED SUCCESS' }, 30), 'issued');

# one too many; and a value without its "_"

zone($apex->{Name} => substr($apex->{Value}, 1), $www->{Name} => 'a',
    a => 'b', b => 'c', c => 'd', d => 'e', e => $www->{Value});

$arn = request(['www.proof.test'], IdempotencyToken => 'long');
ok(looked(qr/is not proved: more than 5 CNAME records/), 'a long chain');
is(state($arn), $pending, 'a long chain: pending');

my $second = request(['proof.test']);
ok($t->wait_for(sub { state($second) eq 'ISSUED SUCCESS' }, 30),
    'a value without "_"');

# what is pending is looked for again

zone($apex->{Name} => $apex->{Value}, $www->{Name} => $www->{Value});
ok($t->wait_for(sub { state($arn) eq 'ISSUED SUCCESS' }, 60),
    'pending, and issued when the record came');

# only that method asks for records

my $mail = request(['mail.proof.test'], ValidationMethod => 'EMAIL');
my $private = request(['private.proof.test'], CertificateAuthorityArn =>
    'arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/ours');
ok($t->wait_for(sub { describe($mail)->{Status} eq 'ISSUED' }, 30), 'EMAIL');
ok($t->wait_for(sub { describe($private)->{Status} eq 'ISSUED' }, 30),
    'a private one');

is_deeply(\@torn, [], 'issued and validated in one step');

$t->finish();

done_testing();
