#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# A full store: new certificates are refused with a clear error, those that
# are there go on being served and renewed, deletes make room again.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

$t->write_config(<<'EOF');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store size=1m;
    master_key %%DIR%%/acm.key;
    issuer internal { ca; lifetime 8s; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8444 ssl;
        acm_certificate sni;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->run();
ok($t->wait_issued('www.example.com'), 'issued');

my $root = $t->root();
my ($crt, $key) = $t->self_signed('a', 'a.example.com');

my (@arns, $rc, $out);

for (1 .. 1000) {
    ($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key);
    last if $rc;
    push @arns, $out =~ /(arn:\S+)/;
}

cmp_ok(scalar(@arns), '>', 20, scalar(@arns) . ' certificates fit');
isnt($rc, 0, 'then import is refused');
like($out, qr/full/i, 'and says why') or diag($out);

my $r = $t->handshake(8444, 'a.example.com');
is_deeply($r->{names}, ['a.example.com'], 'imported ones are served');

my $version = $t->certificate('www.example.com')->{Version};

ok($t->wait_for(sub {
    $t->certificate('www.example.com')->{Version} >= $version + 3 }),
    'renewals go on') or diag($t->read_file('error.log'));

$r = $t->handshake(8443, 'www.example.com', root => $root);
ok($r->{verified}, 'and are served');

my $failed = 0;

while (@arns > 20) {
    ($rc, $out) = $t->acmctl('delete', pop @arns);
    $failed += $rc;
    diag($out) if $rc;
}

is($failed, 0, 'deletes work');

($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key);
is($rc, 0, 'then there is room again') or diag($out);

$t->finish();

done_testing();
