#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Which certificates are served: shown by acmctl; what nobody asks for is not
# renewed with "unused", until it is served again.

use warnings;
use strict;

use JSON::PP;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

my $conf = <<'EOC';
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer short { ca; lifetime 8s; }
    issuer long { ca; }
    unused 3s;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl reuseport;
        server_name www.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name dead.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name both.example.com;
        acm_certificate auto issuer=long key=ecdsa:256,rsa:2048;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOC

sub ctl { return $t->acmctl(@_) }

# "acmctl list" with arguments, by domain name

sub list {
    my ($rc, $out) = ctl('list', '--json', @_);
    my $list = eval { decode_json($out) } || [];

    return map { ("$_->{DomainName} $_->{KeyAlgorithm}" => $_) } @$list;
}

sub version { return ($t->certificate($_[0]) || {})->{Version} || 0 }
sub log_like { my ($re) = @_; return $t->read_file('error.log') =~ $re }
sub used { return $t->status()->{Store}{Entries}{used} }

# what is not allowed

for (['unused;', qr/number of arguments/], ['unused 0;', qr/invalid time "0"/],
    ['unused 3x;', qr/invalid time "3x"/], ['unused off; unused 1d;',
    qr/is duplicate/])
{
    (my $bad = $conf) =~ s/unused 3s;/$_->[0]/;
    $t->write_config($bad);
    my ($rc, $out) = $t->nginx('-t');
    isnt($rc, 0, "$_->[0] is refused");
    like($out, $_->[1], 'says why');
}

$t->write_config($conf);
$t->run();

ok($t->wait_issued($_), "$_ issued")
    for 'www.example.com', 'dead.example.com', 'both.example.com';

my $root = $t->root('short');
my $failed = 0;

sub serve {
    my ($name) = @_;
    my $r = $t->handshake(8443, $name, root => $root);

    $failed++, diag($r->{text}) unless $r->{verified};
    return;
}

# one is asked for and renewed, the other one not

my $dead = qr/"dead\.example\.com" was not served since \S+ \("unused"\) and /;

ok($t->wait_for(sub {
    serve('www.example.com');
    return log_like($dead) && version('www.example.com') >= 4;
}, 60), 'what is not served is given up, what is served is renewed')
    or diag($t->read_file('error.log'));

is($failed, 0, 'no handshake failed');
ok(!log_like(qr/"www\.example\.com" was not served/), 'the other one is not');

my $version = version('dead.example.com');

my %all = list();
my $www = $all{'www.example.com EC-prime256v1'};
like($www->{LastServedAt}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    'when it was served last');
cmp_ok($www->{FirstServedAt}, 'lt', $www->{LastServedAt}, 'and first');
cmp_ok($www->{HandshakeCount}, '>=', 4, 'and how often, at least');

my $c = $all{'dead.example.com EC-prime256v1'};
ok(!exists($c->{LastServedAt}), 'the other one never was');
ok($c->{UnusedAt}, 'and says when it was given up');
ok($t->certificate('dead.example.com')->{UnusedAt}, 'in the status too');

my ($rc, $out) = ctl('show', $www->{CertificateArn});
like($out, qr/^LastServedAt +20/m, 'show');
($rc, $out) = ctl('show', $c->{CertificateArn});
unlike($out, qr/LastServedAt/, 'show of the other one');

# lists of what is unused

my %unused = list('--unused', '1s');
ok($unused{'dead.example.com EC-prime256v1'}, 'list --unused');
ok($unused{'both.example.com RSA-2048'}, 'also of those that live long');
%unused = list('--unused', '1h');
is(scalar(keys %unused), 0, 'none for an hour');

($rc, $out) = ctl('list', '--unused', '1h');
is($rc, 0, 'nothing is no fault');
is($out, '', 'and says nothing');
($rc, $out) = ctl('list', '--unused', '3x');
is($rc, 2, 'no time');
like($out, qr/"3x" is no time/, 'says so');
isnt((ctl('show', $c->{CertificateArn}, '--unused', '1d'))[0], 0,
    'only of lists');

($rc, $out) = ctl('list');
like($out, qr/ www\.example\.com 20\S+Z$/m, 'list has it in the last column');
like($out, qr/ dead\.example\.com -$/m, 'or none');

# a handshake is for both key types

$t->handshake(8443, 'both.example.com');
ok($t->wait_for(sub {
    my %l = list();
    return 2 == grep { /^both/ && $l{$_}{LastServedAt} } keys %l;
}), 'both key types are noted');

# a new helper leaves it as it is

my $locks = () = $t->read_file('error.log') =~ /took the lock/g;
$t->reload();

ok($t->wait_for(sub {
    serve('www.example.com');
    return $locks < (() = $t->read_file('error.log') =~ /took the lock/g);
}), 'another helper');

my $w = version('www.example.com');
ok($t->wait_for(sub {
    serve('www.example.com');
    return version('www.example.com') > $w;
}), 'which renews');
is(version('dead.example.com'), $version, 'but not the unused one');

# served again

$t->handshake(8443, 'dead.example.com');

ok($t->wait_for(sub { version('dead.example.com') > $version }),
    'served again: renewed') or diag($t->tail('dead'));
ok(log_like(qr/"dead\.example\.com" is served again and will be renewed/),
    'and told');
is($t->certificate('dead.example.com')->{UnusedAt}, undef, 'no mark');
ok($t->wait_for(sub {
    $t->handshake(8443, 'dead.example.com', root => $root)->{verified}
}), 'the new one is served');

# it is given up again, and taken up when the directive is gone

ok($t->wait_for(sub { $t->certificate('dead.example.com')->{UnusedAt} }),
    'given up again');
$version = version('dead.example.com');

(my $off = $conf) =~ s/unused 3s/unused off/;
$t->write_config($off);
$t->reload();

ok($t->wait_for(sub { version('dead.example.com') > $version }),
    'unused off: renewed') or diag($t->tail('dead'));

# a reload is no reason to write down sooner what is served

sub handshakes {
    my %now = list();
    return $now{'www.example.com EC-prime256v1'}{HandshakeCount};
}

# until another helper has done all that it does first

sub reloaded {
    my %old = map { ($_ => 1) } $t->helpers();
    my $new;

    $t->reload();
    $t->wait_for(sub {
        ($new) = grep { !$old{$_} } $t->helpers();
        return $new && log_like(qr/helper process $new took the lock/);
    }) or return;

    my $version = version('dead.example.com');

    return $t->wait_for(sub { version('dead.example.com') > $version });
}

my $count;

ok(reloaded(), 'reload');
ok($t->wait_for(sub {
    $count = handshakes();
    $t->handshake(8443, 'www.example.com');
    reloaded() or return;

    return handshakes() == $count;
}), 'a note stays where it is');

$t->write_config($conf);
$t->reload();
ok($t->wait_for(sub { handshakes() > $count }), 'until its time comes');

# what is deleted is forgotten

my $n = used();
%all = list();
my ($rsa) = grep { /^both.*RSA/ } keys %all;
($rc, $out) = ctl('delete', $all{$rsa}{CertificateArn});
is($rc, 0, 'deleted') or diag($out);
is(used(), $n - 1, 'no entry of it');

($rc, $out) = ctl('verify');
is($rc, 0, 'verify') or diag($out);

$t->finish();

done_testing();
