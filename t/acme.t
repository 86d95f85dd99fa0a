#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# Whatever a CA answers, at every step of an order: each certificate is
# issued in the end, and the log says what was wrong.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;
use Test::Nginx::FakeCA;

my @steps = qw/ newOrder authz challenge order finalize cert /;
my @types = qw/ badCSR badNonce badPublicKey badSignatureAlgorithm caa
    connection dns externalAccountRequired incorrectResponse invalidContact
    malformed orderNotReady rejectedIdentifier serverInternal tls
    unsupportedContact unsupportedIdentifier userActionRequired
    alreadyReplaced invalidProfile somethingNew /;

# name => [endpoint, action, what the log says; '' if it is got over]

my %faults;

for my $type (@types) {
    $faults{lc "p-$type"} = ['newOrder',
        { problem => { type => $type, detail => "said $type" } },
        $type eq 'badNonce' ? '' : "said $type"];
}

for my $step (@steps) {
    my $id = lc $step;
    my $over = $step ne 'newOrder';

    $faults{"$id-500"} = [$step, { http => { status => 500 } },
        $over ? '' : 'HTTP status 500'];
    $faults{"$id-503"} = [$step, { http => { status => 503,
        headers => { 'Retry-After' => '1' } } },
        $over ? '' : 'HTTP status 503'];
    $faults{"$id-404"} = [$step, { http => { status => 404 } },
        $over ? '' : 'HTTP status 404'];
    $faults{"$id-redirect"} = [$step, { redirect => 'http://127.0.0.1/' },
        $over ? '' : 'HTTP status 30\d'];
    # a kept connection that ends is no fault: the request is sent again; a new
    # one, if none was free just then, is
    $faults{"$id-close"} = [$step, { close => JSON::PP::true },
        $over ? '' : qr/^$|^attempt 1, .* gave no answer: /];
    $faults{"$id-truncate"} = [$step, { truncate => 10 },
        $over ? '' : 'cannot be reached'];
    $faults{"$id-endless"} = [$step, { endless => JSON::PP::true },
        $over ? '' : 'cannot be reached'];
    $faults{"$id-internal"} = [$step, { problem => {
        type => 'serverInternal', detail => 'said so' } },
        $over ? '' : 'said so'];
    $faults{"$id-wrongnonce"} = [$step, { wrongNonce => JSON::PP::true }, ''];
    $faults{"$id-nononce"} = [$step, { noNonce => JSON::PP::true }, ''];
    $faults{"$id-forbidden"} = [$step, { problem => {
        type => 'rejectedIdentifier', detail => 'said no' } }, 'said no'];

    next if $step eq 'challenge';

    $faults{"$id-type"} = [$step, { wrongType => 'text/html' },
        'content of type "text/html'];

    next if $step eq 'cert';

    $faults{"$id-json"} = [$step, { badJson => JSON::PP::true },
        'no valid JSON'];
}

# an answer that does not come, or octet by octet: ACM_ACME=all tries them at
# every step, which takes two minutes more

for my $step (($ENV{ACM_ACME} // '') eq 'all' ? @steps : ('finalize')) {
    my $id = lc $step;
    my $over = $step ne 'newOrder';

    $faults{"$id-hang"} = [$step, { hang => JSON::PP::true },
        $over ? '' : 'cannot be reached'];
    $faults{"$id-slow"} = [$step, { slow => { bytesPerSecond => 1 } },
        $over ? '' : 'cannot be reached'];
}

$faults{'limit-seconds'} = ['newOrder', { problem => {
    type => 'rateLimited', retryAfter => 1, detail => 'too many' } },
    'too many'];
$faults{'limit-status'} = ['newOrder', { http => { status => 429,
    headers => { 'Retry-After' => '1' } } }, 'HTTP status 429'];
$faults{'sub'} = ['newOrder', { problem => { type => 'compound',
    detail => 'some were bad', subproblems => [ { type => 'caa',
        detail => 'no record for us', identifier => { type => 'dns',
            value => 'sub.example.com' } } ] } },
    'sub\.example\.com": caa: no record for us'];
$faults{'location'} = ['newOrder', { dropLocation => JSON::PP::true },
    'no valid Location'];
$faults{'invalid'} = ['challenge', { authzError => {
    type => 'unauthorized', detail => 'not yours' } }, 'not yours'];
$faults{'nochallenge'} = ['authz', { challengeTypes => ['dns-01'] },
    'none of the challenges'];
$faults{'token'} = ['authz', { token => '../../etc/passwd' },
    'token that is none'];

# a name that nobody ordered, and one of the order's own twice

my $victim = { type => 'dns', value => 'victim.example.com' };

$faults{'authz-name'} = ['authz', { set => { identifier => $victim } },
    'dns "victim\.example\.com" is ours, which was not ordered'];
$faults{'authz-wild'} = ['authz', { set => { wildcard => JSON::PP::true } },
    'dns "\*\.authz-wild\.example\.com" is ours, which was not ordered'];
$faults{'authz-twice'} = ['authz', { set => { identifier => { type => 'dns',
    value => 'authz-twice-2.example.com' } } },
    'dns "authz-twice-2\.example\.com" is ours, twice in one order'];
$faults{'authz-case'} = ['authz', { set => { identifier => { type => 'dns',
    value => 'Authz-Case.example.COM.' } } }, ''];
$faults{lc "$_-names"} = [$_, { set => { identifiers => [$victim] } },
    'made an order for "victim\.example\.com", which was not asked for']
    for qw/ newOrder order finalize /;

my %certs = (otherkey => 'key', missingsan => 'lacks the name',
    extrasan => 'not asked for', html => 'no certificate|content of type',
    empty => 'empty|no certificate', expired => 'expired|not valid',
    future => 'not valid|not yet', selfsigned => '', reorder => '',
    garbage => '', toolong => '',
    clientonly => 'self-check: .*unsuitable certificate purpose');

for my $cert (keys %certs) {
    next if $cert eq 'missingsan';

    if ($cert eq 'toolong') {

        # too big to be an answer at all: asked for again
        $faults{"c-$cert"} = ['cert', { cert => $cert }, ''];
        next;
    }
    $faults{"c-$cert"} = ['cert', { cert => $cert },
        "refused: .*(?:$certs{$cert})|over \\d+ octets|content of type"];
}

my $ca = Test::Nginx::FakeCA->new(config => { lifetime => 90 * 86400 });
my $t = Test::Nginx::ACM->new();

for my $name (sort keys %faults) {
    my ($endpoint, $action) = @{$faults{$name}};

    $ca->rule({ match => { endpoint => $endpoint,
        name => "$name.example.com", times => 1 }, action => $action });
}

$t->raw(CA => $ca->url());
$t->write_config(<<'EOF' . servers(sort keys %faults) . "}\n");
%%GLOBALS%%
worker_processes 1;
events {}
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer fake {
        acme %%CA%%;
        contact mailto:ops@example.com;
        accept_terms on;
        challenge http-01;
        retry 1s;
        preflight off;
    }
}
http {
    %%HTTP%%
    server_names_hash_bucket_size 128;
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
EOF

sub servers {
    return join('', map { <<"EOF" } @_);
    server {
        listen 127.0.0.1:8443 ssl;
        server_name $_.example.com@{[/twice/ ? " $_-2.example.com" : '']};
        acm_certificate auto;
    }
EOF
}

$t->run();

my $n = keys %faults;
my $s;

ok($t->wait_for(sub {
    $s = $t->full_status();
    return $n == grep { $_->{Status} eq 'ISSUED' } @{$s->{Certificates}};
}, 200), "$n certificates issued") or diag(join("\n", map {
    "$_->{DomainName}: $_->{Status}: " . ($_->{LastError} // '') }
    grep { $_->{Status} ne 'ISSUED' } @{$s->{Certificates}}));

is(scalar(grep { $_->{Version} != 1 } @{$s->{Certificates}}), 0, 'each once');

my $log = $t->read_file('error.log');
my %errors;
push @{$errors{$1}}, $2
    while $log =~ /for "([\w-]+)\.example\.com" failed at \S+ \S+, (.*)/g;

for my $name (sort keys %faults) {
    my $re = $faults{$name}[2];
    my @said = @{$errors{$name} || []};

    if (ref $re) {
        like("@said", $re, "$name: got over, or failed once");

    } elsif ($re eq '') {
        is("@said", '', "$name: got over");

    } else {
        like($said[0] // '', qr/$re/, "$name: says $re");
        is(scalar(@said), 1, "$name: failed once");
    }
}

# nothing is left of any order

my ($rc, $out) = $t->acmctl('verify');
is($rc, 0, 'store is sound') or diag($out);
is($s->{Store}{Entries}{order}, 0, 'no order left');
is($s->{Store}{Entries}{challenge}, 0, 'no answer left');

# the key of a refused certificate is not served

my $h = $t->handshake(8443, 'c-otherkey.example.com', root => $ca->root());
is($h->{verified}, 1, 'the good one is served');

# what is not a name's own: each issuer's CA has one fault at its start

$ca->stop();
$t->stop();

starts($_) for (
    [directory => { http => { status => 500 } }, 'HTTP status 500'],
    [directory => { badJson => JSON::PP::true }, 'no valid JSON'],
    [directory => { redirect => 'http://127.0.0.1/' }, 'HTTP status 30'],
    [newNonce => { noNonce => JSON::PP::true }, 'without Replay-Nonce'],
    [newNonce => { http => { status => 503,
        headers => { 'Retry-After' => '1' } } }, 'HTTP status 503'],
    [newAccount => { problem => { type => 'serverInternal',
        detail => 'no accounts today' } }, 'no accounts today'],
    [newAccount => { dropLocation => JSON::PP::true }, 'no valid Location'],
);

sub starts {
    my ($endpoint, $action, $re) = @{$_[0]};

    my $own = Test::Nginx::FakeCA->new();
    my $own_t = Test::Nginx::ACM->new();

    $own->rule({ match => { endpoint => $endpoint, times => 1 },
        action => $action });
    $own_t->raw(CA => $own->url());
    $own_t->write_config(<<'EOF');
%%GLOBALS%%
worker_processes 1;
events {}
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    issuer fake { acme %%CA%%; accept_terms on; retry 1s; preflight off; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:8443 ssl;
        server_name www.example.com;
        acm_certificate auto;
    }
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
}
EOF

    $own_t->run();
    ok($own_t->wait_issued('www.example.com'), "$endpoint: issued later");
    like($own_t->read_file('error.log'), qr/issuer "fake": .*$re/,
        "$endpoint: says $re");
    is(scalar(@{$own->stats()->{accounts}}) <= 2, 1,
        "$endpoint: no accounts lost") if $endpoint eq 'newAccount';
    $own_t->stop();
    $own->stop();
}

$t->finish();

done_testing();
