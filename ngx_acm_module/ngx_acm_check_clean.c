
/*
 * Copyright (C) The ngx_acm authors
 *
 * Takes the TXT records of an order out of other servers' zones again.
 */


#include "ngx_acm_check.h"
#include "ngx_acm_update.h"
#include "../shared/acm_challenge.h"


#define NGX_ACM_CHECK_HOST  (sizeof("_acme-challenge.") * 2 + ACM_MAX_NAME)


static void ngx_acm_check_clean_resumed(ngx_acm_checker_t *checker,
    const acm_order_t *order);
static void ngx_acm_check_remove(ngx_acm_checker_t *checker,
    const acm_order_t *order, acm_method_e method, const char *name,
    const char *value);
static void ngx_acm_check_removed(void *data, acm_rc_t rc, const char *why);


void
ngx_acm_check_clean(void *data, const acm_order_t *order)
{
    ngx_acm_checker_t  *checker = data;

    char                      value[ACM_THUMBPRINT_LEN + 1];
    size_t                    i;
    const acm_order_authz_t  *a;

    for (i = 0; i < order->nauthz; i++) {
        a = &order->authz[i];

        if (a->name && ngx_acm_check_value(order, a, value) == NGX_OK) {
            ngx_acm_check_remove(checker, order, a->method, a->name, value);
        }
    }

    if (order->rec.resumed) {
        ngx_acm_check_clean_resumed(checker, order);
    }
}


/*
 * What a process that died put there.  A CA that is satisfied already is not
 * asked for the challenges again, but their values are in the store.
 */

static void
ngx_acm_check_clean_resumed(ngx_acm_checker_t *checker,
    const acm_order_t *order)
{
    char         label[ACM_LABEL_LEN + 1], *name;
    char         values[ACM_MAX_TXT][ACM_TXT_LEN + 1];
    size_t       i, j, n;
    acm_snap_t  *snap;

    if (acm_store_begin(acm_keyring_store(checker->ring), &snap, NULL)
        != ACM_OK)
    {
        return;
    }

    for (i = 0; i < order->rec.nnames; i++) {
        name = order->rec.names[i];

        if (acm_validation_get(snap, order->rec.account, name, label)
            != ACM_OK
            || acm_challenge_txt(snap, label, order->rec.uuid, acm_now(),
                                 values, &n)
               != ACM_OK)
        {
            continue;
        }

        for (j = 0; j < n; j++) {
            ngx_acm_check_remove(checker, order, ACM_METHOD_DNS_01, name,
                                 values[j]);
            ngx_acm_check_remove(checker, order, ACM_METHOD_DNS_ACCOUNT_01,
                                 name, values[j]);
        }
    }

    acm_store_end(snap);
}


static void
ngx_acm_check_remove(ngx_acm_checker_t *checker, const acm_order_t *order,
    acm_method_e method, const char *name, const char *value)
{
    char  host[NGX_ACM_CHECK_HOST];

    if (acm_method_host(method, name, acm_session_account(order->session),
                        host, sizeof(host))
        != ACM_OK)
    {
        return;
    }

    if (ngx_acm_update_send(checker->amcf, host, value, 0,
                            ngx_acm_check_removed, checker, checker->log)
        == NGX_ERROR)
    {
        ngx_acm_check_removed(checker, ACM_ERROR, host);
    }
}


static void
ngx_acm_check_removed(void *data, acm_rc_t rc, const char *why)
{
    ngx_acm_checker_t  *checker = data;

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_WARN, checker->log, 0,
                      "acm: a validation record stays behind: %s", why);
    }
}
