#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# acm_dns: the validation zone, asked by dig, kdig, a real resolver in front
# of it, and by those who mean no good.  ACM_DNS_FUZZ: seconds of garbage.

use warnings;
use strict;

use IO::Select;
use IO::Socket::INET;
use POSIX qw/ :sys_wait_h /;
use Test::More;
use Time::HiRes qw/ time /;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $zone = 'acm-v.example.net';

my $t = Test::Nginx::ACM->new();

plan(skip_all => 'challenge, for tests, is not built')
    unless -x "$t->{out}/challenge";

sub config {
    my ($acm, $stream) = @_;

    return $t->write_config(<<"EOF_CONF");
%%GLOBALS%%
%%STREAM%%
events { }
$acm
stream {
    log_format dns '\$protocol \$status \$bytes_received \$bytes_sent';
    access_log %%DIR%%/dns.log dns;
    $stream
}
EOF_CONF
}

sub acm {
    return "acm { store %%DIR%%/store; master_key %%DIR%%/acm.key; $_[0] }";
}

my $listen = 'listen 127.0.0.1:8053 udp; listen 127.0.0.1:8053;';

# nginx -t

sub bad {
    my ($name, $acm, $stream, @like) = @_;

    config($acm, $stream);
    my ($rc, $out) = $t->nginx('-t');

    isnt($rc, 0, "$name: refused");
    like($out, $_, "$name: says $_") for @like;
}

sub good {
    my ($name, $acm, $stream) = @_;

    config($acm, $stream);
    my ($rc, $out) = $t->nginx('-t');

    is($rc, 0, "$name: accepted") or diag($out);
    return $out;
}

my $at = qr/nginx\.conf:\d+/;
my $dns = "server { $listen acm_dns; }";

sub zone { return acm("validation_zone $_[0];") }

bad('no acm block', '', $dns,
    qr/"acm_dns" in \S*$at needs an "acm \{\}" block: add "acm \{ valid/);
bad('no zone', acm(''), $dns, qr/"acm_dns" in \S*$at needs a zone: add /,
    qr/"validation_zone NAME;" to the "acm \{\}" block in \S*$at/);
bad('acm_dns twice', zone($zone), "server { $listen acm_dns; acm_dns; }",
    qr/"acm_dns" directive is duplicate/, $at);
bad('acm_dns beside return', zone($zone),
    "server { $listen return x; acm_dns; }", qr/a server of its own/, $at);
bad('acm_dns in stream', zone($zone), "acm_dns;",
    qr/"acm_dns" directive is not allowed here/, $at);
bad('rate', zone($zone), "acm_dns_rate 100001; $dns",
    qr/value must be equal to or less than|value must be between/, $at);
bad('zone twice', acm("validation_zone $zone; validation_zone $zone;"),
    $dns, qr/"validation_zone" directive is duplicate/, $at);
bad("zone $_", zone($_), $dns, qr/invalid validation zone "\Q$_\E"/, $at)
    for 'localhost', 'a_b.example.net', "*.$zone", '192.0.2.1';
bad('parameter', zone("$zone adress=192.0.2.1"), $dns,
    qr/invalid parameter "adress=192\.0\.2\.1": "ns=" and /, $at);
bad('name server', zone("$zone ns=a_b.example.org"), $dns,
    qr/invalid name server "a_b\.example\.org"/, $at);
bad('two name servers', zone("$zone ns=a.example.org ns=b.example.org"),
    $dns, qr/the zone has one name server/, $at);
bad("address $_", zone("$zone address=$_"), $dns,
    qr/invalid address "\Q$_\E": use an IP address/, $at)
    for 'ns.example.net', '192.0.2.1:53', '192.0.2';
bad('address outside', zone("$zone ns=a.example.org address=192.0.2.1"),
    $dns, qr/"a\.example\.org" is not in "\Q$zone\E": remove it/, $at);

my @many = map { "address=192.0.2.$_" } (1 .. 9);
bad('nine addresses', zone("$zone @many"), $dns, qr/at most 8/, $at);
pop @many;
good('eight addresses', zone("$zone @many"), $dns);

my $long = join('.', ('z' x 63) x 3, 'z' x 28);
good('zone of 220 octets', zone("$long address=::1"), $dns);
bad('zone of 221 octets', zone("${long}z address=::1"), $dns,
    qr/use at most 220 octets/, $at);

like(good('zone alone', zone($zone), $dns),
    qr/\[warn\].*"ns\.\Q$zone\E" has no address: add "address="/,
    'a zone alone: a warning');
unlike(good('name server elsewhere', zone("$zone ns=ns.example.org"), $dns),
    qr/warn/, 'a name server elsewhere: no warning');

config('', $dns . acm("validation_zone $zone;"));
isnt(($t->nginx('-t'))[0], 0, 'acm block in stream: refused');

# acm {} may stand behind stream {}

$t->write_config(<<"EOF_CONF");
%%GLOBALS%%
%%STREAM%%
events { }
stream { $dns }
@{[ zone("$zone ns=ns.example.org") ]}
EOF_CONF
is(($t->nginx('-t'))[0], 0, 'acm block behind stream: accepted');

# running

config(zone("ACM-V.example.net address=127.0.0.1 address=::1"),
    "server { $listen acm_dns; acm_dns_rate 0; }"
    . 'server { listen 127.0.0.1:8054 udp; listen 127.0.0.1:8054; '
    . 'acm_dns; }');
$t->run();

my $port = $t->port(8053);

sub challenge {
    my (@args) = @_;

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>&', \*STDOUT);
        exec("$t->{out}/challenge", "$t->{dir}/store", @args)
            or POSIX::_exit(127);
    }

    my $out = do { local $/; <$fh> } // '';
    close($fh);
    chomp $out;

    return $? == 0 && $out =~ /^[0-9a-f]{32}$/ ? $out : '';
}

sub capture {
    my (@cmd) = @_;

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>&', \*STDOUT);
        exec(@cmd) or POSIX::_exit(127);
    }

    my $out = do { local $/; <$fh> } // '';
    close($fh);

    return $out;
}

sub dig {
    my (@args) = @_;

    return capture('dig', '@127.0.0.1', '-p', $port, '+norec', '+tries=2',
        '+time=5', @args);
}

sub value { return $_[0] x 43 }

my $one = $t->wait_for(sub { challenge('www.example.com', 600, value('a')) });
ok($one, 'a label in the store');
is(challenge('*.www.example.com', 600, value('a')), $one,
    'a wildcard has the same label');

my $many = challenge('many.example.com', 600, map { value($_) }
    ('a' .. 'p'));
my $none = challenge('none.example.com', 600);
my $over = challenge('over.example.com', 0, value('a'));

# an idle one, to see it end

my $idle = tcp();
syswrite($idle, "\0");
my $idle_since = time();

$t->wait_for(sub { dig("$one.$zone", 'TXT') =~ /NOERROR/ });

my $out = dig("$one.$zone", 'TXT');
like($out, qr/status: NOERROR/, 'TXT: status');
like($out, qr/flags: qr aa;/, 'TXT: flags');
like($out, qr/^\Q$one.$zone\E\.\s+0\s+IN\s+TXT\s+"a{43}"$/m, 'TXT: value');
like($out, qr/EDNS: version: 0, flags:; udp: 1232/, 'TXT: EDNS');
unlike($out, qr/WARNING|warning|malformed/, 'TXT: dig has no doubt');

$out = dig("$many.$zone", 'TXT');
is(() = $out =~ /IN\s+TXT\s+"/g, 16, 'sixteen values');
unlike($out, qr/flags: [^;]*tc|TCP/, 'sixteen values: in a datagram');

$out = dig('+noedns', '+ignore', "$many.$zone", 'TXT');
like($out, qr/flags: qr aa tc;/, 'without EDNS: truncated');
like($out, qr/ANSWER: 0/, 'without EDNS: empty');

$out = dig('+noedns', "$many.$zone", 'TXT');
is(() = $out =~ /IN\s+TXT\s+"/g, 16, 'without EDNS: by TCP');

$out = dig('+bufsize=512', '+ignore', "$many.$zone", 'TXT');
like($out, qr/flags: qr aa tc;/, '512 octets: truncated');

for (['AAAA', "$one.$zone"], ['CAA', "$one.$zone"], ['TXT', "$none.$zone"],
    ['TXT', "$over.$zone"], ['TXT', $zone], ['DNSKEY', $zone],
    ['MX', "ns.$zone"])
{
    $out = dig($_->[1], $_->[0]);
    like($out, qr/NOERROR.*ANSWER: 0, AUTHORITY: 1/s, "NODATA: @$_");
    like($out, qr/^\Q$zone\E\.\s+0\s+IN\s+SOA\s+ns\.\Q$zone\E\. /m,
        "NODATA: @$_: SOA");
}

for ("nothing.$zone", "x.$one.$zone", '0' x 32 . ".$zone",
    "_acme-challenge.$zone")
{
    $out = dig($_, 'TXT');
    like($out, qr/flags: qr aa;/, "NXDOMAIN: $_: authoritative");
    like($out, qr/NXDOMAIN.*ANSWER: 0, AUTHORITY: 1/s, "NXDOMAIN: $_");
}

like(dig($zone, 'SOA'), qr/^\Q$zone\E\.\s+3600\s+IN\s+SOA\s+\Qns.$zone.\E
    \ \Qhostmaster.$zone.\E\ \d+\ /mx, 'SOA');
like(dig($zone, 'NS'), qr/IN\s+NS\s+ns\.\Q$zone\E\.$/m, 'NS');
like(dig("ns.$zone", 'A'), qr/IN\s+A\s+127\.0\.0\.1$/m, 'A');
like(dig("ns.$zone", 'AAAA'), qr/IN\s+AAAA\s+::1$/m, 'AAAA');
like(dig('+notcp', "$one.$zone", 'ANY'), qr/IN\s+HINFO\s+"RFC8482" ""$/m,
    'ANY');
like(dig('www.example.com', 'A'), qr/status: REFUSED/, 'another zone');
like(dig($zone, 'AXFR'), qr/Transfer failed|REFUSED/, 'AXFR');
like(dig('-c', 'CH', 'version.bind', 'TXT'), qr/status: REFUSED/, 'class');
like(dig('+opcode=notify', $zone, 'SOA'), qr/status: NOTIMP/, 'opcode');
like(dig('+edns=1', '+noednsneg', $zone, 'SOA'), qr/status: BADVERS/,
    'EDNS version');
like(dig('+dnssec', $zone, 'SOA'), qr/EDNS: version: 0, flags: do;/,
    'DO is copied');

$out = capture('kdig', '@127.0.0.1', '-p', $port, '+tcp', '+norec',
    "$many.$zone", 'TXT');
is(() = $out =~ /IN\s+TXT\s+"/g, 16, 'kdig: by TCP');
$out = capture('kdig', '@127.0.0.1', '-p', $port, '+norec', "$one.$zone",
    'TXT');
like($out, qr/TXT\s+"a{43}"/, 'kdig: by UDP');
unlike($out, qr/WARNING/, 'kdig: has no doubt');

# packets

sub packet {
    my ($name, $type, $id) = @_;

    return pack('n6', $id // 4660, 0, 1, 0, 0, 0)
        . pack('(C/a)*', split(/\./, $name)) . "\0" . pack('nn', $type, 1);
}

sub udp {
    return IO::Socket::INET->new(Proto => 'udp',
        PeerAddr => '127.0.0.1:' . $t->port($_[0] || 8053));
}

sub tcp {
    return IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1:' . $t->port($_[0] || 8053));
}

sub ask {
    my ($query) = @_;

    my $s = udp();

    for (1 .. 3) {
        send($s, $query, 0);
        IO::Select->new($s)->can_read(5) or next;
        recv($s, my $answer, 65535, 0);
        return $answer // '';
    }

    return '';
}

my $mixed = join('', map { $_ % 2 ? uc(substr($one, $_, 1))
    : substr($one, $_, 1) } (0 .. 31)) . '.aCm-V.eXAMPLE.Net';
my $query = packet($mixed, 16);
my $answer = ask($query);
is(substr($answer, 12, length($query) - 12), substr($query, 12),
    '0x20: the question is echoed');
like($answer, qr/a{43}$/, '0x20: the value');

# TCP: several queries, in pieces, on one connection

sub frame { return pack('n/a*', $_[0]) }

sub frames {
    my ($s, $n) = @_;

    my ($buf, @got) = ('');

    while (@got < $n) {
        last unless IO::Select->new($s)->can_read(10);
        last unless sysread($s, $buf, 65536, length($buf));

        while (length($buf) >= 2 && length($buf) >= 2 + unpack('n', $buf)) {
            push @got, unpack('n/a*', $buf);
            substr($buf, 0, 2 + length($got[-1])) = '';
        }
    }

    return @got;
}

sub ended {
    my ($s) = @_;

    return 0 unless IO::Select->new($s)->can_read(20);
    return !sysread($s, my $buf, 1);
}

my $s = tcp();
syswrite($s, join('', map { frame(packet("$one.$zone", 16, $_)) }
    (1 .. 20)));
my @got = frames($s, 20);
is(join(' ', map { unpack('n', $_) } @got), join(' ', 1 .. 20),
    'TCP: pipelined, in order');
is(scalar(grep { /a{43}$/ } @got), 20, 'TCP: all answered');

my $frame = frame(packet("$many.$zone", 16, 7));

for my $i (0 .. length($frame) - 1) {
    syswrite($s, substr($frame, $i, 1));
    select(undef, undef, undef, 0.002);
}

is(length((frames($s, 1))[0]), 964, 'TCP: in pieces');

syswrite($s, frame(packet("$one.$zone", 16, $_))) for (22 .. 101);
is(scalar(@got = frames($s, 80)), 79, 'TCP: 100 queries on a connection');
ok(ended($s), 'TCP: then it ends');

for (['shorter than a header', frame('x' x 11)], ['length 0', "\0\0"],
    ['over-long', pack('n', 4097)],
    ['a response', frame("\0\0\x80" . "\0" x 9)])
{
    $s = tcp();
    syswrite($s, $_->[1]);
    ok(ended($s), "TCP: $_->[0]: ends");
}

$s = tcp();
syswrite($s, frame(pack('n6', 99, 0, 0, 0, 0, 0)));
is(unpack('x3C', (frames($s, 1))[0]), 1, 'TCP: FORMERR');

# datagrams that get no answer, and one that does

$s = udp();
send($s, '', 0);
send($s, 'x' x 11, 0);
send($s, "\0\0\x80" . "\0" x 9, 0);
send($s, pack('n6', 77, 0, 2, 0, 0, 0), 0);
IO::Select->new($s)->can_read(5);
recv($s, $answer, 65535, 0);
is(unpack('n', $answer), 77, 'UDP: silence');

# garbage

my $garbage = $ENV{ACM_DNS_FUZZ} || 2;
my $end = time() + $garbage;
my ($sent, $seen, $odd) = (0, 0, 0);
my @seeds = (packet("$one.$zone", 16), packet($zone, 6),
    packet("$many.$zone", 255) . "\0" . pack('nnNn', 41, 1232, 0, 0));
substr($seeds[2], 10, 2) = "\0\1";
my $select = IO::Select->new($s);

diag('seed ' . srand());

while (time() < $end) {
    for (1 .. 20) {
        my $p = $seeds[rand(@seeds)];

        substr($p, rand(length($p)), 1) = chr(rand(256))
            for (0 .. rand(4));
        $p = substr($p, 0, rand(length($p) + 1)) if rand() < 0.2;
        $p .= join('', map { chr(rand(256)) } (0 .. rand(40)))
            if rand() < 0.2;
        $p = join('', map { chr(rand(256)) } (0 .. rand(2000)))
            if rand() < 0.1;

        send($s, $p, 0);
        $sent++;
    }

    while ($select->can_read(0)) {
        recv($s, my $got, 65535, 0) // last;
        $seen++;
        $odd++ if length($got) < 12 || !(ord(substr($got, 2)) & 0x80);
    }
}

cmp_ok($seen, '>', 10, "garbage: $sent sent, $seen answered");
is($odd, 0, 'garbage: only responses');
like(dig("$one.$zone", 'TXT'), qr/TXT\s+"a{43}"/, 'garbage: still answers');

# a resolver in front

my $named = resolver();

sub resolver {
    my $rport = $t->port(8055);

    $_->close() for @{delete $t->{holders} || []};

    mkdir("$t->{dir}/named");
    $t->write_file('named.conf', <<"EOF_CONF");
options {
    directory "$t->{dir}/named";
    listen-on port $rport { 127.0.0.1; };
    listen-on-v6 { none; };
    pid-file none;
    session-keyfile none;
    recursion yes;
    dnssec-validation no;
    allow-query { 127.0.0.1; };
    empty-zones-enable no;
    notify no;
};
controls { };
zone "$zone" {
    type forward;
    forward only;
    forwarders { 127.0.0.1 port $port; };
};
EOF_CONF

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', "$t->{dir}/named.log");
        open(STDERR, '>&', \*STDOUT);
        exec('named', '-g', '-n', '1', '-c', "$t->{dir}/named.conf")
            or POSIX::_exit(127);
    }

    return $pid;
}

sub resolve {
    return capture('dig', '@127.0.0.1', '-p', $t->port(8055), '+tries=1',
        '+time=5', @_);
}

ok($t->wait_for(sub {
    resolve('+time=1', "$one.$zone", 'TXT') =~ /TXT\s+"a{43}"/
}), 'resolver: TXT') or diag($t->read_file('named.log'));

$out = resolve("$many.$zone", 'TXT');
is(() = $out =~ /IN\s+TXT\s+"/g, 16, 'resolver: several TXT');
like(resolve("nothing.$zone", 'TXT'), qr/NXDOMAIN.*SOA/s,
    'resolver: NXDOMAIN');
like(resolve("$one.$zone", 'MX'), qr/NOERROR.*ANSWER: 0.*SOA/s,
    'resolver: NODATA');
like(resolve($mixed, 'TXT'), qr/TXT\s+"a{43}"/, 'resolver: mixed case');
like(resolve('+tcp', "$many.$zone", 'TXT'), qr/TXT\s+"p{43}"/,
    'resolver: asked by TCP');

my $late = challenge('late.example.com', 600);
like(resolve("$late.$zone", 'TXT'), qr/NOERROR.*ANSWER: 0/s,
    'resolver: a label without values');

# nothing of it is kept by the resolver for longer than a second

for my $c ('x', 'y') {
    challenge('late.example.com', 600, value($c));
    ok($t->wait_for(sub {
        resolve("$late.$zone", 'TXT') =~ /TXT\s+"${c}{43}"/;
    }, 5), "resolver: what was put just now, $c");
}

kill('TERM', $named);
ok($t->wait_for(sub { waitpid($named, WNOHANG) == $named }, 20)
    || (kill('KILL', $named) && 0), 'resolver: ends');

# a value that is gone

challenge('late.example.com', 0, value('x'), value('y'));
like(dig("$late.$zone", 'TXT'), qr/NOERROR.*ANSWER: 0/s,
    'a value that has expired');

# the limit: 20 a second, then one in two with TC

$s = udp(8054);
my $start = time();
my ($full, $tc) = (0, 0);
$select = IO::Select->new($s);

for my $id (1 .. 200) {
    send($s, packet("$one.$zone", 16, $id), 0);

    while ($select->can_read(0.001)) {
        recv($s, my $got, 65535, 0);
        (unpack('C', substr($got, 2)) & 2) ? $tc++ : $full++;
    }
}

while ($select->can_read(0.5)) {
    recv($s, my $got, 65535, 0);
    (unpack('C', substr($got, 2)) & 2) ? $tc++ : $full++;
}

my $most = 21 + 20 * (time() - $start);
cmp_ok($full, '>=', 20, 'limit: what is below it is answered');
cmp_ok($full, '<=', $most, 'limit: what is above it is not');
cmp_ok(abs(200 - $full - 2 * $tc), '<=', 1 + $full,
    "limit: $full answers, $tc truncated, of 200");
cmp_ok($tc, '>', 0, 'limit: some are truncated');

$s = tcp(8054);
syswrite($s, frame(packet("$one.$zone", 16, $_))) for (1 .. 60);
is(scalar(grep { /a{43}$/ } frames($s, 60)), 60, 'limit: not by TCP');

# a reload ends idle connections, and the new workers answer

$s = tcp();
syswrite($s, frame(packet("$one.$zone", 16)));
is(scalar(frames($s, 1)), 1, 'a connection');
$t->reload();
ok(ended($s), 'a reload ends it');
$t->wait_for(sub { dig("$one.$zone", 'TXT') =~ /TXT\s+"a{43}"/ });
like(dig("$one.$zone", 'TXT'), qr/TXT\s+"a{43}"/, 'after a reload');

my $log = $t->read_file('dns.log');
like($log, qr/^UDP 200 \d+ \d+$/m, 'access log: UDP');
like($log, qr/^TCP 200 \d+ \d+$/m, 'access log: TCP');
like($log, qr/^UDP 503 \d+ 0$/m, 'access log: over the limit');
like($log, qr/^UDP 400 \d+ 0$/m, 'access log: no answer');

ok(ended($idle), 'a slow client is left')
    or diag(time() - $idle_since);
cmp_ok(time() - $idle_since, '<', 60 + $garbage, 'a slow client: in time');

$t->finish();

# a store that cannot be read

$t = Test::Nginx::ACM->new();
mkdir("$t->{dir}/store");
$t->write_file('store/data.mdb', 'x' x 8192);
$t->write_file('acm.key', 'A' x 43 . "=\n");
chmod(0600, "$t->{dir}/acm.key");

if ($> == 0) {
    my ($uid, $gid) = (getpwnam('www-data'))[2, 3];
    chown($uid, $gid, "$t->{dir}/store", "$t->{dir}/store/data.mdb");
}

config(zone("$zone ns=ns.example.org"), $dns);
$t->run();
$port = $t->port(8053);

like(dig("$one.$zone", 'TXT'), qr/status: SERVFAIL/, 'no store: SERVFAIL');
like(dig($zone, 'SOA'), qr/status: NOERROR/, 'no store: SOA');

$t->finish();

done_testing();
