#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# The pages of acm_status: who gets which format, headers, escaping, that
# paging shows each of a thousand certificates once.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw/ sha256_base64 /;
use JSON::PP;
use Test::Nginx::ACM;

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
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.org;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
        location /a/b/ { acm_status; }
        location = /exact { acm_status; }
        location ~ ^/re/ { acm_status; }
    }
}
EOC

$t->run();

ok($t->wait_issued('www.example.org'), 'issued');

is(system("$t->{out}/fill", '-e', "$t->{dir}/store", 0, 999), 0, 'filled');

sub get {
    my ($uri, $accept, $method) = @_;

    my $s = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1:' . $t->port(8080)) or return ('', '');

    print $s +($method || 'GET') . " $uri HTTP/1.0\r\nHost: localhost\r\n"
        . ($accept ? "Accept: $accept\r\n" : '') . "\r\n";

    local $/;
    my $answer = scalar(<$s>) // '';

    return $answer =~ /^(.*?\r\n)\r\n(.*)$/s ? ($1, $2) : ($answer, '');
}


# Every element is closed, in order; attributes are quoted.

sub well_formed {
    my ($html) = @_;

    my %void = map { $_ => 1 } qw/ meta link input br /;
    my @open;

    return 'no doctype' unless $html =~ s/^<!DOCTYPE html>\n//;

    while ($html =~ /\G([^<]*)(?:<([^>]*)>|\z)/g) {
        my ($text, $tag) = ($1, $2);

        return "bare \">\" in: $text" if $text =~ />/ && "@open" !~ /style/;
        return "bare \"&\" in: $text"
            if $text =~ /&(?!amp;|lt;|gt;|quot;|#39;)/;
        last unless defined $tag;

        if ($tag =~ m{^/(\w+)$}) {
            my $last = pop(@open) // '';
            return "</$1> for <$last>" if $1 ne $last;
            next;
        }

        return "no tag: <$tag>" unless $tag =~
            /^(\w+)(?:\s+[a-z-]+(?:="[^"<]*")?)*$/;
        push @open, $1 unless $void{$1};
    }

    return @open ? "open: @open" : '';
}


# formats

my $browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

for (
    ['/status', undef, 'application/json'],
    ['/status', '*/*', 'application/json'],
    ['/status', 'application/json', 'application/json'],
    ['/status', $browser, 'text/html; charset=utf-8'],
    ['/status?format=json', $browser, 'application/json'],
    ['/status?format=html', '*/*', 'text/html; charset=utf-8'],
    ['/status/', $browser, 'text/html; charset=utf-8'],
    ['/exact', $browser, 'text/html; charset=utf-8'],
    ['/re/x', $browser, 'text/html; charset=utf-8'],
    ['/re/x/certificates', $browser, 'text/html; charset=utf-8'],
    ['/a/b/', $browser, 'text/html; charset=utf-8'],
    ['/a/b/certificates', $browser, 'text/html; charset=utf-8'],
    ['/status/certificates', $browser, 'text/html; charset=utf-8'],
    ['/status/certificates', undef, 'application/json'])
{
    my ($uri, $accept, $type) = @$_;
    my ($head, $body) = get($uri, $accept);
    my $name = "$uri for " . ($accept // 'nobody');

    like($head, qr/^HTTP\/1\.1 200 /, $name);
    like($head, qr/^Content-Type: \Q$type\E\r$/m, "$type");

    if ($type =~ /html/) {
        is(well_formed($body), '', 'well-formed');

    } else {
        ok(eval { decode_json($body) }, 'JSON');
    }
}

# headers

my ($head, $body) = get('/status', $browser);

my ($css) = $body =~ /<style>(.*?)<\/style>/s;
my $hash = sha256_base64($css);
$hash .= '=' while length($hash) % 4;

like($head, qr/^Content-Security-Policy: default-src 'none'; (.*)\r$/m,
    'policy');
like($head, qr/style-src 'sha256-\Q$hash\E';/, 'with the style sheet');
like($head, qr/form-action 'self'; .*frame-ancestors 'none'/, 'no frames');
unlike($head, qr/unsafe/, 'nothing unsafe');
like($head, qr/^X-Content-Type-Options: nosniff\r$/m, 'nosniff');
like($head, qr/^Referrer-Policy: no-referrer\r$/m, 'no referrer');
like($head, qr/^Cache-Control: no-store\r$/m, 'not stored');
like($head, qr/^Vary: Accept\r$/m, 'vary');

unlike(join('', $body =~ /<[^>]*>/g),
    qr/ style=| on\w+=|<script|https?:\/\//i,
    'no script, no style attribute, nothing from elsewhere');
like($body, qr/<html lang="en">/, 'language');
like($body, qr/name="viewport"/, 'viewport');
like($body, qr/certificates? need/, 'says that something is wrong');
like($body, qr/What to do:/, 'and what to do');

my ($hh, $hb) = get('/status', $browser, 'HEAD');
like($hh, qr/^HTTP\/1\.1 200 /, 'HEAD');
is($hb, '', 'without a body');
like((get('/status/certificates', $browser, 'POST'))[0], qr/ 405 /, 'POST');

# what a CA or a name says is text

my $list = (get('/status/certificates?status=STUCK&limit=100', $browser))[1];
like($list, qr/e7&lt;b&gt;&quot;&#39;&amp;\.example\.com/, 'hostile name');
unlike($list, qr/<b>"/, 'not as HTML');
like($body, qr/&lt;script&gt;alert\(1\)&lt;\/script&gt;/, 'hostile error');
is(well_formed($list), '', 'well-formed');

my ($uuid) = $list =~ /certificate\/([0-9a-f-]{36})\?format=html">e7&lt;/;
my $page = (get("/status/certificate/$uuid", $browser))[1];
is(well_formed($page), '', 'its page is well-formed');
like($page, qr/<h1>e7&lt;b&gt;/, 'its name');
like($page, qr/&lt;script&gt;alert/, 'its error');
like($page, qr/href="\.\.\/certificates"/, 'links lead up');

my $bad = (get('/status/certificates?q=%3Cscript%3E%22%27&issuer=%22%3E%3Cb'
    . '&status=%3Cx&sort=name', $browser))[1];
is(well_formed($bad), '', 'hostile arguments');
like($bad, qr/value="&lt;script&gt;&quot;&#39;"/, 'are text');
like($bad, qr/status=&lt;x was not understood/, 'what was not understood');
like($bad, qr/No certificate is like that/, 'nothing found');

# one certificate

my ($c) = grep { $_->{DomainName} eq 'www.example.org' }
    @{$t->status('/certificates?q=www.example.org')->{Certificates}};
my ($id) = $c->{CertificateArn} =~ /([^\/]+)$/;
my $one = decode_json((get("/status/certificate/$id"))[1]);

is($one->{DomainName}, 'www.example.org', 'one in JSON');
is($one->{State}, 'ok', 'its state');
cmp_ok(scalar(@{$one->{History}}), '>=', 2, 'its history');
is($one->{History}[0]{What}, 'issued', 'the latest step first');

$page = (get("/status/certificate/$id", $browser))[1];
like($page, qr/<td data-l="What">issued<\/td>/, 'history on its page');
like($page, qr/<time datetime="\Q$one->{NotAfter}\E">/, 'time');

my $none = '00000000-0000-4000-8000-ffffffffffff';
like((get("/status/certificate/$none", $browser))[0], qr/ 404 /, 'none');
like((get("/status/certificate/$none", $browser))[1],
    qr/There is no such certificate/, 'none as a page');
like((get("/status/certificate/$none"))[0], qr/ 404 /, 'none in JSON');
like((get('/status/certificate/x'))[0], qr/ 404 /, 'no UUID');
like((get('/status/certificate/..%2f..%2fetc'))[0], qr/ 40[04] |200 /,
    'no path');

# the overview is the same in both

my $s = $t->status();
is($s->{Overview}{Counts}{Certificates}, 1000, 'counted');
is(scalar(@{$s->{Overview}{Stuck}{Certificates}}), 20, 'stuck');
is(scalar(@{$s->{Overview}{ExpiresNext}{Certificates}}), 10, 'next');
like($body, qr/<b>1,000<\/b>/, 'on the page, too');

is_deeply($s->{Issuers}[0]{Name}, 'internal', 'issuers');

# pages: by links, as a browser goes

for my $args ('sort=expiry', 'sort=name', 'sort=attention', 'sort=store',
    'status=ISSUED', 'limit=100&sort=expiry')
{
    my $uri = "/status/certificates?$args";
    my (%seen, $twice, $pages);

    while ($uri && $pages++ < 200) {
        my $html = (get($uri, $browser))[1];

        $twice += $seen{$_}++
            for $html =~ /<td class="name"><a href="\.\/certificate\/([^?]*)/g;

        ($uri) = $html =~ /<a rel="next" href="\.\/([^"]*)"/;
        next unless $uri;
        $uri =~ s/&amp;/&/g;
        $uri = "/status/$uri";
    }

    my $n = $args =~ /ISSUED/ ? 1000 - 10 : 1000;
    is(scalar(keys %seen), $n, "$args: all");
    is($twice // 0, 0, 'each once');
    cmp_ok($pages, '<', 200, 'to the end');
}

# searches

for (['q=site-77.example.com', 1], ['q=SITE-77.example', 1],
    ['q=www.example.org', 1], ["q=$id", 1],
    ['q=arn%3Aaws%3Aacm%3Aus-east-1%3A123456789012%3Acertificate%2F' . $id,
        1],
    ['q=nowhere', 0], ['issuer=nobody', 0], ['expires=1h&q=www.example', 0])
{
    my ($args, $n) = @$_;
    my $r = decode_json((get("/status/certificates?$args"))[1]);
    is(scalar(@{$r->{Certificates}}), $n, $args);
}

like(decode_json((get('/status/certificates?expires=soon'))[1])->{Warning},
    qr/30d/, 'warning');

# a hand-made cursor does no harm

for my $after ('x', 'd', 'e' . '0' x 16 . 'zz', '%00', 'a' x 2000,
    'n' . 'f' x 200)
{
    my ($h) = get("/status/certificates?sort=expiry&after=$after", $browser);
    like($h, qr/ 200 /, 'cursor ' . substr($after, 0, 20));
}

$t->finish();

done_testing();
