
/*
 * Copyright (C) The ngx_acm authors
 *
 * Bodies of requests, on a store with three certificates.  The first octet is
 * the operation.  Whatever comes, there is an answer, in JSON, that is no
 * fault of ours.
 */


#include "../unit/test_api.h"


#define FUZZ_CALLS  500              /* before all begins anew */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static test_api_t  fuzz_api;
static unsigned    fuzz_calls;


static void
fuzz_make(const char *body)
{
    json_decref(test_api(&fuzz_api, "RequestCertificate", body));
}


static void
fuzz_start(void)
{
    if (fuzz_calls != 0) {
        test_api_stop(&fuzz_api);
    }

    test_api_start(&fuzz_api);

    fuzz_make("{'DomainName': 'a.example.com', 'ValidationMethod': 'DNS',"
              " 'KeyAlgorithm': 'EC_prime256v1', 'Options': {'Export':"
              " 'ENABLED'}}");
    test_api_run(&fuzz_api);
    fuzz_make("{'DomainName': 'b.example.com', 'KeyAlgorithm':"
              " 'EC_prime256v1', 'Tags': [{'Key': 'k'}]}");
    fuzz_make("{'DomainName': 'c.example.com', 'KeyAlgorithm':"
              " 'EC_prime256v1', 'CertificateAuthorityArn': 'arn:aws:acm-pca:"
              "us-east-1:123456789012:certificate-authority/internal'}");
}


/* "@" becomes the ARN of the first certificate in the store: a fuzzer cannot
   know it. */

static void
fuzz_arn(char *arn)
{
    json_t  *json, *list;

    json = test_api(&fuzz_api, "SearchCertificates", "{'MaxResults': 1}");
    list = json_object_get(json, "Results");

    arn[0] = '\0';

    if (json_array_size(list) != 0) {
        snprintf(arn, ACM_MAX_ARN, "%s",
                 json_string_value(json_object_get(json_array_get(list, 0),
                                                   "CertificateArn")));
    }

    json_decref(json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char         arn[ACM_MAX_ARN];
    size_t       i;
    acm_buf_t    body;
    const char  *operation;

    if (size == 0) {
        return 0;
    }

    if (fuzz_calls % FUZZ_CALLS == 0) {
        fuzz_start();
    }

    fuzz_calls++;

    operation = acm_operations[data[0] % ACM_OPERATION_MAX].name;

    fuzz_arn(arn);
    acm_buf_init(&body, ACM_MAX_API_BODY);

    for (i = 1; i < size; i++) {
        if (data[i] == '@') {
            acm_buf_text(&body, arn);

        } else {
            acm_buf_u8(&body, data[i]);
        }
    }

    fuzz_api.now++;

    if (acm_buf_rc(&body) == ACM_OK) {
        json_decref(test_api_raw(&fuzz_api, operation,
                                 body.data ? (char *) body.data : "",
                                 body.len));

        if (fuzz_api.status >= 500) {
            __builtin_trap();
        }
    }

    acm_buf_free(&body);

    return 0;
}
