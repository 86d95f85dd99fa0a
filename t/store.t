#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The files of the store while nginx has them open, and while it has not: a
# backup that is restored, compaction, workers that read what grows.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

sub ssl {
    my ($cmd) = @_;
    system("cd $dir && openssl $cmd >/dev/null 2>&1") == 0
        or die "openssl $cmd";
    return;
}

sub issue {
    my ($name) = @_;
    ssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
        . "-out $name.key");
    $t->write_file("$name.ext", "subjectAltName=DNS:$name.example.com");
    ssl("req -new -key $name.key -subj /CN=$name.example.com -out $name.csr");
    ssl("x509 -req -in $name.csr -extfile $name.ext -days 30 -out $name.pem "
        . "-signkey $name.key");
    return;
}

issue($_) for qw/ a b /;

my $conf = <<'EOC';
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store size=8m;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni;
    }
}
EOC

$t->write_config($conf);
$t->run();
ok($t->wait_for(sub { $t->read_file('error.log') =~ /took the lock/ }),
    'helper');

sub put {
    my ($name) = @_;
    my ($rc, $out) = $t->acmctl('import', '--cert', "$dir/$name.pem",
        '--key', "$dir/$name.key");
    return $out =~ /^(arn:\S+)/ ? $1 : undef;
}

sub served {
    my ($name) = @_;
    return $t->handshake(8443, "$name.example.com")->{text}
        =~ /s:CN = $name\.example\.com/;
}

sub stat_of {
    my ($rc, $out) = $t->acmctl('stat', '--json');
    return $rc ? {} : decode_json($out);
}

ok(put('a'), 'import');
ok(served('a'), 'served');

# nobody takes the file from under nginx

my ($rc, $out) = $t->acmctl('compact');
is($rc, 1, 'compact while nginx runs');
like($out, qr/is open in another process: stop nginx/, 'says so');

($rc, $out) = $t->acmctl('backup', "$dir/copy");
is($rc, 0, 'backup while nginx runs') or diag($out);

# what comes later is not in it

my $b = put('b');
ok(served('b'), 'served too');
ok($t->wait_for(sub { served('b') }), "by any worker") for 1 .. 4;

# free pages, after many versions of one certificate

put('a') for 1 .. 60;
my @arns = map { /(arn:\S+)/ } split(/\n/, ($t->acmctl('list'))[1]);
$t->acmctl('delete', $_) for grep { $_ ne $b } @arns;
my $full = stat_of();
ok($full->{Size} - $full->{Used} > 100000, 'free pages are reported')
    or diag(explain($full));

$t->stop();
($rc, $out) = $t->acmctl('compact');
is($rc, 0, 'compact') or diag($out);
my ($before, $after) = $out =~ /^(\d+) octets before, (\d+) now/;
ok($after < $before, 'it is smaller');
is(($t->acmctl('compact', 'x'))[0], 2, 'compact with more');
ok(stat_of()->{Generation} >= $full->{Generation}, 'no number comes twice');
is(($t->acmctl('verify'))[0], 0, 'verify');

$t->run();
ok($t->wait_for(sub { served('b') }), 'served after it');
ok(put('a'), 'and written to');
ok($t->wait_for(sub { served('a') }), 'which is served');
$t->stop();

# the backup in its place

rename("$dir/copy/data.mdb", "$dir/store/data.mdb") or die;
chown((stat("$dir/store"))[4, 5], "$dir/store/data.mdb");
$t->run();
ok($t->wait_for(sub { served('a') }), 'restored: served');
ok(!served('b'), 'restored: what came later is not');
ok(put('b'), 'restored: import');
ok($t->wait_for(sub { served('b') }), 'restored: served at once');

# more room without a restart of what reads

$conf =~ s/size=8m/size=64m/;
$t->write_config($conf);
$t->reload();
ok($t->wait_for(sub { stat_of()->{Limit} == 64 << 20 }), 'a larger map');
ok(served('a') && served('b'), 'served from it');

$t->finish();

done_testing();
