
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl import --bulk: by the first octet, a line of JSON, or files in a
 * directory, with lines of "%%" between.  Files give lines that can be read,
 * and what is told of a line may be shown in a terminal.
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../util/acmctl_bulk.h"


#define FUZZ_FILES  3


int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char *const  fuzz_files[][FUZZ_FILES] = {
    { "a.pem", NULL, NULL },
    { "a.key", "a.crt", "a.issuer.crt" },
    { "privkey.pem", "cert.pem", "chain.pem" },
    { "a.key", "a.cer", "ca.cer" },
    { "privkey.pem", "fullchain.pem", "a.pem" }
};

#define FUZZ_NSETS  (sizeof(fuzz_files) / sizeof(fuzz_files[0]))


static char             fuzz_dir[256];
static acm_x509_seen_t  fuzz_seen;       /* as from one line to the next */


static void
fuzz_that(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}


static void
fuzz_text(const char *s)
{
    for ( /* void */ ; *s != '\0'; s++) {
        fuzz_that(*s >= ' ' && *s < 0x7f);
    }
}


/* These two are those of acmctl, but one says nothing, and the other takes no
   2 MB for each file. */

int
acmctl_fail(const char *fmt, ...)
{
    char     text[2 * ACM_MAX_ERROR];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    fuzz_text(text);

    return ACMCTL_FAULT;
}


int
acmctl_read_found(const char *path, acm_str_t *data)
{
    long   len;
    FILE  *f;

    data->data = NULL;
    data->len = 0;

    f = fopen(path, "re");

    if (f == NULL) {
        return ACMCTL_NONE;
    }

    fuzz_that(fseek(f, 0, SEEK_END) == 0);
    len = ftell(f);
    fuzz_that(len >= 0);
    rewind(f);

    data->len = (size_t) len;
    data->data = acm_alloc(data->len + 1);
    fuzz_that(data->data != NULL
              && fread(data->data, 1, data->len, f) == data->len);
    fclose(f);

    return ACMCTL_OK;
}


static void
fuzz_done(void)
{
    acm_x509_seen_free(&fuzz_seen);
    (void) rmdir(fuzz_dir);
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char  *tmp;

    (void) argc;
    (void) argv;

    tmp = getenv("TMPDIR");
    snprintf(fuzz_dir, sizeof(fuzz_dir), "%s/acm-fuzz-XXXXXX",
             tmp ? tmp : "/tmp");
    fuzz_that(mkdtemp(fuzz_dir) != NULL && atexit(fuzz_done) == 0);

    return 0;
}


static void
fuzz_line(const char *line, size_t len)
{
    char            *place;
    acm_imported_t   item;

    memset(&item, 0, sizeof(acm_imported_t));
    place = NULL;

    acmctl_bulk_parse(line, len, &fuzz_seen, &item, &place);

    if (item.rc == ACM_OK) {
        fuzz_that(item.bundle.leaf.len != 0 && item.bundle.key_secret.len != 0
                  && item.bundle.info.nnames != 0
                  && item.bundle.nchain <= ACM_MAX_CHAIN);
        fuzz_text(item.bundle.info.domain);

    } else {
        fuzz_that(item.err.text[0] != '\0' && item.bundle.leaf.data == NULL);
        fuzz_text(item.err.text);
    }

    if (place != NULL) {
        fuzz_text(place);
    }

    acm_free(place);
    acm_bundle_free(&item.bundle);
}


/* Writes what is before the separator; what is behind it is left. */

static void
fuzz_write(const char *name, const uint8_t **data, size_t *size)
{
    char            path[sizeof(fuzz_dir) + 32];
    FILE           *f;
    size_t          len;
    const uint8_t  *sep;

    snprintf(path, sizeof(path), "%s/%s", fuzz_dir, name);

    sep = memmem(*data, *size, "%%\n", 3);
    len = (sep != NULL) ? (size_t) (sep - *data) : *size;

    f = fopen(path, "we");
    fuzz_that(f != NULL && fwrite(*data, 1, len, f) == len);
    fuzz_that(fclose(f) == 0);

    len += (sep != NULL) ? 3 : 0;
    *data += len;
    *size -= len;
}


static void
fuzz_tree(const char *const *names, const uint8_t *data, size_t size)
{
    char    *text, *line, *end, path[sizeof(fuzz_dir) + 32];
    FILE    *out;
    size_t   i, len;
    json_t  *json;

    for (i = 0; i < FUZZ_FILES && names[i] != NULL && size != 0; i++) {
        fuzz_write(names[i], &data, &size);
    }

    out = open_memstream(&text, &len);
    fuzz_that(out != NULL);
    fuzz_that(acmctl_bulk_tree(fuzz_dir, out) == ACMCTL_OK);
    fuzz_that(fclose(out) == 0);

    for (line = text; line < text + len; line = end + 1) {
        end = memchr(line, '\n', (size_t) (text + len - line));
        fuzz_that(end != NULL);

        json = json_loadb(line, (size_t) (end - line), 0, NULL);
        fuzz_that(json_is_string(json_object_get(json, "file")));
        json_decref(json);

        fuzz_line(line, (size_t) (end - line));
    }

    free(text);

    for (i = 0; i < FUZZ_FILES && names[i] != NULL; i++) {
        snprintf(path, sizeof(path), "%s/%s", fuzz_dir, names[i]);
        (void) unlink(path);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t  n;

    if (size == 0) {
        return 0;
    }

    n = data[0] % (FUZZ_NSETS + 1);

    if (n == FUZZ_NSETS) {
        fuzz_line((const char *) data + 1, size - 1);

    } else {
        fuzz_tree(fuzz_files[n], data + 1, size - 1);
    }

    return 0;
}
