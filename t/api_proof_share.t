#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Names of an account whose name servers do not answer: those of another one
# are looked for meanwhile.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;

use constant SHARE => 24;

my $t = Test::Nginx::ACM->new();
my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "udp: $!";

my $slow = api_new(api_user($t, 'slow'));
my $other = api_new(api_user($t, 'other', undef, '999999999999'));

$t->raw(RESOLVER => '127.0.0.1:' . $dns->sockport());

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
    my ($api, $name) = @_;

    $api->ok('RequestCertificate', { DomainName => $name,
        ValidationMethod => 'DNS', KeyAlgorithm => 'EC_prime256v1' });
    return;
}

# the name that is asked for, without the label of its record

sub asked {
    vec(my $set = '', fileno($dns), 1) = 1;
    select($set, undef, undef, 30) or return;
    $dns->recv(my $query, 4096);

    my ($at, @labels) = (12);

    while (my $len = ord(substr($query, $at, 1))) {
        push @labels, substr($query, $at + 1, $len);
        $at += 1 + $len;
    }

    shift @labels;

    return join('.', @labels);
}

request($slow, "n$_.slow.test") for 1 .. SHARE + 16;
request($other, 'other.test');

my %seen;

while (my $name = asked()) {
    last if $name eq 'other.test';
    $seen{$name} = 1;
}

is(scalar(keys %seen), SHARE, 'an account has its share, and no more');

$t->finish();

done_testing();
