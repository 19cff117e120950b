/**
 * Addresses and folders for tests that run whole speakers without privileges: on 127.0.0.0/8, where every address is
 * usable without being configured. Test files run side by side in processes of their own, so the process id chooses
 * the addresses, and one port does for all.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Below the kernel's ephemeral ports, so that no outgoing connection happens to sit on it. */
export const LOOPBACK_PORT = 11_979;

/** The first octets stay clear of 127.0.x.y, where other software listens. */
const FIRST_NETWORK = 0x1000;
const NETWORKS = 0xf000;

/** The n-th address (1 to 254) of this test process. */
export function loopbackAddress(host: number): string {
  if (host < 1 || host > 254) throw new RangeError(`host ${host} is not 1 to 254`);
  const network = FIRST_NETWORK + (process.pid % NETWORKS);
  return `127.${network >>> 8}.${network & 0xff}.${host}`;
}

const folders: string[] = [];

/** A folder that is gone when this process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), `peregrine-test-${process.pid}-`));
  if (folders.push(folder) === 1) {
    process.once('exit', () => {
      for (const one of folders) rmSync(one, { recursive: true, force: true });
    });
  }
  return folder;
}
