package Test::Nginx::FakeCA;

# Copyright (C) The ngx_acm authors

# A private fake ACME CA (t/fake_ca.js, t/fake_ca/README.md) for a test:
#
#   my $ca = Test::Nginx::FakeCA->new(config => { lifetime => 60 });
#   $ca->rule({ match => { endpoint => 'newOrder', times => 1 },
#               action => { problem => { type => 'rateLimited' } } });
#   ... $ca->url() ... $ca->root() ... $ca->stats()->{names} ...
#
# It ends with the object, or with the test whatever happens to it.
#
# Environment:
#   TEST_NGINX_NODE   node to run, default node

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Temp;
use HTTP::Tiny;
use JSON::PP;
use POSIX qw/ :sys_wait_h /;
use Time::HiRes qw/ sleep time /;

use Test::Nginx::Daemon;
use Test::Nginx::Port;

our $SCRIPT = abs_path(dirname(__FILE__) . '/../../..') . '/fake_ca.js';

my $json = JSON::PP->new()->utf8()->canonical()->allow_nonref();


# Arguments: config (as of config()), seed (of percents), port (default: a
# free one), tls (also https: 1, or [cert file, key file]), env, idle (as of
# Test::Nginx::Daemon).

sub new {
    my ($class, %args) = @_;

    my $self = bless { owner => $$, args => \%args,
        http => HTTP::Tiny->new(timeout => 30) }, $class;

    return $self->start();
}


# Starts, also again after stop(): on the same port, knowing nothing.

sub start {
    my ($self) = @_;

    my @cmd = $self->command();

    pipe(my $in, my $stdin) or die "pipe: $!";
    pipe(my $stdout, my $out) or die "pipe: $!";

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open(STDIN, '<&', $in) or POSIX::_exit(126);
        open(STDOUT, '>&', $out) or POSIX::_exit(126);

        # sanitizers are for nginx alone
        delete $ENV{LD_PRELOAD};
        $ENV{$_} = $self->{args}{env}{$_} for keys %{$self->{args}{env} || {}};
        @cmd = Test::Nginx::Daemon::idle(@cmd) if $self->{args}{idle};
        exec(@cmd) or POSIX::_exit(127);
    }

    close($in);
    close($out);
    @$self{qw/ pid stdin stdout /} = ($pid, $stdin, $stdout);

    my $line = <$stdout> // '';

    if ($line !~ /^listening (\d+)(?: (\d+))?$/) {
        $self->stop();
        die "fake CA did not start: @cmd\n";
    }

    @$self{qw/ port tls_port /} = ($1, $2);

    return $self;
}


sub command {
    my ($self) = @_;

    my %args = %{$self->{args}};
    my $tls = $args{tls};
    my @cmd = ($ENV{TEST_NGINX_NODE} || 'node', $SCRIPT,
        '--port', $self->{port} // $args{port} // Test::Nginx::Port::free());

    push @cmd, '--seed', $args{seed} if defined $args{seed};
    push @cmd, '--config', $json->encode($args{config}) if $args{config};
    push @cmd, '--tls-port',
        $self->{tls_port} // Test::Nginx::Port::free() if $tls;
    push @cmd, '--tls-cert', $tls->[0], '--tls-key', $tls->[1] if ref $tls;

    return @cmd;
}


# The directory: of https if there is one, and "http" is not asked for.

sub url {
    my ($self, $scheme) = @_;

    return "https://localhost:$self->{tls_port}/directory"
        if $self->{tls_port} && ($scheme || '') ne 'http';

    return "http://127.0.0.1:$self->{port}/directory";
}


sub port { return $_[0]->{port} }
sub tls_port { return $_[0]->{tls_port} }
sub pid { return $_[0]->{pid} }


# One call of the administration; dies unless it was understood.

sub admin {
    my ($self, $method, $path, $data) = @_;

    my $r = $self->{http}->request($method,
        "http://127.0.0.1:$self->{port}/_fake/$path",
        defined $data ? { content => $json->encode($data) } : {});

    die "fake CA: $method $path: $r->{status} $r->{content}"
        if !$r->{success};

    return $r->{headers}{'content-type'} =~ /json/
        ? $json->decode($r->{content}) : $r->{content};
}


# Adds a rule, or more of them; returns their ids.

sub rule {
    my ($self, @rules) = @_;

    my $ids = $self->admin('POST', 'rules', \@rules)->{ids};

    return wantarray ? @$ids : $ids->[0];
}


# The rules, with how often each was "seen" and has "fired".

sub rules { return $_[0]->admin('GET', 'rules') }


# Drops one rule, or all.

sub clear {
    my ($self, $id) = @_;

    $self->admin('DELETE', defined $id ? "rules/$id" : 'rules');
    return $self;
}


sub config {
    my ($self, $changes) = @_;

    return $self->admin($changes ? 'POST' : 'GET', 'config', $changes);
}


sub stats {
    my ($self, %opt) = @_;

    return $self->admin('GET', $opt{brief} ? 'stats?brief' : 'stats');
}


sub clear_stats { $_[0]->admin('DELETE', 'stats'); return $_[0] }


# As after a loss of data at the CA: accounts, orders, certs, nonces.

sub forget {
    my ($self, @what) = @_;

    $self->admin('POST', 'forget', @what ? \@what : undef);
    return $self;
}


# Nobody listens for that time; all else stays as it is.

sub down {
    my ($self, $seconds) = @_;

    $self->admin('POST', 'down', { seconds => $seconds });
    return $self;
}


# The path of a PEM file with the root; 1: the root of the alternate chain.

sub root {
    my ($self, $n) = @_;

    $n ||= 0;

    my $file = File::Temp->new(TEMPLATE => 'fake-ca-XXXXXX', TMPDIR => 1,
        SUFFIX => '.pem');

    print $file $self->admin('GET', "root?n=$n");
    close($file) or die "$file: $!";
    chmod(0644, "$file");
    push @{$self->{files}}, $file;

    return "$file";
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return $self;
    my $end = time() + 5;

    local $?;

    close(delete $self->{stdin});

    while (waitpid($pid, WNOHANG) == 0) {
        kill('KILL', $pid) if time() > $end;
        sleep(0.01);
    }

    close(delete $self->{stdout});

    return $self;
}


sub DESTROY {
    my ($self) = @_;

    # a child of the test has a copy of the object, not the process
    $self->stop() if $self->{owner} == $$;

    return;
}


1;
