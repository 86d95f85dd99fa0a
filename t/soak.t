#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Certificates of 30 seconds under 200 handshakes a second: every renewal is
# live without reload, nothing fails, memory and descriptors stay flat.  Then
# certificates are replaced while nginx is reloaded, again and again, as in
# util/bench soak: no client gets a wrong one.
#
# ACM_SOAK=300 is the full run, in seconds; the default is a short slice.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw/ time /;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Soak;

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

sub load {
    my ($for) = @_;
    my $out = `$t->{out}/tlsload -n 2 -c 8 -r 200 -w 0 -d $for -C $root 127.0.0.1:@{[$t->port(8443)]} 2>&1`;
    return $out;
}

# warm up, so that what is allocated once is there

load(10);

my @samples = Test::Nginx::Soak::figures($t);
my $version = $t->certificate('name0.example.test')->{Version};
my $out = load($seconds);
push @samples, Test::Nginx::Soak::figures($t);

diag($out);

my ($n) = $out =~ /handshakes=(\d+)/;
my ($errors) = $out =~ /errors=(\d+)/;
my ($mismatch) = $out =~ /mismatch=(\d+)/;

# as many as the machine can

cmp_ok($n // 0, '>=', $seconds, 'handshakes were made');
is($errors, 0, 'none failed');
is($mismatch, 0, 'none got a wrong name');

my $renewed = $t->certificate('name0.example.test')->{Version} - $version;
cmp_ok($renewed, '>=', int($seconds / 20), "renewed $renewed times");

sub flat {
    my ($samples, @fields) = @_;

    for my $role (@Test::Nginx::Soak::ROLES) {
        for (@fields) {
            my ($from, $to, $flat)
                = Test::Nginx::Soak::flat($samples, $role, $_);

            ok($flat, "\l$_ of $role: $from -> $to");
        }
    }
}

flat(\@samples, 'Anonymous', 'Descriptors');

is_deeply([sort $t->workers()], [sort @workers], 'the same workers');

$t->finish();

# handshakes of all sorts while certificates are replaced and nginx reloads

my $t2 = Test::Nginx::Soak::nginx(200);

my $r = Test::Nginx::Soak::soak($t2, names => 200, seconds => 15, rate => 100,
    replace => 100, reload => 2.5);

is($r->{wrong}, 0, 'no wrong certificates') or diag($r->{text});
is($r->{errors}, 0, 'no errors') or diag($r->{text});
cmp_ok($r->{reloads}, '>=', 2, "$r->{reloads} reloads");
cmp_ok($r->{resumed}, '>', 0, "$r->{resumed} of $r->{handshakes} resumed");
cmp_ok($r->{replaced}, '>', 0, "$r->{replaced} certificates replaced");

flat($r->{samples}, 'Descriptors');

# until so many were made, whatever the time

$r = Test::Nginx::Soak::soak($t2, names => 200, seconds => 600, count => 500,
    rate => 0, replace => 20, reload => 600);

cmp_ok($r->{handshakes}, '>=', 500, 'a number of handshakes');
is($r->{wrong} + $r->{errors}, 0, 'all of them right') or diag($r->{text});

$t2->finish();

done_testing();
