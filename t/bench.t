#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# util/bench api and issue: they run, and each answer was what it should be;
# how long anything took is not looked at.

use warnings;
use strict;

use File::Temp qw/ tempdir /;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::Pebble;

my $out = ($ENV{TEST_NGINX_ACMCTL} || "$Test::Nginx::ACM::ROOT/build/acmctl")
    =~ s{/[^/]*$}{}r;
my $load = "$out/apiload";
my $bench = "$Test::Nginx::ACM::ROOT/util/bench";

plan(skip_all => 'needs util/build') unless -x $load;

# what is no answer is a failure

my $text = `$load -d 0.1 -f localhost handshake 127.0.0.1:1 2>&1`;
isnt($?, 0, 'nobody there');
like($text, qr/^apiload: handshake/m, 'and it is said');

my $csv = tempdir(CLEANUP => 1) . '/figures.csv';

$text = `$bench api -n 20 -s 0.2 -o $csv 2>&1`;
is($?, 0, 'runs') or diag($text);

my @rows = grep { /^\| [^|]+ \| \d/ } split(/\n/, $text);

like($rows[0], qr/^\| DescribeCertificate \| 20 \| \d+ \|/, 'describe');
like($rows[1], qr/^\| ListCertificates, \w+ a page \| 20 \| \d+ \|/, 'list');
like($rows[2], qr/^\| the same by CREATED_AT \| 20 \| \d+ \|/, 'sorted');
like($rows[3], qr/^\| SearchCertificates, one name \| 20 \| \d+ \|/, 'search');
like($rows[4], qr/^\| 1 connections \| \d+ \|/, 'imports');
like($rows[5], qr/^\| 16 connections \| \d+ \|/, 'imports at once');
like($rows[6], qr/^\| 20 \| \d+ \| [\d.]+ \| [\d.]+ \| [\d.]+ \|/,
    'handshakes meanwhile');

open(my $fh, '<', $csv) or die "$csv: $!";
is(scalar(grep { !/^#/ } <$fh>), scalar(@rows), 'the same as CSV');

($text) = `$bench api -x 2>&1`;
is($? >> 8, 2, 'a wrong option');

# a CA that is not there, and what is no CA

$text = `$out/acmeload -n 1 -r /dev/null https://127.0.0.1:1/dir 2>&1`;
is($? >> 8, 1, 'no CA');
like($text, qr{^acmeload: https://127.0.0.1:1/dir: }, 'which is said');

$text = `$out/acmeload -c 0 -r /dev/null https://127.0.0.1:1/dir 2>&1`;
is($? >> 8, 2, 'no clients');

$text = `$out/acmeload -c 65 -r /dev/null https://127.0.0.1:1/dir 2>&1`;
is($? >> 8, 2, 'too many');

SKIP: {
    skip('needs pebble', 2) unless Test::Nginx::Pebble::available();

    $text = `ACM_BENCH=2 $bench issue -n 10 2>&1`;
    is($?, 0, 'issues') or diag($text);

    my $n = qr/[1-9]\d*/;
    my $f = qr/\d+\.\d+/;

    my $row = join(qr/ \| /, 'Pebble', 2, 10, $n, ($f) x 5, $n, ($f) x 3);

    like($text, qr/^\| $row \|$/m, 'beside an ideal client');
}

done_testing();
