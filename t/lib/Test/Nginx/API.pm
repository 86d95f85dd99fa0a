package Test::Nginx::API;

# Copyright (C) The ngx_acm authors

# A client of the API that can do what no SDK does: any operation, any body,
# any header, right or wrong signatures (AWS Signature Version 4).

use warnings;
use strict;

use Digest::SHA qw/ hmac_sha256 hmac_sha256_hex sha256_hex /;
use IO::Socket::INET;
use IO::Uncompress::Gunzip qw/ gunzip $GunzipError /;
use JSON::PP;
use POSIX ();

use base 'Exporter';

our @EXPORT = qw/ api_new api_user unread /;


sub api_new {
    my (%args) = @_;

    return bless { region => 'us-east-1', service => 'acm', %args },
        __PACKAGE__;
}


# A new user who may do everything, or what a policy says; returns what
# api_new() takes.

sub api_user {
    my ($t, $name, $policy, $account) = @_;

    my ($rc, $out) = $t->acmctl($account ? ('--account', $account) : (),
        'user', 'add', $name, '--policy',
        $policy || 'AWSCertificateManagerFullAccess', '--file',
        "$t->{dir}/users.json");

    my ($key, $secret) = $out =~ /aws_access_key_id\ =\ (\S+)\n
        aws_secret_access_key\ =\ (\S+)\n/xm or die "acmctl user: $out";

    return (port => $t->port(8080), key => $key, secret => $secret);
}


# An operation with a structure; returns the status and the answer.  As SDKs
# do, it tries again while there is no store yet.

sub call {
    my ($self, $op, $in, %args) = @_;

    my @answer;

    for (1 .. 100) {
        @answer = $self->raw(body => encode_json($in || {}), op => $op,
            %args);
        last if $answer[0] != 503;
        select(undef, undef, undef, 0.1);
    }

    return @answer;
}


# Ends the test's patience: dies unless the call succeeds.

sub ok {
    my ($self, $op, $in) = @_;

    my ($status, $out) = $self->call($op, $in);

    die "$op: $status " . encode_json($out) if $status != 200;

    return $out;
}


# The same change twice in a second has the same signature: it is signed anew,
# as clients do.

sub raw {
    my ($self, %args) = @_;

    my $end = time() + 10;
    my $response;

    for ( ;; ) {
        $response = $self->send($self->request(%args));
        last if time() >= $end || $response !~ /signature was used already/;
        select(undef, undef, undef, 0.1);
    }

    my ($head, $body) = split(/\r\n\r\n/, $response, 2);
    my ($status) = ($head || '') =~ m{^HTTP/1\.1 (\d+)};
    my $out = eval { decode_json($body) };

    return ($status || 0, $out || { raw => $body }, $head || '');
}


# As a client sends it: "boto" (botocore), "go" (Terraform) or "js" (the SDK of
# JavaScript, as CDK has it), each with the fields that it signs.

sub request {
    my ($self, %args) = @_;

    my $method = $args{method} || 'POST';
    my $target = $args{target} || '/';
    my $body = defined $args{body} ? $args{body} : '{}';
    my $time = ($args{time} || time()) + ($self->{skew} || 0);
    my $date = POSIX::strftime('%Y%m%dT%H%M%SZ', gmtime($time));
    my $day = substr($date, 0, 8);
    my $region = $args{region} || $self->{region};
    my $style = $self->{style} || 'boto';

    my %headers = (
        'content-type' => 'application/x-amz-json-1.1',
        'host' => "127.0.0.1:$self->{port}",
        'x-amz-date' => $date,
    );

    $headers{'x-amz-target'} = "CertificateManager.$args{op}" if $args{op};

    if ($style ne 'boto') {
        $headers{'content-length'} = length($body);
        $headers{'amz-sdk-invocation-id'} = sprintf('%08x-%04x-4%03x-8%03x-'
            . '%012x', map { int(rand($_)) } 2 ** 32, 2 ** 16, 2 ** 12,
            2 ** 12, 2 ** 32);
        $headers{'amz-sdk-request'} = 'attempt=1; max='
            . ($style eq 'go' ? 25 : 3);
    }

    if ($style eq 'js') {
        $headers{'x-amz-content-sha256'} = sha256_hex($body);
        $headers{'x-amz-user-agent'} = 'aws-sdk-js/3.1169.0';
    }

    $headers{lc $_} = $args{headers}{$_} for keys %{$args{headers} || {}};

    my $signed = join(';', sort keys %headers);
    my $canonical = join("\n", $method, '/', '',
        (map { "$_:$headers{$_}" } sort keys %headers), '', $signed,
        sha256_hex($args{sign_body} // $body));
    my $scope = "$day/$region/$self->{service}/aws4_request";
    my $text = join("\n", 'AWS4-HMAC-SHA256', $date, $scope,
        sha256_hex($canonical));

    my $key = "AWS4$self->{secret}";
    $key = hmac_sha256($_, $key)
        for $day, $region, $self->{service}, 'aws4_request';

    my $signature = hmac_sha256_hex($text, $key);

    $headers{authorization} = "AWS4-HMAC-SHA256 Credential=$self->{key}/$scope,"
        . " SignedHeaders=$signed, Signature=$signature"
        unless $args{unsigned};

    # what is not signed

    $headers{'content-length'} = length($body);
    $headers{'user-agent'} = 'aws-sdk-go-v2/1.36.3' if $style eq 'go';
    $headers{'accept-encoding'} = $style eq 'go' ? 'gzip' : 'identity'
        if $style ne 'js';
    $headers{connection} = 'close' if $style eq 'boto';

    my @names = sort keys %headers;

    # Go writes names as "X-Amz-Date"

    return "$method $target HTTP/1.1\r\n"
        . join('', map {
            ($style eq 'go' ? join('-', map { ucfirst } split(/-/)) : $_)
                . ": $headers{$_}\r\n"
        } @names) . "\r\n$body";
}


sub connect {
    my ($self) = @_;

    return IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => "127.0.0.1:$self->{port}") || die "connect: $!";
}


# Whether nginx has not read all that was sent: it is in the queue of the other
# end until then.

sub unread {
    my ($s) = @_;

    my $ends = sprintf('0100007F:%04X 0100007F:%04X', $s->peerport(),
        $s->sockport());
    my ($octets) = Test::Nginx::ACM::slurp('/proc/net/tcp')
        =~ /\Q$ends\E [0-9A-F]{2} [0-9A-F]{8}:([0-9A-F]{8})/;

    return !defined $octets || hex($octets);
}


# Returns the response.  Go and JavaScript keep their connection, and the
# response comes decoded.

sub send {
    my ($self, $request) = @_;

    local $SIG{PIPE} = 'IGNORE';

    return $self->send_again($request) if $self->{style};

    my $s = $self->connect();
    print $s $request;

    local $/;
    my $response = <$s>;
    close($s);

    return defined $response ? $response : '';
}


sub send_again {
    my ($self, $request) = @_;

    my $s = $self->{socket} ||= $self->connect();

    $s->autoflush(1);
    print $s $request;

    my $head = '';

    while ($head !~ /\r\n\r\n$/) {
        my $line = <$s>;

        if (!defined $line) {
            delete $self->{socket};
            return $head;
        }

        $head .= $line;
    }

    delete $self->{socket} if $head =~ /\nConnection: close/i;

    my $body = $head =~ /\nTransfer-Encoding: chunked/i ? chunks($s)
        : $head =~ /\nContent-Length: (\d+)/i ? octets($s, $1) : '';

    if ($head =~ /\nContent-Encoding: gzip/i) {
        my $gzip = $body;
        gunzip(\$gzip, \$body) or die "gzip: $GunzipError";
    }

    return $head . $body;
}


sub octets {
    my ($s, $n) = @_;

    my $got = read($s, my $data, $n) // 0;
    die "$got of $n octets" if $got != $n;

    return $data;
}


sub chunks {
    my ($s) = @_;

    my $data = '';

    for (;;) {
        my $n = hex((<$s> // '') =~ /^([0-9a-f]+)/i ? $1 : die 'no chunk');
        my $chunk = octets($s, $n + 2);
        return $data if $n == 0;
        $data .= substr($chunk, 0, $n);
    }
}


1;
