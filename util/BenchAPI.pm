package BenchAPI;

# Copyright (C) The ngx_acm authors

# "util/bench api": signed calls of the API on stores of several sizes, and
# handshakes of another worker while certificates are made and deleted.  All
# nginxes run at once and are measured in turns; figures are medians.

use warnings;
use strict;

use JSON::PP;
use MIME::Base64;
use Time::HiRes qw/ time sleep /;

use Test::Nginx::ACM;
use Test::Nginx::API;
use Test::Nginx::Bench qw/ median quiet csv /;

use constant ACCOUNT => '123456789012';
use constant REGION => 'us-east-1';
use constant IMPORTS => 2000;        # certificates, again and again

my @ops = qw/ describe list sorted search /;

my %called = (
    describe => 'DescribeCertificate',
    list => 'ListCertificates, 11 a page',
    sorted => 'the same by CREATED_AT',
    search => 'SearchCertificates, one name',
);


# sizes: certificates in each store; seconds of each measurement; rounds

sub run {
    my (%args) = @_;

    my @servers = map { server($_) } @{$args{sizes}};
    my (@csv, %figures);

    for my $round (1 .. $args{rounds}) {
        for my $s (@servers) {
            for my $op (@ops) {
                my $f = load($s, $op, %args, n => $s->{count});
                push @{$figures{$s->{count}}{$op}}, $f;
            }
        }
    }

    print "| call | certificates | a second | p50, ms | p99, ms | worker CPU, "
        . "us each | CPU, ratio to the smallest store |\n";
    print "|---|---|---|---|---|---|---|\n";

    for my $op (@ops) {
        my $least;

        for my $s (@servers) {
            my @m = map { my $k = $_;
                    median(map { $_->{$k} } @{$figures{$s->{count}}{$op}}) }
                qw/ rate p50_ms p99_ms cpu_us /;

            $least //= $m[3];
            my @row = ($called{$op}, $s->{count}, sprintf('%.0f', $m[0]),
                sprintf('%.2f', $m[1]), sprintf('%.2f', $m[2]),
                sprintf('%.0f', $m[3]), sprintf('%.2f', $m[3] / $least));

            print '| ', join(' | ', @row), " |\n";
            push @csv, [ @row ];
        }
    }

    print "\n| ImportCertificate | a second | p50, ms | p99, ms | worker CPU, "
        . "us each |\n|---|---|---|---|---|\n";

    for my $connections (1, 16) {
        my @f = map { imports($servers[0], $connections, %args) }
            1 .. $args{rounds};
        my @row = ("$connections connections", map { my $k = $_->[0];
                sprintf($_->[1], median(map { $_->{$k} } @f)) }
            [ rate => '%.0f' ], [ p50_ms => '%.2f' ], [ p99_ms => '%.2f' ],
            [ cpu_us => '%.0f' ]);

        print '| ', join(' | ', @row), " |\n";
        push @csv, [ 'imports', @row ];
    }

    print "\n| certificates | changes a second | p99 of a change, ms "
        . "| handshake p99 of the other worker, ms | idle p99, ms | ratio "
        . "|\n|---|---|---|---|---|---|\n";

    for my $s (@servers) {
        my @row = ($s->{count}, busy($s, %args));
        print '| ', join(' | ', @row), " |\n";
        push @csv, [ 'changes', @row ];
    }

    csv($args{csv}, [ '# call', 'certificates', 'a second', 'p50 ms',
        'p99 ms', 'worker CPU us', 'ratio' ], [ '# imports',
        'connections', 'a second', 'p50 ms', 'p99 ms', 'worker CPU us' ],
        [ '# changes', 'certificates',
        'changes a second', 'p99 ms of a change', 'handshake p99 ms',
        'idle p99 ms', 'ratio' ], @csv) if $args{csv};

    $_->{t}->stop() for @servers;

    return;
}


# Two workers: calls are made on connections that the first one has taken.

sub server {
    my ($count) = @_;

    my $t = Test::Nginx::ACM->new();
    my %user = api_user($t, 'bench');

    $t->write_config(<<'EOF_CONF');
%%GLOBALS%%
worker_processes 2;
events {}
acm {
    store %%DIR%%/store;
    master_key %%DIR%%/acm.key;
    users %%DIR%%/users.json;
    issuer ours { ca; }
}
http {
    %%HTTP%%
    keepalive_requests 1000000;
    server {
        listen 127.0.0.1:8080;
        location / { acm_api; }
        location = /status { acm_status; }
        location = /worker { return 200 $pid; }
    }
    server {
        listen 127.0.0.1:8443 ssl;
        server_name first.example.com;
        acm_certificate auto;
        location = /worker { return 200 $pid; }
    }
}
EOF_CONF

    $t->run();
    $t->wait_issued('first.example.com') or die "nothing is issued\n"
        . $t->read_file('error.log');
    $t->stop();

    system(Test::Nginx::Bench::fill($t, '-i', 'ours', "$t->{dir}/store", 0,
        $count)) == 0 or die "fill failed\n";

    $t->run();

    import_file($t);

    my $self = { t => $t, count => $count, %user };

    quiet($t, ($t->helpers())[0]) or die "the helper is busy\n";
    @$self{qw/ api other /} = sort { $a <=> $b } $t->workers();

    # all of them, for those who ask for any

    my $fh = start($self, 'names', '-c', 1, '-w', 0, '-d', 60, '-s', 1000,
        '-n', $count);
    $t->write_file('names', join('', <$fh>));
    close($fh) or die "apiload failed\n";

    return $self;
}


# What is to be imported: a line for each certificate, with its key.

sub import_file {
    my ($t) = @_;

    system("$t->{out}/fill", '-c', "$t->{dir}/imports", 0, IMPORTS) == 0
        or die "fill failed\n";

    my @lines;

    for my $i (0 .. IMPORTS - 1) {
        my ($leaf, $chain) = $t->read_file("imports/$i.crt")
            =~ /(-----BEGIN.+?-----END.+?-----\n)(.+)/s;

        push @lines, join(',', map {
                sprintf('"%s":"%s"', $_->[0], encode_base64($_->[1], '')) }
            [ Certificate => $leaf ], [ CertificateChain => $chain ],
            [ PrivateKey => $t->read_file("imports/$i.key") ]);
    }

    return $t->write_file('import.json', join("\n", @lines));
}


# Starts apiload, and returns what reads its figures.

sub start {
    my ($s, $op, @args) = @_;

    my $port = $s->{t}->port($op eq 'handshake' ? 8443 : 8080);

    local $ENV{AWS_ACCESS_KEY_ID} = $s->{key};
    local $ENV{AWS_SECRET_ACCESS_KEY} = $s->{secret};

    open(my $fh, '-|', "$s->{t}{out}/apiload", @args, $op,
        "127.0.0.1:$port") or die "apiload: $!\n";

    return $fh;
}


sub figures {
    my ($fh) = @_;

    my $text = join('', <$fh>);

    close($fh) or die "apiload: $text\n";

    return { $text =~ /(\w+)=([\d.]+)/g };
}


# Pages that are full even in a store of ten, and the one that a server has.

sub load {
    my ($s, $op, %args) = @_;

    return figures(start($s, $op, '-p', $s->{api}, '-d', $args{seconds}, '-c',
        4, '-s', 11, '-n', $args{n},
        $op =~ /^(?:describe|search)$/ ? ('-u', "$s->{t}{dir}/names") : ()));
}


sub imports {
    my ($s, $connections, %args) = @_;

    return figures(start($s, 'import', '-p', $s->{api}, '-d', $args{seconds},
        '-c', $connections, '-i', "$s->{t}{dir}/import.json"));
}


# Handshakes of the worker that has no calls, in turns with and without them.

sub busy {
    my ($s, %args) = @_;

    my (@idle, @busy, @change, @rate);

    # at a rate that leaves time to both

    my @hello = ('-p', $s->{other}, '-d', $args{seconds}, '-c', 4, '-r', 300,
        '-f', 'first.example.com');

    for (1 .. $args{rounds}) {
        push @idle, figures(start($s, 'handshake', @hello))->{p99_ms};

        my $calls = start($s, 'change', '-p', $s->{api}, '-d',
            $args{seconds} + 0.5, '-w', 0, '-c', 4, '-r', 50, '-i',
            "$s->{t}{dir}/import.json", '-a', 'arn:aws:acm-pca:' . REGION . ':'
            . ACCOUNT . ':certificate-authority/ours');

        push @busy, figures(start($s, 'handshake', @hello))->{p99_ms};

        my $f = figures($calls);
        push @change, $f->{p99_ms};
        push @rate, $f->{rate};
    }

    # each with the idle one before it

    my @ratio = map { $idle[$_] ? $busy[$_] / $idle[$_] : 0 } 0 .. $#idle;

    return (sprintf('%.0f', median(@rate)), map { sprintf('%.2f', median(@$_)) }
        \@change, \@busy, \@idle, \@ratio);
}


1;
