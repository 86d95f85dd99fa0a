#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What an issuer's directives do at a CA, and several issuers in order.

use warnings;
use strict;

use Encode qw/ decode_utf8 /;
use MIME::Base64 qw/ encode_base64url /;
use Test::More;
use Time::HiRes qw/ time /;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;

my $TRUE = JSON::PP::true;

my $t = Test::Nginx::ACM->new();
my $mac = encode_base64url('k' x 32);

my %short = (profiles => { short => { lifetime => 20 },
    classic => {}, shortlived => { lifetime => 6 * 86400 } });

my %ca = (
    a => Test::Nginx::FakeCA->new(config => { %short }),
    b => Test::Nginx::FakeCA->new(config => { %short }),
    main => Test::Nginx::FakeCA->new(),
    stage => Test::Nginx::FakeCA->new(),
    eab => Test::Nginx::FakeCA->new(config => {
        externalAccountRequired => $TRUE, eabKeys => { kid => $mac } }),
    tls => Test::Nginx::FakeCA->new(tls => 1),
    busy => Test::Nginx::FakeCA->new(config => { validationDelay => 0.2 }),
);

$t->raw("CA-$_" => $ca{$_}->url()) for keys %ca;
$t->raw(ROOT => $ca{tls}->root())->raw(OTHER => $ca{main}->root());

my $eab = $t->write_file('eab.key', "$mac\n");
my $wrong = $t->write_file('wrong.key', encode_base64url('w' x 32) . "\n");

chmod(0600, $eab, $wrong);

# issuer => [CA, directives]

my %issuers = (
    a => ['a', 'profile short;'],
    b => ['b', 'profile short;'],
    staged => ['main', 'staging %%CA-stage%%;'],
    chain => ['main', 'preferred_chain "Fake Root 2";'],
    nochain => ['main', 'preferred_chain "Fake Root 9";'],
    profile => ['main', 'profile shortlived;'],
    noprofile => ['main', 'profile gone;'],
    bound => ['eab', "eab kid $eab;"],
    wrong => ['eab', "eab kid $wrong;"],
    unknown => ['eab', "eab nobody $eab;"],
    unbound => ['eab', ''],
    rsa => ['main', 'account_key rsa:2048;'],
    p384 => ['main', 'account_key ecdsa:384;'],
    origin => ['main', 'same_origin on;'],
    tls => ['tls', 'trusted_certificate %%ROOT%%;'],
    badroot => ['tls', 'trusted_certificate %%OTHER%%;'],
    contact => ['main', 'contact %%CONTACT%%;'],
    rate => ['busy', 'rate account=2/10s;'],
    orders => ['busy', 'orders 2;'],
);

$t->raw(CONTACT => 'mailto:one@example.com');

# name => [arguments of acm_certificate]

my %names = (
    'default.test' => '', 'turned.test' => 'issuer=b,a',
    'other.test' => 'issuer=noprofile,profile',
    (map { ("$_.test" => "issuer=$_") } grep { !/^(a|b|rate|orders)$/ }
        keys %issuers),
    (map { ("rate$_.test" => 'issuer=rate') } 1 .. 4),
    (map { ("orders$_.test" => 'issuer=orders') } 1 .. 8),
    'two.test' => 'issuer=profile key=rsa:2048,ecdsa:256',
    'ip.test' => '127.0.0.1 ::1 issuer=profile',
    'idn.test' => "b\xc3\xbccher.test issuer=profile",
);

sub config {
    my $conf = "%%GLOBALS%%\nevents {}\nacm {\n"
        . "store %%DIR%%/store; master_key %%DIR%%/acm.key;\n"
        . "default_issuer a b;\n";

    for my $name (sort keys %issuers) {
        my ($ca, $more) = @{$issuers{$name}};
        $conf .= "issuer $name { acme %%CA-$ca%%; accept_terms on; "
            . "preflight off; retry 1s 2s; $more }\n";
    }

    $conf .= "}\nhttp {\n%%HTTP%%\nserver { listen 127.0.0.1:8080; "
        . "location /status { acm_status; } }\n";

    for my $name (sort keys %names) {
        my $names = $names{$name} =~ /^(?:issuer|$)/ ? $name : '';
        $conf .= "server { listen 127.0.0.1:8443 ssl; server_name $name; "
            . "acm_certificate auto $names $names{$name}; }\n";
    }

    return $t->write_config("$conf}\n");
}

sub log_has {
    my ($re, $what) = @_;

    return ok($t->wait_for(sub { $t->read_file('error.log') =~ $re }, 20),
        $what) || diag($t->tail('[warn]'));
}

sub issued {
    my ($name, $what) = @_;

    my $c = $t->wait_issued($name, 60);

    ok($c, $what || "$name: issued") || diag($t->tail($name));

    return $c;
}

sub orders {
    my ($id, $name) = @_;

    return grep { $_->{names}[0] eq $name } @{$ca{$id}->stats()->{orders}};
}

# the name fails once, and once at the staging directory

for my $id (qw/ main stage /) {
    $ca{$id}->rule({ match => { endpoint => 'challenge',
        name => 'staged.test', times => 1 }, action => { authzError => {
            type => 'unauthorized', detail => "not at $id" } } });
}

$ca{main}->rule({ match => { endpoint => 'newOrder', name => 'origin.test',
    times => 1 }, action => { invalidUrl => { field => 'authorizations',
    url => 'http://127.0.0.2:' . $ca{main}->port() . '/x' } } });

my $from = time();

$ca{a}->stop();
config();
$t->run();

# one after the other

issued('default.test', 'a is down: issued');
is(scalar(orders('b', 'default.test')), 1, 'a is down: by b');
issued('turned.test', 'b first: issued');
is(scalar(orders('b', 'turned.test')), 1, 'b first: by b');
$ca{a}->start();

issued('other.test', 'no such profile: the next issuer');

# staging

issued('staged.test');
my @at = map { [$_->{created}, $_->{status}] } orders('main', 'staged.test');
my @stage = map { [$_->{created}, $_->{status}] }
    orders('stage', 'staged.test');

is_deeply([map { $_->[1] } @at], [qw/ invalid valid /], 'staging: in earnest '
    . 'twice');
is_deeply([map { $_->[1] } @stage], [qw/ invalid valid /],
    'staging: until it worked');
ok(@at == 2 && @stage == 2 && $at[0][0] < $stage[0][0]
    && $stage[1][0] < $at[1][0], 'staging: between them');
is($t->certificate('staged.test')->{Version}, 1, 'staging: no version of it');

my $h = $t->handshake(8443, 'staged.test', root => $ca{main}->root());
is($h->{verified}, 1, 'staging: not served');
log_has(qr/"staged.test" works at the staging directory/, 'staging: told');

# profiles, chains

issued('profile.test');
is((orders('main', 'profile.test'))[0]{profile}, 'shortlived',
    'profile: asked for');
is($t->certificate('profile.test')->{DaysLeft}, 5, 'profile: obeyed');
log_has(qr/"noprofile.test" failed .*"gone" is not offered.*"profile" that/,
    'profile: refused');

issued("$_.test") for qw/ chain nochain /;
$h = $t->handshake(8443, 'chain.test', root => $ca{main}->root(1));
is($h->{verified}, 1, 'chain: the other one');
$h = $t->handshake(8443, 'chain.test', root => $ca{main}->root());
is($h->{verified}, 0, 'chain: not the first one');
$h = $t->handshake(8443, 'nochain.test', root => $ca{main}->root());
is($h->{verified}, 1, 'chain: the first one if it is not there');

# external accounts

issued('bound.test');
log_has(qr/"wrong.test" failed .*(?:binding|EAB)/i, 'eab: wrong key');
log_has(qr/"unknown.test" failed .*(?:binding|kid|EAB)/i, 'eab: unknown id');
log_has(qr/"unbound.test" failed .*set "eab"/, 'eab: required');
is(scalar(@{$ca{eab}->stats()->{accounts}}), 1, 'eab: one account');
is($ca{eab}->stats()->{accounts}[0]{eabKid}, 'kid', 'eab: bound');

# TLS, addresses

issued('tls.test');
log_has(qr/"badroot.test" failed .*certificate that does not hold/,
    'tls: another root');
log_has(qr/"origin.test" failed .*origin/i, 'same_origin: refused');
issued('origin.test', 'same_origin: issued later');

# keys

issued("$_.test") for qw/ rsa p384 contact two /;

my ($rc, $out) = $t->acmctl('account', 'list');

like($out, qr/^rsa\n(?:  .*\n)*?  key +rsa:2048,/m, 'account_key: RSA');
like($out, qr/^p384\n(?:  .*\n)*?  key +ecdsa:384,/m,
    'account_key: P-384');
is(join(' ', sort map { $_->{KeyAlgorithm} } grep {
    $_->{DomainName} eq 'two.test' && $_->{Status} eq 'ISSUED' }
    @{$t->full_status()->{Certificates}}),
    'EC-prime256v1 RSA-2048', 'two keys: two certificates');

# other names

issued('127.0.0.1', 'addresses: issued');
is_deeply([map { $_->{names} } orders('main', '127.0.0.1')],
    [['127.0.0.1', '::1']], 'addresses: asked for');
issued('xn--bcher-kva.test', 'IDN: issued');

# limits of our own

issued("rate$_.test") for 1 .. 4;
@at = sort { $a <=> $b } map { (orders('busy', "rate$_.test"))[0]{created} }
    1 .. 4;

# two at once and five seconds for each other, counted in whole ones from
# before the first is sent, which may take long

cmp_ok($at[2] / 1000 - $from, '>', 4, 'rate: the third later');
cmp_ok($at[3] / 1000 - $from, '>', 9, 'rate: the fourth still later');

issued("orders$_.test") for 1 .. 8;

my (%begin, %end, @moves);

for my $e (@{$ca{busy}->stats()->{log}}) {
    my ($name) = grep { /^orders/ } @{$e->{names} || []} or next;

    $begin{$name} = $e->{t} if $e->{endpoint} eq 'newOrder';
    $end{$name} = $e->{t} if $e->{endpoint} eq 'cert';
}

push @moves, [$begin{$_}, 1], [$end{$_}, -1] for keys %begin;

my ($now, $most) = (0, 0);

for (sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @moves) {
    $now += $_->[1];
    $most = $now if $now > $most;
}

is($most, 2, 'orders: two at a time');

# a renewal begins with the first issuer again

ok($t->wait_for(sub { orders('a', 'default.test') }, 30),
    'a is up: renewed there') or diag($t->tail('default.test'));

# contacts, and a new key of the account; a change is told with what is next

sub accounts {
    my ($id) = @_;

    return sort { $a->{id} cmp $b->{id} } @{$ca{$id}->stats()->{accounts}};
}

my ($before) = accounts('eab');
my @main = accounts('main');

is(join(' ', map { @{$_->{contact}} } @main), 'mailto:one@example.com',
    'contact: of one account');

is(($t->acmctl('account', 'rollover', 'bound'))[0], 0, 'rollover: wanted');
log_has(qr/issuer "bound": the account has a new key/, 'rollover: done');

my ($after) = accounts('eab');

is($after->{id}, $before->{id}, 'rollover: the same account');
isnt($after->{thumbprint}, $before->{thumbprint}, 'rollover: another key');

$t->raw(CONTACT => 'mailto:two@example.com');
$names{'rolled.test'} = 'issuer=bound';
$names{'contact2.test'} = 'issuer=contact';
config();
$t->reload();
issued($_) for qw/ rolled.test contact2.test /;
ok($t->wait_for(sub { grep { "@{$_->{contact}}" eq 'mailto:two@example.com' }
    accounts('main') }, 5), 'contact: changed');
my @later = accounts('main');
is(scalar(@later), scalar(@main), 'contact: no other account');

# contacts that the CA does not want stop nothing

$t->raw(CONTACT => 'tel:110');
$names{'contact3.test'} = 'issuer=contact';
config();
$t->reload();
issued('contact3.test', 'contact: refused, and issued');
log_has(qr/issuer "contact": the contacts stay .*"tel:110".*"contact"/,
    'contact: says why');

# the end of an account, and another one

is(($t->acmctl('account', 'deactivate', 'bound'))[0], 0,
    'deactivate: wanted');
log_has(qr/issuer "bound": the account was deactivated/, 'deactivate: done');
is((accounts('eab'))[0]{status}, 'deactivated', 'deactivate: at the CA');

$names{'dead.test'} = 'issuer=bound';
config();
$t->reload();
log_has(qr/"dead.test" failed .*"acmctl account forget bound"/,
    'deactivate: what to do');
is(($t->acmctl('account', 'forget', 'bound'))[0], 0, 'forget');

$names{'alive.test'} = 'issuer=bound';
config();
$t->reload();
issued('alive.test', 'forget: issued with another account');

@later = accounts('eab');
is(scalar(@later), 2, 'forget: another account');

($rc, $out) = $t->acmctl('account', 'rollover', 'nobody');
is($rc, 1, 'rollover of no account') or diag($out);
like($out, qr/no account at issuer "nobody"/, 'rollover: says so');

# files that are no keys, or are everybody's

sub refused {
    my ($directive, $re, $what) = @_;

    local $issuers{bound} = ['eab', $directive];

    config();
    my ($rc, $out) = $t->nginx('-t');

    ok($rc != 0, "$what: refused");
    like($out, $re, "$what: says why");

    return;
}

refused("eab kid $t->{dir}/none.key;", qr/none\.key" failed/, 'eab: no file');
refused('eab kid ' . $t->write_file('bad.key', "no key!\n") . ';',
    qr/bad\.key" holds no key in base64url/, 'eab: no key');
refused("trusted_certificate $t->{dir}/none.pem;", qr/none\.pem" failed/,
    'no root');

$t->raw(CONTACT => 'mailto:one@example.com');
chmod(0644, $eab);
config();
($rc, $out) = $t->nginx('-t');
is($rc, 0, 'eab: an open file');
like($out, qr/mode 644 of "\Q$eab\E" lets others at the key/,
    'eab: an open file is told');
chmod(0600, $eab);
unlike(($t->nginx('-t'))[1], qr/lets others/, 'eab: a closed one is not');

($rc, $out) = $t->acmctl('verify');
is($rc, 0, 'store is sound') or diag($out);

$t->finish();

done_testing();
