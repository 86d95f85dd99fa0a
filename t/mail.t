#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# acm_certificate in servers of mail: TLS from the start, and STARTTLS.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $modules = $t->mail_modules();

plan(skip_all => 'nginx without TLS in mail') unless defined $modules;

sub write_config {
    my ($more) = @_;

    my $conf = <<'EOC';
%%GLOBALS%%
%%MAIL%%
events { }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
        location /auth { return 500; }
    }
}
mail {
    auth_http http://127.0.0.1:8080/auth;
    timeout 15s;
    ssl_protocols TLSv1.2 TLSv1.3;

    server {
        listen 127.0.0.1:8143;
        protocol imap;
        starttls on;
        server_name imap.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8993 ssl;
        protocol imap;
        acm_certificate auto imap.example.com;
    }
    server {
        listen 127.0.0.1:8587;
        protocol smtp;
        smtp_auth plain;
        starttls only;
        acm_certificate auto smtp.example.com mx.example.com
            key=ecdsa:256,rsa:2048;
    }
    server {
        listen 127.0.0.1:8110;
        protocol pop3;
        starttls on;
        acm_certificate sni fallback=reject;
    }
    %%MORE%%
}
EOC

    $conf =~ s/%%MORE%%/$more || ''/e;
    $t->write_config($conf);

    return;
}

$t->raw(MAIL => $modules);
write_config();
$t->run();

ok($t->wait_issued('imap.example.com'), 'issued: a name of server_name');
ok($t->wait_for(sub {
    my $c = $t->certificate('smtp.example.com', 'RSA-2048');
    return $c && $c->{Status} eq 'ISSUED';
}), 'issued: names of the directive');

my $root = $t->root();

sub verified {
    my ($port, $sni, @args) = @_;

    my $r = $t->handshake($port, $sni, root => $root, args => \@args);

    ok($r->{verified}, "$port, $sni @args: verified") or diag($r->{text});

    return $r;
}

my $first = verified(8143, 'imap.example.com', '-starttls', 'imap');
verified(8143, 'imap.example.com', '-starttls', 'imap', '-tls1_2');
my $r = verified(8993, 'imap.example.com');
is($t->serial($r->{pem}), $t->serial($first->{pem}),
    'the same names: the same certificate');

$r = verified(8587, 'smtp.example.com', '-starttls', 'smtp');
is_deeply([sort @{$r->{names}}], ['mx.example.com', 'smtp.example.com'],
    'its names');
verified(8587, 'mx.example.com', '-starttls', 'smtp', '-tls1_2', '-cipher',
    'ECDHE-RSA-AES128-GCM-SHA256');

# a client of mail often asks for no name
$r = $t->handshake(8143, undef, root => $root, verify => 'imap.example.com',
    args => ['-starttls', 'imap']);
ok($r->{verified}, 'without SNI: the certificate of the server');

# what the server says then is said over TLS

my @imap = (qr/^\* OK IMAP4 ready/m, "b LOGOUT\r\n");

like($t->talk(8993, 'imap.example.com', \@imap), qr/^b OK/m, 'IMAP');
like($t->talk(8143, 'imap.example.com', [qr/Verify return code/,
    "b LOGOUT\r\n"], '-starttls', 'imap'), qr/^b OK/m, 'IMAP with STARTTLS');
like($t->talk(8587, 'smtp.example.com', [qr/Verify return code/,
    "EHLO a.b\r\n", qr/^250[ -]AUTH PLAIN/m, "QUIT\r\n"], '-starttls',
    'smtp'), qr/^250[ -]AUTH PLAIN.*^221/ms, 'SMTP with STARTTLS');

# whatever is in the store

$r = $t->handshake(8110, 'pop.example.com', args => ['-starttls', 'pop3']);
is($r->{alert}, 40, 'POP3: nothing yet');

my ($crt, $key) = $t->self_signed('pop', 'pop.example.com');
my ($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key);
is($rc, 0, 'import') or diag($out);

$r = $t->handshake(8110, 'pop.example.com', args => ['-starttls', 'pop3']);
is($t->serial($r->{pem}), $t->serial($t->read_file('pop.crt')),
    'POP3: served at once');

# renewal needs no reload

my $c = $t->certificate('imap.example.com');
($rc, $out) = $t->acmctl('renew', $c->{CertificateArn});
is($rc, 0, 'renew') or diag($out);
ok($t->wait_for(sub {
    $r = $t->handshake(8143, 'imap.example.com', root => $root,
        args => ['-starttls', 'imap']);
    return $r->{verified}
        && $t->serial($r->{pem}) ne $t->serial($first->{pem});
}), 'renewed without a reload');

# sessions

for my $version ('-tls1_2', '-tls1_3') {
    my $session = "$t->{dir}/session.pem";

    unlink($session);
    $t->talk(8993, 'imap.example.com', \@imap, $version, '-sess_out',
        $session);
    like($t->talk(8993, 'imap.example.com', \@imap, $version, '-sess_in',
        $session), qr/^Reused.*^b OK/ms, "$version: resumed");
}

# mistakes

sub check {
    my ($name, $server, @like) = @_;

    write_config("server { protocol imap; $server }");
    my ($rc, $out) = $t->nginx('-t');

    like($out, $_, $name) for @like;

    return $rc;
}

isnt(check('no names', 'listen 127.0.0.1:8451 ssl; acm_certificate auto;',
    qr/nginx.conf:\d+ has no names: add "server_name" to the server or/), 0,
    'no names: refused');
isnt(check('a bad name', 'listen 127.0.0.1:8451 ssl; acm_certificate auto;'
    . ' server_name localhost;',
    qr/nginx.conf:\d+: server name "localhost" cannot be in a certificate/),
    0, 'a bad name: refused');
isnt(check('ssl_certificate too', 'listen 127.0.0.1:8451 ssl; '
    . 'acm_certificate sni; ssl_certificate %%DIR%%/pop.crt; '
    . 'ssl_certificate_key %%DIR%%/pop.key;', qr/"ssl_certificate"/), 0,
    'ssl_certificate too: refused');
isnt(check('twice', 'listen 127.0.0.1:8451 ssl; acm_certificate sni; '
    . 'acm_certificate sni;',
    qr/"acm_certificate" directive is duplicate in \S+nginx\.conf:\d/), 0,
    'twice: refused');
is(check('no TLS', 'listen 127.0.0.1:8451; acm_certificate sni;',
    qr/\[warn\].*"acm_certificate" in \S+nginx\.conf:\d+ serves no client/,
    qr/add "ssl" to its "listen", or "starttls"/), 0, 'no TLS: a warning');

$t->finish();

done_testing();
