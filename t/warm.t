#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# New workers have ready what is asked for most, before anybody asks: after a
# reload, a crash, a restart; but no names that are gone, and no more than the
# cache holds.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $NAMES = 8;

my $t = Test::Nginx::ACM->new();
my $file = "$t->{dir}/store/names.warm";

my $conf = <<'EOT';
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    cache 100;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni fallback=reject;
    }
    server {
        listen 127.0.0.1:8444 ssl;
        acm_certificate auto own.example.com www.own.example.com;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOT

$t->write_config($conf);
$t->run();

ok($t->wait_for(sub { $t->status()->{Helper}{Locked} }), 'helper works');
ok($t->wait_issued('own.example.com'), 'issued');

my (%serial, %arn);

sub import_name {
    my ($name) = @_;

    my ($crt, $key) = $t->self_signed('pair', $name);
    my ($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key);

    $rc == 0 or die "import of $name: $out";
    ($arn{$name}) = $out =~ /(arn:\S+)/;
    $serial{$name} = $t->serial($t->read_file('pair.crt'));

    return;
}

sub right {
    my ($name) = @_;

    my $r = $t->handshake(8443, $name);
    my $got = $r->{pem} ? $t->serial($r->{pem}) : '';

    return $got eq ($serial{$name} // '');
}

sub metric {
    my ($name) = @_;

    my $body = $t->http_get(8080, '/status?format=prometheus');
    my ($value) = $body =~ /^\Q$name\E ([\d.e+]+)$/m;

    return $value // die "no $name in $body";
}

sub name { return sprintf('n%02d.example.com', $_[0]) }

sub changed {
    my ($old) = @_;

    return $t->wait_for(sub {
        my @now = $t->workers();
        my @gone = grep { !Test::Nginx::ACM::alive($_) } @$old;

        return @now == 1 && @$old && @gone == @$old;
    });
}

sub reload {
    my @old;

    $t->wait_for(sub { (@old = $t->workers()) == 1 });

    $t->reload();
    return changed(\@old);
}

# what the log says of the worker that is there now: made, of how many

sub made {
    my $said;

    $t->wait_for(sub {
        my ($worker, @others) = $t->workers();

        return 0 if !$worker || @others;

        ($said) = $t->read_file('error.log')
            =~ / \Q$worker\E#.* acm: (\d+ of the \d+) names that are asked/;
        return $said;
    });

    return ($said // 'nothing') =~ s/ the//r;
}

# names of both servers, and without a name

import_name(name($_)) for 0 .. $NAMES - 1;

is(scalar(grep { !right(name($_)) } 0 .. $NAMES - 1), 0, 'served');
$t->handshake(8444, $_) for 'own.example.com', 'www.own.example.com', undef,
    'www.own.example.com';
$t->handshake(8443, 'none.example.com');

my $all = $NAMES + 3;

# a new worker starts before the old one ends, and reads what that has noted

ok($t->wait_for(sub { metric('acm_cache_hot_names') == $all }), 'noted');
ok($t->wait_for(sub { listed() > 0 }), 'and the helper wrote a list');

# Names in the file.

sub listed {
    return -e $file ? unpack('x6n', $t->read_file('store/names.warm')) : 0;
}

my $misses;

for my $n (1 .. 3) {
    my $warmed = metric('acm_cache_warmed_total');

    ok(reload(), "reload $n");
    is(made(), "$all of $all", 'all of them were made ready');
    is(metric('acm_cache_warmed_total'), $warmed + $all, 'as is counted');
}

# they are hits, unless the store was changed meanwhile

ok($t->wait_for(sub {
    my $generation = $t->status()->{Store}{Generation};

    reload();
    made();
    $misses = metric('acm_cache_misses_total');

    my $wrong = grep { !right(name($_)) } 0 .. $NAMES - 1;

    $t->handshake(8444, $_) for 'www.own.example.com', undef;
    $misses = metric('acm_cache_misses_total') - $misses;

    is($wrong, 0, 'served');

    return $t->status()->{Store}{Generation} == $generation;
}), 'the store is not changed');

is($misses, 0, 'hits');

# many reloads at once

for (1 .. 5) {
    $t->reload();
}

ok(reload(), 'the last of many');
is(made(), "$all of $all", 'all of them');
ok($t->wait_for(sub { metric('acm_cache_names') == $all }),
    'are ready, once');

# a crash

my @old;

$t->wait_for(sub { (@old = $t->workers()) == 1 });
kill('KILL', @old);
$t->allow(qr/exited on signal 9/);
ok(changed(\@old), 'a worker was killed');
is(made(), "$all of $all", 'all of them');

# names that are gone, and other ones

is(($t->acmctl('delete', $arn{name(0)}))[0], 0, 'delete');
delete $serial{name(0)};

ok(reload(), 'reload');
is(made(), ($all - 1) . " of $all", 'none that was deleted');
ok(right(name(0)), 'it is not served');

# servers that are gone: what was kept for them is nobody's

(my $less = $conf) =~ s/auto own.example.com www.own.example.com/sni/;
$t->write_config($less);
ok(reload(), 'reload without that server');
is(made(), ($NAMES - 1) . " of $all", 'none of its names');

# no more than the cache holds, and the first of them are those used most

right(name(1)) for 1 .. 20;
$t->stop();
$t->write_config($less =~ s/cache 100/cache 3/r);
$t->run();
is(made(), "3 of $all", 'a start anew with a smaller cache: as many as fit');
is(metric('acm_cache_names'), 3, 'ready');
is(metric('acm_cache_evictions_total'), 0, 'nothing left for them');

$misses = metric('acm_cache_misses_total');
ok(right(name(1)), 'the one that is used most');
is(metric('acm_cache_misses_total'), $misses, 'is among them');

# a start anew, with what the file has

$t->stop();
$t->write_config($conf);
is(listed(), $all, 'a list is left');
ok(!-e "$file.tmp", 'and nothing else');
is((stat($file))[2] & 07777, 0600, 'for nobody else');

$t->run();
is(made(), ($all - 1) . " of $all", 'a restart');
is(metric('acm_cache_warmed_total'), $all - 1, 'counted');
is($t->status()->{Handshakes}{CacheWarmed}, $all - 1, 'in the status, too');

# another binary, whose memory is its own

my $master = $t->pid();

kill('USR2', $master);
ok($t->wait_for(sub { $t->pid() && $t->pid() != $master }), 'another binary');
is(made(), ($all - 1) . " of $all", 'all of them');

kill('QUIT', $master);
ok($t->wait_for(sub { !Test::Nginx::ACM::alive($master) }), 'the old one ends');

# a list that is damaged, cut short, too long, another thing

my $list = $t->read_file('store/names.warm');

my %bad = (
    damaged => substr($list, 0, 20) . (substr($list, 20, 1) ^ "\1")
        . substr($list, 21),
    short => substr($list, 0, -1),
    long => $list . "\0" x 1000000,
);

for my $how (sort keys %bad) {
    $t->stop();
    $t->write_file('store/names.warm', $bad{$how});
    chmod(0666, $file);
    $t->run();

    ok($t->wait_for(sub {
        $t->read_file('error.log')
            =~ /names\.warm" is ignored: its checksum is wrong/;
    }), "$how: told of");
    ok(right(name(1)), "$how: served");
    is(metric('acm_cache_warmed_total'), 0, "$how: ignored");
}

$t->allow(qr/names\.warm" is ignored/);

$t->stop();
unlink($file);
symlink("$t->{dir}/nginx.conf", $file);
$t->run();
$t->allow(qr/open\(".*names\.warm"\) failed/);
ok($t->wait_for(sub {
    $t->read_file('error.log') =~ /open\(".*names\.warm"\) failed/;
}), 'a symbolic link is not followed');
ok(right(name(1)), 'served');

$t->finish();

done_testing();
