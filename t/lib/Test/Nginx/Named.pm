package Test::Nginx::Named;

# Copyright (C) The ngx_acm authors

# A real name server (BIND) on a free port of 127.0.0.1, stopped when the
# object goes away.  It is authoritative for what it is given, and a resolver
# for the rest of this little world: the root is one of its zones.

use warnings;
use strict;

use File::Path qw/ remove_tree /;
use File::Temp qw/ tempdir /;
use IO::Socket::INET;
use POSIX qw/ :sys_wait_h /;
use Time::HiRes qw/ sleep time /;

use Test::Nginx::Port;

our $NAMED = (grep { -x } qw{ /usr/sbin/named /usr/local/sbin/named })[0];


# zones: name => zone text; extra: lines of named.conf; update: name => the
# lines inside update-policy; forward: name => port of 127.0.0.1 to ask, with
# no root of its own

sub new {
    my ($class, %args) = @_;

    my $self = bless {
        dir => tempdir('named-XXXXXX', TMPDIR => 1),
        owner => $$,
    }, $class;

    for (1 .. 5) {
        $self->{port} = Test::Nginx::Port::free();
        $self->configure(%args);
        return $self if $self->start();
    }

    die "named did not start:\n" . $self->log();
}


sub configure {
    my ($self, %args) = @_;

    my $dir = $self->{dir};
    my $conf = <<"EOF_CONF";
options {
    directory "$dir";
    pid-file none;
    session-keyfile none;
    listen-on port $self->{port} { 127.0.0.1; };
    max-cache-ttl 0;
    max-ncache-ttl 0;
    listen-on-v6 { none; };
    recursion yes;
    allow-recursion { 127.0.0.1; };
    allow-query { 127.0.0.1; };
    empty-zones-enable no;
    dnssec-validation no;
    notify no;
    minimal-responses no;
};
controls { };
EOF_CONF

    $conf .= $args{extra} || '';

    my %forward = %{$args{forward} || {}};
    my %zones = (%forward ? () : ('.' => ''), %{$args{zones} || {}});

    for my $zone (sort keys %forward) {
        $conf .= "zone \"$zone\" { type forward; forward only; "
            . "forwarders { 127.0.0.1 port $forward{$zone}; }; };\n";
    }

    $zones{'.'} .= "ns.invalid. IN A 127.0.0.1\n" if defined $zones{'.'};

    for my $zone (sort keys %zones) {
        my $file = $zone eq '.' ? 'root' : $zone;
        my $update = $args{update}{$zone};

        $conf .= "zone \"$zone\" { type primary; file \"$file.zone\"; "
            . ($update ? "update-policy { $update }; " : '') . "};\n";

        # no file: the server answers with SERVFAIL
        next unless defined $zones{$zone};

        $self->write("$file.zone", $self->zone_text($zones{$zone}, 1));
    }

    $self->write('named.conf', $conf);
}


sub zone_text {
    my ($self, $text, $serial) = @_;

    return "\$TTL 60\n@ IN SOA ns.invalid. h.invalid. $serial 60 60 600 60\n"
        . ($text =~ /^@\s+(?:IN )?NS\b/m ? '' : "@ IN NS ns.invalid.\n")
        . $text;
}


# A new text of a zone that is not updated, and is served when this returns.

sub zone {
    my ($self, $zone, $text) = @_;

    my $serial = $self->{serial}{$zone} = ($self->{serial}{$zone} || 1) + 1;
    my $end = time() + 30;

    $self->write("$zone.zone", $self->zone_text($text, $serial));
    kill('HUP', $self->{pid});

    while (time() < $end) {
        return $self if $self->dig($zone, 'SOA') =~ /\s$serial\s/;
        sleep(0.02);
    }

    die "zone \"$zone\" is not served:\n" . $self->log();
}


# The records that the server answers with, a line each.

sub dig {
    my ($self, @args) = @_;

    open(my $fh, '-|', 'dig', '@127.0.0.1', '-p', $self->{port}, '+tries=1',
        '+time=5', '+noall', '+answer', @args) or die "dig: $!";

    my $out = do { local $/; <$fh> } // '';
    close($fh);

    return $out;
}


# An address of the loopback network on which port 53, or another, is free, for
# a server that NS records lead to: BIND itself listens on none but 127.0.0.1.
# undef if we may not use such a port.

sub free_address {
    my $port = shift // 53;

    for (1 .. 100) {
        my $addr = join('.', 127, map { 1 + int(rand(254)) } 1 .. 3);
        my $u = IO::Socket::INET->new(Proto => 'udp', LocalPort => $port,
            LocalAddr => $addr) or next;
        my $t = IO::Socket::INET->new(Proto => 'tcp', Listen => 1,
            LocalAddr => $addr, LocalPort => $port) or next;
        return $addr;
    }

    return;
}


sub write {
    my ($self, $name, $text) = @_;

    open(my $fh, '>', "$self->{dir}/$name") or die "$name: $!";
    print $fh $text;
    close($fh) or die "$name: $!";

    return;
}


sub start {
    my ($self) = @_;

    my $dir = $self->{dir};
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open(STDOUT, '>', "$dir/log");
        open(STDERR, '>&', \*STDOUT);
        exec($NAMED, '-g', '-n', '1', '-c', "$dir/named.conf")
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;

    my $end = time() + 30;

    while (time() < $end) {
        return 1 if $self->log() =~ / running$/m
            && $self->log() !~ /could not listen|address in use/;
        last if waitpid($pid, WNOHANG) == $pid;
        sleep(0.02);
    }

    kill('KILL', $pid);
    waitpid($pid, 0);
    $self->{pid} = 0;

    return 0;
}


sub log {
    my ($self) = @_;

    open(my $fh, '<', "$self->{dir}/log") or return '';
    local $/;
    return scalar(<$fh>) // '';
}


sub stop {
    my ($self) = @_;

    if ($self->{pid} && $self->{owner} == $$) {
        kill('TERM', $self->{pid});

        my $end = time() + 10;

        while (waitpid($self->{pid}, WNOHANG) == 0) {
            kill('KILL', $self->{pid}) if time() > $end;
            sleep(0.02);
        }

        $self->{pid} = 0;
    }

    return;
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;

    local $?;
    $self->stop();
    remove_tree($self->{dir}) unless $ENV{TEST_NGINX_LEAVE};

    return;
}


1;
