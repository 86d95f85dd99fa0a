#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# A ClientHello callback of another module, lua, goes on being called.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

my ($path) = `$t->{nginx} -V 2>&1` =~ /--modules-path=(\S+)/;

plan(skip_all => 'no module lua: install libnginx-mod-http-lua')
    unless $path && -e "$path/ngx_http_lua_module.so"
        && $t->{module} ne 'static';

# a module that is loaded before ours, and one that is loaded behind it

sub write_config {
    my ($first) = @_;

    my $lua = "load_module $path/ndk_http_module.so;\n"
        . "load_module $path/ngx_http_lua_module.so;\n";

    my $conf = ($first ? "$lua%%GLOBALS%%" : "%%GLOBALS%%$lua") . <<'EOF';
events { }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    ssl_protocols TLSv1.2 TLSv1.3;
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate auto;
        ssl_client_hello_by_lua_block {
            local clt = require "ngx.ssl.clienthello"
            local host = clt.get_client_hello_server_name()
            ngx.log(ngx.NOTICE, "lua saw ", host or "no name")
            if host == "refused.example.com" then
                ngx.exit(ngx.ERROR)
            end
        }
        return 200 "ok\n";
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name other.example.com;
        acm_certificate sni;
        ssl_verify_client optional_no_ca;
        return 200 "other\n";
    }
    server {
        listen 127.0.0.1:8444 ssl;
        acm_certificate sni;
        return 200 "plain\n";
    }
}
EOF

    $t->write_config($conf);

    return;
}

sub seen {
    my ($name) = @_;

    my @lines = $t->read_file('error.log') =~ /lua saw \Q$name\E,/g;
    return scalar(@lines);
}

for my $first (1, 0) {
    my $order = $first ? 'lua first' : 'lua last';

    write_config($first);

    $t->stop();
    $t->run();

    ok($t->wait_issued('www.example.com'), "$order: issued");

    my $root = $t->root();
    my $count = seen('www.example.com');

    for my $version ('-tls1_2', '-tls1_3') {
        my $r = $t->handshake(8443, 'www.example.com', root => $root,
            args => [$version]);

        ok($r->{verified}, "$order: $version") or diag($r->{text});

        $r = $t->handshake(8443, 'refused.example.com', args => [$version]);
        ok(!$r->{pem}, "$order: $version: lua refuses");
    }

    ok($t->wait_for(sub { seen('www.example.com') == $count + 2 }),
        "$order: lua is asked once for each")
        or diag(seen('www.example.com') - $count);

    # what is ours comes before

    is(system("$t->{out}/challenge", "$t->{dir}/store", 'alpn',
        'refused.example.com', 600, 'r.' . 'k' x 43), 0, 'a challenge');

    my $r = $t->handshake(8443, 'refused.example.com',
        args => ['-alpn', 'acme-tls/1']);
    like($r->{text}, qr/^ALPN protocol: acme-tls\/1$/m,
        "$order: a challenge is answered");

    is(system("$t->{out}/challenge", "$t->{dir}/store", 'alpn',
        'refused.example.com', 0, 'r'), 0, 'its end');

    $r = $t->handshake(8444, 'refused.example.com');
    ok($r->{pem}, "$order: a server without lua");
}

# a callback for the certificate is not called, and that is told

unlike($t->read_file('error.log'), qr/takes the place of/, 'no warning');

write_config(1);
my $conf = $t->read_file('nginx.conf');
$conf =~ s/(server_name www.*\n)/$1 ssl_certificate_by_lua_block { }\n/;
$t->write_file('nginx.conf', $conf);

my @lines = split(/\n/, $conf);

my @seen;

# Whether nginx warns of that server only.

sub warned {
    my ($rc, $out) = $t->nginx('-t');

    @seen = $out =~ /\[warn\].*"acm_certificate" in \S+:(\d+) takes the place of .* in server "www\.example\.com": it is not called/g;

    return $rc == 0 && $out =~ /successful/ && @seen == 1;
}

ok(warned(), 'a certificate by lua: warned of, there only');
like($lines[($seen[0] // 1) - 1], qr/acm_certificate auto/, 'and where');

# memory that is used again has pointers in it, which lead anywhere

SKIP: {
    skip('another library is preloaded', 2) if $ENV{TEST_NGINX_PRELOAD};

    is(system($ENV{CC} || 'cc', '-shared', '-fPIC', '-D_GNU_SOURCE', '-Wall',
        '-Werror', '-o', "$t->{dir}/slack.so",
        "$FindBin::Bin/tools/slack.c"), 0, 'slack built');

    my @failed = grep {
        $t->environment(LD_PRELOAD => "$t->{dir}/slack.so", SLACK => $_);
        !warned();
    } 0 .. 31;

    is("@failed", '', 'and whatever lies behind a context');
}

$t->finish();

done_testing();
