#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# nginx -t finds mistakes, names file, line and cure, and touches no store.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

sub check {
    my ($acm, $server, $http) = @_;

    $t->write_config(<<"EOF");
%%GLOBALS%%
events { }
$acm
http {
    %%HTTP%%
    $server
}
EOF

    return $t->nginx('-t');
}

sub bad {
    my ($name, $acm, $server, @like) = @_;

    my ($rc, $out) = check($acm, $server);

    isnt($rc, 0, "$name: refused");
    like($out, $_, "$name: says $_") for @like;
}

sub good {
    my ($name, $acm, $server) = @_;

    my ($rc, $out) = check($acm, $server);

    is($rc, 0, "$name: accepted") or diag($out);
}

my $acm = 'acm { store %%DIR%%/store; master_key %%DIR%%/acm.key; }';
my $at = qr/nginx\.conf:\d+/;

sub in_acm {
    return "acm { store %%DIR%%/store; master_key %%DIR%%/acm.key; $_[0] }";
}

sub server {
    return "server { listen 127.0.0.1:8443 ssl; server_name "
        . ($_[1] // 'www.example.com') . "; $_[0] }";
}

good('two lines', $acm, server('acm_certificate auto;'));
good('all directives', in_acm('account 210987654321; region eu-west-1 any; '
    . 'cache 100 size=8m; issuer a { ca; key rsa:2048; lifetime 90d; '
    . 'crl_distribution_point http://crl.example.com/a.crl; } '
    . 'issuer b.c-d_e { ca; } default_issuer b.c-d_e;'),
    server('acm_certificate auto issuer=a key=ecdsa:384,rsa:3072 '
    . 'fallback=reject;'));
good('sni', $acm, server('acm_certificate sni fallback=self_signed;'));

# when somebody is told of an end

my @rungs = map { "${_}d" } reverse 1 .. 17;

good('warn_at', in_acm('warn_at 45d 30d 12h 1s;'), '');
good('warn_at off', in_acm('warn_at off;'), '');
good('the longest time', in_acm('warn_at 3650d;'), '');
good('sixteen times', in_acm("warn_at @rungs[1 .. 16];"), '');
bad('seventeen times', in_acm("warn_at @rungs;"), '',
    qr/more than 16 times in \S*$at/);
bad('too long a time', in_acm('warn_at 315360001s;'), '',
    qr/invalid time "315360001s": use 1s to 3650d.*$at/);
bad('no time', in_acm('warn_at 0s;'), '', qr/invalid time "0s"/);
bad('times that rise', in_acm('warn_at 1d 3d;'), '',
    qr/"3d" is not shorter than the time before it.*$at/);
bad('the same time', in_acm('warn_at 3d 3d;'), '', qr/is not shorter/);
bad('two ladders', in_acm('warn_at 3d; warn_at 1d;'), '',
    qr/"warn_at" directive is duplicate.*$at/);
good('explicit names', $acm, server('acm_certificate auto www.example.com '
    . '*.example.org BÜCHER.example;', '_'));
good('leading dot', $acm, server('acm_certificate auto;', '.example.com'));
good('arn', $acm, server('acm_certificate arn:aws:acm:us-east-1:'
    . '123456789012:certificate/00000000-0000-4000-8000-000000000001;'));

bad('no acm block', '', server('acm_certificate auto;'),
    qr/acm_certificate" in \S*$at needs an "acm \{\}" block/);
bad('acm twice', "$acm acm { }", '', qr/"acm" directive is duplicate/, $at);
bad('store twice', in_acm('store %%DIR%%/other;'), '',
    qr/"store" directive is duplicate/, $at);
bad('store size', 'acm { store %%DIR%%/store size=512k; }', '',
    qr/invalid store size "512k": use at least 1m/, $at);
bad('store kept', "acm { store %%DIR%%/store resident=$_; }", '',
    qr/invalid size "\Q$_\E" to keep in memory: use 1m to 1024g, or "off"/, $at)
    for '1023k', '1048575', '1025g', '', 'on';
good('store kept', "acm { store %%DIR%%/store $_; }", '')
    for 'resident=1m', 'resident=1024g size=1m', 'size=1g resident=off';
bad('store kept twice', 'acm { store %%DIR%%/store resident=1m resident=1m; }',
    '', qr/"store" directive has "resident" twice/, $at);
bad('store size twice', 'acm { store %%DIR%%/store size=1m size=1m; }',
    '', qr/"store" directive has "size" twice/, $at);
bad('store parameter', 'acm { store %%DIR%%/store sice=1g; }', '',
    qr/invalid parameter "sice=1g"/, $at);
bad('account', in_acm('account 12345678901;'), '',
    qr/invalid account "12345678901": use twelve digits/, $at);
# what the API limits

good('rates of ACM', in_acm('api_rate acm;'), '');
good('no rates', in_acm('api_rate off;'), '');
good('other rates', in_acm('api_rate acm DescribeCertificate=1000r/s '
    . 'ListCertificates=1r/m ImportCertificate=off RevokeCertificate=3;'), '');
bad('a rate of nothing', in_acm('api_rate Describe=1;'), '',
    qr/invalid parameter "Describe=1": use "acm" first, or an operation/, $at);
bad('a rate past the most', in_acm('api_rate ListCertificates=1001;'), '',
    qr/invalid rate "1001" of ListCertificates: use 1 to 1000/, $at);
bad('no rate', in_acm("api_rate ListCertificates=$_;"), '',
    qr/invalid rate "\Q$_\E"/, $at) for '0', '', 'r/s', '5r/h', '1.5';
bad('a rate twice', in_acm('api_rate acm GetCertificate=1 GetCertificate=2;'),
    '', qr/duplicate operation "GetCertificate"/, $at);
bad('rates twice', in_acm('api_rate acm; api_rate off;'), '',
    qr/"api_rate" directive is duplicate/, $at);
bad('rates off and on', in_acm('api_rate off acm;'), '',
    qr/invalid parameter "off"/, $at);

good('quotas of ACM', in_acm('api_quota acm;'), '');
good('no quotas', in_acm('api_quota off;'), '');
good('other quotas', in_acm('api_quota acm certificates=1 names=100 '
    . 'private=1000000000 imported=off imported_per_year=2 '
    . 'certificates_per_year=3;'), '');
bad('a quota of nothing', in_acm('api_quota keys=1;'), '',
    qr/invalid parameter "keys=1": use "acm" first, or "certificates="/, $at);
bad('a quota past the most', in_acm('api_quota names=101;'), '',
    qr/invalid quota "101" of "names": use 1 to 100, or "off"/, $at);
bad('no quota', in_acm("api_quota imported=$_;"), '',
    qr/invalid quota "$_" of "imported"/, $at) for '0', '', '1000000001', '-1';
bad('a quota twice', in_acm('api_quota names=1 names=2;'), '',
    qr/duplicate quota "names"/, $at);
bad('quotas twice', in_acm('api_quota acm; api_quota acm;'), '',
    qr/"api_quota" directive is duplicate/, $at);

good('in use', in_acm('api_in_use 90s;'), '');
good('in use, off', in_acm('api_in_use off;'), '');
bad('in use', in_acm("api_in_use $_;"), '', qr/invalid time "$_"/, $at)
    for '0', '1x';
bad('in use twice', in_acm('api_in_use 1d; api_in_use off;'), '',
    qr/"api_in_use" directive is duplicate/, $at);

good('one namespace', in_acm('region eu-west-1 us-east-1 namespace=one;'), '');
good('any, and one', in_acm('region any namespace=one;'), '');
bad('namespace', in_acm('region us-east-1 namespace=two;'), '',
    qr/invalid region "namespace=two"/, $at);
good('ARN of a region that is the first', in_acm('region eu-west-1 us-east-1 '
    . 'namespace=one;'), server('acm_certificate arn:aws:acm:us-east-1:'
    . '123456789012:certificate/12345678-1234-4234-8234-123456789012;'));

bad('region', in_acm('region US_east;'), '', qr/invalid region/, $at);

# the addresses of name servers

good('resolver', in_acm('resolver 192.0.2.1 192.0.2.2:5353 [2001:db8::1] '
    . '[::1]:5353;'), '');
# the API

my $api = 'server { listen 127.0.0.1:8080; location / { acm_api; } }';

bad('API without acm', '', $api, qr/"acm_api" in .* needs users/, $at,
    qr/acmctl user/);
bad('API without users', $acm, $api, qr/"acm_api" in .* needs users/, $at);
bad('no file of users', in_acm('users %%DIR%%/none.json;'), $api,
    qr/none\.json.*no such file/i, $at);
bad('users twice', in_acm('users a; users b;'), '',
    qr/"users" directive is duplicate/, $at);
bad('API parameter', $acm, 'server { listen 127.0.0.1:8080; location / {'
    . ' acm_api key_types=ec; } }', qr/"key_types=all"/, $at);
bad('API twice', $acm, 'server { listen 127.0.0.1:8080; location / {'
    . ' acm_api; acm_api; } }', qr/"acm_api" directive is duplicate/, $at);

$t->write_file('users.json', '{ "Accounts": [ ] }');
chmod(0644, "$dir/users.json");
bad('users that all can read', in_acm('users %%DIR%%/users.json;'), $api,
    qr/users\.json/, qr/lets others at it; run "chmod/, $at);
chmod(0600, "$dir/users.json");
$t->write_file('users.json', '{ "Accounts": 5 }');
bad('users that are none', in_acm('users %%DIR%%/users.json;'), $api,
    qr/Accounts/, $at);

bad('resolver by name', in_acm('resolver localhost;'), '',
    qr/no IP address in resolver "localhost": use an IP/, $at);
bad('resolver with a bad port', in_acm('resolver 192.0.2.1:0;'), '',
    qr/invalid port in resolver "192.0.2.1:0": use an IP/, $at);
bad('resolver on a socket', in_acm('resolver unix:/tmp/x;'), '',
    qr/in resolver "unix:\/tmp\/x": use an IP address/, $at);
bad('resolver with a comma', in_acm('resolver 192.0.2.1,192.0.2.2;'), '',
    qr/in resolver "192.0.2.1,192.0.2.2": use an IP address/, $at);
bad('resolver twice', in_acm('resolver 192.0.2.1; resolver 192.0.2.2;'), '',
    qr/"resolver" directive is duplicate/, $at);
good('eight resolvers', in_acm('resolver ' . '192.0.2.1 ' x 8 . ';'), '');
bad('nine resolvers', in_acm('resolver ' . '192.0.2.1 ' x 9 . ';'), '',
    qr/too many addresses, use up to eight/, $at);

# zones on other name servers

$t->write_file('update.key', 'key "k" { algorithm hmac-sha256; secret "'
    . 'A' x 43 . "=\"; };\n");
chmod(0600, "$dir/update.key");

sub update { return in_acm("dns_update $_[0];") }

my $with = 'key=%%DIR%%/update.key';

good('dns_update', in_acm("dns_update example.com 192.0.2.1 $with; "
    . "dns_update Sub.example.com. [2001:db8::1]:5353 ttl=1d $with; "
    . "dns_update _acme-challenge.a.example.net 192.0.2.1:53 $with "
    . 'ttl=1 via=acm.example.org; '
    . "dns_update BÜCHER.example 192.0.2.1 key=update.key; "
    . "dns_update lan 192.0.2.1 $with;"), '');
bad('dns_update without key', update('example.com 192.0.2.1 ttl=60'), '',
    qr/no key for zone "example.com": add "key=" with a file/, $at);
bad('dns_update with two keys', update("example.com 192.0.2.1 $with $with"),
    '', qr/duplicate "key=\S+": a zone has one key/, $at);
bad('dns_update with one argument', update('example.com'), '',
    qr/invalid number of arguments in "dns_update"/, $at);
bad('dns_update with a server by name', update("example.com ns $with"), '',
    qr/no IP address in server "ns": use the IP address of the/, $at);
bad('dns_update on a socket', update("example.com unix:/tmp/x $with"), '',
    qr/in server "unix:\/tmp\/x": use the IP address/, $at);
bad('dns_update with a bad port', update("example.com 192.0.2.1:0 $with"),
    '', qr/invalid port in server "192.0.2.1:0"/, $at);
bad('dns_update twice', in_acm("dns_update example.com 192.0.2.1 $with; "
    . "dns_update EXAMPLE.com. 192.0.2.2 $with;"), '',
    qr/duplicate zone "example.com", the first is in \S*nginx.conf:\d/, $at);
bad("dns_update $_", update("$_ 192.0.2.1 $with"), '',
    qr/invalid zone "\Q$_\E": use the name of the zone/, $at)
    for '.', 'a..b', '*.example.com', '192.0.2.1', 'a/b', 'a' x 64,
        join('.', ('a' x 62) x 4) . '.bb';
bad('dns_update with a bad via', update("example.com 192.0.2.1 $with via="),
    '', qr/invalid zone "": use the name of the zone/, $at);
bad("dns_update ttl=$_", update("example.com 192.0.2.1 $with ttl=$_"), '',
    qr/invalid "ttl=$_": use 1 to 86400 seconds/, $at)
    for 0, 86401, 'x', -1;
good('dns_update ttl=86400', update("a.b 192.0.2.1 $with ttl=86400"), '');
bad('dns_update with two ttls', update("a.b 192.0.2.1 $with ttl=1 ttl=2"),
    '', qr/duplicate "ttl=2"/, $at);
bad('dns_update parameter', update("a.b 192.0.2.1 $with tll=1"), '',
    qr/invalid parameter "tll=1": "key=", "ttl=" and "via=" are/, $at);
bad('dns_update key missing', update('a.b 192.0.2.1 key=none.key'), '',
    qr/cannot open key file "\S+\/none.key": no such file/, $at);
bad('dns_update key unnamed', update('a.b 192.0.2.1 key='), '',
    qr/"key=" names no file/, $at);

sub updates {
    return in_acm(join('', map { "dns_update n$_.example 192.0.2.1 $with;\n" }
        1 .. $_[0]));
}

good('256 zones', updates(256), '');
bad('257 zones', updates(257), '', qr/more than 256 zones/, $at);

chmod(0640, "$dir/update.key");
bad('dns_update key for others', update("a.b 192.0.2.1 $with"), '',
    qr/update.key": mode 640 lets others at it; run "chmod 600"/, $at);
chmod(0600, "$dir/update.key");

$t->write_file('update.key', 'key "k" { algorithm hmac-md5; };');
bad('dns_update key algorithm', update("a.b 192.0.2.1 $with"), '',
    qr/update.key": the algorithm of the key must be hmac-sha256/, $at);

bad('cache 0', in_acm('cache 0;'), '',
    qr/invalid number of names "0": use 1 to 10000000/, $at);
good('cache 1', in_acm('cache 1;'), '');
good('cache of 10000000', in_acm('cache 10000000;'), '');
bad('cache of 10000001', in_acm('cache 10000001;'), '',
    qr/invalid number of names "10000001": use 1 to 10000000/, $at);
good('cache of 4m', in_acm('cache 100 size=4m;'), '');
good('cache of 1024g', in_acm('cache 100 size=1024g;'), '');
bad('cache below 4m', in_acm('cache 100 size=4194303;'), '',
    qr/invalid size "4194303": use 4m to 1024g/, $at);
bad('cache above 1024g', in_acm('cache 100 size=1025g;'), '',
    qr/invalid size "1025g": use 4m to 1024g/, $at);
bad('cache of a size that is none', in_acm('cache 100 size=x;'), '',
    qr/invalid size "x": use 4m to 1024g/, $at);
bad('cache with something else', in_acm('cache 100 bytes=8m;'), '',
    qr/invalid parameter "bytes=8m": use "size="/, $at);
bad('cache twice', in_acm('cache 100; cache 100;'), '',
    qr/"cache" directive is duplicate/, $at);
good('stapling on', in_acm('stapling on;'), '');
good('stapling off', in_acm('stapling off;'), '');
bad('stapling else', in_acm('stapling yes;'), '',
    qr/invalid value "yes": use "on" or "off"/, $at);
bad('stapling twice', in_acm('stapling on; stapling off;'), '',
    qr/"stapling" directive is duplicate/, $at);
bad('stapling with something else', in_acm('stapling on resolver=a;'), '',
    qr/invalid parameter "resolver=a": "responder=" is the only one/, $at);
bad('responder of ldap', in_acm('stapling on responder=ldap://a/;'), '',
    qr{invalid URL "ldap://a/": use http or https}, $at);

# 2048 octets with http://a/

my $long = 'http://a/' . 'a' x 2039;
good('responder of 2048', in_acm("stapling on responder=$long;"), '');
bad('responder of 2049', in_acm("stapling on responder=${long}a;"), '',
    qr/invalid URL "http/, $at);
bad('issuer without kind', in_acm('issuer x { }'), '',
    qr/issuer "x" in \S*$at says no kind: add "ca;"/);
bad('issuer twice', in_acm('issuer x { ca; } issuer x { ca; }'), '',
    qr/duplicate issuer "x", the first is in \S*$at/);
bad('issuer name', in_acm('issuer a/b { ca; }'), '',
    qr/invalid issuer name "a\/b"/, $at);
bad('issuer name of 33', in_acm('issuer ' . 'a' x 33 . ' { ca; }'), '',
    qr/invalid issuer name/);
good('issuer name of 32', in_acm('issuer ' . 'a' x 32 . ' { ca; }'), '');
bad('issuer key', in_acm('issuer x { ca; key dsa:1024; }'), '',
    qr/invalid key "dsa:1024": use ecdsa:256/, $at);
bad('issuer key ecdsa:521', in_acm('issuer x { ca; key ecdsa:521; }'), '',
    qr/invalid key "ecdsa:521"/, $at);
bad('lifetime 4s', in_acm('issuer x { ca; lifetime 4s; }'), '',
    qr/invalid lifetime "4s"/, $at);
good('lifetime 5s', in_acm('issuer x { ca; lifetime 5s; }'), '');
good('lifetime 3650d', in_acm('issuer x { ca; lifetime 3650d; }'), '');
bad('lifetime 3651d', in_acm('issuer x { ca; lifetime 3651d; }'), '',
    qr/invalid lifetime/);
bad('unknown in issuer', in_acm('issuer x { ca; acne; }'), '',
    qr/unknown directive "acne"/, $at);
bad('ca outside issuer', in_acm('ca;'), '',
    qr/"ca" directive is not allowed here/, $at);
bad('crl', in_acm('issuer x { ca; crl_distribution_point ftp://x/; }'), '',
    qr/is no http/, $at);
bad('public_names', in_acm('issuer x { acme https://ca.example/d; '
    . 'accept_terms on; public_names maybe; }'), '',
    qr/"public_names" directive must be "on" or "off"/, $at);
bad('public_names twice', in_acm('issuer x { acme https://ca.example/d; '
    . 'accept_terms on; public_names on; public_names off; }'), '',
    qr/"public_names" directive is duplicate/, $at);
bad('dns_proof', in_acm('issuer x { ca; dns_proof maybe; }'), '',
    qr/"dns_proof" directive must be "on" or "off"/, $at);
bad('dns_proof twice', in_acm('issuer x { ca; dns_proof on; dns_proof on; }'),
    '', qr/"dns_proof" directive is duplicate/, $at);
bad('dns_proof of another CA', in_acm('issuer x { acme https://ca.example/d; '
    . 'accept_terms on; dns_proof on; }'), '',
    qr/has "dns_proof on;", which is of built-in CAs: remove it/);
good('dns_proof off', in_acm('issuer x { acme https://ca.example/d; '
    . 'accept_terms on; dns_proof off; }'), '');
good('public_names off', in_acm('issuer x { acme https://ca.example/d; '
    . 'accept_terms on; public_names off; }'), '');
bad('default issuer', in_acm('issuer x { ca; } default_issuer y;'), '',
    qr/unknown issuer "y".*$at/s);

bad('unknown issuer', $acm, server('acm_certificate auto issuer=nowhere;'),
    qr/unknown issuer "nowhere" in \S*$at: add "issuer nowhere/);
bad('mode', $acm, server('acm_certificate automatic;'),
    qr/invalid value "automatic": use "auto", "sni" or the ARN/, $at);
bad('twice', $acm, server('acm_certificate auto; acm_certificate sni;'),
    qr/"acm_certificate" directive is duplicate/, $at);
bad('key', $acm, server('acm_certificate auto key=rsa:1024;'),
    qr/invalid key "rsa:1024"/, $at);
bad('two ECDSA keys', $acm,
    server('acm_certificate auto key=ecdsa:256,ecdsa:384;'),
    qr/too many keys/, $at);
bad('three keys', $acm,
    server('acm_certificate auto key=ecdsa:256,rsa:2048,rsa:4096;'),
    qr/too many keys/, $at);
bad('empty key', $acm, server('acm_certificate auto key=;'),
    qr/invalid key/, $at);
bad('parameter', $acm, server('acm_certificate auto colour=red;'),
    qr/invalid parameter "colour=red": "issuer="/, $at);
bad('sni with issuer', $acm, server('acm_certificate sni issuer=x;'),
    qr/only "fallback=" goes without "auto"/, $at);
bad('ARN', $acm, server('acm_certificate arn:aws:acm:us-east-1:1:x;'),
    qr/invalid ARN/, $at);
bad('ARN of another account', $acm, server('acm_certificate arn:aws:acm:'
    . 'us-east-1:210987654321:certificate/'
    . '00000000-0000-4000-8000-000000000001;'),
    qr/the ARN in \S*$at is of account 210987654321/);
bad('ARN of another region', $acm, server('acm_certificate arn:aws:acm:'
    . 'eu-west-1:123456789012:certificate/'
    . '00000000-0000-4000-8000-000000000001;'),
    qr/the ARN in \S*$at is of region eu-west-1/);

for my $name ('_', 'localhost', 'www.example.*', '~^www', 'a_b.example.com',
    'x' x 64 . '.example.com', '*.*.example.com', '192.0.2.1',
    'ab--cd.example.com', 'xn--zzzzzz99999.example.com')
{
    bad("server_name $name", $acm, server('acm_certificate auto;', $name),
        qr/"acm_certificate auto" in \S*$at: server name ".*cannot be in a /,
        qr/acm_certificate auto www\.example\.com;/);
}

# a server that no client can reach by TLS is a mistake, but not one that
# keeps nginx from starting

sub warned {
    my ($name, $server, $count) = @_;

    my ($rc, $out) = check($acm, $server);
    my @lines = $out =~ /\[warn\].*("acm_certificate" in .*)/g;

    is($rc, 0, "$name: accepted") or diag($out);
    is(scalar(@lines), $count, "$name: warnings") or diag($out);

    like($_, qr/^"acm_certificate" in \S*$at serves no client, .*: add "ssl"/,
        "$name: file, line and cure") for @lines;

    return;
}

my $plain = 'server { listen 127.0.0.1:8081; server_name www.example.com; '
    . 'acm_certificate auto; }';

warned('no TLS', $plain, 1);
warned('two of them', "$plain server { listen 127.0.0.1:8082; "
    . 'acm_certificate sni; }', 2);
warned('TLS', server('acm_certificate auto;'), 0);
warned('TLS at one of its addresses', 'server { listen 127.0.0.1:8081; '
    . 'listen 127.0.0.1:8443 ssl; acm_certificate sni; }', 0);
warned('TLS of another server at the address', server('acm_certificate auto;')
    . ' server { listen 127.0.0.1:8443; server_name b.example.com; '
    . 'acm_certificate auto; }', 0);

bad('no names', $acm, server('acm_certificate auto;', '""'),
    qr/has no names: add "server_name"/, $at);

my @many = map { "n$_.example.com" } (1 .. 101);
bad('101 names', $acm, server('acm_certificate auto;', "@many"),
    qr/at most 100 names/);
pop @many;
good('100 names', $acm, server('acm_certificate auto;', "@many"));

$t->self_signed('own', 'www.example.com');
my $own = 'ssl_certificate %%DIR%%/own.crt; ssl_certificate_key '
    . '%%DIR%%/own.key;';

bad('with ssl_certificate before', $acm,
    server("$own acm_certificate auto;"), qr/"ssl_certificate"/, $at);
bad('with ssl_certificate behind', $acm,
    server("acm_certificate auto; $own"), qr/"ssl_certificate"/, $at);

$t->write_file('both.pem', $t->read_file('own.crt')
    . $t->read_file('own.key'));
good('fallback file', $acm,
    server('acm_certificate sni fallback=%%DIR%%/both.pem;'));
bad('fallback file missing', $acm,
    server('acm_certificate sni fallback=%%DIR%%/none.pem;'),
    qr/none\.pem/);
bad('fallback file with a variable', $acm,
    server('acm_certificate sni fallback=%%DIR%%/$ssl_server_name.pem;'),
    qr/invalid fallback "\S+\/\$ssl_server_name\.pem": variables cannot/, $at);

# the key file

my $key = "$dir/acm.key";

ok(!-e $key, 'nginx -t makes no key file');

$t->write_file('acm.key', "short\n");
chmod(0600, $key);
bad('bad key file', $acm, '', qr/acm\.key/, $at);

$t->write_file('acm.key', 'A' x 43 . "=\n");
chmod(0640, $key);
bad('readable key file', $acm, '', qr/acm\.key/, $at);

chmod(0600, $key);
good('key file', $acm, '');

unlink($key);
mkdir($key);
bad('key file is a directory', $acm, '', qr/acm\.key/, $at);
rmdir($key);

ok(!glob("$dir/store/*"), 'nginx -t puts nothing into the store directory');

$t->write_file('store/data.mdb', 'x' x 8192);
bad('store without its key', $acm, '',
    qr/master key file .* is missing, but the store/);

done_testing();
