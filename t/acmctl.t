#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# acmctl on a store of its own: every command, every import case.

use warnings;
use strict;

use JSON::PP;
use POSIX ();
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

mkdir("$dir/store");
my ($rc, $out);

sub ctl { ($rc, $out) = $t->acmctl(@_); return $rc }

sub ssl {
    my ($cmd) = @_;
    system("cd $dir && openssl $cmd >/dev/null 2>&1") == 0
        or die "openssl $cmd";
    return;
}

# a CA of two levels, and leaves

sub key {
    my ($name, $type) = @_;
    ssl($type eq 'ec'
        ? "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name.key"
        : "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:$type -out $name.key");
    return;
}

sub issue {
    my ($name, $subject, $ext, $ca, $days, $md) = @_;
    $t->write_file("$name.ext", $ext);
    ssl("req -new -key $name.key -subj '$subject' -out $name.csr");
    ssl("x509 -req -in $name.csr -extfile $name.ext -days $days "
        . ($md || '-sha256') . ' -out ' . "$name.pem "
        . ($ca ? "-CA $ca.pem -CAkey $ca.key -CAcreateserial"
               : "-signkey $name.key"));
    return;
}

my $caext = "basicConstraints=critical,CA:TRUE\n"
    . "keyUsage=critical,keyCertSign,cRLSign\n";

key($_, 'ec') for qw/ root inter leaf other /;
key('rsa', 2048);
issue('root', '/CN=Root', $caext, undef, 3650);
issue('inter', '/CN=Intermediate', $caext, 'root', 1800);
issue('leaf', '/CN=www.example.com', 'subjectAltName=DNS:www.example.com',
    'inter', 89);
issue('rsa', '/CN=rsa.example.com', 'subjectAltName=DNS:rsa.example.com',
    'inter', 89);
$t->write_file('chain.pem', $t->read_file('inter.pem')
    . $t->read_file('root.pem'));

# no key, no store

isnt(ctl('list'), 0, 'no store: list');
like($out, qr/acmctl: .*\/store/, 'says where');
isnt(ctl('import', '--cert', "$dir/leaf.pem", '--key', "$dir/leaf.key"), 0,
    'no master key');
like($out, qr/acm\.key.*no such file/, 'says which file');

ssl('rand -base64 -out acm.key 32');
chmod(0600, "$dir/acm.key");

sub import_ok {
    my ($name, $cert, $key, $chain, @more) = @_;
    is(ctl('import', '--cert', "$dir/$cert", '--key', "$dir/$key",
        $chain ? ('--chain', "$dir/$chain") : (), @more), 0,
        "$name: imported") or diag($out);
    my ($arn) = $out =~ /(arn:aws:acm:\S+)/;
    return $arn;
}

sub count {
    my ($r, $o) = $t->acmctl('list');
    return scalar(() = $o =~ /^arn:/mg);
}

sub import_bad {
    my ($name, $cert, $key, $chain, $like) = @_;
    my $before = count();
    is(ctl('import', '--cert', "$dir/$cert", '--key', "$dir/$key",
        $chain ? ('--chain', "$dir/$chain") : ()), 1, "$name: refused");
    like($out, $like, "$name: says why");
    is(count(), $before, "$name: nothing stored");
    return;
}

my $arn = import_ok('control', 'leaf.pem', 'leaf.key', 'chain.pem');
like($arn, qr/^arn:aws:acm:us-east-1:123456789012:certificate\/[0-9a-f-]{36}$/,
    'ARN');

# line ends, text, EC PARAMETERS

for my $f (qw/ leaf.pem leaf.key chain.pem /) {
    (my $x = $t->read_file($f)) =~ s/\n/\r\n/g;
    $t->write_file("crlf-$f", $x);
    $t->write_file("text-$f", "Bag Attributes\n  friendlyName: x\n"
        . $t->read_file($f) . 'trailing remark');
}

my $crlf = import_ok('CRLF', 'crlf-leaf.pem', 'crlf-leaf.key',
    'crlf-chain.pem');
my $text = import_ok('text', 'text-leaf.pem', 'text-leaf.key',
    'text-chain.pem');
import_ok('no chain', 'leaf.pem', 'leaf.key');

ssl('ecparam -name prime256v1 -genkey -out params.key');
issue('params', '/CN=p.example.com', 'subjectAltName=DNS:p.example.com',
    'inter', 89);
like($t->read_file('params.key'), qr/EC PARAMETERS/, 'a key with parameters');
import_ok('EC PARAMETERS', 'params.pem', 'params.key', 'chain.pem');

ssl('ecparam -name prime256v1 -out only.key');
import_bad('parameters alone', 'params.pem', 'only.key', 'chain.pem',
    qr/private key/);

# export: LF only, as many certificates as came in

mkdir("$dir/out$_") for 1 .. 3;

is(ctl('export', $crlf, '--out', "$dir/out1", '--with-key'), 0, 'export')
    or diag($out);
is($t->read_file('out1/cert.pem'), $t->read_file('leaf.pem'), 'leaf');
is($t->read_file('out1/chain.pem'), $t->read_file('chain.pem'), 'chain');
is($t->read_file('out1/privkey.pem'), $t->read_file('leaf.key'), 'key');
is((stat("$dir/out1/privkey.pem"))[2] & 07777, 0600, 'mode of the key');
is(ctl('export', $crlf, '--out', "$dir/out1"), 1, 'never over a file');
is(ctl('export', $text, '--out', "$dir/out2"), 0, 'export without key');
ok(!-e "$dir/out2/privkey.pem", 'no key');
is(ctl('export', $text, '--with-key'), 1, 'no key on a terminal');
unlike($out, qr/PRIVATE/, 'really not');
ctl('export', $text);
is($out, $t->read_file('leaf.pem') . $t->read_file('chain.pem'),
    'export to standard output');

# what is refused

$t->write_file('full.pem', $t->read_file('leaf.pem')
    . $t->read_file('chain.pem'));
import_bad('whole chain', 'full.pem', 'leaf.key', undef, qr/more than one/);
$t->write_file('empty', '');
import_bad('nothing', 'empty', 'leaf.key', undef, qr/no certificate/);
$t->write_file('rootfirst.pem', $t->read_file('root.pem')
    . $t->read_file('inter.pem'));
import_bad('root first', 'leaf.pem', 'leaf.key', 'rootfirst.pem',
    qr/certify/);
import_bad('gap', 'leaf.pem', 'leaf.key', 'root.pem', qr/certify/);

ssl('pkcs8 -topk8 -in rsa.key -out enc8.key -passout pass:secret1');
ssl('rsa -in rsa.key -traditional -aes128 -passout pass:secret1 '
    . '-out enc1.key');
import_bad('encrypted PKCS #8', 'rsa.pem', 'enc8.key', 'chain.pem',
    qr/encrypted/);
import_bad('encrypted, old form', 'rsa.pem', 'enc1.key', 'chain.pem',
    qr/encrypted/);
import_bad('another key', 'leaf.pem', 'other.key', 'chain.pem', qr/match/);
import_bad('key of another type', 'rsa.pem', 'other.key', 'chain.pem',
    qr/match/);

key('weak', 1024);
issue('weak', '/CN=weak.example.com', 'subjectAltName=DNS:weak.example.com',
    'inter', 89);
import_bad('RSA 1024', 'weak.pem', 'weak.key', 'chain.pem', qr/weak/);

key('sha1', 2048);
issue('sha1', '/CN=s.example.com', 'subjectAltName=DNS:s.example.com',
    'inter', 89, '-sha1');
import_bad('SHA-1', 'sha1.pem', 'sha1.key', 'chain.pem', qr/signature/);

key('cn', 'ec');
issue('cn', '/CN=cnonly.example.com', 'basicConstraints=critical,CA:FALSE',
    undef, 89);
import_ok('CN only', 'cn.pem', 'cn.key');
like($out, qr/warning: .*common name only/, 'with a warning');

key('old', 'ec');
issue('old', '/CN=old.example.com', 'subjectAltName=DNS:old.example.com',
    undef, -1);
import_bad('expired', 'old.pem', 'old.key', undef, qr/expired/);

# show, list

ctl('show', $arn);
like($out, qr/Status\s+ISSUED/, 'show ARN');
like($out, qr/Type\s+IMPORTED/, 'type');
my ($uuid) = $arn =~ /([0-9a-f-]{36})$/;
is(ctl('show', $uuid), 0, 'show UUID');
is(ctl('show', 'WWW.example.com.'), 0, 'show NAME');
like($out, qr/DomainName\s+www\.example\.com/, 'by name');
is(ctl('show', 'nothing.example.org'), 1, 'show an unknown name');
is(ctl('show', '00000000-0000-4000-8000-000000000000'), 1, 'show nothing');
like($out, qr/not found/, 'not found');
is(ctl('show', 'arn:aws:acm:x'), 1, 'show a wrong ARN');

ctl('list', '--json');
my $list = eval { decode_json($out) };
is(scalar(@{$list || []}), count(), 'list --json');
is($list->[0]{Type}, 'IMPORTED', 'members');

# reimport

is(import_ok('reimport', 'leaf.pem', 'leaf.key', 'chain.pem', '--arn', $arn),
    $arn, 'the ARN stays');
ctl('show', $arn, '--json');
is(decode_json($out)->{Version}, 2, 'version 2');
is(ctl('import', '--cert', "$dir/rsa.pem", '--key', "$dir/rsa.key", '--chain',
    "$dir/chain.pem", '--arn', $arn), 1, 'reimport with another key type');
like($out, qr/type must stay/, 'says so');

# certbot

for my $l (qw/ a b bad /) {
    system("mkdir -p $dir/certbot/live/$l") == 0 or die;
    $t->write_file("certbot/live/$l/$_->[1]", $t->read_file($_->[0]))
        for $l eq 'a' ? (['leaf.pem', 'cert.pem'], ['leaf.key',
            'privkey.pem'], ['chain.pem', 'chain.pem'])
        : $l eq 'b' ? (['rsa.pem', 'cert.pem'], ['rsa.key', 'privkey.pem'],
            ['chain.pem', 'chain.pem'])
        : (['rsa.pem', 'cert.pem'], ['leaf.key', 'privkey.pem'],
            ['chain.pem', 'chain.pem']);
}

$t->write_file('certbot/live/README', 'words');
my $before = count();
is(ctl('import', '--certbot', "$dir/certbot"), 1, 'certbot: one is bad');
like($out, qr/bad\/cert\.pem.*match/, 'which');
like($out, qr/ a is there already/, 'one is there');
is(count(), $before + 1, 'one is new');
is(ctl('import', '--certbot', "$dir/certbot/live"), 1, 'certbot again');
is(count(), $before + 1, 'nothing is new');
is(ctl('import', '--certbot', "$dir/nowhere"), 1, 'certbot nowhere');

# verify, backup, rekey, delete

is(ctl('verify'), 0, 'verify') or diag($out);
like($out, qr/, 0 faults/, 'no faults');

is(ctl('backup', "$dir/copy"), 0, 'backup') or diag($out);
is(ctl('backup', "$dir/copy"), 1, 'not over a backup');
($rc, $out) = $t->acmctl('--store', "$dir/copy", 'verify');
is($rc, 0, 'the copy verifies') or diag($out);

is(ctl('rekey', '--new-master-key', "$dir/new.key"), 0, 'rekey')
    or diag($out);
is(ctl('verify'), 1, 'the old key opens nothing');
like($out, qr/master key/, 'and says so');
is(ctl('rekey', '--new-master-key', "$dir/newer.key"), 1,
    'rekey with the old key');
like($out, qr/nothing was changed/, 'changes nothing');
ok(!-e "$dir/newer.key", 'and makes no file');
is(ctl('rekey', '--new-master-key', "$dir/new.key"), 0,
    'rekey again, as after a crash') or diag($out);
rename("$dir/new.key", "$dir/acm.key");
is(ctl('verify'), 0, 'the new key opens all') or diag($out);

is(ctl('delete', $arn), 0, 'delete');
is(ctl('delete', $arn), 1, 'delete again');
is(ctl('verify'), 0, 'verify after it') or diag($out);

# one serial number, two certificates of one self-signed name

for my $l (qw/ one two /) {
    key($l, 'ec');
    $t->write_file("$l.ext", "subjectAltName=DNS:$l.example.com");
    ssl("req -new -key $l.key -subj /CN=box -out $l.csr");
    ssl("x509 -req -in $l.csr -extfile $l.ext -days 30 -set_serial 1 "
        . "-signkey $l.key -out $l.pem");
    system("mkdir -p $dir/serial/$l") == 0 or die;
    $t->write_file("serial/$l/cert.pem", $t->read_file("$l.pem"));
    $t->write_file("serial/$l/privkey.pem", $t->read_file("$l.key"));
    $t->write_file("serial/$l/chain.pem", '');
}

$before = count();
is(ctl('import', '--certbot', "$dir/serial"), 0, 'one serial') or diag($out);
is(count(), $before + 2, 'both are there');
is(ctl('--account', '999999999999', 'import', '--certbot', "$dir/serial"), 0,
    'another account') or diag($out);
is(count(), $before + 4, 'has its own');

# dates and names

sub dated {
    my ($name, $from, $to) = @_;
    my @t = map { my @g = gmtime(time() + 86400 * $_);
        sprintf('%04d%02d%02d%02d%02d%02dZ', $g[5] + 1900, $g[4] + 1,
            @g[3, 2, 1, 0]) } ($from, $to);
    $t->write_file('ca.cnf', "[ca]\ndefault_ca=d\n[d]\ndatabase=$dir/index\n"
        . "new_certs_dir=$dir\nrand_serial=yes\ndefault_md=sha256\n"
        . "policy=p\n[p]\ncommonName=optional\n");
    $t->write_file('index', '');
    $t->write_file("$name.ext", "subjectAltName=DNS:$name.example.com");
    ssl("req -new -key leaf.key -subj /CN=$name.example.com -out $name.csr");
    ssl("ca -batch -notext -config ca.cnf -cert inter.pem -keyfile inter.key "
        . "-in $name.csr -extfile $name.ext -startdate $t[0] -enddate $t[1] "
        . "-out $name.pem");
    return;
}

dated('soon', 2, 90);
import_bad('not yet valid', 'soon.pem', 'leaf.key', 'chain.pem',
    qr/not valid before/);
dated('xn--bcher-kva', -1, 90);
import_ok('A-label', 'xn--bcher-kva.pem', 'leaf.key', 'chain.pem');
is(ctl('show', 'xn--bcher-kva.example.com'), 0, 'found by its A-label');

# SEQUENCE { [2] IA5String } with the octets of a U-label

my $label = "b\xc3\xbccher.example.com";
key('ulabel', 'ec');
issue('ulabel', '/CN=u.example.com', 'subjectAltName=DER:'
    . unpack('H*', pack('CCCCa*', 0x30, length($label) + 2, 0x82,
    length($label), $label)), 'inter', 89);
import_bad('U-label', 'ulabel.pem', 'ulabel.key', 'chain.pem',
    qr/not a host name/);

# two families for one name, a wildcard

key('twor', 2048);
key('twoe', 'ec');
issue($_, '/CN=two.example.org',
    'subjectAltName=DNS:two.example.org,DNS:*.two.example.org', undef, 30)
    for qw/ twor twoe /;
import_ok($_, "$_.pem", "$_.key") for qw/ twor twoe /;
ctl('show', 'two.example.org', '--json');
my $both = eval { decode_json($out) };
is(scalar(@{$both || []}), 2, 'JSON of both families')
    or diag($out);
is(ctl('show', '*.two.example.org'), 0, 'show a wildcard') or diag($out);

# output that cannot be written

SKIP: {
    skip 'no /dev/full', 2 unless -c '/dev/full';

    for my $c ('list', "export $crlf") {
        is(system("$t->{acmctl} --store $dir/store --master-key $dir/acm.key "
            . "$c > /dev/full 2>$dir/err") >> 8, 1, "full: $c");
    }
}

# a file that is not written to its end does not stay

mkdir("$dir/short");
my $export = "$t->{acmctl} --store $dir/store --master-key $dir/acm.key "
    . "export $crlf --out $dir/short";
$out = `trap '' XFSZ; ulimit -f 0; $export 2>&1`;
is($? >> 8, 1, 'export on a full disk') or diag($out);
like($out, qr/cannot write ".*\/short\/cert\.pem": File too large/, 'says why');
is(ctl('export', $crlf, '--out', "$dir/short"), 0, 'export when there is room')
    or diag($out);

# descriptors that are closed: what is opened does not get their numbers

for my $shut (qw/ 1 2 12 02 012 /) {
    is(ctl('backup', "$dir/shut$shut"), 0, "closed $shut: a copy");

    my $close = join(' ', map { "$_>&-" } split(//, $shut));
    my $cmd = "$t->{acmctl} --store $dir/shut$shut --master-key $dir/acm.key";
    my $want = ($shut =~ /1/) ? 1 : 0;

    is(system("( $cmd list $close ) >/dev/null 2>&1") >> 8, $want,
        "closed $shut: list");
    is(system("( $cmd show nothing.example.org $close ) >/dev/null 2>&1") >> 8,
        1, "closed $shut: show");
    is(($t->acmctl('--store', "$dir/shut$shut", 'verify'))[0], 0,
        "closed $shut: the store is as it was") or diag($out);
}

# a copy while others write

my $writer = fork() // die "fork: $!";

if ($writer == 0) {
    $t->acmctl('import', '--cert', "$dir/leaf.pem", '--key', "$dir/leaf.key")
        for 1 .. 40;
    POSIX::_exit(0);
}

my $bad = 0;

for my $i (1 .. 5) {
    $bad++ if ctl('backup', "$dir/live$i");
    $bad++ if ($t->acmctl('--store', "$dir/live$i", 'verify'))[0];
}

waitpid($writer, 0);
is($bad, 0, 'copies of a store that is written to');

# root keeps its files, the owner of the store gets none of root's

SKIP: {
    skip 'not root', 7 if $>;

    my $uid = getpwnam('nobody');
    chmod(0755, $dir);
    mkdir("$dir/own", 0700);
    chown($uid, -1, "$dir/own");

    my @own = ('--store', "$dir/own");

    is(($t->acmctl(@own, 'import', '--cert', "$dir/leaf.pem", '--key',
        "$dir/leaf.key"))[0], 0, 'import as root');
    is(join(' ', map { (stat)[4] } glob("$dir/own/*")), "$uid $uid",
        'the files are the owner\'s');

    mkdir("$dir/precious", 0755);
    $t->write_file('precious/file', 'x');
    ($rc, $out) = $t->acmctl(@own, 'backup', "$dir/precious");
    is($rc, 1, 'no backup among other files');
    like($out, qr/not empty/, 'says so');
    is((stat("$dir/precious"))[4], 0, 'their directory is still root\'s');

    mkdir("$dir/closed", 0700);
    ($rc, $out) = $t->acmctl(@own, 'backup', "$dir/closed/copy");
    is($rc, 0, 'backup below a directory of root\'s') or diag($out);
    is((stat("$dir/closed/copy/data.mdb"))[4], $uid, 'owned like the store');
}

import_ok("reimport $_", 'twoe.pem', 'twoe.key', undef, '--arn',
    $both->[0]{CertificateArn}) for 1 .. 3;
is(ctl('verify'), 0, 'verify at the end') or diag($out);

# what verify finds in the indices of when certificates were made, and of
# those that are not simply issued

for my $case ([ time => qr/the created index has another time than certificate/ ],
    [ lead => qr/created index leads to certificate \S+, which cannot be read/ ],
    [ junk => qr/an entry of the created index cannot be read/ ],
    [ state => qr/the state index has another state than certificate/ ])
{
    my ($how, $fault) = @$case;

    is(ctl('backup', "$dir/$how"), 0, 'a copy') or diag($out);
    is(system("$t->{out}/spoil", "$dir/$how", $how), 0, "spoil: $how");
    ($rc, $out) = $t->acmctl('--store', "$dir/$how", 'verify');
    is($rc, 1, "verify: $how");
    like($out, $fault, "verify: $how: told") or diag($out);
}

# one whose record is damaged can be deleted all the same

is(ctl('backup', "$dir/forget"), 0, 'a copy') or diag($out);
is(system("$t->{out}/spoil", "$dir/forget", 'cert'), 0, 'spoil: cert');
($rc, $out) = $t->acmctl('--store', "$dir/forget", 'verify');
is($rc, 1, 'verify: cert');
my ($lost) = $out =~ /certificate (?:\S*\/)?([0-9a-f-]{36})/;
($rc, $out) = $t->acmctl('--store', "$dir/forget", 'delete', $lost // '');
is($rc, 0, 'delete: damaged') or diag($out);
($rc, $out) = $t->acmctl('--store', "$dir/forget", 'verify');
is($rc, 0, 'verify: nothing is left of it') or diag($out);

# a record of any map whose checksum does not hold

my @maps = qw/ meta certificate material chain name due identity issuer seal
    order challenge validation account limit event sink dead history expiry
    watch used setting token quota revocation created ocsp staple state /;

for my $map (@maps) {
    my $copy = "$dir/map-$map";
    my $text = "spoilt $map.";

    is(ctl('backup', $copy), 0, "$map: a copy") or diag($out);
    is(system("$t->{out}/spoil", $copy, "map:$map"), 0, "$map: one more");

    my $store = Test::Nginx::ACM::slurp("$copy/data.mdb");
    ok($store =~ s/\Q$text\E/spoilt $map!/, "$map: damaged");
    $t->write_file("map-$map/data.mdb", $store);

    ($rc, $out) = $t->acmctl('--store', $copy, 'verify');
    is($rc, 1, "verify: $map");
    like($out, $map eq 'issuer' ? qr/built-in CA "~": /
        : qr/map "$map", key 7e: damaged/, "verify: $map: told")
        or diag($out);
}

# events: one that is damaged is told of, and hides no other

my @copy = ('--store', "$dir/map-event");

is(($t->acmctl(@copy, 'events', 'test'))[0], 0, 'one more event') for 1 .. 200;
($rc, $out) = $t->acmctl(@copy, 'events');
is($rc, 1, 'a damaged event: events');
like($out, qr/map "event": corrupt/, 'a damaged event: told');
$out = `$t->{acmctl} @copy events 2>/dev/null`;
is(scalar(() = $out =~ /^\S+ \S+ alarm -$/mg), 200,
    'a damaged event: all others') or diag($out);
($rc, $out) = $t->acmctl('--store', "$dir/map-dead", 'events', '--dead');
is($rc, 1, 'a damaged letter: events');
like($out, qr/map "dead": corrupt/, 'a damaged letter: told');

# a list that nobody reads on holds no snapshot

for my $list (['events', '--json']) {
    pipe(my $r, my $w) or die "pipe: $!";
    fcntl($w, 1031, 4096);                       # F_SETPIPE_SZ

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open(STDOUT, '>&', $w);
        open(STDERR, '>', '/dev/null');
        exec($t->{acmctl}, @copy, @$list) or POSIX::_exit(127);
    }

    close($w);
    vec(my $in = '', fileno($r), 1) = 1;
    select($in, undef, undef, 20);
    $t->wait_for(sub { Test::Nginx::ACM::slurp("/proc/$pid/wchan") =~ /pipe/
        || Test::Nginx::ACM::slurp("/proc/$pid/stat") =~ /^\d+ \(acmctl\) S / });
    is(($t->acmctl(@copy, 'events', 'test'))[0], 0, 'a commit') for 1 .. 2;
    ($rc, $out) = $t->acmctl(@copy, 'stat', '--json');
    is(decode_json($out)->{OldestSnapshotPid}, 0, "@$list: no snapshot")
        or diag($out);
    is(waitpid($pid, POSIX::WNOHANG()), 0, "@$list: it waits");
    close($r);
    waitpid($pid, 0);
}

# a page that brings LMDB down: told, and no signal

is(ctl('backup', "$dir/page"), 0, 'a copy') or diag($out);
ctl('list');

my ($account, $last) = $out =~ /.*:(\d+):certificate\/(\S+)/s;
my $pages = Test::Nginx::ACM::slurp("$dir/page/data.mdb");
my $spoilt = 0;

for (my $at = 8192; $at < length($pages); $at += 4096) {
    next unless index(substr($pages, $at, 4096),
        "$account/us-east-1/$last") >= 0;
    substr($pages, $at + 10, 2) = "\0\0";
    $spoilt++;
}

is($spoilt, 1, 'the last page of certificates is none any more');
$t->write_file('page/data.mdb', $pages);

for my $c ('list', 'verify') {
    my $status = system("$t->{acmctl} --store $dir/page --master-key "
        . "$dir/acm.key $c >/dev/null 2>$dir/err");
    is($status, 256, "a bad page: $c") or diag($t->read_file('err'));
    like($t->read_file('err'), qr/a page of it is damaged.*restore it/,
        "a bad page: $c: told");
}

# usage

is(ctl(), 2, 'no command');
is(ctl('frobnicate'), 2, 'unknown command');
is(ctl('show'), 2, 'missing argument');
is(ctl('import', '--cert', 'x'), 2, 'missing option');
is(ctl('ca', 'nobody'), 1, 'no such CA');
is(ctl('version'), 0, 'version');
is(ctl('--help'), 0, 'help');

# nothing private is readable

my $data = join('', map { Test::Nginx::ACM::slurp($_) }
    glob("$dir/store/* $dir/copy/*"));

for my $k (qw/ leaf rsa params cn /) {
    my $der = `openssl pkey -in $dir/$k.key -outform DER -traditional 2>/dev/null`;
    cmp_ok(length($der), '>', 100, "$k: a key to search for");
    is(index($data, $der), -1, "$k: not in the store");
    # the scalar of an EC key, the last factor of an RSA key
    is(index($data, $k eq 'rsa' ? substr($der, -64) : substr($der, 7, 32)),
        -1, "$k: nor its secret number");
}

unlike($data, qr/PRIVATE KEY/, 'no PEM');

done_testing();
