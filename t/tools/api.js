'use strict';

// Copyright (C) The ngx_acm authors

// The JavaScript SDK against the API at the address that is given: the
// operations that botocore does not have.

const assert = require('assert');
const crypto = require('crypto');
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

// What no answer of botocore's model has: the newer operations refuse, too.

async function refusals(arn) {
    const none = arn.replace(/[^/]*$/, '00000000-0000-4000-8000-000000000000');
    const endpoint = arn.replace(':certificate/', ':acme-endpoint/');
    const cases = [
        ['TagResource', { ResourceArn: none, Tags: [{ Key: 'a' }] },
            'ResourceNotFoundException'],
        ['TagResource', { ResourceArn: endpoint, Tags: [{ Key: 'a' }] },
            'ResourceNotFoundException'],
        ['TagResource', { ResourceArn: arn, Tags: [{ Key: '*' }] },
            'ValidationException'],
        ['UntagResource', { ResourceArn: none, TagKeys: ['a'] },
            'ResourceNotFoundException'],
        ['ListTagsForResource', { ResourceArn: none },
            'ResourceNotFoundException'],
        ['ListCertificateDomainValidations', { CertificateArn: none },
            'ResourceNotFoundException'],
        ['ListCertificateDomainValidations', { CertificateArn: endpoint },
            'InvalidArnException'],
        ['ListCertificateDomainValidations', { CertificateArn: arn,
            NextToken: 'x' }, 'InvalidArgsException'],
        ['ListCertificates', { MaxItems: 2000 }, 'ValidationException'],
        ['SearchCertificates', { MaxResults: 501 }, 'ValidationException'],
        ['SearchCertificates', { FilterStatement: { And: [] } },
            'ValidationException'],
        ['RevokeCertificate', { CertificateArn: arn,
            RevocationReason: 'SUPERSEDED' }, 'ValidationException'],
        ['ExportCertificate', { CertificateArn: arn,
            Passphrase: Buffer.from('secret') }, 'ValidationException'],
        ['ListAcmeEndpoints', {}, 'UnknownOperationException']
    ];

    for (const [name, input, error] of cases) {
        await assert.rejects(call(name, input), (e) => {
            assert.strictEqual(e.name, error, `${name}: ${e}`);
            assert(e.$metadata.requestId);
            return true;
        });
    }
}

// A private certificate: exported, renewed, revoked.

async function revoked(arn) {
    const ca = arn.replace(':acm:', ':acm-pca:')
        .replace(/:certificate\/.*/, ':certificate-authority/internal');
    const { CertificateArn } = await call('RequestCertificate',
        { DomainName: 'revoked.js.example.com', CertificateAuthorityArn: ca });
    const describe = async () => (await call('DescribeCertificate',
        { CertificateArn })).Certificate;
    const revoke = { CertificateArn, RevocationReason: 'KEY_COMPROMISE' };

    await until(async () => (await describe()).Status === 'ISSUED');
    await assert.rejects(call('RevokeCertificate', revoke),
        { name: 'ValidationException' });

    const out = await call('ExportCertificate', { CertificateArn,
        Passphrase: Buffer.from('secret') });
    const key = crypto.createPrivateKey({ key: out.PrivateKey,
        passphrase: 'secret' });

    assert(new crypto.X509Certificate(out.Certificate).checkPrivateKey(key));

    await call('RenewCertificate', { CertificateArn });
    await until(async () => ((await describe()).RenewalSummary || {})
        .RenewalStatus === 'SUCCESS');
    assert.strictEqual((await describe()).RenewalEligibility, 'INELIGIBLE');

    await call('ExportCertificate', { CertificateArn,
        Passphrase: Buffer.from('secret') });
    assert.strictEqual((await call('RevokeCertificate', revoke))
        .CertificateArn, CertificateArn);

    const c = await describe();

    assert.strictEqual(c.Status, 'REVOKED');
    assert.strictEqual(c.RevocationReason, 'KEY_COMPROMISE');
    assert(c.RevokedAt instanceof Date);
    await call('DeleteCertificate', { CertificateArn });
}

// A clock that is wrong is put right by our Date, and the call made again.

async function skewed(arn) {
    const late = new acm.ACMClient({ endpoint: process.argv[2],
        region: 'us-east-1', systemClockOffset: -3600000 });
    const out = await late.send(new acm.DescribeCertificateCommand(
        { CertificateArn: arn }));

    assert.strictEqual(out.Certificate.CertificateArn, arn);
    assert(out.$metadata.attempts > 1);
}

async function pages() {
    const names = [];

    for (let i = 0; i < 5; i++) {
        names.push(`p${i}.js.example.com`);
        await call('RequestCertificate', { DomainName: names[i],
            ValidationMethod: 'DNS', KeyAlgorithm: 'EC_secp384r1' });
    }

    const filter = { X509AttributeFilter: { KeyAlgorithm: 'EC_secp384r1' } };
    const seen = [];

    for await (const page of acm.paginateSearchCertificates({ client,
        pageSize: 2 }, { FilterStatement: { Filter: filter } }))
    {
        for (const r of page.Results) {
            seen.push(r.X509Attributes.SubjectAlternativeNames[0].DnsName);
        }
    }

    assert.deepStrictEqual(seen.sort(), names);

    const list = [];

    for await (const page of acm.paginateListCertificates({ client,
        pageSize: 2 }, { Includes: { keyTypes: ['EC_secp384r1'] } }))
    {
        list.push(...page.CertificateSummaryList);
    }

    assert.deepStrictEqual(list.map((c) => c.DomainName).sort(), names);

    for (const c of list) {
        await call('DeleteCertificate', { CertificateArn: c.CertificateArn });
    }
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

    const waited = await acm.waitUntilCertificateValidated({ client,
        maxWaitTime: 300 }, { CertificateArn });

    assert.strictEqual(waited.state, 'SUCCESS');

    await refusals(CertificateArn);
    await skewed(CertificateArn);
    await revoked(CertificateArn);
    await pages();

    await call('DeleteCertificate', { CertificateArn });
    await assert.rejects(describe(), { name: 'ResourceNotFoundException' });

    console.log('ok');
}

main().catch((e) => {
    console.error(e);
    process.exit(1);
});
