#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# kill -9 of helper and workers, and reloads, during issuance and under load:
# every certificate is issued once, none is lost, handshakes go on.
#
# ACM_CHAOS=100 is the full run, in kills; the default is a short slice.

use warnings;
use strict;

use Test::More;
use Time::HiRes qw/ sleep time /;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $kills = $ENV{ACM_CHAOS} || 20;
my $reloads = int($kills / 2);
my $n = 4 * $kills;
my $t = Test::Nginx::ACM->new();

die "no tlsload: run util/build\n" unless -x "$t->{out}/tlsload";

my $servers = join('', map {
    "server { listen 127.0.0.1:8443 ssl; server_name "
    . "c$_.example.test; acm_certificate auto; }\n"
} 1 .. $n);

my $conf = <<'EOF';
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    keepalive_timeout 0;
    ssl_protocols TLSv1.2 TLSv1.3;
    server {
        listen 127.0.0.1:8443 ssl;
        server_name name0.example.test;
        acm_certificate auto;
    }
    SERVERS
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

sub config {
    (my $c = $conf) =~ s/SERVERS/$_[0]/;
    $t->write_config($c);
}

config('');
$t->run();
ok($t->wait_issued('name0.example.test'), 'issued');

my $root = $t->root();
my $target = '127.0.0.1:' . $t->port(8443);

$t->allow(qr/process \d+ exited on signal 9/);

# one that is killed may have its lock: the master takes it away, and says so


# reloads under load: no handshake fails; the first brings many requests

my $load = open(my $fh, '-|', "$t->{out}/tlsload -n 1 -c 4 -r 200 -w 0 "
    . "-d 30 -C $root $target 2>&1") or die;

config($servers);

my $start = time();

for (1 .. $reloads) {
    $t->reload();
    $t->wait_for(sub { time() - $start > $_ * 30 / $reloads }, 31);
}

my $out = do { local $/; <$fh> };
close($fh);
diag("$reloads reloads: $out");
like($out, qr/errors=0 mismatch=0/, "$reloads reloads in 30 s: no failures");

# kills during issuance: new names again and again

my ($helpers, $workers) = (0, 0);
my $all = '';

for my $round (1 .. 4) {
    my $extra = join('', map {
        "server { listen 127.0.0.1:8443 ssl; server_name "
        . "r$round-$_.example.test; acm_certificate auto; }\n"
    } 1 .. $kills);

    $all .= $extra;
    config($servers . $all);
    $t->reload();

    my $end = time() + 60;

    while ($helpers < $round * $kills / 4 && time() < $end) {
        for ($t->helpers()) {
            $helpers += kill('KILL', $_);
        }
        sleep(0.02);
    }

    while ($workers < $round * $kills / 4 && time() < $end) {
        $workers += kill('KILL', ($t->workers())[0] || next);
        sleep(0.05);
    }
}

cmp_ok($helpers, '>=', $kills, "$helpers kills of the helper");
cmp_ok($workers, '>=', $kills, "$workers kills of workers");

my $want = 1 + $n + 4 * $kills;

ok($t->wait_for(sub {
    my $s = $t->full_status();
    return $want == grep { $_->{Status} eq 'ISSUED' }
        @{$s->{Certificates} || []};
}, 120), "all $want issued") or diag($t->read_file('error.log'));

my @certs = @{$t->full_status()->{Certificates}};
my %seen;
$seen{$_->{DomainName}}++ for @certs;

is(scalar(@certs), $want, 'none lost, none twice');
is(scalar(keys %seen), $want, 'one per name');
is(scalar(grep { $_->{Version} == 1 } @certs), $want, 'issued once each');

my ($rc, $text) = $t->acmctl('verify');
is($rc, 0, 'the store verifies') or diag($text);

my $r = $t->handshake(8443, 'c1.example.test', root => $root);
ok($r->{verified}, 'served') or diag($r->{text});

$t->finish();

done_testing();
