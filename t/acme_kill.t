#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The helper is killed at each message of an order: when the CA has it and
# has done nothing, and when the CA has done it and the answer is lost.  The
# next helper takes the order up, and every certificate is issued.
#
# A name is for one method, one message and one of both; each of them waits
# for its kill, so that one kill is enough for all.
#
# Environment:
#   ACM_KILL   "all": also orders of several names, and up to three kills for
#              each of them

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;

my $all = ($ENV{ACM_KILL} || '') eq 'all';

my $TRUE = JSON::PP::true;
my $STEPS = [qw/ newOrder authz challenge order finalize cert /];
my $MESSAGES = $all ? 30 : 18;
my $ORDERS = 8;         # as many as there are connections to a CA
my $PLACES = 7;         # of them for new names

my $t = Test::Nginx::ACM->new();

# both take their time, so that orders are asked for more than once

my %slow = (finalizeDelay => 0.03, validationDelay => 0.03);

my %ca = (
    real => Test::Nginx::FakeCA->new(config => { %slow,
        validation => 'real', httpPort => $t->port(8081),
        tlsPort => $t->port(8443) }),
    dns => Test::Nginx::FakeCA->new(config => { %slow }),
);

my %issuer = (http => 'real', 'tls-alpn' => 'real', dns => 'dns');

# CAs that lose one message each before there is an account

my %start = (
    directory => { endpoint => 'directory' },
    nonce => { endpoint => 'newNonce' },
    account => { endpoint => 'newAccount' },
    made => { endpoint => 'newAccount', process => $TRUE },
);

for my $id (keys %start) {
    $ca{$id} = Test::Nginx::FakeCA->new();
    lose($id, { endpoint => $start{$id}{endpoint} }, 1,
        $start{$id}{process});
}

# name => [issuer, method, names, what is killed]

my %names = map { ("$_.example.com" => [$_, 'http', ["$_.example.com"]]) }
    keys %start;

for my $method (keys %issuer) {
    for my $n (1 .. $MESSAGES) {
        for my $done (0, 1) {
            my $kills = $all ? 1 + $n % 3 : 1;
            my $name = "$method-$n-" . ($done ? 'done' : 'lost')
                . '.example.com';
            my @san = $all && $n % 2 ? ($name, "a.$name", "b.$name")
                : ($name);

            $names{$name} = [$issuer{$method}, $method, \@san, $n];
            lose($issuer{$method}, { endpoint => $STEPS, name => $name },
                [$n .. $n + $kills - 1], $done);
        }
    }
}

# The CA never answers these, with the work done or not.

sub lose {
    my ($id, $match, $nth, $done) = @_;

    $ca{$id}->rule({ match => { %$match, nth => $nth },
        action => { hang => $TRUE, $done ? (process => $TRUE) : () } });

    return;
}

$t->raw("CA-$_" => $ca{$_}->url()) for keys %ca;

my $issuers = join('', map { <<"EOF" } keys %ca);
    issuer $_ {
        acme %%CA-$_%%; accept_terms on; preflight off; orders $ORDERS; retry 1s;
    }
EOF

my $servers = join('', map { my $c = $names{$_}; <<"EOF" } sort keys %names);
    server {
        listen 127.0.0.1:8443 ssl;
        server_name @{$c->[2]};
        acm_certificate auto issuer=$c->[0] validation=$c->[1];
    }
EOF

$t->write_config(<<"EOF");
%%GLOBALS%%
%%STREAM%%
worker_processes 1;
events { worker_connections 2048; }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    validation_zone acm-v.example.net address=127.0.0.1;
    $issuers
}
stream { server { listen 127.0.0.1:8053 udp; acm_dns; } }
http {
    %%HTTP%%
    server_names_hash_bucket_size 128;
    server_names_hash_max_size 4096;
    server { listen 127.0.0.1:8081; }
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
    $servers
}
EOF

$t->run();

# Each CA has as many orders as there may be, or all that are left, and each
# of them waits for an answer that will not come.

my (%waits, %open, %fired, $kills);

sub look {
    my $s = $t->full_status();

    $open{$_} = 0 for keys %ca;

    for my $c (@{$s->{Certificates}}) {
        $open{$names{$c->{DomainName}}[0]}++ if $c->{Status} ne 'ISSUED';
    }

    for my $id (keys %ca) {
        $waits{$id} = 0;

        for my $rule (@{$ca{$id}->rules()}) {
            my $f = $fired{$id}{$rule->{match}{name} // ''} //= { n => 0 };

            $waits{$id} += $rule->{fired} - $f->{n};
            $f->{next} = $rule->{fired};
        }
    }

    return @{$s->{Certificates} || []} == keys %names;
}

sub ready {
    return look() && !grep {
        $waits{$_} < ($open{$_} < $PLACES ? $open{$_} : $PLACES)
    } keys %ca;
}

# One kill; false if there is nothing to kill.

sub round {
    ok($t->wait_for(\&ready, 30), "round $kills: all wait or are issued")
        or diag(join(', ', map { "$_: $waits{$_} of $open{$_} wait" }
            sort keys %ca));

    return 0 unless grep { $_ } values %open;

    my @old = $t->helpers();

    kill('KILL', @old);
    is(scalar(@old), 1, "round $kills: one helper, "
        . join(', ', map { "$_ $waits{$_}" } sort keys %ca) . ' wait');

    for my $f (map { values %$_ } values %fired) {
        $f->{n} = $f->{next};
    }

    return $t->wait_for(sub {
        my @new = $t->helpers();
        return @new == 1 && $new[0] != $old[0];
    });
}

for ($kills = 1; round(); $kills++) { last if $kills == 40 }

is(scalar(grep { $_->{Status} eq 'ISSUED' }
    @{$t->full_status()->{Certificates}}), scalar(keys %names),
    'all are issued') or diag(join("\n",
    map { "$_->{DomainName}: " . ($_->{LastError} // $_->{Status}) }
    grep { $_->{Status} ne 'ISSUED' }
    @{$t->full_status()->{Certificates}}));
cmp_ok($kills, '>', $all ? 3 : 1, 'killed ' . ($kills - 1));

# every message was there, and the last number is that of none

my %hit = map { my $f = $_; map { ($_ => $f->{$_}{n}) } keys %$f }
    values %fired;

for my $method (keys %issuer) {
    for my $state (qw/ lost done /) {
        my @hit = grep { $hit{"$method-$_-$state.example.com"} }
            (1 .. $MESSAGES);

        # polls come and go with the time it takes

        is_deeply([grep { $_ <= 7 } @hit], [1 .. 7],
            "$method, $state: killed at each message, "
            . scalar(@hit) . ' orders');
        cmp_ok($hit[-1], '<', $MESSAGES, "$method, $state: there are no more");
    }
}

is($fired{$_}{''}{n}, 1, "$_: killed") for sort keys %start;

# nothing was asked for too often

my $s = $t->full_status();

is_deeply([map { "$_->{DomainName} $_->{Version}" }
    grep { $_->{Version} != 1 } @{$s->{Certificates}}], [], 'each once');
is_deeply([map { "$_->{DomainName}: $_->{LastError}" }
    grep { defined $_->{LastError} } @{$s->{Certificates}}], [],
    'no attempt failed');

for my $id (sort keys %ca) {
    my $stats = $ca{$id}->stats();
    my $sets = $stats->{ordersPerSet};
    my $most = $all ? 4 : 2;

    is(scalar(@{$stats->{accounts}}), 1, "$id: one account");
    is_deeply([grep { $sets->{$_} > $most } sort keys %$sets], [],
        "$id: at most one order more");
    is_deeply([grep { $_ > 1 } values %{$stats->{certificatesPerSet}}], [],
        "$id: no certificate twice");
}

my ($rc, $out) = $t->acmctl('verify');

is($rc, 0, 'the store is sound') or diag($out);
is($s->{Store}{Entries}{order}, 0, 'no order left');
is($s->{Store}{Entries}{challenge}, 0, 'no answer left');

my $h = $t->handshake(8443, 'http-7-done.example.com',
    root => $ca{real}->root());
is($h->{verified}, 1, 'served') or diag($h->{text});

$t->allow(qr/cache manager process \d+ exited on signal 9/);
$t->finish();

done_testing();
