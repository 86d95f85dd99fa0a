#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# dns-account-01 and dns-persist-01, with a real name server: the records that
# are missing are told to the letter, in the finding, in the status and by
# acmctl; then they are made, and the CA looks at them.

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

my $t = Test::Nginx::ACM->new();
my $key = "key \"acm\" { algorithm hmac-sha256; secret \""
    . 'dGhlIGtleSBvZiB0aGUgcmVjb3JkcyBvZiB0aGlzIHRlc3Q=' . "\"; };\n";

chmod(0600, $t->write_file('acm.tsig', $key));

my $ns = "@ IN NS ns\nns IN A $addr\n";
my $named = Test::Nginx::Named->new(
    zones => {
        '.' => "acm-v.test. IN NS ns.acm-v.test.\nns.acm-v.test. IN A $own\n",
        'dns.test' => $ns,
        'upd.test' => $ns,
    },
    extra => $key,
    update => { 'upd.test' => 'grant acm zonesub TXT;' },
);

my $methods = [qw/ http-01 dns-01 dns-account-01 dns-persist-01 /];
my %config = (validation => 'real', challengeTypes => $methods,
    dnsServers => ["127.0.0.1:$named->{port}"], checkCaa => JSON::PP::true);
my $ca = Test::Nginx::FakeCA->new(config => \%config);

# its directory has no name for records: only the challenge has one

my $mute = Test::Nginx::FakeCA->new(config => \%config);

$mute->rule({ match => { endpoint => 'directory' },
    action => { unset => ['meta'] } });

# lives of certificates are short: renewal needs nothing new

my %names = (
    'acct.dns.test *.acct.dns.test' => 'issuer=account',
    'www.upd.test *.www.upd.test' => 'issuer=account',
    'keep.dns.test' => 'issuer=persist',
    'wild.dns.test *.wild.dns.test' => 'issuer=persist',
    'mute.dns.test' => 'issuer=mute',
    'two.dns.test' => 'issuer=persist,account',
);

$t->raw(CA => $ca->url());
$t->raw(MUTE => $mute->url());
$t->raw(RESOLVER => "127.0.0.1:$named->{port}");
$t->raw(ADDR => $addr);
$t->raw(OWN => $own);

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
    issuer account {
        acme %%CA%%; accept_terms on; challenge dns-account-01; retry 1s;
    }
    issuer persist {
        acme %%CA%%; accept_terms on; challenge dns-persist-01; retry 1s;
    }
    issuer mute {
        acme %%MUTE%%; accept_terms on; challenge dns-persist-01; retry 1s;
    }
}
stream {
    server {
        listen %%OWN%%:53 udp; listen %%OWN%%:53; acm_dns; acm_dns_rate 0;
    }
    server { listen %%ADDR%%:53 udp; proxy_pass %%RESOLVER%%; proxy_responses 1; }
    server { listen %%ADDR%%:53; proxy_pass %%RESOLVER%%; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
EOF_CONF
    server {
        listen 127.0.0.1:8443 ssl;
        server_name $_;
        acm_certificate auto $names{$_};
    }
EOF_SERVER

$t->run();

sub findings {
    my ($name) = @_;

    return join("\n", @{($t->certificate($name) || {})->{Findings} || []});
}

sub why {
    my ($name) = @_;

    return findings($name) . "\n"
        . (($t->certificate($name) || {})->{LastError} // '');
}

sub orders {
    my ($name, $at) = @_;

    return ($at || $ca)->stats()->{names}{$name}{newOrder} || 0;
}

sub found {
    my ($name, $text) = @_;

    ok($t->wait_for(sub { index(findings($name), $text) >= 0 }, 30),
        "$name: finding") or diag("$name: " . why($name));

    return;
}

sub issued {
    my ($name) = @_;

    ok($t->wait_issued($name, 40), "$name: issued") or diag(why($name));
    is(findings($name), '', "$name: no finding");

    return;
}

sub status_records {
    my ($name) = @_;

    return map { "$_->{Name} $_->{Type} " . ($_->{Type} eq 'TXT'
        ? "\"$_->{Value}\"" : $_->{Value}) }
        @{($t->certificate($name) || {})->{DomainValidationRecords} || []};
}

# the accounts are made before anything is looked at

my %url;

ok($t->wait_for(sub {
    %url = map { $_->{Name} => $_->{Account} }
        @{$t->status()->{Issuers} || []};
    return 3 == grep { defined $url{$_} } qw/ account persist mute /;
}), 'accounts');

my $label = `printf %s '$url{account}' | openssl dgst -sha256 -binary |
    head -c 10 | base32 | tr A-Z a-z`;

chomp($label);
like($label, qr/^[a-z2-7]{16}$/, 'label of the account');

sub persist {
    my ($name, $of, $wild) = @_;

    return "_validation-persist.$name. TXT \"ca.example; accounturi=$url{$of}"
        . ($wild ? '; policy=wildcard' : '') . '"';
}

# what is missing

my ($rc, $out) = $t->acmctl('dns', 'acct.dns.test');
my ($cname) = $out =~ /^(_\Q$label\E\._acme-challenge\.acct\.dns\.test\.
    \ CNAME\ [0-9a-f]{32}\.acm-v\.test\.)$/mx;

is($rc, 0, 'acmctl dns');
ok($cname, 'acmctl: record of the account') or diag($out);
$cname //= '';
like($out, qr/^\Q${\persist('acct.dns.test', 'persist')}\E$/m,
    'acmctl: record that stays');

($rc, $out) = $t->acmctl('dns', '*.wild.dns.test');
like($out, qr/^\Q${\persist('wild.dns.test', 'persist', 1)}\E$/m,
    'acmctl: record that stays, of a wildcard') or diag($out);

($rc, $out) = $t->acmctl('dns');
is($rc, 0, 'acmctl dns of all');
like($out, qr/^\Q$_\E$/m, "acmctl: all: $_") for
    $cname, persist('acct.dns.test', 'persist'),
    persist('wild.dns.test', 'persist');

found('acct.dns.test', "acct.dns.test: \"_$label._acme-challenge."
    . "acct.dns.test\" has no CNAME record: create \"$cname\"");
found('keep.dns.test', 'keep.dns.test: no TXT record of '
    . '"_validation-persist.keep.dns.test" lets the CA issue for our account: '
    . 'create "' . persist('keep.dns.test', 'persist') . '"');
found('wild.dns.test', 'lets the CA issue for our account, and wildcards: '
    . 'create "' . persist('wild.dns.test', 'persist', 1) . '"');
found('mute.dns.test', 'create "' . persist('mute.dns.test', 'mute') . '"');

is(orders($_), 0, "$_: the CA was not asked") for qw/ acct.dns.test
    keep.dns.test wild.dns.test /;
cmp_ok(orders('mute.dns.test', $mute), '>', 0, 'mute.dns.test: ordered');
is($mute->stats()->{names}{'mute.dns.test'}{challenge}, undef,
    'mute.dns.test: the CA was not told to look');

# a copy whose keys of accounts were changed: one is found

($rc, $out) = $t->acmctl('verify');
is($rc, 0, 'verify') or diag($out);
($rc, $out) = $t->acmctl('backup', "$t->{dir}/copy");
is($rc, 0, 'a copy') or diag($out);
is(system("$t->{out}/spoil", "$t->{dir}/copy", 'seal:account'), 0, 'spoilt');

($rc, $out) = $t->acmctl('--store', "$t->{dir}/copy", 'verify');
is($rc, 1, 'verify of the copy');
like($out, qr/account at issuer "\w+", .* key version 1: .* 1 faults$/s, 'told')
    or diag($out);

# one that is damaged: the others are listed, and it can be got rid of

sub copy { return $t->acmctl('--store', "$t->{dir}/hurt", @_) }

($rc, $out) = $t->acmctl('backup', "$t->{dir}/hurt");
is($rc, 0, 'another copy') or diag($out);

my $data = Test::Nginx::ACM::slurp("$t->{dir}/hurt/data.mdb");
ok($data =~ s/(\Q$url{account}\E)/'!' x length($1)/ge, 'an account is damaged');
$t->write_file('hurt/data.mdb', $data);

($rc, $out) = copy('account', 'list');
is($rc, 1, 'damaged: list');
is(join(' ', $out =~ /^(\w+)$/mg), 'mute persist', 'damaged: the others');
like($out, qr/issuer "account" cannot be read: .*"acmctl account forget account"/,
    'damaged: told') or diag($out);
is((copy('account', 'rollover', 'persist'))[0], 0, 'damaged: another rolls over');
($rc, $out) = copy('account', 'rollover', 'account');
is($rc, 1, 'damaged: it does not');
like($out, qr/account forget account/, 'damaged: what to do');
is((copy('account', 'forget', 'accoun'))[0], 1, 'damaged: forget no other');
($rc, $out) = copy('account', 'forget', 'account');
is($rc, 0, 'damaged: forget') or diag($out);
($rc, $out) = copy('account', 'list');
is($rc, 0, 'forgotten: list');
is(join(' ', $out =~ /^(\w+)$/mg), 'mute persist', 'forgotten');
is((copy('account', 'forget', 'account'))[0], 1, 'forgotten: it is gone');

my @records = status_records('acct.dns.test');

is_deeply([sort @records], [$cname, $cname], 'status: CNAME')
    or diag(explain(\@records));
is_deeply([status_records('keep.dns.test')],
    [persist('keep.dns.test', 'persist')], 'status: TXT');
is_deeply([status_records('wild.dns.test')],
    [(persist('wild.dns.test', 'persist', 1)) x 2], 'status: both names');
is_deeply([map { s/ CNAME \K[0-9a-f]+/LABEL/r } status_records('two.dns.test')],
    [persist('two.dns.test', 'persist'), "_$label._acme-challenge.two.dns.test."
    . ' CNAME LABEL.acm-v.test.'], 'status: of two issuers');

# updates need nobody

issued('www.upd.test');
ok($t->wait_for(sub {
    return $named->dig("_$label._acme-challenge.www.upd.test", 'TXT') eq '';
}), 'www.upd.test: the record is gone');

# the operator's work, at first without the policy

my $zone = $ns . "$cname\n" . join("\n", persist('keep.dns.test', 'persist'),
    persist('wild.dns.test', 'persist'), persist('mute.dns.test', 'mute'),
    persist('two.dns.test', 'persist')) . "\n";

$named->zone('dns.test', $zone);

issued($_) for qw/ acct.dns.test keep.dns.test mute.dns.test two.dns.test /;
is(orders($_), 1, "$_: ordered once") for qw/ acct.dns.test keep.dns.test /;
found('wild.dns.test', 'create "' . persist('wild.dns.test', 'persist', 1)
    . '"');
is(orders('wild.dns.test'), 0, 'wild.dns.test: the CA was not asked');

# what is short-lived now is renewed soon

$_->config({ lifetime => 12, renewalInfo => JSON::PP::false })
    for $ca, $mute;
$named->zone('dns.test', $zone . persist('wild.dns.test', 'persist', 1)
    . "\n");
issued('wild.dns.test');
is(join(' ', sort @{$t->certificate('wild.dns.test')
    ->{SubjectAlternativeNames}}), '*.wild.dns.test wild.dns.test',
    'wild.dns.test: both names');

ok($t->wait_for(sub {
    return ($ca->stats()->{names}{'wild.dns.test'}{certificates} || 0) > 1;
}, 40), 'wild.dns.test: renewed') or diag(why('wild.dns.test'));
is(findings('wild.dns.test'), '', 'wild.dns.test: no finding');

$t->finish();

done_testing();
