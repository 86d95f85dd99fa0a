package Test::Nginx::Clock;

# Copyright (C) The ngx_acm authors

# A clock that a test sets, for nginx and for what is beside it, with Debian's
# libfaketime:
#
#   plan(skip_all => 'no libfaketime') unless Test::Nginx::Clock->available();
#
#   my $clock = Test::Nginx::Clock->new();
#   my $t = Test::Nginx::ACM->new()->environment($clock->environment());
#   my $ca = Test::Nginx::FakeCA->new(env => { $clock->environment() });
#
#   $clock->set($clock->now() + 86400);
#
# Between two settings it goes on as the real one does.  Only the time of day
# is false: timers, and the times of files, are real.

use warnings;
use strict;

use File::Temp;
use Time::HiRes qw/ time /;

my ($lib) = glob('/usr/lib/*/faketime/libfaketime.so.1');


# What sanitizers preload does not go together with it.

sub available { return $lib && !$ENV{TEST_NGINX_PRELOAD} }


sub new {
    my ($class) = @_;

    my $self = bless { offset => 0,
        dir => File::Temp->newdir('ngx-clock-XXXXXX', TMPDIR => 1) }, $class;

    chmod(0755, "$self->{dir}");

    return $self->write();
}


sub environment {
    my ($self) = @_;

    return (LD_PRELOAD => $lib, FAKETIME_TIMESTAMP_FILE => $self->file(),
        FAKETIME_NO_CACHE => 1, FAKETIME_DONT_FAKE_MONOTONIC => 1,
        DONT_FAKE_MONOTONIC => 1, NO_FAKE_STAT => 1);
}


sub file { return "$_[0]->{dir}/clock" }
sub now { return time() + $_[0]->{offset} }


sub set {
    my ($self, $at) = @_;

    $self->{offset} = $at - time();

    return $self->write();
}


# At once for all who read it.

sub write {
    my ($self) = @_;

    my $file = $self->file();

    open(my $fh, '>', "$file.new") or die "$file: $!";
    printf $fh "%+.3f\n", $self->{offset};
    close($fh) or die "$file: $!";
    rename("$file.new", $file) or die "$file: $!";

    return $self;
}


1;
