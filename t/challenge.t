#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What a CA asks for is answered by every server, whatever its configuration:
# http-01 (RFC 8555 s8.3).

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

$t->write_file('passwords', "somebody:{PLAIN}secret\n");

$t->write_config(<<'EOF');
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    log_format where '$uri $status $acm_test';
    limit_req_zone $server_port zone=one:1m rate=1r/m;
    limit_conn_zone $server_port zone=two:1m;

    map $uri $acm_test { default log; }

    server {
        listen 127.0.0.1:8080;
        access_log %%DIR%%/access.log where;
        location / { return 404 "nginx\n"; }
        location /status { acm_status; }
        location = /redirect { rewrite ^ /.well-known/acme-challenge/live; }
    }

    server {
        listen 127.0.0.1:8081;
        server_name redirect.example.com;
        return 301 https://$host$request_uri;
    }

    server {
        listen 127.0.0.1:8081;
        server_name rewrite.example.com;
        rewrite ^ /elsewhere last;
        location / { return 403; }
    }

    server {
        listen 127.0.0.1:8081;
        server_name location.example.com;
        location / { return 301 https://$host$request_uri; }
        location ^~ /.well-known/ { rewrite ^ /else break; return 410; }
    }

    server {
        listen 127.0.0.1:8081;
        server_name auth.example.com;
        auth_basic secret;
        auth_basic_user_file %%DIR%%/passwords;
    }

    server {
        listen 127.0.0.1:8081;
        server_name deny.example.com;
        deny all;
        satisfy any;
        location ~ /\. { deny all; }
    }

    server {
        listen 127.0.0.1:8081;
        server_name internal.example.com;
        location /.well-known/ { internal; }
    }

    server {
        listen 127.0.0.1:8081;
        server_name proxy.example.com;
        location / { proxy_pass http://127.0.0.1:8089; }
        location /.well-known/acme-challenge/slash/ {
            proxy_pass http://127.0.0.1:8089;
        }
    }

    server {
        listen 127.0.0.1:8081;
        server_name body.example.com;
        client_max_body_size 4;
    }

    server {
        listen 127.0.0.1:8082;
        limit_req zone=one;
        return 301 https://$host$request_uri;
    }

    server {
        listen 127.0.0.1:8083;
        location /.well-known/ {
            limit_req zone=one burst=1;
            limit_req_status 429;
            access_log %%DIR%%/limit.log where;
        }
    }

    server {
        listen 127.0.0.1:8084;
        limit_conn two 1;
        location / { proxy_pass http://127.0.0.1:8089; }
    }
}
EOF

$t->run();

ok($t->wait_for(sub { $t->status()->{Store} }), 'the worker has the store');

sub challenge {
    my (@args) = @_;

    return system("$t->{out}/challenge", "$t->{dir}/store", @args) == 0;
}

sub request {
    my ($port, $host, $uri, %opt) = @_;

    my $s = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1:' . $t->port($port)) or return '';
    my $method = $opt{method} || 'GET';

    print $s "$method $uri HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n"
        . ($opt{more} || '') . "\r\n" . ($opt{body} || '');

    local $/;
    return scalar(<$s>) // '';
}

my $path = '/.well-known/acme-challenge/';
my $auth = 'live.' . 'k' x 43;
my $long = 'L' x 128;
my $r;

ok(challenge('http', 'live', 600, $auth), 'a token in the store');
ok(challenge('http', 'dead', 0, "dead.$auth"), 'an expired one');
ok(challenge('http', $long, 600, "$long." . 'k' x 43), 'the longest one');
ok(challenge('http', 'slash', 600, "slash.$auth"), 'another one');
ok(challenge('alpn', 'www.example.com', 600, $auth), 'one for TLS');

# the answer

$r = request(8080, 'localhost', "${path}live");
like($r, qr/^HTTP\/1.1 200 /, 'status');
like($r, qr/\r\n\r\n\Q$auth\E$/, 'key authorization, nothing else');
like($r, qr/^Content-Type: application\/octet-stream\r$/m, 'type');
like($r, qr/^Content-Length: @{[length $auth]}\r$/m, 'length');
like($r, qr/^Cache-Control: no-store\r$/m, 'not to be kept');

$r = request(8080, 'localhost', "${path}live", method => 'HEAD');
like($r, qr/^HTTP\/1.1 200 .*Content-Length: @{[length $auth]}\r.*\r\n\r\n$/s,
    'HEAD');

like(request(8080, 'localhost', "$path$long"), qr/\r\n\r\n${long}.k{43}$/,
    'the longest token');
like(request(8080, 'localhost', "${path}live?x=y"), qr/\Q$auth\E$/, 'a query');
like(request(8080, 'localhost', "${path}%6Cive"), qr/\Q$auth\E$/, 'encoded');
like(request(8080, 'else.example.com', "${path}live"), qr/\Q$auth\E$/,
    'whatever host');

$r = request(8080, 'localhost', "${path}live", body => "1234\r\n",
    more => "Content-Length: 6\r\n");
like($r, qr/\Q$auth\E$/, 'a body is ignored');

# anything else goes where it would go without the module

for my $uri ("${path}unknown", "${path}dead", "${path}liv", "${path}livee",
    "${path}LIVE", "${path}live/", "${path}live/x", "${path}live%00",
    "${path}live%0d%0aX-Evil:%20y", "${path}../live", "${path}live.",
    "${path}%2e%2e%2fpasswd", "${path}<script>", "${path}www.example.com",
    "${path}${long}L", "$path", '/.well-known/acme-challenge',
    '/.well-known/acme-challengelive', '/.WELL-KNOWN/acme-challenge/live',
    "${path}live%20", "${path}l%C3%AFve", "/x${path}live")
{
    $r = request(8080, 'localhost', $uri);
    unlike($r, qr/^HTTP\/1.1 200|\Q$auth\E|X-Evil:/, "\"$uri\"");
    like($r, qr/^HTTP\/1.1 40[04] /, "\"$uri\": nginx's own answer");
}

for my $method (qw/ POST PUT DELETE OPTIONS PROPFIND /) {
    $r = request(8080, 'localhost', "${path}live", method => $method,
        more => "Content-Length: 0\r\n");
    unlike($r, qr/^HTTP\/1.1 200|\Q$auth\E/, $method);
}

$r = request(8080, 'localhost', '/redirect');
unlike($r, qr/\Q$auth\E/, 'no internal redirect leads there');

# no configuration hides it

for my $name (qw/ redirect rewrite location auth deny internal proxy body /) {
    like(request(8081, "$name.example.com", "${path}live"),
        qr/^HTTP\/1.1 200 .*\r\n\r\n\Q$auth\E$/s, "server with $name");
    unlike(request(8081, "$name.example.com", "${path}unknown"),
        qr/^HTTP\/1.1 200 /, "server with $name: unknown");
}

like(request(8081, 'redirect.example.com', "${path}unknown"),
    qr/^HTTP\/1.1 301 .*Location: https:/s, 'and other requests go on');
like(request(8081, 'auth.example.com', "${path}unknown"),
    qr/^HTTP\/1.1 401 /, 'with authorization');
like(request(8081, 'body.example.com', "${path}live", body => '12345',
    more => "Content-Length: 5\r\n"), qr/^HTTP\/1.1 413 /, 'body too large');

# but limits hold, and logs are written

like(request(8082, 'localhost', "${path}live"), qr/\Q$auth\E$/, 'first');
like(request(8082, 'localhost', "${path}live"), qr/^HTTP\/1.1 503 /,
    'limit_req of a server');
like(request(8083, 'localhost', "${path}live"), qr/\Q$auth\E$/, 'first');

my $delayed = IO::Socket::INET->new(Proto => 'tcp',
    PeerAddr => '127.0.0.1:' . $t->port(8083));
print $delayed "GET ${path}live HTTP/1.0\r\n\r\n";
ok($t->wait_for(sub {
    return request(8083, 'localhost', "${path}live") =~ /^HTTP\/1.1 429 /;
}), 'limit_req of a location, behind a delayed one');
$delayed->close();

# a connection that lasts, as the one behind it does not answer

like(request(8084, 'localhost', "${path}live"), qr/\Q$auth\E$/, 'first');

my $silent = IO::Socket::INET->new(Proto => 'tcp', Listen => 5,
    LocalAddr => '127.0.0.1:' . $t->port(8089)) or die $!;
my $waits = IO::Socket::INET->new(Proto => 'tcp',
    PeerAddr => '127.0.0.1:' . $t->port(8084));
print $waits "GET /wait HTTP/1.0\r\n\r\n";
my $behind = $silent->accept();

like(request(8084, 'localhost', "${path}live"), qr/^HTTP\/1.1 503 /,
    'limit_conn');

$_->close() for $waits, $behind, $silent;

ok($t->wait_for(sub {
    return $t->read_file('access.log') =~ m{^${path}live 200 log$}m
        && $t->read_file('limit.log') =~ m{^${path}live 429 log$}m;
}), 'access logs of server and location');
like($t->read_file('error.log'), qr{http-01 challenge "${path}live" answered},
    'error log');

# at once after a change, and over a reload

ok(challenge('http', 'live', 0, $auth), 'ended');
unlike(request(8080, 'localhost', "${path}live"), qr/^HTTP\/1.1 200 /,
    'no longer answered');
ok(challenge('http', 'live', 600, "live.$auth"), 'changed');
like(request(8080, 'localhost', "${path}live"), qr/\r\n\r\nlive.\Q$auth\E$/,
    'answered again');

my @old = $t->workers();
$t->reload();
ok($t->wait_for(sub { my %old = map { $_ => 1 } @old;
    my @w = $t->workers(); return @w && !grep { $old{$_} } @w }), 'reload');
like(request(8080, 'localhost', "${path}live"), qr/\r\n\r\nlive.\Q$auth\E$/,
    'answered by the next workers');

$t->finish();

done_testing();
