#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# What a CA asks for is answered by every server, whatever its configuration:
# http-01 (RFC 8555 s8.3) and tls-alpn-01 (RFC 8737).

use warnings;
use strict;

use Digest::SHA qw/ sha256_hex /;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();

$t->write_file('passwords', "somebody:{PLAIN}secret\n");

$t->self_signed('own', 'own.example.com');

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

    # a default server that has nothing to do with us, and two that have

    server {
        listen 127.0.0.1:8443 ssl default_server;
        server_name own.example.com;
        ssl_certificate %%DIR%%/own.crt;
        ssl_certificate_key %%DIR%%/own.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:sessions:1m;
        ssl_client_certificate %%DIR%%/own.crt;
        ssl_verify_client on;
        location / { return 200 "own"; }
    }

    server {
        listen 127.0.0.1:8443 ssl http2;
        server_name www.example.com;
        acm_certificate auto;
        location / { return 200 "www"; }
    }

    server {
        listen 127.0.0.1:8444 ssl;
        server_name other.example.com;
        acm_certificate sni fallback=reject;
        ssl_protocols TLSv1.2;
    }

    server {
        listen 127.0.0.1:8445 ssl;
        ssl_reject_handshake on;
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

# tls-alpn-01

my @only = ('-alpn', 'acme-tls/1');
my $v4 = '1.2.0.192.in-addr.arpa';
my $v6 = join('.', reverse(split(//, '20010db8' . '0' x 23 . '1')))
    . '.ip6.arpa';

sub handshake {
    my ($port, $sni, @args) = @_;

    return $t->handshake($port, $sni, args => \@args);
}

sub answered {
    my ($r, $san, $auth, $name) = @_;

    like($r->{text}, qr/^ALPN protocol: acme-tls\/1$/m, "$name: protocol");

    my $file = $t->write_file('challenge.pem', $r->{pem} // '');
    my $text = `openssl x509 -in $file -noout -text`;

    like($text, qr/Subject Alternative Name: *\n *\Q$san\E\n/,
        "$name: SAN");
    like($text, qr/NIST CURVE: P-256/, "$name: key");

    my $der = `openssl x509 -in $file -outform DER | od -An -v -tx1`;
    $der =~ s/\s//g;

    # OID 1.3.6.1.5.5.7.1.31, TRUE, OCTET STRING of an OCTET STRING
    ok(index($der, '06082b0601050507011f0101ff04220420' . sha256_hex($auth))
        > 0, "$name: extension");

    return;
}

sub refused {
    my ($r, $name) = @_;

    unlike($r->{text}, qr/ALPN protocol: acme/, "$name: no such protocol");
    is($r->{alert}, 120, "$name: no_application_protocol");

    return;
}

ok(challenge('alpn', 'www.example.com', 600, 'w.' . 'k' x 43), 'a name');
ok(challenge('alpn', 'any.example.org', 600, 'a.' . 'k' x 43), 'any name');
ok(challenge('alpn', 'dead.example.org', 0, 'd.' . 'k' x 43), 'an old one');
ok(challenge('alpn', $v4, 600, '4.' . 'k' x 43), 'an IPv4 address');
ok(challenge('alpn', $v6, 600, '6.' . 'k' x 43), 'an IPv6 address');

ok($t->wait_issued('www.example.com'), 'a certificate');

for my $port (8443, 8444, 8445) {
    answered(handshake($port, 'www.example.com', @only),
        'DNS:www.example.com', 'w.' . 'k' x 43, "port $port");
    answered(handshake($port, 'any.example.org', @only),
        'DNS:any.example.org', 'a.' . 'k' x 43, "port $port, unknown server");
}

answered(handshake(8443, 'WWW.Example.COM', @only), 'DNS:www.example.com',
    'w.' . 'k' x 43, 'upper case');
answered(handshake(8443, $v4, @only), 'IP Address:192.0.2.1',
    '4.' . 'k' x 43, 'IPv4');
answered(handshake(8443, $v6, @only), 'IP Address:2001:DB8:0:0:0:0:0:1',
    '6.' . 'k' x 43, 'IPv6');
answered(handshake(8443, 'www.example.com', @only, '-tls1_2'),
    'DNS:www.example.com', 'w.' . 'k' x 43, 'TLS 1.2');
answered(handshake(8443, 'www.example.com', @only, '-tls1_3'),
    'DNS:www.example.com', 'w.' . 'k' x 43, 'TLS 1.3');

# a retry of the ClientHello is answered too
answered(handshake(8443, 'www.example.com', @only, '-groups',
    'ffdhe2048:P-256', '-tls1_3'), 'DNS:www.example.com', 'w.' . 'k' x 43,
    'other group');

refused(handshake(8443, 'unknown.example.org', @only), 'unknown');
refused(handshake(8443, 'dead.example.org', @only), 'expired');
refused(handshake(8443, 'live', @only), 'a token for HTTP');
refused(handshake(8443, 'example.org', @only), 'the parent');
refused(handshake(8443, 'x.any.example.org', @only), 'a name below');
refused(handshake(8443, undef, @only), 'without SNI');

$r = handshake(8445, 'unknown.example.org', @only);
ok(!$r->{pem}, 'unknown, where handshakes are rejected');

# with another protocol it is none

for my $list ('h2,acme-tls/1', 'acme-tls/1,h2', 'acme-tls/1,http/1.1') {
    $r = handshake(8443, 'www.example.com', '-alpn', $list);
    like($r->{text}, qr/^ALPN protocol: (h2|http\/1.1)$/m, "\"$list\"");
    is_deeply($r->{names}, ['www.example.com'], "\"$list\": certificate");
    unlike($t->serial($r->{pem}), qr/^$/, "\"$list\": serial");
}

refused(handshake(8443, 'www.example.com', '-alpn', 'acme-tls/1,acme-tls/1'),
    'twice');
refused(handshake(8443, 'www.example.com', '-alpn', 'acme-tls/2'),
    'another one');

# others do not notice

$r = handshake(8443, 'www.example.com');
unlike($r->{text}, qr/ALPN protocol/, 'no ALPN');
is_deeply($r->{names}, ['www.example.com'], 'no ALPN: certificate');
$r = handshake(8443, 'own.example.com', '-alpn', 'http/1.1');
is_deeply($r->{names}, ['own.example.com'], 'a server of its own');
$r = handshake(8443, undef, '-alpn', 'http/1.1');
is_deeply($r->{names}, ['own.example.com'], 'no SNI: the default server');

# the connection ends with the handshake, and there is no session

SKIP: {
    skip 'no IO::Socket::SSL', 5 unless eval {
        require IO::Socket::SSL; IO::Socket::SSL->VERSION('2.010') };

    for my $version ('TLSv1_2', 'TLSv1_3') {
        my $s = IO::Socket::SSL->new(
            PeerAddr => '127.0.0.1:' . $t->port(8443),
            SSL_hostname => 'www.example.com',
            SSL_version => $version,
            SSL_alpn_protocols => ['acme-tls/1'],
            SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE());

        is($s && $s->alpn_selected(), 'acme-tls/1', "$version: connected");

        my $got = '';
        local $SIG{ALRM} = sub { die "timeout\n" };
        local $SIG{PIPE} = 'IGNORE';

        alarm(10);
        eval {
            print $s "GET / HTTP/1.0\r\n\r\n";
            local $/;
            $got = <$s> // '';
        };
        alarm(0);

        is("$got$@", '', "$version: closed without an answer");
    }

    my $session = "$t->{dir}/session.pem";
    handshake(8443, 'www.example.com', @only, '-tls1_2', '-sess_out',
        $session);
    $r = handshake(8443, 'www.example.com', @only, '-tls1_2', '-sess_in',
        $session);
    unlike($r->{text}, qr/^Reused/m, 'nothing is resumed');
}

ok(challenge('alpn', 'www.example.com', 0, $auth), 'ended');
refused(handshake(8443, 'www.example.com', @only), 'ended');

$t->finish();

done_testing();
