#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Certificates on demand: a hook that is asked over HTTP, a list in a file,
# and a built-in CA.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use POSIX ();
use Test::Nginx::ACM;
use Time::HiRes qw/ sleep time /;

my $t = Test::Nginx::ACM->new();

list('names', '# allowed', '*.list.example');
list('short', 'www.again.example');

# the hook is nginx too: what has a file in "allowed" is allowed

my $conf = <<'EOC';
%%GLOBALS%%
worker_processes 2;
events { worker_connections 1024; }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
    issuer internal { ca; }
    issuer short { ca; lifetime 6s; }
}
http {
    %%HTTP%%
    log_format hook '$arg_domain $arg_ip $status';

    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni on_demand=http://127.0.0.1:8081/ask;
    }
    server {
        listen 127.0.0.1:8444 ssl;
        acm_certificate sni on_demand=file:%%DIR%%/names key=rsa:2048
                        fallback=reject;
    }
    server {
        listen 127.0.0.1:8445 ssl;
        acm_certificate sni issuer=short
                        on_demand=http://127.0.0.1:8081/ask?short=1;
    }
    server {
        listen 127.0.0.1:8446 ssl;
        acm_certificate sni on_demand=http://127.0.0.1:8082/ask;
    }
    server {
        listen 127.0.0.1:8447 ssl;
        acm_certificate sni;
    }
    server {
        listen 127.0.0.1:8448 ssl;
        acm_certificate sni issuer=short on_demand=file:%%DIR%%/short;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    server {
        listen 127.0.0.1:8081;
        access_log %%DIR%%/hook.log hook;
        location / { try_files /allowed/$arg_domain =404; root %%DIR%%; }
    }
}
EOC

mkdir("$t->{dir}/allowed");

# A list, whole at any moment.

sub list {
    my ($name, @lines) = @_;

    my $file = $t->write_file("$name.new", join("\n", @lines, ''));
    chmod(0644, $file);
    rename($file, "$t->{dir}/$name") or die "$name: $!";

    return;
}

sub allow { $t->write_file("allowed/$_", 'yes') for @_; return }

sub asked {
    my ($name) = @_;

    return grep { /^\Q$name\E / } split(/\n/, $t->read_file('hook.log'));
}

# each from a network of its own, if it is to be in nobody's budget

my $network = 0;

sub shake {
    my ($port, $sni, %opt) = @_;

    $network++;
    my $ip = $opt{ip} || sprintf('127.%d.%d.1', 10 + ($network >> 8),
        $network & 255);

    return $t->handshake($port, $sni, args => ['-bind', $ip],
        root => $opt{root});
}

sub fallback {
    my ($r, $name) = @_;

    return like($r->{subject} // 'alert ' . ($r->{alert} // '?'),
        qr/certificate not issued yet/, $name);
}

$t->write_config($conf);
$t->run();

ok($t->wait_for(sub { $t->status()->{Helper}{Locked} }), 'helper works');

# allowed: the fallback at once, then the certificate

allow('www.one.example');

my $r = shake(8443, 'www.one.example', ip => '127.9.8.7');
fallback($r, 'the first handshake has the fallback');

ok($t->wait_issued('www.one.example'), 'issued')
    or diag($t->read_file('error.log'));

my $root = $t->root();

$r = shake(8443, 'www.one.example', root => $root);
ok($r->{verified}, 'served by the next handshake') or diag($r->{text});
is_deeply($r->{names}, ['www.one.example'], 'for this name alone');

$r = shake(8447, 'www.one.example', root => $root);
ok($r->{verified}, 'by another server too');

is(scalar(my @a = asked('www.one.example')), 1, 'asked once');
like($a[0] // '', qr/^www\.one\.example 127\.9\.8\.7 200$/,
    'with the address of the client');

# refused: asked once, whatever clients do

for (1 .. 3) {
    $r = shake(8443, 'bad.two.example');
    fallback($r, "refused name, handshake $_");
    $t->wait_for(sub { asked('bad.two.example') });
    sleep(1.1) if $_ < 3;            # what a worker holds back
}

is(scalar(@a = asked('bad.two.example')), 1, 'a refused name asks once');
like($t->read_file('error.log'),
    qr/"bad\.two\.example" refused: the hook answered 404/, 'with a reason');
ok(!$t->certificate('bad.two.example'), 'and has no record');

# what cannot be in a certificate is not asked for

fallback(shake(8443, $_), "\"$_\": fallback")
    for 'localhost', 'a_b.three.example', '127.0.0.1', 'x-.three.example',
    'xn--a.three.example';
fallback($t->handshake(8443, undef), 'no SNI: fallback');

# no on_demand, no question

fallback(shake(8447, 'four.example'), 'without on_demand: fallback');
shake(8443, 'last.three.example');
ok($t->wait_for(sub { asked('last.three.example') }), 'a good one is asked');
is(scalar(grep { !/^(?:www\.one|bad\.two|last\.three)\.example / }
    split(/\n/, $t->read_file('hook.log'))), 0, 'none of the others was');

# a list

$r = shake(8444, 'a.list.example');
is($r->{alert}, 40, 'list: rejected at first');
my $c = $t->wait_issued('a.list.example');
ok($c, 'a wildcard in the list allows it') or diag($t->read_file('error.log'));
is($c->{KeyAlgorithm}, 'RSA-2048', 'key=');
$r = shake(8444, 'a.list.example', root => $root);
ok($r->{verified}, 'list: served') or diag($r->{text});

shake(8444, 'b.other.example');
ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /"b\.other\.example" refused: it is not in the/ }), 'list: refused');

list('names', '*.list.example', 'b.other.example # new', '??');

ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /file "\S+names" read: 2 names/ }), 'list: read again');
like($t->read_file('error.log'), qr/1 lines of "\S+" are no names, the first /,
    'list: a bad line is told');
ok($t->wait_for(sub {
    shake(8444, 'b.other.example');
    return $t->certificate('b.other.example');
}), 'list: a new line is good at once');
ok($t->wait_issued('b.other.example'), 'list: issued');

# hook down: not now, and yes later

$r = shake(8446, 'www.five.example');
fallback($r, 'hook down: fallback');
ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /"www\.five\.example" not now: / }), 'hook down: not now');
ok(!$t->certificate('www.five.example'), 'hook down: no record');

my $hook = IO::Socket::INET->new(Proto => 'tcp', Listen => 16, ReuseAddr => 1,
    LocalAddr => '127.0.0.1:' . $t->port(8082)) or die "hook: $!";
my $pid = fork() // die "fork: $!";

if ($pid == 0) {
    while (my $s = $hook->accept()) {
        while (defined(my $line = <$s>)) {
            last if $line =~ /^\r?\n$/;
        }

        print $s "HTTP/1.0 204 No Content\r\n\r\n";
        close($s);
    }

    POSIX::_exit(0);
}

ok($t->wait_for(sub {
    shake(8446, 'www.five.example');
    return $t->certificate('www.five.example');
}), 'hook up: yes');
ok($t->wait_issued('www.five.example'), 'hook up: issued');
kill('KILL', $pid);
waitpid($pid, 0);

# renewal asks again

allow('www.six.example');
shake(8445, 'www.six.example');
ok($t->wait_for(sub {
    ($t->certificate('www.six.example')->{Version} // 0) >= 3 }), 'renewed')
    or diag($t->read_file('error.log'));
cmp_ok(scalar(asked('www.six.example')), '>=', 3, 'each renewal is asked for');

unlink("$t->{dir}/allowed/www.six.example");
ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /"www\.six\.example" is refused by "on_demand" and will not be/ }),
    'a refused renewal retires it');
$c = $t->certificate('www.six.example');
is($c->{NextStep}, 'expire', 'it lives to its end');
ok($t->wait_for(sub {
    ($t->certificate('www.six.example')->{Status} // '') eq 'EXPIRED' }),
    'then it has expired');

# what has expired so is served still, and asked for again

shake(8448, 'www.again.example');
ok($t->wait_issued('www.again.example'), 'issued for six seconds');
list('short', '# nothing');
ok($t->wait_for(sub {
    ($t->certificate('www.again.example')->{Status} // '') eq 'EXPIRED' }),
    'refused and expired') or diag($t->read_file('error.log'));
$r = shake(8448, 'www.again.example');
is_deeply($r->{names}, ['www.again.example'], 'better than nothing');
list('short', 'www.again.example');
ok($t->wait_for(sub {
    return shake(8448, 'www.again.example', root => $t->root('short'))
        ->{verified};
}), 'allowed again: a new version') or diag($t->read_file('error.log'));
is(scalar(grep { $_->{DomainName} eq 'www.again.example' }
    @{$t->full_status()->{Certificates}}), 1, 'of the same one');

# the file is gone: nobody is allowed, and it is told once

unlink("$t->{dir}/short");
ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /file "\S+short" cannot be found/ }), 'list gone: told');
shake(8448, 'www.gone.example');
ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /"www\.gone\.example" not now: the "on_demand" file cannot/ }),
    'list gone: not now');
my $gone = () = $t->read_file('error.log') =~ /short" cannot be found/g;
is($gone, 1, 'list gone: told once');
list('short', '# nothing');

my $s = $t->status()->{OnDemand};
cmp_ok($s->{Asked}, '>=', 9, 'status: asked');
cmp_ok($s->{Accepted}, '>=', 6, 'status: accepted');
cmp_ok($s->{Refused}, '>=', 4, 'status: refused');
is($s->{Dropped}, 0, 'status: dropped');

# a restart keeps what was issued, and what is on demand is renewed still

$t->stop();
$t->run();
ok($t->wait_for(sub { $t->status()->{Helper}{Locked} }), 'restarted');

my @before = asked('www.one.example');
$r = shake(8443, 'www.one.example', root => $root);
ok($r->{verified}, 'served after a restart');
is(scalar(asked('www.one.example')), scalar(@before), 'and not asked for');

# a helper that is killed loses no more than what it remembers

my ($helper) = $t->helpers();
kill('KILL', $helper);
allow('www.nine.example');
shake(8443, 'www.nine.example');
ok($t->wait_issued('www.nine.example'), 'helper killed: issued by the next')
    or diag($t->read_file('error.log'));

# nor does a reload

$t->reload();
allow('www.ten.example');
ok($t->wait_for(sub {
    shake(8443, 'www.ten.example');
    return $t->certificate('www.ten.example');
}), 'reload: the next helper goes on');
ok($t->wait_for(sub { $t->helpers() == 1 && $t->workers() == 2 }),
    'reload: done');

# a flood: 20000 names of 2000 domains from one network

sub rss {
    my ($pid) = @_;

    my ($kb) = Test::Nginx::ACM::slurp("/proc/$pid/status") =~ /VmRSS:\s+(\d+)/;
    return $kb // 0;
}

my @pids = ($t->workers(), $t->helpers());
my %before = map { $_ => rss($_) } @pids;
my $lines = () = $t->read_file('hook.log') =~ /\n/g;
my $size = -s "$t->{dir}/store/data.mdb";

my ($rc, $out) = flood(20000, 8443,
    sub { "f$_[0].d" . $_[0] % 2000 . '.example' }, sub { '127.0.0.1' });
is($rc, 20000, 'flood: sent') or diag($out);

# the good one behind it is served as ever
$r = shake(8443, 'www.one.example', root => $root);
ok($r->{verified}, 'flood: others are served');

# what was posted is worked on when a new name from elsewhere is
allow('www.eight.example');
ok($t->wait_for(sub {
    shake(8443, 'www.eight.example');
    return $t->certificate('www.eight.example');
}), 'flood: a client elsewhere gets his');

my $now = () = $t->read_file('hook.log') =~ /\n/g;
my $s2 = $t->status()->{OnDemand};

# ten a minute from one network
cmp_ok($now - $lines, '<=', 32, 'flood: few are asked for')
    or diag($now - $lines);
cmp_ok($s2->{Refused} + $s2->{Dropped}, '>', 10000,
    'flood: refused or dropped');
cmp_ok(-s "$t->{dir}/store/data.mdb", '<=', $size + 1048576,
    'flood: nothing in the store');

# a sanitizer keeps what was freed
for my $p ($ENV{TEST_NGINX_PRELOAD} ? () : @pids) {
    cmp_ok(rss($p) - $before{$p}, '<', 16384, "flood: memory of $p")
        or diag("$before{$p} " . rss($p));
}

my $log = $t->read_file('error.log');
my $told = () = $log =~ /names refused without asking/g;
cmp_ok($told, '>=', 1, 'flood: told');
cmp_ok($told, '<=', 4, 'flood: once a minute');
my $about = () = $log =~ /f\d+\.d\d+\.example"/g;
cmp_ok($about, '<=', 70, 'flood: no line for each');

# and names of one domain, from many networks

($rc, $out) = flood(2000, 8443, sub { "f$_[0].many.example" },
    sub { '127.2.' . $_[0] % 250 . '.1' });
is($rc, 2000, 'one domain: sent') or diag($out);
ok($t->wait_for(sub { $t->read_file('hook.log') =~ /many\.example/ }),
    'one domain: asked');
my $many = () = $t->read_file('hook.log') =~ /^f\d+\.many\.example /mg;
cmp_ok($many, '<=', 10, 'one domain: ten are asked for');

# no longer on demand: what was made is kept, and not renewed

allow('www.seven.example');
shake(8445, 'www.seven.example');
ok($t->wait_issued('www.seven.example'), 'one more');

$conf =~ s/\s(?:issuer=\w+\s+)?on_demand=\S+?(?=[;\s])//g;
$conf =~ s/ key=rsa:2048//;
$t->write_config($conf);
$t->reload();

ok($t->wait_for(sub { $t->read_file('error.log')
    =~ /"www\.seven\.example" is no longer configured/ }),
    'without on_demand it is retired');
ok(!exists $t->status()->{OnDemand}, 'status without on_demand');

$t->allow(qr/exited on signal 9/);
$t->finish();

# mistakes

sub mistake {
    my ($directive, $re, $name) = @_;

    my $bad = Test::Nginx::ACM->new();
    $bad->write_config(<<"EOC");
%%GLOBALS%%
events { }
acm { store %%DIR%%/store; master_key %%DIR%%/acm.key; }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate $directive;
    }
}
EOC

    my ($code, $text) = $bad->nginx('-t');
    is($code, 1, "$name: refused");
    like($text, $re, "$name: why");
    like($text, qr/nginx\.conf:\d+/, "$name: where");

    return;
}

mistake('sni on_demand=http://192.0.2.1/ask', qr{needs an https URL}, 'http');
mistake('sni on_demand=ftp://a.example/', qr{needs an https URL}, 'ftp');
mistake('sni on_demand=', qr{needs an https URL}, 'nothing');
mistake('sni on_demand=https://a.example/' . 'x' x 1100, qr{needs an https},
    'over-long');
mistake('sni on_demand=file:', qr/without a path/, 'no path');
mistake('sni on_demand=file:none', qr/cannot be found: make/, 'no file');
mistake('sni on_demand=file:/', qr/is no file/, 'a directory');
mistake('auto on_demand=https://a.example/', qr/goes with "sni" only/, 'auto');
mistake('sni on_demand=https://a.example/ issuer=x',
    qr/unknown issuer "x".*add "issuer x/, 'issuer');
mistake('sni issuer=x', qr/goes without "auto" or "on_demand="/, 'sni issuer');
mistake('sni on_demand=https://a.example/ www.example.com',
    qr/invalid parameter "www\.example\.com"/, 'a name');
mistake('sni on_demand=https://a.example/ on_demand=https://a.example/',
    qr/duplicate/, 'twice');

done_testing();


# Handshakes as far as the ClientHello, which is all that it takes.

sub hello {
    my ($name) = @_;

    my $sni = pack('n C n/a*', length($name) + 3, 0, $name);
    my $ext = pack('n n/a*', 0, $sni)
        . pack('n n/a*', 10, pack('n n n', 4, 29, 23))
        . pack('n n/a*', 13, pack('n n n', 4, 0x0403, 0x0804))
        . pack('n n/a*', 11, "\1\0");
    my $body = pack('n', 0x0303) . 'r' x 32 . "\0"
        . pack('n n n', 4, 0xc02b, 0xc02f) . "\1\0" . pack('n/a*', $ext);
    my $hs = "\1" . substr(pack('N', length($body)), 1) . $body;

    return pack('C n n/a*', 22, 0x0301, $hs);
}


sub flood {
    my ($n, $port, $name, $ip) = @_;

    my @open;
    my $sent = 0;

    for my $i (1 .. $n) {
        my $s = IO::Socket::INET->new(Proto => 'tcp',
            LocalAddr => $ip->($i),
            PeerAddr => '127.0.0.1:' . $t->port($port))
            or return ($sent, "$i: $!");

        print $s hello($name->($i));
        $s->flush();
        $sent++;
        push @open, $s;

        if (@open == 64) {
            sysread($_, my $buf, 1) for @open;
            @open = ();
        }
    }

    sysread($_, my $buf, 1) for @open;

    return ($sent, '');
}
