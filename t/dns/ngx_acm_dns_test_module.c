
/*
 * Copyright (C) The ngx_acm authors
 *
 * Lets t/resolver.t use the module's DNS: each "acm_dns_test" line is a
 * question that the first worker asks when it starts; its result becomes one
 * line of the error log.
 */


#include "../../ngx_acm_module/ngx_acm_preflight.h"


typedef struct {
    ngx_array_t         lines;       /* of ngx_array_t *, of ngx_str_t */
} ngx_acm_dns_test_conf_t;


typedef struct {
    char              **arg;
    const char         *identities[1];
    acm_caa_t           caa;
    acm_dns_check_t     check;
} ngx_acm_dns_test_t;


static void *ngx_acm_dns_test_create(ngx_cycle_t *cycle);
static char *ngx_acm_dns_test_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_acm_dns_test_process(ngx_cycle_t *cycle);
static void ngx_acm_dns_test_exit(ngx_cycle_t *cycle);


static ngx_command_t  ngx_acm_dns_test_commands[] = {

    { ngx_string("acm_dns_test"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_acm_dns_test_line,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_acm_dns_test_ctx = {
    ngx_string("acm_dns_test"),
    ngx_acm_dns_test_create,
    NULL
};


ngx_module_t  ngx_acm_dns_test_module = {
    NGX_MODULE_V1,
    &ngx_acm_dns_test_ctx,
    ngx_acm_dns_test_commands,
    NGX_CORE_MODULE,
    NULL,
    NULL,
    ngx_acm_dns_test_process,
    NULL,
    NULL,
    ngx_acm_dns_test_exit,
    NULL,
    NGX_MODULE_V1_PADDING
};


ngx_module_t  *ngx_modules[] = { &ngx_acm_dns_test_module, NULL };
char  *ngx_module_names[] = { "ngx_acm_dns_test_module", NULL };
char  *ngx_module_order[] = { NULL };


static void *
ngx_acm_dns_test_create(ngx_cycle_t *cycle)
{
    ngx_acm_dns_test_conf_t  *tcf;

    tcf = ngx_pcalloc(cycle->pool, sizeof(ngx_acm_dns_test_conf_t));

    if (tcf == NULL || ngx_array_init(&tcf->lines, cycle->pool, 8,
                                      sizeof(ngx_array_t *))
                       != NGX_OK)
    {
        return NULL;
    }

    return tcf;
}


static char *
ngx_acm_dns_test_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_dns_test_conf_t  *tcf = conf;

    char       ***args;
    ngx_str_t    *value;
    ngx_uint_t    i;

    args = ngx_array_push(&tcf->lines);
    if (args == NULL) {
        return NGX_CONF_ERROR;
    }

    *args = ngx_pcalloc(cf->pool, 12 * sizeof(char *));
    if (*args == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts && i < 11; i++) {
        (*args)[i - 1] = (char *) value[i].data;
    }

    return NGX_CONF_OK;
}


static void
ngx_acm_dns_test_answer(void *data, acm_rc_t rc, const uint8_t *wire,
    size_t len, const char *why)
{
    ngx_acm_dns_test_t  *t = data;

    char           rcode[16];
    acm_err_t      err;
    acm_dns_msg_t  msg;

    if (rc == ACM_OK && acm_dns_msg_parse(wire, len, &msg, &err) == ACM_OK) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "dns test %s: %s, aa %d, tc %d, records %uz, %s",
                      t->arg[1], acm_dns_rcode_text(msg.rcode, rcode),
                      (int) msg.aa, (int) msg.tc, msg.n,
                      len > ACM_DNS_EDNS_SIZE ? "long" : "short");
        acm_dns_msg_free(&msg);

    } else {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "dns test %s: rc %d, %s", t->arg[1], rc, why);
    }
}


static void
ngx_acm_dns_test_result(void *data, ngx_int_t rc, const char *text)
{
    ngx_acm_dns_test_t  *t = data;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "dns test %s: %s. %s", t->arg[1],
                  rc == NGX_OK ? "ok" : rc == NGX_AGAIN ? "later" : "no",
                  text);

    acm_dns_check_free(&t->check);
}


static void
ngx_acm_dns_test_run(ngx_acm_conf_t *amcf, char **arg)
{
    char                *kind, *server;
    ngx_int_t            rc;
    ngx_acm_dns_test_t  *t;

    t = ngx_calloc(sizeof(ngx_acm_dns_test_t), ngx_cycle->log);

    if (t == NULL) {
        return;
    }

    kind = arg[0];
    t->arg = arg;
    rc = NGX_AGAIN;

    if (strcmp(kind, "query") == 0 || strcmp(kind, "cancel") == 0) {
        server = strcmp(arg[2], "-") == 0 ? NULL : arg[2];

        rc = ngx_acm_dns_query(amcf, server, arg[3],
                               ngx_atoi((u_char *) arg[4],
                                        ngx_strlen(arg[4])),
                               ngx_atoi((u_char *) arg[5],
                                        ngx_strlen(arg[5])),
                               ngx_acm_dns_test_answer, t, ngx_cycle->log);
        rc = (rc == NGX_OK) ? NGX_AGAIN : rc;

        if (kind[0] == 'c') {
            ngx_acm_dns_cancel(t);
        }

    } else if (strcmp(kind, "caa") == 0) {
        t->identities[0] = arg[3];
        (void) acm_caa_init(&t->caa, arg[2], 0, t->identities, 1, NULL,
                            "dns-01");
        rc = ngx_acm_preflight_caa(amcf, &t->caa, ngx_acm_dns_test_result, t,
                                   ngx_cycle->log);

    } else if (strcmp(kind, "txt") == 0 || strcmp(kind, "drop") == 0) {
        (void) acm_dns_check_txt(&t->check, arg[2],
                                 arg[3][0] == '-' ? NULL : arg[3], arg[4]);
        t->check.port = (uint16_t) ngx_atoi((u_char *) arg[5],
                                            ngx_strlen(arg[5]));
        rc = ngx_acm_preflight_check(amcf, &t->check,
                                     ngx_acm_dns_test_result, t,
                                     ngx_cycle->log);

        if (kind[0] == 'd') {
            ngx_acm_preflight_cancel(t);
        }

    } else if (strcmp(kind, "addresses") == 0) {
        (void) acm_dns_addresses(&t->check, arg[2]);
        rc = ngx_acm_preflight_check(amcf, &t->check,
                                     ngx_acm_dns_test_result, t,
                                     ngx_cycle->log);

    } else if (strcmp(kind, "done") == 0) {
        ngx_acm_dns_done();
    }

    if (rc != NGX_AGAIN) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "dns test %s: at once %i", arg[1], rc);
    }
}


static ngx_int_t
ngx_acm_dns_test_process(ngx_cycle_t *cycle)
{
    char                    ***args;
    ngx_uint_t                 i;
    ngx_acm_dns_test_conf_t   *tcf;

    if (ngx_process != NGX_PROCESS_WORKER) {
        return NGX_OK;
    }

    tcf = (ngx_acm_dns_test_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                                   ngx_acm_dns_test_module);
    args = tcf->lines.elts;

    for (i = 0; i < tcf->lines.nelts; i++) {
        ngx_acm_dns_test_run(ngx_acm_get_conf(cycle), args[i]);
    }

    return NGX_OK;
}


static void
ngx_acm_dns_test_exit(ngx_cycle_t *cycle)
{
    ngx_acm_dns_done();
}
