
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl stat and compact: what takes how much room in the store.
 */


#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../shared/acm_resident.h"
#include "acmctl.h"


static void acmctl_stat_print(const acm_store_stat_t *stat,
    uint64_t resident);
static int acmctl_stat_json(const acm_store_stat_t *stat, uint64_t resident);
static uint64_t acmctl_stat_each(uint64_t octets, uint64_t n);


int
acmctl_stat(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "json", no_argument, NULL, 'j' },
        { NULL, 0, NULL, 0 }
    };

    int                ch;
    uint64_t           resident;
    acm_err_t          err;
    acm_store_stat_t   stat;

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (ch != 'j') {
            return ACMCTL_USAGE;
        }

        ctl->json = 1;
    }

    if (optind != argc) {
        return ACMCTL_USAGE;
    }

    if (acmctl_open(ctl, 0, 0) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    if (acm_store_stat(ctl->store, &stat, &err) != ACM_OK
        || acm_resident_count(ctl->store, &resident, &err) != ACM_OK)
    {
        return acmctl_fail("%s", err.text);
    }

    if (ctl->json) {
        return acmctl_stat_json(&stat, resident);
    }

    acmctl_stat_print(&stat, resident);

    return ACMCTL_OK;
}


/* As the owner of the store, as ever: acmctl_open() sees to that. */

int
acmctl_compact(acmctl_t *ctl, int argc, char **argv)
{
    uint64_t   before, after;
    acm_err_t  err;

    (void) argv;

    if (argc != 1) {
        return ACMCTL_USAGE;
    }

    if (acmctl_open(ctl, 0, 0) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    acm_store_close(ctl->store);
    ctl->store = NULL;

    if (acm_store_compact(ctl->store_path, &before, &after, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    printf("%llu octets before, %llu now\n", (unsigned long long) before,
           (unsigned long long) after);

    return ACMCTL_OK;
}


static void
acmctl_stat_print(const acm_store_stat_t *stat, uint64_t resident)
{
    uint64_t  certs;
    unsigned  db;

    certs = stat->entries[ACM_DB_CERTIFICATE];

    printf("%-12s %12s %14s %10s\n", "map", "entries", "octets",
           "of each");

    for (db = 0; db < ACM_DB_MAX; db++) {
        if (stat->entries[db] != 0) {
            printf("%-12s %12llu %14llu %10llu\n",
                   acm_db_name((acm_db_e) db),
                   (unsigned long long) stat->entries[db],
                   (unsigned long long) stat->octets[db],
                   (unsigned long long) acmctl_stat_each(stat->octets[db],
                                                         stat->entries[db]));
        }
    }

    printf("%-12s %12llu %14llu %10llu\n", "all", (unsigned long long) certs,
           (unsigned long long) stat->used,
           (unsigned long long) acmctl_stat_each(stat->used, certs));
    printf("%-12s %12s %14llu\n", "free", "",
           (unsigned long long) (stat->size - stat->used));
    printf("%-12s %12s %14llu\n", "in memory", "",
           (unsigned long long) resident);
    printf("%-12s %12s %14llu\n", "limit", "",
           (unsigned long long) stat->map_size);
    printf("%u of %u readers, generation %llu\n", stat->readers,
           stat->max_readers, (unsigned long long) stat->generation);

    if (stat->lag_pid != 0) {
        printf("the oldest snapshot, of process %lld, is %llu generations "
               "old: the pages that they gave up are not free yet\n",
               (long long) stat->lag_pid, (unsigned long long) stat->lag);
    }
}


static int
acmctl_stat_json(const acm_store_stat_t *stat, uint64_t resident)
{
    int        rc;
    json_t    *root, *maps;
    unsigned   db;

    root = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:{}}",
                     "Size", (json_int_t) stat->size,
                     "Used", (json_int_t) stat->used,
                     "Resident", (json_int_t) resident,
                     "Limit", (json_int_t) stat->map_size,
                     "Readers", (json_int_t) stat->readers,
                     "Generation", (json_int_t) stat->generation,
                     "OldestSnapshotLag", (json_int_t) stat->lag,
                     "OldestSnapshotPid", (json_int_t) stat->lag_pid,
                     "Maps");
    maps = json_object_get(root, "Maps");

    for (db = 0; db < ACM_DB_MAX; db++) {
        (void) json_object_set_new(maps, acm_db_name((acm_db_e) db),
                                   json_pack("{s:I, s:I}",
                                             "Entries", (json_int_t)
                                             stat->entries[db],
                                             "Octets", (json_int_t)
                                             stat->octets[db]));
    }

    rc = (root != NULL
          && json_dumpf(root, stdout, JSON_INDENT(2)) == 0) ? ACMCTL_OK
         : acmctl_fail("no memory");
    putchar('\n');

    json_decref(root);

    return rc;
}


static uint64_t
acmctl_stat_each(uint64_t octets, uint64_t n)
{
    return (n == 0) ? 0 : (octets + n / 2) / n;
}
