/**
 * The compliance suite against a real kube-apiserver with the v1 CRDs; KUBERNETES_GROUP=projectcalico.org/v3: with the
 * others.
 */

import { describe, test } from 'vitest';
import { KUBE_APISERVER_MISSING } from '../servers/kube-server.ts';
import { datastoreCompliance } from './compliance.ts';
import { startKubernetesHarness } from './kubernetes-harness.ts';

const GROUP =
  process.env.KUBERNETES_GROUP === 'projectcalico.org/v3' ? 'projectcalico.org/v3' : 'crd.projectcalico.org/v1';

if (KUBE_APISERVER_MISSING !== null) {
  // On CI too: it takes long to build, and a checkout does not come with one.
  describe.skip(`datastore compliance: kubernetes (${KUBE_APISERVER_MISSING})`, () => test('is skipped', () => {}));
} else {
  datastoreCompliance('kubernetes', {
    missing: null,
    start: () => startKubernetesHarness(GROUP),
    hasServer: true,
    hasHistory: true,
    takesBadValues: true,
    deliversEveryVersion: false,
    bulkCount: 500,
  });
}
