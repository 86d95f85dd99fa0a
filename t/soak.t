#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Certificates of 30 seconds under 200 handshakes a second: every renewal is
# live without reload, nothing fails, memory and descriptors stay flat.
#
# ACM_SOAK=300 is the full run, in seconds; the default is a short slice.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw/ time /;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $seconds = $ENV{ACM_SOAK} || 40;
my $t = Test::Nginx::ACM->new();

die "no tlsload: run util/build\n" unless -x "$t->{out}/tlsload";

$t->write_config(<<'EOF');
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer internal { ca; lifetime 30s; }
}
http {
    %%HTTP%%
    keepalive_timeout 0;
    ssl_protocols TLSv1.2 TLSv1.3;
    server {
        listen 127.0.0.1:8443 ssl reuseport;
        server_name name0.example.test;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name name1.example.test;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->run();

ok($t->wait_issued("name$_.example.test"), "name$_ issued") for 0, 1;

my $root = $t->root();
my @workers = $t->workers();
my ($helper) = $t->helpers();

sub figures {
    my %f;

    for my $pid (@workers, $helper) {
        my ($rss) = Test::Nginx::ACM::slurp("/proc/$pid/status")
            =~ /RssAnon:\s+(\d+)/;
        $f{$pid} = [$rss, $t->descriptors($pid)];
    }

    return \%f;
}

sub load {
    my ($for) = @_;
    my $out = `$t->{out}/tlsload -n 2 -c 8 -r 200 -w 0 -d $for -C $root 127.0.0.1:@{[$t->port(8443)]} 2>&1`;
    return $out;
}

# warm up, so that what is allocated once is there

load(10);

my $before = figures();
my $version = $t->certificate('name0.example.test')->{Version};
my $out = load($seconds);
my $after = figures();

diag($out);

my ($n) = $out =~ /handshakes=(\d+)/;
my ($errors) = $out =~ /errors=(\d+)/;
my ($mismatch) = $out =~ /mismatch=(\d+)/;

cmp_ok($n // 0, '>=', $seconds * 100, 'handshakes were made');
is($errors, 0, 'none failed');
is($mismatch, 0, 'none got a wrong name');

my $renewed = $t->certificate('name0.example.test')->{Version} - $version;
cmp_ok($renewed, '>=', int($seconds / 20), "renewed $renewed times");

for my $pid (@workers, $helper) {
    my ($rss, $fds) = @{$before->{$pid}};
    my ($rss2, $fds2) = @{$after->{$pid}};

    diag("process $pid: RssAnon $rss -> $rss2 kB, descriptors "
        . "$fds -> $fds2");
    cmp_ok($rss2, '<=', $rss + 1024, "memory of $pid is flat");
    cmp_ok($fds2, '<=', $fds + 2, "descriptors of $pid are flat");
}

is_deeply([sort $t->workers()], [sort @workers], 'the same workers');

$t->finish();

done_testing();
