#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What happens to certificates, as events in a file: issued, renewed, renewed
# because somebody asked for it, imported, imported again.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    event_sink file:%%DIR%%/events.json;
    issuer internal { ca; lifetime 90d; }
    issuer quick { ca; lifetime 6s; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name quick.example.com;
        acm_certificate auto issuer=quick;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF_CONF

$t->run();

ok($t->wait_issued('www.example.com'), 'issued');
ok($t->wait_issued('quick.example.com'), 'issued for a short life');

sub events {
    my ($type, $name) = @_;
    my @found;

    for my $line (split /\n/, eval { $t->read_file('events.json') } // '') {
        my $e = eval { decode_json($line) } or next;
        my $d = $e->{detail};

        push @found, $e
            if $e->{'detail-type'} eq $type
               && ($d->{CommonName} // $d->{service}) eq $name;
    }

    return @found;
}

sub available {
    my ($name, $action) = @_;

    return grep { $_->{detail}{Action} eq $action }
           events('ACM Certificate Available', $name);
}

my $arn = $t->certificate('www.example.com')->{CertificateArn};

ok($t->wait_for(sub { available('www.example.com', 'ISSUANCE') }),
    'issuance is told');
my ($e) = available('www.example.com', 'ISSUANCE');
is_deeply($e->{resources}, [$arn], 'of its ARN');
is($e->{source}, 'aws.acm', 'source');
is($e->{detail}{CertificateType}, 'PRIVATE', 'of a private CA');
is($e->{detail}{DaysToExpiry}, 90, 'with its life');
ok($e->{detail}{InUse}, 'in use');

ok($t->wait_for(sub { available('quick.example.com', 'RENEWAL') >= 2 }, 30),
    'renewals are told');

# by hand

my ($rc, $out) = $t->acmctl('renew', $arn);
is($rc, 0, 'renewal asked for') or diag($out);
ok($t->wait_for(sub { available('www.example.com', 'RENEWAL') == 1 }, 20),
    'and told');

my $c = $t->certificate('www.example.com');
is($c->{Version}, 2, 'a new version');
is($c->{CertificateArn}, $arn, 'of the same ARN');

# imports

my ($cert, $certkey) = $t->self_signed('import', 'import.example.com');
($rc, $out) = $t->acmctl('import', '--cert', $cert, '--key', $certkey);
is($rc, 0, 'imported') or diag($out);
my ($imported) = $out =~ /(arn:\S+)/;
($rc, $out) = $t->acmctl('import', '--cert', $cert, '--key', $certkey,
    '--arn', $imported);
is($rc, 0, 'imported again') or diag($out);

ok($t->wait_for(sub {
    available('import.example.com', 'IMPORT') == 1
    && available('import.example.com', 'REIMPORT') == 1;
}), 'both are told');

# it lives 30 days, so that its end is near from the beginning

ok($t->wait_for(sub {
    events('ACM Certificate Approaching Expiration', 'import.example.com');
}), 'an import that ends soon');
($e) = events('ACM Certificate Approaching Expiration', 'import.example.com');
is($e->{detail}{DaysToExpiry}, 30, 'with its days');

# nothing of what is well, and every id once

is(scalar(events('ACM Certificate Renewal Action Required',
    'quick.example.com')), 0, 'no warning of what is renewed in time');

my %ids;
my @lines = split /\n/, $t->read_file('events.json');
$ids{decode_json($_)->{id}}++ for @lines;
is(scalar(keys %ids), scalar(@lines), 'each id once');

$t->finish();

done_testing();
