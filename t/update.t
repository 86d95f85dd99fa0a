#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Dynamic updates from nginx's event loop: to a real name server, and to
# servers that misbehave.  A small module (t/dns/), built here, sends them
# from the helper.

use warnings;
use strict;

use IO::Socket::INET;
use MIME::Base64;
use POSIX ();
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Named;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};
my ($out) = $t->{module} =~ m{^(.*)/};

plan(skip_all => 'needs the module as a file') if $t->{module} eq 'static';
plan(skip_all => 'needs named') unless $Test::Nginx::Named::NAMED;
plan(skip_all => 'needs the tree the module was built in')
    unless -d "$out/nginx-src/src/core" && -d "$out/objs";

my @include = map { "-I$out/nginx-src/src/$_" }
    qw{ core event event/modules event/quic os/unix };

# two modules have tables of the same name
$ENV{ASAN_OPTIONS} = join(':', $ENV{ASAN_OPTIONS} || (),
    'detect_odr_violation=0') if $ENV{TEST_NGINX_PRELOAD};

my @san = $ENV{TEST_NGINX_PRELOAD} ? ('-fsanitize=address,undefined') : ();

is(system($ENV{CC} || 'cc', '-shared', '-fPIC', '-g', '-D_GNU_SOURCE', @san,
    '-Wall', '-Werror', @include, "-I$out/objs", '-o', "$dir/update_test.so",
    "$FindBin::Bin/dns/ngx_acm_update_test_module.c"), 0,
    'test module built');

# keys, and who knows them

my $secret = join('', map { chr(($_ * 89 + $$) % 251) } 1 .. 48);
my $extra = join('', key('k256', 256, $secret), key('k512', 512, 'z' x 64));

key('stranger', 256, 'x' x 32);
key('k256', 256, 'y' x 32, 'other');

my $zone = 'example.com';
my $allowed = '_acme-challenge.www';

my $named = Test::Nginx::Named->new(
    zones => {
        $zone => '',
        'sub.example.com' => '',
        'acm.example.net' => '',
        'many.example' => '',
    },
    extra => $extra,
    update => {
        $zone => "grant \"k256\" subdomain $allowed.$zone. TXT;",
        'sub.example.com' => 'grant "k512" zonesub TXT;',
        'acm.example.net' => 'grant "k256" zonesub TXT;',
        'many.example' => 'grant "k256" zonesub TXT;',
    },
);

# the key's file, and the text for named

sub key {
    my ($name, $bits, $data, $file) = @_;

    my $text = "key \"$name\" {\n    algorithm hmac-sha$bits;\n    secret \""
        . encode_base64($data, '') . "\";\n};\n";

    chmod(0600, $t->write_file(($file || $name) . '.key', $text));

    return $text;
}

# servers that misbehave; one that only listens is connected to by the kernel

my (@pids, @held);
my $quiet = listener();

push @held, $quiet;

# one that does not even connect: its queue is full

my $full = IO::Socket::INET->new(Proto => 'tcp', Listen => 1,
    LocalAddr => '127.0.0.1') || die "no socket: $!";

push @held, $full, map { IO::Socket::INET->new(Proto => 'tcp', Blocking => 0,
    PeerAddr => '127.0.0.1:' . $full->sockport()) } 1 .. 4;

sub listener {
    return IO::Socket::INET->new(Proto => 'tcp', Listen => 64,
        LocalAddr => '127.0.0.1') || die "no socket: $!";
}

sub server {
    my ($behave) = @_;

    my $listen = listener();
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        while (my $s = $listen->accept()) {
            $s->autoflush(1);
            $behave->($s);
        }

        POSIX::_exit(0);
    }

    push @pids, $pid;

    return '127.0.0.1:' . $listen->sockport();
}

sub message {
    my ($s) = @_;

    read($s, my $len, 2) == 2 or return '';
    read($s, my $data, unpack('n', $len));

    return $data;
}

# what the real server answers

sub answer {
    my ($s) = @_;

    my $peer = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => "127.0.0.1:$named->{port}") or return '';

    $peer->autoflush(1);
    print $peer pack('n/a*', message($s));

    return message($peer);
}

END {
    local $?;
    kill('KILL', @pids) if @pids;
    waitpid($_, 0) for @pids;
}

my $auth = "127.0.0.1:$named->{port}";

my %server = (
    dead => '127.0.0.1:' . Test::Nginx::Port::free(),
    silent => '127.0.0.1:' . $quiet->sockport(),
    full => '127.0.0.1:' . $full->sockport(),

    # without a word, and in the middle of one

    closer => server(sub { close($_[0]) }),
    half => server(sub { print {$_[0]} substr(answer($_[0]), 0, 9);
        shutdown($_[0], 1); message($_[0]) }),

    garbage => server(sub { message($_[0]);
        print {$_[0]} pack('n/a*', join('', map { chr(rand(256)) } 1 .. 80))
        }),
    empty => server(sub { message($_[0]); print {$_[0]} pack('n', 0) }),
    long => server(sub { message($_[0]);
        print {$_[0]} pack('n/a*', 'x' x 65535) }),

    # the last octet of the MAC; a MAC of another message

    forged => server(sub { my $a = answer($_[0]);
        substr($a, -7, 1) ^= "\1"; print {$_[0]} pack('n/a*', $a) }),
    altered => server(sub { my $a = answer($_[0]);
        substr($a, 3, 1) ^= "\5"; print {$_[0]} pack('n/a*', $a) }),

    unsigned => server(sub { my $q = message($_[0]);
        print {$_[0]} pack('n/a*', substr($q, 0, 2) . "\xa8\5" . "\0" x 8)
        }),

    # is an answer nonetheless

    drip => server(sub { my $s = $_[0];
        print $s $_ for split(//, pack('n/a*', answer($s))) }),
);

my $zones = join('', map {
    "dns_update $_.example $server{$_} key=k256.key;\n" } sort keys %server);

# the zones that are fakes' are not the real server's: it says NOTAUTH

$zones .= <<"EOF";
dns_update example.com $auth key=k256.key;
dns_update Sub.Example.COM. $auth ttl=1h key=$dir/k512.key;
dns_update alias.example $auth key=k256.key via=acm.example.net;
dns_update many.example $auth key=k256.key ttl=1;
dns_update stranger.example $auth key=stranger.key;
dns_update other.example $auth key=other.key;
dns_update notauth.example $auth key=k256.key;
EOF

# the harness puts other ports where it sees 127.0.0.1:port
$t->write_file('zones.conf', $zones);

sub config {
    my ($tests) = @_;

    $t->write_file('tests.conf', join('',
        map { 'acm_update_test ' . s/(\S+)/"$1"/gr . ";\n" } @$tests));
}

sub txt {
    my ($name, $ttl) = @_;

    open(my $fh, '-|', 'dig', '@127.0.0.1', '-p', $named->{port},
        '+norecurse', '+tries=1', '+noall', '+answer', $name, 'TXT')
        or die $!;
    my @lines = sort map { (split(/\s+/, $_, 5))[$ttl ? 1 : 4] } <$fh>;
    close($fh);
    chomp @lines;

    return join(' ', map { s/" "//gr =~ s/"//gr } @lines);
}

# waits for all, and looks at what was said

sub results {
    my ($want) = @_;

    my $log;

    $t->wait_for(sub {
        $log = $t->read_file('error.log');
        return !grep { my $n = () = $log =~ /update test \Q$_\E: /g;
            $n < ($want->{$_}[2] // 1) } keys %$want;
    }, 60);

    for my $name (sort keys %$want) {
        my @said = $log =~ /update test \Q$name\E: ([^\n]*)\n/g;

        is(scalar(@said), $want->{$name}[2] // 1, "$name: said as often as "
            . 'it was sent') or diag(@said);
        like($said[0] // '', $want->{$name}[1], $name);
    }

    return $log;
}

my $www = "$allowed.$zone";
my $ok = qr/^rc 0, $/;
my $long = 'l' x 1024;

my $where = qr/update of zone "example\.com" at 127\.0\.0\.1:\d+/;
my $grant = '"update-policy { grant k256 name '
    . '_acme-challenge.mail.example.com. TXT; };"';

my %want = (
    one => ["add $www one", $ok],
    two => ["add $www two", $ok],
    three => ["add \U$www\E. three", $ok],
    again => ["add a.$www same", $ok],
    twice => ["add a.$www same", $ok],
    long => ["add long.$www $long", $ok],
    toolong => ["add long.$www ${long}l", qr/^at once -1$/],
    longest => ['add _acme-challenge.sub.example.com sub', $ok],
    via => ['add _acme-challenge.www.alias.example via', $ok],
    'via-long' => ['add ' . ('b' x 60 . '.') x 3 . 'b' x 50
        . '.alias.example x',
        qr/^rc -5, .*: names with "via=acm\.example\.net" behind them have/],
    drip => ["add x.drip.example x",
        qr/^rc -5, .*: the server is not the primary of this zone/],

    'no-zone' => ['add _acme-challenge.www.example.org x', qr/^at once -5$/],
    'no-name' => ['add a..b x', qr/^at once -1$/],
    'zone-yes' => ['zone _acme-challenge.www.sub.example.com',
        qr/^zone 1$/],
    'zone-self' => ['zone EXAMPLE.com', qr/^zone 1$/],
    'zone-no' => ['zone _acme-challenge.notexample.com', qr/^zone 0$/],
    'alias-yes' => ['alias _acme-challenge.WWW.alias.example', qr/^alias
        [ ]_acme-challenge\.www\.alias\.example\.acm\.example\.net$/x],
    'alias-no' => ["alias $www", qr/^alias none$/],

    refused => ["add _acme-challenge.mail.$zone x",
        qr/^rc -10, $where: .*"k256".* \(REFUSED\): allow it, .*\Q$grant\E/],
    stranger => ['add a.stranger.example x',
        qr/^rc -10, .*does not know key "stranger" \(BADKEY\): give it/],
    other => ['add a.other.example x',
        qr/^rc -10, .*another secret for key "k256" \(BADSIG\): use the/],
    notauth => ['add a.notauth.example x',
        qr/^rc -5, .*is not the primary of this zone \(NOTAUTH\): check /],

    dead => ['add a.dead.example x',
        qr/^rc -11, .*: cannot connect: .*refused; check that the server/],
    silent => ['add a.silent.example x',
        qr/^rc -11, .*: no answer within 10 seconds: see the log/],
    full => ['add a.full.example x',
        qr/^rc -11, .*: no connection within 10 seconds: check address/],
    closer => ['add a.closer.example x',
        qr/^rc -11, .*: the server ended the connection without an answer/],
    half => ['add a.half.example x',
        qr/^rc -11, .*: the server ended the connection without an answer/],
    garbage => ['add a.garbage.example x',
        qr/^rc -5, .*: not an answer to this update/],
    empty => ['add a.empty.example x',
        qr/^rc -5, .*: not an answer to this update/],
    huge => ['add a.long.example x',
        qr/^rc -5, .*: not an answer to this update/],
    forged => ['add a.forged.example x',
        qr/^rc -10, .*: the signature of the answer to the update is wrong/],
    altered => ['add a.altered.example x',
        qr/^rc -10, .*: the signature of the answer to the update is wrong/],
    unsigned => ['add a.unsigned.example x',
        qr/^rc -10, .*: the answer to the update \(REFUSED\) is not signed/],

    # 1024 may wait
    flood => ['flood a.silent.example 1025', qr/^took 1024$/],
);

# more than are sent at once
for my $n (1 .. 60) {
    $want{"many$n"} = ["add n$n.many.example v$n", $ok];
}

# these say nothing, and must not hurt
my @quiet = (
    'gone1 add a.silent.example 1', 'gone2 add a.dead.example 1',
    'gone3 done - -', 'gone4 cancel a.gone.many.example never',
    'gone5 cancel a.silent.example never',
    'gone6 add b.silent.example 6', 'gone7 add b.silent.example never',
    'gone8 add c.silent.example 8',
);

# when these have ended, two of those are under way, and one waits
for my $n (6 .. 8) {
    $want{"chain$n"} = ["add c$n.many.example 1 forget gone$n -", $ok];
}

# the flood first: there is room for it
config(['flood flood a.silent.example 1025', @quiet,
    map { "$_ $want{$_}[0]" } grep { $_ ne 'flood' } sort keys %want]);

# another method than the best one, where nginx has it
$t->raw(EVENTS => $ENV{ACM_EVENTS} ? "use $ENV{ACM_EVENTS};" : '');

$t->write_config(<<'EOF');
%%GLOBALS%%
load_module %%DIR%%/update_test.so;
worker_processes 1;
include %%DIR%%/tests.conf;
events { %%EVENTS%% }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    include %%DIR%%/zones.conf;
}
http {
    %%HTTP%%
    server { listen 127.0.0.1:8080; }
}
EOF

$t->run();

my $log = results(\%want);

unlike($log, qr/update test gone/, 'what was cancelled said nothing');
is(txt($www), 'one three two', 'three values at one name');
is(txt("a.$www"), 'same', 'twice is once');
is(txt("long.$www"), $long, 'a value of 1024 octets');
is(txt($www, 1), '60 60 60', 'TTL by default');
is(txt('_acme-challenge.sub.example.com'), 'sub', 'the longest zone');
is(txt('_acme-challenge.sub.example.com', 1), '3600', 'TTL as configured');
is(txt('_acme-challenge.www.alias.example.acm.example.net'), 'via',
    'by way of another zone');
is(join(' ', map { txt("n$_.many.example") } 1 .. 60),
    join(' ', map { "v$_" } 1 .. 60), 'many');
is(txt('a.gone.many.example'), '', 'cancelled before it was sent');

# those to other servers; nginx's channel is a socket too

my $sockets = sub {
    my ($helper) = $t->helpers();
    return scalar(grep { (readlink($_) || '') =~ /^socket:/ }
        glob("/proc/$helper/fd/*"));
};

ok($t->wait_for(sub { $sockets->() <= 2 }), 'no sockets are left')
    or diag($sockets->());

# only who sends has the key

SKIP: {
    my ($helper) = $t->helpers();
    my ($worker) = $t->workers();

    skip('memory cannot be read', 2) unless defined $t->memory($helper);

    ok(index($t->memory($helper), $secret) >= 0, 'the helper has the key');
    ok(index($t->memory($worker), $secret) < 0, 'a worker does not');
}

# another helper takes away one of several; a name's are made in their order

%want = (
    'remove-two' => ["remove $www two", $ok],
    'remove-none' => ["remove $www nothing", $ok],
    'remove-long' => ["remove long.$www $long", $ok],
    'remove-via' => ['remove _acme-challenge.www.alias.example via', $ok],
    order1 => ["add o.$www 1", $ok],
    order2 => ["remove o.$www 1", $ok],
    order3 => ["add o.$www 2", $ok],
    order4 => ["add o.$www 3", $ok],
    order5 => ["remove o.$www 2", $ok],
);

config([map { "$_ $want{$_}[0]" } sort keys %want]);

$t->reload();
results(\%want);

is(txt($www), 'one three', 'only one was removed');
is(txt("long.$www"), '', 'a long value was removed');
is(txt('_acme-challenge.www.alias.example.acm.example.net'), '',
    'removed from another zone');
is(txt("o.$www"), '3', 'in the order they were sent');

# all ends, in a handler and with one under way, and starts anew

%want = (end => ["add d.many.example 1 done - - add e.many.example 2", $ok,
    2]);

config(['gone add a.silent.example x', "end $want{end}[0]"]);

$t->reload();
$log = results(\%want);

is(txt('e.many.example'), '2', 'started anew');
ok($t->wait_for(sub { $sockets->() <= 2 }, 5), 'no sockets are left');
unlike($log, qr/update test gone/, 'what was ended said nothing');

$named->stop();
$t->finish();

done_testing();
