
/*
 * Copyright (C) The ngx_acm authors
 *
 * The directive of updated zones, and which of them serves a name.
 */


#include <sys/mman.h>

#include "ngx_acm_update.h"


#define NGX_ACM_UPDATE_PORT  53


static ngx_acm_update_zone_t *ngx_acm_update_add(ngx_conf_t *cf,
    ngx_acm_conf_t *amcf, ngx_str_t *name);
static ngx_int_t ngx_acm_update_name(ngx_conf_t *cf, ngx_str_t *value,
    char *out);
static ngx_int_t ngx_acm_update_server(ngx_conf_t *cf,
    ngx_acm_update_zone_t *zone, ngx_str_t *value);
static ngx_int_t ngx_acm_update_key(ngx_conf_t *cf,
    ngx_acm_update_zone_t *zone, ngx_str_t *file);
static ngx_int_t ngx_acm_update_ttl(ngx_conf_t *cf,
    ngx_acm_update_zone_t *zone, ngx_str_t *value);
static void ngx_acm_update_unmap(void *data);


char *
ngx_acm_dns_update(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_int_t               rc;
    ngx_str_t              *value, s;
    ngx_uint_t              i;
    ngx_acm_update_zone_t  *zone;

    value = cf->args->elts;

    zone = ngx_acm_update_add(cf, amcf, &value[1]);

    if (zone == NULL || ngx_acm_update_server(cf, zone, &value[2]) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 3; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "key=", 4) == 0) {
            s.data = value[i].data + 4;
            s.len = value[i].len - 4;
            rc = ngx_acm_update_key(cf, zone, &s);

        } else if (ngx_strncmp(value[i].data, "ttl=", 4) == 0) {
            s.data = value[i].data + 4;
            s.len = value[i].len - 4;
            rc = ngx_acm_update_ttl(cf, zone, &s);

        } else if (ngx_strncmp(value[i].data, "via=", 4) == 0) {
            s.data = value[i].data + 4;
            s.len = value[i].len - 4;
            rc = ngx_acm_update_name(cf, &s, zone->via);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": \"key=\", \"ttl=\" "
                               "and \"via=\" are the only ones", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (zone->ttl == 0) {
        zone->ttl = NGX_ACM_UPDATE_TTL;
    }

    if (zone->key_secret == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no key for zone \"%s\": add \"key=\" with a file "
                           "that \"tsig-keygen\" has written", zone->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_acm_update_zone_t *
ngx_acm_update_add(ngx_conf_t *cf, ngx_acm_conf_t *amcf, ngx_str_t *name)
{
    ngx_uint_t              i;
    ngx_acm_update_zone_t  *zone;

    if (amcf->updates == NULL) {
        amcf->updates = ngx_array_create(cf->pool, 4,
                                         sizeof(ngx_acm_update_zone_t));
        if (amcf->updates == NULL) {
            return NULL;
        }
    }

    if (amcf->updates->nelts == NGX_ACM_MAX_UPDATES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d zones", NGX_ACM_MAX_UPDATES);
        return NULL;
    }

    zone = ngx_array_push(amcf->updates);
    if (zone == NULL) {
        return NULL;
    }

    ngx_memzero(zone, sizeof(ngx_acm_update_zone_t));

    zone->file = cf->conf_file->file.name.data;
    zone->line = cf->conf_file->line;

    if (ngx_acm_update_name(cf, name, zone->name) != NGX_OK) {
        return NULL;
    }

    zone = amcf->updates->elts;

    for (i = 0; i < amcf->updates->nelts - 1; i++) {

        if (ngx_strcmp(zone[i].name, zone[amcf->updates->nelts - 1].name)
            == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate zone \"%s\", the first is in "
                               "%s:%ui", zone[i].name, zone[i].file,
                               zone[i].line);
            return NULL;
        }
    }

    return &zone[i];
}


/* A zone may be called "_acme-challenge.www.example.com", or "lan". */

static ngx_int_t
ngx_acm_update_name(ngx_conf_t *cf, ngx_str_t *value, char *out)
{
    char        name[ACM_MAX_DNS_NAME + 1];
    size_t      i;
    acm_err_t   err;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] >= 0x80) {
            if (acm_name_request((char *) value->data, value->len, out, &err)
                == ACM_OK)
            {
                return NGX_OK;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid zone \"%V\": "
                               "%s", value, err.text);
            return NGX_ERROR;
        }

        if (!((value->data[i] | 0x20) >= 'a' && (value->data[i] | 0x20) <= 'z')
            && !(value->data[i] >= '0' && value->data[i] <= '9')
            && ngx_strchr("-_.", value->data[i]) == NULL)
        {
            break;
        }
    }

    if (i != value->len || i == 0 || acm_name_is_ip((char *) value->data, i)
        || acm_dns_name((char *) value->data, name) != ACM_OK
        || ngx_strlen(name) > ACM_MAX_NAME || ngx_strcmp(name, ".") == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\": use the name of the zone as "
                           "the server has it, like \"example.com\"", value);
        return NGX_ERROR;
    }

    ngx_memcpy(out, name, ngx_strlen(name) + 1);

    return NGX_OK;
}


static ngx_int_t
ngx_acm_update_server(ngx_conf_t *cf, ngx_acm_update_zone_t *zone,
    ngx_str_t *value)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *value;
    u.default_port = NGX_ACM_UPDATE_PORT;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs != 1
        || u.family == AF_UNIX || u.uri.len != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in server \"%V\": use the IP address of the "
                           "zone's primary server, an IPv6 address in "
                           "brackets, and a port if it is not 53",
                           u.err ? u.err : "no IP address", value);
        return NGX_ERROR;
    }

    zone->addr = u.addrs[0];

    return NGX_OK;
}


/* Read here, by root; a page of its own is left out of core dumps. */

static ngx_int_t
ngx_acm_update_key(ngx_conf_t *cf, ngx_acm_update_zone_t *zone,
    ngx_str_t *file)
{
    void                *page;
    acm_err_t            err;
    ngx_pool_cleanup_t  *cln;

    if (zone->key_secret) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate \"key=%V\": a zone has one key", file);
        return NGX_ERROR;
    }

    if (file->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"key=\" names no file");
        return NGX_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    page = mmap(NULL, sizeof(acm_tsig_secret_t), PROT_READ|PROT_WRITE,
                MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "acm: mmap() of a key page failed");
        return NGX_ERROR;
    }

    (void) madvise(page, sizeof(acm_tsig_secret_t), MADV_DONTDUMP);

    zone->key_secret = page;

    cln->handler = ngx_acm_update_unmap;
    cln->data = page;

    /* "nginx -s" needs no key, and its user may not be able to read it */

    if (ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_OK;
    }

    if (acm_tsig_load((char *) file->data, page, &err) != ACM_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", err.text);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_update_ttl(ngx_conf_t *cf, ngx_acm_update_zone_t *zone,
    ngx_str_t *value)
{
    ngx_int_t  ttl;

    if (zone->ttl) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"ttl=%V\"",
                           value);
        return NGX_ERROR;
    }

    ttl = ngx_parse_time(value, 1);

    if (ttl == NGX_ERROR || ttl < 1 || ttl > NGX_ACM_UPDATE_MAX_TTL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"ttl=%V\": use 1 to %d seconds", value,
                           NGX_ACM_UPDATE_MAX_TTL);
        return NGX_ERROR;
    }

    zone->ttl = (uint32_t) ttl;

    return NGX_OK;
}


static void
ngx_acm_update_unmap(void *data)
{
    acm_tsig_wipe(data);

    (void) munmap(data, sizeof(acm_tsig_secret_t));
}


void
ngx_acm_update_forget(ngx_acm_conf_t *amcf)
{
    ngx_uint_t              i;
    ngx_acm_update_zone_t  *zone;

    if (amcf->updates == NULL) {
        return;
    }

    zone = amcf->updates->elts;

    for (i = 0; i < amcf->updates->nelts; i++) {
        acm_tsig_wipe(zone[i].key_secret);
    }
}


ngx_acm_update_zone_t *
ngx_acm_update_find(ngx_acm_conf_t *amcf, const char *name)
{
    ngx_uint_t              i;
    ngx_acm_update_zone_t  *zone;

    if (amcf->updates == NULL) {
        return NULL;
    }

    zone = amcf->updates->elts;

    for ( /* void */ ; name != NULL; name = acm_dns_parent(name)) {

        for (i = 0; i < amcf->updates->nelts; i++) {
            if (ngx_strcmp(zone[i].name, name) == 0) {
                return &zone[i];
            }
        }
    }

    return NULL;
}


ngx_uint_t
ngx_acm_update_zone(ngx_acm_conf_t *amcf, const char *name)
{
    char  normal[ACM_MAX_DNS_NAME + 1];

    return acm_dns_name(name, normal) == ACM_OK
           && ngx_acm_update_find(amcf, normal) != NULL;
}


const char *
ngx_acm_update_alias(ngx_acm_conf_t *amcf, const char *name, char *buf)
{
    u_char                 *p;
    ngx_acm_update_zone_t  *zone;

    if (acm_dns_name(name, buf) != ACM_OK) {
        return NULL;
    }

    zone = ngx_acm_update_find(amcf, buf);

    if (zone == NULL || zone->via[0] == '\0') {
        return NULL;
    }

    p = (u_char *) buf + ngx_strlen(buf);

    ngx_sprintf(p, ".%s%Z", zone->via);

    return buf;
}
