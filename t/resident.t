#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What handshakes read of the store is in memory: the helper reads what the
# system has dropped, up to a limit, and tells of it.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

plan(skip_all => 'no fill, see util/build') unless -x "$t->{out}/fill";

my $NAMES = 12000;
my $data = "$t->{dir}/store/data.mdb";

my $conf = <<'EOT';
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store RESIDENT;
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
        acm_certificate auto own.example.com;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOT

sub configure {
    my ($resident) = @_;

    return $t->write_config($conf =~ s/ RESIDENT/$resident/r);
}

sub memory { return ($t->status()->{Store} // {})->{Memory} }

sub metric {
    my ($name) = @_;

    my $body = $t->http_get(8080, '/status?format=prometheus');
    my ($value) = $body =~ /^\Q$name\E ([\d.e+]+)$/m;

    return $value // die "no $name in $body";
}

# octets of the file that are in memory

sub cached {
    my ($octets) = `fincore -n -b -r -o RES $data` =~ /(\d+)/;

    return $octets // die 'fincore';
}

# Nobody has it mapped.

sub drop {
    system("dd if=$data iflag=nocache count=0 2>/dev/null") == 0
        or die 'dd';

    return cached();
}

sub stat_of {
    my ($rc, $out) = $t->acmctl('stat', '--json');

    $rc == 0 or die "acmctl stat: $out";
    return decode_json($out);
}

sub kept {
    return $t->wait_for(sub {
        my $m = memory();

        return $m && $m->{Kept} == $m->{Wanted} && $m->{Kept} && $m;
    }, 60);
}

configure('');
$t->run();
ok($t->wait_issued('own.example.com'), 'issued');
$t->stop();

is(system("$t->{out}/fill", '-c', "$t->{dir}/ca", '-m', "$t->{dir}/acm.key",
    "$t->{dir}/store", 0, $NAMES), 0, 'filled');

my $stat = stat_of();
my $index = $stat->{Maps}{name}{Octets};

cmp_ok($index, '>', 1 << 20, 'an index of more than a megabyte');
cmp_ok($stat->{Resident}, '<=', $stat->{Size}, 'what is in memory');
cmp_ok($stat->{Resident}, '>', 0, 'something is');

# pages that nobody has: after a start the helper brings the index back

SKIP: {
    skip 'this file system has no pages to drop', 6 if drop() > 0;

    is(stat_of()->{Maps}{name}{Octets}, $index, 'a store on disk');
    cmp_ok(drop(), '<', $index / 2, 'dropped');

    $t->run();
    my $m = kept();

    ok($m, 'kept') or diag(encode_json(memory() // {}));
    cmp_ok($m->{Kept}, '>', $index * 0.9, 'all of the index');
    cmp_ok(cached(), '>=', $m->{Kept}, 'and is there');

    # what nobody has asked for yet

    my $waits = metric('acm_cache_disk_waits_total');
    my $r = $t->handshake(8443, 'n0007777.example.com');

    is_deeply($r->{names}, ['n0007777.example.com'], 'served');
    cmp_ok(metric('acm_cache_disk_waits_total') - $waits, '<=', 1,
        'with one wait at most');
    $t->stop();
}

$t->run();
ok(kept(), 'kept');

my $m = memory();

cmp_ok($m->{File}, '>=', $m->{Resident}, 'no more is in memory than there is');
cmp_ok($m->{Resident}, '>=', $m->{Kept}, 'and no less than is kept');
is($m->{Limit}, 256 << 20, 'limit');

is(metric('acm_store_kept_bytes'), $m->{Kept}, 'metrics');
is(metric('acm_store_wanted_bytes'), $m->{Wanted}, 'of what is wanted');
cmp_ok(metric('acm_store_file_bytes'), '>=',
    metric('acm_store_resident_bytes'), 'of the file');
like($t->http_get(8080, '/status?format=html'),
    qr/In memory.*Kept there.*Waits for the disk/s, 'page');

# names that are asked for have their records there too

$t->handshake(8443, sprintf('n%07d.example.com', $_ * 1000)) for 1 .. 8;
$t->handshake(8444, 'own.example.com');

ok($t->wait_for(sub { memory()->{Wanted} > $m->{Wanted} }, 60), 'records');
ok(kept(), 'kept with them');

# no more than the limit, and off

configure(' resident=1m');
$t->reload();

ok($t->wait_for(sub {
    my $now = memory();

    return $now && $now->{Limit} == 1 << 20 && $now->{Kept} <= 1 << 20
        && $now->{Wanted} > 1 << 20;
}, 60), 'a limit') or diag(encode_json(memory() // {}));

cmp_ok(memory()->{Kept}, '>', (1 << 20) - 65536, 'which is used');

configure(' resident=off');
$t->reload();
ok($t->wait_for(sub { !memory() }), 'off');
unlike($t->http_get(8080, '/status?format=prometheus'),
    qr/acm_store_kept_bytes/, 'no metrics');

$t->finish();

done_testing();
