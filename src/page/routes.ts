/**
 * The looking-glass page: files that scripts/build.mjs has made of client/, beside the bundle. They hold nothing that is
 * secret, so that a browser may have them without a token; what they show they ask of the API, token and all.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ApiRoute, rawRoute } from '../api/route.ts';

/** In dist/page/. */
const FILES: readonly (readonly [path: string, file: string, type: string])[] = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page/app.js', 'app.js', 'text/javascript; charset=utf-8'],
  ['/page/style.css', 'style.css', 'text/css; charset=utf-8'],
  ['/page/icon.svg', 'icon.svg', 'image/svg+xml'],
];

/** Nothing from elsewhere, nothing inline, no text that becomes script, no frame around it. */
const SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  // Asked again every time, and answered with 304: another version of the daemon has another page.
  'cache-control': 'no-cache',
};

/** Reads the files now; throws when they are not there. */
export function pageRoutes(folder = new URL('./page/', import.meta.url)): readonly ApiRoute[] {
  return FILES.map(([path, file, type]) => {
    const octets = readFileSync(new URL(file, folder));
    const etag = `"${createHash('sha256').update(octets).digest('base64url').slice(0, 22)}"`;
    return rawRoute({
      method: 'GET',
      path,
      operationId: `getPage_${file}`,
      tag: 'page',
      access: null,
      summary: 'The looking-glass page',
      type,
      handle: (_call, reply: FastifyReply, request: FastifyRequest) => {
        reply.headers(HEADERS).header('etag', etag);
        if (request.headers['if-none-match'] === etag) {
          reply.code(304).send();
          return undefined;
        }
        return octets;
      },
    });
  });
}
