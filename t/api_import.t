#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# ImportCertificate, with what openssl and people make: line ends, text around,
# parameters, orders, keys of others; by calls over HTTP.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use MIME::Base64;
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};
my $api = api_new(api_user($t, 'importer'));

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
worker_processes 2;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080;
        location / { acm_api key_types=all; }
    }
    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni;
    }
}
EOF_CONF

$t->run();

sub openssl {
    my ($command) = @_;

    $command =~ s/%/$dir\//g;
    my $out = `openssl $command 2>&1`;
    die "openssl $command: $out" if $?;

    return $out;
}

sub text { return $t->read_file($_[0]) }

# A certificate for the names of an extension, by the intermediate; days from
# now to now.

sub leaf {
    my ($file, $key, $cn, $san, %opt) = @_;

    my $md = $opt{md} || 'sha256';
    my ($from, $to) = @{$opt{days} || [ -1, 89 ]};
    my ($start, $end) = map {
        my @t = gmtime(time() + $_ * 86400);
        sprintf('%04d%02d%02d%02d%02d%02dZ', $t[5] + 1900, $t[4] + 1,
            @t[3, 2, 1, 0]);
    } $from, $to;

    $t->write_file('leaf.cnf', <<"EOC");
[ca]
default_ca = one
[one]
dir = $dir
database = $dir/index
new_certs_dir = $dir
rand_serial = yes
policy = any
email_in_dn = no
unique_subject = no
[any]
commonName = supplied
[ext]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $san
EOC

    $t->write_file('index', '');
    openssl("req -new -key %$key -subj /CN=$cn -out %leaf.csr");
    openssl("ca -batch -config %leaf.cnf -in %leaf.csr -cert %int.pem"
        . " -keyfile %int.key -md $md -startdate $start -enddate $end"
        . " -extensions ext -notext -out %$file");

    return;
}

# a root, an intermediate, a certificate, and one of RSA

for my $name (qw/ root int leaf other /) {
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
        . " -out %$name.key");
}

openssl('genrsa -out %rsa.key 2048');
openssl('genrsa -out %rsa1024.key 1024');

openssl("req -x509 -key %root.key -days 90 -subj '/O=Tests/CN=Root'"
    . ' -out %root.pem');
openssl("req -new -key %int.key -subj '/O=Tests/CN=Between' -out %int.csr");
$t->write_file('int.cnf', "basicConstraints=critical,CA:TRUE\n"
    . "keyUsage=critical,keyCertSign\n");
openssl('x509 -req -in %int.csr -CA %root.pem -CAkey %root.key -days 89'
    . ' -extfile %int.cnf -out %int.pem');

leaf('leaf.pem', 'leaf.key', 'www.example.com', 'DNS:www.example.com');
leaf('rsa.pem', 'rsa.key', 'rsa.example.com', 'DNS:rsa.example.com');

my $leaf = text('leaf.pem');
my $pem = text('leaf.key');
my $chain = text('int.pem') . text('root.pem');

sub body {
    my ($crt, $key, $chain, %more) = @_;

    return { Certificate => encode_base64($crt, ''),
        PrivateKey => encode_base64($key, ''),
        defined $chain ? (CertificateChain => encode_base64($chain, '')) : (),
        %more };
}

sub count {
    return scalar @{$api->ok('ListCertificates')->{CertificateSummaryList}};
}

sub taken {
    my ($name, @in) = @_;

    my ($status, $out) = $api->call('ImportCertificate', body(@in));
    is($status, 200, $name) or diag($out->{message});

    return $out->{CertificateArn};
}

sub refused {
    my ($name, $text, @in) = @_;

    my $before = count();
    my ($status, $out) = $api->call('ImportCertificate', body(@in));
    is("$status $out->{__type}", '400 ValidationException', $name);
    like($out->{message}, $text, "$name: why");
    is(count(), $before, "$name: nothing is stored");

    return;
}

# as it should be, and what is got is what was given

my $arn = taken('well-formed', $leaf, $pem, $chain);

sub got { return $api->ok('GetCertificate', { CertificateArn => $_[0] }) }

is_deeply(got($arn), { Certificate => $leaf, CertificateChain => $chain },
    'as it was');

# line ends

sub crlf { my ($s) = @_; $s =~ s/\n/\r\n/g; return $s }

is_deeply(got(taken('CR LF', crlf($leaf), crlf($pem), crlf($chain))),
    { Certificate => $leaf, CertificateChain => $chain }, 'CR LF: LF alone');

# text before, between and after

my $about = "Bag Attributes\n    friendlyName: three\n"
    . "    localKeyID: 01 02 03\nsubject=O = Tests, CN = Between\n";

is_deeply(got(taken('text', openssl('x509 -in %leaf.pem -text'),
    "Bag Attributes\nKey Attributes: <No Attributes>\n$pem",
    $about . text('int.pem') . "\n# the root\n"
    . openssl('x509 -in %root.pem -text') . 'a remark without an end')),
    { Certificate => $leaf, CertificateChain => $chain },
    'text: left out');

# a key with its parameters, and parameters alone

openssl('ecparam -name prime256v1 -genkey -out %params.key');
openssl('ecparam -name prime256v1 -out %only.key');
leaf('params.pem', 'params.key', 'params.example.com',
    'DNS:params.example.com');
like(text('params.key'), qr/BEGIN EC PARAMETERS.*BEGIN EC PRIVATE KEY/s,
    'parameters before a key');
$arn = taken('parameters', text('params.pem'), text('params.key'), $chain);
ok($t->wait_for(sub { ($t->handshake(8443, 'params.example.com')->{pem}
    // '') eq text('params.pem') }), 'parameters: served');
refused('parameters alone', qr/^Passed PEM was not a private key\.$/,
    text('params.pem'), text('only.key'), $chain);

# other keys in other forms

openssl('rsa -in %rsa.key -traditional -out %rsa.pkcs1');
taken('PKCS#1', text('rsa.pem'), text('rsa.pkcs1'), $chain);
taken('PKCS#8', text('rsa.pem'), text('rsa.key'), $chain);
openssl('pkcs8 -topk8 -in %rsa.key -passout pass:secret -out %rsa.enc');
openssl('rsa -in %rsa.key -traditional -aes128 -passout pass:secret'
    . ' -out %rsa.trad');
refused('encrypted', qr/^Your private key should not be encrypted\.$/,
    text('rsa.pem'), text($_), $chain) for qw/ rsa.enc rsa.trad /;
refused('another key', qr/^The private key does not match the certificate\.$/,
    $_, text('other.key'), $chain) for $leaf, text('rsa.pem');

# one certificate, not more, nor less

refused('all in one', qr/^The certificate field contains more than one /,
    $leaf . $chain, $pem);

my ($status, $answer) = $api->call('ImportCertificate', body('', $pem));
is($answer->{__type}, 'ValidationException', 'none');
unlike($answer->{message}, qr/more than one/, 'none: why');

refused('DER', qr/^Unable to parse certificate\./,
    do { openssl('x509 -in %leaf.pem -outform DER -out %leaf.der');
        text('leaf.der') }, $pem, $chain);
refused('half of it', qr/^Unable to parse certificate\./,
    substr($leaf, 0, 300), $pem, $chain);

# the order of a chain

refused('root first', qr/^Unable to validate certificate chain\..* is: 0$/,
    $leaf, $pem, text('root.pem') . text('int.pem'));
refused('a gap', qr/^Unable to validate certificate chain\..* is: 0$/,
    $leaf, $pem, text('root.pem'));
refused('itself in it', qr/^Unable to validate certificate chain\..* is: 0$/,
    $leaf, $pem, $leaf . $chain);
refused('twice the same', qr/^Unable to validate certificate chain\..* is: 1$/,
    $leaf, $pem, text('int.pem') . text('int.pem') . text('root.pem'));
refused('no chain', qr/^Provided certificate is not a valid self signed\./,
    $leaf, $pem);
taken('without its root', $leaf, $pem, text('int.pem'));

# what OpenSSL would refuse in handshakes

leaf('weak.pem', 'rsa1024.key', 'weak.example.com', 'DNS:weak.example.com');
leaf('sha1.pem', 'rsa.key', 'sha1.example.com', 'DNS:sha1.example.com',
    md => 'sha1');
refused('RSA of 1024 bits', qr/too weak for TLS/, text('weak.pem'), text('rsa1024.key'),
    $chain);
refused('SHA-1', qr/too weak for TLS/, text('sha1.pem'), text('rsa.key'), $chain);

# names: of the subject alone, A-labels, and what is no name

openssl('req -x509 -key %rsa.key -days 89 -subj /CN=cnonly.example.com'
    . ' -addext basicConstraints=critical,CA:FALSE -out %cn.pem');
$arn = taken('CN alone', text('cn.pem'), text('rsa.key'));
is($api->ok('DescribeCertificate', { CertificateArn => $arn })
    ->{Certificate}{DomainName}, 'cnonly.example.com', 'CN alone: its name');

leaf('alabel.pem', 'leaf.key', 'xn--bcher-kva.example.com',
    'DNS:xn--bcher-kva.example.com');
taken('A-label', text('alabel.pem'), $pem, $chain);
ok($t->wait_for(sub { ($t->handshake(8443, 'xn--bcher-kva.example.com')
    ->{pem} // '') eq text('alabel.pem') }), 'A-label: served');

leaf('ulabel.pem', 'leaf.key', 'ulabel.example.com',
    'DER:30:15:82:13:62:c3:bc:63:68:65:72:2e:65:78:61:6d:70:6c:65:2e:63:6f:6d');
refused('U-label', qr/\w/, text('ulabel.pem'), $pem, $chain);

# when it is valid

leaf('old.pem', 'leaf.key', 'old.example.com', 'DNS:old.example.com',
    days => [ -100, -1 ]);
leaf('soon.pem', 'leaf.key', 'soon.example.com', 'DNS:soon.example.com',
    days => [ 2, 80 ]);
refused('expired', qr/^The certificate has expired, is not valid\.$/,
    text('old.pem'), $pem, $chain);
refused('not yet', qr/^The certificate is not in effect yet, is not valid\.$/,
    text('soon.pem'), $pem, $chain);

# blobs: base64, in lines too, and nothing that is none

my $in = body($leaf, $pem, $chain);
is(($api->call('ImportCertificate', { map {
    $_ => encode_base64(decode_base64($in->{$_})) } keys %$in }))[0], 200,
    'base64 in lines');

my $before = count();

for my $bad ($leaf, 'YQ', 'YQ=', 'YW-_', 'a b') {
    my ($status, $out) = $api->call('ImportCertificate',
        { %$in, Certificate => $bad });
    is("$status $out->{__type}", '400 SerializationException',
        'no base64');
}

is(count(), $before, 'no base64: nothing is stored');

# over one that is there: its tags, and its material if it is refused

$arn = taken('first', $leaf, $pem, $chain, Tags => [ { Key => 'team',
    Value => 'a' } ]);

($status, $answer) = $api->call('ImportCertificate', body(text('params.pem'),
    text('params.key'), $chain, CertificateArn => $arn,
    Tags => [ { Key => 'team', Value => 'b' } ]));
is($answer->{message}, 'Tagging is not permitted on re-import',
    'tags on re-import');
is(got($arn)->{Certificate}, $leaf, 'the old one stays');
is_deeply($api->ok('ListTagsForCertificate', { CertificateArn => $arn })
    ->{Tags}, [ { Key => 'team', Value => 'a' } ], 'and its tags');

# what came without a chain does not get the one that was there

openssl('req -x509 -key %leaf.key -days 89 -subj /CN=www.example.com'
    . ' -addext keyUsage=digitalSignature -addext extendedKeyUsage=serverAuth'
    . ' -addext basicConstraints=CA:FALSE'
    . ' -addext subjectAltName=DNS:www.example.com -out %self.pem');
taken('again without a chain', text('self.pem'), $pem, undef,
    CertificateArn => $arn);
is_deeply(got($arn), { Certificate => text('self.pem'),
    CertificateChain => text('self.pem') }, 'no chain of another');

# of a key nothing is left in a worker's memory, not even if its request is
# never complete

SKIP: {
    skip('memory cannot be read', 1)
        unless defined $t->memory(($t->workers())[0]);

    my $secret = join('', map { sprintf('%02x', int(rand(256))) } 1 .. 24);
    my @forms = ($secret, encode_base64($secret, ''));
    my $json = encode_json(body($leaf, $secret x 500, $chain));

    my $there = sub {
        return grep { my $m = $t->memory($_);
            grep { index($m, $_) >= 0 } @forms } $t->workers();
    };

    my $whole = $api->request(op => 'ImportCertificate', body => $json);
    my ($head, $rest) = $whole =~ /^(.*?\r\n\r\n)(.*)/s;
    my $chunked = $head =~ s/Content-Length: \d+/Transfer-Encoding: chunked/ir;
    my $end = index($json, 'PrivateKey') + 8000;

    for my $case ([ 'with its head', [ substr($whole, 0, length($head) + $end)
        ] ], [ 'after its head', [ $head, substr($rest, 0, $end) ] ],
        [ 'with a bit of it', [ $head . substr($rest, 0, 20),
            substr($rest, 20, $end - 20) ] ],
        [ 'in chunks', [ $chunked . sprintf("%x\r\n", $end)
            . substr($rest, 0, $end) . "\r\n" ] ])
    {
        my ($name, $parts) = @$case;
        my $s = $api->connect();

        $s->autoflush(1);

        for (@$parts) {
            print $s $_;
            $t->wait_for(sub { !unread($s) });
        }

        ok($t->wait_for($there), "a key that came $name");
        close($s);
        ok($t->wait_for(sub { !$there->() }), "$name: wiped") or diag($name);
    }

    like($api->send($whole), qr/ValidationException/, 'a whole one');
    ok($t->wait_for(sub { !$there->() }), 'a whole one: wiped');
}

$t->finish();

done_testing();
