#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# TLS sessions are resumed where nginx does so with certificates of its own,
# and never under other terms for clients.

use warnings;
use strict;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = $t->{dir};

# by tickets, whose key outlives a reload, and by a cache

my %how = (
    tickets => "ssl_session_ticket_key $dir/ticket.key;",
    cache => 'ssl_session_tickets off; ssl_session_cache shared:one:4m;',
);

$t->write_file('ticket.key', 'k' x 80);

for my $ca ('one', 'two') {
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
        . "-nodes -days 30 -keyout $dir/$ca.key -out $dir/$ca.crt "
        . "-subj /CN=$ca >/dev/null 2>&1") == 0 or die 'openssl req';
    system("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        . "-keyout $dir/client-$ca.key -subj /CN=client-$ca 2>/dev/null | "
        . "openssl x509 -req -CA $dir/$ca.crt -CAkey $dir/$ca.key "
        . "-CAcreateserial -days 30 -out $dir/client-$ca.crt 2>/dev/null")
        == 0 or die 'openssl x509';
}

my %names = (a => 'a.example.com', b => 'b.example.com');

# where the certificates come from

my %servers = (
    acm => 'acm_certificate sni;',
    files => "ssl_certificate $dir/%s.crt; ssl_certificate_key $dir/%s.key;",
    variable => "ssl_certificate $dir/v-\$ssl_server_name.crt;"
        . " ssl_certificate_key $dir/v-\$ssl_server_name.key;",
);
my %port = (acm => 8443, files => 8444, variable => 8445);

# what servers of one address want of clients

my %policy = (
    off => '',
    one => "ssl_verify_client on; ssl_client_certificate $dir/one.crt;",
    two => "ssl_verify_client on; ssl_client_certificate $dir/two.crt;",
    both => "ssl_verify_client on; ssl_client_certificate $dir/one.crt; "
        . "ssl_trusted_certificate $dir/two.crt;",
    optional => 'ssl_verify_client optional; '
        . "ssl_client_certificate $dir/two.crt;",
);
my @order = ('one', 'two', 'off', 'both', 'optional');
my %default = (8450 => 'one', 8451 => 'off');

# whose certificate a client needs for it

my %needs = (one => 'one', two => 'two', off => '', both => 'one',
    optional => 'two');

sub write_config {
    my ($how) = @_;

    my $servers = '';

    for my $kind (sort keys %servers) {
        for my $name (sort keys %names) {
            my $certificate = $servers{$kind};
            $certificate =~ s/%s/$name/g;
            $servers .= "server { listen 127.0.0.1:$port{$kind} ssl; "
                . "server_name $names{$name}; $certificate "
                . "return 200 \"$name\\n\"; }\n";
        }
    }

    for my $port (sort keys %default) {
        for my $policy ($default{$port},
            grep { $_ ne $default{$port} } @order)
        {
            $servers .= "server { listen 127.0.0.1:$port ssl; "
                . "server_name $policy.example.com; acm_certificate sni; "
                . $policy{$policy} . ' return 200 '
                . '"$server_name $ssl_client_verify $ssl_session_reused\n"; }'
                . "\n";
        }
    }

    # another address, with the first one's default server alone

    $servers =~ s/(listen 127.0.0.1:8450 ssl;)/$1 listen 127.0.0.1:8460 ssl;/;

    my $conf = <<'EOF';
%%GLOBALS%%
events { }
acm {
    store %%DIR%%/store size=1g;
    master_key %%DIR%%/acm.key;
}
http {
    %%HTTP%%
    ssl_protocols TLSv1.2 TLSv1.3;
    %%HOW%%
    server {
        listen 127.0.0.1:8080;
        location /status { acm_status; }
    }
    %%SERVERS%%
}
EOF

    $conf =~ s/%%HOW%%/$how{$how}/;
    $conf =~ s/%%SERVERS%%/$servers/;
    $t->write_config($conf);

    return;
}

# variables make nginx read files in workers

sub store_variable {
    my ($name) = @_;

    for my $end ('crt', 'key') {
        my $file = $t->write_file("new.$end", $t->read_file("$name.$end"));
        chmod(0644, $file);
        rename($file, "$dir/v-$names{$name}.$end") or die "rename: $!";
    }

    return;
}

sub make {
    my ($name, $arn) = @_;

    my ($crt, $key) = $t->self_signed($name, $names{$name});
    my ($rc, $out) = $t->acmctl('import', '--cert', $crt, '--key', $key,
        $arn ? ('--arn', $arn) : ());
    is($rc, 0, "import $name") or diag($out);

    store_variable($name);

    return ($out =~ /(arn:\S+)/)[0];
}

sub get {
    my ($port, $sni, $host, @args) = @_;

    return $t->talk($port, $sni, "GET / HTTP/1.0\r\nHost: $host\r\n\r\n",
        @args);
}

sub reused { return $_[0] =~ /^Reused/m ? 1 : $_[0] =~ /^New/m ? 0 : -1 }
sub copy { return $t->write_file($_[1], $t->read_file($_[0])) }

my $session = "$dir/session.pem";

sub begin {
    my ($port, $sni, @args) = @_;

    unlink($session);
    my $out = get($port, $sni, $sni // 'x', '-sess_out', $session, @args);

    return if -s $session;

    # one line a session would be many
    fail("a session at $port of " . ($sni // 'no name'));
    diag($out);

    return;
}

sub again {
    my ($port, $sni, $host, $version) = @_;
    return get($port, $sni, $host, $version, '-sess_in', $session);
}

my %arn;

for my $how (sort keys %how) {

    write_config($how);

    unless ($t->{running}) {
        $t->self_signed($_, $names{$_}) for keys %names;
        store_variable($_) for keys %names;
        $t->run();
        ok($t->wait_for(sub { $t->status()->{Helper}{Locked} }), 'helper');
        %arn = map { $_ => make($_) } keys %names;

    } else {
        $t->stop()->run();
    }

    for my $version ('-tls1_2', '-tls1_3') {
        compare($how, $version);
        attack($how, $version);
    }
}

# the same as nginx's own

sub compare {
    my ($how, $version) = @_;

    my %got;

    for my $kind (sort keys %servers) {
        my $p = $port{$kind};

        begin($p, $names{a}, $version);

        $got{$kind}{same} = reused(again($p, $names{a}, $names{a},
            $version));
        $got{$kind}{other} = reused(again($p, $names{b}, $names{b},
            $version));
        $got{$kind}{none} = reused(again($p, undef, $names{a}, $version))
            if $kind ne 'variable';
        $got{$kind}{unknown} = reused(again($p, 'c.example.com',
            'c.example.com', $version)) if $kind ne 'variable';

        begin($p, $names{a}, $version);
        copy('session.pem', "session-$kind-reload.pem");
        begin($p, $names{a}, $version);
        copy('session.pem', "session-$kind-renewal.pem");
    }

    my @old = $t->workers();
    $t->reload();
    ok($t->wait_for(sub {
        my %new = map { $_ => 1 } $t->workers();
        return %new && !grep { $new{$_} } @old;
    }), "$how $version: reloaded");

    for my $kind (sort keys %servers) {
        copy("session-$kind-reload.pem", 'session.pem');
        $got{$kind}{reload} = reused(again($port{$kind}, $names{a},
            $names{a}, $version));
    }

    # a renewal without a reload: nginx itself has it with variables only

    make('a', $arn{a});

    for my $kind ('acm', 'variable') {
        copy("session-$kind-renewal.pem", 'session.pem');
        $got{$kind}{renewal} = reused(again($port{$kind}, $names{a},
            $names{a}, $version));

        my $r = $t->handshake($port{$kind}, $names{a}, args => [$version]);
        is($t->serial($r->{pem}), $t->serial($t->read_file('a.crt')),
            "$how $version $kind: the new certificate");
    }

    is($got{acm}{same}, 1, "$how $version: resumed");
    is($got{acm}{reload}, 1, "$how $version: resumed after a reload");
    is($got{acm}{renewal}, 1, "$how $version: resumed after a renewal");

    is($got{acm}{$_}, $got{files}{$_}, "$how $version, $_: as with files")
        for 'same', 'other', 'none', 'unknown';
    is($got{acm}{$_}, $got{variable}{$_},
        "$how $version, $_: as with variables")
        for 'same', 'reload', 'renewal';

    return;
}

# whoever has what one server wants is not let in by another

sub name { return defined $_[0] ? "$_[0].example.com" : undef }

sub client {
    my ($policy) = @_;

    return $needs{$policy} ? ('-cert', "$dir/client-$needs{$policy}.crt",
        '-key', "$dir/client-$needs{$policy}.key") : ();
}

sub attack {
    my ($how, $version) = @_;

    for my $port (sort keys %default) {

        # each is resumed with its own

        for my $policy (@order) {
            begin($port, name($policy), $version, client($policy));

            my $said = name($policy) . ($needs{$policy} ? ' SUCCESS r'
                : ' NONE r');
            like(again($port, name($policy), name($policy), $version),
                qr/^$said$/m, "$how $version: $policy resumed at $port");
        }

        # and with nothing else

        for my $from (@order, 'unknown', undef) {
            my $policy = defined $from && exists $policy{$from} ? $from
                : $default{$port};

            begin($port, name($from), $version, client($policy));

            for my $to ('one', 'two', 'both') {
                next if $to eq $policy;

                unlike(again($port, name($to), name($to), $version),
                    qr/ SUCCESS/, "$how $version: " . ($from // 'no name')
                    . " at $port is no $to");
            }
        }
    }

    # the same default server at another address

    begin(8450, name('two'), $version, client('two'));

    unlike(again(8460, $_, name('one'), $version), qr/ SUCCESS/,
        "$how $version: another address, " . ($_ // 'no name'))
        for name('two'), name('one'), undef;

    return;
}

$t->finish();

done_testing();
