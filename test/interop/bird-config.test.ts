/**
 * Driven by confd's files: the daemon is started with bird.cfg and its includes, in the way and order in which confd
 * writes them, beside a real BIRD. What changes in the files reaches BIRD and the kernel without a new session, by
 * watching alone and by SIGHUP; files with mistakes change nothing.
 */

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PeerView, StatusView } from '../../src/api/schema.ts';
import { fetchList, fetchOne } from '../../src/cli/client.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { PEREGRINE_MAIN } from '../support/local-daemon.ts';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { type Router, startRouter } from '../support/peers/index.ts';
import { announcement } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { kernelRoutes, session } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const OUR_AS = 64_512;
const TOR_AS = 65_001;
const DEADLINE_MS = 30_000;

describeInterop('the files that confd renders, beside BIRD', ['bird'], () => {
  let lab: Laboratory;
  let us: Namespace;
  let tor: Namespace;
  let bird: Router;
  let daemon: DaemonProcess;
  let folder: string;
  let socket: string;

  /** As confd does: beside the file, then renamed over it. */
  function render(name: string, text: string): void {
    const beside = join(folder, `.${name}1234567`);
    writeFileSync(beside, text);
    renameSync(beside, join(folder, name));
  }

  const aggr = (...blocks: readonly string[]): string => `
    template static static_template { ${blocks.map((block) => `route ${block} blackhole;`).join(' ')} }
    protocol static from static_template { }
    function calico_aggr () {
      ${blocks.map((block) => `if ( net = ${block} ) then { accept; } if ( net ~ ${block} ) then { reject; }`).join('\n')}
    }
  `;

  const ipam = (kernel = ''): string => `
    function calico_export_to_bgp_peers(bool internal_peer) { calico_aggr(); }
    filter calico_kernel_programming {
      ${kernel}
      if (defined(source) && (source = RTS_BGP) && !defined(krt_metric)) then { krt_metric = 2147483647 - bgp_local_pref; }
      accept;
    }
  `;

  const main = (imports = 'accept;', port = 179): string => `
    include "bird_aggr.cfg";
    include "bird_ipam.cfg";
    router id ${us.ipv4};
    protocol kernel { learn; persist; scan time 2; import all; export filter calico_kernel_programming; merge paths on; }
    protocol device { scan time 2; }
    protocol direct { interface -"cali*", "*"; }
    template bgp bgp_template {
      local as ${OUR_AS}; gateway recursive; add paths on; graceful restart;
      connect delay time 1; connect retry time 1; error wait time 1,2;
    }
    protocol bgp Global_tor from bgp_template {
      neighbor ${tor.ipv4} port ${port} as ${TOR_AS};
      source address ${us.ipv4};
      ttl security off;
      multihop;
      import filter { ${imports} };
      export filter {
        bgp_community.add((64512, 7));
        calico_export_to_bgp_peers(false);
        reject;
      };
    }
  `;

  const status = (): Promise<StatusView> => fetchOne<StatusView>(socket, '/v1/status');

  async function peer(): Promise<PeerView | undefined> {
    for await (const one of fetchList<PeerView>(socket, '/v1/peers')) return one;
    return undefined;
  }

  const isKnown = (what: string, check: (view: StatusView) => boolean): Promise<StatusView> =>
    waitUntil(what, DEADLINE_MS, status, check);

  const birdHas = (what: string, prefixes: readonly string[]): Promise<unknown> =>
    waitUntil(
      what,
      DEADLINE_MS,
      async () => (await bird.received(us.ipv4, 'ipv4-unicast')).map(({ prefix }) => prefix).sort(),
      (found) => found.join() === [...prefixes].sort().join(),
    );

  const kernel = async (): Promise<string> => (await kernelRoutes(lab, us)).join('\n');

  beforeAll(async () => {
    lab = await Laboratory.create(['us', 'tor']);
    [us, tor] = [lab.router('us'), lab.router('tor')];
    folder = join(lab.folder(us), 'config');
    socket = join(lab.folder(us), 'peregrine.sock');
    mkdirSync(folder);
    bird = await startRouter('bird', lab, tor, {
      localAs: TOR_AS,
      routerId: tor.ipv4,
      neighbours: [session(tor, us, OUR_AS, 'ipv4-unicast', { multihopTtl: 64 })],
      networks: [announcement('172.16.1.0/24'), announcement('172.16.2.0/24')],
    });
    const argv = [process.execPath, PEREGRINE_MAIN, 'run', '--bird-config', join(folder, 'bird.cfg')];
    daemon = lab.spawn(us, [...argv, '--socket', socket]);
    await daemon.ready('its control socket answers', DEADLINE_MS, async () => (await status()) !== undefined);
  });

  afterAll(() => lab?.close());

  test('it waits for files that are not there, and says for which', async () => {
    expect((await status()).datastore.detail).toContain('Unable to open');
    render('bird.cfg', main());
    await isKnown('the include is missed', (view) => view.datastore.detail.includes('bird_aggr.cfg: No such file'));
    render('bird_aggr.cfg', aggr('10.244.1.0/26'));
    await isKnown('the other include is missed', (view) => view.datastore.detail.includes('bird_ipam.cfg: No such'));
    expect(daemon.log()).not.toContain('CONFIG_REFUSED');
  });

  test('with the last file the session comes up, and both sides have the routes', async () => {
    render('bird_ipam.cfg', ipam());
    await isKnown('the configuration is in force', (view) => view.datastore.inSync);
    await birdHas('BIRD has our block', ['10.244.1.0/26']);
    expect((await bird.received(us.ipv4, 'ipv4-unicast'))[0]).toMatchObject({
      asPath: [OUR_AS],
      communities: ['64512:7'],
      nextHop: us.ipv4,
    });
    // LOCAL_PREF 100 of an external peer as metric, section 5.2.
    await waitUntil('the kernel has its routes', DEADLINE_MS, kernel, (text) =>
      text.includes(`172.16.1.0/24 via ${tor.ipv4} dev eth0 metric 2147483547`),
    );
    expect(await peer()).toMatchObject({ name: 'Global_tor', sessionsEstablished: 1 });
  });

  test('a changed file counts without a signal, and the session stays', async () => {
    render('bird_aggr.cfg', aggr('10.244.1.0/26', '10.244.9.0/26'));
    await birdHas('BIRD has the new block', ['10.244.1.0/26', '10.244.9.0/26']);
    render('bird_ipam.cfg', ipam('if (net ~ 172.16.2.0/24) then { reject; }'));
    await waitUntil('the kernel filter counts', DEADLINE_MS, kernel, (text) => !text.includes('172.16.2.0/24'));
    expect(await kernel()).toContain('172.16.1.0/24');
    expect(await peer()).toMatchObject({ sessionsEstablished: 1 });
  });

  test('an import filter changes what is taken, by route refresh', async () => {
    render('bird.cfg', main('if (net ~ 172.16.1.0/24) then { reject; } accept;'));
    await waitUntil('the route is gone', DEADLINE_MS, kernel, (text) => !text.includes('172.16.1.0/24'));
    render('bird.cfg', main());
    await waitUntil('the route is back', DEADLINE_MS, kernel, (text) => text.includes('172.16.1.0/24'));
    expect(await peer()).toMatchObject({ sessionsEstablished: 1 });
  });

  test('a mistake changes nothing and is named; many signals are one reading', async () => {
    const before = (await status()).appliedRevision;
    render('bird_aggr.cfg', `${aggr('10.244.1.0/26')}\nprotocol ospf { }`);
    for (let i = 0; i < 5; i++) daemon.signal('SIGHUP');
    const refused = await isKnown('the mistake is known', (view) => !view.datastore.inSync);
    expect(refused.datastore.detail).toMatch(/bird_aggr\.cfg:8:10 protocol ospf is not supported/);
    expect(refused.appliedRevision).toBe(before);
    await birdHas('BIRD still has both blocks', ['10.244.1.0/26', '10.244.9.0/26']);
    expect(daemon.log().match(/"CONFIG_REFUSED"/g)).toHaveLength(1);

    render('bird_aggr.cfg', aggr('10.244.1.0/26'));
    await birdHas('BIRD has what is left', ['10.244.1.0/26']);
    await isKnown('all is well again', (view) => view.datastore.inSync);
    expect(await peer()).toMatchObject({ sessionsEstablished: 1 });
  });

  test('a protocol that goes takes its session along', async () => {
    render('bird.cfg', main().replace(/protocol bgp[\s\S]*/, ''));
    await waitUntil('the peer is gone', DEADLINE_MS, peer, (one) => one === undefined);
    await waitUntil('its routes too', DEADLINE_MS, kernel, (text) => !text.includes('172.16.'));
  });
});
