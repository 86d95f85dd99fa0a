#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# util/bench tls, short and small: it measures what it says, and no client
# gets a wrong certificate or an error.  Times are nobody's business here.

use warnings;
use strict;

use Test::More;
use File::Temp qw/ tempdir /;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::BenchTLS;

my $dir = tempdir(CLEANUP => 1);
my $out = `$FindBin::Bin/../util/bench tls --smoke -o $dir/out.csv 2>&1`;

is($?, 0, 'util/bench tls') or diag($out);

my $csv = Test::Nginx::ACM::slurp("$dir/out.csv");
my @lines = split(/\n/, $csv);
my @table = grep { /^\| / } split(/\n/, $out);

is(scalar(@lines), scalar(@table), 'as many lines in both forms');

for my $row (split(' ', $Test::Nginx::BenchTLS::SMOKE)) {
    my @its = grep { /^\Q$row\E,/ } @lines;

    ok(@its, "row $row");

    next unless $row =~ /^(?:hot|zipf|cold|servers)/;

    my ($failed) = grep { /wrong/ } @its;

    is($failed, qq/$row,"wrong certificates, errors","0, 0","0, 0",,,,"0, 0"/,
        "$row: right certificates");
}

is((grep { /^reload.*,errors,0,0,/ } @lines)[0] ? 1 : 0, 1,
    'no errors during reloads');
is(scalar(grep { /^reload.*,p99 after to before,[\d.]+,[\d.]+,/ } @lines), 1,
    'how much longer handshakes take during reloads');

$out = `ACM_BENCH=warm:1 $FindBin::Bin/../util/bench tls 2>&1`;

isnt($?, 0, 'a row that there is not');
like($out, qr/no such row: warm:1/, 'is told of');

done_testing();
