
/*
 * Copyright (C) The ngx_acm authors
 *
 * Which pages the index has is learned by a walk through it, as LMDB gives
 * out addresses in its map.  A round then asks the system about these pages
 * alone, which costs next to nothing as long as they are there, lets it read
 * what has gone, many at a time, and walks again, for the pages above them,
 * of which nobody tells.
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "acm_record.h"
#include "acm_resident.h"


#define ACM_RESIDENT_RUN     512     /* pages asked about at a time */
#define ACM_RESIDENT_TURN    32      /* entries between looks at the clock */
/* entries of material below one branch page, at least: two leaves of a page,
   and 32 pages, as keys are short */
#define ACM_RESIDENT_SPREAD  64


static acm_rc_t acm_resident_in(acm_resident_t *r, acm_snap_t *snap,
    int64_t now, acm_err_t *err);
static void acm_resident_forget(acm_resident_t *r);
static void acm_resident_begin(acm_resident_t *r);
static acm_rc_t acm_resident_records(acm_resident_t *r, acm_snap_t *snap,
    acm_err_t *err);
static acm_rc_t acm_resident_record(acm_resident_t *r, acm_snap_t *snap,
    const acm_name_rec_t *rec, acm_err_t *err);
static acm_rc_t acm_resident_sample(acm_resident_t *r, acm_snap_t *snap,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_resident_ask(const uintptr_t *at, size_t n, size_t page,
    uint8_t *in, acm_err_t *err);
static void acm_resident_touch(uintptr_t at);
static acm_rc_t acm_resident_index(acm_resident_t *r, acm_snap_t *snap,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_resident_run(acm_resident_t *r, size_t *reads,
    acm_err_t *err);
static void acm_resident_looked(acm_resident_t *r, acm_snap_t *snap,
    int64_t now);
static acm_rc_t acm_resident_names(acm_resident_t *r, acm_snap_t *snap,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_resident_walked(acm_resident_t *r, acm_snap_t *snap,
    int64_t now);
static acm_rc_t acm_resident_branches(acm_resident_t *r, acm_snap_t *snap);
static acm_rc_t acm_resident_file(acm_resident_t *r,
    const acm_store_map_t *map, acm_err_t *err);
static acm_rc_t acm_resident_window(int fd, uint64_t offset, size_t len,
    size_t page, uint64_t *octets, acm_err_t *err);
static uint64_t acm_resident_room(const acm_resident_t *r);
static acm_rc_t acm_pages_add(acm_pages_t *pages, uintptr_t at,
    acm_err_t *err);
static void acm_pages_sort(acm_pages_t *pages);
static int acm_pages_cmp(const void *one, const void *two);
static int64_t acm_resident_usec(void);
static uint64_t acm_resident_faults(void);


void
acm_resident_init(acm_resident_t *r, uint64_t limit, acm_resident_hot_pt hot,
    void *data)
{
    memset(r, 0, sizeof(acm_resident_t));

    r->limit = limit;
    r->hot = hot;
    r->data = data;
    r->sample = ACM_RESIDENT_SAMPLE;
    r->page = (size_t) sysconf(_SC_PAGESIZE);
}


void
acm_resident_done(acm_resident_t *r)
{
    acm_free(r->index.at);
    acm_free(r->records.at);
    acm_free(r->found.at);

    memset(r, 0, sizeof(acm_resident_t));
}


acm_rc_t
acm_resident_step(acm_resident_t *r, acm_store_t *store, int64_t now,
    int *more, acm_err_t *err)
{
    acm_rc_t     rc;
    uint64_t     faults;
    acm_snap_t  *snap;

    *more = 0;

    if (r->phase == ACM_RESIDENT_REST) {
        if (now < r->next && r->next - now <= ACM_RESIDENT_EVERY) {
            return ACM_OK;
        }

        acm_resident_begin(r);
        r->next = now + ACM_RESIDENT_EVERY;
    }

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    faults = acm_resident_faults();

    rc = acm_resident_in(r, snap, now, err);

    r->stat.reads += acm_resident_faults() - faults;

    acm_store_end(snap);

    if (rc != ACM_OK) {
        acm_resident_forget(r);
    }

    *more = (r->phase != ACM_RESIDENT_REST);

    return rc;
}


/* As long as there is a snapshot the map stays where it is. */

static acm_rc_t
acm_resident_in(acm_resident_t *r, acm_snap_t *snap, int64_t now,
    acm_err_t *err)
{
    acm_rc_t         rc;
    acm_store_map_t  map;

    rc = acm_store_map(snap, &map);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "this store is not mapped into memory");
    }

    if (map.maps != r->maps) {
        acm_resident_forget(r);
        acm_resident_begin(r);
        r->maps = map.maps;
    }

    switch (r->phase) {

    case ACM_RESIDENT_RECORDS:
        return acm_resident_records(r, snap, err);

    case ACM_RESIDENT_INDEX:
        return acm_resident_index(r, snap, now, err);

    case ACM_RESIDENT_NAMES:
        return acm_resident_names(r, snap, now, err);

    case ACM_RESIDENT_BRANCHES:
        return acm_resident_branches(r, snap);

    default:
        return acm_resident_file(r, &map, err);
    }
}


static void
acm_resident_forget(acm_resident_t *r)
{
    r->phase = ACM_RESIDENT_REST;
    r->index.n = 0;
    r->records.n = 0;
    r->found.n = 0;
    r->complete = 0;
}


static void
acm_resident_begin(acm_resident_t *r)
{
    r->phase = ACM_RESIDENT_RECORDS;
    r->i = 0;
    r->records.n = 0;
    r->present = 0;
    r->absent = 0;
    r->passes = 0;
    r->all = 0;
    r->gone = 0;
}


/* They are read as for a handshake. */

static acm_rc_t
acm_resident_records(acm_resident_t *r, acm_snap_t *snap, acm_err_t *err)
{
    int64_t      end;
    acm_rc_t     rc;
    acm_found_t  found;

    end = acm_resident_usec() + ACM_RESIDENT_SLICE;

    do {
        memset(&found, 0, sizeof(acm_found_t));

        rc = (r->hot != NULL) ? r->hot(r->data, snap, r->i, &found)
                              : ACM_BUSY;

        if (rc == ACM_BUSY) {
            acm_pages_sort(&r->records);
            r->phase = ACM_RESIDENT_INDEX;
            r->i = 0;
            return ACM_OK;
        }

        r->i++;

        if (rc == ACM_OK) {
            rc = acm_resident_record(r, snap, &found.ec, err);

            if (rc == ACM_OK) {
                rc = acm_resident_record(r, snap, &found.rsa, err);
            }

            if (rc != ACM_OK) {
                return rc;
            }
        }

    } while (acm_resident_usec() < end);

    return ACM_OK;
}


static acm_rc_t
acm_resident_record(acm_resident_t *r, acm_snap_t *snap,
    const acm_name_rec_t *rec, acm_err_t *err)
{
    size_t       len, n;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    uintptr_t    at;
    acm_entry_t  entry;

    if (rec->key == ACM_KEY_NONE) {
        return ACM_OK;
    }

    len = acm_material_key(key, rec->uuid, rec->version);

    /* its checksum reads all of it */

    if (len == 0
        || acm_store_get(snap, ACM_DB_MATERIAL, key, len, &entry) != ACM_OK)
    {
        return ACM_OK;
    }

    rc = ACM_OK;

    for (at = (uintptr_t) entry.data & ~(uintptr_t) (r->page - 1);
         at < (uintptr_t) entry.data + entry.len && rc == ACM_OK;
         at += r->page)
    {
        if (r->records.n >= ACM_RESIDENT_HOT
            || r->records.n >= r->limit / r->page)
        {
            /* names may have a certificate in common */

            n = r->records.n;
            acm_pages_sort(&r->records);

            if (r->records.n == n) {
                break;
            }
        }

        rc = acm_pages_add(&r->records, at, err);
    }

    return rc;
}


/* Memory that is needed for something else goes in more than one place. */

static acm_rc_t
acm_resident_sample(acm_resident_t *r, acm_snap_t *snap, int64_t now,
    acm_err_t *err)
{
    size_t    n;
    uint8_t   in;
    acm_rc_t  rc;

    if (r->i == 0) {
        r->i = r->turn++ % ACM_RESIDENT_EACH;
    }

    for (n = 0; r->i < r->index.n; r->i += ACM_RESIDENT_EACH) {

        if (n++ == ACM_RESIDENT_LOOK) {
            return ACM_OK;
        }

        rc = acm_resident_ask(&r->index.at[r->i], 1, r->page, &in, err);

        if (rc != ACM_OK) {
            return rc;
        }

        if (!(in & 1)) {
            r->all = 1;
            r->i = 0;
            return ACM_OK;
        }

        acm_resident_touch(r->index.at[r->i]);
    }

    r->present = r->index.n;
    acm_resident_looked(r, snap, now);

    return ACM_OK;
}


static acm_rc_t
acm_resident_ask(const uintptr_t *at, size_t n, size_t page, uint8_t *in,
    acm_err_t *err)
{
    if (mincore((void *) at[0], n * page, in) != 0) {
        return acm_fail(err, ACM_ERROR, "mincore() of the store failed: "
                        "errno %d", errno);
    }

    return ACM_OK;
}


static void
acm_resident_touch(uintptr_t at)
{
    (void) *(const volatile uint8_t *) at;
}


/* What of the index is there is touched; what is not the system reads by
   itself, until it is looked at again. */

static acm_rc_t
acm_resident_index(acm_resident_t *r, acm_snap_t *snap, int64_t now,
    acm_err_t *err)
{
    size_t    begin, reads;
    acm_rc_t  rc;

    if (r->index.n > r->sample && !r->all) {
        return acm_resident_sample(r, snap, now, err);
    }

    rc = ACM_OK;
    reads = 0;

    for (begin = r->i;
         r->i < r->index.n && r->i - begin < ACM_RESIDENT_LOOK
         && reads < ACM_RESIDENT_READ && rc == ACM_OK;
         /* void */)
    {
        rc = acm_resident_run(r, &reads, err);
    }

    if (rc != ACM_OK || r->i < r->index.n) {
        return rc;
    }

    r->gone |= (r->absent != 0);

    if (r->absent != 0 && ++r->passes < ACM_RESIDENT_PASSES) {
        r->i = 0;
        r->present = 0;
        r->absent = 0;
        return ACM_OK;
    }

    acm_resident_looked(r, snap, now);

    return ACM_OK;
}


/* Neighbours. */

static acm_rc_t
acm_resident_run(acm_resident_t *r, size_t *reads, acm_err_t *err)
{
    size_t      i, n, from;
    uint8_t     in[ACM_RESIDENT_RUN];
    acm_rc_t    rc;
    uintptr_t  *at;

    at = &r->index.at[r->i];

    for (n = 1;
         n < ACM_RESIDENT_RUN && r->i + n < r->index.n
         && at[n] == at[0] + n * r->page;
         n++)
    {
        /* void */
    }

    rc = acm_resident_ask(at, n, r->page, in, err);

    if (rc != ACM_OK) {
        return rc;
    }

    for (i = 0; i < n && *reads < ACM_RESIDENT_READ; /* void */) {

        if (in[i] & 1) {
            acm_resident_touch(at[i]);
            r->present++;
            i++;
            continue;
        }

        from = i;

        while (i < n && !(in[i] & 1) && *reads < ACM_RESIDENT_READ) {
            (*reads)++;
            i++;
        }

        /* advice: a system that does not take it waits when it is touched */

        (void) madvise((void *) at[from], (i - from) * r->page,
                       MADV_WILLNEED);

        r->absent += i - from;

        if (r->passes == 0) {
            r->stat.reads += i - from;
        }
    }

    r->i += i;

    return ACM_OK;
}


static void
acm_resident_looked(acm_resident_t *r, acm_snap_t *snap, int64_t now)
{
    r->stat.kept = (r->present + r->records.n) * r->page;
    r->stat.wanted = (r->nindex + r->records.n) * r->page;

    r->phase = ACM_RESIDENT_COUNT;
    r->i = 0;

    if (!r->complete || r->gone
        || (acm_snap_generation(snap) != r->generation
            && now - r->walked >= ACM_RESIDENT_WALK))
    {
        r->phase = ACM_RESIDENT_NAMES;
        r->key_len = 0;
        r->found.n = 0;
        r->nfound = 0;
        r->last = 0;
    }
}


static acm_rc_t
acm_resident_names(acm_resident_t *r, acm_snap_t *snap, int64_t now,
    acm_err_t *err)
{
    size_t       n;
    int64_t      end;
    acm_rc_t     rc;
    uintptr_t    at;
    acm_entry_t  entry;

    n = 0;
    end = acm_resident_usec() + ACM_RESIDENT_SLICE;

    for (rc = acm_store_seek(snap, ACM_DB_NAME, r->key, r->key_len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_NAME, &entry))
    {
        at = (uintptr_t) entry.key & ~(uintptr_t) (r->page - 1);

        if (at != r->last) {
            r->last = at;
            r->nfound++;

            if (r->found.n < acm_resident_room(r)
                && acm_pages_add(&r->found, at, err) != ACM_OK)
            {
                return ACM_NOMEM;
            }
        }

        if (++n % ACM_RESIDENT_TURN == 0 && acm_resident_usec() >= end) {
            memcpy(r->key, entry.key, entry.key_len);
            r->key_len = entry.key_len;
            return ACM_OK;
        }
    }

    if (rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "the index of names cannot be read");
    }

    return acm_resident_walked(r, snap, now);
}


static acm_rc_t
acm_resident_walked(acm_resident_t *r, acm_snap_t *snap, int64_t now)
{
    acm_pages_t  old;

    acm_pages_sort(&r->found);

    old = r->index;
    r->index = r->found;
    r->found = old;

    r->nindex = r->nfound;
    r->complete = 1;
    r->walked = now;
    r->generation = acm_snap_generation(snap);

    r->stat.kept = (r->index.n + r->records.n) * r->page;
    r->stat.wanted = (r->nindex + r->records.n) * r->page;

    r->phase = ACM_RESIDENT_BRANCHES;
    r->i = 0;

    return ACM_OK;
}


/*
 * The pages above material, of which a lookup reads one at each level: a few
 * records are looked up that are far enough apart, which is known, since
 * their keys are random.
 */

static acm_rc_t
acm_resident_branches(acm_resident_t *r, acm_snap_t *snap)
{
    char         key[9];
    int64_t      end;
    uint64_t     n;
    acm_entry_t  entry;

    if (acm_store_entries(snap, ACM_DB_MATERIAL, &n) != ACM_OK) {
        n = 0;
    }

    n /= ACM_RESIDENT_SPREAD;
    end = acm_resident_usec() + ACM_RESIDENT_SLICE;

    while (r->i < n) {
        (void) snprintf(key, sizeof(key), "%08llx",
                        (unsigned long long) (r->i * (1ULL << 32) / n));

        /* one that is damaged is read all the same */

        (void) acm_store_seek(snap, ACM_DB_MATERIAL, key, 8, &entry);
        r->i++;

        if (acm_resident_usec() >= end) {
            return ACM_OK;
        }
    }

    r->phase = ACM_RESIDENT_COUNT;
    r->i = 0;

    return ACM_OK;
}


/* A part of the file in each round; r->i counts its pages. */

static acm_rc_t
acm_resident_file(acm_resident_t *r, const acm_store_map_t *map,
    acm_err_t *err)
{
    size_t    n;
    acm_rc_t  rc;
    uint64_t  left;

    if (r->offset >= map->size) {
        r->offset = 0;
    }

    if (r->offset == 0) {
        r->counted = 0;
    }

    left = (map->size - r->offset + r->page - 1) / r->page;
    n = (left < ACM_RESIDENT_LOOK) ? (size_t) left : ACM_RESIDENT_LOOK;

    rc = acm_resident_window(map->fd, r->offset, n * r->page, r->page,
                             &r->counted, err);

    if (rc != ACM_OK) {
        return rc;
    }

    r->offset += n * r->page;
    r->i += n;

    if (r->offset >= map->size) {
        r->stat.store = map->size;
        r->stat.resident = r->counted;
        r->offset = 0;
    }

    /* the first time all of it, as there is nothing to be told before */

    if (r->offset == 0
        || (r->i >= ACM_RESIDENT_ROUND && r->stat.store != 0))
    {
        r->stat.rounds++;
        r->phase = ACM_RESIDENT_REST;
    }

    return ACM_OK;
}


static acm_rc_t
acm_resident_window(int fd, uint64_t offset, size_t len, size_t page,
    uint64_t *octets, acm_err_t *err)
{
    int       failed;
    void     *map;
    size_t    i;
    uint8_t   in[ACM_RESIDENT_LOOK];

    map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, (off_t) offset);

    if (map == MAP_FAILED) {
        return acm_fail(err, ACM_NOMEM, "mmap() of the store failed: errno "
                        "%d", errno);
    }

    failed = mincore(map, len, in) ? errno : 0;

    for (i = 0; failed == 0 && i < len / page; i++) {
        *octets += (in[i] & 1) ? page : 0;
    }

    (void) munmap(map, len);

    return (failed == 0)
           ? ACM_OK : acm_fail(err, ACM_ERROR, "mincore() of the store "
                               "failed: errno %d", failed);
}


acm_rc_t
acm_resident_count(acm_store_t *store, uint64_t *octets, acm_err_t *err)
{
    size_t            n, page;
    acm_rc_t          rc;
    uint64_t          offset, left;
    acm_snap_t       *snap;
    acm_store_map_t   map;

    *octets = 0;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    page = (size_t) sysconf(_SC_PAGESIZE);
    rc = acm_store_map(snap, &map);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "this store is not mapped into memory");
    }

    for (offset = 0; rc == ACM_OK && offset < map.size; offset += n * page) {
        left = (map.size - offset + page - 1) / page;
        n = (left < ACM_RESIDENT_LOOK) ? (size_t) left : ACM_RESIDENT_LOOK;

        rc = acm_resident_window(map.fd, offset, n * page, page, octets,
                                 err);
    }

    acm_store_end(snap);

    return rc;
}


/* Pages of the index: what the records leave. */

static uint64_t
acm_resident_room(const acm_resident_t *r)
{
    return r->limit / r->page - r->records.n;
}


static acm_rc_t
acm_pages_add(acm_pages_t *pages, uintptr_t at, acm_err_t *err)
{
    size_t      size;
    uintptr_t  *more;

    if (pages->n == pages->size) {
        size = pages->size ? pages->size * 2 : 64;
        more = acm_realloc(pages->at, size * sizeof(uintptr_t));

        if (more == NULL) {
            return acm_fail(err, ACM_NOMEM, "no memory for a list of pages");
        }

        pages->at = more;
        pages->size = size;
    }

    pages->at[pages->n++] = at;

    return ACM_OK;
}


/* Each once. */

static void
acm_pages_sort(acm_pages_t *pages)
{
    size_t  i, n;

    if (pages->n == 0) {
        return;
    }

    qsort(pages->at, pages->n, sizeof(uintptr_t), acm_pages_cmp);

    for (i = 1, n = 1; i < pages->n; i++) {
        if (pages->at[i] != pages->at[n - 1]) {
            pages->at[n++] = pages->at[i];
        }
    }

    pages->n = n;
}


static int
acm_pages_cmp(const void *one, const void *two)
{
    uintptr_t  a, b;

    a = *(const uintptr_t *) one;
    b = *(const uintptr_t *) two;

    return (a > b) - (a < b);
}


static int64_t
acm_resident_usec(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* How often this thread has waited for the disk. */

static uint64_t
acm_resident_faults(void)
{
    struct rusage  usage;

    return (getrusage(RUSAGE_THREAD, &usage) == 0)
           ? (uint64_t) usage.ru_majflt : 0;
}
