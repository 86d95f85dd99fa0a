
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of acmctl share: its options, the opened store, the commands.
 */


#ifndef _ACMCTL_H_INCLUDED_
#define _ACMCTL_H_INCLUDED_


#include "../shared/acm_issue.h"
#include "../shared/acm_json.h"
#include "../shared/acm_renewal.h"
#include "../shared/acm_version.h"


#define ACMCTL_OK     0
#define ACMCTL_FAULT  1
#define ACMCTL_USAGE  2
#define ACMCTL_NONE   4            /* no such file; between functions only */


typedef struct {
    const char          *store_path;
    const char          *key_path;
    const char          *account;
    const char          *region;
    int                  json;
    int                  keep_root;      /* only the effective user changes */
    acm_key_secret_t     master_secret;
    acm_store_t         *store;
    acm_keyring_t       *ring;
} acmctl_t;


/* Prints "acmctl: ..." to standard error; returns ACMCTL_FAULT. */
int acmctl_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* From here on a crash, as of a page of the store that is damaged, is told and
   ends with ACMCTL_FAULT. */
void acmctl_fatal(void);

/*
 * Opens the store and, unless keys is 0, its keyring.  As root it first gives
 * its rights up for those of the owner of the store directory, so that no
 * file of root's appears in it; files must be read before.  0, or a fault
 * that has been told.
 */
int acmctl_open(acmctl_t *ctl, int create, int keys);

/* Reads the master key file into ctl; before acmctl_open(). */
int acmctl_read_key(acmctl_t *ctl);

/* The account, region and UUID of an ARN or of a bare UUID. */
int acmctl_parse_arn(acmctl_t *ctl, const char *arn, acm_ref_t *ref);

/* A whole file of up to ACM_MAX_PEM octets; release with
   acm_free_secret(). */
int acmctl_read_file(const char *path, acm_str_t *data);
/* The same, but silently ACMCTL_NONE if it is not there. */
int acmctl_read_found(const char *path, acm_str_t *data);

/* Writes a new file, mode 0600; never over an existing one. */
int acmctl_write_file(const char *dir, const char *name,
    const acm_str_t *data);

/* 1 to UINT32_MAX, in decimal; else ACMCTL_USAGE. */
int acmctl_number(const char *text, uint32_t *n);

/* The commands; argv[0] is the command.  Each returns an exit code. */
int acmctl_list(acmctl_t *ctl, int argc, char **argv);
int acmctl_show(acmctl_t *ctl, int argc, char **argv);
int acmctl_import(acmctl_t *ctl, int argc, char **argv);
int acmctl_bulk(acmctl_t *ctl, const char *from);
int acmctl_stat(acmctl_t *ctl, int argc, char **argv);
int acmctl_compact(acmctl_t *ctl, int argc, char **argv);
int acmctl_verify(acmctl_t *ctl, int argc, char **argv);
int acmctl_versions(acmctl_t *ctl, int argc, char **argv);
int acmctl_rollback(acmctl_t *ctl, int argc, char **argv);
int acmctl_revoke(acmctl_t *ctl, int argc, char **argv);
int acmctl_revocations(acmctl_t *ctl, int argc, char **argv);
int acmctl_rekey(acmctl_t *ctl, int argc, char **argv);
int acmctl_account(acmctl_t *ctl, int argc, char **argv);
int acmctl_dns(acmctl_t *ctl, int argc, char **argv);
int acmctl_events(acmctl_t *ctl, int argc, char **argv);
int acmctl_user(acmctl_t *ctl, int argc, char **argv);
int acmctl_audit(acmctl_t *ctl, int argc, char **argv);


#endif /* _ACMCTL_H_INCLUDED_ */
