#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# DaysToExpiry to CloudWatch: to a receiver that verifies signatures.

use warnings;
use strict;

package Receiver;

use parent -norequire, 'Test::Nginx::Daemon';

sub prepare {
    my ($self) = @_;
    ($self->{port}) = Test::Nginx::Daemon::free_ports(1);
    return;
}

sub command {
    my ($self) = @_;
    return ($ENV{TEST_NGINX_NODE} || 'node', "$FindBin::Bin/cloudwatch.js",
        $self->{port}, $self->{dir}, 'AKIDEXAMPLE',
        'wJalrXUtnFEMI/K7MDENG', 'eu-west-1');
}

sub answers {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}");
}

sub answer {
    my ($self, %rule) = @_;
    open(my $fh, '>', "$self->{dir}/answer.new") or die $!;
    print $fh JSON::PP::encode_json(\%rule);
    close($fh);
    rename("$self->{dir}/answer.new", "$self->{dir}/answer") or die $!;
    return;
}

sub requests {
    my ($self) = @_;
    open(my $fh, '<', "$self->{dir}/requests") or return;
    return map { JSON::PP::decode_json($_) } grep { /\n$/ } <$fh>;
}

package main;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use JSON::PP;
use Test::Nginx::ACM;
use Test::Nginx::Clock;
use Test::Nginx::Daemon;

my $cloud = Receiver->new();
my $t = Test::Nginx::ACM->new();
my $clock = Test::Nginx::Clock->available() ? Test::Nginx::Clock->new() : undef;

$t->environment($clock->environment()) if $clock;

$t->write_file('aws', "[default]\naws_access_key_id = AKIDEXAMPLE\n"
    . "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG\n");
chmod(0600, "$t->{dir}/aws");

$cloud->answer(status => 400, body => '{"__type":"com.amazon#'
    . 'InvalidParameterValueException","message":"as told"}');

my $conf = <<"EOF";
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    cloudwatch %%URL%% region=eu-west-1 credentials=%%DIR%%/aws
               namespace=My/Certificates every=2s;
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
    server { listen 127.0.0.1:8443 ssl; server_name a.example.com;
        acm_certificate auto; }
    server { listen 127.0.0.1:8443 ssl; server_name b.example.com;
        acm_certificate auto; }
}
EOF

$t->raw(URL => "http://127.0.0.1:$cloud->{port}/");
$t->write_config($conf)->run();

ok($t->wait_issued('a.example.com') && $t->wait_issued('b.example.com'),
    'issued');

# a failure is told of once; a reload begins anew

ok($t->wait_for(sub {
    $t->read_file('error.log') =~ /\[error\].*cloudwatch\ did\ not\ take
        .*HTTP\ status\ 400,\ InvalidParameterValueException:\ as\ told/x
}), 'refused');

$cloud->answer();

my $n = $cloud->requests();
$t->reload();

my ($r);

sub data { return @{decode_json($_[0]->{body})->{MetricData}} }

ok($t->wait_for(sub {
    ($r) = grep { $_->{status} == 200 && data($_) == 2 } $cloud->requests();
}, 30), 'told of both') or diag(explain($cloud->requests()));

is(join(' ', grep { $_ } map { $_->{fault} } $cloud->requests()), '',
    'all are signed');
is($r->{method}, 'POST', 'method');
is($r->{headers}{'content-type'}, 'application/x-amz-json-1.0', 'type');
is($r->{headers}{'x-amz-target'},
    'GraniteServiceVersion20100801.PutMetricData', 'target');

my $body = decode_json($r->{body});
is($body->{Namespace}, 'My/Certificates', 'namespace');

my %days = map { ($_->{Dimensions}[0]{Value} => $_) } data($r);

for my $name (qw/ a b /) {
    my $c = $t->certificate("$name.example.com");
    my $d = $days{$c->{CertificateArn}};

    is($d->{MetricName}, 'DaysToExpiry', "$name: metric");
    is($d->{Dimensions}[0]{Name}, 'CertificateArn', "$name: dimension");
    cmp_ok(abs($d->{Value} - $c->{DaysLeft}), '<=', 1, "$name: days");
    cmp_ok(abs($d->{Timestamp} - time()), '<', 60, "$name: time");
    is($d->{Unit}, 'Count', "$name: unit");
}

# again and again

my $seen = $cloud->requests();
ok($t->wait_for(sub { $cloud->requests() > $seen }), 'told again');

like($t->http_get(8080, '/status/metrics'),
    qr/^acm_cloudwatch_last_success_timestamp_seconds [1-9]/m, 'metric');

# a clock that was ahead for a moment, in which it was told once

if ($clock) {
    my $now = $clock->now();

    $clock->set($now + 10 * 86400);
    ok($t->wait_for(sub {
        grep { $_->{status} == 200 && (data($_))[0]{Timestamp} > $now + 86400 }
            $cloud->requests();
    }), 'told, with a clock ahead');

    $clock->set(time());
    $seen = $cloud->requests();
    ok($t->wait_for(sub { $cloud->requests() > $seen + 1 }),
        'and again, when it is right');
}

# more than go into one request: the most that one may have, and the rest

SKIP: {
    skip('no fill, see util/build', 3) unless -x "$t->{out}/fill";

    is(system("$t->{out}/fill", "$t->{dir}/store", 0, 1200), 0, 'filled');

    my %told;
    ok($t->wait_for(sub {
        $told{scalar(data($_))} = 1
            for grep { $_->{status} == 200 } $cloud->requests();
        return $told{1000} && grep { $_ > 2 && $_ < 1000 } keys %told;
    }), 'told of all that are valid') or diag(explain(\%told), $t->tail('cloudwatch'));

    unlike($t->read_file('error.log'), qr/did not take metrics.*too big/,
        'at once');
}

# configuration

for my $bad (
    ['region=eu-west-1 credentials=%%DIR%%/aws', 'http://example.com/',
        'invalid URL'],
    ['region=eu-west-1', 'https://example.com/', 'needs "region="'],
    ['credentials=%%DIR%%/aws', 'https://example.com/', 'needs "region="'],
    ['region=eu-west-1 credentials=%%DIR%%/none', 'https://example.com/',
        'no such file'],
    ['region=eu-west-1 credentials=%%DIR%%/aws namespace=:a',
        'https://example.com/', 'invalid "namespace=:a"'],
    ['region=eu-west-1 credentials=%%DIR%%/aws every=0',
        'https://example.com/', 'invalid time'],
    ['region=eu-west-1 credentials=%%DIR%%/aws ever=1',
        'https://example.com/', 'invalid parameter "ever=1"'])
{
    my ($args, $url, $text) = @$bad;

    (my $c = $conf) =~ s/cloudwatch .*?;/cloudwatch $url $args;/s;
    $t->write_config($c, 'bad.conf');
    my ($rc, $out) = $t->nginx('-t', '-c', "$t->{dir}/bad.conf");
    isnt($rc, 0, $args);
    like($out, qr/\Q$text\E/, $text);
}

$t->finish();

done_testing();
