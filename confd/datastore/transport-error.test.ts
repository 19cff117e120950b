import { describe, expect, test } from 'vitest';
import { explainTransportError } from './transport-error.ts';

const NAMES = { ca: 'CA', certificate: 'CERT', key: 'KEY' };

function failure(code: string | undefined, message: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

const alert = (thread: string, text: string, number: number): string =>
  `${thread}:error:0A000412:SSL routines:ssl3_read_bytes:${text}:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:918:SSL alert number ${number}\n`;

describe('what an error means', () => {
  test.each<[sentence: string, error: unknown, meaning: string]>([
    ['of the system', failure('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1'), 'connection refused'],
    [
      'of a certificate',
      failure('UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate'),
      "the server's certificate is not signed by the authority in CA",
    ],
    [
      'of a name, with the names',
      failure('ERR_TLS_CERT_ALTNAME_INVALID', "Host: x. is not in the cert's altnames: IP Address:127.0.0.1"),
      "the server's certificate is for another name (Host: x. is not in the cert's altnames: IP Address:127.0.0.1)",
    ],
    [
      'of an alert, as Node.js 20 tells it',
      failure('ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', alert('00A1', 'sslv3 alert bad certificate', 42)),
      'the server refuses our certificate, or wants one (CERT)',
    ],
    [
      'of an alert, as Node.js 26 tells it',
      failure('ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', alert('0073', 'ssl/tls alert bad certificate', 42)),
      'the server refuses our certificate, or wants one (CERT)',
    ],
    [
      'of an alert that has no words of ours',
      failure('ERR_SSL_X', alert('0073', 'tlsv1 alert internal error', 80)),
      'TLS failed: tlsv1 alert internal error',
    ],
    ['of a key', failure('ERR_OSSL_X509_KEY_VALUES_MISMATCH', 'error:05800074:x509::x'), 'KEY does not belong to CERT'],
    ['without a code', failure(undefined, 'something else'), 'something else'],
    ['without words', failure('EWHAT', ''), 'EWHAT'],
    [
      'of both families of a host, once',
      Object.assign(new AggregateError([failure('ECONNREFUSED', 'a'), failure('ECONNREFUSED', 'b')]), {
        code: 'ECONNREFUSED',
      }),
      'connection refused',
    ],
    ['that is none', 'text', 'text'],
  ])('%s', (_sentence, error, meaning) => {
    expect(explainTransportError(error, NAMES)).toBe(meaning);
  });
});
