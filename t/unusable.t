#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Certificates that a worker cannot use: it says so once for each version that
# was written, serves the one before or the fallback, and the next one at once.

use warnings;
use strict;

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

my $serial = 16;

sub put {
    my ($name, @arn) = @_;

    $serial++;
    ssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
        . "-out $name.key");
    $t->write_file("$name.ext", "subjectAltName=DNS:$name.example.com");
    ssl("req -new -key $name.key -subj /CN=$name.example.com -out $name.csr");
    ssl("x509 -req -in $name.csr -extfile $name.ext -days 30 -out $name.pem "
        . "-signkey $name.key -set_serial $serial");

    my ($rc, $out) = $t->acmctl('import', @arn, '--cert', "$dir/$name.pem",
        '--key', "$dir/$name.key");
    is($rc, 0, "import $name") or diag($out);

    return $out =~ /^(arn:\S+)/ ? $1 : '';
}

sub spoil {
    is(system("$t->{out}/spoil", "$dir/store", 'leaf'), 0, 'spoil');
    return;
}

sub served {
    my ($name) = @_;
    return $t->handshake(8443, "$name.example.com")->{text}
        =~ /s:CN = $name\.example\.com/;
}

sub told {
    my $said = () = $t->read_file('error.log')
        =~ /\[crit\] .* version \d+ cannot be used: .*acmctl verify/g;
    return $said;
}

sub misses {
    return $t->http_get(8080, '/status/metrics')
        =~ /^acm_cache_misses_total (\d+)/m ? $1 : -1;
}

my $conf = <<'EOC';
%%GLOBALS%%
worker_processes 1;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOC

$t->write_config($conf);
$t->run();
ok($t->wait_for(sub { $t->read_file('error.log') =~ /took the lock/ }),
    'helper');

my $arn = put('one');
spoil();
ok(!served('one'), 'cannot be read');
is(told(), 1, 'told');

# what else is committed makes workers look again

for (1 .. 3) {
    put('two');
    ok(served('two'), 'another one');
    ok(!served('one'), 'still not');
}

is(told(), 1, 'told once');

put('one', '--arn', $arn);
ok(served('one'), 'the next version, at once');

# the one before is served, and is looked for no more often than others

put('one', '--arn', $arn);
spoil();
ok(served('one'), 'the one before');
is(told(), 2, 'told of the other version');

my $misses = misses();
ok(served('one'), 'again') for 1 .. 5;
cmp_ok(misses() - $misses, '<', 3, 'kept');

# another record of the same version is another one

spoil();
ok(served('one'), 'when it was written anew');
is(told(), 3, 'told of that');

put('two');
ok(served('one'), 'when all are looked up');
is(told(), 3, 'told once');

$t->stop();
$t->run();
ok(!served('one'), 'the next worker has none');
is(told(), 4, 'and tells');

put('one', '--arn', $arn);
ok(served('one'), 'mended');

# a record that cannot be read: told once, however often it is asked for

$arn = put('three');
$conf =~ s/(acm_certificate) sni/$1 $arn/;
$t->write_config($conf);
$t->reload();
ok($t->wait_for(sub {
    $t->handshake(8443)->{text} =~ /s:CN = three\.example\.com/
}), 'one for all');

is(system("$t->{out}/spoil", "$dir/store", 'cert'), 0, 'spoil');
$t->reload();
ok($t->wait_for(sub {
    $t->handshake(8443)->{text} !~ /s:CN = three\.example\.com/
}), 'not any more');
$t->handshake(8443) for 1 .. 4;

# by the worker of before, which may have ended without, and by this one

my ($log, %said) = ($t->read_file('error.log'));
$said{$1}++ while $log
    =~ /\[crit\] (\d+).* certificate \S+ cannot be read: .*acmctl verify/g;
ok(keys %said, 'told');
is($said{$_}, 1, 'told once') for keys %said;

$t->finish();

done_testing();
