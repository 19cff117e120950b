/** What depends on the terminal: colours, and completion in the shells that people have. */

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalDaemon, PEREGRINE_MAIN, shell } from '../support/local-daemon.ts';
import { loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { describeProgram } from '../support/requirements.ts';

const [SPEAKER, TOR, V6] = [1, 2, 3].map(loopbackAddress);
let daemon: LocalDaemon;
let folder: string;

beforeAll(async () => {
  daemon = await LocalDaemon.start(SPEAKER, {
    routerId: SPEAKER,
    as: 65_000,
    peers: [
      { name: 'tor-a', address: TOR, as: 65_001, passive: true },
      { name: 'tor-b', address: V6, as: 65_001, passive: true },
    ],
  });
  folder = temporaryFolder();
  const command = join(folder, 'peregrine');
  writeFileSync(command, `#!/bin/sh\nexec ${process.execPath} ${PEREGRINE_MAIN} "$@"\n`);
  chmodSync(command, 0o755);
});
afterAll(() => daemon.stop());

const run = async (line: string): Promise<string> => {
  const { stdout, stderr } = await shell(line, { PATH: `${folder}:${process.env.PATH}` });
  expect(stderr).toBe('');
  return stdout;
};

describe('colours', () => {
  const showPeers = (env: string) =>
    run(
      `env -u NO_COLOR ${env} script -qec '$PEREGRINE show peers --socket ${daemon.socketPath}' /dev/null </dev/null`,
    );

  test('on a terminal, and none with NO_COLOR or TERM=dumb', async () => {
    expect(await showPeers('TERM=xterm')).toContain('\u001b[1m');
    expect(await showPeers('TERM=xterm NO_COLOR=1')).not.toContain('\u001b');
    expect(await showPeers('TERM=dumb')).not.toContain('\u001b');
  });

  test('none in a pipe', async () => {
    expect(await run(`$PEREGRINE show peers --socket ${daemon.socketPath}`)).not.toContain('\u001b');
  });
});

describe('completion in bash', () => {
  const complete = (line: string): Promise<string> =>
    run(
      `source <(peregrine completion bash); COMP_LINE=${JSON.stringify(line)}; COMP_POINT=\${#COMP_LINE}; COMP_WORDS=(peregrine); ` +
        `_peregrine peregrine "" "" 2>/dev/null; printf "%s\\n" "\${COMPREPLY[@]}"`,
    );

  test('commands, peers of the running daemon, options', async () => {
    expect(await complete('peregrine show re')).toBe('received\nrecent\n');
    expect(await complete(`peregrine --socket ${daemon.socketPath} show peer `)).toBe('tor-a\ntor-b\n');
    expect(await complete('peregrine drain --cl')).toBe('--close-after\n');
    expect(await complete('peregrine check --config package.j')).toBe('package.json\n');
  });

  test('without a daemon there are no peers, and no error', async () => {
    expect(await complete('peregrine --socket /nowhere show peer ')).toBe('\n');
  });
});

describeProgram('fish', () => {
  test('completion: commands with their summaries, peers with their state', async () => {
    const complete = (line: string): Promise<string> =>
      run(`fish --no-config -c 'peregrine completion fish | source; complete -C "${line}"'`);
    expect(await complete('peregrine show upd')).toBe('update-groups\tpeers that are told the same\n');
    expect(await complete(`peregrine --socket ${daemon.socketPath} show peer tor-b`)).toMatch(/^tor-b\t\S+, Active\n$/);
  });
});

describeProgram('zsh', () => {
  test('completion: what it hands to _describe', async () => {
    const complete = (...words: string[]): Promise<string> =>
      run(
        `zsh -f -c 'compdef() { :; }; source <(peregrine completion zsh); _describe() { print -l -- "\${(@P)3}"; }; _files() { print files; }; ` +
          `words=(${words.join(' ')} ""); CURRENT=$#words; _peregrine'`,
      );
    expect(await complete('peregrine', 'explain')).toMatch(/^route:every candidate, .*\nadvertised:/);
    expect(await complete('peregrine', '--socket', daemon.socketPath, 'show', 'peer')).toMatch(/^tor-a:\S+, Active$/m);
    expect(await complete('peregrine', 'check', '--config')).toBe('files\n');
  });
});
