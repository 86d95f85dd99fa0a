#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Imported certificates are served by name; every odd name has its answer.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

$t->self_signed('fallback', 'fallback.example.com');
$t->write_file('fallback.pem', $t->read_file('fallback.crt')
    . $t->read_file('fallback.key'));

$t->write_config(<<'EOF');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
    cache 4;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl default_server;
        acm_certificate sni;
    }
    server {
        listen 127.0.0.1:8444 ssl;
        acm_certificate sni fallback=reject;
    }
    server {
        listen 127.0.0.1:8445 ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        acm_certificate sni fallback=%%DIR%%/fallback.pem;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->run();

ok($t->wait_for(sub { $t->status()->{Helper}{Locked} }), 'helper works');

my $r = $t->handshake(8443, 'www.example.com');
like($r->{subject}, qr/certificate not issued yet/, 'empty store: fallback');

sub import_pair {
    my ($file, @names) = @_;

    my ($crt, $key) = $t->self_signed($file, @names);
    my ($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key);

    is($rc, 0, "import $file") or diag($out);
    my ($arn) = $out =~ /(arn:\S+)/;

    return $arn;
}

sub served {
    my ($port, $sni, $file, $name) = @_;

    $r = $t->handshake($port, $sni);

    return is($r->{pem} ? $t->serial($r->{pem}) : '',
        $t->serial($t->read_file("$file.crt")), $name);
}

# the very next handshake, without reload or message

my $arn = import_pair('www', 'www.example.com');
served(8443, 'www.example.com', 'www', 'served at once');
served(8444, 'www.example.com', 'www', 'by another server too');

import_pair('wild', '*.example.com', 'example.com');
import_pair('idn', 'xn--bcher-kva.example.com');

served(8443, 'www.example.com', 'www', 'exact name before wildcard');
served(8443, 'shop.example.com', 'wild', 'wildcard');
served(8443, 'a_b.example.com', 'wild', 'wildcard, underscore');
served(8443, 'example.com', 'wild', 'its parent, by name');
served(8443, 'WWW.EXAMPLE.com', 'www', 'upper case');
served(8443, 'www.example.com.', 'www', 'trailing dot');
served(8443, 'xn--bcher-kva.example.com', 'idn', 'A-label');

for my $sni ('a.b.example.com', 'com', 'example.org', '127.0.0.1', 'x..y',
    '*.example.com', '../../etc/passwd', "a'b.example.com", 'x' x 64 . '.com',
    join('.', ('a' x 60) x 4) . '.com', '%00.example.com', '_')
{
    $r = $t->handshake(8443, $sni);
    my $got = $r->{pem} ? $r->{subject} : "alert $r->{alert}";
    like($got, qr/certificate not issued yet|alert/, "\"$sni\": fallback");
}

# the length limit of a host name: 253 octets are one, 254 are none

my $long = join('.', ('a' x 61) x 3, 'b' x 55, 'example');
is(length($long . '.com') + 0, 253, '253 octets') or diag(length($long));
import_pair('long', "$long.com");
served(8443, "$long.com", 'long', 'a name of 253 octets');
$r = $t->handshake(8443, "x$long.com");
like($r->{subject} // 'alert', qr/not issued yet|alert/, '254: fallback');

# fallbacks

$r = $t->handshake(8443, undef);
like($r->{subject}, qr/certificate not issued yet/, 'no SNI: fallback');

$r = $t->handshake(8444, 'unknown.example.org');
ok(!$r->{pem}, 'reject: no certificate');
is($r->{alert}, 40, 'reject: an alert');

$r = $t->handshake(8444, undef);
is($r->{alert}, 40, 'reject: no SNI');

$r = $t->handshake(8445, 'unknown.example.org');
is_deeply($r->{names}, ['fallback.example.com'], 'a file as fallback');

# more names than the cache holds

import_pair("n$_", "n$_.example.net") for 1 .. 12;

for my $round (1 .. 2) {
    served(8443, "n$_.example.net", "n$_", "round $round, name $_")
        for 1 .. 12;
}

# an RSA key, whatever signs or decrypts with it first, and more than one of it

my $rsa = "$t->{dir}/rsa";
system("openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout $rsa.key "
    . "-out $rsa.crt -subj /CN=rsa.example.net "
    . "-addext subjectAltName=DNS:rsa.example.net >/dev/null 2>&1");
my ($rc, $out) = $t->acmctl('import', '--cert', "$rsa.crt", '--key',
    "$rsa.key");
is($rc, 0, 'import rsa') or diag($out);

for my $case (
    ['TLS 1.3, PSS', qr/signature type: RSA-PSS/, '-tls1_3'],
    ['TLS 1.2, PSS', qr/signature type: RSA-PSS/, '-tls1_2',
        '-sigalgs', 'rsa_pss_rsae_sha256'],
    ['TLS 1.2, PKCS #1', qr/signature type: RSA\n/, '-tls1_2',
        '-sigalgs', 'RSA+SHA512'],
    ['TLS 1.2, key exchange', qr/Cipher is AES128-GCM-SHA256/, '-tls1_2',
        '-cipher', 'AES128-GCM-SHA256'])
{
    my ($name, $re, @args) = @$case;

    # so many others that it is not in memory

    served(8445, "n$_.example.net", "n$_", "$name: others") for 1 .. 8;

    for (1 .. 3) {
        $r = $t->handshake(8445, 'rsa.example.net', args => \@args,
            root => "$rsa.crt");
        ok($r->{verified}, "$name, handshake $_");
        like($r->{text}, $re, "$name, as asked for");
    }
}

# whatever clients ask for, nothing is ordered

is_deeply([grep { $_->{Type} ne 'IMPORTED' }
    @{$t->full_status()->{Certificates}}], [], 'no order for an unknown name');
is($t->status()->{Helper}{Issued}, 0, 'nothing was issued');

# reimport and delete are seen by the next handshake

my ($crt, $key) = $t->self_signed('www2', 'www.example.com');
($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key,
    '--arn', $arn);
is($rc, 0, 'reimport') or diag($out);
served(8443, 'www.example.com', 'www2', 'the new version at once');

($rc, $out) = $t->acmctl('delete', $arn);
is($rc, 0, 'delete') or diag($out);
served(8443, 'www.example.com', 'wild', 'then the wildcard');

my $s = $t->status();
cmp_ok($s->{Handshakes}{CacheHits} + $s->{Handshakes}{CacheMisses}, '>', 20,
    'handshakes are counted');
cmp_ok($s->{Handshakes}{Fallbacks}, '>', 10, 'fallbacks are counted');

$t->finish();

done_testing();
