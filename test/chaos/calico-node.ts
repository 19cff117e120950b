/**
 * node1 as a Calico node: Peregrine follows a directory of Calico resources that say of the scene what node1 has to know,
 * and that a scenario may change or take away.
 */

import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StatusView } from '../../src/api/schema.ts';
import { fetchOne } from '../../src/cli/client.ts';
import { PEREGRINE, PEREGRINE_MAIN } from '../support/peers/peregrine.ts';
import type { RouterDriver } from '../support/peers/router.ts';
import { AS, NETWORKS, type Scene } from './scene.ts';

const START_DEADLINE_MS = 20_000;

export class CalicoDirectory {
  readonly path: string;
  readonly #socketPath: string;
  readonly #away: string;

  constructor(scene: Scene) {
    const folder = scene.lab.folder(scene.namespace('node1'));
    this.path = join(folder, 'resources');
    this.#away = join(folder, 'resources.away');
    this.#socketPath = join(folder, 'peregrine.sock');
    mkdirSync(this.path);
    this.write('configuration', [configuration([])]);
    this.write('node1', [node('node1', scene.namespace('node1').ipv4), affinity('node1', NETWORKS.node1)]);
    this.write('node2', [node('node2', scene.namespace('node2').ipv4), affinity('node2', NETWORKS.node2)]);
    this.write('pools', [pool('pods-1', '10.1.0.0/16'), pool('pods-2', '10.2.0.0/16')]);
    for (const tor of ['tor1', 'tor2'] as const) this.write(tor, [peer(tor, scene.namespace(tor).ipv4, AS[tor])]);
  }

  /** The driver that runs node1 on it; for the rest it is a Peregrine like others. */
  get driver(): RouterDriver {
    return {
      ...PEREGRINE,
      start: async (router) => {
        const argv = [process.execPath, PEREGRINE_MAIN, 'run', '--node', 'node1', '--socket', this.#socketPath];
        argv.push('--datastore', `directory:${this.path}`, '--bird-socket', 'none', '--bird6-socket', 'none');
        const env = { ...process.env, PEREGRINE_FELIX_GENERATION: '3.32' };
        const daemon = router.lab.spawn(router.namespace, argv, { env });
        await daemon.ready('a configuration is in force', START_DEADLINE_MS, async () =>
          (await this.status()).appliedRevision === '' ? null : true,
        );
        return daemon;
      },
    };
  }

  status(): Promise<StatusView> {
    return fetchOne<StatusView>(this.#socketPath, '/v1/status');
  }

  /** Puts these resources in place of those of the same name. */
  write(name: string, resources: readonly object[]): void {
    const text = resources.map((resource) => JSON.stringify(resource)).join('\n---\n');
    const [path, beside] = [join(this.path, `${name}.yaml`), join(this.path, `.${name}.new`)];
    writeFileSync(beside, `${text}\n`);
    renameSync(beside, path);
  }

  takeAway(): void {
    renameSync(this.path, this.#away);
  }

  bringBack(): void {
    if (existsSync(this.#away)) renameSync(this.#away, this.path);
  }
}

function resource(kind: string, name: string, spec: object): object {
  return { apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec };
}

export function configuration(communities: readonly string[]): object {
  const prefixAdvertisements = communities.length === 0 ? [] : [{ cidr: '10.1.0.0/16', communities }];
  return resource('BGPConfiguration', 'default', {
    asNumber: AS.node1,
    nodeToNodeMeshEnabled: true,
    prefixAdvertisements,
  });
}

export function node(name: string, ipv4: string): object {
  return resource('Node', name, { bgp: { ipv4Address: `${ipv4}/24` } });
}

export function pool(name: string, cidr: string): object {
  return resource('IPPool', name, { cidr, ipipMode: 'Never', vxlanMode: 'Never' });
}

export function filter(name: string, cidr: string): object {
  return resource('BGPFilter', name, {
    exportV4: [{ action: 'Reject', matchOperator: 'In', cidr }],
    importV4: [{ action: 'Reject', matchOperator: 'In', cidr }],
  });
}

export function peer(name: string, peerIP: string, asNumber: number, filters: readonly string[] = []): object {
  return resource('BGPPeer', name, { peerIP, asNumber, filters });
}

function affinity(nodeName: string, cidr = ''): object {
  const name = `${nodeName}-${cidr.replaceAll(/[./]/g, '-')}`;
  return resource('BlockAffinity', name, { node: nodeName, cidr, state: 'confirmed', deleted: 'false' });
}
