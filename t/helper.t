#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The helper survives what befalls it: kill -9, reloads, a stalled
# predecessor, a dead master.  Every certificate is issued exactly once.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $n = 40;
my $names = '';

$names .= "server { listen 127.0.0.1:8443 ssl; server_name "
    . "n$_.example.com; acm_certificate auto; }\n" for 1 .. $n;

my $conf = <<"EOF";
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    $names
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->write_config($conf);
$t->run();

# kill the helper as soon as it shows, while it issues

my $killed = 0;

$t->wait_for(sub {
    for ($t->helpers()) {
        $killed += kill('KILL', $_);
    }
    return $killed >= 20;
}, 60);

is($killed, 20, 'helper killed 20 times');

ok($t->wait_for(sub {
    $n == grep { $_->{Status} eq 'ISSUED' } @{$t->status()->{Certificates}}
}, 60), 'all are issued') or diag($t->read_file('error.log'));

my @certs = @{$t->status()->{Certificates}};
is(scalar(@certs), $n, 'each once');
is(scalar(grep { $_->{Version} == 1 } @certs), $n, 'in one version');

$t->allow(qr/cache manager process \d+ exited on signal 9/);
$t->allow(qr/worker process \d+ exited on signal 9/);

# it makes way for workers, which do not

is_deeply([ map { priority($_) } $t->helpers() ], [ [ 5, 3 ] ],
    'the helper: niceness, SCHED_BATCH');
is_deeply([ map { priority($_) } $t->workers() ], [ [ 0, 0 ], [ 0, 0 ] ],
    'workers: none, SCHED_OTHER');

# a worker that is killed comes back and serves

my $root = $t->root();

kill('KILL', $t->workers());
my $r;
ok($t->wait_for(sub {
    $r = $t->handshake(8443, 'n1.example.com', root => $root);
    return $r->{verified};
}), 'served after workers were killed') or diag($r->{text});

# reloads: one helper in the end, nothing leaked

# The helper that was started last is the only one and works, and no reload
# is under way.

sub settled {
    return $t->wait_for(sub {
        my ($last, $rest) = $t->read_file('error.log')
            =~ /.*start cache manager process (\d+)\n(.*)/s;
        my @now = $t->helpers();
        my $s = $t->status()->{Helper} || {};

        return @now == 1 && $now[0] == $last && $s->{Locked}
            && ($s->{Pid} // 0) == $last && $rest !~ /SIGHUP\) received/;
    });
}

$t->reload();
ok(settled(), 'one helper after a reload');

my $before = $t->descriptors($t->pid());

for (1 .. 20) {
    $t->reload();
    $r = $t->handshake(8443, "n$_.example.com", root => $root);
    ok($r->{verified}, "handshake during reload $_") or diag($r->{text});
}

ok(settled(), 'one helper after 20 reloads');
ok($t->wait_for(sub { $t->descriptors($t->pid()) <= $before + 1 }),
    'no descriptor leaked in the master')
    or diag($before, ' ', $t->descriptors($t->pid()));

@certs = @{$t->status()->{Certificates}};
is(scalar(grep { $_->{Version} == 1 } @certs), $n, 'nothing issued again');

# a stalled helper holds the lock: its successor waits for it

my ($old) = $t->helpers();
kill('STOP', $old);
$t->reload();

ok($t->wait_for(sub { $t->helpers() == 2 }), 'two helpers');
ok($t->wait_for(sub { ($t->status()->{Helper}{Pid} // 0) == $old }),
    'the old one has the lock');

$r = $t->handshake(8443, 'n2.example.com', root => $root);
ok($r->{verified}, 'handshakes do not care');

kill('CONT', $old);
ok(settled(), 'then the new one takes it');

# an orphan ends itself

my $master = $t->pid();
my ($helper) = $t->helpers();
my @workers = $t->workers();

kill('KILL', $master);
ok($t->wait_for(sub { !Test::Nginx::ACM::alive($helper) }),
    'the helper of a dead master exits');

kill('KILL', @workers);
ok($t->wait_for(sub { !$t->left_over() }), 'all gone');
unlink("$t->{dir}/nginx.pid");

# and a new master goes on

$t->run();
ok(settled(), 'a new master has its helper');
$r = $t->handshake(8443, 'n3.example.com', root => $root);
ok($r->{verified}, 'and serves');

$t->finish();

done_testing();


# Of the threads of a process, each once: niceness and policy.

sub priority {
    my ($pid) = @_;

    my %seen = map {
        my @f = split(' ', (Test::Nginx::ACM::slurp($_) =~ /\) (.*)/s)[0]);
        ("$f[16] $f[38]" => [ @f[16, 38] ]);
    } glob("/proc/$pid/task/*/stat");

    return values(%seen);
}
