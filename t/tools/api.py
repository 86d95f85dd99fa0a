#!/usr/bin/python3

# Copyright (C) The ngx_acm authors

# boto3 against the API at the address that is given: every operation that
# this version of it has.

import subprocess
import sys
import tempfile
import time

import boto3
from botocore.exceptions import ClientError, WaiterError

acm = boto3.client('acm', endpoint_url=sys.argv[1])


def fails(code, call, **args):
    try:
        call(**args)
    except ClientError as e:
        assert e.response['Error']['Code'] == code, e
        assert e.response['ResponseMetadata']['RequestId'], e
        return e.response['Error']['Message']
    raise AssertionError('%s: no %s' % (call.__name__, code))


def until(test):
    for _ in range(600):
        if test():
            return
        time.sleep(0.05)
    raise AssertionError('it did not come to that')


def describe(arn):
    return acm.describe_certificate(CertificateArn=arn)['Certificate']


def openssl(*args):
    return subprocess.run(('openssl',) + args, check=True,
                          capture_output=True).stdout


# requested

arn = acm.request_certificate(
    DomainName='boto.example.com', ValidationMethod='DNS',
    SubjectAlternativeNames=['boto.example.com', '*.boto.example.com'],
    IdempotencyToken='boto1', Tags=[{'Key': 'k', 'Value': 'v'}],
    Options={'CertificateTransparencyLoggingPreference': 'DISABLED'}
)['CertificateArn']
assert arn == acm.request_certificate(
    DomainName='boto.example.com', ValidationMethod='DNS',
    SubjectAlternativeNames=['*.boto.example.com'],
    IdempotencyToken='boto1', Tags=[{'Key': 'k', 'Value': 'v'}]
)['CertificateArn']

records = [o['ResourceRecord'] for o in
           describe(arn)['DomainValidationOptions']]
assert len(records) == 2 and records[0] == records[1], records

until(lambda: describe(arn)['Status'] == 'ISSUED')
acm.get_waiter('certificate_validated').wait(CertificateArn=arn)

# what is not there is not waited for

try:
    acm.get_waiter('certificate_validated').wait(
        CertificateArn=arn[:-12] + '000000000000')
    raise AssertionError('a certificate that is not there is validated')
except WaiterError as e:
    assert 'ResourceNotFoundException' in str(e), e

acm.add_tags_to_certificate(CertificateArn=arn,
                            Tags=[{'Key': 'k', 'Value': 'w'}, {'Key': 'l'}])
acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[{'Key': 'l'}])
assert acm.list_tags_for_certificate(CertificateArn=arn)['Tags'] == [
    {'Key': 'k', 'Value': 'w'}]

acm.update_certificate_options(
    CertificateArn=arn,
    Options={'CertificateTransparencyLoggingPreference': 'ENABLED'})
fails('ValidationException', acm.export_certificate, CertificateArn=arn,
      Passphrase=b'secret')
fails('ValidationException', acm.renew_certificate, CertificateArn=arn)
fails('InvalidStateException', acm.resend_validation_email,
      CertificateArn=arn, Domain='boto.example.com',
      ValidationDomain='example.com')

pages = acm.get_paginator('list_certificates').paginate(
    CertificateStatuses=['ISSUED'], PaginationConfig={'PageSize': 7})
arns = [c['CertificateArn'] for p in pages
        for c in p['CertificateSummaryList']]
assert arns.count(arn) == 1 and len(set(arns)) == len(arns)

# private, and exported

ca = arn.replace(':acm:', ':acm-pca:').split(':certificate/')[0] \
    + ':certificate-authority/internal'
private = acm.request_certificate(DomainName='private.example.com',
                                  CertificateAuthorityArn=ca
                                  )['CertificateArn']
until(lambda: describe(private)['Status'] == 'ISSUED')
assert describe(private)['Type'] == 'PRIVATE'
assert 'DomainValidationOptions' not in describe(private)

out = acm.export_certificate(CertificateArn=private, Passphrase=b'secret')

with tempfile.NamedTemporaryFile('w') as f, tempfile.NamedTemporaryFile(
        'w') as g:
    f.write(out['PrivateKey'])
    f.flush()
    g.write(out['Certificate'])
    g.flush()
    assert openssl('pkey', '-in', f.name, '-passin', 'pass:secret',
                   '-pubout') == openssl('x509', '-in', g.name, '-noout',
                                         '-pubkey')

before = describe(private)
assert before['RenewalEligibility'] == 'ELIGIBLE'
acm.renew_certificate(CertificateArn=private)
until(lambda: describe(private).get('RenewalSummary', {}).get(
    'RenewalStatus') == 'SUCCESS')
assert describe(private)['Serial'] != before['Serial']

# imported

with tempfile.TemporaryDirectory() as d:
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj',
            '/C=AU/O=Example/CN=imported.example.com', '-days', '30',
            '-addext', 'subjectAltName=DNS:imported.example.com',
            '-keyout', d + '/key', '-out', d + '/cert')
    with open(d + '/cert', 'rb') as f:
        cert = f.read()
    with open(d + '/key', 'rb') as f:
        key = f.read()

imported = acm.import_certificate(Certificate=cert, PrivateKey=key,
                                  Tags=[{'Key': 'i', 'Value': '1'}]
                                  )['CertificateArn']
assert imported == acm.import_certificate(CertificateArn=imported,
                                          Certificate=cert, PrivateKey=key
                                          )['CertificateArn']
shown = describe(imported)
assert shown['Subject'] == 'C=AU,O=Example,CN=imported.example.com', shown
assert shown['Issuer'] == 'Example', shown
got = acm.get_certificate(CertificateArn=imported)
assert got['Certificate'].encode() == cert and got['CertificateChain']

# the account

acm.put_account_configuration(ExpiryEvents={'DaysBeforeExpiry': 30},
                              IdempotencyToken='boto1')
assert acm.get_account_configuration()['ExpiryEvents'] == {
    'DaysBeforeExpiry': 30}

# newer operations, if this version has them

if hasattr(acm, 'search_certificates'):
    found = acm.search_certificates(FilterStatement={'Filter': {
        'CertificateArn': imported}})['Results']
    assert [r['CertificateArn'] for r in found] == [imported], found

    pages = acm.get_paginator('search_certificates').paginate(
        PaginationConfig={'PageSize': 7})
    arns = [r['CertificateArn'] for p in pages for r in p['Results']]
    assert len(set(arns)) == len(arns) > 7, arns
    assert {arn, private, imported} <= set(arns), arns

if hasattr(acm, 'revoke_certificate'):
    acm.export_certificate(CertificateArn=private, Passphrase=b'secret')
    acm.revoke_certificate(CertificateArn=private,
                           RevocationReason='SUPERSEDED')
    assert describe(private)['Status'] == 'REVOKED'

for a in (arn, private, imported):
    acm.delete_certificate(CertificateArn=a)
    fails('ResourceNotFoundException', acm.describe_certificate,
          CertificateArn=a)

print('ok')
