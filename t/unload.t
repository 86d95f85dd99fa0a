#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# nginx unloads modules before it frees all that it has of OpenSSL: in a worker
# that ends, and in the master when the configuration has the module no more.
# A small module (t/tools/), built here, frees such objects last.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};
my ($out) = $t->{module} =~ m{^(.*)/};

plan(skip_all => 'needs the module as a file') if $t->{module} eq 'static';
plan(skip_all => 'needs the tree the module was built in')
    unless -d "$out/nginx-src/src/core" && -d "$out/objs";

my @include = map { "-I$out/nginx-src/src/$_" }
    qw{ core event event/modules event/quic os/unix };

is(system($ENV{CC} || 'cc', '-shared', '-fPIC', '-g', '-D_GNU_SOURCE',
    '-Wall', '-Werror', @include, "-I$out/objs", '-o', "$dir/unload_test.so",
    "$FindBin::Bin/tools/ngx_acm_unload_test_module.c"), 0,
    'test module built');

my $first = "load_module $dir/unload_test.so;\n";

$t->write_config($first . <<'EOF_CONF');
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni;
    }
}
EOF_CONF

$t->run();

my %keys = (
    ec  => '-newkey ec -pkeyopt ec_paramgen_curve:P-256',
    rsa => '-newkey rsa:2048',
);

for my $key (sort keys %keys) {
    is(system("openssl req -x509 $keys{$key} -nodes -days 30 "
        . "-keyout $dir/$key.key -out $dir/$key.crt -subj /CN=$key "
        . "-addext subjectAltName=DNS:$key.example.com >/dev/null 2>&1"), 0,
        "certificate: $key");
    my ($rc, $said) = $t->acmctl('import', '--cert', "$dir/$key.crt", '--key',
        "$dir/$key.key");
    is($rc, 0, "import: $key") or diag($said);
    ok($t->wait_for(sub {
        $t->handshake(8443, "$key.example.com")->{text} =~ /s:CN = $key\b/
    }), "served: $key");
}

sub said {
    my ($re) = @_;
    my $n = () = $t->read_file('error.log') =~ /$re/g;
    return $n;
}

# a worker that has served ends

$t->reload();
ok($t->wait_for(sub { said(qr/unload test: done/) == 1 }), 'a worker ended');

# the master unloads it, which has no log then, and goes on

$t->write_config($first . <<'EOF_CONF');
user www-data;
pid %%DIR%%/nginx.pid;
error_log %%DIR%%/error.log info;
worker_processes 1;
events { }
EOF_CONF

my $before = said(qr/start worker process /);
$t->reload();
ok($t->wait_for(sub { said(qr/start worker process /) > $before }),
    'the master goes on without it');
ok($t->wait_for(sub { said(qr/unload test: done/) == 2 }), 'so do workers');

$t->finish();

done_testing();
