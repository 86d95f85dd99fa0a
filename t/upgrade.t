#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Binary upgrade and its rollback: one helper works at any time.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

$t->write_config(<<'EOF');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer internal { ca; lifetime 8s; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

$t->run();
ok($t->wait_issued('www.example.com'), 'issued');

my $root = $t->root();
my $old = $t->pid();
my $r;

sub serves {
    my ($name) = @_;
    $r = $t->handshake(8443, 'www.example.com', root => $root);
    ok($r->{verified}, $name) or diag($r->{text});
}

sub renews {
    my ($name) = @_;
    my $v = $t->certificate('www.example.com')->{Version} // 0;
    ok($t->wait_for(sub {
        ($t->certificate('www.example.com')->{Version} // 0) > $v }), $name)
        or diag($t->read_file('error.log'));
}

sub upgrade {
    kill('USR2', $old);
    ok($t->wait_for(sub { $t->pid() && $t->pid() != $old }),
        'new master started');
    return $t->pid();
}

my $new = upgrade();
serves('two masters: served');
renews('two masters: renewed');

kill('WINCH', $old);
renews('old workers gone: renewed');
serves('old workers gone: served');

# roll back

kill('HUP', $old);
kill('QUIT', $new);
ok($t->wait_for(sub { !Test::Nginx::ACM::alive($new) }), 'new master gone');
ok($t->wait_for(sub { $t->pid() == $old }), 'old master is back');
renews('rolled back: renewed');
serves('rolled back: served');

# and for good

$new = upgrade();
kill('QUIT', $old);
ok($t->wait_for(sub { !Test::Nginx::ACM::alive($old) }), 'old master gone');
renews('upgraded: renewed');
serves('upgraded: served');

is($t->certificate('www.example.com')->{LastError}, undef,
    'no attempt failed');
is(scalar(@{$t->status()->{Certificates}}), 1, 'one certificate');

$t->finish();

done_testing();
