package Test::Nginx::Daemon;

# Copyright (C) The ngx_acm authors

# A server beside nginx that a test needs.  It ends with the object, and with
# the test whatever happens to it.  What is derived from it has command(),
# the program with its arguments, and answers(), whether it is ready.  With
# the argument idle it gets the time that nobody else wants, all its threads.

use warnings;
use strict;

use File::Path qw/ remove_tree /;
use File::Temp qw/ tempdir /;
use IO::Socket::INET;
use POSIX qw/ :sys_wait_h /;
use Time::HiRes qw/ sleep time /;

use Test::Nginx::Port;


sub new {
    my ($class, %args) = @_;

    my $self = bless { owner => $$, args => \%args,
        dir => tempdir('ngx-acm-d-XXXXXX', TMPDIR => 1) }, $class;

    chmod(0755, $self->{dir});
    $self->prepare();

    return $self->start();
}


sub prepare { return }


# Ports that are free now, for TCP and UDP, as many as are asked for.

sub free_ports {
    my ($n) = @_;

    my @held = map { [Test::Nginx::Port::hold()] } 1 .. $n;

    return map { $_->[0] } @held;
}


# Starts, also again after stop().

sub start {
    my ($self) = @_;

    my @cmd = $self->command();
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open(STDIN, '<', '/dev/null') or POSIX::_exit(126);
        open(STDOUT, '>>', "$self->{dir}/log") or POSIX::_exit(126);
        open(STDERR, '>&', \*STDOUT) or POSIX::_exit(126);

        # sanitizers are for nginx alone
        delete $ENV{LD_PRELOAD};

        my $env = $self->{args}{env} || {};
        $ENV{$_} = $env->{$_} for keys %$env;

        @cmd = idle(@cmd) if $self->{args}{idle};

        exec('setpriv', '--pdeathsig', 'KILL', '--', @cmd)
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;

    my $end = time() + 30;

    until ($self->answers()) {
        if (time() > $end || waitpid($pid, WNOHANG) == $pid) {
            $self->stop();
            die "@cmd did not start:\n" . $self->log();
        }

        sleep(0.05);
    }

    return $self;
}


sub log {
    my ($self) = @_;

    open(my $fh, '<', "$self->{dir}/log") or return '';
    local $/;
    return scalar(<$fh>) // '';
}


sub write_file {
    my ($self, $name, $text) = @_;

    open(my $fh, '>', "$self->{dir}/$name") or die "$name: $!";
    print $fh $text;
    close($fh) or die "$name: $!";

    return "$self->{dir}/$name";
}


# What a program says, or undef if it fails.

sub capture {
    my (@cmd) = @_;

    local $?;

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>', '/dev/null');
        delete $ENV{LD_PRELOAD};
        exec(@cmd) or POSIX::_exit(127);
    }

    my $out = do { local $/; <$fh> };

    return close($fh) ? $out // '' : undef;
}


sub pid { return $_[0]->{pid} }


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return $self;
    my $end = time() + 10;

    local $?;

    kill('TERM', $pid);

    while (waitpid($pid, WNOHANG) == 0) {
        kill('KILL', $pid) if time() > $end;
        sleep(0.01);
    }

    return $self;
}


sub DESTROY {
    my ($self) = @_;

    # a child of the test has a copy of the object, not the process
    return if $self->{owner} != $$;

    local ($?, $@);

    $self->stop();
    remove_tree($self->{dir});

    return;
}


# In the child: what it runs then gets the time that nobody else wants.  Where
# the kernel shares the time between sessions first, it has one of its own.

sub idle {
    my (@cmd) = @_;

    POSIX::setsid();

    if (open(my $fh, '>', '/proc/self/autogroup')) {
        print $fh 19;
        close($fh);
    }

    return ('chrt', '--idle', 0, @cmd);
}


1;
