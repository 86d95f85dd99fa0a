#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Certificates of a short life are renewed without reload: same ARN, new
# key, in every worker, and no handshake fails.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

$t->write_config(<<'EOF');
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer internal { ca; lifetime 6s; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl reuseport;
        server_name www.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->run();

my $first = $t->wait_issued('www.example.com');
ok($first, 'issued') or diag($t->read_file('error.log'));

my $root = $t->root();
my $failed = 0;
my (%keys, %serials);

sub spki {
    my $f = $t->write_file('peer.pem', $_[0]);
    return `openssl x509 -in $f -noout -pubkey`;
}

ok($t->wait_for(sub {
    my $r = $t->handshake(8443, 'www.example.com', root => $root);

    if ($r->{verified}) {
        $keys{spki($r->{pem})} = 1;
        $serials{$t->serial($r->{pem})} = 1;

    } else {
        $failed++;
        diag($r->{text});
    }

    return keys %serials >= 5;
}, 60), 'five versions served without a reload');

is($failed, 0, 'no handshake failed');
is(scalar(keys %keys), scalar(keys %serials), 'each has a new key');

my $c = $t->certificate('www.example.com');
is($c->{CertificateArn}, $first->{CertificateArn}, 'same ARN');
cmp_ok($c->{Version}, '>=', 5, 'versions are counted');
is($c->{LastError}, undef, 'no attempt failed');

my $s = $t->status();
is(scalar(@{$s->{Certificates}}), 1, 'one certificate');
cmp_ok($s->{Store}{Entries}{material}, '<=', 3, 'old versions are removed');
cmp_ok($s->{Store}{Entries}{name}, '==', 1, 'one name entry');
cmp_ok($s->{Store}{Entries}{chain}, '==', 1, 'one chain certificate');

$t->finish();

done_testing();
