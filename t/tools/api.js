'use strict';

// Copyright (C) The ngx_acm authors

// The JavaScript SDK against the API at the address that is given: the
// operations that botocore does not have.

const assert = require('assert');
const acm = require('@aws-sdk/client-acm');

const client = new acm.ACMClient({ endpoint: process.argv[2],
    region: 'us-east-1' });

const call = (name, input) => client.send(new acm[`${name}Command`](input));

async function until(test) {
    for (let i = 0; i < 600; i++) {
        if (await test()) {
            return;
        }

        await new Promise((resolve) => setTimeout(resolve, 50));
    }

    throw new Error('it did not come to that');
}

async function main() {
    const { CertificateArn } = await call('RequestCertificate',
        { DomainName: 'js.example.com', SubjectAlternativeNames:
            ['*.js.example.com'], KeyAlgorithm: 'EC_prime256v1' });
    const describe = async () => (await call('DescribeCertificate',
        { CertificateArn })).Certificate;

    await until(async () => (await describe()).Status === 'ISSUED');

    const c = await describe();

    assert(c.CreatedAt instanceof Date);
    assert.strictEqual(c.CertificateKeyPairOrigin, 'AWS_MANAGED');
    assert.strictEqual(c.DomainValidationOptions[0].ValidationEmails.length,
        5);

    await call('UpdateCertificateOptions', { CertificateArn,
        Options: { ValidationMethod: 'DNS' } });

    const list = await call('ListCertificateDomainValidations',
        { CertificateArn, MaxItems: 1 });
    const active = list.DomainValidationSummaryList[0]
        .ActiveValidationConfiguration;

    assert.strictEqual(active.ValidationMethod, 'DNS');
    assert.strictEqual(active.ValidationChallenge.DnsValidationChallenge
        .ResourceRecord.Type, 'CNAME');
    assert(list.NextToken);

    const rest = await call('ListCertificateDomainValidations',
        { CertificateArn, MaxItems: 1, NextToken: list.NextToken });

    assert.strictEqual(rest.DomainValidationSummaryList[0].DomainName,
        '*.js.example.com');
    assert.strictEqual(rest.NextToken, undefined);

    await call('TagResource', { ResourceArn: CertificateArn,
        Tags: [{ Key: 'a', Value: 'b' }, { Key: 'c' }] });
    await call('UntagResource', { ResourceArn: CertificateArn,
        TagKeys: ['c'] });
    assert.deepStrictEqual((await call('ListTagsForResource',
        { ResourceArn: CertificateArn })).Tags, [{ Key: 'a', Value: 'b' }]);

    const found = await call('SearchCertificates', { FilterStatement: {
        And: [{ Filter: { X509AttributeFilter: { NotAfter:
            { Start: new Date(1500) } } } },
        { Filter: { X509AttributeFilter: { SubjectAlternativeName:
            { DnsName: { Value: 'js.exam', ComparisonOperator: 'CONTAINS' } }
        } } }] }, SortBy: 'NOT_AFTER', SortOrder: 'DESCENDING' });

    assert.strictEqual(found.Results[0].CertificateArn, CertificateArn);
    assert(found.Results[0].X509Attributes.NotAfter instanceof Date);
    assert.strictEqual(found.Results[0].CertificateMetadata
        .AcmCertificateMetadata.Status, 'ISSUED');

    await call('DeleteCertificate', { CertificateArn });
    await assert.rejects(describe(), { name: 'ResourceNotFoundException' });
    await assert.rejects(call('ListCertificates', { MaxItems: 2000 }),
        { name: 'ValidationException' });

    console.log('ok');
}

main().catch((e) => {
    console.error(e);
    process.exit(1);
});
