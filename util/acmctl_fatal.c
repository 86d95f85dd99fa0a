
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl: the end of a process that a damaged store has brought down.  LMDB
 * follows what is on a page wherever it leads, or gives up with abort().
 */


#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "acmctl.h"


static void acmctl_fatal_handler(int signo);


void
acmctl_fatal(void)
{
    size_t             i;
    struct sigaction   sa;

    static const int  signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE };

    memset(&sa, 0, sizeof(struct sigaction));
    sa.sa_handler = acmctl_fatal_handler;
    sa.sa_flags = (int) SA_RESETHAND;

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void) sigaction(signals[i], &sa, NULL);
    }
}


/* Nothing that is in memory may be relied on. */

static void
acmctl_fatal_handler(int signo)
{
    static const char  text[] =
        "acmctl: the store cannot be read to its end: a page of it is damaged "
        "(or acmctl has a fault); stop nginx and restore it from a backup\n";

    (void) signo;
    (void) !write(STDERR_FILENO, text, sizeof(text) - 1);

    _exit(ACMCTL_FAULT);
}
