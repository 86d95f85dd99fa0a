#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Metrics: the text, what is counted, /healthz, certificates from files, a
# helper that hangs, the rules for alerts.

use warnings;
use strict;

use Test::More;

use FindBin;
use JSON::PP;
use POSIX;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

# Debian's package prometheus

my ($promtool) = grep { -x } map { "$_/promtool" }
    split(/:/, $ENV{PATH} || '');

my ($crt, $key) = $t->self_signed('files', 'files.example.com');

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
    . "-nodes -keyout $t->{dir}/old.key -out $t->{dir}/old.crt "
    . "-subj '/O=Quote \"and\" comma/CN=old.example.com' "
    . "-days 1 >/dev/null 2>&1") == 0 or die 'openssl req';

# nearly all of its life is over

system("openssl x509 -in $t->{dir}/old.crt -signkey $t->{dir}/old.key "
    . "-days 0 -out $t->{dir}/old.crt.new >/dev/null 2>&1") == 0
    or die 'openssl x509';
rename("$t->{dir}/old.crt.new", "$t->{dir}/old.crt");

my $conf = <<"EOC";
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    cache 2;
    helper_timeout 3s;
    event_sink file:%%DIR%%/events name=file;
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8443 ssl; server_name a.example.com;
        acm_certificate auto; }
    server { listen 127.0.0.1:8443 ssl; server_name *.wild.example.com;
        acm_certificate auto; }
    server { listen 127.0.0.1:8444 ssl; acm_certificate sni; }
    server { listen 127.0.0.1:8445 ssl; acm_certificate sni fallback=reject; }
    server { listen 127.0.0.1:8446 ssl; server_name files.example.com;
        ssl_certificate $crt; ssl_certificate_key $key; }
    server { listen 127.0.0.1:8446 ssl; server_name more.example.com;
        ssl_certificate $crt; ssl_certificate_key $key; }
    server { listen 127.0.0.1:8447 ssl; server_name old.example.com;
        ssl_certificate $t->{dir}/old.crt;
        ssl_certificate_key $t->{dir}/old.key; }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
        location /few { acm_status metrics=1; }
        location = /healthz { acm_status; }
    }
}
EOC

$t->write_config($conf)->run();

ok($t->wait_issued('a.example.com'), 'issued');
ok($t->wait_issued('*.wild.example.com'), 'wildcard issued');

sub http {
    my ($uri, $accept) = @_;

    my $s = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1:' . $t->port(8080)) or return '';

    print $s "GET $uri HTTP/1.0\r\nHost: localhost\r\n"
        . (defined $accept ? "Accept: $accept\r\n" : '') . "\r\n";

    local $/;
    return scalar(<$s>) // '';
}

sub metrics {
    my ($uri, $accept) = @_;

    my ($text) = http($uri || '/status/metrics', $accept)
        =~ /\r\n\r\n(.*)/s;
    return $text // '';
}

sub value {
    my ($name) = @_;

    return metrics() =~ /^\Q$name\E (\S+)$/m ? $1 : undef;
}

# who gets it

my $open = 'application/openmetrics-text;version=1.0.0,text/plain;'
    . 'version=0.0.4;q=0.5,*/*;q=0.1';

like(http('/status/metrics'), qr/^HTTP\S+ 200.*plain; version=0.0.4/s,
    'sub-path');
like(http('/status?format=prometheus'), qr/version=0.0.4.*acm_helper_up/s,
    'argument');
like(http('/status', 'text/plain;version=0.0.4'),
    qr/version=0.0.4.*acm_helper_up/s, 'accepted');
like(http('/status', $open), qr/openmetrics-text; version=1.0.0.*# EOF\n$/s,
    'OpenMetrics');
like(http('/status?format=openmetrics'), qr/# EOF\n$/s,
    'OpenMetrics by argument');
like(http('/status', 'text/html,*/*'), qr/^HTTP\S+ 200(?!.*acm_helper_up)/s,
    'a browser does not');
like(http('/status', '*/*'), qr/application\/json/, 'nor does curl');

# all lines are of a form that every reader takes

my $text = metrics();

is(join("\n", grep { !/^(?:\#\ (?:HELP|TYPE)\ acm_\w+\ .+
    |acm_\w+(?:\{(?:\w+="(?:[^"\\]|\\[\\"n])*",?)+\})?\ [-+0-9.]+)$/x }
    split(/\n/, $text)), '', 'form');

my %seen;
is(join("\n", grep { /^# TYPE/ && $seen{$_}++ } split(/\n/, $text)), '',
    'no family twice');

my $doc = Test::Nginx::ACM::slurp("$FindBin::Bin/../README.md");

is(join("\n", grep { $doc !~ /^\|[^|]*`\Q$_\E`[^|]*\|/m }
    $text =~ /^# TYPE (\S+)/mg), '', 'README.md describes all');

SKIP: {
    skip 'no promtool: apt-get install prometheus', 1 unless $promtool;

    $t->write_file('metrics', $text);
    is(`$promtool check metrics < $t->{dir}/metrics 2>&1`, '',
        'promtool check metrics');
}

# the census

ok($t->wait_for(sub {
    (value('acm_certificates{type="PRIVATE",status="ISSUED"}') // 0) == 2
}), 'certificates are counted') or diag(metrics());

is(value('acm_certificates_overdue'), 0, 'none is overdue');
is(value('acm_store_up'), 1, 'store is up');
is(value('acm_helper_up'), 1, 'helper is up');
is(value('acm_helper_locked'), 1, 'helper has the lock');
cmp_ok(value('acm_store_used_bytes'), '>', 0, 'octets used');
cmp_ok(value('acm_store_commit_duration_seconds_count'), '>', 1, 'commits');
cmp_ok(value('acm_store_commit_duration_seconds_sum'), '>', 0, 'took time');
is(value('acm_certificates_issued_total{issuer="internal",'
    . 'reason="request"}'), 2, 'issued');

# handshakes

sub served { value("acm_handshakes_total{result=\"$_[0]\"}") }

$t->handshake(8443, 'a.example.com') for 1 .. 3;
$t->handshake(8443, 'b.wild.example.com');
$t->handshake(8443, undef);
$t->handshake(8444, 'nowhere.example.com');
$t->handshake(8445, 'nowhere.example.com');

is(served('exact'), 3, 'exact');
is(served('wildcard'), 1, 'wildcard');
is(served('default'), 1, 'default');
is(served('fallback'), 1, 'fallback');
is(served('rejected'), 1, 'rejected');
is(served('alpn_challenge'), 0, 'no challenge');

my $s = $t->status();
is($s->{Handshakes}{Fallbacks}, 2, 'the same in JSON');
is($s->{Handshakes}{CacheHits}, value('acm_cache_hits_total'), 'hits');
is($s->{Handshakes}{CacheMisses}, value('acm_cache_misses_total'), 'misses');

for my $n (1 .. 8) {
    $t->handshake(8443, "n$n.wild.example.com");
}

cmp_ok(value('acm_cache_evictions_total'), '>', 0, 'evictions');

# each certificate

my $c = $t->certificate('a.example.com');
my ($uuid) = $c->{CertificateArn} =~ /([^\/]+)$/;
my $labels = "{id=\"$uuid\",domain=\"a.example.com\",type=\"PRIVATE\","
    . 'issuer="internal",source="store"}';

for (['not_before', 'NotBefore'], ['not_after', 'NotAfter'],
    ['renewal', 'NextStepAt'])
{
    my ($name, $member) = @$_;
    my $at = value("acm_certificate_${name}_timestamp_seconds$labels") // 0;

    is(POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime($at)), $c->{$member},
        $name);
}

is(value("acm_certificate_info{id=\"$uuid\",arn=\"$c->{CertificateArn}\","
    . 'domain="a.example.com",type="PRIVATE",issuer="internal",'
    . 'status="ISSUED",key_algorithm="EC-prime256v1",source="store"}'), 1,
    'info');
is(value('acm_certificates_left_out'), 0, 'none is left out');

my $few = metrics('/few/metrics');
my @rows = $few =~ /^acm_certificate_not_after\S+source="store"/mg;
is(scalar(@rows), 1, 'bounded');
like($few, qr/^acm_certificates_left_out 1$/m, 'one is left out');

# certificates from files

my ($static) = grep { ($_->{File} // '') eq $crt }
    @{$s->{StaticCertificates}};

is(scalar(@{$s->{StaticCertificates}}), 2, 'two from files');
is_deeply($static->{ServerNames}, ['files.example.com', 'more.example.com'],
    'its servers');
like($static->{Sha256}, qr/^[0-9a-f]{64}$/, 'hash');
is($static->{Sha256}, lc(`openssl x509 -in $crt -outform DER \\
    | openssl dgst -sha256 -r | cut -c1-64 | tr -d '\\n'`), 'of the file');
is($static->{Subject}, 'CN=files.example.com', 'subject');
is($static->{DaysLeft}, 29, 'days left');

like($text, qr/^acm_certificate_not_after_timestamp_seconds
    \{id="\Q$static->{Sha256}\E",domain="files.example.com",type="STATIC",
    issuer="CN=files.example.com",source="static"\}\ \d+$/mx,
    'its metric');
like($text, qr/issuer="CN=old.example.com,O=Quote \\\\\\"and\\\\\\" comma"/,
    'escaped');

my $log = $t->read_file('error.log');
like($log, qr/\[warn\].*"\Q$t->{dir}\E\/old.crt" \(.*\) expire[sd]/,
    'told of the old one');
unlike($log, qr/\[warn\].*files\.crt/, 'and not of the other');

# health

like(http('/status/healthz'), qr/^HTTP\S+ 200.*\r\n\r\nok\n$/s, 'healthy');
like(http('/healthz'), qr/^HTTP\S+ 200.*\r\n\r\nok\n$/s,
    'a location of its own');

# counters outlive a reload

my $helper = ($t->helpers())[0];
my @workers = $t->workers();

$t->reload();
ok($t->wait_for(sub {
    my ($h) = $t->helpers();
    my @w = $t->workers();
    $h && $h != $helper && @w == 2 && !(grep { $_ == $workers[0] } @w)
        && $t->status()->{Helper}{Pid} == $h
}), 'reloaded');

is(served('exact'), 3, 'counters are still there');

# a helper that hangs

$helper = ($t->helpers())[0];
kill('STOP', $helper);

ok($t->wait_for(sub {
    $t->read_file('error.log') =~ /\[error\].*helper process $helper has been/
}, 30), 'told that it hangs');

is(value('acm_helper_up'), 0, 'helper is down');
is(value('acm_helper_outages_total'), 1, 'outage is counted');
$s = $t->status();
ok(!$s->{Helper}{Up}, 'down in JSON');
ok(!$s->{Helper}{Locked}, 'and not locked');
like(http('/status/healthz'), qr/^HTTP\S+ 503.*\r\n\r\nthe helper process /s,
    'not healthy');

kill('CONT', $helper);

ok($t->wait_for(sub {
    $t->read_file('error.log') =~ /\[notice\].*helper process $helper is back/
}, 30), 'told that it is back');

ok($t->wait_for(sub { $t->status()->{Helper}{Locked} }), 'locked again');
is(value('acm_helper_up'), 1, 'helper is up again');
like(http('/status/healthz'), qr/^HTTP\S+ 200/, 'healthy again');

my @told = $t->read_file('error.log') =~ /(has been silent)/g;
is(scalar(@told), 1, 'told once');

# wrong parameters

for my $bad (qw/ metrics=x metrics=-1 metrics=100001 metric=1 /) {
    (my $c = $conf) =~ s/metrics=1;/$bad;/;
    $t->write_config($c, 'bad.conf');
    my ($rc, $out) = $t->nginx('-t', '-c', "$t->{dir}/bad.conf");
    isnt($rc, 0, $bad);
    like($out, qr/"$bad"/, "$bad is named");
}

# every metric that rules and dashboard speak of is there

my $util = "$FindBin::Bin/../util";
my %have = map { $_ => 1 } $text =~ /^(acm_\w+)/mg;

for my $file ('prometheus/acm.rules.yml', 'grafana/acm.json') {
    open(my $fh, '<', "$util/$file") or die "$file: $!";
    my $body = do { local $/; <$fh> };

    eval { decode_json($body) } or fail("$file: $@") if $file =~ /json$/;

    # what begins with an order at a CA is in no store of this test

    is(join(' ', grep { !$have{$_} && !/^acm_order_duration_seconds/
        && !/^acm_rules/ }
        $body =~ /\b(acm_[a-z_]+)\b(?!\.)/g), '', "$file: metrics");
}

# the rules for alerts

SKIP: {
    skip 'no promtool: apt-get install prometheus', 2 unless $promtool;

    my $dir = "$util/prometheus";

    my $out = `$promtool check rules $dir/acm.rules.yml 2>&1`;
    is($?, 0, 'promtool check rules') or diag($out);

    $out = `cd $dir && $promtool test rules acm.test.yml 2>&1`;
    is($?, 0, 'promtool test rules') or diag($out);
}

$t->finish();

done_testing();
