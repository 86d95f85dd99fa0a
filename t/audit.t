#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The audit log, written by several workers: rotation by USR1, reload, restart,
# kill -9, a disk that is full; and what acmctl finds.  A small module
# (t/tools/), built here, writes it.

use warnings;
use strict;

use JSON::PP;
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
    qw{ core event event/modules event/quic os/unix http http/modules
        http/v2 http/v3 };

# two modules have tables of the same name
$ENV{ASAN_OPTIONS} = join(':', $ENV{ASAN_OPTIONS} || (),
    'detect_odr_violation=0') if $ENV{TEST_NGINX_PRELOAD};

my @san = $ENV{TEST_NGINX_PRELOAD} ? ('-fsanitize=address,undefined') : ();

is(system($ENV{CC} || 'cc', '-shared', '-fPIC', '-g', '-D_GNU_SOURCE', @san,
    '-Wall', '-Werror', @include, "-I$out/objs", '-o', "$dir/audit_test.so",
    "$FindBin::Bin/tools/ngx_acm_audit_test_module.c"), 0,
    'test module built');

sub config {
    my ($audit) = @_;

    $t->write_config(<<"EOF_CONF");
%%GLOBALS%%
load_module %%DIR%%/audit_test.so;
worker_processes 4;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    $audit
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080 reuseport;
        location /call/ { acm_audit_test; }
        location /status { acm_status; }
    }
}
EOF_CONF

    return;
}

my $log = "$dir/audit.json";
my $store = "$dir/store";

# mistakes

for (['audit_log off; audit_log off;', 'duplicate'],
    ["audit_log $dir/a always;", 'invalid parameter "always"'],
    ["audit_log '';", 'empty path'],
    ["audit_log $dir/none/a;", 'No such file'])
{
    config($_->[0]);
    like(($t->nginx('-t'))[1], qr/\Q$_->[1]\E/, "refused: $_->[0]");
}

config('audit_log off;');
is(($t->nginx('-t'))[0], 0, 'off');

config("audit_log $log;");
chmod(0755, $dir);
$t->run();

# 503 is 0 lines

sub call {
    my ($n, $name) = @_;
    my $written = 0;

    for (1 .. $n) {
        my $res = $t->http_get(8080, '/call/' . ($name // 'ListCertificates'));
        $written++ if $res =~ m{^HTTP/1\.1 204};
    }

    return $written;
}

sub verify {
    my (@args) = @_;
    return $t->acmctl('--store', $store, 'audit', 'verify', @args);
}

sub numbers {
    my ($file) = @_;
    return map { decode_json($_)->{ngxAcmChain}{number} }
        split(/\n/, $t->read_file($file));
}

is(call(20), 20, 'calls');

my ($rc, $text) = verify('--latest', $log);
is($rc, 0, 'verified') or diag($text);
like($text, qr/^20 lines, the last one 20:[0-9a-f]{64}$/m, 'its head');

my ($record) = map { decode_json($_) } split(/\n/, $t->read_file('audit.json'));
is($record->{eventName}, 'ListCertificates', 'event');
is($record->{sourceIPAddress}, '127.0.0.1', 'address');
is($record->{userIdentity}{userName}, 'Alice', 'user');

# rotation: moved, and nobody knows; then USR1

rename($log, "$log.1");
is(call(5), 5, 'calls to the moved file');
kill('USR1', $t->pid());
ok($t->wait_for(sub { -e $log }), 'reopened');
is(call(15), 15, 'calls to the new file');

($rc, $text) = verify('--latest', "$log.1", $log);
is($rc, 0, 'verified over both') or diag($text);
is_deeply([numbers('audit.json.1'), numbers('audit.json')], [1 .. 40],
    'the chain goes on');

($rc, $text) = verify($log);
is($rc, 0, 'the new one alone');
like($text, qr/note: the first line has number \d+/, 'which is noted');

is((verify($log, "$log.1"))[0], 1, 'in the wrong order');

# reload, restart, kill -9

$t->reload();
is(call(5), 5, 'calls after a reload');
$t->stop();
$t->run();
is(call(5), 5, 'calls after a restart');

for my $worker ($t->workers()) {
    kill('KILL', $worker);
}

ok($t->wait_for(sub { call(1) == 1 }), 'calls after kill -9');
$t->allow(qr/exited on signal 9/);

($rc, $text) = verify('--latest', "$log.1", $log);
is($rc, 0, 'verified after all that') or diag($text);

# a lost line, a changed one, the last one lost

my $good = $t->read_file('audit.json');
my @lines = split(/^/, $good);

$t->write_file('bad.json', join('', @lines[0 .. 3], @lines[5 .. $#lines]));
($rc, $text) = verify("$dir/bad.json");
is($rc, 1, 'a line is missing');
like($text, qr/bad\.json:5: in front of it numbers are missing: /,
    'and is named');

(my $bad = $good) =~ s/127\.0\.0\.1/127.0.0.2/;
$t->write_file('bad.json', $bad);
($rc, $text) = verify("$dir/bad.json");
is($rc, 1, 'a line was changed');
like($text, qr/bad\.json:1: the line was changed/, 'and is named');

$t->write_file('bad.json', join('', @lines[0 .. $#lines - 1]));
is((verify("$dir/bad.json"))[0], 0, 'the last line is missing');
($rc, $text) = verify('--latest', "$dir/bad.json");
is($rc, 1, 'which the head knows');
like($text, qr/numbers (\d+) to \1 are missing at the end/, 'and says');

my ($head) = (verify($log))[1] =~ /the last one (\S+)/;
is((verify('--head', $head, $log))[0], 0, 'a head that was noted');
is((verify('--head', $head, "$dir/bad.json"))[0], 1, 'and what it finds');
is((verify('--head', 'x', $log))[0], 1, 'no head');
is((verify())[0], 2, 'no file');

# show

call(1, 'DeleteCertificate');
($rc, $text) = $t->acmctl('audit', 'show', '--event', 'DeleteCertificate',
    '--user', 'Alice', $log);
like($text, qr/^\S+Z  127\.0\.0\.1  Alice  DeleteCertificate  ok\n\z/, 'shown');

# a log that cannot be written fails no more than itself

rename($log, "$log.2");
mkdir($log);
is(call(2), 0, 'no line');
like($t->read_file('error.log'), qr/a call is not in the audit log: /,
    'which is logged');
rmdir($log);
kill('USR1', $t->pid());
ok($t->wait_for(sub { -f $log }), 'reopened again');
ok($t->wait_for(sub { call(1) == 1 }), 'and written');
like($t->http_get(8080, '/status/metrics'), qr/^acm_audit_failures_total \d+$/m,
    'failures are counted');
$t->allow(qr/a call is not in the audit log/);

($rc, $text) = verify('--latest', "$log.1", "$log.2", $log);
is($rc, 0, 'verified in the end') or diag($text);

# workers that start when the file has moved, and there is no other yet

rename($log, "$log.3");
kill('KILL', $_) for $t->workers();
ok($t->wait_for(sub { call(1) == 1 }), 'a new worker writes to it');
is(call(20), 20, 'and so do all');
ok(!-e $log, 'though it has not its name');

kill('USR1', $t->pid());
ok($t->wait_for(sub { -f $log }), 'reopened for them');
is(call(5), 5, 'which they follow');

# and those that wait, for two files long

rename($log, "$log.4");
kill('USR1', $t->pid());
ok($t->wait_for(sub { -f $log }), 'reopened without a line');
rename($log, "$log.5");
is(call(20), 20, 'no line is lost');

($rc, $text) = verify('--latest', map { "$log.$_" } 1 .. 5);
is($rc, 0, 'verified over all of them') or diag($text);

$t->finish();

done_testing();
