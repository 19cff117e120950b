/**
 * The images, run: `docker run` with the rights of the manifests, and calico-node's image with the overlay of shape A in
 * both variants, which peer with each other. calico/node itself is not to be had here; a stand-in has what the overlay
 * depends on (calico-node.Dockerfile). With PEREGRINE_TEST_DOCKER=1 and a Docker engine; images are built, which takes
 * minutes. BASE_IMAGE and NODE_IMAGE as in docker-compose.yml.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../support/wait-for.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD_MS = 900_000;
const DEADLINE_MS = 120_000;
const AS = 64512;
const PREFIX = `peregrine-images-${process.pid}`;
const NETWORK = '172.30.178';
const ADDRESS = { etcd: `${NETWORK}.10`, confd: `${NETWORK}.11`, native: `${NETWORK}.12` } as const;

function docker(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('docker', args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`docker ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

const nameOf = (name: string): string => `${PREFIX}-${name}`;
const exec = (name: string, ...argv: readonly string[]): string => docker('exec', nameOf(name), ...argv);
const birdcl = (name: string, socket: string, ...words: readonly string[]): string =>
  exec(name, 'birdcl', '-s', `/var/run/calico/${socket}.ctl`, ...words);

function buildImage(tag: string, file: string, context: string, args: Readonly<Record<string, string>> = {}): void {
  const { BASE_IMAGE = 'debian:bookworm-slim', NODE_IMAGE = 'node:22-bookworm-slim' } = process.env;
  const all: Record<string, string> = { BASE_IMAGE, NODE_IMAGE, ...args };
  const target = args.target === undefined ? [] : ['--target', args.target];
  delete all.target;
  const buildArgs = Object.entries(all).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  docker('build', '--network', 'host', '-q', '-t', tag, '-f', file, ...target, ...buildArgs, context);
}

/** As confd renders it. */
function birdConfig(routes: readonly string[]): string {
  return `router id ${ADDRESS.confd};
protocol static { ${routes.map((route) => `route ${route} blackhole;`).join(' ')} }
protocol kernel { learn; persist; scan time 2; import all; export all; graceful restart; }
protocol device { debug { states }; scan time 2; }
protocol direct { debug { states }; interface -"cali*", "*"; }
template bgp bgp_template {
  debug { states };
  local as ${AS};
  multihop;
  gateway recursive;
  import all;
  export filter { if source = RTS_STATIC then accept; reject; };
  add paths on;
  graceful restart;
  connect delay time 2;
  connect retry time 5;
  error wait time 5,30;
}
protocol bgp Mesh_${ADDRESS.native.replaceAll('.', '_')} from bgp_template {
  neighbor ${ADDRESS.native} as ${AS};
  source address ${ADDRESS.confd};
}
`;
}
const BIRD6 = `router id ${ADDRESS.confd};
protocol kernel { learn; persist; scan time 2; import all; export all; graceful restart; }
protocol device { scan time 2; }
`;

/** What calicoctl would have put into etcd. */
function resources(): [string, object][] {
  const path = (plural: string, name: string): string => `/calico/resources/v3/projectcalico.org/${plural}/${name}`;
  const of = (kind: string, name: string, spec: object): object => ({
    apiVersion: 'projectcalico.org/v3',
    kind,
    metadata: { name },
    spec,
  });
  const node = (name: string, address: string): [string, object] => [
    path('nodes', name),
    of('Node', name, { bgp: { ipv4Address: `${address}/24` } }),
  ];
  return [
    [path('bgpconfigurations', 'default'), of('BGPConfiguration', 'default', { asNumber: AS })],
    [path('ippools', 'pods'), of('IPPool', 'pods', { cidr: '192.168.0.0/16', ipipMode: 'Never', vxlanMode: 'Never' })],
    node('confd', ADDRESS.confd),
    node('native', ADDRESS.native),
    ['/calico/ipam/v2/host/native/ipv4/block/192.168.2.0-26', { state: 'confirmed' }],
  ];
}

const isAsked = process.env.PEREGRINE_TEST_DOCKER === '1';
describe.skipIf(!isAsked)('images (PEREGRINE_TEST_DOCKER=1 runs this, with a Docker engine)', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'peregrine-images-'));
    buildImage('peregrine', 'Dockerfile', '.');
    buildImage(`${PREFIX}:calico-node`, 'test/deploy/calico-node.Dockerfile', 'test/deploy');
    for (const target of ['confd', 'native']) {
      const args = { target, CALICO_NODE_IMAGE: `${PREFIX}:calico-node` };
      buildImage(`${PREFIX}:${target}`, 'deploy/calico-node/Dockerfile', '.', args);
    }
    writeFileSync(
      join(folder, 'etcd.Dockerfile'),
      'ARG BASE_IMAGE\nFROM $BASE_IMAGE\nRUN apt-get update && apt-get install -y --no-install-recommends etcd-server etcd-client\n',
    );
    buildImage(`${PREFIX}:etcd`, join(folder, 'etcd.Dockerfile'), folder);
    docker('network', 'create', '--internal', '--subnet', `${NETWORK}.0/24`, PREFIX);
  }, BUILD_MS);

  afterAll(() => {
    for (const name of ['etcd', 'confd', 'native', 'alone']) {
      spawnSync('docker', ['rm', '-f', nameOf(name)]);
    }
    spawnSync('docker', ['network', 'rm', PREFIX]);
    for (const tag of ['empty', 'confd', 'native', 'calico-node', 'etcd'])
      spawnSync('docker', ['rmi', `${PREFIX}:${tag}`]);
    rmSync(folder, { recursive: true, force: true });
  }, DEADLINE_MS);

  /** The rights of the manifests, as docker says them. */
  const HARDENED = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  const RUN = ['--tmpfs', '/run/peregrine'];
  const BOTH = ['--cap-add', 'NET_ADMIN', '--cap-add', 'NET_BIND_SERVICE'];
  const ROOTLESS = ['--user', '65532:65532', '--sysctl', 'net.ipv4.ip_unprivileged_port_start=179'];
  const RIGHTS: readonly [string, boolean, readonly string[]][] = [
    ['as in Dockerfile', true, ['--cap-drop', 'ALL', ...BOTH]],
    ['as in the DaemonSet: two capabilities', true, [...HARDENED, ...RUN, ...BOTH]],
    ['as in a route reflector: one', false, [...HARDENED, ...RUN, '--cap-add', 'NET_BIND_SERVICE']],
    [
      'as in one on the pod network: none, no root',
      false,
      [...HARDENED, '--tmpfs', `${RUN[1]}:uid=65532`, ...ROOTLESS],
    ],
  ];
  test.each(RIGHTS)(
    '%s (kernel routes: %s): it listens on port 179, is live and ready',
    { timeout: DEADLINE_MS },
    async (_, forwards, rights) => {
      const config = readFileSync(join(ROOT, 'deploy/route-reflector/pod-network/peregrine.yaml'), 'utf8')
        .replaceAll('192.168.255.10', ADDRESS.etcd)
        .replace('resolveNextHops: always', `resolveNextHops: ${forwards ? 'kernel' : 'always'}`)
        .replace('enabled: false', `enabled: ${forwards}`);
      writeFileSync(join(folder, 'peregrine.yaml'), config, { mode: 0o644 });
      docker(
        ...['run', '-d', '--name', nameOf('alone'), '--network', PREFIX, '--ip', ADDRESS.etcd],
        ...rights,
        ...['-v', `${folder}/peregrine.yaml:/etc/peregrine/peregrine.yaml:ro`],
        'peregrine',
      );
      try {
        const ready = () =>
          spawnSync('docker', ['exec', nameOf('alone'), 'peregrine', 'ready', '--peers', 'none'], { encoding: 'utf8' });
        await waitUntil('readiness', DEADLINE_MS / 2, ready, ({ status }) => status === 0).catch((error: unknown) => {
          throw new Error(`${error}\n${docker('logs', nameOf('alone'))}`);
        });
        exec('alone', 'peregrine', 'live');
        const status = JSON.parse(exec('alone', 'peregrine', 'show', 'status', '--json')) as { conditions: object[] };
        expect(status.conditions).toEqual([]);
      } finally {
        docker('rm', '-f', nameOf('alone'));
      }
    },
  );

  test('the overlay needs no library of the image that it is put on: it runs in an empty one', () => {
    const tag = `${PREFIX}:native`;
    const input = `FROM scratch\nCOPY --from=${tag} /opt/peregrine /opt/peregrine\n`;
    const built = spawnSync('docker', ['build', '-q', '-t', `${PREFIX}:empty`, '-'], { input, encoding: 'utf8' });
    expect(built.stderr).not.toMatch(/error/i);
    const node = ['/opt/peregrine/bin/node', '-p'];
    const script = `require('/opt/peregrine/node_modules/koffi').load('libc.so.6').func('int getpid()')() === process.pid`;
    expect(docker('run', '--rm', '--network', 'none', `${PREFIX}:empty`, ...node, script).trim()).toBe('true');
  });

  describe('calico-node with the overlay', () => {
    const write = (name: string, text: string): void => {
      writeFileSync(join(folder, name), text);
      docker('cp', join(folder, name), `${nameOf('confd')}:/etc/calico/confd/config/${name}`);
    };
    const isEstablished = (name: string): boolean =>
      /Mesh_\S+ BGP .* Established/.test(birdcl(name, 'bird', 'show', 'protocols'));
    const patiently = (what: string, isSo: () => boolean): Promise<boolean> =>
      waitUntil(
        what,
        DEADLINE_MS / 2,
        () => {
          try {
            return isSo();
          } catch {
            return false;
          }
        },
        (so) => so,
      );
    const run = (name: keyof typeof ADDRESS, image: string, ...more: readonly string[]): void => {
      const rights = ['--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN', '--cap-add', 'NET_BIND_SERVICE'];
      const place = ['--network', PREFIX, '--ip', ADDRESS[name]];
      docker(
        'run',
        '-d',
        '--name',
        nameOf(name),
        ...place,
        ...rights,
        ...more.slice(0, -1),
        image,
        ...more.slice(-1).filter(Boolean),
      );
    };

    beforeAll(async () => {
      docker(
        ...['run', '-d', '--name', nameOf('etcd'), '--network', PREFIX, '--ip', ADDRESS.etcd, `${PREFIX}:etcd`, 'etcd'],
        ...['--listen-client-urls', `http://0.0.0.0:2379`, '--advertise-client-urls', `http://${ADDRESS.etcd}:2379`],
      );
      const etcdctl = ['exec', '-e', 'ETCDCTL_API=3', nameOf('etcd'), 'etcdctl'];
      await patiently('etcd', () => docker(...etcdctl, 'endpoint', 'health') !== null);
      for (const [key, value] of resources()) docker(...etcdctl, 'put', key, JSON.stringify(value));
      run('confd', `${PREFIX}:confd`, '');
      const datastore = [
        '-e',
        'NODENAME=native',
        '-e',
        'DATASTORE_TYPE=etcdv3',
        '-e',
        `ETCD_ENDPOINTS=http://${ADDRESS.etcd}:2379`,
      ];
      run('native', `${PREFIX}:native`, ...datastore, '');
      write('bird.cfg', birdConfig(['192.168.1.0/26']));
      write('bird6.cfg', BIRD6);
    }, DEADLINE_MS);

    test('both variants peer with each other, and each has the route of the other', {
      timeout: DEADLINE_MS,
    }, async () => {
      await patiently('both sessions', () => isEstablished('confd') && isEstablished('native'));
      await patiently('the block of native', () => birdcl('confd', 'bird', 'show', 'route').includes('192.168.2.0/26'));
      await patiently('the block of confd', () => birdcl('native', 'bird', 'show', 'route').includes('192.168.1.0/26'));
    });

    test.each(['confd', 'native'])('%s: the probes of calico-node hold', async (name) => {
      for (const service of ['confd', 'bird', 'bird6']) {
        expect(exec(name, 'sv', 'status', `/etc/service/enabled/${service}`)).toMatch(/^run: /);
      }
      await patiently('both sockets', () =>
        ['bird', 'bird6'].every((socket) => birdcl(name, socket, 'show', 'status').startsWith('BIRD')),
      );
      const titles = exec(
        name,
        'bash',
        '-c',
        'for one in /proc/[0-9]*/cmdline; do read -r -d "" title < $one; echo $title; done',
      );
      expect(exec(name, 'peregrine', 'show', 'peers')).toMatch(/Mesh_\S+ .* Established/);
      // calicoctl node status looks for processes of exactly these names.
      for (const title of ['bird', 'bird6']) expect(titles.split('\n').map((one) => one.trim())).toContain(title);
    });

    test('sv hup, as confd sends it: another configuration, the same session', { timeout: DEADLINE_MS }, async () => {
      const since = (): string | undefined =>
        /Mesh_\S+ BGP +\S+ +up +(\S+)/.exec(birdcl('confd', 'bird', 'show', 'protocols'))?.[1];
      const before = since();
      write('bird.cfg', birdConfig(['192.168.1.0/26', '192.168.3.0/26']));
      exec('confd', 'sv', 'hup', 'bird');
      await patiently('the new route', () => birdcl('native', 'bird', 'show', 'route').includes('192.168.3.0/26'));
      expect(since()).toBe(before);
    });

    test('the container ends and comes back: the other keeps its routes', { timeout: DEADLINE_MS }, async () => {
      docker('stop', nameOf('native'));
      await patiently('loss', () => !isEstablished('confd'));
      expect(birdcl('confd', 'bird', 'show', 'route')).toContain('192.168.2.0/26');
      // No Cease: a NOTIFICATION would be the last error.
      expect(birdcl('confd', 'bird', 'show', 'protocols', 'all')).not.toMatch(/Received: /);
      docker('start', nameOf('native'));
      await patiently('it is back', () => isEstablished('confd'));
      expect(birdcl('confd', 'bird', 'show', 'route')).toContain('192.168.2.0/26');
    });
  });
});
