
/*
 * Copyright (C) The ngx_acm authors
 *
 * The directive of the validation zone.  Who answers for it is the stream
 * module, which may be absent; its acm_dns directives are noted here.
 */


#include "ngx_acm.h"


#define NGX_ACM_ZONE_NS       "ns."
#define NGX_ACM_ZONE_MAILBOX  "hostmaster."


static ngx_int_t ngx_acm_zone_name(ngx_conf_t *cf, ngx_acm_zone_t *zone,
    ngx_str_t *value);
static ngx_int_t ngx_acm_zone_ns(ngx_conf_t *cf, ngx_acm_zone_t *zone,
    ngx_str_t *value);
static ngx_int_t ngx_acm_zone_address(ngx_conf_t *cf, ngx_acm_zone_t *zone,
    ngx_str_t *value);
static ngx_int_t ngx_acm_zone_done(ngx_conf_t *cf, ngx_acm_zone_t *zone);


char *
ngx_acm_validation_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_int_t        rc;
    ngx_str_t       *value, s;
    ngx_uint_t       i;
    ngx_acm_zone_t  *zone;

    if (amcf->validation) {
        return "is duplicate";
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_acm_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->validation = zone;

    value = cf->args->elts;

    if (ngx_acm_zone_name(cf, zone, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "ns=", 3) == 0) {
            s.data = value[i].data + 3;
            s.len = value[i].len - 3;
            rc = ngx_acm_zone_ns(cf, zone, &s);

        } else if (ngx_strncmp(value[i].data, "address=", 8) == 0) {
            s.data = value[i].data + 8;
            s.len = value[i].len - 8;
            rc = ngx_acm_zone_address(cf, zone, &s);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": \"ns=\" and "
                               "\"address=\" are the only ones", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_acm_zone_done(cf, zone) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_acm_zone_name(ngx_conf_t *cf, ngx_acm_zone_t *zone, ngx_str_t *value)
{
    acm_err_t  err;

    if (acm_name_request((char *) value->data, value->len, zone->name, &err)
        != ACM_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid validation zone \"%V\": %s", value,
                           err.text);
        return NGX_ERROR;
    }

    if (zone->name[0] == '*') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid validation zone \"%V\": a wildcard is "
                           "no zone, use a name of your own like "
                           "\"acm-validations.example.net\"", value);
        return NGX_ERROR;
    }

    if (ngx_strlen(zone->name) > ACM_MAX_DNS_ZONE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid validation zone \"%V\": use at most %d "
                           "octets, so that the labels fit in front",
                           value, ACM_MAX_DNS_ZONE);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_zone_ns(ngx_conf_t *cf, ngx_acm_zone_t *zone, ngx_str_t *value)
{
    acm_err_t  err;

    if (zone->ns[0] != '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate \"ns=%V\": the zone has one name "
                           "server", value);
        return NGX_ERROR;
    }

    if (acm_name_request((char *) value->data, value->len, zone->ns, &err)
        != ACM_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name server \"%V\": %s", value,
                           err.text);
        return NGX_ERROR;
    }

    if (zone->ns[0] == '*') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name server \"%V\": use the host name "
                           "that the parent zone delegates to", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_zone_address(ngx_conf_t *cf, ngx_acm_zone_t *zone, ngx_str_t *value)
{
    ngx_addr_t            addr;
    acm_dns_addr_t       *a;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    if (zone->zone.naddrs == ACM_MAX_DNS_ADDRS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many addresses: a name server has at most "
                           "%d", ACM_MAX_DNS_ADDRS);
        return NGX_ERROR;
    }

    if (ngx_parse_addr(cf->pool, &addr, value->data, value->len) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid address \"%V\": use an IP address, "
                           "without port or brackets", value);
        return NGX_ERROR;
    }

    a = &zone->addrs[zone->zone.naddrs++];

    switch (addr.sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) addr.sockaddr;
        a->len = 16;
        ngx_memcpy(a->octets, &sin6->sin6_addr, 16);
        break;
#endif

    default: /* AF_INET */
        sin = (struct sockaddr_in *) addr.sockaddr;
        a->len = 4;
        ngx_memcpy(a->octets, &sin->sin_addr, 4);
        break;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_zone_done(ngx_conf_t *cf, ngx_acm_zone_t *zone)
{
    size_t      len;
    ngx_uint_t  inside;

    len = ngx_strlen(zone->name);

    if (zone->ns[0] == '\0') {
        ngx_memcpy(zone->ns, NGX_ACM_ZONE_NS, sizeof(NGX_ACM_ZONE_NS) - 1);
        ngx_memcpy(zone->ns + sizeof(NGX_ACM_ZONE_NS) - 1, zone->name,
                   len + 1);
    }

    ngx_memcpy(zone->mailbox, NGX_ACM_ZONE_MAILBOX,
               sizeof(NGX_ACM_ZONE_MAILBOX) - 1);
    ngx_memcpy(zone->mailbox + sizeof(NGX_ACM_ZONE_MAILBOX) - 1, zone->name,
               len + 1);

    inside = acm_dns_in_zone(zone->ns, zone->name);

    if (zone->zone.naddrs && !inside) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"address=\" is for a name server in the zone, "
                           "and \"%s\" is not in \"%s\": remove it",
                           zone->ns, zone->name);
        return NGX_ERROR;
    }

    if (zone->zone.naddrs == 0 && inside) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the name server \"%s\" has no address: add "
                           "\"address=\" with the ones of this server, or "
                           "\"ns=\" with a name of another zone", zone->ns);
    }

    zone->zone.name = zone->name;
    zone->zone.ns = zone->ns;
    zone->zone.mailbox = zone->mailbox;
    zone->zone.addrs = zone->addrs;

    return NGX_OK;
}


ngx_int_t
ngx_acm_zone_check(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    if (amcf->dns_file == NULL || amcf->validation) {
        return NGX_OK;
    }

    if (!amcf->enabled) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"acm_dns\" in %s:%ui needs an \"acm {}\" block: add "
                      "\"acm { validation_zone NAME; }\" beside stream {}",
                      amcf->dns_file, amcf->dns_line);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                  "\"acm_dns\" in %s:%ui needs a zone: add "
                  "\"validation_zone NAME;\" to the \"acm {}\" block in "
                  "%s:%ui", amcf->dns_file, amcf->dns_line, amcf->file,
                  amcf->line);

    return NGX_ERROR;
}
