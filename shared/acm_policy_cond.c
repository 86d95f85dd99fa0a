
/*
 * Copyright (C) The ngx_acm authors
 *
 * Conditions: operators and the values they compare.  What cannot be read as
 * a number, a time or an address is equal to nothing.
 */


#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "acm_policy_impl.h"


#define ACM_COND_TEXT  128      /* octets of a number, time or address */
#define ACM_COND_EPOCH 12       /* digits of seconds */


typedef struct {
    int          negative;
    char         digits[2 * ACM_MAX_POLICY_DIGITS];
} acm_number_t;


typedef struct {
    unsigned     family;
    unsigned     bits;
    uint8_t      octets[16];
} acm_network_t;


static int acm_cond_null(const acm_condition_t *cond, int present);
static int acm_cond_value(acm_judge_t *j, const acm_condition_t *cond,
    const acm_str_t *value);
static int acm_cond_equal(acm_judge_t *j, const acm_operator_t *op,
    const acm_pattern_t *p, const acm_str_t *value);
static int acm_cond_plain(const acm_operator_t *op, const acm_pattern_t *p,
    const acm_str_t *value);
static int acm_cond_order(acm_compare_e compare, int order);
static int acm_cond_arn(const acm_pattern_t *p, const acm_str_t *value);
static int acm_cond_bool(const char *s);
static int acm_cond_number(const char *s, acm_number_t *n);
static int acm_cond_number_order(const acm_number_t *a,
    const acm_number_t *b);
static int acm_cond_epoch(const char *s, int64_t *t);
static int acm_cond_digits(const char **s, int n, int *value);
static int acm_cond_clock(const char *s, struct tm *tm, int *zone);
static int acm_cond_network(const char *s, acm_network_t *n);
static int acm_cond_inside(const acm_network_t *n, const acm_network_t *ip);


static const acm_operator_t  acm_operators[] = {
    { "StringEquals", ACM_COND_STRING, ACM_COMPARE_EQ, 0 },
    { "StringNotEquals", ACM_COND_STRING, ACM_COMPARE_EQ, 1 },
    { "StringEqualsIgnoreCase", ACM_COND_STRING_NOCASE, ACM_COMPARE_EQ, 0 },
    { "StringNotEqualsIgnoreCase", ACM_COND_STRING_NOCASE, ACM_COMPARE_EQ,
      1 },
    { "StringLike", ACM_COND_STRING_LIKE, ACM_COMPARE_EQ, 0 },
    { "StringNotLike", ACM_COND_STRING_LIKE, ACM_COMPARE_EQ, 1 },
    { "NumericEquals", ACM_COND_NUMERIC, ACM_COMPARE_EQ, 0 },
    { "NumericNotEquals", ACM_COND_NUMERIC, ACM_COMPARE_EQ, 1 },
    { "NumericLessThan", ACM_COND_NUMERIC, ACM_COMPARE_LT, 0 },
    { "NumericLessThanEquals", ACM_COND_NUMERIC, ACM_COMPARE_LE, 0 },
    { "NumericGreaterThan", ACM_COND_NUMERIC, ACM_COMPARE_GT, 0 },
    { "NumericGreaterThanEquals", ACM_COND_NUMERIC, ACM_COMPARE_GE, 0 },
    { "DateEquals", ACM_COND_DATE, ACM_COMPARE_EQ, 0 },
    { "DateNotEquals", ACM_COND_DATE, ACM_COMPARE_EQ, 1 },
    { "DateLessThan", ACM_COND_DATE, ACM_COMPARE_LT, 0 },
    { "DateLessThanEquals", ACM_COND_DATE, ACM_COMPARE_LE, 0 },
    { "DateGreaterThan", ACM_COND_DATE, ACM_COMPARE_GT, 0 },
    { "DateGreaterThanEquals", ACM_COND_DATE, ACM_COMPARE_GE, 0 },
    { "Bool", ACM_COND_BOOL, ACM_COMPARE_EQ, 0 },
    { "IpAddress", ACM_COND_IP, ACM_COMPARE_EQ, 0 },
    { "NotIpAddress", ACM_COND_IP, ACM_COMPARE_EQ, 1 },
    { "ArnEquals", ACM_COND_ARN, ACM_COMPARE_EQ, 0 },
    { "ArnLike", ACM_COND_ARN, ACM_COMPARE_EQ, 0 },
    { "ArnNotEquals", ACM_COND_ARN, ACM_COMPARE_EQ, 1 },
    { "ArnNotLike", ACM_COND_ARN, ACM_COMPARE_EQ, 1 },
    { "Null", ACM_COND_NULL, ACM_COMPARE_EQ, 0 },
    { NULL, ACM_COND_STRING, ACM_COMPARE_EQ, 0 }
};


const acm_operator_t *
acm_policy_operator(const char *name, size_t len)
{
    const acm_operator_t  *op;

    for (op = acm_operators; op->name != NULL; op++) {
        if (strlen(op->name) == len && memcmp(op->name, name, len) == 0) {
            return op;
        }
    }

    return NULL;
}


int
acm_policy_value_ok(const acm_operator_t *op, const char *s, size_t len)
{
    size_t         i, colons;
    int64_t        t;
    acm_number_t   number;
    acm_network_t  network;

    if (op->type == ACM_COND_STRING || op->type == ACM_COND_STRING_NOCASE
        || op->type == ACM_COND_STRING_LIKE)
    {
        return 1;
    }

    if (op->type == ACM_COND_ARN) {
        colons = 0;

        for (i = 0; i < len; i++) {
            colons += (s[i] == ':');
        }

        return colons >= ACM_ARN_PARTS - 1 || (len == 1 && *s == '*');
    }

    if (len >= ACM_COND_TEXT) {
        return 0;
    }

    switch (op->type) {

    case ACM_COND_NUMERIC:
        return acm_cond_number(s, &number);

    case ACM_COND_DATE:
        return acm_policy_time(s, &t);

    case ACM_COND_IP:
        return acm_cond_network(s, &network);

    case ACM_COND_STRING:
    case ACM_COND_STRING_NOCASE:
    case ACM_COND_STRING_LIKE:
    case ACM_COND_ARN:
    case ACM_COND_BOOL:
    case ACM_COND_NULL:
        break;
    }

    return acm_cond_bool(s) != -1;
}


const char *
acm_policy_value_form(const acm_operator_t *op)
{
    switch (op->type) {

    case ACM_COND_NUMERIC:
        return "a number like 10 or 2.5";

    case ACM_COND_DATE:
        return "a time like 2026-11-25T05:00:00Z, or seconds";

    case ACM_COND_BOOL:
    case ACM_COND_NULL:
        return "true or false";

    case ACM_COND_IP:
        return "an address or a network like 192.0.2.0/24";

    case ACM_COND_ARN:
        return "an ARN of six parts like arn:aws:iam::*:role/x";

    case ACM_COND_STRING:
    case ACM_COND_STRING_NOCASE:
    case ACM_COND_STRING_LIKE:
        break;
    }

    return "a text";
}


int
acm_policy_condition(acm_judge_t *j, const acm_condition_t *cond)
{
    int           present;
    size_t        i;
    acm_values_t  v;

    present = acm_policy_key(j, cond->key, &v);

    if (cond->op->type == ACM_COND_NULL) {
        return acm_cond_null(cond, present);
    }

    if (!present) {

        if (cond->if_exists || cond->set == ACM_SET_ALL) {
            return 1;
        }

        return cond->set == ACM_SET_NONE && cond->op->negated;
    }

    for (i = 0; i < v.n; i++) {

        if (acm_cond_value(j, cond, &v.list[i])) {
            if (cond->set != ACM_SET_ALL) {
                return j->rc == ACM_OK;
            }

        } else if (cond->set == ACM_SET_ALL) {
            return 0;
        }
    }

    return cond->set == ACM_SET_ALL && j->rc == ACM_OK;
}


static int
acm_cond_null(const acm_condition_t *cond, int present)
{
    size_t  i;

    for (i = 0; i < cond->n; i++) {

        /* "true" or "false", in any case, as it was parsed */

        if (present == (cond->values[i].n == sizeof("false") - 1)) {
            return 1;
        }
    }

    return 0;
}


/* 1 if one value of the request satisfies the operator. */

static int
acm_cond_value(acm_judge_t *j, const acm_condition_t *cond,
    const acm_str_t *value)
{
    size_t  i;

    for (i = 0; i < cond->n; i++) {
        if (acm_cond_equal(j, cond->op, &cond->values[i], value)) {
            return !cond->op->negated;
        }
    }

    return (int) cond->op->negated;
}


static int
acm_cond_equal(acm_judge_t *j, const acm_operator_t *op,
    const acm_pattern_t *p, const acm_str_t *value)
{
    uint16_t       buf[ACM_MAX_POLICY_EXPANDED];
    acm_pattern_t  e;

    if (!acm_policy_expand(j, p, buf, &e)) {
        j->unknown |= (op->negated != 0);
        return 0;
    }

    switch (op->type) {

    case ACM_COND_STRING:
        return acm_pattern_same(&e, value, 0);

    case ACM_COND_STRING_NOCASE:
        return acm_pattern_same(&e, value, 1);

    case ACM_COND_STRING_LIKE:
        return acm_pattern_match(e.tokens, e.n, value->data, value->len, 0);

    case ACM_COND_ARN:
        return acm_cond_arn(&e, value);

    case ACM_COND_NUMERIC:
    case ACM_COND_DATE:
    case ACM_COND_BOOL:
    case ACM_COND_IP:
    case ACM_COND_NULL:
        break;
    }

    return acm_cond_plain(op, &e, value);
}


static int
acm_cond_plain(const acm_operator_t *op, const acm_pattern_t *p,
    const acm_str_t *value)
{
    char           a[ACM_COND_TEXT], b[ACM_COND_TEXT];
    size_t         i;
    int64_t        s, t;
    acm_number_t   m, n;
    acm_network_t  ip, network;

    if (p->n >= ACM_COND_TEXT || value->len >= ACM_COND_TEXT
        || (value->len != 0 && memchr(value->data, '\0', value->len) != NULL))
    {
        return 0;
    }

    for (i = 0; i < p->n; i++) {
        b[i] = (p->tokens[i] == ACM_TOKEN_COLON) ? ':' : (char) p->tokens[i];
    }

    b[p->n] = '\0';

    if (value->len != 0) {
        memcpy(a, value->data, value->len);
    }

    a[value->len] = '\0';

    switch (op->type) {

    case ACM_COND_NUMERIC:
        return acm_cond_number(a, &m) && acm_cond_number(b, &n)
               && acm_cond_order(op->compare, acm_cond_number_order(&m, &n));

    case ACM_COND_DATE:
        return acm_policy_time(a, &s) && acm_policy_time(b, &t)
               && acm_cond_order(op->compare, (s > t) - (s < t));

    case ACM_COND_IP:
        return acm_cond_network(a, &ip) && acm_cond_network(b, &network)
               && acm_cond_inside(&network, &ip);

    case ACM_COND_STRING:
    case ACM_COND_STRING_NOCASE:
    case ACM_COND_STRING_LIKE:
    case ACM_COND_ARN:
    case ACM_COND_BOOL:
    case ACM_COND_NULL:
        break;
    }

    return acm_cond_bool(a) != -1 && acm_cond_bool(a) == acm_cond_bool(b);
}


static int
acm_cond_order(acm_compare_e compare, int order)
{
    switch (compare) {

    case ACM_COMPARE_EQ:
        return order == 0;

    case ACM_COMPARE_LT:
        return order < 0;

    case ACM_COMPARE_LE:
        return order <= 0;

    case ACM_COMPARE_GT:
        return order > 0;

    case ACM_COMPARE_GE:
        return order >= 0;
    }

    return 0;
}


static int
acm_cond_arn(const acm_pattern_t *p, const acm_str_t *value)
{
    size_t  i, colons;

    colons = 0;

    for (i = 0; i < value->len; i++) {
        colons += (value->data[i] == ':');
    }

    return colons >= ACM_ARN_PARTS - 1
           && acm_pattern_arn(p, value->data, value->len);
}


/* 1, 0, or -1 for what is neither. */

static int
acm_cond_bool(const char *s)
{
    if (strcasecmp(s, "true") == 0) {
        return 1;
    }

    return (strcasecmp(s, "false") == 0) ? 0 : -1;
}


/* Decimal, of any size up to the limit: doubles would make equals of what is
   none. */

static int
acm_cond_number(const char *s, acm_number_t *n)
{
    size_t  i, before, after;

    memset(n, 0, sizeof(acm_number_t));
    memset(n->digits, '0', sizeof(n->digits));

    n->negative = (*s == '-');
    s += (*s == '-' || *s == '+');

    before = strspn(s, "0123456789");

    if (before == 0 || before > ACM_MAX_POLICY_DIGITS) {
        return 0;
    }

    memcpy(n->digits + ACM_MAX_POLICY_DIGITS - before, s, before);
    s += before;

    if (*s == '.') {
        s++;
        after = strspn(s, "0123456789");

        if (after == 0 || after > ACM_MAX_POLICY_DIGITS) {
            return 0;
        }

        memcpy(n->digits + ACM_MAX_POLICY_DIGITS, s, after);
        s += after;
    }

    for (i = 0; i < sizeof(n->digits); i++) {
        if (n->digits[i] != '0') {
            return *s == '\0';
        }
    }

    n->negative = 0;

    return *s == '\0';
}


static int
acm_cond_number_order(const acm_number_t *a, const acm_number_t *b)
{
    int  order;

    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }

    order = memcmp(a->digits, b->digits, sizeof(a->digits));

    return a->negative ? -order : order;
}


/* Four digits are a year. */

static int
acm_cond_epoch(const char *s, int64_t *t)
{
    int     negative;
    size_t  i, n;

    negative = (*s == '-');
    s += negative;
    n = strspn(s, "0123456789");

    if (n == 0 || n > ACM_COND_EPOCH || s[n] != '\0'
        || (n == 4 && !negative))
    {
        return 0;
    }

    *t = 0;

    for (i = 0; i < n; i++) {
        *t = *t * 10 + (s[i] - '0');
    }

    if (negative) {
        *t = -*t;
    }

    return 1;
}


/* The forms of "Date and Time Formats" of W3C, which IAM names, or seconds;
   fractions of seconds do not count. */

int
acm_policy_time(const char *s, int64_t *t)
{
    int        zone, year, month, day;
    struct tm  tm, again;

    if (acm_cond_epoch(s, t)) {
        return 1;
    }

    memset(&tm, 0, sizeof(struct tm));

    month = 1;
    day = 1;
    zone = 0;

    if (!acm_cond_digits(&s, 4, &year)) {
        return 0;
    }

    if (*s == '-') {
        s++;

        if (!acm_cond_digits(&s, 2, &month)) {
            return 0;
        }

        if (*s == '-') {
            s++;

            if (!acm_cond_digits(&s, 2, &day)) {
                return 0;
            }

            if (*s == 'T') {

                if (!acm_cond_clock(s + 1, &tm, &zone)) {
                    return 0;
                }

                s = "";
            }
        }
    }

    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    again = tm;

    *t = timegm(&again);

    /* timegm() makes another day of one that is none */

    if (*s != '\0' || again.tm_mday != tm.tm_mday
        || again.tm_mon != tm.tm_mon)
    {
        return 0;
    }

    *t -= zone;

    return 1;
}


static int
acm_cond_digits(const char **s, int n, int *value)
{
    *value = 0;

    for ( ; n > 0; n--) {

        if (!isdigit((unsigned char) **s)) {
            return 0;
        }

        *value = *value * 10 + (**s - '0');
        (*s)++;
    }

    return 1;
}


/* hh:mm[:ss[.f]] and a zone; zone: seconds east. */

static int
acm_cond_clock(const char *s, struct tm *tm, int *zone)
{
    int  hours, minutes, sign;

    if (!acm_cond_digits(&s, 2, &tm->tm_hour) || *s != ':') {
        return 0;
    }

    s++;

    if (!acm_cond_digits(&s, 2, &tm->tm_min)) {
        return 0;
    }

    if (*s == ':') {
        s++;

        if (!acm_cond_digits(&s, 2, &tm->tm_sec)) {
            return 0;
        }

        if (*s == '.') {
            s++;

            if (!isdigit((unsigned char) *s)) {
                return 0;
            }

            s += strspn(s, "0123456789");
        }
    }

    if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 59) {
        return 0;
    }

    if (strcmp(s, "Z") == 0) {
        return 1;
    }

    if (*s != '+' && *s != '-') {
        return 0;
    }

    sign = (*s == '-') ? -1 : 1;
    s++;

    if (!acm_cond_digits(&s, 2, &hours) || *s != ':') {
        return 0;
    }

    s++;

    if (!acm_cond_digits(&s, 2, &minutes) || *s != '\0' || hours > 23
        || minutes > 59)
    {
        return 0;
    }

    *zone = sign * (hours * 3600 + minutes * 60);

    return 1;
}


/* An IPv4 client of an IPv6 socket is an IPv4 client: ::ffff:192.0.2.1. */

static int
acm_cond_network(const char *s, acm_network_t *n)
{
    int          max, value;
    char         buf[INET6_ADDRSTRLEN];
    size_t       len;
    const char  *slash;

    static const uint8_t  mapped[12] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
    };

    memset(n, 0, sizeof(acm_network_t));

    slash = strchr(s, '/');
    len = (slash != NULL) ? (size_t) (slash - s) : strlen(s);

    if (len >= sizeof(buf)) {
        return 0;
    }

    memcpy(buf, s, len);
    buf[len] = '\0';

    if (inet_pton(AF_INET, buf, n->octets) == 1) {
        n->family = AF_INET;

    } else if (inet_pton(AF_INET6, buf, n->octets) == 1) {
        n->family = AF_INET6;

    } else {
        return 0;
    }

    max = (n->family == AF_INET) ? 32 : 128;
    value = max;

    if (slash != NULL) {
        s = slash + 1;
        len = strspn(s, "0123456789");

        if (len == 0 || len > 3 || s[len] != '\0'
            || !acm_cond_digits(&s, (int) len, &value) || value > max)
        {
            return 0;
        }
    }

    n->bits = (unsigned) value;

    if (n->family == AF_INET6 && n->bits >= 96
        && memcmp(n->octets, mapped, sizeof(mapped)) == 0)
    {
        memmove(n->octets, n->octets + 12, 4);
        n->family = AF_INET;
        n->bits -= 96;
    }

    return 1;
}


/* The address is a network of its own, as small as it may be. */

static int
acm_cond_inside(const acm_network_t *n, const acm_network_t *ip)
{
    unsigned  i, mask;

    if (n->family != ip->family || n->bits > ip->bits) {
        return 0;
    }

    for (i = 0; i < n->bits / 8; i++) {
        if (n->octets[i] != ip->octets[i]) {
            return 0;
        }
    }

    if (n->bits % 8 == 0) {
        return 1;
    }

    mask = 0xff00U >> n->bits % 8;

    return ((n->octets[i] ^ ip->octets[i]) & mask & 0xff) == 0;
}
