#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# dns-01 in a little world of its own: a real name server delegates the
# validation zone to nginx, has CNAMEs to it, and takes updates.  The records
# that are missing are told to the letter; then they are made.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;
use Test::Nginx::Named;

plan(skip_all => 'needs named') unless $Test::Nginx::Named::NAMED;

# name servers are asked on port 53: nginx is one, and stands before BIND

my $addr = Test::Nginx::Named::free_address();
my $own = Test::Nginx::Named::free_address();

plan(skip_all => 'needs port 53 of 127.0.0.0/8') unless $addr && $own;

my $second = Test::Nginx::Named::free_address();
my $nobody = Test::Nginx::Named::free_address();
my $t = Test::Nginx::ACM->new();
my $key = "key \"acm\" { algorithm hmac-sha256; secret \""
    . 'dGhlIGtleSBvZiB0aGUgcmVjb3JkcyBvZiB0aGlzIHRlc3Q=' . "\"; };\n";

chmod(0600, $t->write_file('acm.tsig', $key));

my $ns = "@ IN NS ns\nns IN A $addr\n";
my %cname = ('wrong' => 'elsewhere.dns.test.');
my %end;
my $issuewild = ';';

sub zone {
    return $ns . join('', map { "_acme-challenge.$_ IN CNAME $cname{$_}\n" }
        sort keys %cname)
        . "wild IN CAA 0 issue \"ca.example\"\n"
        . "wild IN CAA 0 issuewild \"$issuewild\"\n"
        . "any IN A $addr\n" . chain(5) . chain(6);
}

# as many CNAMEs, with the one from _acme-challenge

sub chain {
    my ($n) = @_;

    my @to = ((map { "h$_.chain$n" } 2 .. $n - 1), $end{$n} || 'end');

    return join('', map { "h$_.chain$n IN CNAME $to[$_ - 1]\n" }
        1 .. $n - 1);
}

# two servers, of which one does not follow the other

my $lag = "@ IN NS ns\n@ IN NS ns2\nns IN A $addr\nns2 IN A $second\n";
my $secondary = Test::Nginx::Named->new(zones => { 'lag.test' => $lag });

my $named = Test::Nginx::Named->new(
    zones => {
        '.' => "acm-v.test. IN NS ns.acm-v.test.\nns.acm-v.test. IN A $own\n",
        'dns.test' => zone(),
        'upd.test' => $ns,
        'via.test' => $ns . "_acme-challenge.www IN CNAME "
            . "_acme-challenge.www.via.test.upd.test.\n",
        'strict.test' => $ns,
        'lag.test' => $lag,
        'lame.test' => "@ IN NS ns\nns IN A $nobody\n",
    },
    extra => $key,
    update => {
        'upd.test' => 'grant acm zonesub TXT;',
        'lag.test' => 'grant acm zonesub TXT;',
        'strict.test' => 'grant acm name _acme-challenge.no.strict.test TXT;',
    },
);

my $ca = Test::Nginx::FakeCA->new(config => { validation => 'real',
    dnsServers => ["127.0.0.1:$named->{port}"], checkCaa => JSON::PP::true,
    httpPort => $t->port(8081) });

my %names = (
    'one.dns.test' => '',
    'two.dns.test *.two.dns.test' => '',
    '*.wild.dns.test' => '',
    'wrong.dns.test' => '',
    'chain5.dns.test' => '',
    'chain6.dns.test' => '',
    'param.dns.test' => 'issuer=web validation=dns',
    'any.dns.test' => 'issuer=any',
    'www.upd.test *.www.upd.test' => '',
    'one.upd.test' => '',
    '*.one.upd.test' => '',
    'www.via.test' => '',
    'www.strict.test' => '',
    'blind.upd.test' => 'issuer=blind',
    'www.lame.test' => '',
    'www.lag.test' => '',
);

$t->raw(CA => $ca->url());
$t->raw(RESOLVER => "127.0.0.1:$named->{port}");
$t->raw(ADDR => $addr);
$t->raw(OWN => $own);
$t->raw(SECOND => $second);
$t->raw(SECONDARY => "127.0.0.1:$secondary->{port}");

sub config {
    $t->write_config(<<'EOF_CONF' . join('', map { <<"EOF_SERVER" } sort keys %names) . "}\n");
%%GLOBALS%%
%%STREAM%%
worker_processes 1;
events {}
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    resolver %%RESOLVER%%;
    validation_zone acm-v.test address=%%OWN%%;
    dns_update upd.test %%RESOLVER%% key=%%DIR%%/acm.tsig ttl=1;
    dns_update via.test %%RESOLVER%% key=%%DIR%%/acm.tsig via=upd.test;
    dns_update strict.test %%RESOLVER%% key=%%DIR%%/acm.tsig;
    issuer fake { acme %%CA%%; accept_terms on; challenge dns-01; retry 1s; }
    issuer web { acme %%CA%%; accept_terms on; challenge http-01; retry 1s; }
    dns_update lag.test %%RESOLVER%% key=%%DIR%%/acm.tsig;
    dns_update lame.test %%RESOLVER%% key=%%DIR%%/acm.tsig;
    issuer blind {
        acme %%CA%%; accept_terms on; challenge dns-01; retry 1s;
        preflight off;
    }
    issuer any {
        acme %%CA%%; accept_terms on; challenge dns-01 http-01; retry 1s;
    }
}
stream {
    server {
        listen %%OWN%%:53 udp; listen %%OWN%%:53; acm_dns; acm_dns_rate 0;
    }
    server { listen %%ADDR%%:53 udp; proxy_pass %%RESOLVER%%; proxy_responses 1; }
    server { listen %%ADDR%%:53; proxy_pass %%RESOLVER%%; }
    server {
        listen %%SECOND%%:53 udp; proxy_pass %%SECONDARY%%; proxy_responses 1;
    }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    server { listen 127.0.0.1:8081; }
EOF_CONF
    server {
        listen 127.0.0.1:8443 ssl;
        server_name $_;
        acm_certificate auto $names{$_};
    }
EOF_SERVER

    return;
}

config();
$t->run();

sub findings {
    my ($name) = @_;

    return join("\n", @{($t->certificate($name) || {})->{Findings} || []});
}

# how often the CA was asked for a certificate

sub orders {
    my ($name) = @_;

    return $ca->stats()->{names}{$name}{newOrder} || 0;
}

sub found {
    my ($name, $text, %opt) = @_;

    ok($t->wait_for(sub { index(findings($name), $text) >= 0 }, 30),
        "$name: finding") or diag("$name: " . findings($name) . "\n"
            . (($t->certificate($name) || {})->{LastError} // ''));
    is(orders($name), 0, "$name: the CA was not asked") unless $opt{asked};

    return;
}

sub issued {
    my ($name) = @_;

    ok($t->wait_issued($name, 40), "$name: issued") or diag(findings($name)
        . "\n" . (($t->certificate($name) || {})->{LastError} // ''));
    is(findings($name), '', "$name: no finding");

    return;
}

# what was put into a zone is taken out again

sub gone {
    my ($name) = @_;

    ok($t->wait_for(sub {
        return $named->dig("_acme-challenge.$name", 'TXT') eq '';
    }), "$name: the record is gone")
        or diag($named->dig("_acme-challenge.$name", 'TXT'));

    return;
}

# the record as acmctl has it, and the status page

sub record {
    my ($name) = @_;

    my ($rc, $out);

    # the store knows the zone when the helper works
    $t->wait_for(sub {
        ($rc, $out) = $t->acmctl('dns', $name);
        return $rc == 0;
    });
    is($rc, 0, "acmctl dns $name") or diag($out);
    chomp $out;

    return $out;
}

sub status_records {
    my ($name) = @_;

    return join("\n", map { "$_->{Name} $_->{Type} $_->{Value}" }
        @{($t->certificate($name) || {})->{DomainValidationRecords} || []});
}

# what is missing

my %record;

for my $name (qw/ one two wild wrong chain5 chain6 param /) {
    my $cert = ($name eq 'wild' ? '*.' : '') . "$name.dns.test";

    $record{$name} = record("$name.dns.test");
    like($record{$name}, qr/^_acme-challenge\.$name\.dns\.test\.\ CNAME
        \ [0-9a-f]{32}\.acm-v\.test\.$/x, "$name: a record");

    found($cert, "\"$record{$name}\"") unless $name =~ /^(?:one|chain)/;
    ok($t->wait_for(sub {
        return status_records($cert) =~ /^\Q$record{$name}\E$/m;
    }), "$name: the status has it") or diag(status_records($cert));
    ($cname{$name}) = $record{$name} =~ / (\S+)$/;
}

found('one.dns.test', 'one.dns.test: "_acme-challenge.one.dns.test" has no '
    . "CNAME record: create \"$record{one}\"");
found('wrong.dns.test', 'leads to "elsewhere.dns.test": change it to');
found('*.wild.dns.test', 'CAA set at "wild.dns.test" does not let the CA '
    . 'issue for "*.wild.dns.test": "wild.dns.test. CAA 0 issuewild ";"" '
    . 'allows no CA at all; add: wild.dns.test. CAA 0 issuewild "ca.example"');

# updates need nobody, but a policy that allows them

for my $name (qw/ www.upd.test one.upd.test *.one.upd.test www.via.test
    blind.upd.test /)
{
    issued($name);
    is(status_records($name), $name ne 'www.via.test' ? ''
        : '_acme-challenge.www.via.test. CNAME '
        . '_acme-challenge.www.via.test.upd.test.',
        "$name: the records that are needed");
}

for my $name (qw/ www.upd.test one.upd.test www.via.test.upd.test
    blind.upd.test /)
{
    gone($name);
}

found('www.strict.test', 'www.strict.test: update of zone "strict.test" at '
    . "127.0.0.1:$named->{port}: the server does not let key \"acm\" update "
    . 'this name (REFUSED): allow it, in BIND with "update-policy { grant acm '
    . 'name _acme-challenge.www.strict.test. TXT; };"', asked => 1);
found('www.lame.test', 'none of the 1 name servers of zone "lame.test" '
    . 'answered for "_acme-challenge.www.lame.test", "ns.lame.test" '
    . "($nobody)");

# every server must have it before the CA is told

ok($t->wait_for(sub {
    return $t->read_file('error.log') =~ /"www\.lag\.test"\ waits,\ the\ CA
        \ is\ told\ later:\ www\.lag\.test:\ name\ server\ "ns2\.lag\.test"
        \ \(\Q$second\E\)\ does\ not\ have\ "_acme-challenge\.www\.lag\.test\.
        \ TXT\ "[^"]+"",\ 1\ of\ 2\ do/x;
}), 'www.lag.test: waits');
is($ca->stats()->{names}{'www.lag.test'}{challenge}, undef,
    'www.lag.test: the CA is not told');
$secondary->zone('lag.test', $lag . $named->dig('_acme-challenge.www.lag.test',
    'TXT'));
issued('www.lag.test');
is(orders('www.lag.test'), 1, 'www.lag.test: ordered once');

# what cannot work is not insisted on if there is another way

issued('any.dns.test');

# the operator's work

@end{5, 6} = @cname{qw/ chain5 chain6 /};
@cname{qw/ chain5 chain6 /} = qw/ h1.chain5 h1.chain6 /;
$issuewild = 'ca.example';
$named->zone('dns.test', zone());

issued($_) for ('one.dns.test', 'two.dns.test', '*.wild.dns.test',
    'wrong.dns.test', 'chain5.dns.test', 'param.dns.test');
is(orders($_), 1, "$_: ordered once") for qw/ one.dns.test two.dns.test
    wrong.dns.test /;
is(join(' ', sort @{$t->certificate('two.dns.test')
    ->{SubjectAlternativeNames}}), '*.two.dns.test two.dns.test',
    'two.dns.test: both names');

found('chain6.dns.test', 'more than 5 CNAME records lead from '
    . '"_acme-challenge.chain6.dns.test" on');
$cname{chain6} = 'h2.chain6';
$named->zone('dns.test', zone());
issued('chain6.dns.test');

# the helper dies when all is proved: another one finds the records

my $crash = $ca->rule({ match => { endpoint => 'finalize',
    name => 'crash.upd.test', times => 1 }, action => { http => {
        status => 503, headers => { 'Retry-After' => '2' } } } });

$names{'crash.upd.test *.crash.upd.test'} = '';
config();
$t->reload();

ok($t->wait_for(sub {
    return (grep { $_->{id} eq $crash } @{$ca->rules()})[0]{fired};
}), 'crash.upd.test: proved');
is(() = $named->dig('_acme-challenge.crash.upd.test', 'TXT') =~ /TXT/g, 2,
    'crash.upd.test: two values');
kill('KILL', $t->helpers());
$t->allow(qr/cache manager process \d+ exited on signal 9/);

issued('crash.upd.test');
gone('crash.upd.test');

$t->finish();

done_testing();
