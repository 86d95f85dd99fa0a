#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# nginx starts without a certificate and gets it; reloads make no orders, are
# not slower for what is in the store, and leave nothing behind.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;

my $CERTIFICATES = 10000;
my $RELOADS = 10;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

plan(skip_all => 'no fill, see util/build') unless -x "$t->{out}/fill";

# a CA that takes its time

my $ca = Test::Nginx::FakeCA->new(config => { validation => 'real',
    httpPort => $t->port(8081), finalizeDelay => 4 });

# somebody who never answers: a request that a worker cannot end

my $silent = IO::Socket::INET->new(Proto => 'tcp',
    LocalAddr => '127.0.0.1', Listen => 128) or die "listen: $!";

$t->raw(CA => $ca->url());
$t->raw(SILENT => '127.0.0.1:' . $silent->sockport());
$t->write_config(<<'EOF');
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store size=2g;
    master_key %%DIR%%/acm.key;
    cache 100;
    issuer fake { acme %%CA%%; accept_terms on; challenge http-01;
        preflight off; retry 1s; }
}
http {
    %%HTTP%%
    proxy_buffering off;
    proxy_read_timeout 10m;
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    server {
        listen 127.0.0.1:8081;
        return 404;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate auto issuer=fake;
    }
    server {
        listen 127.0.0.1:8444 ssl;
        acm_certificate sni;
        location / { proxy_pass http://%%SILENT%%; }
    }
}
EOF

$t->run();

sub orders { return $ca->stats()->{ordersPerSet}{'www.example.com'} // 0 }

# an empty store: it starts, and there is something to shake hands with

ok(-e "$dir/nginx.pid", 'started without a certificate');

my $r = $t->handshake(8443, 'www.example.com');
like($r->{subject}, qr/not issued yet/, 'the fallback meanwhile');

ok($t->wait_for(sub { ($ca->stats()->{endpoints}{finalize} // 0) > 0 }),
    'the challenge was answered');

# and takes as much more as the reloads need

$ca->rule({ match => { endpoint => 'order' },
    action => { set => { status => 'processing' }, unset => ['certificate'] } });

sub reload {
    my @old = $t->workers();

    $t->reload();

    return $t->wait_for(sub {
        my %new = map { $_ => 1 } $t->workers();
        return %new && !grep { $new{$_} } @old;
    });
}

sub locked {
    my ($old) = @_;

    return $t->wait_for(sub {
        my $h = $t->status()->{Helper} || {};
        return $h->{Locked} && ($h->{Pid} // 0) != $old && $h->{Pid};
    });
}

# while an order is under way, each generation goes on with it, and none waits,
# as it was not the order that ended the last one

my $helper = locked(0);
my ($failed, $pending) = (0, 0);

for (1 .. $RELOADS) {
    my $c = $t->certificate('www.example.com');

    $pending++ if $c && $c->{Status} eq 'PENDING_VALIDATION';
    $failed++ unless reload();
    $helper = locked($helper) or $failed++;
}

is($failed, 0, "$RELOADS reloads");
is($pending, $RELOADS, 'while an order was under way');

my $asked = orders();

$ca->clear();
ok($t->wait_issued('www.example.com', 30), 'issued soon after');
is(orders(), $asked, 'no order after the reloads');
is($asked, 1, 'one order');

$r = $t->handshake(8443, 'www.example.com', root => $ca->root());
ok($r->{verified}, 'served, without a reload') or diag($r->{text});

# and when there is a good one

$failed = 0;

for (1 .. $RELOADS) {
    $failed++ unless reload();
    $helper = locked($helper) or $failed++;
}

is($failed, 0, "$RELOADS reloads");
is(orders(), 1, 'still one order');
is($t->certificate('www.example.com')->{Version}, 1, 'one certificate');

# many certificates, and old workers that cannot end

is(system("$t->{out}/fill", '-c', "$dir/ca", '-m', "$dir/acm.key",
    "$dir/store", 0, $CERTIFICATES), 0, "$CERTIFICATES certificates");

sub private {
    my ($pid) = @_;

    my $text = Test::Nginx::ACM::slurp("/proc/$pid/smaps_rollup");
    my $sum = 0;

    $sum += $_ for $text =~ /^Private_(?:Clean|Dirty): +(\d+) kB/mg;

    return $sum;
}

my $few = private(($t->workers())[0]);
my $misses = $t->status()->{Handshakes}{CacheMisses};
my (@connections, @held, @most);

for my $n (1 .. 20) {
    my ($worker) = $t->workers();
    my $name = sprintf('n%07d.example.com', $n);

    # one that stays open, as that of a websocket
    push @connections, [open_tls(8444, $name)];

    my $up = $silent->accept() or die "accept: $!";
    push @held, $up;

    # more names than the cache holds
    if ($n == 1) {
        $t->handshake(8444, sprintf('n%07d.example.com', $_))
            for 100 .. 300;
    }

    push @most, [$worker, private($worker)];
    $failed++ unless reload();
}

is($failed, 0, '20 reloads');

my %old = map { $_->[0] => 1 } @most;
my @alive = grep { kill(0, $_) } keys %old;
is(scalar(@alive), 20, 'as many old workers');

# 300 of 10000 were asked for, 100 may be kept: about 20 KB each

my @fat = grep { $_->[1] > $few + 8192 } @most;
is(scalar(@fat), 0, 'none of them holds them all')
    or diag("$few KB at first; " . join(', ', map { $_->[1] } @most));

cmp_ok($t->status()->{Handshakes}{CacheMisses} - $misses, '<', 20 + 201 + 5,
    'what was not asked for was not read');

kill('TERM', $_->[0]) for @connections;
waitpid($_->[0], 0) for @connections;
close($_) for @held;

ok($t->wait_for(sub { !grep { kill(0, $_) } keys %old }),
    'old workers end with their connections');

# the census of the last helper is made of many steps

sub counted {
    my $sum = 0;

    $sum += $_ for $t->http_get(8080, '/status?format=prometheus')
        =~ /^acm_certificates\{[^}]*\} (\d+)$/mg;

    return $sum;
}

ok($t->wait_for(sub { counted() == $CERTIFICATES + 1 }), 'all are counted')
    or diag(counted());

# A client in a process of its own, with a request that is not answered.

sub open_tls {
    my ($port, $name) = @_;

    my $pid = open(my $fh, '|-') // die "fork: $!";

    if ($pid == 0) {
        open(STDOUT, '>', '/dev/null');
        open(STDERR, '>', '/dev/null');
        $ENV{LD_PRELOAD} = '';
        exec('openssl', 's_client', '-quiet', '-connect',
            '127.0.0.1:' . $t->port($port), '-servername', $name)
            or POSIX::_exit(127);
    }

    syswrite($fh, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");

    return ($pid, $fh);
}

$t->finish();

done_testing();
