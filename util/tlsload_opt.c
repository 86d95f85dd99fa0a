
/*
 * Copyright (C) The ngx_acm authors
 *
 * Options.
 */


#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tlsload.h"


tlsload_opt_t  tlsload_opt = {
    .names = 1, .stride = 1, .format = "name%d.example.test", .seconds = 5,
    .warmup = 1, .conns = 16, .threads = 1, .seed = 1
};


static void
tlsload_usage(FILE *f)
{
    fputs(
"usage: tlsload [options] HOST:PORT\n"
"\n"
"Closed-loop TLS handshake load, one handshake per connection.  Prints one\n"
"line of key=value pairs.  Exit status 1 if there was any error or any\n"
"certificate for another name, else 0.\n"
"\n"
"  names\n"
"    -n N       number of server names (default 1)\n"
"    -f FORMAT  printf format of a name, with one %d (name%d.example.test)\n"
"    -o N       number of the first name (default 0)\n"
"    -z S       draw names from a Zipf law with exponent S (default: uniform)\n"
"    -P         names of neighbouring ranks are far from each other\n"
"    -S         take the names in turn, not at random\n"
"    -s SEED    seed for the random draws (default 1)\n"
"    -k         do not check that the certificate is for the name\n"
"  load\n"
"    -c N       connections per thread (default 16)\n"
"    -t N       threads (default 1)\n"
"    -d SEC     seconds to measure (default 5)\n"
"    -w SEC     seconds of warm-up, not counted (default 1)\n"
"    -m N       stop after N counted handshakes\n"
"    -r N       at most N handshakes a second, evenly spread (default: all\n"
"               that the server answers)\n"
"    -u N       resume N times after each full handshake (default 0)\n"
"  TLS\n"
"    -2         TLS 1.2 (default: TLS 1.3)\n"
"    -g GROUPS  key exchange groups, as SSL_CTX_set1_groups_list() takes them\n"
"    -a ALGS    signature algorithms, as SSL_CTX_set1_sigalgs_list() does\n"
"    -x         do not verify ECDSA signatures of the server: a cheaper\n"
"               client, so that one core of client can saturate one core\n"
"               of server\n"
"    -C FILE    verify chain and validity against the roots in FILE\n"
"               (default: neither is verified)\n"
"  results\n"
"    -p PID,... processes of the server: prints their CPU time as well\n"
"    -l FILE    a line for each: seconds of the monotonic clock, latency in\n"
"               microseconds; or \"-\" and an error\n"
"\n"
"Latency runs from connect() to the end of the client's handshake, with all\n"
"-c x -t connections under way; use -c 1 for the latency of an idle server.\n",
        f);
}


/* a whole number of at least min */

static long
tlsload_number(const char *s, long min)
{
    char  *end;
    long   n;

    errno = 0;
    n = strtol(s, &end, 10);

    if (errno || end == s || *end != '\0' || n < min) {
        tlsload_die("a number is out of range, see -h");
    }

    return n;
}


static void
tlsload_pids(char *s)
{
    char  *comma;

    for ( ;; ) {
        comma = strchr(s, ',');

        if (comma) {
            *comma++ = '\0';
        }

        if (tlsload_opt.npids == TLSLOAD_MAX_PIDS) {
            tlsload_die("too many -p");
        }

        tlsload_opt.pids[tlsload_opt.npids++] = (int) tlsload_number(s, 1);

        if (comma == NULL) {
            return;
        }

        s = comma;
    }
}


/* exactly one conversion, and that a plain or zero-padded %d */

static int
tlsload_format_ok(const char *f)
{
    const char  *p;

    p = strchr(f, '%');

    if (p == NULL || strchr(p + 1, '%') || strlen(f) > 200) {
        return 0;
    }

    p++;
    p += strspn(p, "0123456789");

    return *p == 'd';
}


static void
tlsload_resolve(char *hostport)
{
    char             *port;
    struct addrinfo   hints = { .ai_socktype = SOCK_STREAM }, *res;

    port = strrchr(hostport, ':');

    if (port == NULL) {
        tlsload_die("HOST:PORT expected");
    }

    *port++ = '\0';

    if (hostport[0] == '[') {
        hostport++;
        hostport[strcspn(hostport, "]")] = '\0';
    }

    if (getaddrinfo(hostport, port, &hints, &res)) {
        tlsload_die("cannot resolve the host");
    }

    memcpy(&tlsload_opt.addr, res->ai_addr, res->ai_addrlen);
    tlsload_opt.addrlen = res->ai_addrlen;
    freeaddrinfo(res);
}


static void
tlsload_option(int ch)
{
    tlsload_opt_t  *o;

    o = &tlsload_opt;

    switch (ch) {
    case 'n': o->names = tlsload_number(optarg, 1); break;
    case 'f': o->format = optarg; break;
    case 'o': o->offset = tlsload_number(optarg, 0); break;
    case 'z': o->zipf = strtod(optarg, NULL); break;
    case 'P': o->stride = 0; break;
    case 'S': o->sequential = 1; break;
    case 's': o->seed = strtoull(optarg, NULL, 10); break;
    case 'k': o->no_check = 1; break;
    case 'c': o->conns = (int) tlsload_number(optarg, 1); break;
    case 't': o->threads = (int) tlsload_number(optarg, 1); break;
    case 'd': o->seconds = strtod(optarg, NULL); break;
    case 'w': o->warmup = strtod(optarg, NULL); break;
    case 'm': o->max = strtoull(optarg, NULL, 10); break;
    case 'r': o->rate = strtod(optarg, NULL); break;
    case 'u': o->resume = (int) tlsload_number(optarg, 0); break;
    case '2': o->tls12 = 1; break;
    case 'g': o->groups = optarg; break;
    case 'a': o->sigalgs = optarg; break;
    case 'x': o->no_verify = 1; break;
    case 'C': o->roots = optarg; break;
    case 'p': tlsload_pids(optarg); break;
    case 'l':
        o->log = fopen(optarg, "w");

        if (o->log == NULL) {
            tlsload_die("cannot write the file of -l");
        }

        break;

    case 'h': tlsload_usage(stdout); exit(0);
    default:  tlsload_usage(stderr); exit(2);
    }
}


void
tlsload_options(int argc, char **argv)
{
    int  ch;

    static const char  letters[] = "n:f:o:z:PSs:kc:t:d:w:m:r:u:2g:a:xC:p:l:h";

    while ((ch = getopt(argc, argv, letters)) != -1) {
        tlsload_option(ch);
    }

    if (optind != argc - 1 || tlsload_opt.seconds <= 0
        || tlsload_opt.warmup < 0 || !tlsload_format_ok(tlsload_opt.format))
    {
        tlsload_usage(stderr);
        exit(2);
    }

    tlsload_resolve(argv[optind]);
    tlsload_name_init();
}
