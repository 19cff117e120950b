/**
 * What an error of a socket, of TLS or of HTTP/2 means to the person who runs the daemon. Pure.
 *
 * The texts that OpenSSL and the system give are kept in brackets where they say more than ours.
 */

/** What the person calls the files of TLS. */
export interface NamesOfFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** `{ca}`, `{certificate}` and `{key}` stand for these names. */
const EXPLANATIONS: { readonly [code: string]: string } = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'the host name does not exist',
  EAI_AGAIN: 'the host name cannot be resolved now',
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is self-signed and not the one in {ca}",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is not signed by the authority in {ca}",
  UNABLE_TO_GET_ISSUER_CERT: "the server's certificate is not signed by the authority in {ca}",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is not signed by the authority in {ca}",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is not signed by the authority in {ca}",
  CERT_SIGNATURE_FAILURE: "the server's certificate is not signed by the authority in {ca}",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another name",
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS: should the URL begin with http://?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS: should the URL begin with http://?',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server wants a client certificate ({certificate}, {key})',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the server does not know the authority that signed our certificate ({certificate})',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the server refuses our certificate, or wants one ({certificate})',
  ERR_SSL_TLSV1_ALERT_BAD_CERTIFICATE: 'the server refuses our certificate, or wants one ({certificate})',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'our certificate ({certificate}) has expired',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'the server and we have no TLS version or cipher in common',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the server and we have no TLS version in common',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: '{key} does not belong to {certificate}',
  ERR_OSSL_PEM_NO_START_LINE: '{certificate} or {key} is not in PEM form',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the server does not speak HTTP/2',
  ERR_HTTP2_ERROR: 'what the server sent is not HTTP/2: should the URL begin with https://?',
  ERR_HTTP2_SESSION_ERROR: 'the HTTP/2 connection broke',
  ERR_HTTP2_STREAM_CANCEL: 'the HTTP/2 connection broke',
};

/** Codes whose own message tells what ours cannot (which names the certificate is for, what OpenSSL met). */
const KEEPS_DETAIL = /^(ERR_TLS_CERT_ALTNAME_INVALID|ERR_SSL_|ERR_OSSL_|ERR_HTTP2_ERROR)/;

export function explainTransportError(error: unknown, names: NamesOfFiles): string {
  if (!(error instanceof Error)) return String(error);
  const code: unknown = Reflect.get(error, 'code');
  // Both families of a host were tried: each attempt has its own error.
  if (error instanceof AggregateError && error.message === '') {
    return [...new Set(error.errors.map((one) => explainTransportError(one, names)))].join(', ');
  }
  if (typeof code !== 'string') return error.message;
  if (!Object.hasOwn(EXPLANATIONS, code)) return error.message || code;
  const explanation = EXPLANATIONS[code]
    .replaceAll('{ca}', names.ca)
    .replaceAll('{certificate}', names.certificate)
    .replaceAll('{key}', names.key);
  return KEEPS_DETAIL.test(code) ? `${explanation} (${error.message.trim()})` : explanation;
}
