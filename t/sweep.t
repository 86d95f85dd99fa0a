#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Chain certificates that nothing uses any more: the helper takes them away
# an hour after its start and then once a day, while others are imported.

use warnings;
use strict;

use JSON::PP;
use POSIX qw/ strftime /;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Clock;

plan(skip_all => 'no libfaketime') unless Test::Nginx::Clock->available();

my $clock = Test::Nginx::Clock->new();
my $t = Test::Nginx::ACM->new()->environment($clock->environment());
my $dir = $t->{dir};

sub ssl {
    my ($cmd) = @_;
    system("cd $dir && openssl $cmd >/dev/null 2>&1") == 0
        or die "openssl $cmd";
    return;
}

sub issue {
    my ($name, $ext, $ca) = @_;
    ssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
        . "-out $name.key");
    $t->write_file("$name.ext", $ext);
    ssl("req -new -key $name.key -subj /CN=$name.example.com -out $name.csr");
    ssl("x509 -req -in $name.csr -extfile $name.ext -days 30 -out $name.pem "
        . ($ca ? "-CA $ca.pem -CAkey $ca.key -CAcreateserial"
               : "-signkey $name.key"));
    return;
}

my $caext = "basicConstraints=critical,CA:TRUE\n"
    . "keyUsage=critical,keyCertSign,cRLSign\n";

for my $ca (qw/ one two /) {
    issue($ca, $caext);
    issue("$ca$_", "subjectAltName=DNS:$ca$_.example.com", $ca) for 1 .. 2;
}

$t->write_config(<<'EOC');
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
        acm_certificate sni;
    }
}
EOC

$t->run();
ok($t->wait_for(sub { $t->read_file('error.log') =~ /took the lock/ }),
    'helper');

sub put {
    my ($name, $ca) = @_;
    my ($rc, $out) = $t->acmctl('import', '--cert', "$dir/$name.pem",
        '--key', "$dir/$name.key", '--chain', "$dir/$ca.pem");
    is($rc, 0, "import $name") or diag($out);
    return $out =~ /^(arn:\S+)/ ? $1 : '';
}

sub chains {
    my ($rc, $out) = $t->acmctl('stat', '--json');
    return $rc ? -1 : decode_json($out)->{Maps}{chain}{Entries};
}

my $one = put('one1', 'one');
my $two = put('two1', 'two');
is(chains(), 2, 'two chain certificates');

is(($t->acmctl('delete', $one))[0], 0, 'delete');
is(chains(), 2, 'its chain is there still');

$clock->set($clock->now() + 3700);
ok($t->wait_for(sub { chains() == 1 }), 'and gone after an hour');
like($t->read_file('error.log'), qr/removed 1 chain certificates/, 'logged');

my $r = $t->handshake(8443, 'two1.example.com');
like($r->{text}, qr/s:CN = two\.example\.com/, 'the other is served');

# again after a day; one that is used again by then stays

put('one2', 'one');
is(($t->acmctl('delete', $two))[0], 0, 'delete the other');
is(chains(), 2, 'both are there');
$clock->set($clock->now() + 86500);
ok($t->wait_for(sub { chains() == 1 }), 'a day later');

$r = $t->handshake(8443, 'one2.example.com');
like($r->{text}, qr/s:CN = one\.example\.com/, 'what is used is served');

# a revocation is in the list until a week after its certificate has expired

$t->write_config(<<'EOC');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer internal { ca; lifetime 6d; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        server_name revoked.example.com;
        acm_certificate auto;
    }
}
EOC

$t->reload();

my ($arn, $out);

ok($t->wait_for(sub {
    $out = ($t->acmctl('list'))[1];
    return ($arn) = $out =~ /^(arn:\S+) .*ISSUED.*revoked\.example\.com/m;
}), 'issued') or diag($out);

sub revocations {
    return scalar @{decode_json(($t->acmctl('revocations', '--json'))[1])};
}

my ($rc, $text) = $t->acmctl('revoke', $arn);
is($rc, 0, 'revoked') or diag($text);
is(revocations(), 1, 'in the list');

# what a clock that was ahead has found is nothing when it is ahead again

my $chains;
my $is = $clock->now();

for my $n (1 .. 2) {
    $two = put('two2', 'two');
    $chains = chains();
    is(($t->acmctl('delete', $two))[0], 0, 'delete');

    $clock->set($is + ($n + 30) * 86400);
    ok($t->wait_for(sub { chains() == $chains - 1 }), 'a sweep, ahead');

    $clock->set($is);
    ok($t->wait_for(sub {
        my @back = $t->read_file('error.log')
            =~ /the clock was ahead: revocations/g;
        return @back == $n;
    }), 'set back');
    is(revocations(), 1, 'in the list');
}

$two = put('two2', 'two');
$chains = chains();
is(($t->acmctl('delete', $two))[0], 0, 'delete');

$clock->set($clock->now() + 12 * 86400);
ok($t->wait_for(sub { chains() == $chains - 1 }), 'a sweep, it has expired');
is(revocations(), 1, 'still in the list');

$two = put('two2', 'two');
$chains = chains();
is(($t->acmctl('delete', $two))[0], 0, 'delete');

$clock->set($clock->now() + 2 * 86400);
ok($t->wait_for(sub { chains() == $chains - 1 }), 'a week later');
is(revocations(), 1, 'still: the clock may be ahead');

# the time of a sweep is known to the next process

$t->stop();
$t->run();

# by the day of the log the sweep before has removed nothing

$clock->set($clock->now() + 86500);
my $day = strftime('%Y/%m/%d', localtime($clock->now()));
ok($t->wait_for(sub { revocations() == 0 }), 'and gone with the next sweep');
like($t->read_file('error.log'), qr/^\Q$day\E .*removed 1 revocations/m,
    'logged then');

is(($t->acmctl('verify'))[0], 0, 'verify');

$t->finish();

done_testing();
