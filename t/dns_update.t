#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Signed dynamic updates of a zone on a real name server.

use warnings;
use strict;

use File::Temp qw/ tempdir /;
use MIME::Base64;
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::Named;

plan(skip_all => 'needs named') unless $Test::Nginx::Named::NAMED;

my $dir = tempdir('dns-update-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $top = "$FindBin::Bin/..";

is(system('make', '-s', '-C', "$top/shared", "OUT=$dir/lib"), 0,
    'library built');
is(system($ENV{CC} || 'cc', '-D_GNU_SOURCE', '-Wall', "-I$top/shared", '-o',
    "$dir/update", "$FindBin::Bin/dns/update.c", "$dir/lib/libacm.a",
    qw/ -llmdb -lssl -lcrypto -ljansson -lidn2 -lldns -lpsl -lz /), 0,
    'tool built');

my $zone = 'example.com';
my $name = "_acme-challenge.www.$zone";
my %keys;
my $extra = '';

for my $n (256, 384, 512) {
    $keys{"k$n"} = key("k$n", "hmac-sha$n", chr($n / 4) x 48);
    $extra .= $keys{"k$n"};
}

my $named = Test::Nginx::Named->new(
    zones => { $zone => "ns IN A 127.0.0.1\n\@ IN NS ns\n",
        'fixed.example' => '' },
    extra => $extra,
    update => { $zone => join(' ', map {
        "grant \"$_\" name $name. TXT;" } sort keys %keys) },
);

sub key {
    my ($name, $algorithm, $secret) = @_;

    my $text = "key \"$name\" {\n    algorithm $algorithm;\n    secret \""
        . encode_base64($secret, '') . "\";\n};\n";

    open(my $fh, '>', "$dir/$name.key") or die $!;
    print $fh $text;
    close($fh);
    chmod(0600, "$dir/$name.key");

    return $text;
}

sub update {
    my ($key, @args) = @_;

    open(my $fh, '-|', "$dir/update", $named->{port}, "$dir/$key.key", @args)
        or die $!;
    my $out = <$fh> // '';
    close($fh);
    chomp $out;

    return $out;
}

sub txt {
    my ($name) = @_;

    open(my $fh, '-|', 'dig', '@127.0.0.1', '-p', $named->{port}, '+short',
        '+norecurse', '+tries=1', $name, 'TXT') or die $!;
    my @lines = sort <$fh>;
    close($fh);
    chomp @lines;

    return join(' ', map { s/"//gr } @lines);
}

is(update('k256', $zone, $name, 'one', 'add'), 'ok: ', 'hmac-sha256');
is(txt($name), 'one', 'one record');
is(update('k384', $zone, $name, 'two', 'add'), 'ok: ', 'hmac-sha384');
is(txt($name), 'one two', 'two records');
is(update('k512', $zone, $name, 'one', 'remove'), 'ok: ', 'hmac-sha512');
is(txt($name), 'two', 'the other one stays');
is(update('k256', $zone, $name, 'one', 'remove'), 'ok: ', 'removed again');
is(update('k256', $zone, uc($name) . '.', 'two', 'remove'), 'ok: ',
    'upper case');
is(txt($name), '', 'none left');

my $long = 'x' x 600;
is(update('k256', $zone, $name, $long, 'add'), 'ok: ', 'long value');
is(txt($name) =~ s/ //gr, $long, 'long value is there');

like(update('k256', $zone, "other.$zone", 'one', 'add'),
    qr/:\ the\ server\ does\ not\ let\ key\ "k256"\ .*\(REFUSED\):\ allow\ it,
       .*\{\ grant\ k256\ name\ other\.example\.com\.\ TXT;\ \};"/x,
    'another name');
like(update('k256', 'fixed.example', 'a.fixed.example', 'one', 'add'),
    qr/: the server does not let key "k256" update .*REFUSED/,
    'zone without updates');
like(update('k256', 'example.net', 'a.example.net', 'one', 'add'),
    qr/: the server is not the primary of this zone \(NOTAUTH\)/,
    'another zone');

key('stranger', 'hmac-sha256', 'x' x 32);
like(update('stranger', $zone, $name, 'one', 'add'),
    qr/: the server does not know key "stranger" \(BADKEY\)/, 'unknown key');

key('k256', 'hmac-sha256', 'y' x 32);
like(update('k256', $zone, $name, 'one', 'add'),
    qr/: the server has another secret for key "k256" \(BADSIG\)/,
    'wrong secret');

like(update('k512', $zone, $name, 'one', 'add', 4000),
    qr/: the server refuses the signature: the clocks differ \(BADTIME\)/,
    'wrong clock');

chmod(0644, "$dir/k512.key");
like(update('k512', $zone, $name, 'one', 'add'),
    qr/: key file .* mode 644 lets others at it/, 'open key file');

unlike(txt($name), qr/one/, 'nothing of that was done');

$named->stop();

done_testing();
