package Test::Nginx::Pebble;

# Copyright (C) The ngx_acm authors

# A private Pebble, the ACME CA for tests of Let's Encrypt:
#
#   my $dns = Test::Nginx::Pebble::DNS->new();
#   my $ca = Test::Nginx::Pebble->new(resolver => $dns->address(),
#       http_port => $t->port(8080), tls_port => $t->port(8443));
#   ... $ca->url() ... $ca->trusted() ... $ca->root() ... $ca->stop() ...
#
# Arguments, all optional: env (PEBBLE_... as in its README), config (settings
# more), chain (intermediates), alternates (more roots), eab (kid => key in
# base64url), strict, http_port, tls_port and resolver (address:port) of the
# validation.  Unless told so, it does not sleep and loses no nonce.

use warnings;
use strict;

use parent 'Test::Nginx::Daemon';

use JSON::PP;

my $json = JSON::PP->new()->utf8()->canonical();


sub available {
    return -x '/usr/bin/pebble' && -x '/usr/bin/pebble-challtestsrv';
}


sub prepare {
    my ($self) = @_;

    my $args = $self->{args};
    my %env = ('PEBBLE_WFE_NONCEREJECT' => 0, %{$args->{env} || {}});

    $env{PEBBLE_VA_NOSLEEP} = 1 unless $env{PEBBLE_VA_SLEEPTIME};
    $env{PEBBLE_CHAIN_LENGTH} = $args->{chain} if $args->{chain};
    $env{PEBBLE_ALTERNATE_ROOTS} = $args->{alternates}
        if $args->{alternates};
    $args->{env} = \%env;

    @$self{qw/ port admin_port /} = Test::Nginx::Daemon::free_ports(2);

    # its own certificate, under a root: what is trusted is a CA

    $self->write_file('x509.conf', "[root]\nbasicConstraints=critical,CA:"
        . "TRUE\nkeyUsage=critical,keyCertSign\n[leaf]\n"
        . "subjectAltName=DNS:localhost,IP:127.0.0.1\n");

    my $key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';

    system("cd $self->{dir} && openssl req -x509 $key -days 30 -keyout "
        . "root.key -out root.pem -subj '/CN=Pebble TLS root' "
        . "-config /etc/ssl/openssl.cnf -addext keyUsage=keyCertSign "
        . ">/dev/null 2>&1 && openssl req $key -keyout tls.key -out tls.csr "
        . "-subj /CN=localhost >/dev/null 2>&1 && openssl x509 -req -days 30 "
        . "-in tls.csr -CA root.pem -CAkey root.key -set_serial 2 -extfile "
        . "x509.conf -extensions leaf -out tls.pem >/dev/null 2>&1") == 0
        or die "openssl failed in $self->{dir}";

    my %config = (
        listenAddress => "127.0.0.1:$self->{port}",
        managementListenAddress => "127.0.0.1:$self->{admin_port}",
        certificate => "$self->{dir}/tls.pem",
        privateKey => "$self->{dir}/tls.key",
        httpPort => $args->{http_port} || 9,
        tlsPort => $args->{tls_port} || 9,
        externalAccountBindingRequired => $args->{eab} ? JSON::PP::true
            : JSON::PP::false,
        %{$args->{config} || {}},
    );

    $config{externalAccountMACKeys} = $args->{eab} if $args->{eab};

    $self->write_file('pebble.json', $json->encode({ pebble => \%config }));

    return;
}


sub command {
    my ($self) = @_;

    my @cmd = ('/usr/bin/pebble', '-config', "$self->{dir}/pebble.json",
        '-strict=' . ($self->{args}{strict} ? 'true' : 'false'));

    push @cmd, '-dnsserver', $self->{args}{resolver}
        if $self->{args}{resolver};

    return @cmd;
}


sub answers {
    my ($self) = @_;

    return defined $self->get($self->url()) && defined $self->admin('roots/0');
}


# The body of an https URL of this Pebble, or undef.

sub get {
    my ($self, $url) = @_;

    return Test::Nginx::Daemon::capture('curl', '-sf', '--max-time', 10,
        '--cacert', $self->trusted(), $url);
}


sub admin {
    my ($self, $path) = @_;

    return $self->get("https://localhost:$self->{admin_port}/$path");
}


sub url { return "https://localhost:$_[0]->{port}/dir" }


# For "trusted_certificate".

sub trusted { return "$_[0]->{dir}/root.pem" }


# The path of a PEM file with a root of its certificates.

sub root {
    my ($self, $n) = @_;

    $n ||= 0;

    my $pem = $self->admin("roots/$n") // die "Pebble: no root $n";

    return $self->write_file("issued-$n.pem", $pem);
}


# The common name of a root.

sub root_name {
    my ($self, $n) = @_;

    my $text = Test::Nginx::Daemon::capture('openssl', 'x509', '-noout',
        '-subject', '-nameopt', 'multiline', '-in', $self->root($n));
    my ($cn) = $text =~ /commonName\s*=\s*(.*)/;

    return $cn;
}


# How many of a kind it has made: order, authorization, certificate, account.

sub count {
    my ($self, $what) = @_;

    my @n = $self->log() =~ /There are now (\d+) \Q$what\E/g;

    return $n[-1] // 0;
}


package Test::Nginx::Pebble::DNS;

# pebble-challtestsrv, for its DNS alone: every name has the address 127.0.0.1,
# and what is set.

use parent -norequire, 'Test::Nginx::Daemon';


sub prepare {
    my ($self) = @_;

    @$self{qw/ port admin_port /} = Test::Nginx::Daemon::free_ports(2);

    return;
}


sub command {
    my ($self) = @_;

    return ('/usr/bin/pebble-challtestsrv', '-defaultIPv4', '127.0.0.1',
        '-defaultIPv6', '', '-dns01', "127.0.0.1:$self->{port}",
        '-http01', '', '-https01', '', '-tlsalpn01', '',
        '-management', "127.0.0.1:$self->{admin_port}");
}


sub answers {
    my ($self) = @_;

    return defined eval { $self->set('clear-txt', host => 'ready.test.') };
}


sub address { return "127.0.0.1:$_[0]->{port}" }


# One call of its administration, such as set-txt, set-cname, add-a, add-caa.

sub set {
    my ($self, $what, %args) = @_;

    return Test::Nginx::Daemon::capture('curl', '-sf', '--max-time', 10,
        '--data', $json->encode(\%args),
        "http://127.0.0.1:$self->{admin_port}/$what") // die "no $what";
}


sub txt {
    my ($self, $name, $value) = @_;

    $self->set('set-txt', host => "$name.", value => $value);
    return $self;
}


sub cname {
    my ($self, $name, $target) = @_;

    $self->set('set-cname', host => "$name.", target => "$target.");
    return $self;
}


sub address_of {
    my ($self, $name, @addresses) = @_;

    $self->set('add-a', host => "$name.", addresses => \@addresses);
    return $self;
}


sub caa {
    my ($self, $name, $tag, $value) = @_;

    $self->set('add-caa', host => "$name.",
        policies => [{ tag => $tag, value => $value }]);
    return $self;
}


1;
