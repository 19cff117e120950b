/**
 * What an error of a socket, of TLS or of HTTP/2 means to the person who runs the daemon. Pure.
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
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: '{key} does not belong to {certificate}',
  ERR_OSSL_PEM_NO_START_LINE: '{certificate} or {key} is not in PEM form',
  ERR_HTTP2_ERROR: 'what the server sent is not HTTP/2: should the URL begin with https://?',
  ERR_HTTP2_SESSION_ERROR: 'the HTTP/2 connection broke',
  ERR_HTTP2_STREAM_CANCEL: 'the HTTP/2 connection broke',
};

/** What the server refused us with (RFC 8446, section 6.2): the codes that OpenSSL makes of these change with its version. */
const ALERTS: { readonly [alert: number]: string } = {
  40: 'the server and we have no TLS version or cipher in common',
  42: 'the server refuses our certificate, or wants one ({certificate})',
  43: 'the server refuses our certificate, or wants one ({certificate})',
  44: 'our certificate ({certificate}) was revoked',
  45: 'our certificate ({certificate}) has expired',
  46: 'the server refuses our certificate ({certificate})',
  48: 'the server does not know the authority that signed our certificate ({certificate})',
  70: 'the server and we have no TLS version in common',
  116: 'the server wants a client certificate ({certificate}, {key})',
  120: 'the server does not speak HTTP/2',
};

/** Codes whose own message tells what ours cannot: which names the certificate is for, what is not HTTP/2. */
const KEEPS_DETAIL = /^(ERR_TLS_CERT_ALTNAME_INVALID|ERR_HTTP2_ERROR)/;

/** OpenSSL's line without addresses, numbers and source files. */
function withoutNoise(message: string): string {
  const reason = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(message);
  return reason === null ? message.trim() : `TLS failed: ${reason[1]}`;
}

export function explainTransportError(error: unknown, names: NamesOfFiles): string {
  if (!(error instanceof Error)) return String(error);
  const code: unknown = Reflect.get(error, 'code');
  // Both families of a host were tried: each attempt has its own error.
  if (error instanceof AggregateError && error.message === '') {
    return [...new Set(error.errors.map((one) => explainTransportError(one, names)))].join(', ');
  }
  const alert = /SSL alert number (\d+)/.exec(error.message);
  const explanation =
    (alert === null ? undefined : ALERTS[Number(alert[1])]) ??
    (typeof code === 'string' && Object.hasOwn(EXPLANATIONS, code) ? EXPLANATIONS[code] : undefined);
  if (explanation === undefined) return withoutNoise(error.message) || String(code);
  const named = explanation
    .replaceAll('{ca}', names.ca)
    .replaceAll('{certificate}', names.certificate)
    .replaceAll('{key}', names.key);
  return KEEPS_DETAIL.test(String(code)) ? `${named} (${withoutNoise(error.message)})` : named;
}
