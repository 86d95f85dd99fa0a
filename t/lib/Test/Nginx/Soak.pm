package Test::Nginx::Soak;

# Copyright (C) The ngx_acm authors

# Load for a long time: what processes take, at one moment after another, and
# whether it grows; handshakes while certificates are replaced and nginx is
# reloaded.  For t/soak.t and util/bench soak.

use warnings;
use strict;

use POSIX ();
use Time::HiRes qw/ time sleep /;

use Test::Nginx::ACM;
use Test::Nginx::Bench qw/ memory median background collect store fill /;

our @ROLES = ('master', 'workers', 'helper');
our @FIELDS = ('Rss', 'Pss', 'Anonymous', 'Descriptors');

# what must not grow, and how much is still flat: kB, and descriptors, of which
# the connections that are under way are some.  The others have pages of the
# store in them, which the system takes back.

our %SLACK = (Anonymous => 1024, Descriptors => 16);


# Rss, Pss and Anonymous in kB, and Descriptors, of each role; those of all
# workers that are not shutting down together.

sub figures {
    my ($t) = @_;

    my %pids = (master => [$t->pid()], workers => [$t->workers()],
        helper => [$t->helpers()]);
    my %f;

    for my $role (@ROLES) {
        for my $pid (@{$pids{$role}}) {
            my $m = memory($pid);

            $m->{Descriptors} = $t->descriptors($pid);
            $f{$role}{$_} += $m->{$_} // 0 for @FIELDS;
        }
    }

    return \%f;
}


# How a figure went over time: medians of the first and of the last third of
# the samples, and whether it stayed.  Of more than two, the first one, from
# before any reload, does not count.

sub flat {
    my ($samples, $role, $field) = @_;

    my @x = map { $_->{$role}{$field} // 0 } @$samples;

    shift(@x) if @x > 2;

    my $third = int((@x + 2) / 3);
    my $from = median(@x[0 .. $third - 1]);
    my $to = median(@x[-$third .. -1]);

    return ($from, $to, $to <= $from + $SLACK{$field});
}


# An nginx with so many certificates in its store, and one that it renews
# every half minute or so.

sub nginx {
    my ($names) = @_;

    my $t = Test::Nginx::ACM->new();

    $t->write_config(<<'EOF');
%%GLOBALS%%
worker_processes 2;
events { worker_connections 1024; }
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
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni fallback=reject;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name r0000000.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

    store($t, $names);
    $t->run();

    # not by the status, that does not list all at once

    $t->wait_for(sub {
        my $r = $t->handshake(8443, 'r0000000.example.com');
        return grep { $_ eq 'r0000000.example.com' } @{$r->{names} || []};
    }) or die "nothing is issued\n";

    return $t;
}


# Handshakes of all sorts for so many seconds, or until so many were made,
# while certificates are replaced and nginx is reloaded at given times.
# Options: seconds, count (instead), names, rate (handshakes a second, 0: as
# many as there can be), replace (certificates a second), reload (seconds),
# each (called with each sample).
# Returns: samples, just before each reload; handshakes, resumed, wrong,
# errors, replaced, reloads, took; text, of what was wrong.

sub soak {
    my ($t, %o) = @_;

    my $start = time();
    my @jobs = loads($t, %o);
    my $replace = replace($t, %o);
    my %r = (samples => [], reloads => 0, text => '');

    while (!ended(\@jobs, $start + $o{seconds})) {
        my $old = join(' ', $t->workers());
        my $next = time() + $o{reload};

        sleep(0.1) until ended(\@jobs, $next);
        last if $jobs[0]{ended};

        my $f = figures($t);

        $f->{At} = time() - $start;
        push @{$r{samples}}, $f;
        $o{each}->($f) if $o{each};

        $t->reload();
        $t->wait_for(sub { renewed($t, $old) }, 30) or die "no reload\n";
        $r{reloads}++;
    }

    finish(\%r, \@jobs, $replace);
    $r{took} = time() - $start;

    return \%r;
}


# The first is the one that counts; the others are for variety.

sub loads {
    my ($t, %o) = @_;

    my @common = ('-n', $o{names}, '-w', 0, '-d', $o{seconds});
    my $few = $o{rate} ? $o{rate} / 10 : 50;
    my @rate = $o{rate} ? ('-r', $o{rate}) : ();
    my @count = $o{count} ? ('-m', $o{count}) : ();

    return map { { job => background($t, @common, @$_) } }
        [@rate, @count, '-c', 8], ['-2', '-c', 2, '-r', $few],
        ['-u', 3, '-c', 2, '-r', $few], ['-u', 3, '-2', '-c', 2, '-r', $few],
        ['-f', 'r%07d.example.com', '-n', 1, '-c', 1, '-r', 10];
}


# Whether the first has ended, or it is time.

sub ended {
    my ($jobs, $end) = @_;

    my $first = $jobs->[0];

    $first->{ended} ||= waitpid($first->{job}[0], POSIX::WNOHANG()) != 0;

    return $first->{ended} || time() > $end;
}


sub renewed {
    my ($t, $old) = @_;

    my @now = $t->workers();

    return @now == 2 && !grep { $old =~ /\b$_\b/ } @now;
}


sub replace {
    my ($t, %o) = @_;

    return unless $o{replace};

    my $file = "$t->{dir}/replaced";
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open(STDOUT, '>', $file);
        exec(fill($t, '-R', $o{replace}, "$t->{dir}/store", 0, $o{names}))
            or POSIX::_exit(127);
    }

    return [$pid, $file];
}


sub finish {
    my ($r, $jobs, $replace) = @_;

    my $first = 1;

    for my $job (map { $_->{job} } @$jobs) {

        # the others end with the first

        kill('TERM', $job->[0]) unless $first;
        $first = 0;

        my $x = collect($job);

        $r->{handshakes} += $x->{handshakes};
        $r->{resumed} += $x->{resumed};
        $r->{wrong} += $x->{mismatch};
        $r->{errors} += $x->{errors};
        $r->{text} .= $x->{text} if $x->{mismatch} || $x->{errors};
    }

    return unless $replace;

    kill('TERM', $replace->[0]);
    waitpid($replace->[0], 0);

    ($r->{replaced}) = Test::Nginx::ACM::slurp($replace->[1]) =~ /=(\d+)/;
    $r->{text} .= "no certificates were replaced\n" unless $r->{replaced};

    return;
}


1;
