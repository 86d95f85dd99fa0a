package Test::Nginx::OCSP;

# Copyright (C) The ngx_acm authors

# A CA made by openssl, and its OCSP responder, that of openssl.

use warnings;
use strict;

use parent 'Test::Nginx::Daemon';


sub prepare {
    my ($self) = @_;

    my $dir = $self->{dir};

    ($self->{port}) = Test::Nginx::Daemon::free_ports(1);
    $self->{serial} = 4096;
    $self->{index} = {};

    $self->write_file('ca.cnf', <<'EOF2');
[ca]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
[ocsp]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = OCSPSigning
[req]
distinguished_name = dn
[dn]
EOF2

    $self->key($_) for qw/ ca ocsp /;
    $self->openssl('req', '-x509', '-new', '-key', "$dir/ca.key", '-subj',
        '/CN=Stapling CA', '-days', 30, '-config', "$dir/ca.cnf",
        '-extensions', 'ca', '-out', "$dir/ca.crt");

    $self->sign('ocsp', 'ocsp', 'CN=OCSP');
    $self->list();
}


sub url { my ($self) = @_; return "http://127.0.0.1:$self->{port}/" }


sub command {
    my ($self) = @_;

    my $dir = $self->{dir};

    return ('stdbuf', '-oL', 'openssl', 'ocsp', '-index', "$dir/index.txt",
        '-port', $self->{port}, '-CA', "$dir/ca.crt", '-rsigner', "$dir/ocsp.crt",
        '-rkey', "$dir/ocsp.key", '-ndays', 7, '-text');
}


# Seen from outside: it never gets over a connection on which nobody asks.

sub answers {
    my ($self) = @_;

    my $want = sprintf(':%04X', $self->{port});

    for my $file ('/proc/net/tcp', '/proc/net/tcp6') {
        open(my $fh, '<', $file) or next;

        # 0A: it listens
        return 1 if grep { my @f = split(' ', $_);
            $f[3] eq '0A' && $f[1] =~ /$want$/ } <$fh>;
    }

    return 0;
}


# A leaf NAME.crt, NAME.key for a host, that names a responder at an URL.

sub leaf {
    my ($self, $name, $host, $url) = @_;

    $url ||= 'http://ocsp.example/';

    $self->key($name);
    $self->write_file("$name.cnf", "[leaf]\nbasicConstraints = CA:FALSE\n"
        . "subjectAltName = DNS:$host\n"
        . "authorityInfoAccess = OCSP;URI:$url\n");
    $self->sign($name, 'leaf', "CN=$host", "$name.cnf");
    $self->list();

    return "$self->{dir}/$name";
}


sub revoke {
    my ($self, $name) = @_;

    $self->{index}{$name} =~ s/^V\t(\S+)\t\t/R\t$1\t250101000000Z,keyCompromise\t/;
    return $self->list();
}


# How often it has been asked.

sub asked {
    my ($self) = @_;
    return scalar(() = $self->log() =~ /^OCSP Request Data/mg);
}


sub key {
    my ($self, $name) = @_;

    return $self->openssl('ecparam', '-name', 'prime256v1', '-genkey',
        '-noout', '-out', "$self->{dir}/$name.key");
}


sub sign {
    my ($self, $name, $section, $subject, $config) = @_;

    my $dir = $self->{dir};
    my $serial = $self->{serial}++;

    $config ||= 'ca.cnf';

    $self->openssl('req', '-new', '-key', "$dir/$name.key", '-subj',
        "/$subject", '-config', "$dir/ca.cnf", '-out', "$dir/$name.csr");
    $self->openssl('x509', '-req', '-in', "$dir/$name.csr", '-CA',
        "$dir/ca.crt", '-CAkey', "$dir/ca.key", '-set_serial', $serial,
        '-days', 20, '-extfile', "$dir/$config", '-extensions', $section,
        '-out', "$dir/$name.crt");

    $self->{index}{$name} = sprintf("V\t301231235959Z\t\t%04X\tunknown\t/%s\n",
        $serial, $subject);
}


# One that runs reads it again.

sub list {
    my ($self) = @_;

    $self->write_file('index.txt', join('', values %{$self->{index}}));

    return $self->{pid} ? $self->stop()->start() : $self;
}


sub openssl {
    my ($self, @cmd) = @_;

    local $ENV{LD_PRELOAD} = '';

    system('sh', '-c', 'exec openssl "$@" > "$0" 2>&1',
        "$self->{dir}/openssl.log", @cmd) == 0
        or die "openssl @cmd\n" . $self->read('openssl.log');
}


sub read {
    my ($self, $name) = @_;

    open(my $fh, '<', "$self->{dir}/$name") or return '';
    local $/;
    return scalar(<$fh>) // '';
}


1;
