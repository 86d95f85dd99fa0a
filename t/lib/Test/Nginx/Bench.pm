package Test::Nginx::Bench;

# Copyright (C) The ngx_acm authors

# What measurements share: figures of processes, load on one core with the
# server on another, a store that is full, results as a table and as CSV.

use warnings;
use strict;

use POSIX ();
use Time::HiRes qw/ time /;

use Test::Nginx::ACM;

use Exporter 'import';
our @EXPORT_OK = qw/ size cpu cpu_exact memory median quantile
    tlsload background collect store quiet fill cores csv /;

our $FORMAT = 'n%07d.example.com';


# "10k", "1M"

sub size {
    my ($text) = @_;

    my ($n, $unit) = $text =~ /^(\d+)([kM]?)$/ or die "no number: $text\n";

    return $n * { '' => 1, k => 1000, M => 1000000 }->{$unit};
}


# Seconds of CPU that a process has used.

sub cpu {
    my ($pid) = @_;

    my @f = split(' ', (Test::Nginx::ACM::slurp("/proc/$pid/stat")
        =~ /\) (.*)/s)[0] // '');

    return @f ? ($f[11] + $f[12]) / 100 : 0;
}


# The same of its first thread: ticks of 10 ms are too coarse for who does
# next to nothing.

sub cpu_exact {
    my ($pid) = @_;
    return (split(' ', Test::Nginx::ACM::slurp("/proc/$pid/schedstat")
        || '0'))[0] / 1e9;
}


# Memory of a process, kB: Rss, Pss, Anonymous, Private.

sub memory {
    my ($pid) = @_;

    my %m = Test::Nginx::ACM::slurp("/proc/$pid/smaps_rollup")
        =~ /^(\w+):\s+(\d+) kB/mg;

    $m{Private} = ($m{Private_Clean} // 0) + ($m{Private_Dirty} // 0);

    return \%m;
}


sub median { return quantile(0.5, @_) }


# Between the two that are nearest.

sub quantile {
    my ($q, @x) = @_;

    @x = sort { $a <=> $b } grep { defined } @x;

    return undef unless @x;

    my $at = $q * $#x;
    my $i = int($at);

    return $i == $#x ? $x[$i] : $x[$i] + ($at - $i) * ($x[$i + 1] - $x[$i]);
}


# Load on the last core, names by FORMAT; returns what tlsload says, as a
# hash.  "text" is all of it.

sub tlsload { return collect(background(@_)) }


sub background {
    my ($t, @args) = @_;

    my $file = "$t->{dir}/load." . ++$t->{loads};
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open(STDOUT, '>', $file);
        open(STDERR, '>&', \*STDOUT);
        exec('taskset', '-c', (cores())[-1], "$t->{out}/tlsload", '-f', $FORMAT,
            @args, '127.0.0.1:' . $t->port(8443)) or POSIX::_exit(127);
    }

    return [$pid, $file];
}


sub collect {
    my ($job) = @_;

    waitpid($job->[0], 0);

    my $text = Test::Nginx::ACM::slurp($job->[1]);
    my %r = (text => $text, $text =~ /(\w+)=([\d.]+)/g);

    unlink($job->[1]);

    die "tlsload: $text\n" unless defined $r{handshakes};

    return \%r;
}


# The numbers of those that this process may run on.

sub cores {
    my ($list) = Test::Nginx::ACM::slurp('/proc/self/status')
        =~ /^Cpus_allowed_list:\s+(\S+)/m;

    return map { /^(\d+)-(\d+)$/ ? $1 .. $2 : $_ } split(/,/, $list);
}


# Puts certificates that can be served into a store that nginx makes first;
# returns the seconds that it took.  What goes with "fill" may be given.

sub store {
    my ($t, $count, @args) = @_;

    $t->run();
    $t->wait_for(sub { !($t->acmctl('list'))[0] }) or die "no store\n"
        . $t->read_file('error.log');
    $t->stop();

    my $start = time();

    system(fill($t, @args, "$t->{dir}/store", 0, $count)) == 0
        or die "fill failed\n";

    return time() - $start;
}


# The command, with the CA and the key of this nginx.

sub fill {
    my ($t, @args) = @_;

    return ("$t->{out}/fill", '-c', "$t->{dir}/ca", '-m', "$t->{dir}/acm.key",
        @args);
}


# Until a process has nothing to do: less than 1 % of a core in a second.

sub quiet {
    my ($t, $pid, $seconds) = @_;

    my ($last, $at) = (cpu_exact($pid), time());

    return $t->wait_for(sub {
        return if time() - $at < 1;

        my $used = cpu_exact($pid) - $last;
        my $took = time() - $at;

        ($last, $at) = ($last + $used, time());

        return $used / $took < 0.01;
    }, $seconds || 600);
}


# Rows of cells, as a file.

sub csv {
    my ($file, @rows) = @_;

    open(my $fh, '>', $file) or die "$file: $!\n";
    print $fh join(',', map { /,/ ? qq/"$_"/ : $_ } @$_), "\n" for @rows;
    close($fh) or die "$file: $!\n";

    return;
}


1;
