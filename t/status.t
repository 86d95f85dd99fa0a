#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The status endpoint: members, paging, methods, a store that is not there.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

my $servers = join('', map {
    "server { listen 127.0.0.1:8443 ssl; server_name s$_.example.com; "
    . "acm_certificate auto; }\n" } 1 .. 7);

# texts that are no UTF-8: paths, and a subject that is cut within a character

my $file = "$t->{dir}/st\xe4tic";
my $subject = ('/OU=' . "\xc3\xa4" x 40) x 7;

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
    . "-nodes -keyout $file.key -out $file.crt -days 1 -utf8 "
    . "-subj '$subject' >/dev/null 2>&1") == 0 or die 'openssl req';

sub config {
    my ($issuers) = @_;

    return $t->write_config(<<"EOF");
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/st\xe4re;
    master_key %%DIR%%/acm.key;
    $issuers
}
http {
    %%HTTP%%
    $servers
    server { listen 127.0.0.1:8444 ssl; ssl_certificate $file.crt;
        ssl_certificate_key $file.key; }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF
}

config('');
$t->run();

ok($t->wait_for(sub {
    7 == grep { $_->{Status} eq 'ISSUED' } @{$t->status()->{Certificates}}
}), 'issued');

# when it has nothing more to do at once

my $s;
$t->wait_for(sub { $s = $t->status(); $s->{Helper}{NextStepAt} });

is($s->{Helper}{Pid}, ($t->helpers())[0], 'helper pid');
ok($s->{Helper}{Locked}, 'helper has the lock');
is($s->{Helper}{Queue}, 0, 'nothing in the queue');
is($s->{Helper}{Issued}, 7, 'issued is counted');
like($s->{Helper}{$_}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, $_)
    for qw/ StartedAt LastTickAt NextStepAt /;

is($s->{Store}{Path}, "$t->{dir}/st?re", 'store path');
is($s->{Store}{MapSize}, 64 * 2 ** 30, 'map size');
cmp_ok($s->{Store}{Used}, '>', 0, 'map use');
cmp_ok($s->{Store}{Readers}, '>', 0, 'readers');
is($s->{Store}{Entries}{certificate}, 7, 'entries');

my $c = $s->{Certificates}[0];

for (qw/ CertificateArn DomainName SubjectAlternativeNames Type Status
    KeyAlgorithm IssuerName Version Subject Issuer Serial SignatureAlgorithm
    CreatedAt IssuedAt NotBefore NotAfter DaysLeft NextStep NextStepAt
    Attempts /)
{
    ok(defined $c->{$_}, "member $_");
}

# pages

my (@all, $next);

for (1 .. 5) {
    my $page = $t->status('?limit=3'
        . (defined $next ? "&after=$next" : ''));
    push @all, map { $_->{CertificateArn} } @{$page->{Certificates}};
    $next = $page->{Next};
    last unless defined $next;
}

is(scalar(@all), 7, 'three pages');
is_deeply([sort @all],
    [sort map { $_->{CertificateArn} } @{$s->{Certificates}}],
    'of all certificates');

is(scalar(@{$t->status("?limit=$_")->{Certificates}}), 7, "limit=$_")
    for (0, -1, 'x', 1000, 1001, '9' x 30);

is(scalar(@{$t->status('?after=' . 'x' x 2000)->{Certificates}}), 7,
    'over-long after');
is(scalar(@{$t->status('?after=%ff%00')->{Certificates}}), 0,
    'after the last');

my $static = $s->{StaticCertificates}[0];
is($static->{File}, "$t->{dir}/st?tic.crt", 'a file that is no UTF-8');
like($static->{Subject}, qr/^OU=\?{80},.*,OU=\?{5}$/, 'a subject that is cut');
is($static->{Issuer}, $static->{Subject}, 'and its issuer');

# what was not understood is said, whatever it is

for my $args ('status=%ff', 'sort=x' . '%c3%a4' x 20) {
    is($t->status("?$args")->{Warning} =~ s/ was.*//r =~ s/\?+$/?/r,
        $args =~ s/%.*/?/r, $args);
    like($t->http_get(8080, "/status/certificates?format=html&$args"),
        qr/^HTTP\/1\.1 200.* was not understood/s, "$args: as a page");
}

my $answer = $t->http_get(8080, '/status');
like($answer, qr/^HTTP\/1\.1 200/, '200');
like($answer, qr/Content-Type: application\/json/, 'type');
like($answer, qr/Cache-Control: no-store/, 'not cached');
unlike($answer, qr/PRIVATE KEY|acm\.key/, 'nothing secret');

my $sock = IO::Socket::INET->new(Proto => 'tcp',
    PeerAddr => '127.0.0.1:' . $t->port(8080));
print $sock "POST /status HTTP/1.0\r\nContent-Length: 0\r\n\r\n";
like(scalar(<$sock>), qr/ 405 /, 'POST is not allowed');

# what a CA complained of stays with its issuer, whatever their order is

my $far = 'issuer far { acme https://127.0.0.1:1/; accept_terms on; }';
my $near = 'issuer near { ca; } default_issuer near;';

sub issuers {
    $s = $t->status();
    return join(' ', map { "$_->{Name}=" . ($_->{LastErrorAt} // '') }
        @{$s->{Issuers}});
}

$servers .= 'server { listen 127.0.0.1:8443 ssl; server_name far.example.com; '
    . 'acm_certificate auto issuer=far; }';
config("$far $near");
$t->reload();
ok($t->wait_for(sub { issuers() =~ /^far=\S+ near=$/ }), 'an error')
    or diag(issuers());

config("$near $far");
$t->reload();
ok($t->wait_for(sub { issuers() =~ /^near=\S* far=/ }), 'another order');
is($s->{Issuers}[0]{LastError}, undef, 'it is of no other issuer');
like($s->{Issuers}[1]{LastError}, qr/cannot be reached/,
    'it stays with its own');

# wherever the block is

my $text = $t->read_file('nginx.conf');
$text =~ s/^(acm \{.*?^\}\n)(.*)/$2$1/ms or die 'no acm block';
$t->write_file('nginx.conf', $text);
$t->stop();
$t->run();
ok($t->wait_for(sub { $s = eval { $t->status() } }), 'the block behind http');
is("@{[map { $_->{File} } @{$s->{StaticCertificates}}]}",
    "$t->{dir}/st?tic.crt", 'all from files');

# files of another user, as after a reload with another "user"

SKIP: {
    skip('not root', 4) if $> != 0;

    my $lock = "$t->{dir}/st\xe4re/helper.lock";
    my @owner = (stat($lock))[4, 5];
    my $told = qr/helper\.lock" belongs to user 0, this process runs as $owner[0]: "chown $owner[0]" all files beside it/;

    my $count = sub {
        my ($re) = @_;
        my $n = () = $t->read_file('error.log') =~ /$re/g;
        return $n;
    };

    $t->stop();
    chown(0, 0, $lock) or die;
    $t->run();
    ok($t->wait_for(sub { $count->(qr/\[crit\] .*$told/) }),
        'a foreign file: told of');
    like($t->status()->{Helper}{LastError}, $told, 'in the status, too');

    sleep(1);                              # in which it is tried again

    my $took = $count->('took the lock');
    chown(@owner, $lock) or die;
    ok($t->wait_for(sub { $count->('took the lock') > $took }),
        'mended: it goes on');
    is($count->(qr/\[crit\] .*$told/), 1, 'told of once');
}

$t->finish();

done_testing();
