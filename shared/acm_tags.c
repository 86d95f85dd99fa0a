
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_tags.h"


#define ACM_TAG_NONE  0xffff             /* length of no value */


static acm_rc_t acm_tag_read(acm_reader_t *r, size_t len, char **text);


void
acm_tags_init(acm_tags_t *tags)
{
    memset(tags, 0, sizeof(acm_tags_t));
}


void
acm_tags_free(acm_tags_t *tags)
{
    size_t  i;

    for (i = 0; i < tags->ntags; i++) {
        acm_free(tags->tags[i].key);
        acm_free(tags->tags[i].value);
    }

    acm_tags_init(tags);
}


acm_rc_t
acm_tags_set(acm_tags_t *tags, const char *key, const char *value)
{
    int         order;
    char       *k, *v;
    size_t      i;
    acm_tag_t  *t;

    order = 1;

    for (i = 0; i < tags->ntags; i++) {
        order = strcmp(tags->tags[i].key, key);

        if (order >= 0) {
            break;
        }
    }

    t = &tags->tags[i];

    if ((i == tags->ntags || order != 0) && tags->ntags == ACM_MAX_TAGS) {
        return ACM_TOOBIG;
    }

    v = (value == NULL) ? NULL : acm_strdup(value);

    if (value != NULL && v == NULL) {
        return ACM_NOMEM;
    }

    if (i < tags->ntags && order == 0) {
        acm_free(t->value);
        t->value = v;
        return ACM_OK;
    }

    k = acm_strdup(key);

    if (k == NULL) {
        acm_free(v);
        return ACM_NOMEM;
    }

    memmove(t + 1, t, (tags->ntags - i) * sizeof(acm_tag_t));

    t->key = k;
    t->value = v;
    tags->ntags++;

    return ACM_OK;
}


void
acm_tags_remove(acm_tags_t *tags, const char *key)
{
    size_t      i;
    acm_tag_t  *t;

    for (i = 0; i < tags->ntags; i++) {
        t = &tags->tags[i];

        if (strcmp(t->key, key) == 0) {
            acm_free(t->key);
            acm_free(t->value);
            tags->ntags--;
            memmove(t, t + 1, (tags->ntags - i) * sizeof(acm_tag_t));
            return;
        }
    }
}


const acm_tag_t *
acm_tags_find(const acm_tags_t *tags, const char *key)
{
    size_t  i;

    for (i = 0; i < tags->ntags; i++) {
        if (strcmp(tags->tags[i].key, key) == 0) {
            return &tags->tags[i];
        }
    }

    return NULL;
}


acm_rc_t
acm_tags_encode(const acm_tags_t *tags, acm_buf_t *out)
{
    size_t            i;
    const acm_tag_t  *t;

    for (i = 0; i < tags->ntags; i++) {
        t = &tags->tags[i];

        if (strlen(t->key) > 4 * ACM_MAX_TAG_KEY
            || (t->value != NULL && strlen(t->value) > 4 * ACM_MAX_TAG_VALUE))
        {
            return ACM_TOOBIG;
        }

        acm_buf_u16(out, (uint16_t) strlen(t->key));
        acm_buf_text(out, t->key);

        if (t->value == NULL) {
            acm_buf_u16(out, ACM_TAG_NONE);

        } else {
            acm_buf_u16(out, (uint16_t) strlen(t->value));
            acm_buf_text(out, t->value);
        }
    }

    if (acm_buf_rc(out) == ACM_OK && out->len > ACM_MAX_TAGS_LEN) {
        return ACM_TOOBIG;
    }

    return acm_buf_rc(out);
}


acm_rc_t
acm_tags_decode(const acm_str_t *data, acm_tags_t *tags)
{
    char          *key, *value;
    size_t         len;
    acm_rc_t       rc;
    acm_reader_t   r;

    acm_tags_init(tags);

    if (data->len == 0) {
        return ACM_OK;
    }

    acm_reader_init(&r, data->data, data->len);

    rc = ACM_OK;

    while (rc == ACM_OK && r.pos != r.end) {
        key = NULL;
        value = NULL;

        rc = acm_tag_read(&r, acm_read_u16(&r), &key);

        len = acm_read_u16(&r);

        if (rc == ACM_OK && len != ACM_TAG_NONE) {
            rc = acm_tag_read(&r, len, &value);
        }

        if (rc == ACM_OK) {
            rc = (r.rc == ACM_OK) ? acm_tags_set(tags, key, value)
                                  : ACM_CORRUPT;
        }

        acm_free(key);
        acm_free(value);
    }

    if (rc != ACM_OK) {
        acm_tags_free(tags);
        return (rc == ACM_TOOBIG) ? ACM_CORRUPT : rc;
    }

    return ACM_OK;
}


static acm_rc_t
acm_tag_read(acm_reader_t *r, size_t len, char **text)
{
    char           *s;
    const uint8_t  *data;

    if (r->rc != ACM_OK) {
        return ACM_CORRUPT;
    }

    data = acm_read_bytes(r, len);

    if (data == NULL || memchr(data, '\0', len) != NULL) {
        return ACM_CORRUPT;
    }

    s = acm_alloc(len + 1);

    if (s == NULL) {
        return ACM_NOMEM;
    }

    memcpy(s, data, len);
    s[len] = '\0';

    *text = s;

    return ACM_OK;
}
