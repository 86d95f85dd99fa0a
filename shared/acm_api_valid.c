
/*
 * Copyright (C) The ngx_acm authors
 *
 * A request against its shape: types first, then constraints, all of which
 * are told at once, in the words of ACM.
 */


#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "acm_api_impl.h"


typedef struct {
    acm_buf_t      text;                 /* the faults */
    unsigned       count;
    size_t         len;                  /* of path */
    char           path[ACM_MAX_API_PATH];
} acm_valid_t;


static acm_rc_t acm_valid_types(const acm_shape_t *shape, json_t *json,
    acm_err_t *why);
static acm_rc_t acm_valid_members(const acm_shape_t *shape, json_t *json,
    acm_err_t *why);
static int acm_valid_is(const acm_shape_t *shape, const json_t *json);
static void acm_valid_value(acm_valid_t *v, const acm_shape_t *shape,
    const json_t *json);
static void acm_valid_structure(acm_valid_t *v, const acm_shape_t *shape,
    const json_t *json);
static void acm_valid_list(acm_valid_t *v, const acm_shape_t *shape,
    const json_t *json);
static void acm_valid_elements(acm_valid_t *v, const acm_shape_t *shape,
    const json_t *json);
static unsigned acm_valid_text(const acm_shape_t *shape, const json_t *json,
    acm_buf_t *out, unsigned all);
static void acm_valid_next(acm_buf_t *out, size_t start, unsigned all);
static void acm_valid_limit(acm_buf_t *out, const char *what,
    uint32_t limit);
static int acm_valid_listed(const acm_shape_t *shape, const char *text);
static void acm_valid_enum(acm_buf_t *out, const acm_shape_t *shape);
static void acm_valid_add(acm_valid_t *v, const acm_shape_t *shape,
    const json_t *json, const acm_buf_t *constraints);
static void acm_valid_show(acm_buf_t *out, const json_t *json);
static void acm_valid_cut(acm_buf_t *out, const char *text);
static size_t acm_valid_push(acm_valid_t *v, const char *name);
static size_t acm_valid_push_index(acm_valid_t *v, size_t i);
static size_t acm_valid_chars(const char *text);


static const char *const  acm_valid_kinds[] = {
    "a structure", "a list", "a String", "a Blob", "an Integer", "a Boolean",
    "a Timestamp"
};


acm_rc_t
acm_api_validate(const acm_shape_t *shape, json_t *json, char *message,
    acm_err_t *why)
{
    size_t       len;
    acm_rc_t     rc;
    acm_valid_t  v;

    rc = acm_valid_types(shape, json, why);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_init(&v.text, ACM_MAX_API_MESSAGE - 64);
    v.count = 0;
    v.len = 0;

    acm_valid_structure(&v, shape, json);

    rc = v.text.rc;

    if (v.count != 0 && rc != ACM_NOMEM) {
        (void) snprintf(message, ACM_MAX_API_MESSAGE,
                        "%u validation error%s detected: ", v.count,
                        (v.count == 1) ? "" : "s");

        /* what had no room is left out, as is the last separator */

        len = strlen(message);
        memcpy(message + len, v.text.data, v.text.len);
        message[len + v.text.len] = '\0';

        rc = ACM_INVALID;
    }

    acm_buf_free(&v.text);

    return rc;
}


/* Takes members out that are null, and tells of the first wrong type. */

static acm_rc_t
acm_valid_types(const acm_shape_t *shape, json_t *json, acm_err_t *why)
{
    size_t    i;
    acm_rc_t  rc;

    if (!acm_valid_is(shape, json)) {
        return acm_fail(why, ACM_CORRUPT, "%s can not be converted to %s",
                        json_is_string(json) ? "STRING_VALUE"
                        : json_is_number(json) ? "NUMBER_VALUE"
                        : json_is_true(json) ? "TRUE_VALUE"
                        : json_is_false(json) ? "FALSE_VALUE"
                        : json_is_array(json) ? "START_ARRAY"
                        : json_is_object(json) ? "START_OBJECT"
                        : "VALUE_NULL", acm_valid_kinds[shape->type]);
    }

    if (shape->type == ACM_SHAPE_STRUCTURE) {
        return acm_valid_members(shape, json, why);
    }

    if (shape->type == ACM_SHAPE_LIST) {
        for (i = 0; i < json_array_size(json); i++) {
            rc = acm_valid_types(shape->element, json_array_get(json, i),
                                 why);
            if (rc != ACM_OK) {
                return rc;
            }
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_valid_members(const acm_shape_t *shape, json_t *json, acm_err_t *why)
{
    json_t              *value;
    acm_rc_t             rc;
    unsigned             n;
    const acm_member_t  *m;

    n = 0;

    for (m = shape->members; m->name != NULL; m++) {
        value = json_object_get(json, m->name);

        if (value == NULL) {
            continue;
        }

        if (json_is_null(value)) {
            (void) json_object_del(json, m->name);
            continue;
        }

        n++;
        rc = acm_valid_types(m->shape, value, why);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    if (shape->alone && n > 1) {
        return acm_fail(why, ACM_CORRUPT, "the union %s has more than one "
                        "member", shape->name);
    }

    return ACM_OK;
}


static int
acm_valid_is(const acm_shape_t *shape, const json_t *json)
{
    switch (shape->type) {

    case ACM_SHAPE_STRUCTURE:
        return json_is_object(json);

    case ACM_SHAPE_LIST:
        return json_is_array(json);

    case ACM_SHAPE_STRING:
        return json_is_string(json);

    case ACM_SHAPE_BLOB:
        return json_is_string(json)
               && acm_api_base64_len(json_string_value(json),
                                     json_string_length(json))
                  != SIZE_MAX;

    case ACM_SHAPE_INTEGER:
        return json_is_integer(json);

    case ACM_SHAPE_BOOLEAN:
        return json_is_boolean(json);

    case ACM_SHAPE_TIMESTAMP:
        return json_is_number(json);
    }

    return 0;
}


static void
acm_valid_value(acm_valid_t *v, const acm_shape_t *shape, const json_t *json)
{
    json_int_t  n;
    acm_buf_t   out;

    switch (shape->type) {

    case ACM_SHAPE_STRUCTURE:
        acm_valid_structure(v, shape, json);
        return;

    case ACM_SHAPE_LIST:
        acm_valid_list(v, shape, json);
        return;

    case ACM_SHAPE_INTEGER:
        n = json_integer_value(json);
        acm_buf_init(&out, ACM_MAX_API_MESSAGE);

        if (shape->max != 0 && n > (json_int_t) shape->max) {
            acm_valid_limit(&out, "value less", shape->max);

        } else if (n < (json_int_t) shape->min) {
            acm_valid_limit(&out, "value greater", shape->min);
        }

        acm_valid_add(v, shape, json, &out);
        acm_buf_free(&out);
        return;

    case ACM_SHAPE_STRING:
    case ACM_SHAPE_BLOB:

        /* each constraint that is not met is a fault of its own */

        acm_buf_init(&out, ACM_MAX_API_MESSAGE);
        (void) acm_valid_text(shape, json, &out, 0);
        acm_valid_add(v, shape, json, &out);
        acm_buf_free(&out);
        return;

    case ACM_SHAPE_BOOLEAN:
    case ACM_SHAPE_TIMESTAMP:
        return;
    }
}


static void
acm_valid_structure(acm_valid_t *v, const acm_shape_t *shape,
    const json_t *json)
{
    size_t               len;
    acm_buf_t            out;
    const json_t        *value;
    const acm_member_t  *m;

    for (m = shape->members; m->name != NULL; m++) {
        value = json_object_get(json, m->name);

        if (value == NULL && !m->required) {
            continue;
        }

        len = acm_valid_push(v, m->name);

        if (value == NULL) {
            acm_buf_init(&out, ACM_MAX_API_MESSAGE);
            acm_buf_text(&out, "Member must not be null");
            acm_valid_add(v, m->shape, NULL, &out);
            acm_buf_free(&out);

        } else {
            acm_valid_value(v, m->shape, value);
        }

        v->len = len;
    }
}


static void
acm_valid_list(acm_valid_t *v, const acm_shape_t *shape, const json_t *json)
{
    size_t     i, len, n;
    acm_buf_t  out;

    n = json_array_size(json);
    acm_buf_init(&out, ACM_MAX_API_MESSAGE);

    if (shape->max != 0 && n > shape->max) {
        acm_valid_limit(&out, "length less", shape->max);

    } else if (n < shape->min) {
        acm_valid_limit(&out, "length greater", shape->min);
    }

    acm_valid_add(v, shape, json, &out);
    acm_buf_free(&out);

    if (shape->element->type != ACM_SHAPE_STRUCTURE) {
        acm_valid_elements(v, shape, json);
        return;
    }

    for (i = 0; i < n; i++) {
        len = acm_valid_push_index(v, i);
        acm_valid_structure(v, shape->element, json_array_get(json, i));
        v->len = len;
    }
}


/* A list with a bad element is told of as a whole, with all constraints. */

static void
acm_valid_elements(acm_valid_t *v, const acm_shape_t *shape,
    const json_t *json)
{
    size_t     i;
    acm_buf_t  out;

    acm_buf_init(&out, ACM_MAX_API_MESSAGE);

    for (i = 0; i < json_array_size(json); i++) {
        out.len = 0;

        acm_buf_text(&out, "Member must satisfy constraint: [");

        if (acm_valid_text(shape->element, json_array_get(json, i), &out, 1)
            != 0)
        {
            acm_buf_text(&out, "]");
            acm_valid_add(v, shape, json, &out);
            break;
        }
    }

    acm_buf_free(&out);
}


/*
 * How many constraints a text does not meet.  They are written to out, a line
 * each, or with all of them those that it meets too, with commas between.
 */

static unsigned
acm_valid_text(const acm_shape_t *shape, const json_t *json, acm_buf_t *out,
    unsigned all)
{
    size_t       len, start;
    unsigned     bad, n;
    const char  *text;

    text = json_string_value(json);
    start = out->len;
    n = 0;

    len = (shape->type == ACM_SHAPE_BLOB)
          ? acm_api_base64_len(text, json_string_length(json))
          : acm_valid_chars(text);

    bad = (shape->max != 0 && len > shape->max);
    n += bad;

    if (bad || (all && shape->max != 0)) {
        acm_valid_limit(out, "length less", shape->max);
    }

    bad = (len < shape->min);
    n += bad;

    if (bad || (all && shape->min != 0)) {
        acm_valid_next(out, start, all);
        acm_valid_limit(out, "length greater", shape->min);
    }

    bad = (shape->match != NULL
           && !shape->match(text, json_string_length(json)));
    n += bad;

    if (bad || (all && shape->match != NULL)) {
        acm_valid_next(out, start, all);
        acm_buf_text(out, "Member must satisfy regular expression pattern: ");
        acm_buf_text(out, shape->pattern);
    }

    bad = (shape->values != NULL && !acm_valid_listed(shape, text));
    n += bad;

    if (bad) {
        acm_valid_next(out, start, all);
        acm_valid_enum(out, shape);
    }

    return n;
}


static void
acm_valid_next(acm_buf_t *out, size_t start, unsigned all)
{
    if (out->len != start) {
        acm_buf_text(out, all ? ", " : "\n");
    }
}


static void
acm_valid_limit(acm_buf_t *out, const char *what, uint32_t limit)
{
    char  text[128];

    (void) snprintf(text, sizeof(text), "Member must have %s than or equal to "
                    "%u", what, limit);

    acm_buf_text(out, text);
}


static int
acm_valid_listed(const acm_shape_t *shape, const char *text)
{
    const char *const  *value;

    for (value = shape->values; *value != NULL; value++) {
        if (strcmp(*value, text) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
acm_valid_enum(acm_buf_t *out, const acm_shape_t *shape)
{
    const char *const  *value;

    acm_buf_text(out, "Member must satisfy enum value set: [");

    for (value = shape->values; *value != NULL; value++) {
        if (value != shape->values) {
            acm_buf_text(out, ", ");
        }

        acm_buf_text(out, *value);
    }

    acm_buf_text(out, "]");
}


/* One fault for each line of constraints. */

static void
acm_valid_add(acm_valid_t *v, const acm_shape_t *shape, const json_t *json,
    const acm_buf_t *constraints)
{
    size_t       len, start;
    const char  *pos, *end, *last;

    if (constraints->rc != ACM_OK && v->text.rc == ACM_OK) {
        v->text.rc = constraints->rc;
    }

    pos = (const char *) constraints->data;
    last = (pos == NULL) ? NULL : pos + constraints->len;

    while (pos != last && v->text.rc == ACM_OK) {
        end = memchr(pos, '\n', (size_t) (last - pos));
        len = (size_t) (((end == NULL) ? last : end) - pos);
        start = v->text.len;

        if (start != 0) {
            acm_buf_text(&v->text, "; ");
        }

        acm_buf_text(&v->text, "Value");

        if (json == NULL) {
            acm_buf_text(&v->text, " null");

        } else if (!shape->sensitive) {
            acm_buf_text(&v->text, " '");
            acm_valid_show(&v->text, json);
            acm_buf_text(&v->text, "'");
        }

        acm_buf_text(&v->text, " at '");
        acm_buf_add(&v->text, v->path, v->len);
        acm_buf_text(&v->text, "' failed to satisfy constraint: ");
        acm_buf_add(&v->text, pos, len);

        if (v->text.rc == ACM_OK) {
            v->count++;

        } else if (v->text.rc == ACM_TOOBIG) {
            v->text.len = start;
        }

        pos = (end == NULL) ? last : end + 1;
    }
}


static void
acm_valid_show(acm_buf_t *out, const json_t *json)
{
    char    number[32];
    size_t  i, start;

    switch (json_typeof(json)) {

    case JSON_STRING:
        acm_valid_cut(out, json_string_value(json));
        return;

    case JSON_INTEGER:
        (void) snprintf(number, sizeof(number), "%lld",
                        (long long) json_integer_value(json));
        acm_buf_text(out, number);
        return;

    case JSON_ARRAY:
        start = out->len;
        acm_buf_text(out, "[");

        for (i = 0; i < json_array_size(json)
                    && out->len - start < ACM_MAX_API_VALUE; i++)
        {
            if (i != 0) {
                acm_buf_text(out, ", ");
            }

            acm_valid_show(out, json_array_get(json, i));
        }

        acm_buf_text(out, "]");
        return;

    case JSON_OBJECT:
        acm_buf_text(out, "{...}");
        return;

    default:
        acm_buf_text(out, json_is_true(json) ? "true" : "false");
        return;
    }
}


/* Text, cut between two characters. */

static void
acm_valid_cut(acm_buf_t *out, const char *text)
{
    size_t  len;

    len = strlen(text);

    if (len > ACM_MAX_API_VALUE) {
        len = ACM_MAX_API_VALUE;

        while (len != 0 && ((uint8_t) text[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    acm_buf_add(out, text, len);
}


/* Both return what the length was before. */

static size_t
acm_valid_push(acm_valid_t *v, const char *name)
{
    size_t  before, len;

    before = v->len;
    len = strlen(name);

    if (before + len + 2 > sizeof(v->path)) {
        return before;
    }

    if (before != 0) {
        v->path[v->len++] = '.';
    }

    memcpy(v->path + v->len, name, len);
    v->path[v->len] = (char) tolower((unsigned char) name[0]);
    v->len += len;

    return before;
}


static size_t
acm_valid_push_index(acm_valid_t *v, size_t i)
{
    char    text[48];
    size_t  before;

    before = v->len;

    (void) snprintf(text, sizeof(text), "%zu.member", i + 1);
    (void) acm_valid_push(v, text);

    return before;
}


/* Characters of UTF-8. */

static size_t
acm_valid_chars(const char *text)
{
    size_t  n;

    for (n = 0; *text != '\0'; text++) {
        n += (((uint8_t) *text & 0xc0) != 0x80);
    }

    return n;
}
