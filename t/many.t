#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# A small site: three servers with certificates of their own and a default
# server with fifty imported ones; a strict client accepts each by name.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

my $servers = join('', map {
    "server { listen 127.0.0.1:8443 ssl; server_name $_.example.com; "
    . "acm_certificate auto; }\n" } qw/ one two three /);

$t->write_config(<<"EOF");
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    $servers
    server {
        listen 127.0.0.1:8443 ssl default_server;
        acm_certificate sni;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->run();

ok($t->wait_issued("$_.example.com"), "$_ issued") for qw/ one two three /;

my $roots = $t->read_file('internal.pem', $t->root());
my $failed = 0;

for (1 .. 50) {
    my ($crt, $key) = $t->self_signed("i$_", "i$_.example.net",
        "*.i$_.example.net");
    my ($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key);
    $failed++, diag($out) if $rc;
    $roots .= $t->read_file("i$_.crt");
}

is($failed, 0, '50 imported');

my $file = $t->write_file('roots.pem', $roots);

for my $name ((map { "$_.example.com" } qw/ one two three /),
    map { ("i$_.example.net", "www.i$_.example.net") } 1 .. 50)
{
    my $r = $t->handshake(8443, $name, root => $file);
    next if $r->{verified};
    $failed++;
    diag("$name: $r->{text}");
}

is($failed, 0, '103 names verified');

# root exports from a store that is not root's, into a directory that is

mkdir("$t->{dir}/out");
my ($arn) = ($t->acmctl('show', 'i7.example.net'))[1] =~ /(arn:\S+)/;
my ($rc, $out) = $t->acmctl('export', $arn, '--out', "$t->{dir}/out",
    '--with-key');
is($rc, 0, 'export') or diag($out);
is($t->read_file('out/cert.pem'), $t->read_file('i7.crt'), 'certificate');
is($t->read_file('out/privkey.pem'), $t->read_file('i7.key'), 'key');

($rc, $out) = $t->acmctl('verify');
is($rc, 0, 'verify') or diag($out);
like($out, qr/^53 certificates/m, 'of 53 certificates');

is((stat($_))[4], (stat("$t->{dir}/store"))[4], "$_ is the worker user's")
    for glob("$t->{dir}/store/*");

$t->finish();

done_testing();
