#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Renewal windows of the CA (RFC 9773), with certificates that live forty
# seconds: what six days are to a real one.  Each name has a fate of its own.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw/ time /;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;

my $TRUE = JSON::PP::true;
my $LIFE = 40;
my $HALF = $LIFE / 2;       # when it is renewed if the CA has no wish

# name => its window, as in the CA's settings

my %windows = (
    six => { startFrac => 0.5, endFrac => 0.6 },
    moved => { startFrac => 0.7, endFrac => 0.8 },
    retry => { startFrac => 0.7, endFrac => 0.8 },
    later => { startIn => 10 * 365 * 86400, endIn => 11 * 365 * 86400 },
    endless => { startIn => 1e9, endIn => 2e9 },
    wide => { startFrac => 0.9, endFrac => 1000 },
    point => { startFrac => 0.6, endFrac => 0.6 },
    turned => { startFrac => 0.9, endFrac => 0.2 },
    replaced => { startFrac => 0.3, endFrac => 0.4 },
    lost => { startFrac => 0.3, endFrac => 0.4 },
);

# name => what happens to its questions

my %faults = (
    status => { http => { status => 500 } },
    missing => { problem => { type => 'malformed', status => 404 } },
    html => { http => { status => 200, body => '<html>',
        headers => { 'Content-Type' => 'text/html' } } },
    json => { badJson => $TRUE },
    empty => { unset => ['suggestedWindow'] },
    text => { set => { suggestedWindow => { start => 'soon', end => 'x' } } },
    hang => { hang => $TRUE },
    closed => { close => $TRUE },
);

my @names = sort keys %windows, keys %faults;

sub full { return "$_[0].example.com" }

my $ca = Test::Nginx::FakeCA->new(config => {
    profiles => { short => { lifetime => $LIFE } }, ariRetryAfter => 2,
    ariExplanation => 'https://ca.example/why',
    ariWindows => { map { (full($_) => $windows{$_}) } keys %windows } });

$ca->rule({ match => { endpoint => 'renewalInfo', name => full($_) },
    action => $faults{$_} }) for keys %faults;
$ca->rule({ match => { endpoint => 'renewalInfo', name => full('retry') },
    action => { headers => { 'Retry-After' => '6' } } });

# one is told so, and with one the answer is lost, so that it is so

$ca->rule({ match => { endpoint => 'newOrder', name => full('replaced'),
    nth => 2 }, action => { problem => { type => 'alreadyReplaced',
    status => 409, detail => 'said so' } } });
$ca->rule({ match => { endpoint => 'newOrder', name => full('lost'),
    nth => 2 }, action => { close => $TRUE, process => $TRUE } });

my $t = Test::Nginx::ACM->new()->raw(CA => $ca->url());

$t->write_config(<<'EOF' . join('', map { <<"EOS" } @names) . "}\n");
%%GLOBALS%%
worker_processes 1;
events {}
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer fake {
        acme %%CA%%; accept_terms on; preflight off; challenge http-01;
        profile short; retry 1s;
    }
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
EOF
    server {
        listen 127.0.0.1:8443 ssl;
        server_name $_.example.com;
        acm_certificate auto;
    }
EOS

$t->run();

my $s;

sub versions {
    my ($n) = @_;

    $s = $t->full_status();
    return @names == grep { $_->{Version} >= $n && $_->{Status} eq 'ISSUED' }
        @{$s->{Certificates}};
}

ok($t->wait_for(sub { versions(1) }), 'all issued') or diag($t->tail('acm'));

# the window moves to now while the certificate lives

$windows{moved} = { startIn => 0, endIn => 1 };
windows();

sub windows {
    $ca->config({ ariWindows => { map { (full($_) => $windows{$_}) }
        keys %windows } });
    return;
}

my $begin = time();

ok($t->wait_for(sub {
    return ($t->certificate(full('moved')) || {})->{Version} >= 2;
}, $HALF), 'moved: renewed') or diag($t->tail('moved'));
cmp_ok(time() - $begin, '<', $HALF - 2, 'moved: at once');
my $why = 'https://ca\.example/why';

like($t->tail(full('moved')),
    qr/suggests renewal between \S+ and \S+, see $why/,
    'moved: the log says why');

$windows{moved} = { startFrac => 0.7, endFrac => 0.8 };
windows();

# all are renewed, and none of them expires

my $expired = '';

ok($t->wait_for(sub {
    my $done = versions(2);

    # two seconds are left to the widest, which a busy machine may need

    for (@{$s->{Certificates}}) {
        my $least = $_->{DomainName} eq full('wide') ? -5 : 0;
        $expired = $_->{DomainName} if $_->{SecondsLeft} <= $least;
    }

    return $done;
}, 2 * $LIFE), 'all renewed');

is($expired, '', 'none has expired') or diag($t->tail($expired));
is($t->tail('failed, attempt'), '', 'no order failed');

# what the CA saw

my $stats = $ca->stats();
my (%orders, %certs);

push @{$orders{$_->{names}[0]}}, $_ for @{$stats->{orders}};
push @{$certs{$_->{names}[0]}}, $_ for @{$stats->{certificates}};

# The second order: when it came, of the life of the first certificate.

sub second {
    my ($name) = @_;

    my $cert = $certs{full($name)}[0];

    return ($orders{full($name)}[1]{created} - $cert->{from})
        / ($LIFE * 1000);
}

sub within {
    my ($name, $from, $to, $what) = @_;

    my $at = second($name);

    ok($at >= $from - 0.03 && $at <= $to + 0.1,
        sprintf('%s: %s, at %.2f', $name, $what, $at));

    return;
}

within('six', 0.5, 0.6, 'in its window');
within('retry', 0.7, 0.8, 'in its window');
within('wide', 0.9, 0.95, 'before it is too late');
within('later', 0.5, 0.5, 'not in years');
within('endless', 0.5, 0.5, 'not in decades');
within('turned', 0.5, 0.5, 'a window that ends before it begins is none');
within('point', 0.5, 0.5, 'a window without width is none');

# a question that is not answered ends after some seconds

within($_, 0.5, $_ eq 'hang' ? 0.8 : 0.5, 'without an answer as ever')
    for sort keys %faults;

for my $name (grep { !/^(replaced|lost)$/ } @names) {
    is($orders{full($name)}[1]{replaces}, $certs{full($name)}[0]{ariId},
        "$name: the order says what it replaces");
}

is($orders{full('replaced')}[1]{replaces}, undef,
    'replaced already: ordered without');
is($stats->{problems}{alreadyReplaced}, 2, 'the CA said that twice');
is($orders{full('lost')}[2]{replaces}, undef, 'lost: ordered without');

# asked when the CA wants it, and not in a loop

sub asked {
    my ($name) = @_;

    return map { $_->{t} } grep { $_->{endpoint} eq 'renewalInfo'
        && $_->{names}[0] eq full($name) } @{$stats->{log}};
}

sub gaps {
    my ($name) = @_;

    my $end = $certs{full($name)}[1]{from};
    my @at = grep { $_ < $end } asked($name);

    return map { sprintf('%.1f', ($at[$_] - $at[$_ - 1]) / 1000) }
        1 .. $#at;
}

my @gaps = gaps('retry');

cmp_ok(scalar(@gaps), '>=', 2, 'retry: asked again');
is(scalar(grep { $_ < 5 || $_ > 9 } @gaps), 0, "retry: as it was told: @gaps");
@gaps = gaps('six');
is(scalar(grep { $_ < 0.9 || $_ > 5 } @gaps), 0, "six: the same: @gaps");

for my $name (sort keys %faults) {
    my @asked = asked($name);

    cmp_ok(scalar(@asked), '>=', 1, "$name: asked");
    cmp_ok(scalar(@asked), '<=', 24, "$name: not in a loop, " . @asked);
}

# the newest one is served

my $h = $t->handshake(8443, full('six'), root => $ca->root());

is($h->{verified}, 1, 'served');

my ($rc, $out) = $t->acmctl('verify');
is($rc, 0, 'store is sound') or diag($out);

$t->finish();

done_testing();
