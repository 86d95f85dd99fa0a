#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# DNS on nginx's event loop, and the checks before an attempt, against a real
# name server.  A small module (t/dns/), built here, asks.

use warnings;
use strict;

use IO::Socket::INET;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Named;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};
my ($out) = $t->{module} =~ m{^(.*)/};

plan(skip_all => 'needs the module as a file') if $t->{module} eq 'static';
plan(skip_all => 'needs named') unless $Test::Nginx::Named::NAMED;
plan(skip_all => 'needs the tree the module was built in')
    unless -d "$out/nginx-src/src/core" && -d "$out/objs";

my @include = map { "-I$out/nginx-src/src/$_" }
    qw{ core event event/modules event/quic os/unix };

# two modules have tables of the same name
$ENV{ASAN_OPTIONS} = join(':', $ENV{ASAN_OPTIONS} || (),
    'detect_odr_violation=0') if $ENV{TEST_NGINX_PRELOAD};

my @san = $ENV{TEST_NGINX_PRELOAD} ? ('-fsanitize=address,undefined') : ();

is(system($ENV{CC} || 'cc', '-shared', '-fPIC', '-g', '-D_GNU_SOURCE', @san,
    @include, "-I$out/objs", '-o', "$dir/dns_test.so",
    "$FindBin::Bin/dns/ngx_acm_dns_test_module.c"), 0, 'test module built');

my $value = 'A' x 43;
my $big = join('', map { "big IN TXT \"" . ($_ x 45) . "\"\n" } 10 .. 45);

my $named = Test::Nginx::Named->new(zones => {
    'example.com' => <<"EOF",
\@            IN NS ns1
\@            IN NS ns2
ns1          IN A 127.0.0.1
ns2          IN A 127.0.0.1
\@            IN CAA 0 issue "other-ca.example.org"
ok           IN CAA 0 issue "ca.example.net"
deep.www     IN A 192.0.2.10
alias        IN CNAME deep.www
dangling     IN CNAME nothing
_acme-challenge.www IN CNAME abc.acm.example.net.
_acme-challenge.bad IN CNAME def.acm.example.net.
_acme-challenge.dead IN TXT "$value"
$big
EOF
    'acm.example.net' => <<"EOF",
\@            IN NS ns1.example.com.
abc          IN TXT "$value"
EOF
    'broken.example' => undef,
});

# answers nothing, ever
my $silent = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "no socket: $!";

my $port = $named->{port};
my $quiet = $silent->sockport();
my $closed = Test::Nginx::Port::free();
my $auth = "127.0.0.1:$port";
my $ca = 'ca.example.net';

my %want = (
    resolver => ["query resolver - example.com 257 5000",
        qr/: NOERROR, aa 1, tc 0, records \d+, short/],
    server => ["query server $auth abc.acm.example.net 16 5000",
        qr/: NOERROR, aa 1, tc 0, records 2, short/],
    nxdomain => ["query nxdomain $auth no.example.com 1 5000",
        qr/: NXDOMAIN, aa 1, tc 0, records 1, short/],
    servfail => ["query servfail $auth broken.example 1 5000",
        qr/: SERVFAIL, aa 0/],
    tcp => ["query tcp $auth big.example.com 16 5000",
        qr/: NOERROR, aa 1, tc 0, records 38, long/],
    silent => ["query silent 127.0.0.1:$quiet example.com 1 400",
        qr/: rc -11, timed out/],
    closed => ["query closed 127.0.0.1:$closed example.com 1 5000",
        qr/: rc -11, Could not contact DNS servers/],
    name => ["query name $auth a..b 1 5000", qr/: at once -1/],
    injected => ["query injected $auth,$auth example.com 1 5000",
        qr/: at once -1/],

    'caa-ok' => ["caa caa-ok sub.ok.example.com $ca", qr/: ok\. $/m],
    'caa-no' => ["caa caa-no deep.www.example.com $ca",
        qr/: no\. CAA set at "example.com" does not let the CA issue for
           [ ]"deep.www.example.com":.*names[ ]another[ ]CA;[ ]add:
           [ ]example.com.[ ]CAA[ ]0[ ]issue[ ]"ca.example.net"/x],
    'caa-fail' => ["caa caa-fail www.broken.example $ca",
        qr/: later\. CAA lookup failed at "www.broken.example": SERVFAIL/],

    'txt-ok' => ["txt txt-ok _acme-challenge.www.example.com "
        . "abc.acm.example.net $value $port", qr/: ok\. $/m],
    'txt-wait' => ["txt txt-wait _acme-challenge.bad.example.com "
        . "- $value $port", qr/: later\. name server "ns1.example.com" /],
    'txt-none' => ["txt txt-none _acme-challenge.x.example.com "
        . "abc.acm.example.net $value $port",
        qr/: no\. .* create "\S+ CNAME abc\.acm\.example\.net\."/],
    'txt-dead' => ["txt txt-dead _acme-challenge.dead.example.com "
        . "- $value $closed",
        qr/: no\. none of the 2 name servers of zone "example.com" /],

    'addr-ok' => ["addresses addr-ok alias.example.com", qr/: ok\. $/m],
    'addr-no' => ["addresses addr-no dangling.example.com",
        qr/: no\. "dangling.example.com" has no address: its CNAME leads /],
);

$want{'caa-no'}[1] = qr/: no\. CAA set at "example\.com" does not let the CA/;

# more than there are channels
for my $n (1 .. 40) {
    $want{"many$n"} = ["query many$n $auth ok.example.com 257 8000",
        qr/: NOERROR, aa 1, tc 0, records/];
}

my @lines = map { $want{$_}[0] } sort keys %want;

# these say nothing, and must not hurt
my @quiet = (
    'query gone1 - example.com 1 5000', "query gone2 $auth a.b 1 5000",
    'done gone3',
    "cancel gone4 $auth example.com 1 5000",
    'cancel gone5 - example.com 1 5000',
    "cancel gone6 127.0.0.1:$quiet example.com 1 300",
    "drop gone7 _acme-challenge.www.example.com - $value $port",
);

my $tests = join('', map { s/(\S+)/"$1"/gr . ";\n" }
    map { "acm_dns_test $_" } @quiet, @lines);
$tests =~ s/"acm_dns_test"/acm_dns_test/g;

# the harness puts other ports where it sees 127.0.0.1:port
$t->write_file('tests.conf', $tests);
$t->write_file('resolver.conf', "resolver $auth;\n");

$t->write_config(<<'EOF');
%%GLOBALS%%
load_module %%DIR%%/dns_test.so;
worker_processes 1;
include %%DIR%%/tests.conf;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    include %%DIR%%/resolver.conf;
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8080; }
}
EOF

$t->run();

my $log;

$t->wait_for(sub {
    $log = $t->read_file('error.log');
    return !grep { $log !~ /dns test \Q$_\E: / } keys %want;
}, 60);

for my $name (sort keys %want) {
    my @said = $log =~ /(dns test \Q$name\E: [^\n]*\n)/g;

    is(scalar(@said), 1, "$name: said once");
    like($said[0] // '', $want{$name}[1], $name);
}

unlike($log, qr/dns test gone/, 'what was cancelled said nothing');

# the listening one and nginx's own channel

my ($worker) = $t->workers();
my $sockets = sub {
    return scalar(grep { (readlink($_) || '') =~ /^socket:/ }
        glob("/proc/$worker/fd/*"));
};

ok($t->wait_for(sub { $sockets->() <= 3 }), 'no sockets are left')
    or diag($sockets->());

$t->finish();

done_testing();
