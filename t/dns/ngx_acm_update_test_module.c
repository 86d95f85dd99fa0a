
/*
 * Copyright (C) The ngx_acm authors
 *
 * Lets t/update.t use the module's dynamic updates: each "acm_update_test"
 * line is one that the helper sends when it starts; its result becomes one
 * line of the error log.  Further arguments of a line are sent from the
 * handler, one after the other.
 *
 *   acm_update_test label add|remove|cancel name value [add|... name value]
 *   acm_update_test label forget other-label -
 *   acm_update_test label flood name number
 *   acm_update_test label alias|zone name
 *   acm_update_test label done - - [add|... name value]
 */


#include "../../ngx_acm_module/ngx_acm_update.h"


typedef struct {
    ngx_array_t         lines;       /* of char ** */
} ngx_acm_update_test_conf_t;


typedef struct {
    char              **arg;
    char               *label;
    ngx_uint_t          within;
} ngx_acm_update_test_t;


static void *ngx_acm_update_test_create(ngx_cycle_t *cycle);
static char *ngx_acm_update_test_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void ngx_acm_update_test_next(ngx_acm_update_test_t *t);
static void ngx_acm_update_test_say(ngx_acm_update_test_t *t);
static void ngx_acm_update_test_flood(ngx_acm_update_test_t *t);
static void ngx_acm_update_test_forget(const char *label);
static ngx_int_t ngx_acm_update_test_process(ngx_cycle_t *cycle);


static ngx_uint_t              ngx_acm_update_ntests;
static ngx_acm_update_test_t  *ngx_acm_update_tests;


static ngx_command_t  ngx_acm_update_test_commands[] = {

    { ngx_string("acm_update_test"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_acm_update_test_line,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_acm_update_test_ctx = {
    ngx_string("acm_update_test"),
    ngx_acm_update_test_create,
    NULL
};


ngx_module_t  ngx_acm_update_test_module = {
    NGX_MODULE_V1,
    &ngx_acm_update_test_ctx,
    ngx_acm_update_test_commands,
    NGX_CORE_MODULE,
    NULL,
    NULL,
    ngx_acm_update_test_process,
    NULL,
    NULL,
    NULL,
    NULL,
    NGX_MODULE_V1_PADDING
};


ngx_module_t  *ngx_modules[] = { &ngx_acm_update_test_module, NULL };
char  *ngx_module_names[] = { "ngx_acm_update_test_module", NULL };
char  *ngx_module_order[] = { NULL };


static void *
ngx_acm_update_test_create(ngx_cycle_t *cycle)
{
    ngx_acm_update_test_conf_t  *tcf;

    tcf = ngx_pcalloc(cycle->pool, sizeof(ngx_acm_update_test_conf_t));

    if (tcf == NULL || ngx_array_init(&tcf->lines, cycle->pool, 8,
                                      sizeof(char **))
                       != NGX_OK)
    {
        return NULL;
    }

    return tcf;
}


static char *
ngx_acm_update_test_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_update_test_conf_t  *tcf = conf;

    char       ***args;
    ngx_str_t    *value;
    ngx_uint_t    i;

    args = ngx_array_push(&tcf->lines);
    if (args == NULL) {
        return NGX_CONF_ERROR;
    }

    *args = ngx_pcalloc(cf->pool, (cf->args->nelts + 3) * sizeof(char *));
    if (*args == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        (*args)[i - 1] = (char *) value[i].data;
    }

    return NGX_CONF_OK;
}


static void
ngx_acm_update_test_handler(void *data, acm_rc_t rc, const char *why)
{
    ngx_acm_update_test_t  *t = data;

    ngx_uint_t  level;

    level = t->within ? NGX_LOG_ALERT : NGX_LOG_NOTICE;

    ngx_log_error(level, ngx_cycle->log, 0, "update test %s: rc %d, %s",
                  t->label, rc, why);

    t->arg += 3;

    ngx_acm_update_test_next(t);
}


static void
ngx_acm_update_test_next(ngx_acm_update_test_t *t)
{
    char       *op;
    ngx_int_t   rc;

    op = t->arg[1];

    if (op == NULL) {
        return;
    }

    if (strcmp(op, "done") == 0 || strcmp(op, "forget") == 0) {

        if (op[0] == 'd') {
            ngx_acm_update_done();

        } else {
            ngx_acm_update_test_forget(t->arg[2]);
        }

        t->arg += 3;
        ngx_acm_update_test_next(t);
        return;
    }

    if (strcmp(op, "alias") == 0 || strcmp(op, "zone") == 0) {
        ngx_acm_update_test_say(t);
        return;
    }

    if (strcmp(op, "flood") == 0) {
        ngx_acm_update_test_flood(t);
        return;
    }

    t->within = 1;

    rc = ngx_acm_update_send(ngx_acm_get_conf(ngx_cycle), t->arg[2],
                             t->arg[3], strcmp(op, "remove") != 0,
                             ngx_acm_update_test_handler, t, ngx_cycle->log);

    t->within = 0;

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "update test %s: at once %i", t->label, rc);
    }

    if (strcmp(op, "cancel") == 0) {
        ngx_acm_update_cancel(t);
    }
}


static void
ngx_acm_update_test_say(ngx_acm_update_test_t *t)
{
    char             buf[2 * ACM_MAX_DNS_NAME];
    const char      *alias;
    ngx_acm_conf_t  *amcf;

    amcf = ngx_acm_get_conf(ngx_cycle);

    if (strcmp(t->arg[1], "zone") == 0) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "update test %s: zone %ui", t->label,
                      ngx_acm_update_zone(amcf, t->arg[2]));
        return;
    }

    alias = ngx_acm_update_alias(amcf, t->arg[2], buf);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "update test %s: alias %s", t->label,
                  alias ? alias : "none");
}


/* All wait until the event runs, and then are gone. */

static void
ngx_acm_update_test_flood(ngx_acm_update_test_t *t)
{
    ngx_int_t  n, sent;

    n = ngx_atoi((u_char *) t->arg[3], ngx_strlen(t->arg[3]));

    for (sent = 0; sent < n; sent++) {
        if (ngx_acm_update_send(ngx_acm_get_conf(ngx_cycle), t->arg[2], "x",
                                1, ngx_acm_update_test_handler, t,
                                ngx_cycle->log)
            != NGX_OK)
        {
            break;
        }
    }

    ngx_acm_update_cancel(t);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "update test %s: took %i", t->label, sent);
}


static void
ngx_acm_update_test_forget(const char *label)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_acm_update_ntests; i++) {
        if (strcmp(ngx_acm_update_tests[i].label, label) == 0) {
            ngx_acm_update_cancel(&ngx_acm_update_tests[i]);
        }
    }
}


static ngx_int_t
ngx_acm_update_test_process(ngx_cycle_t *cycle)
{
    char                        ***args;
    ngx_uint_t                     i;
    ngx_acm_update_test_t         *t;
    ngx_acm_update_test_conf_t    *tcf;

    if (ngx_process != NGX_PROCESS_HELPER) {
        return NGX_OK;
    }

    tcf = (ngx_acm_update_test_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                                 ngx_acm_update_test_module);

    t = ngx_calloc(tcf->lines.nelts * sizeof(ngx_acm_update_test_t),
                   cycle->log);
    if (t == NULL) {
        return NGX_OK;
    }

    ngx_acm_update_tests = t;
    ngx_acm_update_ntests = tcf->lines.nelts;
    args = tcf->lines.elts;

    for (i = 0; i < tcf->lines.nelts; i++) {
        t[i].arg = args[i];
        t[i].label = args[i][0];
    }

    for (i = 0; i < tcf->lines.nelts; i++) {
        ngx_acm_update_test_next(&t[i]);
    }

    return NGX_OK;
}
