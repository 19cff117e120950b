/** `enable`, `disable`, `restart` and `reload`: what is done to each protocol that a name or a pattern selects. */

import type { Speaker } from '../speaker/speaker.ts';
import { SpeakerApi } from '../speaker/speaker-api.ts';
import { type Line, line } from './framing.ts';
import type { BgpProtocol, LocalProtocol, Protocol } from './protocols.ts';

export type ProtocolAction = 'enable' | 'disable' | 'restart' | 'reload' | 'reload in' | 'reload out';

/** @param message text for the peer (RFC 9003) */
export function act(speaker: Speaker, protocol: Protocol, action: ProtocolAction, message: string | null): Line[] {
  return protocol.kind === 'BGP'
    ? actOnPeer(speaker, protocol, action, message)
    : actOnLocal(speaker, protocol, action);
}

function actOnPeer(
  speaker: Speaker,
  { name, driver }: BgpProtocol,
  action: ProtocolAction,
  message: string | null,
): Line[] {
  const api = new SpeakerApi(speaker);
  const isDisabled = driver.isDisabled || !driver.config.enabled;
  switch (action) {
    case 'disable':
      if (isDisabled) return [line(8, `${name}: already disabled`)];
      api.act(name, 'disable', message);
      return [line(9, `${name}: disabled`)];
    case 'enable':
      if (!isDisabled) return [line(10, `${name}: already enabled`)];
      if (!driver.config.enabled) return [line(8007, `${name}: disabled by its configuration`)];
      api.act(name, 'enable');
      return [line(11, `${name}: enabled`)];
    case 'restart':
      if (isDisabled) return [line(8, `${name}: already disabled`)];
      api.act(name, 'reset', message);
      return [line(12, `${name}: restarted`)];
  }
  if (isDisabled) return [line(8, `${name}: already disabled`)];
  // Without a session there are no routes to reload.
  if (driver.session === null) return [];
  if (action !== 'reload out' && !driver.session.routeRefresh) return [line(8006, `${name}: reload failed`)];
  if (action !== 'reload out') api.act(name, 'refresh-in');
  if (action !== 'reload in') api.act(name, 'refresh-out');
  return [line(15, `${name}: reloading`)];
}

/** What they do is part of the configuration: they are never off, and only the kernel has something to read again. */
function actOnLocal(speaker: Speaker, { name, kind }: LocalProtocol, action: ProtocolAction): Line[] {
  if (action === 'enable') return [line(10, `${name}: already enabled`)];
  if (action === 'disable') return [line(8007, `${name}: cannot be disabled here, only by configuration`)];
  if (kind === 'Kernel') {
    void speaker.core?.fib.resync();
    return [action === 'restart' ? line(12, `${name}: restarted`) : line(15, `${name}: reloading`)];
  }
  if (action === 'restart') return [line(8007, `${name}: cannot be restarted, it always shows what is`)];
  return [line(15, `${name}: reloading`)];
}
