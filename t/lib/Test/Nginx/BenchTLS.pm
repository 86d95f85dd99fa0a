package Test::Nginx::BenchTLS;

# Copyright (C) The ngx_acm authors

# util/bench tls: handshakes of ngx_acm and of nginx with files, in turn.

use warnings;
use strict;

use List::Util qw/ sum0 /;
use POSIX ();
use Time::HiRes qw/ time sleep clock_gettime CLOCK_MONOTONIC /;

use Test::Nginx::ACM;
use Test::Nginx::Bench qw/ size memory median quantile tlsload
    background collect store quiet cores /;

our $ROWS = join(' ',
    'hot:1', 'hot:1:1.2', 'hot:1:rsa', 'hot:1:rsa:1.2',
    'hot:1k', 'hot:10k', 'hot:10k:1.2', 'hot:10k:rsa', 'servers:10k',
    'instructions:1', 'instructions:1k', 'hot:100k/1M', 'zipf:10k/1M', 'cold:1M', 'cold:1M:1.2', 'cold:100k:rsa',
    'memory:10k', 'store:1M', 'import:10k', 'start:1', 'start:1M',
    'reload:1', 'reload:1M');

our $SMOKE = 'hot:1 hot:20:1.2 hot:20:rsa servers:20 instructions:20 zipf:10/100 cold:100 '
    . 'memory:20 store:100 import:20 start:100 reload:100';

my %do = (hot => \&handshakes, zipf => \&handshakes, cold => \&handshakes,
    servers => \&handshakes, instructions => \&counted, memory => \&memory_row, store => \&store_row,
    import => \&import_row, start => \&start_row, reload => \&reload_row);

my %goals = ('hot:1' => 0.99, 'hot:10k' => 0.98, 'hot:100k/1M' => 0.96,
    'zipf:10k/1M' => 0.80, 'cold:1M' => 0.70);

my @CLIENT = ('-x', '-c', 8);
my $CACHE = 4096;                # as by default
my $COLD = 4;                    # rows of cold names of one store
my $FEW = 5;                     # rounds of what takes seconds each
my $COUNTED = 500;               # handshakes, in valgrind
my $BLOCKS = 10000;              # more server blocks than that take too long


sub new {
    my ($class, %opt) = @_;

    return bless { seconds => 1, rounds => 15, csv => [], stores => {},
        statics => {}, wrong => 0, errors => 0, %opt }, $class;
}


# "hot:100k/1M:rsa:1.2": which names of how large a store, key, protocol

sub parse {
    my ($text) = @_;

    my ($kind, $names, @rest) = split(/:/, $text);

    die "no such row: $text\n" unless $do{$kind} && $names;

    my ($n, $all) = split(/\//, $names);
    my %row = (text => $text, kind => $kind, n => size($n),
        all => size($all || $n), key => 'ec', args => []);

    for (@rest) {
        if ($_ eq 'rsa') {
            $row{key} = 'rsa';

        } elsif ($_ eq '1.2') {
            $row{args} = ['-2'];

        } else {
            die "no such row: $text\n";
        }
    }

    return \%row;
}


sub run {
    my ($self, @rows) = @_;

    @rows = map { parse($_) } @rows;

    $self->preamble();
    print "| what | measure | ngx_acm | static nginx | ratio "
        . "| quartiles | | goal |\n|---|---|---|---|---|---|---|---|\n";

    push @{$self->{csv}}, [ 'what', 'measure', 'ngx_acm', 'static nginx',
        'ratio', 'quartile', 'quartile', 'goal' ];

    $do{$_->{kind}}->($self, $_) for @rows;

    $_->stop() for values %{$self->{stores}}, values %{$self->{statics}};

    return $self;
}


# What must be known with the figures.

sub preamble {
    my ($self) = @_;

    my ($nginx) = `nginx -v 2>&1` =~ /version: (\S+)/;
    my ($openssl) = `openssl version` =~ /^(\S+ \S+)/;

    print "$nginx, $openssl, ", scalar(my @all = cores()), " cores: the server on the first, "
        . "the client on the last.\nAll leaves share eight ECDSA keys, or "
        . "two of RSA, and one ECDSA intermediate.\nMedians of $self->{rounds} pairs of "
        . "$self->{seconds} s, in turn; a ratio above 1 is for ngx_acm.\n\n";

    return;
}


# One line of the table.

sub say {
    my ($self, $row, $measure, $ours, $static, $ratios, $goal) = @_;

    my @cells = ($row->{text}, $measure, $ours // '', $static // '',
        (map { $ratios ? sprintf('%.3f', quantile($_, @$ratios)) : '' }
            0.5, 0.25, 0.75), $goal // '');

    print '| ', join(' | ', @cells), " |\n";
    push @{$self->{csv}}, \@cells;

    return;
}


my $CONF = <<'EOF';
%%GLOBALS%%
worker_processes 1;
worker_cpu_affinity %%CORE%%;
events { worker_connections 1024; }
%%ACM%%
http {
    %%HTTP%%
    keepalive_timeout 0;
    ssl_protocols TLSv1.2 TLSv1.3;
    server_names_hash_bucket_size 128;
    server_names_hash_max_size 65536;
EOF


# The first core as a mask.

sub core { return '1' . '0' x (cores())[0] }


sub acm {
    my ($t, $more) = @_;

    return "acm { store $t->{dir}/store; master_key $t->{dir}/acm.key; "
        . ($more // '') . ' }';
}


# An nginx of ours whose store has so many certificates; the store is kept
# for later rows.

sub ours {
    my ($self, $all, $key, $cache, $fresh) = @_;

    my $t = $self->{stores}{"$key $all"};
    my $new = !$t;

    return $t if $t && $t->{cache} == $cache && $t->{running} && !$fresh;

    # one at a time

    $_->stop() for values %{$self->{stores}};

    $t = Test::Nginx::ACM->new() if $new;
    $t->raw(ACM => acm($t, "cache $cache;"))->raw(CORE => core());

    $t->write_config($CONF . <<'EOF');
    server {
        listen 127.0.0.1:8443 ssl;
        acm_certificate sni fallback=reject;
    }
}
EOF

    if ($new) {
        $t->{filled} = store($t, $all, $key eq 'rsa' ? '-r' : ());
        $self->{stores}{"$key $all"} = $t;
    }

    # what is measured is not the disk

    system("cat $t->{dir}/store/data.mdb > /dev/null");

    $t->{cache} = $cache;
    $t->{seen} = 0;
    $t->run();
    quiet($t, ($t->helpers())[0]);

    return $t;
}


# nginx with files, one server block each.

sub static {
    my ($self, $count, $key) = @_;

    my $t = $self->{statics}{"$key $count"};

    return $t if $t;

    $t = Test::Nginx::ACM->new()->plain();

    system("$t->{out}/fill", '-c', "$t->{dir}/ca",
        $key eq 'rsa' ? '-r' : (), 0, $count) == 0 or die "fill failed\n";

    my $servers = join('', map { server($_) } 0 .. $count - 1);

    $t->raw(ACM => '')->raw(CORE => core());
    $t->write_config("$CONF$servers}\n");
    $t->run();

    return $self->{statics}{"$key $count"} = $t;
}


sub server {
    my ($n) = @_;

    my $name = sprintf($Test::Nginx::Bench::FORMAT, $n);

    return <<"EOF";
    server {
        listen 127.0.0.1:8443 ssl;
        server_name $name;
        ssl_certificate %%DIR%%/ca/$n.crt;
        ssl_certificate_key %%DIR%%/ca/$n.key;
    }
EOF
}


# How each kind draws names, and what the cache is.

sub handshakes {
    my ($self, $row) = @_;

    my ($n, $all) = ($row->{n}, $row->{all});
    my $zipf = $row->{kind} eq 'zipf';
    my $cold = $row->{kind} eq 'cold';
    my $cache = $zipf ? $n : $cold || 2 * $n < $CACHE ? $CACHE : 2 * $n;
    my $t = $self->ours($all, $row->{key}, $cache);
    my $blocks = $row->{kind} eq 'servers' ? $n : 1;
    my $static = $self->static($blocks, $row->{key});
    my @args = (@CLIENT, @{$row->{args}});
    my @names = $zipf ? ('-n', $all, '-z', 1, '-P') : ('-n', $n);
    my (@ours, @theirs);

    # what is hot has been seen

    if ($zipf) {
        $self->load($t, @args, @names, '-m', $cache * 3, '-w', 0, '-d', 600);

    } elsif (!$cold) {
        $self->load($t, @args, @names, '-S', '-m', $n, '-w', 0, '-d', 600);
    }

    $self->load($static, @args, '-n', $blocks, '-S', '-m', $blocks, '-w', 0,
        '-d', 600);

    for my $round (1 .. $self->{rounds}) {
        my @r = ('-s', $round, '-d', $self->{seconds}, '-w', 0.3);

        push @ours, $cold ? $self->cold($t, $all, @args)
            : $self->load($t, @args, @names, @r);
        push @theirs, $self->load($static, @args, '-n', $blocks, @r);
    }

    return $self->compare($row, \@ours, \@theirs);
}


# Instructions of a handshake, which are the same on a busy machine: what is
# left out is how long they wait for memory.

sub counted {
    my ($self, $row) = @_;

    my ($n, $key, @args) = ($row->{n}, $row->{key}, @{$row->{args}});
    my $cache = 2 * $n < $CACHE ? $CACHE : 2 * $n;
    my $ours = $self->count($self->ours($n, $key, $cache), $n, @args);
    my $static = delete $self->{statics}{"$key 1"};

    $static->stop() if $static;
    $static = $self->count($self->static(1, $key), 1, @args);
    delete $self->{statics}{"$key 1"};

    $self->say($row, 'instructions each', map({ sprintf('%.0f', $_) }
        $ours, $static), [ $ours > 0 ? $static / $ours : undef ]);

    return;
}


# What the worker takes in its life, with and without them.

sub count {
    my ($self, $t, $n, @args) = @_;

    my @all = ('-c', 1, '-w', 0, '-d', 600, '-n', $n, @args);
    my @warm = (@all, '-S', '-m', $n < 20 ? 20 : $n);
    my @files = ("$t->{dir}/store", glob("$t->{dir}/store/*"));
    my @owner = (stat("$t->{dir}/store/data.mdb"))[4, 5];

    # all is root's, if it begins so: valgrind is, too; and the map is one that
    # it has room for

    $t->stop();
    chown($>, (split(' ', $)))[0], @files);

    (my $conf = $t->read_file('nginx.conf')) =~ s/^user .*;/user root;/m;
    $conf =~ s/(store \S+);/$1 size=1g;/;
    $t->write_file('nginx.conf', "daemon off;\n$conf");

    my $without = $self->callgrind($t, \@warm);
    my $with = $self->callgrind($t, \@warm, [@all, '-m', $COUNTED]);

    chown(@owner, @files) if @owner;

    return ($with - $without) / $COUNTED;
}


sub callgrind {
    my ($self, $t, @loads) = @_;

    my $file = "$t->{dir}/instructions";
    my $name = sprintf($Test::Nginx::Bench::FORMAT, 0);

    $t->{under} = ['valgrind', '-q', '--tool=callgrind',
        "--callgrind-out-file=$file.%p"];
    $t->run_foreground();
    $t->{under} = undef;

    $t->wait_for(sub {
        $t->handshake(8443, $name)->{text} =~ /s:CN = \Q$name\E/
    }, 120) or die 'no nginx in valgrind: ' . $t->read_file('error.log');

    for (@loads) {
        my $r = tlsload($t, @$_);

        $self->{wrong} += $r->{mismatch};
        $self->{errors} += $r->{errors};
    }

    # valgrind hides titles; the worker is started first

    my $master = $t->pid();
    my ($worker) = sort { $a <=> $b } split(' ', `pgrep -P $master`);

    $t->stop();

    my ($total) = Test::Nginx::ACM::slurp("$file.$worker")
        =~ /^summary: (\d+)/m;

    return $total // die "no instructions: is valgrind there?\n";
}


# Names that come in this process for the first time: there are rows enough
# of them, and then long ago.

sub cold {
    my ($self, $t, $all, @args) = @_;

    my $share = int($all / $self->{rounds} / $COLD);

    $t->{seen} = 0 if $t->{seen} + $share > $all;

    my $r = $self->load($t, @args, '-n', $share, '-S', '-o', $t->{seen},
        '-m', $share - 8, '-w', 0, '-d', $self->{seconds});

    $t->{seen} += $share;

    return $r;
}


sub load {
    my ($self, $t, @args) = @_;

    my $r = tlsload($t, @args, '-p', join(',', $t->workers()));

    $self->{wrong} += $r->{mismatch};
    $self->{errors} += $r->{errors};

    print STDERR $r->{text} if $r->{mismatch} || $r->{errors};

    return $r;
}


# Medians of pairs of rounds.

sub compare {
    my ($self, $row, $ours, $theirs) = @_;

    my $goal = $goals{$row->{text}};
    my @what = (
        ['CPU of the server, µs each', 'server_cpu_us_per_hs', '%.1f', 1],
        ['handshakes/s', 'hs_per_s', '%.0f', 0],
        ['p50, ms', 'p50_ms', '%.2f', 1],
        ['p99, ms', 'p99_ms', '%.2f', 1],
    );

    for (@what) {
        my ($name, $field, $format, $less) = @$_;

        my @o = map { $_->{$field} } @$ours;
        my @s = map { $_->{$field} } @$theirs;
        my @ratios = map {
            my ($x, $y) = $less ? ($s[$_], $o[$_]) : ($o[$_], $s[$_]);
            $y > 0 ? $x / $y : undef } 0 .. $#o;

        $self->say($row, $name, sprintf($format, median(@o)),
            sprintf($format, median(@s)), \@ratios,
            $goal && $field =~ /cpu/ ? "≥ $goal" : '');
    }

    my ($o, $s) = map { quantile(0.1, map { $_->{server_cpu_us_per_hs} } @$_) }
        $ours, $theirs;

    $self->say($row, 'the same, the best tenth', sprintf('%.1f', $o),
        sprintf('%.1f', $s), [ $o > 0 ? $s / $o : undef ]);

    my ($ours_failed, $failed) = map { failed(@$_) } $ours, $theirs;

    $self->say($row, 'wrong certificates, errors', $ours_failed, $failed,
        undef, '0, 0');

    return;
}


sub failed {
    my ($wrong, $errors) = (0, 0);

    $wrong += $_->{mismatch}, $errors += $_->{errors} for @_;

    return "$wrong, $errors";
}


# Memory with so many names in the cache, against as many server blocks.

sub memory_row {
    my ($self, $row) = @_;

    my ($n, $key) = ($row->{n}, $row->{key});
    my $t = $self->ours($row->{all}, $key, 2 * $n, 1);
    my $static = $self->static($n, $key);
    my @all = (@CLIENT, '-S', '-w', 0, '-d', 600);

    # what is allocated once, whatever the number of names

    $self->load($t, @all, '-n', 1, '-m', 200);

    my $before = memory(($t->workers())[0]);

    $self->load($t, @all, '-n', $n, '-m', $n);

    my $after = memory(($t->workers())[0]);

    $self->load($static, @all, '-n', $n, '-m', $n);

    for (['a worker', $after, memory(($static->workers())[0])],
        ['the master', memory($t->pid()), memory($static->pid())],
        ['the helper', memory(($t->helpers())[0])])
    {
        my ($who, $ours, $theirs) = @$_;

        for (qw/ Rss Pss Anonymous /) {
            $self->say($row, "\L$_\E of $who, MB", map {
                $_ && sprintf('%.1f', $_ / 1024)
            } $ours->{$_}, $theirs && $theirs->{$_});
        }
    }

    $self->say($row, 'private memory of a cached certificate, KB',
        sprintf('%.2f', ($after->{Anonymous} - $before->{Anonymous}) / $n),
        '', undef, '≤ 8');

    return;
}


sub store_row {
    my ($self, $row) = @_;

    my $t = $self->ours($row->{all}, $row->{key}, $CACHE);

    $self->say($row, 'bytes of a certificate', bytes($t, $row->{all}), '',
        undef, $row->{key} eq 'ec' ? '≤ 3072' : '');
    $self->say($row, 'made in, s', sprintf('%.1f', $t->{filled}));

    return;
}


# On the disk, of the whole store.

sub bytes {
    my ($t, $count) = @_;

    my $blocks = (stat("$t->{dir}/store/data.mdb"))[12];

    return sprintf('%.0f', $blocks * 512 / $count);
}


sub start_row {
    my ($self, $row) = @_;

    my $t = $self->ours($row->{all}, $row->{key}, $CACHE);
    my $static = $self->static(least($row->{n}, $BLOCKS), $row->{key});

    for (['start, s', \&started], ['nginx -t, s', \&checked]) {
        my ($name, $code) = @$_;
        my (@ours, @theirs);

        for (1 .. least($self->{rounds}, $FEW)) {
            push @ours, $code->($self, $t);
            push @theirs, $code->($self, $static);
        }

        $self->say($row, $name, map { sprintf('%.3f', median(@$_)) }
            \@ours, \@theirs);
    }

    return;
}


# From the command to the end of the first handshake.

sub started {
    my ($self, $t) = @_;

    $t->stop();

    my $start = time();

    $t->checked();
    tlsload($t, '-m', 1, '-c', 1, '-w', 0);

    my $took = time() - $start;

    $t->started();

    return $took;
}


sub checked {
    my ($self, $t) = @_;

    my $start = time();

    $t->checked('-t');

    return time() - $start;
}


# What acmctl import --bulk takes, from files, into an empty store; the disk
# space of certificates that came so.

sub import_row {
    my ($self, $row) = @_;

    my $t = Test::Nginx::ACM->new();
    my $rsa = $row->{key} eq 'rsa';

    $t->raw(ACM => acm($t))->raw(CORE => core());
    $t->write_config("$CONF}\n");

    # makes no certificates yet, but a store

    store($t, 0);

    system("$t->{out}/fill", '-c', "$t->{dir}/files", $rsa ? '-r' : (), 0,
        $row->{n}) == 0 or die "fill failed\n";
    unlink(map { "$t->{dir}/files/$_" } 'ca.key', 'ca.pem', 'root.pem');

    my $start = time();
    my ($rc, $out) = $t->acmctl('import', '--bulk', "$t->{dir}/files");
    my $took = time() - $start;

    die "acmctl import: $out\n" if $rc;

    $self->say($row, 'imported a second', sprintf('%.0f', $row->{n} / $took));
    $self->say($row, 'bytes of a certificate', bytes($t, $row->{n}));

    return;
}


# A reload under load: how long until there are new workers, and what clients
# see until a second after that.

sub reload_row {
    my ($self, $row) = @_;

    my $names = least($row->{n}, 1000);
    my @both = (
        [$self->ours($row->{all}, $row->{key}, $CACHE), $names],
        [$self->static(least($row->{n}, $BLOCKS), $row->{key}), $names]);
    my @results = ([], []);

    # of a few hundred handshakes each, so p99 is that of four or five

    for (1 .. 2 * $self->{rounds}) {
        push @{$results[$_]}, $self->reloaded(@{$both[$_]}) for 0, 1;
    }

    my @what = (['reload, s', '%.3f'], ['p99 before, ms', '%.2f'],
        ['p99 until a second after, ms', '%.2f'],
        ['p99 after to before', '%.2f', '≤ 1.2'], ['worst, ms', '%.2f'],
        ['errors', '%d', 0]);

    for my $i (0 .. $#what) {
        my ($name, $format, $goal) = @{$what[$i]};

        my $of = $name eq 'errors' ? \&sum0 : \&median;

        $self->say($row, $name, (map { sprintf($format, $of->(map {
            $_->[$i] } @$_)) } @results), undef, $goal);
    }

    return;
}


# Seconds, p99 before and after, their ratio, the longest, errors.

sub reloaded {
    my ($self, $t, $names) = @_;

    my $log = "$t->{dir}/latencies";
    my @old = $t->workers();
    my $job = background($t, '-n', $names, '-c', 8, '-r', 400, '-w', 0, '-d',
        600, '-l', $log);

    sleep($self->{seconds});

    my $at = clock_gettime(CLOCK_MONOTONIC);

    $t->reload();

    # new ones are there before old ones are told; to look through /proc for
    # them would take time from the server

    $t->wait_for(sub {
        return !grep { Test::Nginx::ACM::slurp("/proc/$_/cmdline")
            =~ /worker process(?! is shutting)/ } @old;
    }, 300) or die "no reload\n";

    my $took = clock_gettime(CLOCK_MONOTONIC) - $at;

    sleep(1);
    kill('TERM', $job->[0]);

    my $r = collect($job);
    my @lines = map { [split(' ')] } split(/\n/, Test::Nginx::ACM::slurp($log));
    my @good = grep { $_->[1] ne '-' } @lines;

    $self->{wrong} += $r->{mismatch};
    $self->{errors} += $r->{errors};

    my @after = map { $_->[1] } grep { $_->[0] >= $at } @good;
    my $before = p99(map { $_->[1] } grep { $_->[0] < $at } @good);

    return [$took, $before, p99(@after),
        $before ? p99(@after) / $before : undef,
        (sort { $a <=> $b } @after)[-1] / 1000, @lines - @good];
}


# Of microseconds, in ms.

sub p99 {
    my @x = sort { $a <=> $b } @_;

    return @x ? $x[POSIX::ceil(0.99 * @x) - 1] / 1000 : 0;
}


sub least { return $_[0] < $_[1] ? $_[0] : $_[1] }


# What was said, as CSV.

sub csv {
    my ($self, $file) = @_;

    Test::Nginx::Bench::csv($file, @{$self->{csv}});

    return;
}


1;
