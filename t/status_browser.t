#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The pages of acm_status in a real browser: nothing is refused by their
# policy, no script is needed, they are drawn in both schemes and widths.
#
# TEST_NGINX_SHOTS=dir keeps the pictures.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my ($chromium) = grep { -x } map {
    my $dir = $_;
    map { "$dir/$_" } qw/ chromium chromium-browser google-chrome /
} split(/:/, $ENV{PATH});

plan(skip_all => 'no chromium') unless $chromium;

my $t = Test::Nginx::ACM->new();

plan(skip_all => 'no fill, see util/build') unless -x "$t->{out}/fill";

$t->write_config(<<"EOC");
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    access_log %%DIR%%/access.log;
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.org;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOC

$t->run();

ok($t->wait_issued('www.example.org'), 'issued');
is(system("$t->{out}/fill", '-e', "$t->{dir}/store", 0, 300), 0, 'filled');

my ($id) = $t->certificate('www.example.org')->{CertificateArn}
    =~ /([^\/]+)$/;
my $shots = $ENV{TEST_NGINX_SHOTS} || $t->{dir};


sub chromium {
    my (@args) = @_;

    # a browser of its own, that knows nothing and calls nobody

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>', "$t->{dir}/chromium.log");
        exec($chromium, '--headless', '--no-sandbox', '--disable-gpu',
            '--disable-dev-shm-usage', '--disable-background-networking',
            '--no-first-run', "--user-data-dir=$t->{dir}/profile",
            '--enable-logging=stderr', '--log-level=0', @args)
            or POSIX::_exit(127);
    }

    my $out = do { local $/; <$fh> } // '';
    close($fh);

    my @console = grep { /CONSOLE/ }
        split(/\n/, $t->read_file('chromium.log'));

    return ($out, @console);
}


my $base = 'http://127.0.0.1:' . $t->port(8080) . '/status';

for (
    ['home', $base, qr/<h1>\d+ certificates need you<\/h1>/],
    ['list', "$base/certificates", qr/e7&lt;b&gt;/],
    ['certificate', "$base/certificate/$id", qr/<h1>www\.example\.org/],
    ['search', "$base/certificates?q=%3Cscript%3Ealert(1)%3C/script%3E",
        qr/No certificate is like that/])
{
    my ($name, $uri, $re) = @$_;

    my ($dom, @console) = chromium('--dump-dom', $uri);

    like($dom, $re, "$name is a page");
    unlike($dom, qr/<script/, 'no script in it');
    is(join("\n", @console), '', 'nothing on the console');

    for my $dark (0, 1) {
        for my $width (1280, 390) {
            my $file = "$shots/$name-$width-" . ($dark ? 'dark' : 'light')
                . '.png';

            (undef, @console) = chromium("--window-size=$width,1000",
                ($dark ? '--force-dark-mode' : ()), "--screenshot=$file",
                $uri);

            ok(-s $file && -s $file > 8000, "drawn, $width wide, "
                . ($dark ? 'dark' : 'light'));
            is(join("\n", @console), '', 'nothing on the console');
        }
    }
}

# a browser gets HTML without being told, and asks for nothing else

my $log = $t->read_file('access.log');
my @foreign = grep { !m{GET /status[ /?]} } split(/\n/, $log);
is(join("\n", @foreign), '', 'no other request') or diag($log);

$t->finish();

done_testing();
