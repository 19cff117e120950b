/** The compliance suite against a real etcd, plain, and with TLS, client certificates and a user. */

import { datastoreCompliance } from './compliance.ts';
import { startEtcdHarness } from './etcd-harness.ts';
import { ETCD_MISSING } from './etcd-server.ts';

const WHAT_ETCD_DOES = {
  missing: ETCD_MISSING,
  hasServer: true,
  hasHistory: true,
  takesBadValues: true,
  deliversEveryVersion: true,
  bulkCount: 2_000,
};

datastoreCompliance('etcd', { ...WHAT_ETCD_DOES, start: () => startEtcdHarness({ tls: false, user: null }) });

datastoreCompliance('etcd with TLS, client certificate and user', {
  ...WHAT_ETCD_DOES,
  start: () => startEtcdHarness({ tls: true, user: { name: 'calico', password: 'a password' } }),
});
