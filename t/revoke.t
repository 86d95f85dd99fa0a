#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Revocation, over the API and by acmctl: the CA is told whatever happens to
# it and to the helper, what it refuses is said, and no worker serves what is
# revoked.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::API;
use Test::Nginx::FakeCA;

my $TRUE = JSON::PP::true;
my $t = Test::Nginx::ACM->new();
my $ca = Test::Nginx::FakeCA->new();
my ($rc, $out);

sub ctl { ($rc, $out) = $t->acmctl(@_); return $rc }

my $api = api_new(api_user($t, 'admin'));

$t->raw(CA => $ca->url());

sub config {
    my ($more) = @_;

    return $t->write_config(<<"EOF_CONF");
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    event_sink file:%%DIR%%/events.json;
    issuer fake {
        acme %%CA%%; accept_terms on; preflight off; challenge http-01;
        retry 1s;
    }
    issuer internal { ca; }
    default_issuer fake;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location / { acm_api; }
        location /status { acm_status; }
    }
    server { listen 127.0.0.1:8443 ssl; acm_certificate sni; }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name auto.example.com;
        acm_certificate auto;
    }
    $more
}
EOF_CONF
}

config('');
$t->run();

sub describe {
    return $api->ok('DescribeCertificate',
        { CertificateArn => $_[0] })->{Certificate};
}

# an issued certificate, and that it was exported

sub request {
    my ($name, %args) = @_;

    my $arn = $api->ok('RequestCertificate', { DomainName => $name,
        ValidationMethod => 'DNS', KeyAlgorithm => 'EC_prime256v1',
        Options => { Export => 'ENABLED' }, %args })->{CertificateArn};

    ok($t->wait_for(sub { describe($arn)->{Status} eq 'ISSUED' }, 20),
        "$name: issued");
    $api->ok('ExportCertificate', { CertificateArn => $arn,
        Passphrase => 'c2VjcmV0' });

    return $arn;
}

sub revoke {
    my ($arn, $reason) = @_;

    return $api->ok('RevokeCertificate', { CertificateArn => $arn,
        RevocationReason => $reason })->{CertificateArn};
}

# what the CA knows of a certificate

sub at_ca {
    my ($serial) = @_;

    $serial =~ s/://g;

    my ($c) = grep { $_->{serial} =~ /^(?:00)*\Q$serial\E$/ }
        @{$ca->stats()->{certificates}};

    return $c;
}

# the one revocation of a certificate in our list

sub listed {
    my ($arn) = @_;

    die $out if ctl('revocations', '--json');

    my ($r) = grep { $_->{CertificateArn} eq $arn } @{decode_json($out)};

    return $r || {};
}

sub done {
    my ($arn, $state) = @_;

    return $t->wait_for(sub {
        (listed($arn)->{RevocationStatus} // '') eq ($state || 'DONE')
    }, 40);
}

sub served {
    my ($name) = @_;

    my $h = $t->handshake(8443, $name);

    return $h->{pem} ? $t->serial($h->{pem}) : '';
}

sub subject { return $t->handshake(8443, $_[0])->{subject} // '' }

# by the API: two certificates for a name, of which the newer one is served

my $old = request('a.example.com', CertificateAuthorityArn =>
    'arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/internal');
my $was = served('a.example.com');
my $arn = request('a.example.com');
my $serial = describe($arn)->{Serial};

ok($t->wait_for(sub { served('a.example.com') ne $was }), 'the newer one');
is(revoke($arn, 'KEY_COMPROMISE'), $arn, 'revoked');

my $c = describe($arn);
is($c->{Status}, 'REVOKED', 'status');
is($c->{RevocationReason}, 'KEY_COMPROMISE', 'reason');
ok(abs($c->{RevokedAt} - time()) < 60, 'when');
is(served('a.example.com'), $was, 'the next best is served');

ok(done($arn), 'done');
is(at_ca($serial)->{revoked}{reason}, 1, 'the CA has it, and the reason');
is(revoke($arn, 'SUPERSEDED'), $arn, 'once more');
is(describe($arn)->{RevocationReason}, 'KEY_COMPROMISE', 'changes nothing');

is(ctl('show', $arn), 0, 'show');
like($out, qr/^RevocationStatus\s+DONE$/m, 'show says how it stands');
like($out, qr/^RevocationReason\s+KEY_COMPROMISE$/m, 'and why');

my ($uuid) = $arn =~ /([0-9a-f-]{36})$/;
my $page = $t->status("/certificate/$uuid");
is($page->{RevocationStatus}, 'DONE', 'status page');
is_deeply([grep { /revo/ } map { $_->{What} } @{$page->{History}}],
    ['revocation', 'revoked', 'revocation'], 'history');

# of the built-in CA: the list in the store is what there is

revoke($old, 'SUPERCEDED');
is(subject('a.example.com'), 'CN = certificate not issued yet',
    'nothing is left');
is(ctl('revocations', 'internal'), 0, 'list of the built-in CA');
is($out =~ s/ 20\S+Z / TIME /r, 'internal ' . describe($old)->{Serial}
    . " TIME SUPERCEDED DONE $old version 1\n", 'is in it');

# a reason that this CA does not take; the certificate is gone at once

$arn = request('b.example.com');
$serial = describe($arn)->{Serial};
my $hang = $ca->rule({ match => { endpoint => 'revokeCert', times => 1 },
    action => { hang => $TRUE } });
revoke($arn, 'PRIVILEGE_WITHDRAWN');
$api->ok('DeleteCertificate', { CertificateArn => $arn });

# the helper is killed while it waits for the CA, which has done nothing yet

sub killed {
    my ($what, $rule) = @_;

    ok($t->wait_for(sub { grep { $_->{id} eq $rule && $_->{fired} }
        @{$ca->rules()} }, 20), "$what: the CA was asked");

    my @pids = $t->helpers();

    kill('KILL', @pids);

    return ok($t->wait_for(sub { my @p = $t->helpers();
        @p == 1 && $p[0] != $pids[0] }), "$what: killed");
}

killed('lost', $hang);
ok(done($arn), 'lost: done all the same');
is(at_ca($serial)->{revoked}{reason}, 9, 'lost: with its reason');

$arn = request('c.example.com');
$serial = describe($arn)->{Serial};
$hang = $ca->rule({ match => { endpoint => 'revokeCert', times => 1 },
    action => { hang => $TRUE, process => $TRUE } });
revoke($arn, 'AFFILIATION_CHANGED');
killed('answer lost', $hang);
ok(done($arn), 'answer lost: alreadyRevoked will do');
is(listed($arn)->{Attempts}, 2, 'answer lost: two attempts');

# a CA that is down, and a reload meanwhile

$arn = request('d.example.com');
$serial = describe($arn)->{Serial};
my $down = $ca->rule({ match => { endpoint => 'revokeCert' },
    action => { http => { status => 503, body => 'down' } } });
revoke($arn, 'CERTIFICATE_HOLD');
ok($t->wait_for(sub { (listed($arn)->{LastError} // '') =~ /503/ }),
    'down: said');
is(ctl('show', $arn), 0, 'down: show');
like($out, qr/^RevocationStatus\s+PENDING$/m, 'down: pending');
like($out, qr/^LastError\s+revocation: .*503/m, 'down: why');
my @before = $t->helpers();
config('');
$t->reload();
ok($t->wait_for(sub { my @h = $t->helpers();
    @h == 1 && $h[0] != $before[0] }, 20), 'down: reloaded');
$ca->clear($down);
ok(done($arn), 'down: done when it is up again');
is(at_ca($serial)->{revoked}{reason}, 0, 'without the reason it refused');
is(listed($arn)->{RevocationReason}, 'CERTIFICATE_HOLD', 'which we keep');

# a refusal is the end of it

$arn = request('e.example.com');
$ca->rule({ match => { endpoint => 'revokeCert', times => 1 },
    action => { problem => { type => 'unauthorized',
        detail => 'not your certificate' } } });
revoke($arn, 'UNSPECIFIED');
ok(done($arn, 'REFUSED'), 'refused');
is(describe($arn)->{Status}, 'REVOKED', 'refused: revoked here');
is(subject('e.example.com'), 'CN = certificate not issued yet',
    'refused: not served');
like(listed($arn)->{LastError}, qr/not your certificate/, 'refused: why');
ok($t->wait_for(sub { ($t->read_file('events.json') // '')
    =~ /REVOCATION_REFUSED/ }), 'refused: an alarm');
like($t->read_file('error.log'),
    qr/\[error\].*issuer "fake" refuses to revoke it: .*not your certificate/,
    'refused: in the log');
($uuid) = $arn =~ /([0-9a-f-]{36})$/;
is($t->status("/certificate/$uuid")->{RevocationStatus}, 'REFUSED',
    'refused: in the status');

# what is configured is made anew at once, and nobody is served until then

$c = $t->wait_issued('auto.example.com') or die;
$was = served('auto.example.com');
$serial = $c->{Serial};
my $busy = $ca->rule({ match => { endpoint => 'newOrder' },
    action => { problem => { type => 'serverInternal' } } });

my ($status, $answer) = $api->call('RevokeCertificate', { CertificateArn =>
    $c->{CertificateArn}, RevocationReason => 'KEY_COMPROMISE' });
is($status, 400, 'configured: not by the API');

is(ctl('revoke', $c->{CertificateArn}, '--reason', 'nonsense'), 1, 'reason');
like($out, qr/"nonsense" is no reason: it is one of/, 'reason: says so');
is(ctl('revoke'), 2, 'revoke: usage');
is(ctl('revoke', $c->{CertificateArn}, '--version', '0'), 2, 'no version 0');
is(ctl('revoke', $c->{CertificateArn}, '--version', '7'), 1, 'not there');
is(ctl('revoke', $c->{CertificateArn}, '--reason', 'key-compromise'), 0,
    'configured: by acmctl') or diag($out);
is(subject('auto.example.com'), 'CN = certificate not issued yet',
    'configured: the fallback');
is($t->certificate('auto.example.com')->{Status}, 'REVOKED',
    'configured: revoked');
$ca->clear($busy);
ok($t->wait_issued('auto.example.com', 60), 'configured: issued again');
isnt(served('auto.example.com'), $was, 'configured: with another one');
ok(done($c->{CertificateArn}), 'configured: done');
is(at_ca($serial)->{revoked}{reason}, 1, 'configured: at the CA');

# an old version, of which the key is known to somebody

$serial = $t->certificate('auto.example.com')->{Serial};
is(ctl('renew', $c->{CertificateArn}), 0, 'renew');
ok($t->wait_for(sub { $t->certificate('auto.example.com')->{Version} == 3 },
    20), 'renewed');
is(ctl('revoke', $c->{CertificateArn}, '--version', 2), 0, 'old version')
    or diag($out);
ok($t->wait_for(sub { at_ca($serial)->{revoked} }), 'old version: at the CA');
is($t->certificate('auto.example.com')->{Status}, 'ISSUED',
    'old version: the one in use stays');
is(ctl('rollback', $c->{CertificateArn}, '--version', 2, '--force'), 1,
    'old version: no rollback');
like($out, qr/version 2 of certificate \S+ is revoked/, 'no rollback: why');

# a server that names the ARN

$arn = request('f.example.com');
config("server { listen 127.0.0.1:8443 ssl; server_name f.example.com; "
    . "acm_certificate $arn fallback=reject; }");
$t->reload();
ok($t->wait_for(sub { $t->handshake(8443, 'f.example.com')->{pem} }),
    'ARN: served');
is(ctl('revoke', $arn), 0, 'ARN: revoked');

# workers of the configuration before may still be there, and have a fallback

ok($t->wait_for(sub {
    ($t->handshake(8443, 'f.example.com')->{alert} // 0) == 40 }),
    'ARN: served no more');

is(ctl('delete', $arn), 0, 'deleted');
ok(done($arn), 'and revoked at the CA');

is(ctl('verify'), 0, 'the store is sound') or diag($out);

$t->allow(qr/cache manager process \d+ exited on signal 9/);
$t->finish();

done_testing();
