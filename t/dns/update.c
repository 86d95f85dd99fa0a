
/*
 * Copyright (C) The ngx_acm authors
 *
 * Sends one dynamic update to 127.0.0.1, by TCP, for t/dns_update.t:
 *
 *   update port keyfile zone name value add|remove [seconds]
 *
 * Prints the result.  "seconds" are added to the clock.
 */


#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "acm_dns_update.h"


static int
all(int fd, uint8_t *data, size_t len, int out)
{
    size_t   n;
    ssize_t  rc;

    for (n = 0; n < len; n += (size_t) rc) {
        rc = out ? write(fd, data + n, len - n) : read(fd, data + n, len - n);

        if (rc <= 0) {
            return -1;
        }
    }

    return 0;
}


int
main(int argc, char **argv)
{
    int                 fd;
    size_t              len;
    int64_t             now;
    uint8_t             head[2];
    acm_rc_t            rc;
    acm_buf_t           out;
    acm_err_t           err;
    acm_dns_update_t    update;
    acm_tsig_secret_t   key;
    struct sockaddr_in  sin;

    static uint8_t      wire[ACM_MAX_DNS_WIRE];

    if (argc < 7) {
        return 2;
    }

    now = time(NULL) + ((argc > 7) ? strtol(argv[7], NULL, 10) : 0);

    err.text[0] = '\0';
    acm_buf_init(&out, ACM_MAX_DNS_WIRE);

    rc = acm_tsig_load(argv[2], &key, &err);

    if (rc == ACM_OK) {
        rc = acm_dns_update(argv[3], argv[4], argv[5], 60,
                            strcmp(argv[6], "add") == 0, &key, now, &update,
                            &out, &err);
    }

    if (rc != ACM_OK) {
        printf("%s: %s\n", acm_rc_text(rc), err.text);
        return 1;
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) strtol(argv[1], NULL, 10));
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    fd = socket(AF_INET, SOCK_STREAM, 0);
    head[0] = (uint8_t) (out.len >> 8);
    head[1] = (uint8_t) out.len;

    if (fd == -1 || connect(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || all(fd, head, 2, 1) == -1 || all(fd, out.data, out.len, 1) == -1
        || all(fd, head, 2, 0) == -1)
    {
        printf("no answer\n");
        return 1;
    }

    len = (size_t) head[0] << 8 | head[1];

    if (all(fd, wire, len, 0) == -1) {
        printf("no answer\n");
        return 1;
    }

    rc = acm_dns_update_answer(&update, &key, now, wire, len, &err);
    printf("%s: %s\n", acm_rc_text(rc), rc == ACM_OK ? "" : err.text);

    acm_tsig_wipe(&key);
    acm_buf_free(&out);
    close(fd);

    return rc != ACM_OK;
}
