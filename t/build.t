#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The module is built for any nginx: also for one that was configured with less
# than Debian's.  Its features are what the compiler is told of them here.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my ($out) = $t->{module} =~ m{^(.*)/};

plan(skip_all => 'needs the tree the module was built in')
    unless $out && -d "$out/nginx-src/src/core" && -d "$out/objs";

my %less = (
    'neither threads nor --with-compat' => [qw/ NGX_THREADS NGX_COMPAT /],
    'stream without TLS' => [qw/ NGX_STREAM_SSL /],
    'less of all else' => [qw/ NGX_PCRE NGX_HTTP_V2 NGX_HTTP_V3 NGX_HTTP_CACHE
        NGX_HTTP_GZIP NGX_HAVE_INET6 NGX_DEBUG /],
);

sub text { my ($file) = @_; local (@ARGV, $/) = $file; return scalar <> }

# what looks at features, or includes what does

my $features = qr/NGX_(?:THREADS|PCRE|STREAM_SSL|HTTP_|HAVE_|DEBUG|COMPAT)/;
my @files = grep { text($_) =~ /$features|ngx_(?:http|stream|mail)\.h/ }
    glob("$FindBin::Bin/../ngx_acm_module/*.c");

cmp_ok(scalar(@files), '>', 5, 'files');

my @include = map { "-I$out/nginx-src/src/$_" }
    grep { -d "$out/nginx-src/src/$_" } qw{ core event event/modules event/quic
    os/unix http http/modules http/v2 http/v3 stream mail };

mkdir("$t->{dir}/inc") or die;

for my $case (sort keys %less) {
    $t->write_file('inc/ngx_auto_config.h', "#include \"$out/objs/"
        . "ngx_auto_config.h\"\n"
        . join('', map { "#undef $_\n" } @{$less{$case}}));

    my @failed = grep {
        my $said = `${\($ENV{CC} || 'cc')} -fsyntax-only -D_GNU_SOURCE -W -Wall \\
            -Wextra -Wno-unused-parameter -Werror -I$t->{dir}/inc @include \\
            -I$out/objs $_ 2>&1`;
        my $rc = $?;
        diag($said) if $rc;
        $rc != 0;
    } @files;

    is("@failed", '', $case);
}

done_testing();
