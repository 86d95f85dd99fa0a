#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What is looked at before a CA is asked: addresses and CAA, in a real name
# server.  Whoever has to do something is told what, the CA is not bothered,
# and when it is done the certificate comes by itself.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;
use Test::Nginx::Named;

plan(skip_all => 'needs named') unless $Test::Nginx::Named::NAMED;

my $t = Test::Nginx::ACM->new();

# nobody listens here, on port 80 for one

my $addr = join('.', 127, map { 1 + int(rand(254)) } 1 .. 3);

# and here nginx does, if it may

my $here = Test::Nginx::Named::free_address(80);

# the zone, as a hash of records

my %zone = (
    'www.caa' => ["A $addr"],
    'caa' => ['CAA 0 issue "other.example"'],
    'two.caa' => ["A $addr"],
    'www.acct' => ["A $addr"],
    'late.acct' => ["A $addr"],
    'v6' => ['AAAA ::1'],
    'cname' => ['CNAME target'],
    'nobody' => ["A $addr", 'CAA 0 issue ";"'],
    'critical' => ["A $addr", 'CAA 128 future "x"'],
    'here' => ['A ' . ($here || '127.0.0.1')],
    (map { $_ => ["A $addr"] } qw/ good alpn limit off1 method /),
);

sub records {
    return join('', map { my $n = $_; map { "$n IN $_\n" } @{$zone{$n}} }
        sort keys %zone);
}

my $named = Test::Nginx::Named->new(zones => {
    'pre.test' => records(),
    'broken.test' => undef,
    '.' => "dead.test. IN NS ns.dead.test.\nns.dead.test. IN A $addr\n",
});

sub change {
    my (%new) = @_;

    $zone{$_} = $new{$_} for keys %new;
    $named->zone('pre.test', records());

    return;
}

my $ca = Test::Nginx::FakeCA->new(config => { validation => 'real',
    dnsServers => ["127.0.0.1:$named->{port}"], checkCaa => JSON::PP::true,
    httpPort => $t->port(8081), tlsPort => $t->port(8443) });

my $other = Test::Nginx::FakeCA->new(config => { validation => 'real',
    dnsServers => ["127.0.0.1:$named->{port}"], checkCaa => JSON::PP::true,
    httpPort => $t->port(8081), caaIdentities => ['other.example'] });

my @names = qw/ addr.pre.test www.caa.pre.test www.acct.pre.test v6.pre.test
    cname.pre.test nobody.pre.test critical.pre.test good.pre.test
    here.pre.test www.broken.test www.dead.test /;

$t->raw(CA => $ca->url());
$t->raw(OTHER => $other->url());
$t->raw(HERE => $here ? "listen $here:80;" : '');
$t->raw(RESOLVER => "127.0.0.1:$named->{port}");

sub config {
    my (@more) = @_;

    $t->write_config(<<'EOF_CONF' . join('', map { <<"EOF_SERVER" } @names, @more) . "}\n");
%%GLOBALS%%
worker_processes 1;
events {}
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    resolver %%RESOLVER%%;
    issuer fake { acme %%CA%%; accept_terms on; challenge http-01; retry 1s; }
    issuer other { acme %%OTHER%%; accept_terms on; challenge http-01; }
    issuer blind {
        acme %%CA%%; accept_terms on; challenge http-01; retry 1s;
        preflight off;
    }
    issuer slow {
        acme %%CA%%; accept_terms on; challenge http-01; retry 1s;
        rate account=1/1h;
    }
}
http {
    %%HTTP%%
    server_names_hash_bucket_size 128;
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    server { listen 127.0.0.1:8081; %%HERE%% }
EOF_CONF
    server {
        listen 127.0.0.1:8443 ssl;
        server_name @{[ (split(/ /, $_))[0] ]};
        acm_certificate auto @{[ (split(/ /, $_, 2))[1] || '' ]};
    }
EOF_SERVER

    return;
}

# the CA offers nothing else

$ca->rule({ match => { endpoint => 'newOrder', name => 'alpn.pre.test' },
    action => { challengeTypes => ['tls-alpn-01'] } });
$ca->rule({ match => { endpoint => 'newOrder', name => 'method.pre.test' },
    action => { challengeTypes => ['http-01'] } });

config('alpn.pre.test validation=tls-alpn', 'method.pre.test validation=http',
    'off.pre.test issuer=blind', 'limit1.pre.test issuer=slow',
    'two.caa.pre.test issuer=fake,other');
$t->run();

sub findings {
    my ($name) = @_;

    my $c = $t->certificate($name) || {};
    my $f = $c->{Findings} || [];

    return ref $f ? join("\n", @$f) : $f;
}

sub asked {
    my ($name) = @_;

    return $ca->stats()->{names}{$name};
}

sub found {
    my ($name, $text) = @_;

    ok($t->wait_for(sub { index(findings($name), $text) >= 0 }, 30),
        "$name: finding") or diag("$name: " . findings($name));
    like($t->certificate($name)->{LastError} // '',
        qr/^not asked for, as it would fail: .*\Q$text\E/s,
        "$name: the last error");
    is(asked($name), undef, "$name: the CA was not asked");

    return;
}

sub issued {
    my ($name) = @_;

    ok($t->wait_issued($name, 40), "$name: issued") or diag(findings($name)
        . ' ' . ($t->certificate($name)->{LastError} // ''));
    is(findings($name), '', "$name: no finding");

    return;
}

# nothing stands in the way: at once, though others fail

for my $name (qw/ good.pre.test here.pre.test v6.pre.test alpn.pre.test method.pre.test
    off.pre.test /)
{
    issued($name);
}

is($t->certificate('good.pre.test')->{Attempts}, 0, 'at the first attempt');

# one CA may not, the next one may

issued('two.caa.pre.test');
is(asked('two.caa.pre.test'), undef, 'two.caa.pre.test: not by the first CA');
is($t->certificate('two.caa.pre.test')->{IssuedBy}, 'other',
    'two.caa.pre.test: by the second');

# what fails, and what to do

found('addr.pre.test', 'addr.pre.test: "addr.pre.test" has no address: '
    . 'create an A record, "addr.pre.test. A <address of this server>"');
found('www.caa.pre.test', 'www.caa.pre.test: CAA set at "caa.pre.test" does '
    . 'not let the CA issue for "www.caa.pre.test": "caa.pre.test. CAA 0 '
    . 'issue "other.example"" names another CA; add: caa.pre.test. CAA 0 '
    . 'issue "ca.example"');
found('cname.pre.test', '"cname.pre.test" has no address: its CNAME leads to '
    . '"target.pre.test", which has none');
found('nobody.pre.test', 'allows no CA at all');
found('critical.pre.test', 'critical.pre.test. CAA 128 future');

# of nobody's making: looked at again, with the resolver named

for my $name ('www.broken.test', 'www.dead.test') {
    found($name, "CAA lookup failed at \"$name\": SERVFAIL");
}

# what was missing is there now

change(addr => ["A $addr"], caa => ['CAA 0 issue "other.example"',
    'CAA 0 issue "ca.example"'], target => ['AAAA ::1'],
    nobody => ["A $addr"], critical => ["A $addr"]);
$named->zone('broken.test', "www IN A $addr\n");

for my $name (map { "$_.pre.test" } qw/ addr www.caa cname nobody critical /)
{
    issued($name);
    is(asked($name)->{newOrder}, 1, "$name: ordered once");
}

issued('www.broken.test');

# our own limit is for orders, not for looks

found('limit1.pre.test', 'has no address');
ok($t->wait_for(sub {
    my $n = () = $t->read_file('error.log')
        =~ /for "limit1\.pre\.test" failed/g;
    return $n > 2;
}), 'limit1.pre.test: looked at again and again');
change(limit1 => ["A $addr"]);
issued('limit1.pre.test');

# port 80 cannot be reached from here: said, and no more

my $log = $t->read_file('error.log');

like($log, qr/\[info\].*: "good\.pre\.test": port 80 is not reached from here/,
    'port 80: said');
like($log, qr/"good\.pre\.test": .*\Q$addr\E port 80/,
    'port 80: of the address that the resolver gave');

SKIP: {
    skip('needs port 80 of 127.0.0.0/8', 2) unless $here;

    my $n = () = $log =~ /challenge "[^"]+" answered.* host: "here\.pre\.test"/g;

    is($n, 2, 'port 80: asked by us, and by the CA');
    unlike($log, qr/"here\.pre\.test": port 80/, 'port 80: nothing to say');
}

unlike($log, qr/acm: "off\.pre\.test": port 80/, 'without preflight: not');
is(findings('www.dead.test') =~ /SERVFAIL/, 1, 'www.dead.test: still so');

# CAA for one account, ours or another's; known by a new helper too

my $account = $t->status()->{Issuers}[0]{Account};

like($account, qr/^http/, 'the account is known');
change(acct => ["CAA 0 issue \"ca.example; accounturi=$account/no\""]);
push @names, 'late.acct.pre.test';
config('limit1.pre.test issuer=slow');
$t->reload();
found('late.acct.pre.test', "is for another account; add: acct.pre.test. CAA "
    . "0 issue \"ca.example; accounturi=$account\"");
change(acct => ["CAA 0 issue \"ca.example; accounturi=$account\""]);
issued('late.acct.pre.test');

$t->finish();

done_testing();
