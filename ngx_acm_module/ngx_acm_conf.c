
/*
 * Copyright (C) The ngx_acm authors
 *
 * The directives inside acm {}.
 */


#include "ngx_acm.h"


#define NGX_ACM_ZONE_PAGES  16               /* besides two layouts of it */

typedef struct {
    void                     **conf;
} ngx_acm_conf_ctx_t;


static char *ngx_acm_block_done(ngx_conf_t *cf, ngx_acm_conf_t *amcf);
static ngx_int_t ngx_acm_default_store(ngx_conf_t *cf, ngx_str_t *store);
static ngx_int_t ngx_acm_add_path(ngx_conf_t *cf, ngx_acm_conf_t *amcf);
static ngx_int_t ngx_acm_init_zone(ngx_shm_zone_t *zone, void *data);
static char *ngx_acm_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_acm_store_parameter(ngx_conf_t *cf, ngx_acm_conf_t *amcf,
    ngx_str_t *value);
static char *ngx_acm_account(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_acm_default_issuer(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_resolver(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


static ngx_conf_num_bounds_t  ngx_acm_versions_bounds = {
    ngx_conf_check_num_bounds, ACM_MIN_VERSIONS, ACM_MAX_VERSIONS
};


static ngx_conf_num_bounds_t  ngx_acm_timeout_bounds = {
    ngx_conf_check_num_bounds, 1, 86400
};


static ngx_command_t  ngx_acm_conf_commands[] = {

    /*
     * Syntax:  store path [size=size] [resident=size | resident=off];
     * Default: store acm size=64g resident=256m;
     * Context: acm
     *
     * The directory of the store, made by nginx for the worker user.  It must
     * be on a local file system.  The default is a directory beside nginx's
     * temporary directories.  "size" limits the store; the file grows as it is
     * filled.  64g by default, at least 1m.
     *
     * "resident" is how much of the store the helper sees to that it is in
     * memory, 1m to 1024g: the index of names, 170 octets for each, and the
     * records of the names that are asked for most.  Every ten seconds it
     * looks what of that the system has dropped, and reads it again, so that
     * workers need not wait for the disk.  Of an index that is larger a part
     * is kept.  The memory is the system's cache of files, and no process's.
     */
    { ngx_string("store"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_acm_store,
      0,
      0,
      NULL },

    /*
     * Syntax:  master_key file;
     * Default: master_key acm.key;
     * Context: acm
     *
     * The key that seals all private keys of the store.  Read by the master
     * process; a first start makes it, readable by nobody else.  Keep a copy
     * in a safe place: without it the store's keys are lost.
     */
    { ngx_string("master_key"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_acm_conf_t, master_key),
      NULL },

    /*
     * Syntax:  account number;
     * Default: account 123456789012;
     * Context: acm
     *
     * The account that configured certificates belong to: twelve digits.
     */
    { ngx_string("account"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_acm_account,
      0,
      0,
      NULL },

    /*
     * Syntax:  region name ... [any] [namespace=one];
     * Default: region us-east-1;
     * Context: acm
     *
     * The regions whose certificates may be named, and that may be in the
     * credential scope of "acm_api"; configured certificates belong to the
     * first.  "any" accepts every other region, too; alone, us-east-1 is the
     * first.
     *
     * Each region has certificates of its own.  With "namespace=one" they are
     * all the first region's, whichever is asked: its name is in every ARN
     * that is given back, and an ARN may also have that of the region which
     * is asked.
     */
    { ngx_string("region"),
      NGX_ACM_MAIN_CONF|NGX_CONF_1MORE,
      ngx_acm_region,
      0,
      0,
      NULL },

    /*
     * Syntax:  resolver address[:port] ...;
     * Default: -
     * Context: acm
     *
     * The name servers that are asked before a certificate is ordered: IP
     * addresses, an IPv6 address in square brackets, at most eight.  They
     * must answer for all names.  Without the directive the system's, of
     * /etc/resolv.conf, are asked.
     */
    { ngx_string("resolver"),
      NGX_ACM_MAIN_CONF|NGX_CONF_1MORE,
      ngx_acm_resolver,
      0,
      0,
      NULL },

    /*
     * Syntax:  issuer name { ... }
     * Default: issuer internal { ca; }
     * Context: acm
     *
     * Where certificates come from.
     */
    { ngx_string("issuer"),
      NGX_ACM_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_acm_issuer,
      0,
      0,
      NULL },

    /*
     * Syntax:  default_issuer name ...;
     * Default: the first issuer
     * Context: acm
     *
     * The issuers of certificates that name none, eight at most.  The next
     * one is asked after a failure that is the CA's, or if DNS or CAA stand
     * in the way of this one; a renewal begins with the first again.
     */
    { ngx_string("default_issuer"),
      NGX_ACM_MAIN_CONF|NGX_CONF_1MORE,
      ngx_acm_default_issuer,
      0,
      0,
      NULL },

    /*
     * Syntax:  validation_zone name [ns=host] [address=IP ...];
     * Default: -
     * Context: acm
     *
     * The DNS zone that "acm_dns" answers for.  A domain that is validated
     * by DNS has a CNAME from _acme-challenge in front of it to a label of
     * this zone.  The parent zone must delegate the zone to this server.
     *
     * "ns" is the host name in that delegation.  If it is in the zone, as
     * "ns" in front of the zone's name is by default, "address" gives its
     * addresses, eight at most.
     */
    { ngx_string("validation_zone"),
      NGX_ACM_MAIN_CONF|NGX_CONF_1MORE,
      ngx_acm_validation_zone,
      0,
      0,
      NULL },

    /*
     * Syntax:  dns_update zone server[:port] key=file [ttl=time] [via=name];
     * Default: -
     * Context: acm
     *
     * A zone on another name server, in which records for validation are
     * made and removed by dynamic updates (RFC 2136): the IP address of the
     * zone's primary server, 53 is its port by default, and a file with the
     * key that signs them, as BIND's "tsig-keygen" writes it.  The key's
     * algorithm is hmac-sha256, hmac-sha384 or hmac-sha512; nobody but the
     * owner may be allowed to read the file.  May be given 256 times, once
     * for each zone; a name belongs to the longest zone it ends with.
     *
     * "ttl" is that of the records, 60 seconds by default.  With "via" the
     * records of the zone's names are made in another zone of the server, of
     * this name, which then stands behind them: a CNAME must lead from each
     * _acme-challenge.www.example.com to
     * _acme-challenge.www.example.com.NAME.
     */
    { ngx_string("dns_update"),
      NGX_ACM_MAIN_CONF|NGX_CONF_2MORE,
      ngx_acm_dns_update,
      0,
      0,
      NULL },

    /*
     * Syntax:  warn_at time ... | off;
     * Default: warn_at 45d 30d 15d 7d 3d 1d;
     * Context: acm
     *
     * How long before the end of a certificate that is not renewed somebody
     * is told: at most sixteen times, the longest first.  Each is told of
     * once, by the event "ACM Certificate Renewal Action Required" and in
     * the error log.  A time that comes before the planned renewal is
     * silent.  For a life of less than ten days the times are shortened, as
     * the life is to 90 days.
     */
    { ngx_string("warn_at"),
      NGX_ACM_MAIN_CONF|NGX_CONF_1MORE,
      ngx_acm_warn_at,
      0,
      0,
      NULL },

    /*
     * Syntax:  event_sink file:path | syslog:server=address[,...] | URL |
     *              mailto:address[,...] | exec:path [argument ...] |
     *              eventbridge:URL [parameter ...];
     * Default: -
     * Context: acm
     *
     * Where events go, in the structure of Amazon EventBridge: certificates
     * that were issued, renewed, are about to expire or did, and alarms.  May
     * be given 32 times.  Each sink gets the events from its first start on,
     * in order and at least once; one that comes twice, after a crash, has
     * the same id.  A sink that fails is tried again, after 1 second to 15
     * minutes.  What it refuses for good, or has not taken in time, becomes a
     * dead letter: see "acmctl events".
     *
     * "file:" appends JSON lines to a file, which USR1 reopens.  "syslog:"
     * sends RFC 5424 messages, with the parameters of nginx's error_log.  An
     * https URL, or an http one at a loopback address, gets a POST for each
     * event, in the JSON format of CloudEvents 1.0: 400, 413, 415 and 422 are
     * refusals, other answers than 2xx failures.  "mailto:" sends mail
     * through "smtp".  "exec:" runs a program with the event as JSON on its
     * standard input: status 0 is success, 65 a refusal, others failures.
     * "eventbridge:" calls PutEvents, in lots of up to ten.
     *
     * Parameters of all sinks: "name=" in status and logs, by default the
     * sink without the path of its URL; "events=" takes only these, of
     * approaching, expired, available, action, revoked, health and alarm;
     * "expire=" is how long an event is tried, 7d by default.  Of URLs, mail
     * and programs: "timeout=", 30s by default.  Of URLs: "secret=" is a file
     * with the key that signs requests, as of Standard Webhooks; "header=",
     * up to 16 times, adds a field; "trusted_certificate=" is a file with the
     * certificates of CAs.  Of eventbridge: "region=", "credentials=" with a
     * file as the AWS CLI has it, "bus=", and "source=", "ngx_acm" by default,
     * since "aws." is reserved.  Nobody but the owner may be allowed to read
     * these files.  Other words behind "exec:" are arguments.
     */
    { ngx_string("event_sink"),
      NGX_ACM_MAIN_CONF|NGX_CONF_1MORE,
      ngx_acm_event_sink,
      0,
      0,
      NULL },

    /*
     * Syntax:  smtp URL from=address [user=name password_file=file]
     *              [starttls=on|required|off] [trusted_certificate=file];
     * Default: -
     * Context: acm
     *
     * The mail server of "event_sink mailto:", as in
     * smtp://mail.example.com:587 or smtps://mail.example.com.  TLS is used
     * if the server offers it; with "required", which is the default with
     * "user", mail is not sent without.  If the server refuses some of the
     * addresses for good, the others get the mail, and the log says so.
     */
    { ngx_string("smtp"),
      NGX_ACM_MAIN_CONF|NGX_CONF_2MORE,
      ngx_acm_smtp,
      0,
      0,
      NULL },

    /*
     * Syntax:  audit_log file [sync] | off;
     * Default: audit_log off;
     * Context: acm
     *
     * A line of JSON for each call of the API, in the structure of AWS
     * CloudTrail: who, from where, what, and how it ended.  Private keys and
     * passphrases are never in it.  Each line has a number and the SHA-256
     * of the one before, also over rotations and restarts; "acmctl audit
     * verify" finds lines that were changed or are missing.  USR1 reopens
     * the file, which must be a regular one that the workers may open; nginx
     * makes it theirs.  With "sync" a line is on disk before its call is
     * answered; without, the last ones may be lost when the machine fails.
     * A line that cannot be written, as on a full disk, does not fail its
     * call: the error log and "acm_audit_failures_total" tell of it.
     *
     * Calls that are refused are there, too: whoever signed them wrongly is
     * of the type "Unknown", and has no account.  Of those that are refused
     * before they are made each worker writes 100 in a minute; the others
     * are counted, by error, in one line "SummarizeRefusedCalls".  What
     * nginx answers itself, as to too large a body, is only counted.
     */
    { ngx_string("audit_log"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_acm_audit_log,
      0,
      0,
      NULL },

    /*
     * Syntax:  cache number [size=size];
     * Default: cache 4096;
     * Context: acm
     *
     * How many names each worker keeps ready for handshakes, and how much
     * memory they may take, 4m or more; by default 16k for each.  One takes
     * about 7 KB with an ECDSA certificate, 12 KB with RSA.  A name that is not
     * among them costs its handshake a look into the store; names that are
     * asked for once do not displace those that are used.  Also kept, within
     * the same size, are 1024 names that have no certificate.
     *
     * The 1024 names that were asked for most are made ready in a new worker,
     * too, as far as they fit: a few every two milliseconds, so that no
     * handshake waits for it, all in about a second, after a reload or a
     * crash, and after a restart, for which "names.warm" in the store's
     * directory lists them.  Not with "master_process off".
     */
    { ngx_string("cache"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_acm_cache_size,
      0,
      0,
      NULL },

    /*
     * Syntax:  users file;
     * Default: -
     * Context: acm
     *
     * Who may use "acm_api": a file of accounts, users, access keys and
     * policies, which "acmctl user" makes.  Read by the master process when
     * it starts and at each reload; nobody but its owner may write it, nobody
     * else may read it.
     */
    { ngx_string("users"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_acm_users,
      0,
      0,
      NULL },

    /*
     * Syntax:  unused time | off;
     * Default: unused off;
     * Context: acm
     *
     * A certificate that no handshake had for so long, and that is older than
     * that, is not renewed, and expires in the end.  When it is served again,
     * it is renewed again, within a minute; if it has expired by then, clients
     * refuse it until it is.  "acmctl list --unused TIME" lists them.
     * Resumed sessions are not counted, and of an EC and an RSA certificate
     * for the same name both are taken as served.
     */
    { ngx_string("unused"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_acm_unused,
      0,
      0,
      NULL },

    /*
     * Syntax:  versions number;
     * Default: versions 3;
     * Context: acm
     *
     * How many versions of each certificate are kept in the store, 2 to 100,
     * the one that is served included.  "acmctl rollback" puts an older one
     * in use again.  When the number is made smaller, what is too much goes
     * with the next version of each certificate.
     */
    { ngx_string("versions"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_acm_conf_t, versions),
      &ngx_acm_versions_bounds },

    /*
     * Syntax:  cloudwatch URL region=name credentials=file [namespace=name]
     *          [every=time] [trusted_certificate=file];
     * Default: -
     * Context: acm
     *
     * Amazon CloudWatch, or what speaks its protocol, gets the metric
     * DaysToExpiry of each certificate that has not expired, twice a day or
     * as often as "every" says.  The URL is like
     * https://monitoring.eu-west-1.amazonaws.com/, https or http at a
     * loopback address; "credentials" is a file as the AWS CLI has it, that
     * only its owner may read.  The namespace is CertificateManager by
     * default; "AWS/CertificateManager", ACM's own, is refused by AWS.
     */
    { ngx_string("cloudwatch"),
      NGX_ACM_MAIN_CONF|NGX_CONF_2MORE,
      ngx_acm_cloudwatch,
      0,
      0,
      NULL },

    /*
     * Syntax:  stapling on|off [responder=URL];
     * Default: stapling on;
     * Context: acm
     *
     * OCSP stapling for certificates that name a responder: the helper asks
     * it, checks the response and keeps it in the store, workers hand it to
     * clients.  A certificate that was revoked is replaced at once, unless it
     * was imported.  "responder" is asked in place of all others; without it
     * none is asked that is named by an address.
     */
    { ngx_string("stapling"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_acm_stapling,
      0,
      0,
      NULL },

    /*
     * Syntax:  helper_timeout time;
     * Default: helper_timeout 60s;
     * Context: acm
     *
     * How long the helper may be silent before it is called down, in the log
     * and in "acm_status".  It speaks once a second, but waits up to half a
     * minute when the store is in trouble.
     */
    { ngx_string("helper_timeout"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      0,
      offsetof(ngx_acm_conf_t, helper_timeout),
      &ngx_acm_timeout_bounds },

    ngx_null_command
};


ngx_module_t  ngx_acm_conf_module = {
    NGX_MODULE_V1,
    NULL,                                  /* module context */
    ngx_acm_conf_commands,                 /* module directives */
    NGX_ACM_MODULE,                        /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


char *
ngx_acm_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                *rv;
    void                *confp[1];
    ngx_conf_t           pcf;
    ngx_acm_conf_t      *amcf;
    ngx_acm_conf_ctx_t   ctx;

    amcf = *(ngx_acm_conf_t **) conf;

    if (amcf->enabled) {
        return "is duplicate";
    }

    amcf->enabled = 1;
    amcf->file = cf->conf_file->file.name.data;
    amcf->line = cf->conf_file->line;

    /* all modules of this type have the one configuration */

    ngx_acm_conf_module.ctx_index = 0;
    ngx_acm_issuer_module.ctx_index = 0;
    ngx_acm_limit_module.ctx_index = 0;

    confp[0] = amcf;
    ctx.conf = confp;

    pcf = *cf;

    cf->ctx = &ctx;
    cf->module_type = NGX_ACM_MODULE;

    rv = ngx_acm_parse_block(cf, NGX_ACM_MAIN_CONF);

    *cf = pcf;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_acm_block_done(cf, amcf);
}


char *
ngx_acm_parse_block(ngx_conf_t *cf, ngx_uint_t type)
{
    char        *rv;
    ngx_uint_t   cmd_type;

    cmd_type = cf->cmd_type;
    cf->cmd_type = type;

    rv = ngx_conf_parse(cf, NULL);

    cf->cmd_type = cmd_type;

    return rv;
}


static char *
ngx_acm_block_done(ngx_conf_t *cf, ngx_acm_conf_t *amcf)
{
    static ngx_str_t  zone = ngx_string("acm");
    static ngx_str_t  key = ngx_string("acm.key");
    static ngx_str_t  name = ngx_string(NGX_ACM_ISSUER);

    ngx_acm_issuer_t  *issuer;

    if (amcf->issuers.nelts == 0) {
        issuer = ngx_acm_issuer_add(cf, amcf, &name);
        if (issuer == NULL) {
            return NGX_CONF_ERROR;
        }

        issuer->ca = 1;
    }

    if (ngx_acm_sink_check(cf, amcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (amcf->account.data == NULL) {
        ngx_str_set(&amcf->account, NGX_ACM_ACCOUNT);
    }

    ngx_conf_init_value(amcf->map_size, (off_t) ACM_STORE_MAP_SIZE);
    ngx_conf_init_value(amcf->resident, NGX_ACM_RESIDENT);
    ngx_conf_init_value(amcf->cache, NGX_ACM_CACHE);

    if (amcf->cache_size == 0) {
        amcf->cache_size = (size_t) amcf->cache * NGX_ACM_CACHE_EACH;
        amcf->cache_size = ngx_max(amcf->cache_size, NGX_ACM_CACHE_LEAST);
    }

    ngx_conf_init_value(amcf->helper_timeout, NGX_ACM_HELPER_TIMEOUT);
    ngx_conf_init_value(amcf->unused, 0);
    ngx_conf_init_value(amcf->stapling, 1);
    ngx_conf_init_value(amcf->in_use, NGX_ACM_IN_USE);
    ngx_conf_init_value(amcf->versions, ACM_VERSIONS);

    if (!amcf->warn_at) {
        acm_ladder_default(&amcf->ladder);
    }

    if (amcf->store.data == NULL
        && ngx_acm_default_store(cf, &amcf->store) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (amcf->master_key.data == NULL) {
        amcf->master_key = key;
    }

    if (ngx_conf_full_name(cf->cycle, &amcf->store, 0) != NGX_OK
        || ngx_conf_full_name(cf->cycle, &amcf->master_key, 1) != NGX_OK
        || ngx_acm_add_path(cf, amcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    amcf->zone = ngx_shared_memory_add(cf, &zone,
                                       2 * ngx_align(sizeof(ngx_acm_shared_t),
                                                     ngx_pagesize)
                                       + NGX_ACM_ZONE_PAGES * ngx_pagesize,
                                       &ngx_acm_module);
    if (amcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->zone->init = ngx_acm_init_zone;

    return NGX_CONF_OK;
}


/* "acm" in the directory that nginx's own temporary directories lie in */

static ngx_int_t
ngx_acm_default_store(ngx_conf_t *cf, ngx_str_t *store)
{
    u_char            *p;
    size_t             len;
    static ngx_str_t   temp = ngx_string(NGX_HTTP_PROXY_TEMP_PATH);

    for (len = temp.len; len > 0 && temp.data[len - 1] != '/'; len--) {
        /* void */
    }

    store->len = len + sizeof("acm") - 1;
    store->data = ngx_pnalloc(cf->pool, store->len + 1);
    if (store->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(store->data, temp.data, len);
    ngx_memcpy(p, "acm", sizeof("acm"));

    return NGX_OK;
}


static ngx_int_t
ngx_acm_add_path(ngx_conf_t *cf, ngx_acm_conf_t *amcf)
{
    ngx_path_t  *path;

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_ERROR;
    }

    path->name = amcf->store;
    path->manager = ngx_acm_helper_manager;
    path->data = amcf;
    path->conf_file = amcf->file;
    path->line = amcf->line;

    amcf->path = path;

    return ngx_add_path(cf, &amcf->path);
}


static ngx_int_t
ngx_acm_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t   *shpool;
    ngx_acm_shared_t  *shared;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    shared = data ? data : zone->shm.exists ? shpool->data : NULL;

    if (shared && shared->layout == NGX_ACM_LAYOUT) {
        zone->data = shared;
        return NGX_OK;
    }

    /* one of another layout stays where it is, for the old processes */

    shared = ngx_slab_calloc(shpool, sizeof(ngx_acm_shared_t));
    if (shared == NULL) {
        return NGX_ERROR;
    }

    if (RAND_bytes(shared->throttle.seed, ACM_THROTTLE_SEED) != 1
        || RAND_bytes(shared->replay.seed, ACM_REPLAY_SEED) != 1
        || RAND_bytes((u_char *) &shared->warm.seed, sizeof(uint64_t)) != 1)
    {
        return NGX_ERROR;
    }

    shared->used_since = (ngx_atomic_uint_t) ngx_time();
    shared->layout = NGX_ACM_LAYOUT;
    shared->metrics.beat = (ngx_atomic_uint_t) acm_ticks();

    shpool->data = shared;
    zone->data = shared;

    return NGX_OK;
}


static char *
ngx_acm_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (amcf->store.data) {
        return "is duplicate: one acm {} has one store";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "has an empty path";
    }

    amcf->store = value[1];

    while (amcf->store.len > 1
           && amcf->store.data[amcf->store.len - 1] == '/')
    {
        amcf->store.data[--amcf->store.len] = '\0';
    }

    for (i = 2; i < cf->args->nelts; i++) {

        rv = ngx_acm_store_parameter(cf, amcf, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_acm_store_parameter(ngx_conf_t *cf, ngx_acm_conf_t *amcf,
    ngx_str_t *value)
{
    ngx_str_t  size;

    if (ngx_strncmp(value->data, "size=", 5) == 0) {

        if (amcf->map_size != NGX_CONF_UNSET) {
            return "has \"size\" twice";
        }

        size.data = value->data + 5;
        size.len = value->len - 5;

        amcf->map_size = ngx_parse_offset(&size);

        if (amcf->map_size == NGX_ERROR
            || amcf->map_size < (off_t) ACM_STORE_MIN_MAP)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid store size \"%V\": use at least 1m, "
                               "like \"size=64g\"", &size);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    return ngx_acm_resident_parameter(cf, amcf, value);
}


static char *
ngx_acm_account(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    size_t      i;
    ngx_str_t  *value;

    if (amcf->account.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        if (value[1].data[i] < '0' || value[1].data[i] > '9') {
            break;
        }
    }

    if (i != 12 || value[1].len != 12) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid account \"%V\": use twelve digits",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    amcf->account = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_acm_resolver(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    u_char      *p;
    ngx_url_t    u;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (amcf->resolver.data) {
        return "is duplicate";
    }

    if (cf->args->nelts - 1 > NGX_ACM_MAX_RESOLVERS) {
        return "has too many addresses, use up to eight";
    }

    p = ngx_pnalloc(cf->pool, (cf->args->nelts - 1)
                              * (NGX_SOCKADDR_STRLEN + 1));
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->resolver.data = p;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        ngx_memzero(&u, sizeof(ngx_url_t));

        u.url = value[i];
        u.default_port = 53;
        u.no_resolve = 1;

        if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs != 1
            || u.family == AF_UNIX || u.uri.len != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s in resolver \"%V\": use an IP address, an "
                               "IPv6 address in brackets, and a port if it is "
                               "not 53", u.err ? u.err : "no IP address",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        p = ngx_cpymem(p, u.addrs[0].name.data, u.addrs[0].name.len);
        *p++ = ',';
    }

    /* the last comma is the end */

    *--p = '\0';
    amcf->resolver.len = p - amcf->resolver.data;

    return NGX_CONF_OK;
}


static char *
ngx_acm_default_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_str_t   *value, *name;
    ngx_uint_t   i;

    if (amcf->default_issuers) {
        return "is duplicate: name all issuers in one, in their order";
    }

    if (cf->args->nelts - 1 > ACM_MAX_TURN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d default issuers", ACM_MAX_TURN);
        return NGX_CONF_ERROR;
    }

    amcf->default_issuers = ngx_array_create(cf->pool, cf->args->nelts,
                                             sizeof(ngx_str_t));
    if (amcf->default_issuers == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        name = ngx_array_push(amcf->default_issuers);
        *name = value[i];
    }

    return NGX_CONF_OK;
}
