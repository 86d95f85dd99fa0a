#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What workers keep in memory: its bounds, that each worker sees a change at
# its next handshake, names that have no certificate.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $NAMES = 10;
my $CACHE = 4;
my $SIZE = 4 * 1024 * 1024;

my $t = Test::Nginx::ACM->new();

my $conf = <<"EOF";
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    cache $CACHE size=4m;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl reuseport;
        acm_certificate sni fallback=reject;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->write_config($conf);
$t->run();

ok($t->wait_for(sub { $t->status()->{Helper}{Locked} }), 'helper works');

my (%serial, %arn, %wrong);

sub import_name {
    my ($name, @arn) = @_;

    my ($crt, $key) = $t->self_signed('pair', $name);
    my ($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key,
        map { ('--arn', $_) } @arn);

    $rc == 0 or die "import of $name: $out";
    ($arn{$name}) = $out =~ /(arn:\S+)/ unless @arn;
    $serial{$name} = $t->serial($t->read_file('pair.crt'));

    return;
}

# whether a handshake gets what was imported last, or nothing if there is none

sub right {
    my ($name) = @_;

    my $r = $t->handshake(8443, $name);
    my $got = $r->{pem} ? $t->serial($r->{pem}) : '';

    return 1 if $got eq ($serial{$name} // '');

    $wrong{$name}++;
    return 0;
}

sub metric {
    my ($name) = @_;

    my $body = $t->http_get(8080, '/status?format=prometheus');
    my ($value) = $body =~ /^\Q$name\E ([\d.e+]+)$/m;

    return $value // die "no $name in $body";
}

# so many handshakes that both workers have had some of them

sub all_right { return !grep { !right($_[0]) } 1 .. 12 }

sub bounded {
    my ($what) = @_;

    cmp_ok(metric('acm_cache_names'), '<=', 2 * $CACHE, "names, $what");
    cmp_ok(metric('acm_cache_bytes'), '<=', 2 * $SIZE, "octets, $what");

    return;
}

sub name { return sprintf('n%02d.example.com', $_[0]) }

import_name(name($_)) for 0 .. $NAMES - 1;

# bounds

right(name($_)) for 0 .. $CACHE - 1;
bounded('as many as fit');
cmp_ok(metric('acm_cache_names'), '>=', $CACHE, 'all of them are there');

right(name($_)) for 0 .. $CACHE;
bounded('one more');

right(name($_)) for 0 .. $NAMES - 1;
bounded('many more');
cmp_ok(metric('acm_cache_evictions_total'), '>', 0, 'evictions');
like(metric('acm_cache_disk_waits_total'), qr/^\d/, 'waits for the disk');

# each worker serves a new version, and forgets what is deleted, at once

for my $round (1 .. 2) {
    import_name(name(0), $arn{name(0)});
    ok(all_right(name(0)), "version $round");
}

is(($t->acmctl('delete', $arn{name(0)}))[0], 0, 'delete');
delete $serial{name(0)};
ok(all_right(name(0)), 'a deleted one is not served');

# what is committed beside that, such as an event, sends no worker to the store

ok($t->wait_for(sub {
    all_right(name(1));

    my $misses = metric('acm_cache_misses_total');
    my $generation = $t->status()->{Store}{Generation};

    is(($t->acmctl('events', 'test'))[0], 0, 'an event');
    cmp_ok($t->status()->{Store}{Generation}, '>', $generation, 'is there');
    all_right(name(1));

    return metric('acm_cache_misses_total') == $misses;
}), 'what was found is good');

# names without a certificate are not looked for again, until there is one

my $hits = metric('acm_cache_hits_total');
ok(all_right('new.example.com'), 'no certificate');
cmp_ok(metric('acm_cache_hits_total'), '>', $hits + 5, 'remembered');

import_name('new.example.com');
ok(all_right('new.example.com'), 'served when there is one');

# nor do they take the place of names that have one

my $evicted = metric('acm_cache_evictions_total');
$t->handshake(8443, "x$_.example.com") for 1 .. 3 * $CACHE;
is(metric('acm_cache_evictions_total'), $evicted, 'nothing made room');

# other bounds

$conf =~ s/cache $CACHE/cache 1/;
$t->write_config($conf);
$t->reload();

ok($t->wait_for(sub {
    right(name($_)) for 1 .. 4;
    return metric('acm_cache_names') <= 2;
}), 'holds one');

is_deeply(\%wrong, {}, 'no handshake got anything else');

$t->finish();

done_testing();
