package Test::Nginx::API;

# Copyright (C) The ngx_acm authors

# A client of the API that can do what no SDK does: any operation, any body,
# any header, right or wrong signatures (AWS Signature Version 4).

use warnings;
use strict;

use Digest::SHA qw/ hmac_sha256 hmac_sha256_hex sha256_hex /;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();

use base 'Exporter';

our @EXPORT = qw/ api_new /;


sub api_new {
    my (%args) = @_;

    return bless { region => 'us-east-1', service => 'acm', %args },
        __PACKAGE__;
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


sub raw {
    my ($self, %args) = @_;

    my $response = $self->send($self->request(%args));
    my ($head, $body) = split(/\r\n\r\n/, $response, 2);
    my ($status) = ($head || '') =~ m{^HTTP/1\.1 (\d+)};
    my $out = eval { decode_json($body) };

    return ($status || 0, $out || { raw => $body }, $head || '');
}


sub request {
    my ($self, %args) = @_;

    my $method = $args{method} || 'POST';
    my $target = $args{target} || '/';
    my $body = defined $args{body} ? $args{body} : '{}';
    my $time = ($args{time} || time()) + ($self->{skew} || 0);
    my $date = POSIX::strftime('%Y%m%dT%H%M%SZ', gmtime($time));
    my $day = substr($date, 0, 8);
    my $region = $args{region} || $self->{region};
    my $host = "127.0.0.1:$self->{port}";

    my %headers = (
        'content-type' => 'application/x-amz-json-1.1',
        'host' => $host,
        'x-amz-date' => $date,
    );

    $headers{'x-amz-target'} = "CertificateManager.$args{op}" if $args{op};
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

    return "$method $target HTTP/1.1\r\n"
        . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers)
        . 'Content-Length: ' . length($body) . "\r\nConnection: close\r\n\r\n"
        . $body;
}


sub send {
    my ($self, $request) = @_;

    my $s = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => "127.0.0.1:$self->{port}") or die "connect: $!";

    local $SIG{PIPE} = 'IGNORE';
    print $s $request;

    local $/;
    my $response = <$s>;
    close($s);

    return defined $response ? $response : '';
}


1;
