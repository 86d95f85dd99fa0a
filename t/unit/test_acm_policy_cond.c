
/*
 * Copyright (C) The ngx_acm authors
 *
 * Conditions and variables: a table with each operator.
 */


#include "test.h"
#include "test_policy.h"


/* conditions as text, "operator: { key: values }", and whether they hold;
   -1: they are refused */

typedef struct {
    const char  *condition;
    const char  *context;
    int          holds;
} test_condition_t;


static const test_condition_t  test_conditions[] = {

    /* strings: case counts, and wildcards only in Like */

    { "'StringEquals':{'acm:KeyAlgorithm':'RSA_2048'}",
      "acm:KeyAlgorithm=RSA_2048", 1 },
    { "'StringEquals':{'acm:KeyAlgorithm':'rsa_2048'}",
      "acm:KeyAlgorithm=RSA_2048", 0 },
    { "'StringEquals':{'ACM:keyalgorithm':'RSA_2048'}",
      "acm:KeyAlgorithm=RSA_2048", 1 },
    { "'StringEquals':{'acm:KeyAlgorithm':'RSA_*'}",
      "acm:KeyAlgorithm=RSA_2048", 0 },
    { "'StringEquals':{'acm:KeyAlgorithm':'RSA_*'}",
      "acm:KeyAlgorithm=RSA_*", 1 },
    { "'StringEquals':{'acm:KeyAlgorithm':'RSA_204?'}",
      "acm:KeyAlgorithm=RSA_2048", 0 },
    { "'StringEquals':{'acm:KeyAlgorithm':['x','RSA_2048']}",
      "acm:KeyAlgorithm=RSA_2048", 1 },
    { "'StringEquals':{'acm:KeyAlgorithm':[]}",
      "acm:KeyAlgorithm=RSA_2048", 0 },
    { "'StringEquals':{'acm:KeyAlgorithm':''}", "acm:KeyAlgorithm=", 1 },
    { "'StringEquals':{'acm:KeyAlgorithm':'RSA_2048'}",
      "acm:KeyAlgorithm=RSA_20480", 0 },
    { "'StringEquals':{'acm:KeyAlgorithm':'x'}", "", 0 },
    { "'StringEquals':{'acm:KeyAlgorithm':'x'}", "acm:KeyAlgorithm", 0 },

    { "'StringNotEquals':{'acm:KeyAlgorithm':'x'}", "acm:KeyAlgorithm=x", 0 },
    { "'StringNotEquals':{'acm:KeyAlgorithm':'x'}", "acm:KeyAlgorithm=X", 1 },
    { "'StringNotEquals':{'acm:KeyAlgorithm':'x'}", "", 1 },
    { "'StringNotEquals':{'acm:KeyAlgorithm':['x','y']}",
      "acm:KeyAlgorithm=y", 0 },
    { "'StringNotEquals':{'acm:KeyAlgorithm':['x','y']}",
      "acm:KeyAlgorithm=z", 1 },
    { "'StringNotEquals':{'acm:KeyAlgorithm':[]}", "acm:KeyAlgorithm=z", 1 },

    { "'StringEqualsIgnoreCase':{'acm:KeyAlgorithm':'rSa*'}",
      "acm:KeyAlgorithm=RsA*", 1 },
    { "'StringEqualsIgnoreCase':{'acm:KeyAlgorithm':'rsa*'}",
      "acm:KeyAlgorithm=RSA_2048", 0 },
    { "'StringNotEqualsIgnoreCase':{'acm:KeyAlgorithm':'rsa'}",
      "acm:KeyAlgorithm=RSA", 0 },
    { "'StringNotEqualsIgnoreCase':{'acm:KeyAlgorithm':'rsa'}",
      "acm:KeyAlgorithm=EC", 1 },
    { "'StringNotEqualsIgnoreCase':{'acm:KeyAlgorithm':'rsa'}", "", 1 },

    { "'StringLike':{'acm:KeyAlgorithm':'RSA*'}",
      "acm:KeyAlgorithm=RSA_2048", 1 },
    { "'StringLike':{'acm:KeyAlgorithm':'rsa*'}",
      "acm:KeyAlgorithm=RSA_2048", 0 },
    { "'StringLike':{'acm:KeyAlgorithm':'RSA_?0?8'}",
      "acm:KeyAlgorithm=RSA_2048", 1 },
    { "'StringLike':{'acm:KeyAlgorithm':'RSA_?'}",
      "acm:KeyAlgorithm=RSA_", 0 },
    { "'StringLike':{'acm:KeyAlgorithm':'*a*b*'}",
      "acm:KeyAlgorithm=xxaxxaxb", 1 },
    { "'StringLike':{'acm:KeyAlgorithm':'*ab'}",
      "acm:KeyAlgorithm=aabab", 1 },
    { "'StringLike':{'acm:KeyAlgorithm':'*'}", "acm:KeyAlgorithm=", 1 },
    { "'StringLike':{'acm:KeyAlgorithm':'?*'}", "acm:KeyAlgorithm=", 0 },
    { "'StringLike':{'acm:KeyAlgorithm':'a:*:c'}",
      "acm:KeyAlgorithm=a:b:c", 1 },
    { "'StringLike':{'acm:KeyAlgorithm':'*'}", "", 0 },
    { "'StringNotLike':{'acm:KeyAlgorithm':'RSA*'}",
      "acm:KeyAlgorithm=RSA_2048", 0 },
    { "'StringNotLike':{'acm:KeyAlgorithm':'RSA*'}",
      "acm:KeyAlgorithm=EC", 1 },
    { "'StringNotLike':{'acm:KeyAlgorithm':'*'}", "", 1 },

    /* several values without a set operator: any of them */

    { "'StringLike':{'acm:DomainNames':'*.a.example'}",
      "acm:DomainNames=x.b.example|x.a.example", 1 },
    { "'StringNotLike':{'acm:DomainNames':'*.a.example'}",
      "acm:DomainNames=x.b.example|x.a.example", 1 },
    { "'StringNotLike':{'acm:DomainNames':'*.a.example'}",
      "acm:DomainNames=y.a.example|x.a.example", 0 },

    /* sets */

    { "'ForAnyValue:StringEquals':{'aws:TagKeys':'a'}", "aws:TagKeys=b|a",
      1 },
    { "'ForAnyValue:StringEquals':{'aws:TagKeys':'a'}", "aws:TagKeys=b", 0 },
    { "'ForAnyValue:StringEquals':{'aws:TagKeys':'a'}", "", 0 },
    { "'ForAnyValue:StringEquals':{'aws:TagKeys':'a'}", "aws:TagKeys", 0 },
    { "'ForAnyValue:StringNotEquals':{'aws:TagKeys':'a'}", "", 0 },
    { "'ForAnyValue:StringNotEquals':{'aws:TagKeys':'a'}",
      "aws:TagKeys=a|b", 1 },
    { "'ForAnyValue:StringNotEquals':{'aws:TagKeys':['a','b']}",
      "aws:TagKeys=a|b", 0 },
    { "'ForAllValues:StringEquals':{'aws:TagKeys':['a','b']}",
      "aws:TagKeys=b|a", 1 },
    { "'ForAllValues:StringEquals':{'aws:TagKeys':['a','b']}",
      "aws:TagKeys=b|a|c", 0 },
    { "'ForAllValues:StringEquals':{'aws:TagKeys':'a'}", "", 1 },
    { "'ForAllValues:StringEquals':{'aws:TagKeys':'a'}", "aws:TagKeys", 1 },
    { "'ForAllValues:StringEquals':{'aws:TagKeys':[]}", "aws:TagKeys", 1 },
    { "'ForAllValues:StringEquals':{'aws:TagKeys':[]}", "aws:TagKeys=a", 0 },
    { "'ForAllValues:StringNotEquals':{'aws:TagKeys':'a'}",
      "aws:TagKeys=b|c", 1 },
    { "'ForAllValues:StringNotEquals':{'aws:TagKeys':'a'}",
      "aws:TagKeys=b|a", 0 },
    { "'ForAllValues:StringNotEquals':{'aws:TagKeys':'a'}", "", 1 },

    /* IfExists */

    { "'StringEqualsIfExists':{'acm:KeyAlgorithm':'x'}", "", 1 },
    { "'StringEqualsIfExists':{'acm:KeyAlgorithm':'x'}",
      "acm:KeyAlgorithm=y", 0 },
    { "'StringEqualsIfExists':{'acm:KeyAlgorithm':'x'}",
      "acm:KeyAlgorithm=x", 1 },
    { "'StringNotEqualsIfExists':{'acm:KeyAlgorithm':'x'}", "", 1 },
    { "'StringNotEqualsIfExists':{'acm:KeyAlgorithm':'x'}",
      "acm:KeyAlgorithm=x", 0 },
    { "'ForAnyValue:StringLikeIfExists':{'aws:TagKeys':'x'}", "", 1 },
    { "'ForAnyValue:StringLikeIfExists':{'aws:TagKeys':'x'}",
      "aws:TagKeys=y", 0 },
    { "'NumericLessThanIfExists':{'x:n':5}", "", 1 },
    { "'BoolIfExists':{'x:b':true}", "x:b=false", 0 },

    /* Null */

    { "'Null':{'acm:CertificateAuthority':'true'}", "", 1 },
    { "'Null':{'acm:CertificateAuthority':true}",
      "acm:CertificateAuthority", 1 },
    { "'Null':{'acm:CertificateAuthority':'true'}",
      "acm:CertificateAuthority=x", 0 },
    { "'Null':{'acm:CertificateAuthority':'False'}",
      "acm:CertificateAuthority=x", 1 },
    { "'Null':{'acm:CertificateAuthority':'false'}", "", 0 },
    { "'Null':{'acm:CertificateAuthority':['true','false']}", "", 1 },
    { "'Null':{'aws:username':'false'}", "", 1 },

    /* numbers */

    { "'NumericEquals':{'x:n':10}", "x:n=10", 1 },
    { "'NumericEquals':{'x:n':'10'}", "x:n=10.0", 1 },
    { "'NumericEquals':{'x:n':'10'}", "x:n=010", 1 },
    { "'NumericEquals':{'x:n':1.5}", "x:n=1.50", 1 },
    { "'NumericEquals':{'x:n':0}", "x:n=-0", 1 },
    { "'NumericEquals':{'x:n':10}", "x:n=ten", 0 },
    { "'NumericEquals':{'x:n':10}", "x:n=", 0 },
    { "'NumericEquals':{'x:n':10}", "x:n=10 ", 0 },
    { "'NumericEquals':{'x:n':10}", "x:n=1e1", 0 },
    { "'NumericEquals':{'x:n':10}", "", 0 },
    { "'NumericEquals':{'x:n':'9007199254740993'}", "x:n=9007199254740992",
      0 },
    { "'NumericEquals':{'x:n':'12345678901234567890123456789012'}",
      "x:n=12345678901234567890123456789012", 1 },
    { "'NumericEquals':{'x:n':'123456789012345678901234567890123'}", "",
      -1 },
    { "'NumericLessThan':{'x:n':'0.12345678901234567890123456789012'}",
      "x:n=0.12345678901234567890123456789011", 1 },
    { "'NumericEquals':{'x:n':'0.123456789012345678901234567890123'}", "",
      -1 },
    { "'NumericNotEquals':{'x:n':10}", "x:n=11", 1 },
    { "'NumericNotEquals':{'x:n':10}", "x:n=10", 0 },
    { "'NumericNotEquals':{'x:n':10}", "", 1 },
    { "'NumericNotEquals':{'x:n':10}", "x:n=ten", 1 },
    { "'NumericLessThan':{'x:n':10}", "x:n=9.99", 1 },
    { "'NumericLessThan':{'x:n':10}", "x:n=10", 0 },
    { "'NumericLessThan':{'x:n':-9}", "x:n=-10", 1 },
    { "'NumericLessThan':{'x:n':-9}", "x:n=-8", 0 },
    { "'NumericLessThanEquals':{'x:n':10}", "x:n=10", 1 },
    { "'NumericLessThanEquals':{'x:n':10}", "x:n=10.1", 0 },
    { "'NumericGreaterThan':{'x:n':10}", "x:n=10", 0 },
    { "'NumericGreaterThan':{'x:n':9}", "x:n=10", 1 },
    { "'NumericGreaterThan':{'x:n':-1}", "x:n=1", 1 },
    { "'NumericGreaterThanEquals':{'x:n':10}", "x:n=+10", 1 },
    { "'NumericGreaterThanEquals':{'x:n':10}", "x:n=9", 0 },
    { "'NumericGreaterThan':{'x:n':10}", "", 0 },

    /* times; now is 2026-11-25T13:00:42Z */

    { "'DateGreaterThan':{'aws:CurrentTime':'2026-11-25T13:00:41Z'}", "", 1 },
    { "'DateGreaterThan':{'aws:CurrentTime':'2026-11-25T13:00:42Z'}", "", 0 },
    { "'DateGreaterThanEquals':"
      "{'aws:CurrentTime':'2026-11-25T13:00:42.9Z'}", "", 1 },
    { "'DateLessThan':{'aws:CurrentTime':'2026-11-25T13:00:43Z'}", "", 1 },
    { "'DateLessThan':{'aws:CurrentTime':'2026-11-25T13:00:42Z'}", "", 0 },
    { "'DateLessThanEquals':{'aws:CurrentTime':'2026-11-25T13:00:42Z'}", "",
      1 },
    { "'DateEquals':{'aws:CurrentTime':'2026-11-25T15:00:42+02:00'}", "", 1 },
    { "'DateEquals':{'aws:CurrentTime':'2026-11-25T07:30:42-05:30'}", "", 1 },
    { "'DateNotEquals':{'aws:CurrentTime':'2026-11-25T13:00:42Z'}", "", 0 },
    { "'DateNotEquals':{'aws:CurrentTime':'2026-11-25'}", "", 1 },
    { "'DateGreaterThan':{'aws:CurrentTime':'2026-11-25'}", "", 1 },
    { "'DateGreaterThan':{'aws:CurrentTime':'2026-12'}", "", 0 },
    { "'DateGreaterThan':{'aws:CurrentTime':'2026'}", "", 1 },
    { "'DateEquals':{'aws:EpochTime':'1795611642'}", "", 1 },
    { "'DateEquals':{'aws:CurrentTime':1795611642}", "", 1 },
    { "'NumericEquals':{'aws:EpochTime':1795611642}", "", 1 },
    { "'DateEquals':{'x:t':'2024-02-29'}", "x:t=2024-02-30", 0 },
    { "'DateEquals':{'x:t':'2024-02-29'}", "x:t=2024-02-29T00:00Z", 1 },
    { "'DateEquals':{'x:t':'2024-02-29'}", "x:t=2024-02-29T00:00", 0 },
    { "'DateEquals':{'x:t':'-1'}", "x:t=1969-12-31T23:59:59Z", 1 },
    { "'DateNotEquals':{'x:t':'2024-02-29'}", "", 1 },
    { "'DateLessThan':{'x:t':'2024-02-29'}", "", 0 },

    /* true and false */

    { "'Bool':{'aws:SecureTransport':'true'}", "", 1 },
    { "'Bool':{'aws:SecureTransport':'True'}", "", 1 },
    { "'Bool':{'aws:SecureTransport':false}", "", 0 },
    { "'Bool':{'x:b':'false'}", "x:b=FALSE", 1 },
    { "'Bool':{'x:b':'false'}", "x:b=no", 0 },
    { "'Bool':{'x:b':'false'}", "", 0 },
    { "'Bool':{'aws:ViaAWSService':'false'}", "", 1 },

    /* addresses; the client's is 192.0.2.7 */

    { "'IpAddress':{'aws:SourceIp':'192.0.2.0/24'}", "", 1 },
    { "'IpAddress':{'aws:SourceIp':'192.0.2.7'}", "", 1 },
    { "'IpAddress':{'aws:SourceIp':'192.0.2.8'}", "", 0 },
    { "'IpAddress':{'aws:SourceIp':'192.0.2.4/30'}", "", 1 },
    { "'IpAddress':{'aws:SourceIp':'192.0.2.5/30'}", "", 1 },
    { "'IpAddress':{'aws:SourceIp':'192.0.2.8/30'}", "", 0 },
    { "'IpAddress':{'aws:SourceIp':'0.0.0.0/0'}", "", 1 },
    { "'IpAddress':{'aws:SourceIp':'::/0'}", "", 0 },
    { "'IpAddress':{'aws:SourceIp':'::ffff:192.0.2.0/120'}", "", 1 },
    { "'IpAddress':{'aws:SourceIp':['10.0.0.0/8','192.0.2.0/24']}", "", 1 },
    { "'NotIpAddress':{'aws:SourceIp':['10.0.0.0/8','192.0.2.0/24']}", "",
      0 },
    { "'NotIpAddress':{'aws:SourceIp':'10.0.0.0/8'}", "", 1 },
    { "'NotIpAddress':{'x:ip':'10.0.0.0/8'}", "", 1 },
    { "'NotIpAddress':{'x:ip':'10.0.0.0/8'}", "x:ip=10.1.2.3.4", 1 },
    { "'IpAddress':{'x:ip':'10.0.0.0/8'}", "x:ip=::ffff:10.1.2.3", 1 },
    { "'IpAddress':{'x:ip':'2001:db8::/33'}", "x:ip=2001:DB8:7fff::1", 1 },
    { "'IpAddress':{'x:ip':'2001:db8::/33'}", "x:ip=2001:DB8:8000::1", 0 },
    { "'IpAddress':{'x:ip':'10.0.0.0/8'}", "", 0 },
    { "'IpAddress':{'x:ip':'10.0.0.0/16'}", "x:ip=10.0.0.0/8", 0 },

    /* ARNs: part by part */

    { "'ArnLike':{'x:a':'arn:aws:iam::*:role/x*'}",
      "x:a=arn:aws:iam::1:role/xy", 1 },
    { "'ArnEquals':{'x:a':'arn:aws:iam::*:role/x*'}",
      "x:a=arn:aws:iam::1:role/xy", 1 },
    { "'ArnLike':{'x:a':'arn:aws:*:role/x'}",
      "x:a=arn:aws:iam::1:role/x", -1 },
    { "'ArnLike':{'x:a':'arn:aws:*:*:*:role/x'}",
      "x:a=arn:aws:iam:a:b:c:role/x", 0 },
    { "'ArnLike':{'x:a':'arn:aws:acm:*:1:*'}",
      "x:a=arn:aws:acm:r:1:certificate/x:y", 1 },
    { "'ArnLike':{'x:a':'arn:aws:acm:*:1:*'}",
      "x:a=arn:aws:acm:r:2:certificate/1:1:z", 0 },
    { "'ArnLike':{'x:a':'*'}", "x:a=arn:aws:acm:r:2:c", 1 },
    { "'ArnLike':{'x:a':'*'}", "x:a=text", 0 },
    { "'ArnLike':{'x:a':'*'}", "", 0 },
    { "'ArnNotLike':{'x:a':'arn:aws:iam::*:role/x'}",
      "x:a=arn:aws:iam::1:role/x", 0 },
    { "'ArnNotLike':{'x:a':'arn:aws:iam::*:role/x'}",
      "x:a=arn:aws:iam::1:role/y", 1 },
    { "'ArnNotLike':{'x:a':'arn:aws:iam::*:role/x'}", "", 1 },
    { "'ArnNotEquals':{'x:a':'arn:aws:iam::*:role/x'}", "x:a=text", 1 },
    { "'ArnEquals':{'aws:PrincipalArn':"
      "'arn:aws:iam::123456789012:user/alice'}", "", 1 },

    /* variables, in the version that has them */

    { "'StringEquals':{'x:s':'${aws:username}'}", "x:s=alice", 1 },
    { "'StringEquals':{'x:s':'a-${AWS:USERNAME}-b'}", "x:s=a-alice-b", 1 },
    { "'StringEquals':{'x:s':'${x:t}'}", "x:s=1;x:t=1", 1 },
    { "'StringLike':{'x:s':'${x:t}'}", "x:s=abc;x:t=*", 0 },
    { "'StringLike':{'x:s':'${x:t}'}", "x:s=*;x:t=*", 1 },
    { "'StringLike':{'x:s':'${x:t}'}", "x:s=a;x:t=?", 0 },
    { "'StringLike':{'x:s':'${x:t}*'}", "x:s=abc;x:t=a", 1 },
    { "'StringEquals':{'x:s':'${x:t}'}", "x:s=${aws:username};"
      "x:t=${aws:username}", 1 },
    { "'StringEquals':{'x:s':'${x:t}'}", "x:s=alice;x:t=${aws:username}", 0 },
    { "'ArnLike':{'x:a':'arn:aws:${x:t}:c/x'}",
      "x:t=acm:r:1;x:a=arn:aws:acm:r:1:c/x", 0 },
    { "'ArnLike':{'x:a':'arn:aws:acm:${x:t}:1:c/x'}",
      "x:t=r;x:a=arn:aws:acm:r:1:c/x", 1 },
    { "'StringEquals':{'x:s':'${x:none}'}", "x:s=", 0 },
    { "'StringEquals':{'x:s':['${x:none}','b']}", "x:s=b", 1 },
    { "'StringEquals':{'x:s':'${x:t}'}", "x:s=1;x:t=1|2", 0 },
    { "'StringEquals':{'x:s':'${x:none, 'd f'}'}", "x:s=d f", -1 },
    { "'StringEquals':{'x:s':'${*}${?}${$}{'}", "x:s=*?${", 1 },
    { "'StringLike':{'x:s':'${*}.*'}", "x:s=*.example.com", 1 },
    { "'StringLike':{'x:s':'${*}.*'}", "x:s=www.example.com", 0 },
    { "'StringLike':{'x:s':'${?}a'}", "x:s=ba", 0 },
    { "'StringEquals':{'x:s':'$x$'}", "x:s=$x$", 1 },
    { "'StringEquals':{'x:s':'${aws:PrincipalTag/team}'}", "x:s=red", 1 },
    { "'StringEquals':{'aws:PrincipalTag/Team':'red'}", "", 1 },
    { "'StringEquals':{'aws:principaltag/cost':'low'}", "", 1 },
    { "'StringEquals':{'aws:principaltag/COST':'high'}", "", 1 },
    { "'StringEquals':{'aws:principaltag/cOST':'high'}", "", 1 },

    /* tags of the request: the spelling of the policy comes first */

    { "'StringEquals':{'aws:ResourceTag/env':'dev'}",
      "aws:ResourceTag/ENV=prod;aws:ResourceTag/env=dev", 1 },
    { "'StringEquals':{'aws:resourcetag/env':'dev'}",
      "aws:ResourceTag/env=prod;aws:ResourceTag/ENV=dev", 0 },
    { "'StringEquals':{'aws:ResourceTag/env':'dev'}",
      "aws:ResourceTag/Env=dev", 1 },
    { "'StringEquals':{'aws:RequestTag/env':'${aws:PrincipalTag/team}'}",
      "aws:RequestTag/env=red", 1 },
    { "'StringEquals':{'aws:RequestTag/env':'red'}", "", 0 },

    /* keys that are made cannot be given */

    { "'StringEquals':{'aws:username':'bob'}", "aws:username=bob", 0 },
    { "'StringEquals':{'aws:PrincipalTag/x':'y'}", "aws:PrincipalTag/x=y",
      0 },
    { "'StringEquals':{'aws:PrincipalAccount':'123456789012'}", "", 1 },
    { "'StringEquals':{'aws:PrincipalType':'User'}", "", 1 },
    { "'StringEquals':{'aws:userid':'AIDAEXAMPLE'}", "", 1 },
    { "'StringEquals':{'aws:RequestedRegion':'us-east-1'}", "", 1 },
    { "'StringEquals':{'aws:PrincipalTag/empty':''}", "", 1 },
    { "'Null':{'aws:PrincipalTag/none':true}", "", 1 },
    { "'Null':{'aws:TokenIssueTime':true}", "", 1 },
    { "'StringLike':{'aws:UserAgent':'aws-cli/*'}", "", 1 },
    { "'StringEquals':{'aws:PrincipalIsAWSService':'false'}", "", 1 },

    /* several operators and several keys: all of them */

    { "'StringEquals':{'x:a':'1','x:b':'2'}", "x:a=1;x:b=2", 1 },
    { "'StringEquals':{'x:a':'1','x:b':'2'}", "x:a=1;x:b=3", 0 },
    { "'StringEquals':{'x:a':'1'},'StringLike':{'x:b':'2*'}",
      "x:a=1;x:b=22", 1 },
    { "'StringEquals':{'x:a':'1'},'StringLike':{'x:b':'2*'}",
      "x:a=0;x:b=22", 0 },
    { "'StringEquals':{}", "", 1 },
    { "", "", 1 },
    { NULL, NULL, 0 }
};


static const acm_user_tag_t  test_tags[] = {
    { "team", "red" },
    { "COST", "high" },
    { "cost", "low" },
    { "empty", "" }
};


/* Once as what allows, once as what denies. */

static void
test_condition(void **state)
{
    char                     text[2048];
    size_t                   i;
    acm_err_t                err;
    test_case_t              c;
    acm_policy_t            *allow, *deny, *all;
    const test_condition_t  *t;

    (void) state;

    all = test_policy(TEST_ALLOW_ALL, NULL);

    for (i = 0; test_conditions[i].condition != NULL; i++) {
        t = &test_conditions[i];

        test_case_init(&c);
        test_case_context(&c, t->context);
        c.user.tags = test_tags;
        c.user.ntags = sizeof(test_tags) / sizeof(test_tags[0]);

        snprintf(text, sizeof(text), "{'Version':'2012-10-17','Statement':"
                 "{'Effect':'Allow','Action':'acm:*','Resource':'*',"
                 "'Condition':{%s}}}", t->condition);
        allow = test_policy(text, &err);

        if (t->holds == -1) {
            if (allow != NULL) {
                fail_msg("%s was taken", t->condition);
            }

            continue;
        }

        if (allow == NULL) {
            fail_msg("%s: %s", t->condition, err.text);
        }

        snprintf(text, sizeof(text), "{'Version':'2012-10-17','Statement':"
                 "{'Effect':'Deny','Action':'acm:*','Resource':'*',"
                 "'Condition':{%s}}}", t->condition);
        deny = test_policy(text, NULL);

        test_case_add(&c, ACM_POLICY_IDENTITY, allow);
        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));

        if ((c.out.result == ACM_ACCESS_ALLOWED) != t->holds) {
            fail_msg("%s with \"%s\" does%s allow", t->condition, t->context,
                     t->holds ? " not" : "");
        }

        c.user.policies[ACM_POLICY_IDENTITY].n = 0;
        test_case_add(&c, ACM_POLICY_IDENTITY, all);
        test_case_add(&c, ACM_POLICY_IDENTITY, deny);
        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));

        if ((c.out.result == ACM_ACCESS_EXPLICIT) != t->holds) {
            fail_msg("%s with \"%s\" does%s deny", t->condition, t->context,
                     t->holds ? " not" : "");
        }

        acm_policy_free(allow);
        acm_policy_free(deny);
    }

    acm_policy_free(all);
}


/* A variable that nobody knows makes no exception from a rule. */

static void
test_unknown(void **state)
{
    size_t         i;
    test_case_t    c;
    acm_policy_t  *all, *policy;

    static const char *const  rules[] = {
        "'Action':'*','NotResource':'" TEST_CERT "${aws:PrincipalTag/none}'",
        "'Action':'*','Resource':'*','Condition':{'StringNotEquals':"
            "{'x:s':'${aws:PrincipalTag/none}'}}",
        "'Action':'*','Resource':'*','Condition':"
            "{'ForAllValues:StringNotLike':"
            "{'x:s':'${aws:PrincipalTag/none}*'}}",
        NULL
    };

    (void) state;

    all = test_policy(TEST_ALLOW_ALL, NULL);

    for (i = 0; rules[i] != NULL; i++) {
        test_case_init(&c);
        test_case_context(&c, "x:s=1");
        policy = test_statement("Allow", rules[i]);
        test_case_add(&c, ACM_POLICY_IDENTITY, policy);
        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
        assert_int_equal(c.out.result, ACM_ACCESS_IMPLICIT);
        acm_policy_free(policy);

        test_case_init(&c);
        test_case_context(&c, "x:s=1");
        policy = test_statement("Deny", rules[i]);
        test_case_add(&c, ACM_POLICY_IDENTITY, all);
        test_case_add(&c, ACM_POLICY_IDENTITY, policy);
        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
        assert_int_equal(c.out.result, ACM_ACCESS_EXPLICIT);
        acm_policy_free(policy);
    }

    acm_policy_free(all);
}


/* In the first version of the language variables are plain text. */

static void
test_version(void **state)
{
    size_t         i;
    test_case_t    c;
    acm_policy_t  *policy;

    static const char *const  versions[] = { "", "'Version':'2008-10-17'," };

    (void) state;

    for (i = 0; i < 2; i++) {
        char  text[512];

        snprintf(text, sizeof(text), "{%s'Statement':[{'Effect':'Allow',"
                 "'Action':'*','Resource':'*','Condition':{'StringLike':"
                 "{'x:s':'${aws:username}*'}}}]}", versions[i]);
        policy = test_policy(text, NULL);
        assert_non_null(policy);

        test_case_init(&c);
        test_case_add(&c, ACM_POLICY_IDENTITY, policy);

        test_case_context(&c, "x:s=alice");
        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
        assert_int_equal(c.out.result, ACM_ACCESS_IMPLICIT);

        test_case_context(&c, "x:s=${aws:username}1");
        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
        assert_int_equal(c.out.result, ACM_ACCESS_ALLOWED);

        acm_policy_free(policy);
    }
}


/* What a text like this is, in double quotes. */

static void
test_fallback(void **state)
{
    test_case_t    c;
    acm_err_t      err;
    acm_policy_t  *policy;

    static const char  text[] =
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
        "\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":"
        "{\"x:s\":\"-${aws:PrincipalTag/team, 'a*}b'}-\"}}}}";

    (void) state;

    test_ok(acm_policy_parse(text, strlen(text), "p", &policy, &err));
    test_case_init(&c);
    test_case_add(&c, ACM_POLICY_IDENTITY, policy);
    test_case_context(&c, "x:s=-a*}b-");
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_int_equal(c.out.result, ACM_ACCESS_ALLOWED);

    c.user.tags = test_tags;
    c.user.ntags = 1;
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_int_equal(c.out.result, ACM_ACCESS_IMPLICIT);

    test_case_context(&c, "x:s=-red-");
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_int_equal(c.out.result, ACM_ACCESS_ALLOWED);

    acm_policy_free(policy);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_condition),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_fallback)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
