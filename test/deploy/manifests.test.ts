/**
 * The manifests in deploy/. Everywhere: they parse, name files that are there, and say what the code says. With kubectl:
 * kustomize builds them, and containers have the rights that docs/security.md names. With a real kube-apiserver
 * (test/servers): it takes all of them (`kubectl apply --dry-run=server`, strict), and its Pod Security admission says
 * of each pod what the documents say.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadStandAlone } from '../../src/config/load.ts';
import { monitorSettings } from '../../src/monitor/settings.ts';
import { KUBE_APISERVER_MISSING, KubeServer, TOKENS } from '../servers/kube-server.ts';
import { COMMANDS } from './documents.ts';
import {
  build,
  type Container,
  DEPLOY,
  KUBECTL_MISSING,
  KUSTOMIZATIONS,
  type Manifest,
  parseManifests,
  prepare,
} from './kustomize.ts';

const DEADLINE_MS = 120_000;
const { version } = JSON.parse(readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8')) as {
  version: string;
};

const yamlFiles = readdirSync(DEPLOY, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml') && name !== 'sidecar/calico.yaml')
  .sort();
const kustomizations = yamlFiles.filter((name) => name.endsWith('kustomization.yaml'));

interface Kustomization {
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
  readonly images?: readonly { readonly newTag: string }[];
  readonly patches?: readonly { readonly path?: string }[];
  readonly secretGenerator?: readonly { readonly files: readonly string[] }[];
}

describe('deploy/', () => {
  test.each(yamlFiles)('%s parses', (name) => {
    expect(parseManifests(readFileSync(join(DEPLOY, name), 'utf8')).length).toBeGreaterThan(0);
  });

  test.each(kustomizations)('%s names what is there, and images of this version', (name) => {
    const [text] = parseManifests(readFileSync(join(DEPLOY, name), 'utf8'));
    const one = text as unknown as Kustomization;
    const files = [
      ...(one.resources ?? []).filter((file) => file !== 'calico.yaml'),
      ...(one.components ?? []),
      ...(one.patches ?? []).flatMap(({ path }) => (path === undefined ? [] : [path])),
      ...(one.secretGenerator ?? []).flatMap(({ files: generated }) => generated),
    ];
    for (const file of files) expect(existsSync(join(DEPLOY, dirname(name), file)), `${name}: ${file}`).toBe(true);
    for (const { newTag } of one.images ?? []) expect(newTag).toBe(version);
  });

  test.each(yamlFiles.filter((name) => name.endsWith('/peregrine.yaml')))(
    '%s is a good configuration: clients keep the routes over a restart, nothing goes into the kernel',
    (name) => {
      const path = join(DEPLOY, name);
      const loaded = loadStandAlone(path, readFileSync(path, 'utf8'));
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
      const { desired } = loaded;
      expect(desired.conditions).toEqual([]);
      for (const { session } of desired.peers) expect(session.gracefulRestart).toMatchObject({ mode: 'full' });
      expect(desired.kernel.backend).toBe('none');
    },
  );

  test('the PrometheusRule has the rules of deploy/monitoring/alerts.yaml (node scripts/prometheus-rule.mjs)', () => {
    const read = (name: string): Manifest => parseManifests(readFileSync(join(DEPLOY, name), 'utf8'))[0];
    const rule = read('components/prometheus-rule/prometheus-rule.yaml').spec as unknown;
    expect(rule).toEqual(read('monitoring/alerts.yaml') as unknown);
  });
});

/** Our container in each of them, with its pod. */
function ours(manifests: readonly Manifest[]): { manifest: Manifest; container: Container; isHostNetwork: boolean }[] {
  return manifests.flatMap((manifest) => {
    const { containers = [], hostNetwork = false } = manifest.spec?.template?.spec ?? {};
    return containers
      .filter(({ image }) => image.includes('peregrine'))
      .map((container) => ({ manifest, container, isHostNetwork: hostNetwork }));
  });
}

describe.skipIf(KUBECTL_MISSING !== null)(`kustomize (${KUBECTL_MISSING ?? 'kubectl'})`, () => {
  let folder: string;
  const built = (name: string): Manifest[] => parseManifests(build(join(folder, name)));

  beforeAll(() => {
    folder = prepare();
  });

  const CONTAINERS: readonly [string, readonly string[], boolean][] = [
    ['daemonset', ['NET_ADMIN', 'NET_BIND_SERVICE'], true],
    ['sidecar', ['NET_ADMIN', 'NET_BIND_SERVICE'], true],
    ['route-reflector/first', ['NET_BIND_SERVICE'], true],
    ['route-reflector/second', ['NET_BIND_SERVICE'], true],
    ['route-reflector/pod-network', [], false],
  ];
  test.each(CONTAINERS)('%s: capabilities %j and no other right, and probes that are served', (name, add, onHost) => {
    const found = ours(built(name));
    expect(found).toHaveLength(1);
    const [{ container, isHostNetwork }] = found;
    expect(isHostNetwork).toBe(onHost);
    const { securityContext: rights } = container;
    expect(rights).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
      runAsUser: onHost ? 0 : 65532,
    });
    expect(rights.privileged ?? false).toBe(false);
    expect(rights.capabilities?.add ?? []).toEqual(add);
    expect(container.image).toBe(`registry.example/peregrine:${version}`);

    const listen = container.env?.find((one) => one.name === 'PEREGRINE_MONITOR_LISTEN')?.value;
    const settings = monitorSettings(null, { PEREGRINE_MONITOR_LISTEN: listen });
    if (!settings.ok) throw new Error(settings.reason);
    // On the host's network only the host itself sees it, unless asked for.
    expect(settings.settings.listen).toMatchObject({ address: onHost ? '127.0.0.1' : '::', port: 9179 });
    const port = container.ports?.find((one) => one.name === 'monitoring')?.containerPort;
    expect(port).toBe(9179);
    for (const [probe, path] of [
      [container.livenessProbe, '/live'],
      [container.readinessProbe, '/ready'],
    ] as const) {
      expect(probe.httpGet).toMatchObject({ path, port: 'monitoring' });
      expect(probe.httpGet?.host).toBe(onHost ? '127.0.0.1' : undefined);
    }
  });

  test('sidecar: calico-node keeps all it has but the check of BIRD, its backend is vxlan, and it comes first', () => {
    const manifests = built('sidecar');
    const config = manifests.find(({ kind }) => kind === 'ConfigMap');
    expect(config?.data).toEqual({ typha_service_name: 'none', calico_backend: 'vxlan' });
    const daemonSet = manifests.find(({ kind }) => kind === 'DaemonSet');
    const { containers = [], volumes = [] } = daemonSet?.spec?.template?.spec ?? {};
    const calico = containers.find(({ name }) => name === 'calico-node');
    expect(calico).toMatchObject({
      image: 'docker.io/calico/node:v3.32.1',
      securityContext: { privileged: true },
      livenessProbe: { exec: { command: ['/bin/calico-node', '-felix-live'] }, periodSeconds: 10 },
      readinessProbe: { exec: { command: ['/bin/calico-node', '-felix-ready', '-bird-ready'] } },
    });
    expect(volumes.map(({ name }) => name).sort()).toEqual(['run-peregrine', 'var-run-calico']);
    const annotations = daemonSet?.spec?.template?.metadata.annotations;
    expect(annotations).toEqual({ 'kubectl.kubernetes.io/default-container': 'calico-node' });
  });

  test('both route reflectors fit into one cluster: other names, other selectors, other nodes', () => {
    const [first, second] = ['first', 'second'].map((name) => ours(built(`route-reflector/${name}`))[0].manifest);
    expect(first.metadata.name).not.toBe(second.metadata.name);
    const selectors = [first, second].map(({ spec }) => (spec as { selector: object }).selector);
    expect(selectors[0]).not.toEqual(selectors[1]);
    expect(first.spec?.template?.spec).toMatchObject({ nodeSelector: { 'peregrine.io/route-reflector': 'first' } });
    expect(second.spec?.template?.spec).toMatchObject({ nodeSelector: { 'peregrine.io/route-reflector': 'second' } });
  });

  /** A copy of one of them with more components, built. */
  const textWith = (name: string, ...components: readonly string[]): string => {
    const copy = prepare();
    const path = join(copy, name, 'kustomization.yaml');
    const more = components.map((one) => relative(join(copy, name), join(copy, 'components', one)));
    const given = parse(readFileSync(path, 'utf8')) as Kustomization;
    writeFileSync(path, stringify({ ...given, components: [...(given.components ?? []), ...more] }));
    return build(join(copy, name));
  };

  test.each(['daemonset', 'sidecar'])(
    '%s with etcd reads what the datastore reads, and mounts the certificates',
    (name) => {
      const manifests = parseManifests(textWith(name, 'etcd'));
      const [{ container, manifest }] = ours(manifests);
      expect(container.args).toEqual(['run', '--node', '$(NODENAME)', '--datastore', 'etcd']);
      const variables = container.env?.map((one) => one.name) ?? [];
      expect(variables).toEqual(
        expect.arrayContaining([
          'NODENAME',
          'NAMESPACE',
          'ETCD_ENDPOINTS',
          'ETCD_CA_CERT_FILE',
          'ETCD_KEY_FILE',
          'ETCD_CERT_FILE',
        ]),
      );
      const mounts = container.volumeMounts?.map((one) => one.name) ?? [];
      expect(mounts.sort()).toEqual(['etcd-certs', 'run-peregrine', 'var-run-calico']);
      expect(manifest.spec?.template?.spec.volumes.map((one) => one.name).sort()).toEqual(mounts);
    },
  );

  test.each(['daemonset', 'sidecar', 'route-reflector/first'])('%s with pod-monitor is scraped', (name) => {
    const manifests = parseManifests(textWith(name, 'pod-monitor'));
    const [{ container, manifest }] = ours(manifests);
    expect(container.env?.find((one) => one.name === 'PEREGRINE_MONITOR_LISTEN')?.value).toBe('9179');
    const monitor = manifests.find(({ kind }) => kind === 'PodMonitor')?.spec as unknown as {
      selector: { matchExpressions: { key: string; values: string[] }[] };
      podMetricsEndpoints: { port: string }[];
    };
    const labels = manifest.spec?.template?.metadata.labels ?? {};
    const [{ key, values }] = monitor.selector.matchExpressions;
    expect(values).toContain(labels[key]);
    expect(container.ports?.map((port) => port.name)).toContain(monitor.podMetricsEndpoints[0].port);
  });

  const reason = KUBE_APISERVER_MISSING;
  describe.skipIf(reason !== null)(`kube-apiserver (${reason ?? 'real server'})`, () => {
    let place: string;
    let server: KubeServer;
    let kubeconfig: string;

    const apply = (text: string, ...more: readonly string[]) =>
      spawnSync('kubectl', ['--kubeconfig', kubeconfig, 'apply', '--validate=strict', '-f', '-', ...more], {
        input: text,
        encoding: 'utf8',
      });
    const stub = (plural: string, kind: string): object => ({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.monitoring.coreos.com` },
      spec: {
        group: 'monitoring.coreos.com',
        scope: 'Namespaced',
        names: { kind, plural },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    });

    beforeAll(async () => {
      place = mkdtempSync(join(tmpdir(), 'peregrine-manifests-'));
      // As clusters with Calico have it: calico-node is privileged.
      server = await KubeServer.start(place, [], ['--allow-privileged=true']);
      kubeconfig = join(place, 'kubeconfig');
      const cluster = { server: `https://127.0.0.1:${server.port}`, 'certificate-authority': server.certificates.ca };
      writeFileSync(
        kubeconfig,
        JSON.stringify({
          'current-context': 'admin',
          clusters: [{ name: 'c', cluster }],
          contexts: [{ name: 'admin', context: { cluster: 'c', user: 'u' } }],
          users: [{ name: 'u', user: { token: TOKENS.admin } }],
        }),
      );
      const namespace = (name: string, level: string): object => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': level } },
      });
      const objects = [
        namespace('peregrine', 'restricted'),
        namespace('hosts', 'privileged'),
        stub('podmonitors', 'PodMonitor'),
        stub('prometheusrules', 'PrometheusRule'),
      ];
      const done = apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
      if (done.status !== 0) throw new Error(done.stderr);
    }, DEADLINE_MS);
    afterAll(async () => {
      await server?.stop();
      await rm(place, { recursive: true, force: true });
    });

    test.each(KUSTOMIZATIONS)('takes %s', (name) => {
      const done = apply(build(join(folder, name)), '--dry-run=server');
      expect(done.stderr).toBe('');
      expect(done.status).toBe(0);
      expect(done.stdout.trim().split('\n').length).toBe(built(name).length);
    });

    test.each([
      'rbac/passwords.yaml',
      'rbac/node-status.yaml',
      'components/pod-monitor/pod-monitor.yaml',
      'components/prometheus-rule/prometheus-rule.yaml',
    ])('takes %s', (name) => {
      const done = apply(readFileSync(join(folder, name), 'utf8'), '--dry-run=server');
      expect(done.stderr).toBe('');
      expect(done.status).toBe(0);
    });

    test.each(['daemonset', 'sidecar'])('takes %s with all components for it', (name) => {
      const done = apply(textWith(name, 'etcd', 'pod-monitor', 'prometheus-rule'), '--dry-run=server');
      expect(done.stderr).toBe('');
      expect(done.stdout).toContain('podmonitor.monitoring.coreos.com/peregrine created');
    });

    test('and would not take a field that does not exist', () => {
      const text = build(join(folder, 'daemonset')).replace('hostNetwork: true', 'hostNetwrok: true');
      const done = apply(text, '--dry-run=server');
      expect(done.status).toBe(1);
      expect(done.stderr).toContain('hostNetwrok');
    });

    test('the kubectl commands of the documents do what they say, in their order', () => {
      const kubectl = (words: readonly string[]) =>
        spawnSync('kubectl', words, {
          cwd: dirname(folder),
          env: { ...process.env, KUBECONFIG: kubeconfig },
          encoding: 'utf8',
        });
      // What is there before: a node, and Calico by its manifest.
      const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } };
      expect(apply(JSON.stringify(node)).status).toBe(0);
      expect(apply(readFileSync(join(folder, 'sidecar/calico.yaml'), 'utf8')).stderr).toBe('');
      const commands = COMMANDS.map(([, line]) => line).filter((line) => /^kubectl (?!.*\bexec\b)/.test(line));
      expect(commands.length).toBeGreaterThan(5);
      for (const line of commands) {
        const { status, stderr } = kubectl(line.replace('NODE', 'node-1').split(/\s+/).slice(1));
        expect(stderr, line).toBe('');
        // 1: there are differences.
        expect(status, line).toBe(line.startsWith('kubectl diff') ? 1 : 0);
      }
      const { stdout } = kubectl(['get', 'daemonsets,deployments', '-A', '-o', 'name']);
      expect(stdout.trim().split('\n').sort()).toEqual([
        'daemonset.apps/calico-node',
        'daemonset.apps/peregrine',
        'deployment.apps/peregrine-route-reflector-first',
        'deployment.apps/peregrine-route-reflector-second',
      ]);
    });

    /** As the controller would make it. */
    const pod = (name: string, namespace: string): string => {
      const [{ manifest }] = ours(built(name));
      const { metadata, spec } = manifest.spec?.template ?? {};
      // The admission that would put the account's token in is off: there is no account.
      const podSpec = { ...spec, serviceAccountName: undefined };
      const full = { ...metadata, name: 'one', namespace };
      return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: full, spec: podSpec });
    };

    test('Pod Security: route-reflector/pod-network is restricted, what uses the host needs privileged', () => {
      const accepted = apply(pod('route-reflector/pod-network', 'peregrine'), '--dry-run=server');
      expect(accepted.stderr).toBe('');
      for (const name of ['daemonset', 'route-reflector/first']) {
        const refused = apply(pod(name, 'peregrine'), '--dry-run=server');
        expect(refused.stderr).toMatch(/violates PodSecurity "restricted:latest": host namespaces/);
        const taken = apply(pod(name, 'hosts'), '--dry-run=server');
        expect(taken.stderr).toBe('');
      }
    });
  });
});
