
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of acmctl import --bulk share.
 */


#ifndef _ACMCTL_BULK_H_INCLUDED_
#define _ACMCTL_BULK_H_INCLUDED_


#include "acmctl.h"
#include "../shared/acm_import.h"


#define ACMCTL_END         3                     /* of the input */
#define ACMCTL_MAX_LINE    (8 * 1024 * 1024)     /* octets of a record */
#define ACMCTL_MAX_DEPTH   32                    /* of directories */


/* Parses and checks one line, NULL if it was too long; sets rc, err and bundle
   of the item.  place gets what it names as its origin, or NULL. */
void acmctl_bulk_parse(const char *line, size_t len, acm_x509_seen_t *seen,
    acm_imported_t *item, char **place);

/* Writes a line for each certificate with a key below the directory. */
int acmctl_bulk_tree(const char *dir, FILE *out);


#endif /* _ACMCTL_BULK_H_INCLUDED_ */
