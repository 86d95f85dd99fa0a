#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Two lines of configuration: a certificate is issued and served.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

my $conf = <<'EOF';
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer internal { ca; }
    issuer rsa { ca; key rsa:2048; lifetime 6d; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        server_name %%NAMES%%;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name two.example.com;
        acm_certificate auto key=ecdsa:256,rsa:2048;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name three.example.com;
        acm_certificate auto *.three.example.com issuer=rsa key=ecdsa:384;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

sub config {
    my ($names) = @_;
    (my $c = $conf) =~ s/%%NAMES%%/$names/;
    $t->write_config($c);
}

config('www.example.com example.com');
$t->run();

my $c = $t->wait_issued('www.example.com');
ok($c, 'issued') or diag($t->read_file('error.log'));

like($c->{CertificateArn},
    qr!^arn:aws:acm:us-east-1:123456789012:certificate/[0-9a-f-]{36}$!,
    'ARN');
is_deeply([sort @{$c->{SubjectAlternativeNames}}],
    ['example.com', 'www.example.com'], 'names');
is($c->{Type}, 'PRIVATE', 'type');
is($c->{IssuerName}, 'internal', 'issuer');
is($c->{DaysLeft}, 394, 'days left');
is($c->{NextStep}, 'renew', 'next step');
is((stat("$t->{dir}/acm.key"))[2] & 07777, 0600, 'mode of the key file');
is((stat("$t->{dir}/store"))[2] & 07777, 0700, 'mode of the store');

my $root = $t->root();

for my $name ('www.example.com', 'example.com') {
    my $r = $t->handshake(8443, $name, root => $root);
    ok($r->{verified}, "$name verified") or diag($r->{text});
}

my $r = $t->handshake(8443, undef, root => $root,
    verify => 'www.example.com');
ok($r->{verified}, 'no SNI: the certificate of the server');

$r = $t->handshake(8443, 'WWW.Example.COM', root => $root,
    verify => 'www.example.com');
ok($r->{verified}, 'upper case');

$r = $t->handshake(8443, 'other.example.com');
like($r->{subject}, qr/certificate not issued yet/,
    'another name gets no certificate of ours');

# both key types for one name

ok($t->wait_for(sub {
    2 == grep { $_->{DomainName} eq 'two.example.com'
        && $_->{Status} eq 'ISSUED' } @{$t->status()->{Certificates}} }),
    'two certificates for one name');

$r = $t->handshake(8443, 'two.example.com', root => $root,
    args => ['-sigalgs', 'ecdsa_secp256r1_sha256']);
ok($r->{verified}, 'ECDSA client');
like($r->{text}, qr/Peer signature type: ECDSA/, 'gets ECDSA');

$r = $t->handshake(8443, 'two.example.com', root => $root,
    args => ['-sigalgs', 'rsa_pss_rsae_sha256']);
ok($r->{verified}, 'RSA client') or diag($r->{text});
like($r->{text}, qr/Peer signature type: RSA-PSS/, 'gets RSA');

$r = $t->handshake(8443, 'two.example.com', root => $root,
    args => ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256']);
ok($r->{verified}, 'RSA client, TLS 1.2') or diag($r->{text});

# another issuer, explicit names

$c = $t->wait_issued('*.three.example.com');
is($c->{KeyAlgorithm}, 'EC-secp384r1', 'key=');
is($c->{IssuerName}, 'rsa', 'issuer=');

$r = $t->handshake(8443, 'three.example.com', root => $t->root('rsa'));
ok(!$r->{verified}, 'a wildcard does not cover its parent');

# other names: the old certificate serves what it covers until then, and
# unchanged ones are never issued again

my $arn = $t->certificate('www.example.com')->{CertificateArn};

config('www.example.com new.example.com');
is(($t->nginx('-s', 'reload'))[0], 0, 'nginx -s reload');

ok($t->wait_for(sub {
    return grep { $_->{DomainName} eq 'www.example.com'
        && $_->{CertificateArn} ne $arn && $_->{Status} eq 'ISSUED'
    } @{$t->status()->{Certificates}};
}), 'changed names: another certificate');

$r = $t->handshake(8443, 'new.example.com', root => $root);
ok($r->{verified}, 'new name verified') or diag($r->{text});
is(scalar(grep { $_->{DomainName} eq 'two.example.com' }
    @{$t->status()->{Certificates}}), 2, 'unchanged: none made again');

config('www.example.com example.com');
$t->reload();

ok($t->wait_for(sub {
    my $x = $t->handshake(8443, 'example.com', root => $root);
    return $x->{verified} && lc($t->serial($x->{pem})) =~ /^serial=/;
}), 'names changed back');

is(scalar(grep { $_->{DomainName} eq 'www.example.com' }
    @{$t->status()->{Certificates}}), 2, 'nothing was issued for that');

$t->finish();

done_testing();
