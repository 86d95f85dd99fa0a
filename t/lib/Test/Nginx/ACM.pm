package Test::Nginx::ACM;

# Copyright (C) The ngx_acm authors

# A private nginx with the module for one test file.  Every file gets for
# free: no alert, no sanitizer line, no orphan process, no leaked descriptor
# in the master after the last reload.
#
# Environment:
#   TEST_NGINX_BINARY   nginx to run, default /usr/sbin/nginx
#   TEST_NGINX_MODULE   the module, default build/ngx_acm_module.so; "static"
#                       when it is part of the binary
#   TEST_NGINX_ACMCTL   acmctl, default build/acmctl
#   TEST_NGINX_PRELOAD  library to preload, for sanitizers
#   TEST_NGINX_LEAVE    leave the directory behind

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Path qw/ remove_tree /;
use File::Temp qw/ tempdir /;
use IO::Socket::INET;
use IPC::Open2;
use JSON::PP;
use POSIX qw/ :sys_wait_h /;
use Test::More;
use Test::Nginx::Port;
use Time::HiRes qw/ sleep time /;

# how much slower a machine may be
our $SLOW = 3;
our $ROOT = abs_path(dirname(__FILE__) . '/../../../..');


sub new {
    my ($class) = @_;

    my $self = bless {
        nginx => $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx',
        module => $ENV{TEST_NGINX_MODULE} || "$ROOT/build/ngx_acm_module.so",
        acmctl => $ENV{TEST_NGINX_ACMCTL} || "$ROOT/build/acmctl",
        out => dirname($ENV{TEST_NGINX_ACMCTL} || "$ROOT/build/acmctl"),
        dir => tempdir('ngx-acm-XXXXXX', TMPDIR => 1),
        ports => {},
        owner => $$,
        allow => [],
    }, $class;

    # workers must be able to walk through it
    chmod(0755, $self->{dir});
    mkdir("$self->{dir}/logs");

    return $self;
}


# A text that a configuration has as %%NAME%%, such as the URL of a CA.

sub raw {
    my ($self, $name, $text) = @_;

    $self->{raw}{$name} = $text;
    return $self;
}


# Without our module, to compare with.

sub plain { my ($self) = @_; $self->{plain} = 1; return $self }


# What nginx finds in its environment, as do its processes.

sub environment {
    my ($self, %env) = @_;

    $self->{env} = { %{$self->{env} || {}}, %env };
    return $self;
}


# In a child, before nginx is run.

sub set_environment {
    my ($self) = @_;

    $ENV{$_} = $self->{env}{$_} for keys %{$self->{env} || {}};

    if ($ENV{TEST_NGINX_PRELOAD}) {
        $ENV{LD_PRELOAD} = $ENV{TEST_NGINX_PRELOAD};
        $ENV{ASAN_OPTIONS} ||= 'detect_leaks=0:detect_odr_violation=0';
    }

    return;
}


# The real port behind the number that a configuration uses.

sub port {
    my ($self, $n) = @_;

    return $self->{ports}{$n} if $self->{ports}{$n};

    my ($port, @held) = Test::Nginx::Port::hold();

    # kept open until all are chosen, so that none is chosen twice
    push @{$self->{holders}}, @held;

    return $self->{ports}{$n} = $port;
}


# Loads nginx's stream module, if it is none of the binary, and ours.

sub stream_modules {
    my ($self) = @_;

    return '' if $self->{module} eq 'static';

    my $info = `$self->{nginx} -V 2>&1`;
    my ($path) = $info =~ /--modules-path=(\S+)/;
    my $load = '';

    $load = "load_module $path/ngx_stream_module.so;\n"
        if $info =~ /--with-stream=dynamic/;

    return "${load}load_module "
        . dirname($self->{module}) . "/ngx_stream_acm_module.so;\n";
}


# The same for mail; undef if this nginx has no TLS there.

sub mail_modules {
    my ($self) = @_;

    my $info = `$self->{nginx} -V 2>&1`;
    my ($path) = $info =~ /--modules-path=(\S+)/;
    my $load = '';

    return undef if $info !~ /--with-mail_ssl_module/;
    return '' if $self->{module} eq 'static';

    if ($info =~ /--with-mail=dynamic/) {
        return undef unless -e "$path/ngx_mail_module.so";
        $load = "load_module $path/ngx_mail_module.so;\n";
    }

    return "${load}load_module "
        . dirname($self->{module}) . "/ngx_mail_acm_module.so;\n";
}


# %%GLOBALS%%, %%STREAM%% (behind it: its modules), %%HTTP%%, %%DIR%%,
# 127.0.0.1:8443 are filled in.

sub write_config {
    my ($self, $conf, $name) = @_;

    my $dir = $self->{dir};
    my $globals = $self->{module} eq 'static' || $self->{plain} ? ''
        : "load_module $self->{module};\n";

    $globals .= "user www-data;\n" if $> == 0;

    # nginx hands nothing else to a new binary
    $globals .= "env ASAN_OPTIONS;\nenv LD_PRELOAD;\n"
        if $ENV{ASAN_OPTIONS};
    $globals .= "env $_;\n" for sort keys %{$self->{env} || {}};
    $globals .= "pid $dir/nginx.pid;\nerror_log $dir/error.log info;\n";

    my $http = "access_log off;\n" . join('', map {
        "${_}_temp_path $dir/${_}_temp;\n"
    } qw/ client_body proxy fastcgi uwsgi scgi /);

    $conf =~ s/%%GLOBALS%%/$globals/g;
    $conf =~ s/%%STREAM%%/$self->stream_modules()/ge;
    $conf =~ s/%%HTTP%%/$http/g;
    $conf =~ s/%%DIR%%/$dir/g;
    $conf =~ s/127\.0\.0\.1:(\d+)/'127.0.0.1:' . $self->port($1)/ge;

    # what stays as it is, addresses too
    $conf =~ s/%%\Q$_\E%%/$self->{raw}{$_}/g for keys %{$self->{raw} || {}};

    $self->write_file($name || 'nginx.conf', $conf);

    $_->close() for @{delete $self->{holders} || []};

    return $self;
}


sub write_file {
    my ($self, $name, $text) = @_;

    open(my $fh, '>', "$self->{dir}/$name") or die "$name: $!";
    print $fh $text;
    close($fh) or die "$name: $!";

    return "$self->{dir}/$name";
}


sub read_file {
    my ($self, $name) = @_;

    open(my $fh, '<', "$self->{dir}/$name") or return '';
    local $/;
    return scalar <$fh>;
}


# The last lines of the log that have a text, for diag().

sub tail {
    my ($self, $text) = @_;

    my @lines = grep { /\Q$text\E/ } split(/\n/, $self->read_file('error.log'));

    return join("\n", @lines > 5 ? @lines[-5 .. -1] : @lines);
}


sub command {
    my ($self, @args) = @_;

    return (@{$self->{under} || []}, $self->{nginx}, '-p', "$self->{dir}/", '-c',
        "$self->{dir}/nginx.conf", '-e', "$self->{dir}/error.log", @args);
}


# Runs nginx with arguments; returns exit code and all its output.

sub nginx {
    my ($self, @args) = @_;

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>&', \*STDOUT);
        local %ENV = %ENV;
        $self->set_environment();

        exec($self->command(@args)) or POSIX::_exit(127);
    }

    my $out = do { local $/; <$fh> };
    close($fh);

    return ($? >> 8, $out // '');
}


# The same, for what must not fail.

sub checked {
    my ($self, @args) = @_;

    my ($rc, $out) = $self->nginx(@args);

    die "nginx failed:\n$out" . $self->read_file('error.log') if $rc;

    return $self;
}


sub run { my ($self) = @_; return $self->checked()->started() }


# Once the command has returned: until all processes are there.

sub started {
    my ($self) = @_;

    $self->wait_for(sub { $self->pid() }) or die 'no pid file';
    $self->{running} = 1;
    $self->{master} = $self->pid();

    # the helper is the last process that the master starts
    $self->wait_for(sub {
        $self->{plain} ? $self->workers() : $self->helpers() });

    $self->{descriptors} = $self->descriptors($self->{master});

    return $self;
}


# For "daemon off": runs in the background, and is ours to reap.

sub run_foreground {
    my ($self) = @_;

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        $self->set_environment();

        open(STDOUT, '>', '/dev/null');
        open(STDERR, '>>', "$self->{dir}/error.log");
        exec($self->command()) or POSIX::_exit(127);
    }

    $self->{child} = $pid;
    $self->{running} = 1;
    $self->wait_for(sub { $self->pid() }) or die 'no pid file';

    return $self;
}


sub pid {
    my ($self) = @_;

    my $pid = $self->read_file('nginx.pid');
    chomp $pid;

    return $pid =~ /^\d+$/ ? $pid : 0;
}


sub alive { my ($pid) = @_; return $pid && kill(0, $pid) }


sub reload {
    my ($self) = @_;

    # 0 would be the processes of this test
    kill('HUP', $self->pid() || die 'no pid file');
    return $self;
}


sub stop {
    my ($self, $signal) = @_;

    return $self unless $self->{running};

    my $pid = $self->pid();

    if ($pid) {
        kill($signal || 'QUIT', $pid);

        if (!$self->wait_for(sub {
            waitpid($self->{child}, WNOHANG) if $self->{child};
            return !alive($pid);
        }))
        {
            kill('KILL', $pid);
            fail("nginx $pid stops");
        }
    }

    $self->{running} = 0;
    unlink("$self->{dir}/nginx.pid");

    return $self;
}


# Waits for a condition, not for a time; returns what the condition returned.
# The seconds are those of an idle machine.

sub wait_for {
    my ($self, $code, $seconds) = @_;

    my $end = time() + $SLOW * ($seconds || 30);
    my $rv;

    for (;;) {
        $rv = $code->();
        return $rv if $rv || time() > $end;
        sleep(0.02);
    }
}


# Processes of this nginx: master, workers and helper, by their parent.

sub children {
    my ($self, $title) = @_;

    my $master = $self->pid() or return;
    my @found;

    for my $dir (glob('/proc/[0-9]*')) {
        my ($pid) = $dir =~ /(\d+)$/;
        my $stat = slurp("$dir/stat") or next;
        my ($state, $ppid) = $stat =~ /\) (\S) (\d+)/ or next;

        next if $ppid != $master || $state eq 'Z';
        next if $title && slurp("$dir/cmdline") !~ /$title/;

        push @found, $pid;
    }

    return @found;
}


sub workers { return $_[0]->children('worker process(?! is shutting)') }
sub helpers { return $_[0]->children('cache manager') }


sub slurp {
    my ($path) = @_;

    open(my $fh, '<', $path) or return '';
    local $/;
    return scalar(<$fh>) // '';
}


sub descriptors {
    my ($self, $pid) = @_;

    return scalar(grep { !/\.\.?$/ } glob("/proc/$pid/fd/*"));
}


# What a process has in memory that it can write to; undef if it may not be
# read.

sub memory {
    my ($self, $pid) = @_;

    my ($all, $data) = ('');

    open(my $maps, '<', "/proc/$pid/maps") or return;
    open(my $mem, '<:raw', "/proc/$pid/mem") or return;

    no warnings 'portable';

    while (<$maps>) {
        my ($from, $to) = map { hex } /^(\w+)-(\w+) rw/ or next;

        next if $to - $from > 1 << 26;
        sysseek($mem, $from, 0) or next;
        $all .= $data if sysread($mem, $data, $to - $from);
    }

    return $all;
}


sub http_get {
    my ($self, $port, $uri) = @_;

    my $s = IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1:' . $self->port($port)) or return '';

    print $s "GET $uri HTTP/1.0\r\nHost: localhost\r\n\r\n";

    local $/;
    return scalar(<$s>) // '';
}


# The decoded answer of acm_status at 127.0.0.1:8080/status.

sub status {
    my ($self, $args) = @_;

    my $answer = $self->http_get(8080, '/status' . ($args || ''));
    my ($body) = $answer =~ /\r\n\r\n(.*)/s or return {};

    return eval { decode_json($body) } || {};
}


# The status with all certificates: what one answer has no time for is asked
# for again.

sub full_status {
    my ($self) = @_;

    my $s = $self->status('?limit=1000');
    my $next = $s->{Next};

    while (defined $next) {
        my $more = $self->status("/certificates?limit=1000&after=$next");

        push @{$s->{Certificates}}, @{$more->{Certificates} || []};
        $next = $more->{Next};
    }

    return $s;
}


# The certificate record of a domain name in the status, the newest.

sub certificate {
    my ($self, $domain, $key) = @_;

    my @c = sort { ($b->{CreatedAt} // '') cmp ($a->{CreatedAt} // '') }
        grep { ($_->{DomainName} // '') eq $domain
            && (!$key || $_->{KeyAlgorithm} eq $key) }
        @{$self->status('?limit=1000')->{Certificates} || []};

    return $c[0];
}


sub wait_issued {
    my ($self, $domain, $seconds) = @_;

    return $self->wait_for(sub {
        my $c = $self->certificate($domain);
        return $c && $c->{Status} eq 'ISSUED' && $c;
    }, $seconds);
}


# Roots of the built-in CA as a PEM file.

sub root {
    my ($self, $issuer) = @_;

    $issuer ||= 'internal';

    my ($rc, $out) = $self->acmctl('ca', $issuer);
    die "acmctl ca: $out" if $rc;

    return $self->write_file("$issuer.pem", $out);
}


sub acmctl {
    my ($self, @args) = @_;

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>&', \*STDOUT);
        exec($self->{acmctl}, '--store', "$self->{dir}/store",
            '--master-key', "$self->{dir}/acm.key", @args)
            or POSIX::_exit(127);
    }

    my $out = do { local $/; <$fh> };
    close($fh);

    return ($? >> 8, $out // '');
}


# One handshake with openssl s_client; returns a hash: verified, names (of
# the leaf), subject, alert, text.

sub handshake {
    my ($self, $port, $sni, %opt) = @_;

    my @cmd = ('openssl', 's_client', '-connect',
        '127.0.0.1:' . $self->port($port), '-ign_eof');

    push @cmd, defined $sni ? ('-servername', $sni) : '-noservername';
    push @cmd, '-verify_return_error', '-CAfile', $opt{root} if $opt{root};
    push @cmd, '-verify_hostname', $opt{verify} // $sni
        if $opt{root} && ($opt{verify} // $sni);
    push @cmd, @{$opt{args} || []};

    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open(STDERR, '>&', \*STDOUT);
        open(STDIN, '<', '/dev/null');
        $ENV{LD_PRELOAD} = '';
        # the server closes: no request is sent
        exec('timeout', '20', @cmd[0 .. 3], grep { $_ ne '-ign_eof' }
            @cmd[4 .. $#cmd]) or POSIX::_exit(127);
    }

    my $out = do { local $/; <$fh> } // '';
    close($fh);

    my %r = (text => $out);
    my ($pem) = $out =~ /(-----BEGIN CERT.*?-----END CERT[^\n]+\n)/s;

    # an aborted handshake prints a code of 0 too
    $r{verified} = $opt{root} && $out =~ /Verify return code: 0 \(ok\)/
        && $out !~ /verify error|alert|no peer cert/ ? 1 : 0;
    ($r{alert}) = $out =~ /SSL alert number (\d+)/;
    $r{pem} = $pem;
    ($r{subject}) = $out =~ /^subject=(.*)$/m;
    $r{names} = [$self->names($pem)] if $pem;

    return \%r;
}


# Says a text over TLS and hears what there is to hear, until the server
# closes the connection; returns all that openssl s_client prints.  For what
# comes behind a handshake: answers, and sessions of TLS 1.3.  A text may be a
# list, of what to wait for and what to say then.

sub talk {
    my ($self, $port, $sni, $text, @args) = @_;

    my @steps = ref $text ? @$text : (qr{^}, $text);
    my @cmd = ('timeout', '20', 'openssl', 's_client', '-connect',
        '127.0.0.1:' . $self->port($port), '-ign_eof',
        defined $sni ? ('-servername', $sni) : '-noservername', @args);

    local $SIG{PIPE} = 'IGNORE';
    local $ENV{LD_PRELOAD} = '';

    my $pid = open2(my $from, my $to, 'sh', '-c', 'exec "$@" 2>&1', 'sh',
        @cmd);
    my $out = '';

    do {
        while (@steps && $out =~ /$steps[0]/) {
            $out .= "\n";
            shift(@steps);
            syswrite($to, shift(@steps));
        }
    } while (sysread($from, $out, 4096, length($out)));

    close($to);
    waitpid($pid, 0);

    return $out;
}


# dNSNames of a PEM certificate.

sub names {
    my ($self, $pem) = @_;

    my $file = $self->write_file('peer.pem', $pem);
    my $text = `openssl x509 -in $file -noout -ext subjectAltName 2>/dev/null`;

    return $text =~ /DNS:([^,\s]+)/g;
}


sub serial {
    my ($self, $pem) = @_;

    my $file = $self->write_file('peer.pem', $pem);
    my $text = `openssl x509 -in $file -noout -serial`;

    chomp $text;
    return $text;
}


# Makes a self-signed pair NAME.crt, NAME.key for the names.

sub self_signed {
    my ($self, $file, @names) = @_;

    my $san = join(',', map { "DNS:$_" } @names);
    my $cn = length($names[0]) > 64 ? 'over-long' : $names[0];

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
        . "-nodes -days 30 -keyout $self->{dir}/$file.key "
        . "-out $self->{dir}/$file.crt -subj '/CN=$cn' "
        . "-addext 'subjectAltName=$san' >/dev/null 2>&1") == 0
        or die "openssl req failed";

    return ("$self->{dir}/$file.crt", "$self->{dir}/$file.key");
}


# An alert that this test provokes, as a pattern.

sub allow { my ($self, $re) = @_; push @{$self->{allow}}, $re; return $self }


# Call it last: stops nginx and makes the assertions that every test gets.

sub finish {
    my ($self) = @_;

    # a reload that is just ending may hold a few of the old cycle's

    if ($self->{running} && $self->{master}
        && $self->pid() == $self->{master})
    {
        ok($self->wait_for(sub {
            $self->descriptors($self->{master}) <= $self->{descriptors} + 1
        }, 10), 'no leaked descriptors')
            or diag(join("\n", map { readlink($_) // '' }
                glob("/proc/$self->{master}/fd/*")));
    }

    $self->stop();

    my @lines = split(/\n/, $self->read_file('error.log'));
    my @bad = grep { /\[alert\]/ } @lines;

    # who is killed may have held the lock of the zone: nginx lets it go

    $self->allow(qr/shared memory zone "acm" was locked by \d+/)
        if grep { /exited on signal 9/ } @lines;

    for my $re (@{$self->{allow}}) {
        @bad = grep { !/$re/ } @bad;
    }

    is(join("\n", @bad), '', 'no alerts');

    my @san = grep { /Sanitizer|runtime error:/ } @lines;
    is(join("\n", @san), '', 'no sanitizer lines');

    my @left = $self->left_over();
    ok($self->wait_for(sub { !(@left = $self->left_over()) }, 10),
        'no orphans') or diag("left over: @left");

    return;
}


# Processes that still have this test's error log open.

sub left_over {
    my ($self) = @_;

    my @left;

    for my $dir (glob('/proc/[0-9]*')) {
        my ($pid) = $dir =~ /(\d+)$/;
        next if $pid == $$;

        for my $fd (glob("$dir/fd/*")) {
            my $to = readlink($fd) or next;

            if ($to eq "$self->{dir}/error.log") {
                push @left, $pid;
                last;
            }
        }
    }

    return @left;
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;

    local ($?, $@);

    if ($self->{running}) {
        my $pid = $self->pid();
        kill('TERM', $pid) if alive($pid);
        $self->wait_for(sub {
            waitpid($self->{child}, WNOHANG) if $self->{child};
            return !alive($pid);
        }, 10);
    }

    # killed masters leave processes of ours behind
    kill('KILL', $_) for $self->left_over();

    if ($ENV{TEST_NGINX_LEAVE}) {
        print STDERR "# left $self->{dir}\n";

    } else {
        remove_tree($self->{dir});
    }

    return;
}


1;
