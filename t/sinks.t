#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Sinks of events: a file, syslog, a webhook, EventBridge, mail with STARTTLS,
# a program; their failures, dead letters, replays, restarts.

use warnings;
use strict;

package Receiver;

use parent -norequire, 'Test::Nginx::Daemon';

sub prepare {
    my ($self) = @_;
    ($self->{port}) = Test::Nginx::Daemon::free_ports(1);
    return;
}

sub command {
    my ($self) = @_;
    return ($ENV{TEST_NGINX_NODE} || 'node',
        "$FindBin::Bin/sink_http.js", $self->{port}, $self->{dir});
}

sub answers {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}");
}

sub answer {
    my ($self, %rule) = @_;
    $self->write_file('answer.new', JSON::PP::encode_json(\%rule));
    rename("$self->{dir}/answer.new", "$self->{dir}/answer") or die $!;
    return;
}

sub requests {
    my ($self) = @_;
    open(my $fh, '<', "$self->{dir}/requests") or return;
    return map { JSON::PP::decode_json($_) } grep { /\n$/ } <$fh>;
}

package Mail;

use parent -norequire, 'Test::Nginx::Daemon';

# It has no mailbox for an address that a file is named after, which holds the
# answer.

sub prepare {
    my ($self) = @_;
    ($self->{port}) = Test::Nginx::Daemon::free_ports(1);
    $self->write_file('handler.py', <<"EOP");
import os
from aiosmtpd.handlers import Mailbox

class Handler(Mailbox):
    async def handle_RCPT(self, server, session, envelope, address, options):
        file = os.path.join('$self->{dir}', address)
        if os.path.exists(file):
            return open(file).read()
        envelope.rcpt_tos.append(address)
        return '250 OK'
EOP
    return;
}

sub command {
    my ($self) = @_;
    return ('/usr/bin/env', "PYTHONPATH=$self->{dir}", '/usr/bin/python3',
        '-m', 'aiosmtpd', '-n', '-c', 'handler.Handler', '--tlscert',
        $self->{args}{cert},
        '--tlskey', $self->{args}{key}, '-l', "127.0.0.1:$self->{port}",
        "$self->{dir}/box");
}

sub answers {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}");
}

sub mails {
    my ($self) = @_;
    my @mails;

    for my $file (glob("$self->{dir}/box/new/*")) {
        open(my $fh, '<', $file) or next;
        local $/;
        push @mails, scalar(<$fh>);
    }

    return @mails;
}

package main;

use Test::More;

use Digest::SHA qw/ hmac_sha256_base64 /;
use Fcntl ();
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use MIME::QuotedPrint;
use Test::Nginx::ACM;
use Test::Nginx::Daemon;

my $t = Test::Nginx::ACM->new();
my @mounts;
my $before;
my $key = '0123456789abcdef0123456789abcdef';

END {
    my $rc = $?;
    system("umount -l $_ 2>/dev/null") for @mounts;
    $? = $rc;
}

sub secret {
    my ($name, $text) = @_;
    my $file = $t->write_file($name, $text);
    chmod(0600, $file);
    return $file;
}

secret('hook.key', 'whsec_' . encode_base64($key, ''));
secret('aws', "[default]\naws_access_key_id = AKIDEXAMPLE\n"
    . "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG\n");

system("openssl req -x509 -newkey rsa:2048 -nodes -days 10 "
    . "-subj /CN=mail.example -addext subjectAltName=IP:127.0.0.1 "
    . "-keyout $t->{dir}/mail.key -out $t->{dir}/mail.crt 2>/dev/null") == 0
    or die 'openssl failed';

my $hook = Receiver->new();
my $bus = Receiver->new();
my $slow = Receiver->new();
my $mail = Mail->new(cert => "$t->{dir}/mail.crt",
    key => "$t->{dir}/mail.key");
my $syslog = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "udp: $!";

mkdir("$t->{dir}/out");
chmod(0777, "$t->{dir}/out");

sub program {
    my ($text) = @_;
    my $file = $t->write_file('program.new', "#!/bin/sh\n$text\n");
    chmod(0755, $file);
    rename($file, "$t->{dir}/program") or die $!;
    return;
}

program("cat > $t->{dir}/out/in.\$ACM_EVENT_ID; env > $t->{dir}/out/env; "
    . "echo \"\$1\" > $t->{dir}/out/args; "
    . "ls /proc/self/fd > $t->{dir}/out/fds");

my $sinks = <<'EOC';
    event_sink file:%%DIR%%/out/events.json name=file;
    event_sink syslog:server=%%SYSLOG%%,facility=local3,tag=acm name=syslog;
    event_sink http://%%HOOK%%/hook/s3cret secret=%%DIR%%/hook.key
               "header=Authorization: Bearer x" timeout=5s;
    event_sink http://%%HOOK%%/only events=expired name=only;
    event_sink mailto:ops@example.com,dev@example.com name=mail;
    event_sink exec:%%DIR%%/program "an argument" name=program timeout=1s;
    event_sink eventbridge:http://%%BUS%%/events region=eu-west-1
               bus=certs credentials=%%DIR%%/aws name=bus;
    smtp smtp://%%MAIL%% from=acm@example.com starttls=required
         trusted_certificate=%%DIR%%/mail.crt;
EOC

sub config {
    my ($sinks) = @_;

    return <<"EOC";
%%GLOBALS%%
worker_processes 1;
events { worker_connections 1024; }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
$sinks
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOC
}

$t->raw(HOOK => "127.0.0.1:$hook->{port}");
$t->raw(BUS => "127.0.0.1:$bus->{port}");
$t->raw(MAIL => "127.0.0.1:$mail->{port}");
$t->raw(SYSLOG => '127.0.0.1:' . $syslog->sockport());

$t->write_config(config($sinks));
$t->run();

# a receiver that takes its time, which is looked at in the end

my $other = Test::Nginx::ACM->new();

$slow->answer(wait => 32000);
$other->raw(SLOW => "127.0.0.1:$slow->{port}");
$other->write_config(config('event_sink http://%%SLOW%%/ name=slow '
    . 'timeout=120s;'));
$other->run();
$other->wait_for(sub { @{$other->status()->{Sinks} || []} });
$other->acmctl('events', 'test');

sub sinks { return map { $_->{Name} => $_ } @{$t->status()->{Sinks} || []} }
sub sink { my %s = sinks(); return $s{$_[0]} || {} }

sub event {
    my ($rc, $out) = $t->acmctl('events', 'test');
    die "acmctl: $out" if $rc;
    chomp $out;
    return $out;
}

sub lines {
    return map { decode_json($_) }
        split(/\n/, $t->read_file('out/events.json'));
}

my $name = "http://127.0.0.1:$hook->{port}";

ok($t->wait_for(sub { sink('bus')->{Name} }), 'sinks are known')
    or diag($t->read_file('error.log'));

# one event, everywhere

my $id = event();

ok($t->wait_for(sub {
    my %s = sinks();
    return 6 == grep { $s{$_}{Delivered} } keys %s;
}), 'delivered by all') or diag(explain({ sinks() }),
    $t->read_file('error.log'));

my @lines = lines();
is(scalar(@lines), 1, 'file: a line');
is($lines[0]{id}, $id, 'file: the event');
is($lines[0]{'detail-type'}, 'ngx_acm Alarm', 'file: its type');

$syslog->recv(my $text, 65536);
like($text, qr/^<158>1 \S+Z \S+ acm - alarm - \{.*"id":"$id"/, 'syslog');

my ($r) = $hook->requests();
is($r->{method}, 'POST', 'webhook: POST');
is($r->{url}, '/hook/s3cret', 'webhook: the whole path');
like($r->{headers}{'content-type'}, qr!^application/cloudevents\+json!,
    'webhook: CloudEvents');
is($r->{headers}{authorization}, 'Bearer x', 'webhook: a field');
is($r->{headers}{'webhook-id'}, $id, 'webhook: id');
is($r->{headers}{'webhook-signature'}, 'v1,' . hmac_sha256_base64(
    "$id.$r->{headers}{'webhook-timestamp'}.$r->{body}", $key) . '=',
    'webhook: signature');

my $ce = decode_json($r->{body});
is($ce->{specversion}, '1.0', 'webhook: version');
is($ce->{id}, $id, 'webhook: id of the event');
is($ce->{type}, 'ngx_acm Alarm', 'webhook: type');
is($ce->{data}{Name}, 'test', 'webhook: data');

($r) = $bus->requests();
is($r->{headers}{'x-amz-target'}, 'AWSEvents.PutEvents', 'bus: PutEvents');
like($r->{headers}{authorization},
    qr!^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d+/eu-west-1/events/!,
    'bus: signed');
my $entry = decode_json($r->{body})->{Entries}[0];
is($entry->{EventBusName}, 'certs', 'bus: its name');
is($entry->{Source}, 'ngx_acm', 'bus: source');
is(decode_json($entry->{Detail})->{EventId}, $id, 'bus: id');

my @mails = $mail->mails();
is(scalar(@mails), 1, 'mail: one');
my $m = $mails[0] // '';
$m =~ s/\r//g;
like($m, qr/^From: acm\@example\.com$/m, 'mail: from');
like($m, qr/^To: ops\@example\.com,\n dev\@example\.com$/m, 'mail: to');
like($m, qr/^Subject: ngx_acm Alarm: test, \S+Z$/m, 'mail: subject');
like($m, qr/^Message-ID: <$id\@example\.com>$/m, 'mail: id');
my ($body) = $m =~ /\n\n(.*)/s;
like(decode_qp($body // ''), qr/"Name": "test"/, 'mail: detail');

is(decode_json($t->read_file("out/in.$id"))->{id}, $id, 'program: stdin');
is($t->read_file('out/args'), "an argument\n", 'program: argument');
like($t->read_file('out/env'), qr/^ACM_EVENT_KIND=alarm$/m,
    'program: environment');
unlike($t->read_file('out/env'), qr/NGINX|LD_PRELOAD/, 'program: no more');
is_deeply([ sort grep { $_ > 2 } split(/\s+/, $t->read_file('out/fds')) ],
    [ 3 ], 'program: no descriptors but that of ls');

is(sink('only')->{Delivered}, 0, 'an event that is filtered');

# failures: one sink fails, the others do not wait

$hook->answer(status => 503, headers => { 'Retry-After' => 1 });
$id = event();

ok($t->wait_for(sub { grep { $_->{id} eq $id } lines() }),
    'a failing sink delays no other');
ok($t->wait_for(sub { (sink($name)->{Attempts} // 0) >= 2 }), 'tried again');
like(sink($name)->{LastError}, qr/HTTP status 503/, 'why');
is(sink($name)->{Backlog}, 1, 'backlog');

my ($rc, $out) = $t->acmctl('events', '--sink', $name);
like($out, qr/$id alarm/, 'listed as not taken');

$hook->answer(status => 204);
ok($t->wait_for(sub { sink($name)->{Backlog} == 0 }, 60), 'works again');

# refused for good

$hook->answer(status => 422);
$id = event();
ok($t->wait_for(sub { sink($name)->{DeadLetters} == 1 }), 'dead letter');

($rc, $out) = $t->acmctl('events', '--sink', $name, '--dead');
like($out, qr/$id alarm - dead at \S+: HTTP status 422/, 'listed');

$hook->answer(status => 200);
($rc, $out) = $t->acmctl('events', 'replay', '--sink', $name, '--dead');
is($rc, 0, 'replay') or diag($out);
ok($t->wait_for(sub { sink($name)->{DeadLetters} == 0 }), 'taken now');
is((grep { $_->{status} == 200 && $_->{url} =~ /hook/ }
    $hook->requests())[-1]{headers}{'webhook-id'}, $id, 'the same event');

($rc, $out) = $t->acmctl('events', 'replay', '--sink', 'nobody', '--dead');
is($rc, 1, 'no such sink');

# a program that fails, hangs, refuses

program('echo no luck >&2; exit 3');
$id = event();
ok($t->wait_for(sub { (sink('program')->{LastError} // '')
    eq 'exit status 3: no luck' }), 'program: failed')
    or diag(explain(sink('program')));

program("sleep 100 & echo \$! > $t->{dir}/out/pid; sleep 100");
ok($t->wait_for(sub { (sink('program')->{LastError} // '')
    =~ /ended after 1000 ms/ }, 60), 'program: ended')
    or diag(explain(sink('program')));
my $pid = $t->read_file('out/pid') + 0;
ok($t->wait_for(sub { !kill(0, $pid) }), 'program: and what it has started');

program('exit 65');
ok($t->wait_for(sub { sink('program')->{DeadLetters} == 1 }, 60),
    'program: refused');
program("cat > $t->{dir}/out/in.\$ACM_EVENT_ID");

# no mail server for a while

$mail->stop();
$before = sink('mail')->{Delivered};
$id = event();
ok($t->wait_for(sub { sink('mail')->{Attempts} }), 'mail: no server');
like(sink('mail')->{LastError}, qr/cannot be reached/, 'mail: why');
$mail->start();
ok($t->wait_for(sub { sink('mail')->{Delivered} > $before }, 60),
    'mail: sent later');
is(scalar(grep { /^Message-ID: <$id\@/m } $mail->mails()), 1, 'mail: once');

# an address that is no more takes no mail from the others

sub refuses {
    my ($address, $answer) = @_;
    my $file = "$mail->{dir}/$address\@example.com";
    return unlink($file) if !defined $answer;
    rename($mail->write_file('answer', $answer), $file) or die $!;
    return;
}

sub sent_to {
    my ($id) = @_;
    my ($m) = grep { /^Message-ID: <$id\@/m } $mail->mails();
    return ($m // '') =~ /^X-RcptTo: (.*?)\r?$/m ? $1 : '';
}

my %gone = (ops => '550 5.1.1 no such user', dev => '556 5.1.10 no mail here');

for my $gone ('ops', 'dev') {
    my $other = $gone eq 'ops' ? 'dev' : 'ops';
    refuses($gone, $gone{$gone});
    $before = sink('mail')->{Delivered};
    $id = event();
    ok($t->wait_for(sub { sink('mail')->{Delivered} > $before
        || sink('mail')->{DeadLetters} }, 60), "mail: no $gone");
    is(sent_to($id), "$other\@example.com", "mail: to $other");
    refuses($gone);
}

is(sink('mail')->{DeadLetters}, 0, 'mail: no dead letter');
like($t->read_file('error.log'), qr/\[error\] .*refused[ ]the[ ]mail:[ ].*550,
    [ ]for[ ]a[ ]part[ ]of[ ]its[ ]2[ ]recipients;/x, 'mail: says so');

# one that will be there later is waited for, and what nobody takes is dead

refuses('ops', '450 4.2.1 come again');
$id = event();
ok($t->wait_for(sub { (sink('mail')->{LastError} // '') =~ /status 450/ }, 60),
    'mail: not now') or diag(explain(sink('mail')));
is(sent_to($id), '', 'mail: to nobody yet');
refuses('ops');
ok($t->wait_for(sub { sent_to($id) =~ /ops.*dev/ }, 60), 'mail: to both later');

refuses($_, '550 5.1.1 no such user') for 'ops', 'dev';
$id = event();
ok($t->wait_for(sub { sink('mail')->{DeadLetters} }, 60),
    'mail: nobody is there');
is(sent_to($id), '', 'mail: to nobody');
refuses($_) for 'ops', 'dev';
$t->wait_for(sub { sink('bus')->{Backlog} == 0 });

# a part of a lot fails

$bus->answer(status => 500);
$id = event();
ok($t->wait_for(sub { sink('bus')->{Attempts} }), 'bus: failed');
my @ids = ($id, map { event() } 1 .. 3);
$bus->answer(fail => { 1 => 'ThrottlingException', 2 => 'MalformedDetail' });
ok($t->wait_for(sub { sink('bus')->{DeadLetters} == 1 }, 60),
    'bus: one refused');
$bus->answer();
ok($t->wait_for(sub { sink('bus')->{Backlog} == 0 }, 60), 'bus: done');

my %put;

for my $r (grep { $_->{status} == 200 } $bus->requests()) {
    $put{decode_json($_->{Detail})->{EventId}}++
        for @{decode_json($r->{body})->{Entries}};
}

is($put{$ids[0]}, 1, 'bus: delivered once');
is($put{$ids[1]}, 2, 'bus: throttled, and tried again');
is($put{$ids[2]}, 1, 'bus: refused');
is($put{$ids[3]}, 1, 'bus: delivered once, behind it');

# USR1, and a disk that is full

rename("$t->{dir}/out/events.json", "$t->{dir}/out/old.json") or die $!;
my $old = scalar(split(/\n/, $t->read_file('out/old.json')));
kill('USR1', $t->pid());
ok($t->wait_for(sub { -e "$t->{dir}/out/events.json" }), 'file: reopened');
$t->wait_for(sub { -e "$t->{dir}/out/events.json"
    && (stat("$t->{dir}/out/events.json"))[4] != 0 }, 2);
$id = event();
ok($t->wait_for(sub { -s "$t->{dir}/out/events.json" || -s
    "$t->{dir}/out/old.json" > 0 && grep { /$id/ }
    split(/\n/, $t->read_file('out/old.json')) }), 'file: goes on');

# the helper dies, nginx reloads: nothing is lost

$t->wait_for(sub { !grep { $_->{Backlog} } values %{{ sinks() }} }, 60);
my ($helper) = $t->helpers();
$t->allow(qr/exited on signal 9/);
kill('KILL', $helper);
@ids = map { event() } 1 .. 5;
ok($t->wait_for(sub { my $x = $t->read_file('out/events.json');
    5 == grep { $x =~ /$_/ } @ids }), 'file: after a crash');
$t->reload();
push @ids, map { event() } 1 .. 5;
ok($t->wait_for(sub { my $x = $t->read_file('out/events.json');
    10 == grep { $x =~ /$_/ } @ids }), 'file: during a reload');
ok($t->wait_for(sub { !grep { $_->{Backlog} } values %{{ sinks() }} }, 60),
    'nothing is left');

my @all = map { $_->{id} } lines();
my %all = map { $_ => 1 } @all;
is(scalar(@all), scalar(keys %all), 'and nothing came twice')
    or diag(join("\n", @all));

@mails = $mail->mails();
is(scalar(@mails), sink('mail')->{Delivered}, 'mail: each once');

# the place of a sink that goes and comes back

$t->write_config(config("event_sink file:%%DIR%%/out/other.json;"));
$t->reload();
ok($t->wait_for(sub { sink("file:$t->{dir}/out/other.json")->{Name} }),
    'another one');
$id = event();
ok($t->wait_for(sub { $t->read_file('out/other.json') =~ /$id/ }),
    'gets what is new');
is(scalar(split(/\n/, $t->read_file('out/other.json'))), 1, 'and no more');

# half a line, as of a helper that was killed amid it, takes no other with it

sub cut {
    my ($file) = @_;
    open(my $fh, '>>', "$t->{dir}/out/$file") or die $!;
    print $fh '{"id":"ha';
    close($fh);
    return;
}

$t->wait_for(sub { sink("file:$t->{dir}/out/other.json")->{Backlog} == 0 });
cut('other.json');
($helper) = $t->helpers();
kill('KILL', $helper);
@ids = map { event() } 1 .. 2;
ok($t->wait_for(sub { $t->read_file('out/other.json') =~ /$ids[1]/ }),
    'goes on behind half a line');
@lines = split(/\n/, $t->read_file('out/other.json'));
is(splice(@lines, 1, 1), '{"id":"ha', 'which has ended');
is_deeply([ map { decode_json($_)->{id} } @lines ], [ $id, @ids ],
    'the others are whole');

# a pipe whose reader has stopped holds up nothing

SKIP: {
    my $fifo = "$t->{dir}/out/fifo";
    require POSIX;
    POSIX::mkfifo($fifo, 0666) or skip('no FIFO', 4);
    chmod(0666, $fifo);
    sysopen(my $reader, $fifo, Fcntl::O_RDONLY() | Fcntl::O_NONBLOCK())
        or die $!;

    $t->write_config(config("event_sink file:$fifo name=pipe; "
        . "event_sink file:%%DIR%%/out/last.json name=last;"));
    $t->reload();
    ok($t->wait_for(sub { sink('pipe')->{Name} && sink('last')->{Name} }),
        'a pipe');
    @ids = map { event() } 1 .. 200;
    ok($t->wait_for(sub {
        200 == split(/\n/, $t->read_file('out/last.json')) }, 60),
        'a full one holds up no other sink') or diag(explain({ sinks() }));

    my ($got, $part) = ('', '');
    ok($t->wait_for(sub {
        $got .= $part while sysread($reader, $part, 65536);
        return sink('pipe')->{Backlog} == 0;
    }, 60), 'read again, it takes the rest') or diag(explain({ sinks() }));
    $got .= $part while sysread($reader, $part, 65536);

    my %got;
    for (split(/\n/, $got)) {
        my $line = eval { decode_json($_) } or next;
        $got{$line->{id}}++;
    }
    is(scalar(grep { $got{$_} } @ids), 200, 'and none is lost');
}

$t->write_config(config($sinks));
$t->reload();
ok($t->wait_for(sub { $t->read_file('out/events.json') =~ /$id/ }),
    'the one before has lost nothing');

# a disk that is full: whole lines, and none is lost

SKIP: {
    my $small = "$t->{dir}/small";
    mkdir($small);
    skip('no tmpfs', 4) if $> != 0
        || system("mount -t tmpfs -o size=8k tmpfs $small 2>/dev/null") != 0;
    push @mounts, $small;

    $t->write_config(config("event_sink file:$small/x.json name=small;"));
    $t->reload();
    ok($t->wait_for(sub { sink('small')->{Name} }), 'a small disk');
    @ids = map { event() } 1 .. 40;

    ok($t->wait_for(sub { (sink('small')->{LastError} // '')
        =~ /No space left/ }), 'is full') or diag(explain(sink('small')));

    my $first = $t->read_file('small/x.json');
    like($first, qr/\}\n\z/, 'no half line');

    truncate("$small/x.json", 0) or die $!;

    for (1 .. 60) {
        last if $t->wait_for(sub { sink('small')->{Backlog} == 0 }, 1);
        my $next = $t->read_file('small/x.json');

        if (length($next) > 4096) {
            $first .= $next;
            truncate("$small/x.json", 0) or die $!;
        }
    }

    $first .= $t->read_file('small/x.json');
    my @got = map { decode_json($_)->{id} } split(/\n/, $first);
    is_deeply(\@got, \@ids, 'all of them, in order, once');

    $t->write_config(config($sinks));
    $t->reload();
    $t->wait_for(sub { system("umount $small 2>/dev/null") == 0 });
}

# mistakes

my @bad = (
    [ 'event_sink ftp://x/;', qr/invalid event sink "ftp:/ ],
    [ 'event_sink http://example.com/;', qr/https URL/ ],
    [ 'event_sink file:;', qr/has no path/ ],
    [ 'event_sink exec:sh;', qr/whole path/ ],
    [ 'event_sink exec:/nowhere;', qr/cannot be found/ ],
    [ 'event_sink exec:/etc/passwd;', qr/no program/ ],
    [ 'event_sink mailto:a@b.example;', qr/needs a mail server/ ],
    [ 'event_sink "mailto:a b@c";', qr/invalid address/ ],
    [ 'event_sink https://x/ events=born;', qr/invalid "events=born"/ ],
    [ 'event_sink https://x/ expire=0;', qr/invalid "expire=0"/ ],
    [ 'event_sink https://x/ timeout=1y;', qr/invalid "timeout=1y"/ ],
    [ 'event_sink https://x/ header=x;', qr/invalid "header=x"/ ],
    [ 'event_sink https://x/ bus=x;', qr/invalid parameter "bus=x"/ ],
    [ 'event_sink https://x/ name=a name=b;', qr/duplicate "name=b"/ ],
    [ 'event_sink https://x/ name=;', qr/has no value/ ],
    [ 'event_sink https://x/a; event_sink https://x/b;',
      qr/duplicate event sink "https:\/\/x", the first is in .*:\d+/ ],
    [ 'event_sink https://x/ secret=%%DIR%%/mail.crt;', qr/chmod 600/ ],
    [ 'event_sink https://x/ secret=%%DIR%%/aws;', qr/not a secret/ ],
    [ 'event_sink eventbridge:https://x/;', qr/needs "region="/ ],
    [ 'event_sink eventbridge:https://x/ region=a credentials='
      . '%%DIR%%/hook.key;', qr/no credentials/ ],
    [ 'event_sink eventbridge:https://x/ source=aws.acm;', qr/reserved/ ],
    [ 'event_sink syslog:x;', qr/syslog/ ],
    [ 'smtp http://x from=a@b;', qr/invalid mail server/ ],
    [ 'smtp smtp://x:0 from=a@b;', qr/invalid mail server/ ],
    [ 'smtp smtp://x starttls=on;', qr/needs "from="/ ],
    [ 'smtp smtp://x from=a@b user=c;', qr/needs both/ ],
    [ 'smtp smtp://x from=a;', qr/invalid "from=a"/ ],
    [ join("\n", map { "event_sink https://x/ name=$_;" } 1 .. 33),
      qr/more than 32 event sinks/ ],
);

my @store = stat("$t->{dir}/store/data.mdb");

for (@bad) {
    my ($conf, $re) = @$_;
    $t->write_config(config($conf), 'bad.conf');
    my ($rc, $out) = $t->nginx('-t', '-c', "$t->{dir}/bad.conf");
    my ($first) = $conf =~ /^(.{1,60})/;
    ok($rc != 0 && $out =~ $re && $out =~ /bad\.conf:\d+/, "-t: $first")
        or diag($out);
}

# "timeout=" is all that a receiver has to keep to

ok($other->wait_for(sub {
    my ($s) = @{$other->status()->{Sinks} || []};
    return $s->{Delivered} || $s->{LastError};
}, 60), 'a slow receiver');

my ($last) = @{$other->status()->{Sinks} || []};
is($last->{LastError}, undef, 'has as long as "timeout=" says');
is(scalar(my @asked = $slow->requests()), 1, 'and is asked once');

$other->finish();
$t->finish();

done_testing();
