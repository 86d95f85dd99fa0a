
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the glue's files share: the configuration of the acm {} block, the
 * state of one process, the memory that all processes see.
 */


#ifndef _NGX_ACM_H_INCLUDED_
#define _NGX_ACM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "../shared/acm_api.h"
#include "../shared/acm_audit.h"
#include "../shared/acm_cache.h"
#include "../shared/acm_dns_answer.h"
#include "../shared/acm_engine.h"
#include "../shared/acm_leaf.h"
#include "../shared/acm_name.h"
#include "../shared/acm_replay.h"
#include "../shared/acm_resident.h"
#include "../shared/acm_user.h"
#include "../shared/acm_version.h"
#include "../shared/acm_warm.h"
#include "../shared/acm_watch.h"
#include "ngx_acm_metrics.h"


#define NGX_ACM_MODULE         0x314d4341    /* "ACM1" */
#define NGX_ACM_MAIN_CONF      0x02000000
#define NGX_ACM_ISSUER_CONF    0x04000000

#define NGX_ACM_ACCOUNT        "123456789012"
#define NGX_ACM_REGION         "us-east-1"
#define NGX_ACM_ISSUER         "internal"
#define NGX_ACM_CACHE          4096          /* certificates, per worker */
#define NGX_ACM_MAX_CACHE      10000000
#define NGX_ACM_CACHE_EACH     16384         /* octets for each, by default */
#define NGX_ACM_CACHE_LEAST    (4 * 1024 * 1024)  /* octets: a certificate of
                                                any length fits */
#define NGX_ACM_CACHE_MOST     ((off_t) 1 << 40)
#define NGX_ACM_RESIDENT       (256 * 1024 * 1024)
#define NGX_ACM_RESIDENT_LEAST (1024 * 1024)
#define NGX_ACM_RESIDENT_MOST  ((off_t) 1 << 40)
#define NGX_ACM_MAX_ISSUERS    64
#define NGX_ACM_MAX_TROUBLE    256           /* octets, with NUL */
#define NGX_ACM_MAX_RESOLVERS  8
#define NGX_ACM_KEY_TYPES      2             /* one EC, one RSA */
#define NGX_ACM_DEMANDS        256           /* names posted to the helper */
#define NGX_ACM_MAX_HOOK       1024          /* octets of its URL */
#define NGX_ACM_USED           4096          /* certificates noted as served */
#define NGX_ACM_HELPER_TIMEOUT 60            /* seconds */
#define NGX_ACM_SHARED         1             /* layout of shared memory */
#define NGX_ACM_API_PAGE       1000          /* certificates in a list */
#define NGX_ACM_API_HANDLES    16            /* calls at a time, per worker */
#define NGX_ACM_IN_USE         86400         /* seconds */


/* what an issuer's CA last complained of: by name, since the next
   configuration may have others, or another order */

typedef struct {
    ngx_atomic_t               at;               /* seconds, 0: nothing */
    char                       name[ACM_MAX_LABEL + 1];
    u_char                     text[NGX_ACM_MAX_TROUBLE];
} ngx_acm_trouble_t;


/* a name that a client wants, from a worker to the helper */

typedef struct {
    uint64_t                   hook;
    u_char                     addr[16];
    size_t                     addr_len;         /* 4, 16; 0: no address */
    char                       name[ACM_MAX_NAME + 1];
} ngx_acm_posted_t;


/*
 * That a certificate is served, from workers to the helper.  There is no lock:
 * check is a hash of UUID and server, and an entry it does not fit, as two have
 * written it at once, is dropped.
 */

typedef struct {
    ngx_atomic_t               check;            /* 0: free */
    ngx_atomic_t               time;             /* seconds */
    ngx_atomic_t               count;            /* handshakes */
    uint64_t                   server;           /* of "sni", or 0 */
    u_char                     id[16];
} ngx_acm_used_t;


/* what of the store is in memory: acm_resident_stat_t */

typedef struct {
    ngx_atomic_t               rounds;           /* 0: nothing is known */
    ngx_atomic_t               store;            /* octets */
    ngx_atomic_t               resident;
    ngx_atomic_t               wanted;
    ngx_atomic_t               kept;
    ngx_atomic_t               reads;            /* since there is the zone */
} ngx_acm_resident_t;


/* seen by all processes; each field is written by one of them, or counted
   up, but for the ring of names and the list of those used most, which are
   under the zone's mutex, and the tables of what is served and of the API's
   calls and their signatures */

typedef struct {
    uint64_t                   layout;           /* NGX_ACM_LAYOUT */
    ngx_atomic_t               helper_pid;
    ngx_atomic_t               helper_locked;
    ngx_atomic_t               helper_started;   /* seconds */
    ngx_atomic_t               helper_tick;      /* seconds */
    ngx_atomic_t               helper_next;      /* seconds, 0: nothing due */
    ngx_atomic_t               issued;
    ngx_atomic_t               renewed;
    ngx_atomic_t               failed;
    ngx_atomic_t               overdue;          /* alarms */
    ngx_atomic_t               hits;             /* these four by */
    ngx_atomic_t               misses;           /* ngx_acm_metrics_sum() */
    ngx_atomic_t               warmed;
    ngx_atomic_t               fallbacks;
    ngx_atomic_t               orders;           /* under way */
    u_char                     helper_error[ACM_MAX_ERROR];
    ngx_acm_trouble_t          troubles[NGX_ACM_MAX_ISSUERS];
    ngx_atomic_t               demand_asked;
    ngx_atomic_t               demand_accepted;
    ngx_atomic_t               demand_refused;
    ngx_atomic_t               demand_dropped;
    ngx_atomic_t               nposted;
    ngx_uint_t                 first_posted;
    ngx_acm_posted_t           posted[NGX_ACM_DEMANDS];
    ngx_atomic_t               used_since;       /* seconds: noted from then */
    ngx_atomic_t               used_next;        /* and written not before */
    ngx_acm_used_t             used[NGX_ACM_USED];
    ngx_acm_metrics_t          metrics;
    acm_throttle_t             throttle;         /* calls of the API */
    acm_replay_t               replay;           /* what they were signed by */
    ngx_acm_resident_t         resident;         /* told by the helper */
    ngx_atomic_t               warm_loaded;      /* from the file */
    ngx_atomic_t               warm_next;        /* seconds: written by the
                                                    helper not before */
    ngx_atomic_t               warm_saved;       /* so many changes of: */
    acm_warm_t                 warm;             /* names that are used most */
} ngx_acm_shared_t;


/* a reload by another version must not take over what it reads otherwise */

#define NGX_ACM_LAYOUT                                                        \
    (((uint64_t) NGX_ACM_SHARED << 32) | sizeof(ngx_acm_shared_t))


typedef struct {
    ngx_str_t                  name;
    acm_issuer_t               issuer;
    u_char                    *file;
    ngx_uint_t                 line;
    ngx_flag_t                 terms;
    ngx_flag_t                 same_origin;
    ngx_flag_t                 preflight;
    ngx_flag_t                 public_names;
    ngx_flag_t                 dns_proof;
    unsigned                   ca:1;
    unsigned                   rated:1;
} ngx_acm_issuer_t;


typedef enum {
    NGX_ACM_OFF = 0,
    NGX_ACM_AUTO,
    NGX_ACM_SNI,
    NGX_ACM_ARN
} ngx_acm_mode_e;


/* one acm_certificate directive; resolved when all files are parsed */

typedef struct {
    ngx_acm_mode_e             mode;
    ngx_str_t                  issuer;       /* empty: default_issuer;
                                                several with commas */
    ngx_array_t                names;        /* of char *, normal form */
    acm_key_e                  keys[NGX_ACM_KEY_TYPES];
    ngx_uint_t                 nkeys;
    acm_method_e               method;       /* validation=, or NONE */
    ngx_flag_t                 reject;       /* fallback=reject */
    ngx_str_t                  on_demand;    /* URL or "file:" and path */
    uint64_t                   hook;         /* 0: none */
    char                       account[ACM_MAX_LABEL + 1];
    char                       region[ACM_MAX_LABEL + 1];
    char                       uuid[ACM_UUID_LEN + 1];   /* of an ARN */
    uint8_t                    identity[NGX_ACM_KEY_TYPES][ACM_HASH_LEN];
    uint8_t                    id[ACM_HASH_LEN];  /* of the whole, for the
                                                     cache; zero for sni */
    ngx_str_t                  name;         /* of the server, or where it is */
    uint64_t                   server;       /* acm_used_server(); 0: no sni */
    uint64_t                   bit;          /* of such servers; may be shared,
                                                a sample is lost then */
    u_char                    *file;
    ngx_uint_t                 line;
} ngx_acm_want_t;


/* servers with the same on_demand=, issuer= and key= */

typedef struct {
    uint64_t                   id;           /* never 0 */
    ngx_str_t                  url;          /* or empty: */
    ngx_str_t                  path;
    acm_request_t              requests[NGX_ACM_KEY_TYPES];  /* no names */
    ngx_uint_t                 nrequests;
    acm_demand_list_t          list;         /* of the helper, as read at: */
    ngx_file_uniq_t            uniq;
    struct timespec            mtime;
    off_t                      size;
    time_t                     looked;
    ngx_err_t                  fault;        /* told already */
    unsigned                   loaded:1;
} ngx_acm_demand_t;


/* validation_zone; what "zone" points to is behind it */

typedef struct {
    acm_dns_zone_t             zone;         /* no serial, no lookup */
    char                       name[ACM_MAX_NAME + 1];
    char                       ns[ACM_MAX_NAME + 1];
    char                       mailbox[ACM_MAX_NAME + 1];
    acm_dns_addr_t             addrs[ACM_MAX_DNS_ADDRS];
} ngx_acm_zone_t;


typedef struct ngx_acm_smtp_s  ngx_acm_smtp_t;
typedef struct ngx_acm_cloudwatch_s  ngx_acm_cloudwatch_t;


typedef struct {
    ngx_flag_t                 enabled;      /* acm {} was given */
    ngx_str_t                  store;
    off_t                      map_size;
    off_t                      resident;     /* octets kept in memory; 0: off */
    ngx_str_t                  master_key;
    ngx_str_t                  account;
    ngx_array_t               *regions;      /* of ngx_str_t; NULL: default */
    unsigned                   any_region:1;
    unsigned                   one_region:1; /* all are the first one */
    ngx_int_t                  cache;        /* names, per worker */
    size_t                     cache_size;   /* octets, 0: not given */
    time_t                     unused;       /* seconds, 0: off */
    ngx_int_t                  versions;     /* kept of each certificate */
    time_t                     helper_timeout;   /* seconds */
    ngx_array_t                statics;      /* of ngx_acm_static_t * */
    ngx_rbtree_t               static_tree;  /* by SHA-256 */
    ngx_rbtree_node_t          static_sentinel;
    ngx_array_t                issuers;      /* of ngx_acm_issuer_t */
    ngx_array_t               *default_issuers;  /* of ngx_str_t */
    ngx_flag_t                 no_port_80;   /* http listens, but not there */
    ngx_str_t                  resolver;     /* "IP:port,[IP]:port", NUL */
    ngx_array_t                wants;        /* of ngx_acm_want_t * */
    ngx_uint_t                 nsni;         /* of them with "sni" */
    ngx_array_t                requests;     /* of acm_request_t */
    ngx_array_t                demands;      /* of ngx_acm_demand_t */
    ngx_rbtree_t               identities;   /* of the requests */
    ngx_rbtree_node_t          sentinel;
    acm_issuer_t              *engine_issuers;
    acm_key_secret_t          *key_secret;   /* own page, not dumped */
    ngx_str_t                  placeholder;  /* PEM, "data:" in front */
    ngx_str_t                  placeholder_key;
    ngx_acm_zone_t            *validation;   /* NULL: no validation_zone */
    ngx_array_t               *updates;      /* of dns_update; NULL: none */
    acm_ladder_t               ladder;       /* of warn_at */
    unsigned                   warn_at:1;    /* it was given */
    ngx_acm_cloudwatch_t      *cloudwatch;   /* NULL: none */
    ngx_flag_t                 stapling;
    char                      *responder;    /* of OCSP; NULL: those that
                                                certificates name */
    ngx_array_t               *sinks;        /* of event_sink; NULL: none */
    ngx_acm_smtp_t            *smtp;         /* NULL: no smtp */
    ngx_open_file_t           *audit;        /* of audit_log; NULL: off */
    unsigned                   audit_set:1;  /* it was given */
    unsigned                   audit_sync:1;
    u_char                    *dns_file;     /* of the first acm_dns, or NULL */
    ngx_uint_t                 dns_line;
    ngx_str_t                  users_file;
    acm_users_t               *users;        /* NULL: no "users" */
    acm_api_conf_t             api;
    acm_api_limits_t          *limits;       /* NULL: none */
    ngx_flag_t                 rate_set;     /* api_rate was given, and */
    ngx_flag_t                 quota_set;    /* api_quota */
    time_t                     in_use;       /* seconds, 0: off */
    u_char                    *api_file;     /* of the first acm_api, or NULL */
    ngx_uint_t                 api_line;
    ngx_path_t                *path;
    ngx_shm_zone_t            *zone;
    ngx_fd_t                   bell;         /* eventfd, -1: none */
    u_char                    *file;
    ngx_uint_t                 line;
} ngx_acm_conf_t;


/* configuration: ngx_acm_conf.c */

/* Parses the block; also fills in defaults and registers path and zone. */
char *ngx_acm_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_acm_parse_block(ngx_conf_t *cf, ngx_uint_t type);


/* users of the API: ngx_acm_users.c */

char *ngx_acm_users(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* Reads the file; also under -t. */
ngx_int_t ngx_acm_users_load(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf);


/* the API: ngx_acm_api.c */

typedef struct ngx_acm_handle_s  ngx_acm_handle_t;

struct ngx_acm_handle_s {
    acm_store_t               *store;        /* shares that of the process */
    acm_keyring_t             *ring;
    acm_x509_seen_t            seen;         /* chains that were imported */
    ngx_acm_handle_t          *next;
};

/* Fills in amcf->api, when all else is resolved. */
ngx_int_t ngx_acm_api_init(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf);
/* Into the audit log: a call that was refused before it was made.  account and
   arn of the caller are NULL if it is not known who that is, region may be "";
   message is for the log. */
void ngx_acm_api_refused(ngx_acm_conf_t *amcf, const acm_api_caller_t *caller,
    const acm_str_t *target, const acm_api_answer_t *answer,
    const char *message, int64_t now);
/* A handle for one call, on whatever thread; NULL: the store cannot be opened,
   or all are busy.  Both only in the event loop. */
ngx_acm_handle_t *ngx_acm_handle_get(ngx_acm_conf_t *amcf, ngx_uint_t *busy,
    ngx_log_t *log);
void ngx_acm_handle_put(ngx_acm_handle_t *h);
void ngx_acm_handles_close(void);


/* regions: ngx_acm_region.c */

char *ngx_acm_region(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* The region that configured certificates belong to. */
const char *ngx_acm_home_region(ngx_acm_conf_t *amcf);
/* 1 if "region" accepts it. */
ngx_uint_t ngx_acm_region_known(ngx_acm_conf_t *amcf, const char *region);


/* issuers: ngx_acm_issuer.c */

char *ngx_acm_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_acm_issuer_t *ngx_acm_issuer_add(ngx_conf_t *cf, ngx_acm_conf_t *amcf,
    ngx_str_t *name);
/* What issuers do that say nothing else, when all files are parsed. */
void ngx_acm_issuer_defaults(ngx_acm_conf_t *amcf);
/* NULL if there is none of that name. */
ngx_acm_issuer_t *ngx_acm_issuer_find(ngx_acm_conf_t *amcf, ngx_str_t *name);


/* the validation zone: ngx_acm_zone.c */

char *ngx_acm_validation_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
/* acm_dns needs one; its message names file, line and cure. */
ngx_int_t ngx_acm_zone_check(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf);


/* zones of other name servers: ngx_acm_update.c */

char *ngx_acm_dns_update(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* who is told of an end: ngx_acm_warn.c */

char *ngx_acm_warn_at(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* Sets the watch up for a cycle; its store comes later. */
void ngx_acm_warn_init(ngx_acm_conf_t *amcf, acm_watch_t *watch);


/* sinks of events: ngx_acm_sink_conf.c */

char *ngx_acm_event_sink(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_acm_smtp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* At the end of the block: what needs both of them. */
char *ngx_acm_sink_check(ngx_conf_t *cf, ngx_acm_conf_t *amcf);


/* calls of the API: ngx_acm_audit.c */

char *ngx_acm_audit_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* Lets workers open the file. */
void ngx_acm_audit_init(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf);
/*
 * One call, when it is over; nothing without audit_log.  In a worker, in any
 * of its threads.  It takes some microseconds, or a disk's time with "sync";
 * at worst, if a worker is stopped while it writes, ACM_AUDIT_WAIT.  NGX_ERROR
 * if there is no line: logged and counted here, and no reason to fail a call
 * that has been made.
 */
ngx_int_t ngx_acm_audit_write(ngx_acm_conf_t *amcf, const acm_audit_t *call,
    ngx_log_t *log);
/* Opens the file of a worker process, before somebody may move it away. */
void ngx_acm_audit_start(ngx_acm_conf_t *amcf);
/* The same as the one above for a call that was refused before it was made; of
   too many there is a summary.  On the thread of the call. */
void ngx_acm_audit_refused(ngx_acm_conf_t *amcf, const acm_audit_t *call,
    ngx_log_t *log);
/* One that nginx itself has answered: only counted.  fault is static. */
void ngx_acm_audit_count(ngx_acm_conf_t *amcf, const char *fault);
/* In the event loop, after a call: sees to it that there will be a summary. */
void ngx_acm_audit_watch(ngx_acm_conf_t *amcf);
/* At the end of the process: writes what was not summed up yet. */
void ngx_acm_audit_finish(ngx_acm_conf_t *amcf);


/* what is made of it: ngx_acm_resolve.c */

/* Joins what the http module wants with issuers and account: the requests.
   Messages name the file and line of the directive. */
ngx_int_t ngx_acm_resolve(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf);
/* Reads the master key; makes it at a real first start, never under -t. */
ngx_int_t ngx_acm_load_key(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf);

#define ngx_acm_get_conf(cycle)                                               \
    ((ngx_acm_conf_t *) ngx_get_conf((cycle)->conf_ctx, ngx_acm_module))

#define ngx_acm_shared(amcf)                                                  \
    ((ngx_acm_shared_t *) (amcf)->zone->data)


/* the process: ngx_acm_process.c */

/*
 * The process's handle on the store and its keyring, opened when first asked
 * for, or NGX_DECLINED when that is not possible now; asked again at most
 * a hundred times a second.  LMDB wants one handle per process, so it is kept
 * beside the cycle and outlives a reload without master.  Why it is not
 * possible is in the log, also of a store that others make or open, if that
 * takes two seconds.
 */
ngx_int_t ngx_acm_open(ngx_acm_conf_t *amcf, ngx_uint_t create,
    acm_store_t **store, acm_keyring_t **ring, ngx_log_t *log);
/* Another handle, for a thread, and a keyring on it; the same otherwise. */
ngx_int_t ngx_acm_share(ngx_acm_conf_t *amcf, acm_store_t **store,
    acm_keyring_t **ring, ngx_log_t *log);
/* Tells why the store could not be read, err.text if it is not empty: of each
   kind of fault once a minute, as anybody can make this process read. */
void ngx_acm_log_fault(acm_rc_t rc, acm_err_t *err, ngx_log_t *log);
/* The same, of a file that cannot be opened; the text is in err, too. */
void ngx_acm_log_denied(u_char *path, ngx_err_t e, acm_err_t *err,
    ngx_log_t *log);
/* Closes both; accepts that they never were open. */
void ngx_acm_close(void);
/* Wakes the helper. */
void ngx_acm_ring(ngx_acm_conf_t *amcf, ngx_log_t *log);


/* the helper: ngx_acm_helper.c */

ngx_msec_t ngx_acm_helper_manager(void *data);
void ngx_acm_helper_start(ngx_cycle_t *cycle);
/* Writes down what is to be, when a process that has the helper ends in peace;
   nothing if it has none. */
void ngx_acm_helper_exit(void);
/* A request over the API that came to nothing. */
void ngx_acm_helper_given_up(const acm_cert_t *cert, const char *arn,
    const char *text, ngx_log_t *log);


/* counters: ngx_acm_metrics.c */

/* By a worker; costs a handshake nothing that could be measured. */
#define ngx_acm_counter(amcf, what)                                           \
    (&ngx_acm_shared(amcf)->metrics.slots[ngx_worker % NGX_ACM_SLOTS].n[what])

#define ngx_acm_count(amcf, what)                                             \
    (void) ngx_atomic_fetch_add(ngx_acm_counter(amcf, what), 1)

/* The sum over all workers. */
uint64_t ngx_acm_metrics_total(ngx_acm_conf_t *amcf, ngx_acm_counter_e what);
/* Brings hits, misses, warmed and fallbacks of the zone up to date. */
void ngx_acm_metrics_sum(ngx_acm_conf_t *amcf);
/* acm_store_watch_pt */
void ngx_acm_metrics_commit(void *data, acm_rc_t rc, uint64_t took);
/* An answer of a CA, or none; others are not counted. */
void ngx_acm_metrics_request(const acm_http_t *http);
/* What the engine and the orders report. */
void ngx_acm_metrics_step(ngx_acm_conf_t *amcf, acm_step_e step,
    const acm_cert_t *cert);
void ngx_acm_metrics_order(ngx_acm_conf_t *amcf, acm_orders_e what,
    const acm_order_t *order);
/* Microseconds, for what is shorter than ngx_current_msec can tell. */
int64_t ngx_acm_usec(void);
/* A slice of the census, if it is time.  Milliseconds until the next one, 0:
   there is none. */
ngx_msec_t ngx_acm_metrics_census(ngx_acm_conf_t *amcf, acm_store_t *store,
    ngx_log_t *log);
/* The last census; NGX_DECLINED: there was none yet. */
ngx_int_t ngx_acm_metrics_counted(ngx_acm_conf_t *amcf,
    acm_census_t *census);


/* is the helper alive?  ngx_acm_watch.c */

void ngx_acm_watch_start(ngx_cycle_t *cycle);
ngx_uint_t ngx_acm_helper_up(ngx_acm_conf_t *amcf);


/* certificates of "ssl_certificate": ngx_acm_static.c */

typedef struct {
    ngx_str_node_t             sn;           /* SHA-256, also below */
    u_char                     hash[ACM_HASH_LEN];
    ngx_array_t                names;        /* ngx_str_t: server names */
    ngx_str_t                  file;         /* empty: not known */
    char                      *subject;
    char                      *issuer;
    char                      *key;          /* "RSA-2048" */
    int64_t                    not_before;   /* seconds */
    int64_t                    not_after;
} ngx_acm_static_t;

/*
 * Notes all certificates in a server's context but our placeholder, in
 * amcf->statics, whose elements are pointers.  names: of ngx_str_t, n of
 * them, borrowed from the cycle.
 */
ngx_int_t ngx_acm_static_add(ngx_conf_t *cf, SSL_CTX *ctx,
    ngx_array_t *names);
/* Those that are about to expire are told of, when all are known. */
void ngx_acm_static_warn(ngx_acm_conf_t *amcf, ngx_log_t *log);


/* its orders over ACME: ngx_acm_acme.c */

/* The manager of orders for a configuration, NULL if it has no issuer over
   ACME or there is no memory.  wake is called when something has happened
   that acm_orders_run() is to look at; ended when an order has ended; vacant
   from within, when one has left its place to another. */
acm_orders_t *ngx_acm_acme_start(ngx_acm_conf_t *amcf, acm_keyring_t *ring,
    void (*wake)(void *data), void (*ended)(void *data),
    void (*vacant)(void *data), void *data, ngx_log_t *log);
/* What the CA of this issuer complained of last, NULL: nothing. */
ngx_acm_trouble_t *ngx_acm_acme_trouble(ngx_acm_conf_t *amcf,
    const char *issuer);
/* Forgets what is under way, which goes on from the store. */
void ngx_acm_acme_stop(acm_orders_t *orders);
/* The process ends: what it took up is not to wait in the next one. */
void ngx_acm_acme_exit(acm_orders_t *orders);


/* commits that the event loop does not wait for: ngx_acm_commit.c */

/* NULL if there can be no thread.  after is called when a commit is made, and
   told of. */
acm_committer_t *ngx_acm_commit_start(acm_store_t *store,
    void (*after)(void *data), void *data, ngx_log_t *log);
/* Nothing may be under way. */
void ngx_acm_commit_stop(void);


/* certificates on demand: ngx_acm_demand_conf.c */

/* The value of on_demand=; its messages say what is wrong, and the cure. */
char *ngx_acm_demand_parameter(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value);
/* Whom a server asks; req is what it orders, without names and key. */
ngx_int_t ngx_acm_demand_add(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    acm_request_t *req);
ngx_acm_demand_t *ngx_acm_demand_find(ngx_acm_conf_t *amcf, uint64_t id);


/* what workers post: ngx_acm_demand_post.c */

/* A client wants a name (normal form) that nothing serves: the helper is
   told.  Never waits. */
void ngx_acm_demand_post(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    const char *name, ngx_connection_t *c);
/* Takes what was posted, n at most; returns how many there were. */
ngx_uint_t ngx_acm_demand_fetch(ngx_acm_conf_t *amcf,
    ngx_acm_posted_t *posted, ngx_uint_t n);


/* and what the helper does with it: ngx_acm_demand.c */

/* wake and ended as of ngx_acm_acme_start(). */
ngx_int_t ngx_acm_demand_start(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void (*ended)(void *data), void *data,
    ngx_log_t *log);
void ngx_acm_demand_stop(void);
/* Looks at what was posted, and asks. */
void ngx_acm_demand_run(ngx_log_t *log);
/* As the engine asks before a renewal; acm_engine_demand_pt. */
acm_demand_e ngx_acm_demand_renew(void *data, const acm_cert_t *cert,
    int64_t now, int64_t *at);


/* the records that prove names for built-in CAs, by the helper:
   ngx_acm_proof.c */

/* wake: somebody has an answer.  Nothing is asked then. */
void ngx_acm_proof_start(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void *data, ngx_log_t *log);
void ngx_acm_proof_stop(void);
/* acm_engine_t's proof */
acm_demand_e ngx_acm_proof(void *data, const acm_cert_t *cert, int64_t now,
    int64_t *at);


/* Amazon CloudWatch: ngx_acm_cloudwatch.c */

char *ngx_acm_cloudwatch(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* Wipes this process's copy of the key: for workers. */
void ngx_acm_cloudwatch_forget(ngx_acm_conf_t *amcf);
/* Sends what is due, in the helper; wake as of ngx_acm_acme_start(). */
void ngx_acm_cloudwatch_run(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void *data, ngx_log_t *log);
void ngx_acm_cloudwatch_stop(void);


/* deliveries of events, in the helper: ngx_acm_sink.c */

/* Without sinks it keeps the outbox small.  wake as of
   ngx_acm_acme_start(). */
ngx_int_t ngx_acm_sink_start(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void *data, ngx_log_t *log);
void ngx_acm_sink_stop(void);
/* The process ends: what was delivered is not to come again. */
void ngx_acm_sink_exit(void);
/* Looks for events, and delivers them; waits for nothing. */
void ngx_acm_sink_run(ngx_log_t *log);


/* certificates in memory: ngx_acm_material.c */

typedef struct ngx_acm_material_s  ngx_acm_material_t;
typedef struct ngx_acm_chain_s  ngx_acm_chain_t;

struct ngx_acm_material_s {
    ngx_str_node_t             sn;           /* uuid and version */
    u_char                     key[ACM_UUID_LEN + 4];
    acm_leaf_t                 leaf;
    ngx_acm_chain_t           *chain;
    acm_cache_t               *cache;        /* that it is charged to */
    time_t                     not_after;
    time_t                     life;         /* seconds */
    time_t                     noted;        /* as served, the last time */
    ngx_uint_t                 note_every;   /* seconds; 0: not yet noted */
    uint64_t                   seen;         /* bits of servers, noted since */
    uint32_t                   served;       /* handshakes since then */
    uint64_t                   stapled;      /* revision of its response */
    ngx_uint_t                 refs;
};

/*
 * What a name record leads to, from memory or from the store; one more
 * reference to it, to be dropped.  What others of the cache leave to make room
 * is gone behind it.  NULL: it cannot be used, which has been logged.
 */
ngx_acm_material_t *ngx_acm_material_get(acm_cache_t *cache,
    acm_keyring_t *ring, acm_snap_t *snap, acm_name_rec_t *rec,
    ngx_log_t *log);
void ngx_acm_material_hold(ngx_acm_material_t *m);
/* Both accept NULL. */
void ngx_acm_material_drop(ngx_acm_material_t *m);
/* Gives it to a connection for its handshake. */
ngx_int_t ngx_acm_material_use(ngx_acm_material_t *m, SSL *ssl);
ngx_uint_t ngx_acm_material_covers(ngx_acm_material_t *m, const char *name);
/* As it is, and not by a wildcard. */
ngx_uint_t ngx_acm_material_named(ngx_acm_material_t *m, const char *name);


/* OCSP stapling: ngx_acm_staple.c */

/* The directive. */
char *ngx_acm_stapling(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void ngx_acm_staple_init(ngx_acm_conf_t *amcf, SSL_CTX *ctx);
/* Takes the response along that the store has for it. */
void ngx_acm_staple_refresh(ngx_acm_material_t *m, acm_snap_t *snap,
    acm_name_rec_t *rec);
/* When a worker ends: OpenSSL forgets what it has to call here. */
void ngx_acm_staple_done(void);
/* Asks for what is due, in the helper; wake as of ngx_acm_acme_start(). */
void ngx_acm_stapler_run(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void *data, ngx_log_t *log);
void ngx_acm_stapler_stop(void);


/* what serves which name, in memory: ngx_acm_cache.c */

typedef struct {
    ngx_acm_material_t        *ec;
    ngx_acm_material_t        *rsa;
    ngx_uint_t                 wildcard;     /* the name is not in it as it
                                                is, but matches */
    ngx_uint_t                 partial;      /* another one cannot be used */
} ngx_acm_pair_t;

/*
 * What serves a name (normal form, NULL without SNI) for one directive;
 * release it with ngx_acm_pair_drop().  NGX_DECLINED: nothing fits, use the
 * fallback.
 */
ngx_int_t ngx_acm_cache_get(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    const char *name, ngx_acm_pair_t *pair, ngx_log_t *log);
void ngx_acm_pair_drop(ngx_acm_pair_t *pair);
/* Of a process that ends. */
void ngx_acm_cache_leave(void);
/*
 * The same before it is asked for: key is what the cache keeps it under.
 * NGX_DECLINED: it is there, or the store has nothing for it; NGX_ABORT: it
 * does not fit into the room that is left.
 */
ngx_int_t ngx_acm_cache_warm(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    const char *name, ngx_str_t *key, ngx_log_t *log);
/* Visits what was asked for; see acm_cache_walk(). */
void ngx_acm_cache_walk(size_t *bucket, size_t n,
    void (*visit)(void *data, const acm_cached_t *entry), void *data);
/* The directive. */
char *ngx_acm_cache_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* What serves a name, in a store. */
acm_rc_t ngx_acm_cache_find(acm_snap_t *snap, ngx_acm_want_t *want,
    const char *name, acm_found_t *found, acm_err_t *err);


/* names that a new worker has ready: ngx_acm_warm.c */

/* In a worker, at its start and at its end. */
void ngx_acm_warm_start(ngx_cycle_t *cycle);
void ngx_acm_warm_stop(ngx_acm_conf_t *amcf, ngx_log_t *log);
/* In the helper: brings what has changed to the file, now and then. */
void ngx_acm_warm_run(ngx_acm_conf_t *amcf, ngx_log_t *log);
/* A copy of the list; NGX_DECLINED: not now. */
ngx_int_t ngx_acm_warm_copy(ngx_acm_conf_t *amcf, acm_warm_t *list);
/* What serves one of its names; ACM_NOTFOUND also if no server wants it. */
acm_rc_t ngx_acm_warm_find(ngx_acm_conf_t *amcf, acm_warm_name_t *name,
    acm_snap_t *snap, acm_found_t *found);


/* what of the store is kept in memory: ngx_acm_resident.c */

/* A parameter of "store" that may be "resident=". */
char *ngx_acm_resident_parameter(ngx_conf_t *cf, ngx_acm_conf_t *amcf,
    ngx_str_t *value);
/* In the helper: begins with it. */
void ngx_acm_resident_run(ngx_acm_conf_t *amcf, ngx_log_t *log);


/* which of them are served: ngx_acm_used.c */

/* The directive. */
char *ngx_acm_unused(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* Notes in shared memory that it was served, by whom; never waits.  server: it
   is only new that this one had it. */
void ngx_acm_used_note(ngx_acm_conf_t *amcf, ngx_acm_material_t *m,
    ngx_acm_want_t *want, ngx_uint_t server);
/* In the helper: takes notes to the store, some of them at a time, and tells
   the engine from when on it may give up what is unused. */
void ngx_acm_used_run(ngx_acm_conf_t *amcf, acm_engine_t *engine,
    ngx_log_t *log);

/* A handshake has it; the clock may go back. */

static ngx_inline void
ngx_acm_used(ngx_acm_conf_t *amcf, ngx_acm_material_t *m,
    ngx_acm_want_t *want)
{
    if (m) {
        m->served++;

        if ((ngx_uint_t) (ngx_time() - m->noted) >= m->note_every) {
            ngx_acm_used_note(amcf, m, want, 0);

        } else if (want->bit & ~m->seen) {
            ngx_acm_used_note(amcf, m, want, 1);
        }
    }
}


/* TLS: ngx_acm_ssl.c */

/* The certificate callback of a server's SSL_CTX; arg is the want. */
int ngx_acm_ssl_cert_cb(ngx_ssl_conn_t *ssl, void *arg);
/* PEM of a self-signed placeholder pair, each with "data:" in front. */
ngx_int_t ngx_acm_ssl_placeholder(ngx_conf_t *cf, ngx_str_t *cert,
    ngx_str_t *key);


extern ngx_module_t  ngx_acm_module;
extern ngx_module_t  ngx_acm_conf_module;
extern ngx_module_t  ngx_acm_issuer_module;
extern ngx_module_t  ngx_acm_limit_module;


#endif /* _NGX_ACM_H_INCLUDED_ */
