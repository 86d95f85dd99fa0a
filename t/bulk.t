#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# acmctl import --bulk: lines of JSON, directories as ACME clients and people
# keep them, bad records among good ones, again and again.

use warnings;
use strict;

use JSON::PP;
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

sub key {
    my ($name) = @_;
    ssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
        . "-out $name.key");
    return;
}

sub issue {
    my ($name, $ext, $ca) = @_;
    $t->write_file("$name.ext", $ext);
    ssl("req -new -key $name.key -subj /CN=$name.example.com -out $name.csr");
    ssl("x509 -req -in $name.csr -extfile $name.ext -days 30 -out $name.pem "
        . ($ca ? "-CA $ca.pem -CAkey $ca.key -CAcreateserial"
               : "-signkey $name.key"));
    return;
}

my $caext = "basicConstraints=critical,CA:TRUE\n"
    . "keyUsage=critical,keyCertSign,cRLSign\n";
my @names = qw/ a b c d e f g h /;

key($_) for 'root', 'inter', @names;
issue('root', $caext);
issue('inter', $caext, 'root');
issue($_, "subjectAltName=DNS:$_.example.com", 'inter') for @names;
ssl('rand -base64 -out acm.key 32');
chmod(0600, "$dir/acm.key");

my %pem = map { $_ => $t->read_file("$_.pem") } @names, 'root', 'inter';
my %key = map { $_ => $t->read_file("$_.key") } @names;
my $json = JSON::PP->new()->canonical();

sub record {
    my ($name, %more) = @_;
    return $json->encode({ certificate => $pem{$name}, key => $key{$name},
        chain => $pem{inter}, %more }) . "\n";
}

sub put {
    my ($path, $text) = @_;
    my ($to) = $path =~ /(.*)\//;
    system('mkdir', '-p', "$dir/$to");
    $t->write_file($path, $text);
    return;
}

# lines: all good ones go in, whatever stands beside them

$t->write_file('lines.json', record('a') . "\n\n"
    . record('b', key => $key{a})
    . "{}\n[]\nnonsense\n" . record('c', colour => 'red')
    . record('c', chain => 7)
    . $json->encode({ certificate => $pem{c} . $pem{inter} . $pem{root},
        key => $key{c} }) . "\n"
    . record('a') . record('d', chain => $pem{root})
    . record('d', file => "from/\e[2Jthere", key => $key{a})
    . record('e', certificate => $pem{e} . $pem{inter}));

is(ctl('import', '--bulk', "$dir/lines.json"), 1, 'some are bad');
like($out, qr/^arn:\S+ a\.example\.com$/m, 'the first is in');
like($out, qr/line 4 cannot be imported: .*match/, 'another key');
like($out, qr/line 5 .*no "certificate"/, 'nothing in it');
like($out, qr/line 6 .*no JSON object$/m, 'a list');
like($out, qr/line 7 .*no JSON object: /, 'no JSON');
like($out, qr/line 8 .*"colour" is unknown/, 'unknown member');
like($out, qr/line 9 .*"chain" is no string/, 'a number');
like($out, qr/^arn:\S+ c\.example\.com$/m, 'a chain in the certificate');
like($out, qr/a\.example\.com is there already/, 'twice');
like($out, qr/line 12 .*does not certify/, 'another chain');
like($out, qr/"from\/\?\[2Jthere" .*match/, 'what it came from');
like($out, qr/^arn:\S+ e\.example\.com$/m, 'a chain in both');
like($out, qr/acmctl: 3 imported, 1 there already, 8 refused/, 'summary');

my %arn = $out =~ /^(arn:\S+) (\S+)$/mg;
is(ctl('import', '--bulk', "$dir/lines.json"), 1, 'again');
like($out, qr/acmctl: 0 imported, 4 there already, 8 refused/,
    'nothing is new');
like($out, qr/^\Q$_\E /m, "$arn{$_} has its ARN") for keys %arn;

# standard input, and a last line without an end

$t->write_file('stdin.json', substr(record('d'), 0, -1));
my @cmd = ($t->{acmctl}, '--store', "$dir/store", '--master-key',
    "$dir/acm.key", 'import', '--bulk', '-');
is(system('sh', '-c', '"$@" < ' . "$dir/stdin.json > $dir/out 2>&1", 'sh',
    @cmd), 0, 'standard input') or diag($t->read_file('out'));
like($t->read_file('out'), qr/^arn:\S+ d\.example\.com$/m, 'is read');

# the limit of a line, and one more

my $line = record('f', chain => $pem{inter} . ' ' x 8);
my $max = 8 * 1024 * 1024;

for my $more (0, 1) {
    my $spaces = ' ' x ($max + $more + 1 - length($line));
    $t->write_file('long.json', $spaces . $line . record('g'));
    is(ctl('import', '--bulk', "$dir/long.json"), $more, "long line $more");
    like($out, $more ? qr/line 1 .*more than 8388608 octets/
        : qr/^arn:\S+ f\.example\.com$/m, "long line $more: told");
    like($out, qr/^arn:\S+ g\.example\.com/m, "long line $more: the next");
}

# of keys nothing is left in memory when their records are done, though more
# follow

SKIP: {
    my $secret = join('', map { sprintf('%02x', int(rand(256))) } 1 .. 16);
    my $pid = open(my $in, '|-') // die "fork: $!";

    if (!$pid) {
        open(STDOUT, '>', "$dir/out");
        open(STDERR, '>', "$dir/err");
        exec(@cmd) or POSIX::_exit(127);
    }

    $in->autoflush(1);
    print $in record('a', key => "-----BEGIN PRIVATE KEY-----\n$secret"
        . ' ' x 20000 . $secret) for 1 .. 512;

    my $read = defined $t->memory($pid);
    my $had = $read && $t->wait_for(sub {
        index($t->memory($pid), $secret) >= 0 });

    print $in record('a', key => 'none', file => 'x' x 300)
        for 1 .. 8 * 512;

    $t->wait_for(sub { $t->read_file('err') =~ /cannot/
        && (() = $t->read_file('err') =~ /cannot/g) >= 1024 });
    my $left = $read && index($t->memory($pid), $secret) >= 0;

    close($in);
    like($t->read_file('err'), qr/ 4608 refused/, 'keys that are none');

    skip('memory cannot be read', 2) unless $read;
    ok($had, 'keys are in memory');
    ok(!$left, 'and wiped when they were done');
}

# directories

put('tree/certbot/live/a/cert.pem', $pem{a});
put('tree/certbot/live/a/privkey.pem', $key{a});
put('tree/certbot/live/a/chain.pem', $pem{inter});
put('tree/certbot/live/a/fullchain.pem', $pem{a} . $pem{inter});
put('tree/certbot/live/README', "words\n");
put('tree/lego/b.crt', $pem{b} . $pem{inter});
put('tree/lego/b.key', $key{b});
put('tree/lego/b.issuer.crt', $pem{inter});
put('tree/lego/b.json', '{}');
put('tree/acme.sh/c_ecc/c.cer', $pem{c});
put('tree/acme.sh/c_ecc/c.key', $key{c});
put('tree/acme.sh/c_ecc/ca.cer', $pem{inter} . $pem{root});
put('tree/plain/h.pem', $pem{h});
put('tree/plain/h.key', $key{h});
put('tree/plain/h.chain.pem', $pem{inter});
put('tree/one/d.pem', $pem{d} . $key{d} . $pem{inter});
put('tree/one/ca.pem', $pem{root});
put('tree/.hidden/x.key', $key{a});

is(ctl('import', '--bulk', "$dir/tree"), 0, 'tree') or diag($out);
like($out, qr/^arn:\S+ b\.example\.com$/m, 'lego');
like($out, qr/^arn:\S+ h\.example\.com$/m, 'plain');
like($out, qr/^arn:\S+ \Q$_\E\.example\.com is there/m, "$_ is there")
    for qw/ a c d /;
like($out, qr/acmctl: 2 imported, 3 there already, 0 refused/, 'no more');

put('tree/bad/lonely.key', $key{a});
put('tree/bad/live/privkey.pem', $key{a});
put('tree/bad/live/cert.pem', $pem{b});
put('tree/bad/live/chain.pem', $pem{inter});
put('tree/bad/binary.crt', "\xff\xfe");
put('tree/bad/binary.key', $key{a});
put('tree/bad/der.crt', "0\x01\0");
put('tree/bad/der.key', $key{a});
symlink('..', "$dir/tree/bad/round");

is(ctl('import', '--bulk', "$dir/tree"), 1, 'tree with bad ones');
like($out, qr/lonely\.key".*no certificate beside/, 'a key alone');
like($out, qr/live\/cert\.pem".*match/, 'the key of another');
like($out, qr/binary\.crt".*no text/, 'no text');
like($out, qr/der\.crt".*no text; give it as PEM/, 'an octet 0');
like($out, qr/acmctl: 0 imported, 5 there already, 4 refused/, 'told');

# 32 directories deep, and one more

my $deep = join('/', 'deep', map { "d$_" } 1 .. 31);
put("$deep/a.pem", $pem{a});
put("$deep/a.key", $key{a});
is(ctl('import', '--bulk', "$dir/deep"), 0, 'deep') or diag($out);
like($out, qr/1 there already/, 'deep: found');
put("$deep/more/a.key", $key{a});
is(ctl('import', '--bulk', "$dir/deep"), 1, 'too deep');
like($out, qr/more than 32 directories deep/, 'too deep: told');

# a disk that fails in the middle of a directory

$t->write_file('fail.c', <<'EOF');
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>

struct dirent *
readdir(DIR *dir)
{
    static int n;

    if (n++ < 3) {
        return ((struct dirent *(*)(DIR *)) dlsym(RTLD_NEXT, "readdir"))(dir);
    }

    errno = EIO;
    return 0;
}
EOF

system("cc -shared -fPIC -o $dir/fail.so $dir/fail.c -ldl") == 0 or die 'cc';

{
    local $ENV{LD_PRELOAD} = "$dir/fail.so";
    local $ENV{ASAN_OPTIONS} = 'verify_asan_link_order=0';
    is(ctl('import', '--bulk', "$dir/deep"), 1, 'half a directory');
    like($out, qr/"\S+deep[^"]*" to its end: Input\/output error/,
        'half a directory: told');
}

# a file system that nothing can be written to

SKIP: {
    my $ro = "mount --bind $dir/store $dir/store "
        . "&& mount -o remount,bind,ro $dir/store";
    skip 'no user namespaces', 2
        if system("unshare -rm sh -c '$ro' 2>/dev/null") != 0;

    ctl('list');
    my ($arn) = $out =~ /(arn:[^\s,]+)/;
    my $cmd = "$t->{acmctl} --store $dir/store "
        . "--master-key $dir/acm.key delete $arn";
    my $told = `unshare -rm sh -c '$ro && $cmd' 2>&1`;
    like($told, qr/read-only: mount it for writing/, 'read-only');
    unlike($told, qr/give the files/, 'read-only: no other advice');
}

# mistakes

is(ctl('import', '--bulk', "$dir/nowhere"), 1, 'no such file');
like($out, qr/cannot open ".*nowhere": No such file/, 'says so');
is(ctl('import', '--bulk', "$dir/tree", '--arn', 'x'), 2, 'with --arn');
is(ctl('import', '--bulk', "$dir/tree", '--certbot', 'x'), 2,
    'with --certbot');
is(ctl('verify'), 0, 'verify') or diag($out);
like($out, qr/^8 certificates, 8 keys opened, 0 faults/m, 'all eight');

# what takes how much room

is(ctl('stat'), 0, 'stat');
like($out, qr/^certificate +8 /m, 'certificates');
like($out, qr/^all +8 +\d+ +\d+$/m, 'of each');
is(ctl('stat', '--json'), 0, 'stat --json');
my $stat = eval { decode_json($out) } || {};
is($stat->{Maps}{material}{Entries}, 8, 'as JSON');
ok($stat->{Size} >= $stat->{Used}, 'size');
is(ctl('stat', 'x'), 2, 'stat with more');

done_testing();
