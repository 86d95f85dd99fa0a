package Test::Nginx::Port;

# Copyright (C) The ngx_acm authors

# Free ports of 127.0.0.1, the same for TCP and UDP.  They are below those that
# the system gives to whoever connects: no connection takes one while its
# server is just not there.

use warnings;
use strict;

use IO::Socket::INET;

my $FIRST = 10000;
my $COUNT = 22000;

my $next;


# A port and the sockets that keep it, until they are closed.

sub hold {
    # each process begins somewhere else
    $next //= $$ * 7919;

    for (1 .. $COUNT) {
        my $port = $FIRST + $next++ % $COUNT;

        my $tcp = IO::Socket::INET->new(Proto => 'tcp', Listen => 1,
            LocalAddr => '127.0.0.1', LocalPort => $port) or next;
        my $udp = IO::Socket::INET->new(Proto => 'udp',
            LocalAddr => '127.0.0.1', LocalPort => $port) or next;

        return ($port, $tcp, $udp);
    }

    die "no free port: $!";
}


# The same, for one who opens it soon.

sub free { return (hold())[0] }


1;
