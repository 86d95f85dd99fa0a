#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Keys are sealed; a wrong or missing master key changes nothing.

use warnings;
use strict;

use Test::More;
use File::Copy qw/ copy /;
use MIME::Base64;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

$t->write_config(<<'EOF');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate auto key=ecdsa:256,rsa:2048;
    }
    server {
        listen 127.0.0.1:8444 ssl;
        acm_certificate sni;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->run();

ok($t->wait_for(sub { 2 == grep { $_->{Status} eq 'ISSUED' }
    @{$t->status()->{Certificates} || []} }), 'issued');

my ($crt, $key) = $t->self_signed('own', 'own.example.com');
is(($t->acmctl('import', '--cert', $crt, '--key', $key))[0], 0, 'imported');

my $root = $t->root();

# neither the master key nor any private key is readable in the directory

my $data = join('', map { Test::Nginx::ACM::slurp($_) }
    glob("$dir/store/* $dir/error.log"));
my $master = decode_base64($t->read_file('acm.key'));

is(length($master), 32, 'master key of 32 octets');
is(index($data, $master), -1, 'no master key in the store');
is(index($data, $t->read_file('acm.key')), -1, 'nor as text');

my $der = `openssl ec -in $key -outform DER 2>/dev/null`;
my ($hex) = `openssl ec -in $key -noout -text 2>/dev/null`
    =~ /priv:\s*((?:[0-9a-f]{2}:?\s*)+)/;
$hex =~ s/[^0-9a-f]//g;
my $scalar = substr(pack('H*', $hex), -32);

cmp_ok(length($der), '>', 100, 'a key to search for');
is(index($data, $der), -1, 'imported key: not as DER');
is(index($data, $scalar), -1, 'imported key: not its scalar');
is(index($data, substr($t->read_file('own.key'), 30, 40)), -1,
    'imported key: not as PEM');
unlike($data, qr/PRIVATE KEY/, 'no PEM');
unlike($data, qr/\x02\x01\x01\x04\x20.{32}\xa0/s, 'no RFC 5915 structure');
unlike($data, qr/\x02\x01\x00\x02\x82\x01\x01/, 'no PKCS #1 structure');

# wrong key: a clear message, nothing changed, nothing crashes

my @before = @{$t->status()->{Certificates}};

$t->stop();
copy("$dir/acm.key", "$dir/good.key");
my $sum = `sha256sum < $dir/store/data.mdb`;

$t->write_file('acm.key', encode_base64('x' x 32));
chmod(0600, "$dir/acm.key");
$t->run();

ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /\[crit\].*acm: .*master key/ }), 'wrong key: said in the log');

my $r = $t->handshake(8443, 'www.example.com');
like($r->{subject}, qr/not issued yet/, 'wrong key: fallback');

$t->stop();
is(`sha256sum < $dir/store/data.mdb`, $sum, 'wrong key: store unchanged');

# missing key: no start, no new key

unlink("$dir/acm.key");
my ($rc, $out) = $t->nginx();
isnt($rc, 0, 'missing key: no start');
like($out . $t->read_file('error.log'), qr/master key file .* is missing/,
    'missing key: said');
ok(!-e "$dir/acm.key", 'missing key: none is made');

# the right one again

copy("$dir/good.key", "$dir/acm.key");
chmod(0600, "$dir/acm.key");
$t->run();

ok($t->wait_for(sub {
    $r = $t->handshake(8443, 'www.example.com', root => $root);
    return $r->{verified};
}), 'right key: served') or diag($r->{text});

is_deeply([map { $_->{Serial} } @{$t->status()->{Certificates}}],
    [map { $_->{Serial} } @before], 'nothing was issued again');

# a new master key

($rc, $out) = $t->acmctl('rekey', '--new-master-key', "$dir/new.key");
is($rc, 0, 'rekey') or diag($out);

$r = $t->handshake(8444, 'own.example.com');
is_deeply($r->{names}, ['own.example.com'], 'served by running workers');

$t->stop();
rename("$dir/new.key", "$dir/acm.key") if -e "$dir/new.key";
$t->run();

ok($t->wait_for(sub {
    $r = $t->handshake(8443, 'www.example.com', root => $root);
    return $r->{verified};
}), 'served after a restart with the new key') or diag($r->{text});

$t->finish();

done_testing();
