
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl: the audit log of the API.
 */


#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acmctl.h"
#include "../shared/acm_audit.h"


#define ACMCTL_AUDIT_STEP  65536


typedef struct {
    const char           *user;
    const char           *event;
    const char           *error;
    const char           *head;
    int                   latest;
    int                   json;
} acmctl_audit_t;


static int acmctl_audit_verify(acmctl_t *ctl, const acmctl_audit_t *opt,
    int argc, char **argv);
static int acmctl_audit_head(acmctl_t *ctl, const acmctl_audit_t *opt,
    acm_audit_link_t *head);
static int acmctl_audit_hex(const char *text, acm_audit_link_t *head);
static int acmctl_audit_read(const char *path, acm_audit_check_t *c);
static void acmctl_audit_found(void *data, acm_audit_finding_e finding,
    uint64_t line, const char *text);
static int acmctl_audit_show(const acmctl_audit_t *opt, int argc,
    char **argv);
static int acmctl_audit_list(const acmctl_audit_t *opt, const char *path);
static void acmctl_audit_print(const acmctl_audit_t *opt, const char *line,
    size_t len);
static int acmctl_audit_is(const json_t *json, const char *name,
    const char *text);
static const char *acmctl_audit_text(const char *text);


int
acmctl_audit(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "user", required_argument, NULL, 'u' },
        { "event", required_argument, NULL, 'e' },
        { "error", required_argument, NULL, 'f' },
        { "head", required_argument, NULL, 'h' },
        { "latest", no_argument, NULL, 'l' },
        { "json", no_argument, NULL, 'j' },
        { NULL, 0, NULL, 0 }
    };

    int               ch;
    const char       *verb;
    acmctl_audit_t    opt;

    memset(&opt, 0, sizeof(acmctl_audit_t));

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {

        switch (ch) {
        case 'u': opt.user = optarg; break;
        case 'e': opt.event = optarg; break;
        case 'f': opt.error = optarg; break;
        case 'h': opt.head = optarg; break;
        case 'l': opt.latest = 1; break;
        case 'j': opt.json = 1; break;
        default:  return ACMCTL_USAGE;
        }
    }

    if (argc - optind < 2) {
        return ACMCTL_USAGE;
    }

    verb = argv[optind++];

    if (strcmp(verb, "verify") == 0 && opt.user == NULL && opt.event == NULL
        && opt.error == NULL && !opt.json
        && !(opt.latest && opt.head != NULL))
    {
        return acmctl_audit_verify(ctl, &opt, argc - optind, argv + optind);
    }

    if (strcmp(verb, "show") == 0 && opt.head == NULL && !opt.latest) {
        return acmctl_audit_show(&opt, argc - optind, argv + optind);
    }

    return ACMCTL_USAGE;
}


static int
acmctl_audit_verify(acmctl_t *ctl, const acmctl_audit_t *opt, int argc,
    char **argv)
{
    int                 i, rc;
    char                hex[ACM_AUDIT_HEX + 1];
    const char         *path;
    acm_audit_check_t   c;

    acm_audit_check_init(&c, acmctl_audit_found, &path);

    /* before the files are read: what is written meanwhile is more, not
       less */

    rc = acmctl_audit_head(ctl, opt, &c.head);

    for (i = 0; i < argc && rc == ACMCTL_OK; i++) {
        path = argv[i];
        rc = acmctl_audit_read(path, &c);

        if (rc == ACMCTL_OK) {
            acm_audit_check_end(&c, i == argc - 1);
        }
    }

    if (rc != ACMCTL_OK) {
        acm_buf_free(&c.part);
        return rc;
    }

    if (c.last.number == 0) {
        printf("no line");

    } else {
        printf("%llu lines, the last one %llu:%s",
               (unsigned long long) c.lines,
               (unsigned long long) c.last.number,
               acm_hex(c.last.hash, ACM_HASH_LEN, hex));
    }

    if (c.faults == 0) {
        printf("\n");
        return ACMCTL_OK;
    }

    printf(", %llu fault%s\n", (unsigned long long) c.faults,
           c.faults == 1 ? "" : "s");

    return ACMCTL_FAULT;
}


/* What the last line is to be, if that is asked for. */

static int
acmctl_audit_head(acmctl_t *ctl, const acmctl_audit_t *opt,
    acm_audit_link_t *head)
{
    char       path[ACM_MAX_AUDIT_PATH];
    acm_err_t  err;

    if (opt->head != NULL) {
        return acmctl_audit_hex(opt->head, head);
    }

    if (!opt->latest) {
        return ACMCTL_OK;
    }

    (void) snprintf(path, sizeof(path), "%s/" ACM_AUDIT_HEAD_NAME,
                    ctl->store_path);

    if (acm_audit_head_read(path, head, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    return ACMCTL_OK;
}


/* "NUMBER:HASH", as verify prints it */

static int
acmctl_audit_hex(const char *text, acm_audit_link_t *head)
{
    char  *end;

    errno = 0;
    head->number = strtoull(text, &end, 10);

    if (*text >= '1' && *text <= '9' && errno == 0 && *end == ':'
        && strlen(end + 1) == ACM_AUDIT_HEX
        && acm_audit_hash(end + 1, head->hash))
    {
        return ACMCTL_OK;
    }

    return acmctl_fail("\"%s\" is no head: use NUMBER:HASH, as \"audit "
                       "verify\" prints it", text);
}


static int
acmctl_audit_read(const char *path, acm_audit_check_t *c)
{
    int       e;
    FILE     *f;
    size_t    n;
    acm_rc_t  rc;
    uint8_t   buf[ACMCTL_AUDIT_STEP];

    f = fopen(path, "re");

    if (f == NULL) {
        return acmctl_fail("cannot open \"%s\": %s", path, strerror(errno));
    }

    rc = ACM_OK;

    do {
        n = fread(buf, 1, sizeof(buf), f);
        rc = acm_audit_check(c, buf, n);
    } while (n != 0 && rc == ACM_OK);

    e = ferror(f) ? errno : 0;
    fclose(f);

    if (e) {
        return acmctl_fail("cannot read \"%s\": %s", path, strerror(e));
    }

    return (rc == ACM_OK) ? ACMCTL_OK : acmctl_fail("no memory");
}


static void
acmctl_audit_found(void *data, acm_audit_finding_e finding, uint64_t line,
    const char *text)
{
    const char  *path = *(const char **) data;

    printf("%s:%llu: %s%s\n", path, (unsigned long long) line,
           acm_audit_fault(finding) ? "" : "note: ", text);
}


static int
acmctl_audit_show(const acmctl_audit_t *opt, int argc, char **argv)
{
    int  i, rc;

    rc = ACMCTL_OK;

    for (i = 0; i < argc && rc == ACMCTL_OK; i++) {
        rc = acmctl_audit_list(opt, argv[i]);
    }

    return rc;
}


static int
acmctl_audit_list(const acmctl_audit_t *opt, const char *path)
{
    int       e;
    char     *line;
    FILE     *f;
    size_t    size;
    ssize_t   n;

    f = fopen(path, "re");

    if (f == NULL) {
        return acmctl_fail("cannot open \"%s\": %s", path, strerror(errno));
    }

    line = NULL;
    size = 0;

    while ((n = getline(&line, &size, f)) > 0) {
        acmctl_audit_print(opt, line, (size_t) n);
    }

    e = ferror(f) ? errno : 0;
    free(line);
    fclose(f);

    return e ? acmctl_fail("cannot read \"%s\": %s", path, strerror(e))
             : ACMCTL_OK;
}


/* What is no record, verify tells. */

static void
acmctl_audit_print(const acmctl_audit_t *opt, const char *line, size_t len)
{
    json_t      *json, *who, *what;
    acm_err_t    err;
    const char  *name, *arn;

    if (acm_json_parse(line, len, ACM_MAX_AUDIT_LINE + 1, &json, &err)
        != ACM_OK)
    {
        return;
    }

    who = acm_json_object(json, "userIdentity");
    what = acm_json_object(json, "requestParameters");
    name = acm_json_string(who, "userName");

    if (name == NULL) {
        name = acm_json_string(who, "type");
    }

    if ((opt->user != NULL && !acmctl_audit_is(who, "userName", opt->user)
         && !acmctl_audit_is(who, "arn", opt->user)
         && !acmctl_audit_is(who, "accessKeyId", opt->user))
        || (opt->event != NULL
            && !acmctl_audit_is(json, "eventName", opt->event))
        || (opt->error != NULL
            && !acmctl_audit_is(json, "errorCode", opt->error)))
    {
        json_decref(json);
        return;
    }

    if (opt->json) {
        fwrite(line, 1, len, stdout);
        json_decref(json);
        return;
    }

    arn = acm_json_string(what, "certificateArn");

    if (arn == NULL) {
        arn = acm_json_string(acm_json_object(json, "responseElements"),
                              "certificateArn");
    }

    printf("%s  ", acmctl_audit_text(acm_json_string(json, "eventTime")));
    printf("%s  ", acmctl_audit_text(acm_json_string(json,
                                                     "sourceIPAddress")));
    printf("%s  ", acmctl_audit_text(name));
    printf("%s  ", acmctl_audit_text(acm_json_string(json, "eventName")));
    printf("%s", json_object_get(json, "errorCode") == NULL ? "ok"
           : acmctl_audit_text(acm_json_string(json, "errorCode")));

    if (arn != NULL) {
        printf("  %s", acmctl_audit_text(arn));
    }

    printf("\n");

    json_decref(json);
}


static int
acmctl_audit_is(const json_t *json, const char *name, const char *text)
{
    const char  *value;

    value = acm_json_string(json, name);

    return value != NULL && strcmp(value, text) == 0;
}


/* What clients have sent is not for a terminal as it is. */

static const char *
acmctl_audit_text(const char *text)
{
    size_t       i;
    static char  buf[ACM_MAX_AUDIT_TEXT];

    if (text == NULL || *text == '\0') {
        return "-";
    }

    for (i = 0; text[i] != '\0' && i < sizeof(buf) - 1; i++) {
        buf[i] = (text[i] > ' ' && text[i] < 0x7f) ? text[i] : '?';
    }

    buf[i] = '\0';

    return buf;
}
