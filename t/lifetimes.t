#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Whole lives of certificates, on a clock that the test sets: renewals when
# they are documented; with the CA down, warnings at exactly 45, 30, 15, 7, 3
# and 1 days before the end, or as much nearer as a life is short, once each,
# whatever is reloaded and killed meanwhile; and all is well once it is back.
#
# Each length of life has an nginx, a CA and a clock of its own.  ACM_LIFE=all
# is five of them with 200 reloads and 200 kills each, and takes long.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw/ sleep time /;
use Time::Local qw/ timegm /;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::Nginx::ACM;
use Test::Nginx::Clock;
use Test::Nginx::FakeCA;

plan(skip_all => 'no libfaketime, or sanitizers')
    unless Test::Nginx::Clock->available();

my $all = ($ENV{ACM_LIFE} // '') eq 'all';
my @days = $all ? (395, 198, 90, 45, 6) : (90, 6);
my $chaos = $all ? 200 : 20;     # reloads, and as many kills
my $DAY = 86400;
my $LATE = 30;                   # seconds that a busy machine may be late

my $ACTION = 'ACM Certificate Renewal Action Required';
my $AVAILABLE = 'ACM Certificate Available';
my $EXPIRED = 'ACM Certificate Expired';
my $APPROACHING = 'ACM Certificate Approaching Expiration';
my $ALARM = 'ngx_acm Alarm';

my $seed = $ENV{ACM_SEED} // time() % 100000;
srand($seed);
note("ACM_SEED=$seed");

my @lives = map { life($_) } @days;

each_life(sub { $_[0]{t}->run() });
each_life(sub { ok(await($_[0], sub { version($_[0], 'www') >= 1
    && version($_[0], 'own') >= 1 }), "$_[0]{days} d: issued")
    or diag($_[0]{t}->tail('acm')) });

renewals($_) for 1 .. 3;
well();
outage($_) for 1 .. ($all ? 2 : 1);
expiry();

for my $l (@lives) {
    like($l->{t}->read_file('error.log'),
        qr/the clock jumped ahead by \d+ seconds/,
        "$l->{days} d: the log says why so much was due");

    my ($rc, $out) = $l->{t}->acmctl('verify');
    is($rc, 0, "$l->{days} d: store is sound") or diag($out);

    $l->{t}->finish();
    $l->{ca}->stop();
}

done_testing();


sub each_life { my ($code) = @_; $code->($_) for @lives; return }


sub life {
    my ($days) = @_;

    my $clock = Test::Nginx::Clock->new();
    my $ca = Test::Nginx::FakeCA->new(env => { $clock->environment() },
        config => { lifetime => $days * $DAY, renewalInfo => JSON::PP::false });
    my $t = Test::Nginx::ACM->new()->environment($clock->environment())
        ->raw(CA => $ca->url());

    # of processes that are killed
    $t->allow(qr/exited on signal 9/);

    mkdir("$t->{dir}/out");
    chmod(0777, "$t->{dir}/out");

    $t->write_config(<<"EOC");
%%GLOBALS%%
worker_processes 1;
events {}
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    event_sink file:%%DIR%%/out/events;
    issuer own { ca; lifetime ${days}d; }
    issuer fake {
        acme %%CA%%; accept_terms on; preflight off; challenge http-01;
    }
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate auto issuer=fake;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name own.example.com;
        acm_certificate auto issuer=own;
    }
}
EOC

    return { days => $days, clock => $clock, ca => $ca, t => $t };
}


# The record of a certificate, or an empty one while nginx is away.

sub cert {
    my ($l, $name) = @_;
    return $l->{t}->certificate("$name.example.com") || {};
}


sub version { my ($l, $name) = @_; return cert($l, $name)->{Version} || 0 }


sub seconds {
    my ($text) = @_;
    my ($y, $m, $d, $h, $min, $s) = ($text // '')
        =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/ or return 0;
    return timegm($s, $min, $h, $d, $m - 1, $y);
}


sub await {
    my ($l, $code) = @_;
    return $l->{t}->wait_for(sub { $code->($l) }, 60);
}


# Every event of a certificate, once: what comes twice has the same id.

sub events {
    my ($l, $name, $type) = @_;

    my $arn = $l->{arn}{$name} //= cert($l, $name)->{CertificateArn};
    my %seen;

    return grep { ($_->{resources}[0] // '') eq $arn
        && $_->{'detail-type'} eq $type && !$seen{$_->{id}}++ }
        map { decode_json($_) }
        split(/(?<=\n)/, $l->{t}->read_file('out/events') =~ s/[^\n]+\z//r);
}


# When it is to be renewed, as the README says.

sub documented {
    my ($c) = @_;

    my ($from, $to) = map { seconds($c->{$_}) } qw/ NotBefore NotAfter /;
    my $life = $to - $from;

    return $to - int($life / ($life < 10 * $DAY ? 2 : 3));
}


# One more life, of which a renewal is the end; the built-in CA's certificate
# is a little older, since its dates begin an hour ago.

sub renewals {
    my ($n) = @_;

    for my $name (qw/ own www /) {

        for my $l (@lives) {
            my $c = $l->{before} = cert($l, $name);

            is(seconds($c->{RenewAt}), documented($c), "$l->{days} d: $name "
                . "is to be renewed at $c->{RenewAt}");

            # the clock goes on from there to the moment itself
            $l->{clock}->set(seconds($c->{RenewAt}) - 2);
        }

        each_life(sub { renewed($_[0], $name, $n) });
    }

    return;
}


sub renewed {
    my ($l, $name, $n) = @_;

    my $old = $l->{before};

    ok(await($l, sub { version($l, $name) > $old->{Version} }),
        "$l->{days} d: $name renewed, $n") or diag($l->{t}->tail('acm'));

    my $c = cert($l, $name);
    my $late = seconds($c->{IssuedAt}) - seconds($old->{RenewAt});

    ok($late >= 0 && $late <= $LATE, "$l->{days} d: $late s late");
    is($c->{Version}, $old->{Version} + 1, "$l->{days} d: once");
    is($c->{CertificateArn}, $old->{CertificateArn}, 'same ARN');

    return;
}


# Nobody is told anything but that they are available.

sub well {
    for my $l (@lives) {
        for my $name (qw/ www own /) {
            ok(await($l, sub { events($l, $name, $AVAILABLE) >= 4 }),
                "$l->{days} d: $name: told of each version");
            is(scalar(events($l, $name, $_)), 0, "$l->{days} d: no \"$_\"")
                for $ACTION, $APPROACHING, $ALARM, $EXPIRED;
        }
    }

    return;
}


# [seconds before the end, its day count] of all warnings that a life has;
# what lies before the renewal and a tenth of the rest is silent.

sub rungs {
    my ($c) = @_;

    my $end = seconds($c->{NotAfter});
    my $life = $end - seconds($c->{NotBefore});
    my $quiet = int(($end - documented($c)) * 9 / 10);

    return map { [$_, int(($_ + $DAY - 1) / $DAY)] } grep { $_ <= $quiet }
        map { $life < 10 * $DAY ? int($_ * $DAY * $life / (90 * $DAY))
            : $_ * $DAY } (45, 30, 15, 7, 3, 1);
}


# The CA is away until the last warning is told, and then it is back.

sub outage {
    my ($n) = @_;

    # away in two ways: nobody there, or nobody at home
    for my $l (@lives) {
        $l->{refuses} = ($l->{days} + $n) % 2;
        away($l);

        $l->{cert} = cert($l, 'www');
        $l->{end} = seconds($l->{cert}{NotAfter});
        $l->{rungs} = [rungs($l->{cert})];
        $l->{told} = scalar(events($l, 'www', $ACTION));
        $l->{alarms} = scalar(events($l, 'www', $ALARM));
        $l->{clock}->set(seconds($l->{cert}{RenewAt}) - 2);
    }

    each_life(sub { ok(await($_[0], sub { cert($_[0], 'www')->{LastErrorAt}
        && seconds(cert($_[0], 'www')->{LastErrorAt})
            >= seconds($_[0]{cert}{RenewAt}) }),
        "$_[0]{days} d: the renewal fails") });

    # a tenth of what was left, later

    for my $l (@lives) {
        my $left = $l->{end} - seconds($l->{cert}{RenewAt});
        $l->{overdue} = $l->{end} - $left + int($left / 10);
        $l->{clock}->set($l->{overdue} - 2);
    }

    for my $l (@lives) {
        ok(await($l, sub {
            events($l, 'www', $ALARM) > $l->{alarms} }),
            "$l->{days} d: alarm");
        on_time($l, $ALARM, $l->{overdue}, 'RENEWAL_OVERDUE');
    }

    my ($most) = sort { $b <=> $a } map { scalar(@{$_->{rungs}}) } @lives;

    for my $i (0 .. $most - 1) {
        my @now = grep { $_->{rungs}[$i] } @lives;

        $_->{clock}->set($_->{end} - $_->{rungs}[$i][0] - 2) for @now;

        # as many for each rung, before and after it is told

        disturb(int($chaos / $most / 2 + 1), @now);

        for my $l (@now) {
            my ($before, $days) = @{$l->{rungs}[$i]};

            ok(await($l, sub {
                events($l, 'www', $ACTION) > $l->{told} }),
                "$l->{days} d: told, $before s before")
                or diag($l->{t}->tail('acm'));
            on_time($l, $ACTION, $l->{end} - $before, $days);
        }

        disturb(int($chaos / $most / 2 + 1), @now);

        for my $l (@now) {
            is(scalar(events($l, 'www', $ACTION)), ++$l->{told},
                "$l->{days} d: once");
            untried($l);
        }
    }

    is(scalar(events($_, 'www', $ALARM)), $_->{alarms} + 1,
        "$_->{days} d: one alarm") for @lives;

    back($_) for @lives;
    recovered();

    return;
}


# The last event of this type came at its time and says what it should.

sub on_time {
    my ($l, $type, $at, $what) = @_;

    my $e = (events($l, 'www', $type))[-1] or return;
    my $late = seconds($e->{time}) - $at;

    ok($late >= 0 && $late <= $LATE, "$l->{days} d: $late s late");
    is($e->{detail}{$type eq $ALARM ? 'Alarm' : 'DaysToExpiry'}, $what,
        "$l->{days} d: says $what");

    return;
}


# It is tried again before the certificate ends.

sub untried {
    my ($l) = @_;

    my $c;

    await($l, sub { $c = cert($l, 'www'); return $c->{NextStepAt} });
    cmp_ok(seconds($c->{NextStepAt}), '<', $l->{end},
        "$l->{days} d: to be tried in time");

    return;
}


sub away {
    my ($l) = @_;

    if ($l->{refuses}) {
        $l->{ca}->stop();

    } else {
        $l->{ca}->rule({ match => { endpoint => 'any' },
            action => { http => { status => 503 } } });
    }

    return;
}


sub back {
    my ($l) = @_;

    if ($l->{refuses}) {
        $l->{ca}->start();

    } else {
        $l->{ca}->clear();
    }

    return;
}


# From here on it is only time that is missing.

sub recovered {
    my (%opt) = @_;

    for my $l (@lives) {
        my $c;

        $l->{available} = scalar(events($l, 'www', $AVAILABLE));

        ok(await($l, sub {
            $c = cert($l, 'www');
            my $next = seconds($c->{NextStepAt} // '');

            $l->{clock}->set($next) if $next > $l->{clock}->now();

            return ($c->{Version} || 0) > $l->{cert}{Version};
        }), "$l->{days} d: renewed once the CA is back")
            or diag($l->{t}->tail('acm'));

        cmp_ok(seconds($c->{IssuedAt}), '<', $l->{end},
            "$l->{days} d: in time") unless $opt{late};
        ok(await($l, sub {
            events($l, 'www', $AVAILABLE) > $l->{available} }),
            "$l->{days} d: told that it is available");

        my $e = (events($l, 'www', $AVAILABLE))[-1];
        is($e->{detail}{Action}, 'RENEWAL', "$l->{days} d: by a renewal");
        is(scalar(events($l, 'www', $AVAILABLE)), $l->{available} + 1,
            "$l->{days} d: once");
    }

    return;
}


# So many reloads and kills, of the helper or of all of nginx, at random
# moments, and then all is up again.

sub disturb {
    my ($n, @who) = @_;

    for my $i (1 .. $n) {
        for my $l (@who) {
            my $t = $l->{t};

            $t->reload() if $t->pid();
            sleep(rand(0.15));

            if (++$l->{kills} % 10 == 0) {
                # what the master may just have started, too
                kill('KILL', $t->pid());
                $t->wait_for(sub {
                    my @left = $t->left_over() or return 1;
                    kill('KILL', @left);
                    return 0;
                });
                unlink("$t->{dir}/nginx.pid");
                $t->run();

            } else {
                kill('KILL', $t->helpers());
            }
        }
    }

    # a helper that works, and no older one that still ends

    ok(await($_, sub {
        my $l = $_[0];
        my $h = $l->{t}->status('?limit=1')->{Helper} || {};
        my @helpers = $l->{t}->helpers();

        return @helpers == 1 && ($h->{Pid} // 0) == $helpers[0]
            && $h->{LastTickAt};
    }), "$_->{days} d: up after $_->{kills} kills") for @who;

    return;
}


# A certificate that the CA lets end is told of, once, and comes back.

sub expiry {
    for my $l (@lives) {
        $l->{refuses} = 0;
        away($l);

        $l->{cert} = cert($l, 'www');
        $l->{end} = seconds($l->{cert}{NotAfter});
        $l->{clock}->set($l->{end} - 2);
    }

    for my $l (@lives) {
        ok(await($l, sub { events($l, 'www', $EXPIRED) >= 1 }),
            "$l->{days} d: told that it has expired");
        on_time_expired($l);
    }

    disturb(2, @lives);

    is(scalar(events($_, 'www', $EXPIRED)), 1, "$_->{days} d: once")
        for @lives;

    back($_) for @lives;
    recovered(late => 1);

    return;
}


sub on_time_expired {
    my ($l) = @_;

    my $late = seconds((events($l, 'www', $EXPIRED))[-1]{time}) - $l->{end};

    ok($late >= 0 && $late <= $LATE, "$l->{days} d: $late s late");

    return;
}
