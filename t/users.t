#!/usr/bin/perl

# Copyright (C) The ngx_acm authors

# acmctl user: who has a key, and what becomes of the file.

use warnings;
use strict;

use Fcntl qw/ :flock :mode /;
use JSON::PP;
use POSIX ();
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::Nginx::ACM;

my $t = Test::Nginx::ACM->new();
my $dir = "$t->{dir}/conf";
my $file = "$dir/users.json";

mkdir($dir);

my ($rc, $out);

sub user {
    ($rc, $out) = $t->acmctl('user', @_, '--file', $file);
    return $rc;
}

sub text {
    open(my $fh, '<', $file) or return '';
    local $/;
    return scalar(<$fh>);
}

sub users { return decode_json(text()) }

sub mode { return sprintf('%03o', S_IMODE((stat($file))[2])) }

sub put {
    my ($text, $mode) = @_;
    unlink($file);
    open(my $fh, '>', $file) or die "$file: $!";
    print $fh $text;
    close($fh);
    chmod($mode, $file);
    return;
}

# the only file here is the one of users, whatever happens

sub alone {
    my ($name) = @_;
    opendir(my $dh, $dir);
    is_deeply([ sort grep { !/^\.\.?$/ } readdir($dh) ], [ 'users.json' ],
        "$name: nothing is left beside it");
    return;
}

# nothing there

is(user('list'), 1, 'no file: list');
like($out, qr/users\.json": no such file/, 'no file: said so');
is(user('key', 'add', 'ci'), 1, 'no file: no user');
like($out, qr/no user "ci" in account 123456789012; "acmctl user add"/,
    'no file: says what to do');
ok(!-e $file, 'no file: none was made');

# the first user

is(user('add', 'ci', '--policy', 'AWSCertificateManagerReadOnly'), 0,
    'add') or diag($out);

my ($id, $secret) = $out =~ /^\[ci\]\n
    aws_access_key_id\ =\ (AKIA[A-Z2-7]{16})\n
    aws_secret_access_key\ =\ ([A-Za-z0-9\/+]{40})\n/xm;

ok(defined $secret, 'add: key as in a credentials file') or diag($out);
is(mode(), '600', 'add: only its owner reads the file');
alone('add');

my $u = users()->{Accounts}[0];

is($u->{AccountId}, '123456789012', 'account');
is($u->{Users}[0]{UserName}, 'ci', 'name');
like($u->{Users}[0]{UserId}, qr/^AIDA[A-Z2-7]{16}$/, 'id');
is_deeply($u->{Users}[0]{AttachedManagedPolicies},
    [ 'AWSCertificateManagerReadOnly' ], 'policy');
is($u->{Users}[0]{AccessKeys}[0]{AccessKeyId}, $id, 'key id');
is($u->{Users}[0]{AccessKeys}[0]{SecretAccessKey}, $secret, 'secret');
is($u->{Users}[0]{AccessKeys}[0]{Status}, 'Active', 'status');

is(user('list'), 0, 'list');
is($out, "arn:aws:iam::123456789012:user/ci  $id  Active\n", 'list: a line');
is(user('list', '--json'), 0, 'list --json');
unlike($out, qr/\Q$secret\E|SecretAccessKey/, 'list --json: no secret');
is(decode_json($out)->{Accounts}[0]{Users}[0]{AccessKeys}[0]{AccessKeyId},
    $id, 'list --json: the rest');

# what is refused changes nothing

my $before = text();

sub refused {
    my ($name, $like, @args) = @_;
    isnt(user(@args), 0, "$name: refused");
    like($out, $like, "$name: says why");
    is(text(), $before, "$name: nothing was changed");
    alone($name);
    return;
}

refused('same name', qr/a user "CI" already; "acmctl user key add"/, 'add',
    'CI');
refused('unknown policy', qr/nothing was changed: .*no policy "nope"/, 'add',
    'x', '--policy', 'nope');
refused('unknown group', qr/no group "nope"/, 'add', 'x', '--group', 'nope');
refused('bad name', qr/UserName must be/, 'add', 'a b');
refused('unknown key', qr/no key "AKIAX"/, 'key', 'disable', 'AKIAX');
refused('unknown user', qr/no user "bob"/, 'key', 'add', 'bob');
refused('usage', qr/wrong arguments/, 'key', 'renew', $id);
refused('usage: key with a policy', qr/wrong arguments/, 'key', 'add', 'ci',
    '--policy', 'x');
refused('usage: nothing', qr/wrong arguments/);

# keys

is(user('key', 'add', 'ci'), 0, 'second key');
my ($id2) = $out =~ /(AKIA\w+)/;
isnt($id2, $id, 'second key: another one');
is(user('key', 'disable', $id), 0, 'disable');
is(user('list'), 0, 'list');
like($out, qr/$id  Inactive\n.*$id2  Active\n/, 'disabled');
is(user('key', 'enable', $id), 0, 'enable');
user('list');
like($out, qr/$id  Active\n/, 'enabled');
is(user('key', 'delete', $id), 0, 'delete');
user('list');
unlike($out, qr/$id /, 'deleted');
unlike(text(), qr/\Q$secret\E/, 'deleted: its secret, too');
user('key', 'delete', $id2);
user('list');
is($out, "arn:aws:iam::123456789012:user/ci  -\n", 'a user without a key');

# mode, order and what is beside users stay

put('{"Comment":"mine","Accounts":[{"AccountId":"123456789012","Groups":'
    . '[{"GroupName":"ops"}],"Roles":[{"RoleName":"r","Sessions":['
    . '{"RoleSessionName":"s","AccessKeyId":"ASIAAAAAAAAAAAAAAAAA",'
    . '"SecretAccessKey":"0123456789abcdef","SessionToken":"t",'
    . '"Expiration":"2030-01-01T00:00:00Z"}]}]}]}', 0640);

is(user('add', 'alice', '--group', 'ops'), 0, 'add beside others')
    or diag($out);
is(mode(), '640', 'the mode stays');
like(text(), qr/"Comment".*"Groups".*"Roles".*"Users"/s, 'the order stays');
is(users()->{Accounts}[0]{Users}[0]{GroupList}[0], 'ops', 'group');
user('list');
like($out, qr{:role/r  ASIAAAAAAAAAAAAAAAAA  Active  until 2030}, 'a role');
is(user('key', 'delete', 'ASIAAAAAAAAAAAAAAAAA'), 0, 'key of a role');

($rc, $out) = $t->acmctl('--account', '999999999999', 'user', 'add', 'alice',
    '--file', $file);
is($rc, 0, 'the same name in another account') or diag($out);
is(scalar(@{users()->{Accounts}}), 2, 'another account');

# a link stays a link

symlink($file, "$t->{dir}/link.json");
($rc, $out) = $t->acmctl('user', 'key', 'add', 'alice', '--file',
    "$t->{dir}/link.json");
is($rc, 0, 'by a link') or diag($out);
ok(-l "$t->{dir}/link.json", 'the link stays');
alone('link');

# files that nginx would refuse

for my $bad ([ 'mode', '{}', 0644, qr/mode 644 lets others at it/ ],
    [ 'no JSON', '{', 0600, qr/no valid JSON at line 1/ ],
    [ 'no users', '{"users":[]}', 0600, qr/unknown member "users"/ ])
{
    my ($name, $text, $mode, $like) = @$bad;
    put($text, $mode);

    for my $args ([ 'list' ], [ 'add', 'x' ]) {
        is(user(@$args), 1, "$name: $args->[0]");
        like($out, $like, "$name: $args->[0]: says why");
    }

    is(text(), $text, "$name: nothing was changed");
    alone($name);
}

# many at once: none is lost

put('{}', 0600);
my @pids;

for my $n (1 .. 8) {
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my ($r) = $t->acmctl('user', 'add', "u$n", '--file', $file);
        POSIX::_exit($r);
    }

    push @pids, $pid;
}

my $bad = grep { waitpid($_, 0); $? } @pids;

is($bad, 0, 'eight at once');
is(scalar(@{users()->{Accounts}[0]{Users}}), 8, 'eight users');
alone('eight at once');

done_testing();
