#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# One process, for development: "master_process off".

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

my $conf = <<'EOF';
%%GLOBALS%%
daemon off;
master_process off;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer internal { ca; lifetime 6s; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        server_name one.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->write_config($conf);
$t->run_foreground();

ok($t->wait_issued('one.example.com'), 'issued')
    or diag($t->read_file('error.log'));

my $root = $t->root();
my $r = $t->handshake(8443, 'one.example.com', root => $root);
ok($r->{verified}, 'served') or diag($r->{text});

ok($t->wait_for(sub {
    $t->certificate('one.example.com')->{Version} >= 2 }), 'renewed');

$r = $t->handshake(8443, 'one.example.com', root => $root);
ok($r->{verified}, 'served again') or diag($r->{text});

$t->finish();

done_testing();
