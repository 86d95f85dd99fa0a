
/*
 * Copyright (C) The ngx_acm authors
 *
 * Tags, by the operations of certificates and by those of any resource.
 */


#include <string.h>
#include <strings.h>

#include "acm_api_impl.h"


static acm_rc_t acm_tags_read(acm_api_t *api, acm_cert_t *cert,
    uint64_t *revision, acm_tags_t *tags);
static acm_rc_t acm_tags_write(acm_api_t *api, const acm_cert_t *cert,
    uint64_t revision, const acm_tags_t *tags);
static acm_rc_t acm_tags_many(acm_api_t *api, const acm_tags_t *tags,
    const json_t *in);
static void acm_tags_show(acm_buf_t *buf, const char *key,
    const char *value);


acm_rc_t
acm_api_tags_in(acm_api_t *api, const char *member, acm_tags_t *tags)
{
    size_t         i, n;
    json_t        *list, *tag;
    acm_rc_t       rc;
    const char    *key, *value;

    acm_tags_init(tags);

    list = json_object_get(api->in, member);
    n = json_array_size(list);

    for (i = 0; i < n; i++) {
        tag = json_array_get(list, i);
        key = json_string_value(json_object_get(tag, "Key"));
        value = json_string_value(json_object_get(tag, "Value"));

        if (strncasecmp(key, "aws:", 4) == 0) {
            rc = acm_api_fault(api, "InvalidTagException", "Invalid Tag Key: "
                               "\"%s\". AWS internal tags cannot be changed "
                               "with this API", key);

        } else if (acm_tags_find(tags, key) != NULL) {
            rc = acm_api_fault(api, "InvalidTagException", "The tag key "
                               "\"%s\" is there more than once.", key);

        } else {
            rc = acm_tags_set(tags, key, value);
        }

        if (rc != ACM_OK) {
            acm_tags_free(tags);
            return (rc == ACM_NOMEM) ? acm_api_nomem(api) : rc;
        }
    }

    return ACM_OK;
}


acm_rc_t
acm_api_add_tags(acm_api_t *api)
{
    size_t       i;
    acm_rc_t     rc;
    uint64_t     revision;
    acm_cert_t   cert;
    acm_tags_t   tags, new;

    rc = acm_api_tags_in(api, "Tags", &new);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_tags_read(api, &cert, &revision, &tags);

    if (rc != ACM_OK) {
        acm_tags_free(&new);
        return rc;
    }

    for (i = 0; rc == ACM_OK && i < new.ntags; i++) {
        rc = acm_tags_set(&tags, new.tags[i].key, new.tags[i].value);
    }

    if (rc == ACM_OK) {
        rc = acm_tags_write(api, &cert, revision, &tags);
    }

    if (rc == ACM_TOOBIG) {
        rc = acm_tags_many(api, &tags, json_object_get(api->in, "Tags"));
    }

    acm_tags_free(&new);
    acm_tags_free(&tags);
    acm_cert_free(&cert);

    return rc;
}


acm_rc_t
acm_api_remove_tags(acm_api_t *api)
{
    size_t            i;
    json_t           *list, *tag;
    acm_rc_t          rc;
    uint64_t          revision;
    acm_cert_t        cert;
    acm_tags_t        tags;
    const char       *key, *value;
    const acm_tag_t  *there;

    rc = acm_tags_read(api, &cert, &revision, &tags);

    if (rc != ACM_OK) {
        return rc;
    }

    list = json_object_get(api->in, "Tags");

    for (i = 0; i < json_array_size(list); i++) {
        tag = json_array_get(list, i);
        key = json_string_value(json_object_get(tag, "Key"));
        value = json_string_value(json_object_get(tag, "Value"));
        there = acm_tags_find(&tags, key);

        /* a value must be the one that is there */

        if (there != NULL
            && (value == NULL
                || strcmp(value, (there->value == NULL) ? "" : there->value)
                   == 0))
        {
            acm_tags_remove(&tags, key);
        }
    }

    rc = acm_tags_write(api, &cert, revision, &tags);

    acm_tags_free(&tags);
    acm_cert_free(&cert);

    return rc;
}


acm_rc_t
acm_api_untag(acm_api_t *api)
{
    size_t       i;
    json_t      *list;
    acm_rc_t     rc;
    uint64_t     revision;
    acm_cert_t   cert;
    acm_tags_t   tags;

    rc = acm_tags_read(api, &cert, &revision, &tags);

    if (rc != ACM_OK) {
        return rc;
    }

    list = json_object_get(api->in, "TagKeys");

    for (i = 0; i < json_array_size(list); i++) {
        acm_tags_remove(&tags, json_string_value(json_array_get(list, i)));
    }

    rc = acm_tags_write(api, &cert, revision, &tags);

    acm_tags_free(&tags);
    acm_cert_free(&cert);

    return rc;
}


acm_rc_t
acm_api_list_tags(acm_api_t *api)
{
    size_t            i;
    json_t           *list, *tag;
    acm_rc_t          rc;
    acm_cert_t        cert;
    acm_tags_t        tags;
    const acm_tag_t  *t;

    rc = acm_tags_read(api, &cert, NULL, &tags);

    if (rc != ACM_OK) {
        return rc;
    }

    list = json_array();
    rc = (list == NULL) ? acm_api_nomem(api) : ACM_OK;

    for (i = 0; rc == ACM_OK && i < tags.ntags; i++) {
        t = &tags.tags[i];

        tag = (t->value == NULL)
              ? json_pack("{s:s}", "Key", t->key)
              : json_pack("{s:s, s:s}", "Key", t->key, "Value", t->value);

        if (json_array_append_new(list, tag) != 0) {
            rc = acm_api_nomem(api);
        }
    }

    acm_tags_free(&tags);
    acm_cert_free(&cert);

    if (rc != ACM_OK) {
        json_decref(list);
        return rc;
    }

    return acm_api_answer(api, "Tags", list);
}


static acm_rc_t
acm_tags_read(acm_api_t *api, acm_cert_t *cert, uint64_t *revision,
    acm_tags_t *tags)
{
    acm_rc_t  rc;

    rc = acm_api_cert(api, cert, revision);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_tags_decode(&cert->tags, tags);

    if (rc != ACM_OK) {
        acm_cert_free(cert);
        return acm_fail(&api->err, rc, "certificate %s: its tags cannot be "
                        "read: %s", api->uuid, acm_rc_text(rc));
    }

    return ACM_OK;
}


static acm_rc_t
acm_tags_write(acm_api_t *api, const acm_cert_t *cert, uint64_t revision,
    const acm_tags_t *tags)
{
    acm_rc_t    rc;
    acm_buf_t   buf;
    acm_cert_t  next;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_tags_encode(tags, &buf);

    if (rc == ACM_OK
        && (buf.len != cert->tags.len
            || memcmp((buf.len == 0) ? (void *) "" : buf.data,
                      (buf.len == 0) ? (void *) "" : cert->tags.data, buf.len)
               != 0))
    {
        next = *cert;
        next.tags.data = buf.data;
        next.tags.len = buf.len;

        rc = acm_certificate_update(api->store, cert, revision, &next, NULL,
                                    api->now, &api->err);
    }

    acm_buf_free(&buf);

    return rc;
}


static acm_rc_t
acm_tags_many(acm_api_t *api, const acm_tags_t *tags, const json_t *in)
{
    size_t         i;
    acm_rc_t       rc;
    acm_buf_t      buf;
    const json_t  *tag;

    acm_buf_init(&buf, ACM_MAX_API_MESSAGE / 2);

    for (i = 0; i < tags->ntags; i++) {
        acm_tags_show(&buf, tags->tags[i].key, tags->tags[i].value);
    }

    for (i = 0; i < json_array_size(in); i++) {
        tag = json_array_get(in, i);

        if (acm_tags_find(tags,
                          json_string_value(json_object_get(tag, "Key")))
            == NULL)
        {
            acm_tags_show(&buf,
                          json_string_value(json_object_get(tag, "Key")),
                          json_string_value(json_object_get(tag, "Value")));
        }
    }

    rc = acm_api_fault(api, "TooManyTagsException", "the TagSet: '{%.*s}' "
                       "contains too many Tags", (int) buf.len,
                       (buf.len == 0) ? "" : (char *) buf.data);

    acm_buf_free(&buf);

    return rc;
}


static void
acm_tags_show(acm_buf_t *buf, const char *key, const char *value)
{
    size_t  len;

    len = buf->len;

    if (len != 0) {
        acm_buf_text(buf, ", ");
    }

    acm_buf_text(buf, key);
    acm_buf_text(buf, "=");
    acm_buf_text(buf, (value == NULL) ? "" : value);

    if (buf->rc != ACM_OK) {
        buf->len = len;
    }
}
