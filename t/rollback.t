#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Old versions of certificates are kept and put in use again, in every
# worker by its next handshake; renewal goes on from there.  What fails its
# self-check is never put in use.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

# certificates that live seconds are replaced while they are looked at: what
# must stay is imported, or lives long

my $ca = Test::Nginx::FakeCA->new(config => {
    profiles => { short => { lifetime => 20 }, long => {} } });

$ca->rule({ match => { endpoint => 'cert', name => 'first.example.com',
    times => 1 }, action => { cert => 'clientonly' } });
my $bad = $ca->rule({ match => { endpoint => 'cert', nth => [2 .. 1000],
    name => 'kept.example.com' }, action => { cert => 'clientonly' } });

$t->raw(CA => $ca->url());

sub config {
    my ($more) = @_;

    my $auto = join('', map { my ($name, $issuer) = @$_;
        "server { listen 127.0.0.1:8443 ssl; server_name $name.example.com; "
        . "acm_certificate auto issuer=$issuer; }\n" } ['short', 'internal'],
        ['first', 'long'], ['kept', 'short'], ['acme', 'short']);

    return $t->write_config(<<"EOF2");
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    $more
    issuer internal { ca; lifetime 20s; }
    issuer long { acme %%CA%%; accept_terms on; preflight off;
        challenge http-01; profile long; retry 1s; }
    issuer short { acme %%CA%%; accept_terms on; preflight off;
        challenge http-01; profile short; retry 1s; }
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8444 ssl reuseport; acm_certificate sni;
        location / { return 200 "pid \$pid\\n"; } }
    server { listen 127.0.0.1:8080; location /status { acm_status; } }
    $auto
}
EOF2
}

config('');
$t->run();

# an import, in three versions

sub make {
    my ($name, $host, $days) = @_;

    system("cd $dir && openssl req -x509 -newkey ec -pkeyopt "
        . "ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.pem "
        . "-subj /CN=$host -addext subjectAltName=DNS:$host "
        . "-days $days >/dev/null 2>&1") == 0 or die "openssl req";

    return $t->serial($t->read_file("$name.pem"));
}

my ($rc, $out);

sub ctl { ($rc, $out) = $t->acmctl(@_); return $rc }

my %serial = map { $_ => make("v$_", 'www.example.com', 30) } 1 .. 3;
my $arn;

for my $v (1, 2) {
    is(ctl('import', '--cert', "$dir/v$v.pem", '--key', "$dir/v$v.key",
        $arn ? ('--arn', $arn) : ()), 0, "version $v imported") or diag($out);
    ($arn) = $out =~ /(arn:aws:acm:\S+)/ or last;
}

# the serial numbers that workers serve now, by their process

sub served {
    my ($host) = @_;

    my $port = $t->port(8444);
    my $s = `printf 'GET / HTTP/1.0\r\n\r\n' | LD_PRELOAD= timeout 20 openssl \\
        s_client -connect 127.0.0.1:$port -servername $host -ign_eof 2>&1`;
    my ($pem) = $s =~ /(-----BEGIN CERT.*?-----END CERT[^\n]+\n)/s;
    my ($pid) = $s =~ /^pid (\d+)/m;

    return $pem && $pid ? ($pid, $t->serial($pem)) : ('none', $s);
}

# Each worker is asked, and none serves anything else.

sub all_serve {
    my ($serial, $what) = @_;

    my (%seen, @wrong);

    $t->wait_for(sub {
        my ($pid, $s) = served('www.example.com');
        $seen{$pid} = 1;
        push @wrong, $s if $s ne $serial;
        return @wrong || keys %seen == 2;
    }, 30);

    is(scalar(keys %seen), 2, "$what: both workers");
    is("@wrong", '', "$what: in each");
    return;
}

all_serve($serial{2}, 'version 2');

is(ctl('versions', $arn), 0, 'versions');
like($out, qr/^1 \S+ \S+Z \S+Z\n2 \S+ \S+Z \S+Z current\n$/, 'are listed');
my ($old) = $out =~ /^1 (\S+)/;

is(ctl('rollback', $arn), 0, 'rollback') or diag($out);
like($out, qr/^version 3 is in use$/m, 'says so');
all_serve($serial{1}, 'rolled back');

is(ctl('versions', $arn, '--json'), 0, 'versions in JSON');
my $list = eval { decode_json($out) } || [];
is(join(' ', map { $_->{Version} } @$list), '1 2 3', 'three are kept');
is($list->[2]{Serial}, $old, 'the last is the first again');
is(join(' ', map { $_->{Current} ? 1 : 0 } @$list), '0 0 1', 'in use');

is(ctl('rollback', $arn, '--version', 2), 0, 'rollback to version 2');
all_serve($serial{2}, 'version 2 again');
is(ctl('verify'), 0, 'verify') or diag($out);

# what is refused

is(ctl('rollback', $arn, '--version', 1), 1, 'not kept any more');
like($out, qr/version 1 .* not kept.*nothing was changed/, 'says so');
is(ctl('rollback', $arn, '--version', 4), 1, 'the one in use');
like($out, qr/version 4 .* is in use/, 'says so');
is(ctl('rollback', $arn, '--version', $_), 2, "version \"$_\"")
    for '', '0', '-1', 'x', '1x', '4294967296';
is(ctl('rollback'), 2, 'no certificate');
is(ctl('versions'), 2, 'no certificate to list');
is(ctl('versions', '00000000-0000-4000-8000-000000000000'), 1,
    'none of that name');
all_serve($serial{2}, 'as before');

# how many are kept; one more is refused

my ($code, $text) = (config('versions 101;'), $t->nginx('-t'))[1, 2];
isnt($code, 0, 'versions 101');
like($text, qr/must be between 2 and 100/, 'says so');
($code, $text) = (config('versions 1;'), $t->nginx('-t'))[1, 2];
isnt($code, 0, 'versions 1');
($code, $text) = (config('versions 100;'), $t->nginx('-t'))[1, 2];
is($code, 0, 'versions 100') or diag($text);

sub kept { ctl('versions', $arn); return scalar(() = $out =~ /^\d/mg) }

config('versions 2;');
$t->reload();
ok($t->wait_for(sub {
    ctl('rollback', $arn);
    return $rc == 0 && kept() == 2;
}, 20), 'versions 2: surplus ones are gone') or diag($out);

config('versions 4;');
$t->reload();
ok($t->wait_for(sub { ctl('rollback', $arn); return kept() == 4 }, 20),
    'versions 4') or diag($out);
is(ctl('verify'), 0, 'verify with four') or diag($out);

# short-lived ones: rolled back, then renewed as ever

sub rolled {
    my ($name) = @_;

    my $host = "$name.example.com";
    my $c;

    # the one before may be over by then: after the next renewal

    ok($t->wait_for(sub {
        $c = $t->certificate($host);
        return $c && $c->{Version} >= 2
            && (ctl('rollback', $c->{CertificateArn}) == 0
                || $out !~ / expired at /);
    }, 90), "$name: renewed") or diag($t->tail($name));
    is($rc, 0, "$name: rolled back") or diag($out);
    my ($n) = $out =~ /^version (\d+)/;

    ctl('versions', $c->{CertificateArn}, '--json');
    $list = eval { decode_json($out) } || [];
    my ($now) = grep { $_->{Version} == $n } @$list;
    my ($was) = grep { $_->{Version} == $n - 2 } @$list;
    is($now->{Serial}, $was->{Serial}, "$name: to the one before");

    ok($t->wait_for(sub {
        my $c = $t->certificate($host);
        return $c->{Version} > $n && $c->{Serial} ne $now->{Serial};
    }, 40), "$name: renewed again") or diag($t->tail($name));
    is($t->certificate($host)->{LastError}, undef, "$name: no failure");

    return $n;
}

rolled('short');
my $n = rolled('acme');

my @orders = grep { $_->{names}[0] eq 'acme.example.com' }
    @{$ca->stats()->{orders}};
ok($orders[1]{replaces}, 'acme: a renewal replaces');

# one order for each version but the one that was rolled back to

is($orders[$n - 1]{replaces}, undef, 'acme: but not what is replaced already');

# the self-check

ok($t->wait_issued('first.example.com', 20), 'first: issued in the end')
    or diag($t->tail('first'));
like($t->read_file('error.log'),
    qr/"first\.example\.com" failed.*refused: TLS self-check: .*purpose/,
    'first: what fails is refused');

my $kept = $t->wait_issued('kept.example.com', 20);

ok($t->wait_for(sub {
    return ($t->certificate('kept.example.com')->{LastError} || '')
        =~ /self-check/;
}, 40), 'kept: a renewal fails') or diag($t->tail('kept'));

my $c = $t->certificate('kept.example.com');

is($c->{Version}, 1, 'kept: the one before stays');
is($c->{Serial}, $kept->{Serial}, 'kept: in use');
is($t->serial($t->handshake(8443, 'kept.example.com')->{pem}), 'serial='
    . uc($c->{Serial} =~ s/://gr), 'kept: and served');

$ca->clear($bad);
ok($t->wait_for(sub {
    return $t->certificate('kept.example.com')->{Version} >= 2;
}, 20), 'kept: renewed when the CA is right again') or diag($t->tail('kept'));

is(ctl('verify'), 0, 'verify at the end') or diag($out);

# none stays behind

is(ctl('delete', $arn), 0, 'delete');
is(ctl('versions', $arn), 1, 'no version of it');
is(ctl('verify'), 0, 'nor any of its material') or diag($out);

$t->finish();

done_testing();
