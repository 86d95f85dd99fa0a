#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Where other servers were led past a signature: what nginx makes of a request
# before it is verified, and what a client may put beside what it has signed.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::Nginx::ACM;
use Test::Nginx::API;

my $t = Test::Nginx::ACM->new();

my %args = api_user($t, 'client');

$t->write_config(<<'EOF_CONF');
%%GLOBALS%%
worker_processes 3;
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    audit_log %%DIR%%/audit.json;
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8080 reuseport;
        location / { acm_api; add_header X-Worker $pid always; }
    }
}
EOF_CONF

$t->run();

my $api = api_new(%args);
my $port = $t->port(8080);

my $arn = $api->ok('RequestCertificate', { DomainName => 's.example.com',
    KeyAlgorithm => 'EC_prime256v1' })->{CertificateArn};
my $body = encode_json({ CertificateArn => $arn });

# A signed DescribeCertificate that somebody has changed.

sub answer {
    my ($change, %more) = @_;

    my $request = $api->request(op => 'DescribeCertificate', body => $body,
        %more);

    for ($request) { $change->() }

    my ($head, $json) = split(/\r\n\r\n/, $api->send($request), 2);
    my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};
    my $out = eval { decode_json($json) } || {};

    return ($status // 0, $out->{__type} // '', $out->{message} // '');
}

sub refused {
    my ($name, $type, $change, %more) = @_;

    my ($status, $got, $message) = answer($change, %more);
    is("$status $got", "400 $type", $name) or diag($message);

    return;
}

sub taken {
    my ($name, $change, %more) = @_;

    my ($status, $type, $message) = answer($change, %more);
    is($status, 200, $name) or diag("$type: $message");

    return;
}

my $invalid = 'InvalidSignatureException';
my $incomplete = 'IncompleteSignatureException';

taken('as it is', sub { });

# what says which operation it is

refused('another operation', $invalid,
    sub { s/DescribeCertificate/DeleteCertificate/ });

refused('an operation that is not signed', $invalid,
    sub { s/;x-amz-target// });
refused('any field of AWS that is not signed', $invalid,
    sub { s/\r\n\r\n/\r\nX-Amz-Meta: a\r\n\r\n/ });
refused('a token that is not signed', $invalid,
    sub { s/\r\n\r\n/\r\nX-Amz-Security-Token: a\r\n\r\n/ });
refused('a token of a session that there is not', 'UnrecognizedClientException',
    sub { }, headers => { 'x-amz-security-token' => 'a' });

# fields that are there twice, or in one line; nginx refuses a second Host, or
# one that is joined, by itself

for my $field (qw/ x-amz-target x-amz-date content-type authorization /) {
    my ($status, $type) = answer(sub {
        s/\r\n($field: [^\r]*)/\r\n$1\r\n$1/i
    });
    is($status, 400, "$field twice");
    like($type, qr/^(?:$incomplete|ValidationException)$/,
        "$field twice: type");
}

my ($status) = answer(sub { s/\r\n(host: [^\r]*)/\r\n$1\r\nHost: evil/i });
is($status, 400, 'host twice');
refused('another host', $invalid, sub { s/\r\nhost: 127/\r\nhost: 128/i });
taken('an absolute target', sub { s{^POST /}{POST http://127.0.0.1:$port/} });

# the target as it was sent

for my $case ([ 'a path', '/acm' ], [ 'an encoded slash', '/%2f' ],
    [ 'a query', '/?a=b' ], [ 'an encoded NUL', '/%00',
        'ValidationException' ])
{
    my ($name, $target, $type) = @$case;
    refused($name, $type || $invalid, sub { s{^POST / }{POST $target } });
}


for my $target ('//', '/./', '/a/..', '/?') {
    my ($status, $type) = answer(sub { s{^POST / }{POST $target } });
    is("$status $type", '400 UnknownOperationException', "$target alike");
}

refused('signed in the query', 'MissingAuthenticationTokenException',
    sub { s/\r\nauthorization: [^\r]*//i;
        s{^POST / }{POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=a } });
refused('signed twice', $invalid,
    sub { s{^POST / }{POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256 } });

# blanks, lines, case: as clients have them

taken('blanks', sub { s/\r\nx-amz-date: ([^\r]*)/\r\nX-Amz-Date: \t  $1  / });
taken('case', sub { s/\r\nx-amz-target/\r\nX-AMZ-TARGET/ });
taken('more', sub { s/\r\n\r\n/\r\nAmz-Sdk-Request: attempt=3\r\n\r\n/ });
taken('signed with blanks in it', sub { s/\r\nx-a: b c/\r\nx-a:   b   c/ },
    headers => { 'x-a' => 'b c' });

# a field that nginx leaves out is not there to be signed

refused('an underscore', $invalid, sub { }, headers => { 'x_a' => 'b' });

# the body is what is signed

refused('another body', $invalid, sub { s/\}$/ }/; s/Length: (\d+)/
    'Length: ' . ($1 + 1)/ei });
refused('no body', $invalid, sub { s/\r\n\r\n.*/\r\n\r\n/s;
    s/Length: \d+/Length: 0/i });
refused($_, $invalid, sub { }, headers => { 'x-amz-content-sha256' => $_ })
    for 'UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
        'STREAMING-UNSIGNED-PAYLOAD-TRAILER', '0' x 64;
refused('a hash that is not signed', $invalid, sub {
    s/\r\n\r\n/\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\n\r\n/ });

# in chunks it is the same body; JavaScript's hash of it is looked at

taken('chunked', sub {
    s/\r\nContent-Length: \d+//i;
    s/\r\n\r\n(.*)/sprintf("\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", length($1), $1)/se;
});

# other methods say what a POST without an operation does

refused('another method', $invalid, sub { s/^POST/PUT/ });
my $type;
($status, $type) = answer(sub { }, method => 'PUT');
is("$status $type", '404 UnknownOperationException', 'a signed PUT');

# the clock, and the scope

refused('old', $invalid, sub { }, time => time() - 310);
refused('of the future', $invalid, sub { }, time => time() + 310);
taken('a bit old', sub { }, time => time() - 290);
taken('a bit of the future', sub { }, time => time() + 290);
refused('another day in the scope', $invalid,
    sub { s{/\d{8}/}{/20200101/} });
refused('another service', $invalid, sub { s{/acm/}{/acm-pca/} });
refused('another terminator', $invalid, sub { s{/aws4_request}{/aws4} });

# a signature of an operation that changes something serves once, over
# connections and with other fields beside it

my $add = $api->request(op => 'AddTagsToCertificate', body =>
    encode_json({ CertificateArn => $arn, Tags => [ { Key => 'x' } ] }));
like($api->send($add), qr{^HTTP/1\.1 200 }, 'a change');
$add =~ s/\r\n\r\n/\r\nAmz-Sdk-Request: attempt=2\r\n\r\n/;
like($api->send($add), qr/ThrottlingException/, 'a change: not again');

# nor by any other worker, or one that comes later

sub refused_by_all {
    my ($name) = @_;

    my (%by, @taken);

    my $all = $t->wait_for(sub {
        my $response = $api->send($add);

        push @taken, $response if $response !~ /ThrottlingException/;
        $by{$1} = 1 if $response =~ /\nX-Worker: (\d+)/;

        my @workers = $t->workers();
        return @workers == 3 && !grep { !$by{$_} } @workers;
    });

    ok($all, "not again by any worker$name");
    is(scalar @taken, 0, "refused each time$name") or diag($taken[0]);

    return;
}

sub anew {
    my ($code) = @_;

    my %old = map { $_ => 1 } $t->workers();
    $code->();

    $t->wait_for(sub {
        my @workers = $t->workers();
        return @workers == 3 && !grep { $old{$_} } @workers;
    });

    return;
}

refused_by_all('');
anew(sub { $t->reload() });
refused_by_all(' after a reload');
$t->allow(qr/exited on signal 9/);
anew(sub { kill('KILL', $t->workers()) });
refused_by_all(' after their death');

# what is in a request does not come to other lines of answers and logs

my $hostile = "a\r\nX-Evil: 1\r\n\r\n<script>\x00\e[2J";

for my $in ({ CertificateArn => "$arn$hostile" }, { CertificateArn => $arn,
    Tags => [ { Key => $hostile, Value => $hostile } ] })
{
    my ($status, $out, $head) = $api->call('AddTagsToCertificate',
        { Tags => [ { Key => 'a' } ], %$in });

    is($status, 400, 'hostile');
    is($out->{__type}, 'SerializationException', 'hostile: a NUL');
    unlike($head, qr/Evil/, 'hostile: no field');
}

$hostile =~ s/\x00//;

for my $in ({ CertificateArn => "$arn$hostile" }, { CertificateArn => $arn,
    Tags => [ { Key => $hostile, Value => $hostile } ] })
{
    my ($status, $out, $head) = $api->call('AddTagsToCertificate',
        { Tags => [ { Key => 'a' } ], %$in });

    is($status, 400, 'hostile');
    is($out->{__type}, 'ValidationException', 'hostile: against its pattern');
    unlike($head, qr/Evil/, 'hostile: no field');
}

taken('a strange agent',
    sub { s/\r\n\r\n/\r\nUser-Agent: a\t"b\\ \xff\r\n\r\n/ });

my @lines = split(/\n/, $t->read_file('audit.json'));
ok(!(grep { !eval { decode_json($_) } } @lines), 'audit: a line is a record');
ok(!(grep { /[\x00-\x1f\x7f]/ } @lines), 'audit: no control characters');
unlike($t->read_file('error.log'), qr/^X-Evil/m, 'log: no line of it');
unlike($t->read_file('error.log'), qr/\e/, 'log: no escapes');

$t->finish();

done_testing();
