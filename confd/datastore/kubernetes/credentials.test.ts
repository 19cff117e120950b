import { describe, expect, test } from 'vitest';
import type { ClusterAccess, ExecPlugin } from './access.ts';
import { type CredentialIo, Credentials, SYSTEM_CREDENTIAL_IO } from './credentials.ts';
import { readExecCredential } from './exec-credential.ts';

const PLUGIN: ExecPlugin = {
  apiVersion: 'client.authentication.k8s.io/v1',
  command: 'login',
  args: [],
  env: {},
  isToldCluster: true,
  installHint: 'apt-get install login',
};

function accessWith(parts: Partial<ClusterAccess>): ClusterAccess {
  return {
    server: 'https://k:6443',
    serverName: null,
    ca: null,
    isInsecure: false,
    certificate: null,
    key: null,
    identity: { kind: 'none' },
    impersonation: null,
    ...parts,
  };
}

/** Files and programs of a test; `nowMs` moves by hand. */
class FakeIo implements CredentialIo {
  nowMs = 1_000_000;
  readonly files = new Map<string, string>();
  readonly infos: string[] = [];
  output: (() => string) | null = null;

  async readFile(path: string): Promise<string> {
    const text = this.files.get(path);
    if (text === undefined) throw new Error(`ENOENT: ${path}`);
    return text;
  }
  async run(_plugin: ExecPlugin, info: string): Promise<string> {
    this.infos.push(info);
    if (this.output === null) throw new Error('exit code 3');
    return this.output();
  }
  now(): number {
    return this.nowMs;
  }
}

function execOutput(status: object): string {
  return JSON.stringify({ apiVersion: PLUGIN.apiVersion, kind: 'ExecCredential', status });
}

describe('headers', () => {
  test.each<[string, Partial<ClusterAccess>, object]>([
    ['nobody', {}, {}],
    ['a token', { identity: { kind: 'token', token: 't' } }, { authorization: 'Bearer t' }],
    [
      'a password',
      { identity: { kind: 'basic', username: 'Aladdin', password: 'open sesame' } },
      { authorization: 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==' },
    ],
    [
      'somebody else',
      { impersonation: { user: 'jane', uid: '7', groups: ['a', 'b'], extra: { 'Scopes/x': ['v'] } } },
      {
        'impersonate-user': 'jane',
        'impersonate-uid': '7',
        'impersonate-group': ['a', 'b'],
        'impersonate-extra-scopes%2Fx': ['v'],
      },
    ],
  ])('of %s', async (_name, parts, headers) => {
    expect(await new Credentials(accessWith(parts), new FakeIo()).headers()).toEqual({ ok: true, headers });
  });
});

describe('a token file', () => {
  const setUp = (): { io: FakeIo; token: () => Promise<string>; credentials: Credentials } => {
    const io = new FakeIo();
    io.files.set('/token', 'one\n');
    const credentials = new Credentials(accessWith({ identity: { kind: 'token-file', path: '/token' } }), io);
    const token = async (): Promise<string> => {
      const outcome = await credentials.headers();
      return outcome.ok ? String(outcome.headers.authorization) : outcome.message;
    };
    return { io, token, credentials };
  };

  test('is read again after a minute', async () => {
    const { io, token } = setUp();
    expect(await token()).toBe('Bearer one');
    io.files.set('/token', 'two');
    io.nowMs += 59_000;
    expect(await token()).toBe('Bearer one');
    io.nowMs += 2_000;
    expect(await token()).toBe('Bearer two');
  });

  test('is read again at once when the server refuses it', async () => {
    const { io, token, credentials } = setUp();
    await token();
    io.files.set('/token', 'two');
    credentials.forget();
    expect(await token()).toBe('Bearer two');
  });

  test('that is away for a moment leaves the token in use', async () => {
    const { io, token, credentials } = setUp();
    await token();
    io.files.delete('/token');
    io.nowMs += 61_000;
    expect(await token()).toBe('Bearer one');
    credentials.forget();
    expect(await token()).toContain('ENOENT');
  });
});

describe('an exec plug-in', () => {
  const identity = { kind: 'exec', plugin: PLUGIN } as const;

  test('is run once for all who ask, and again when what it gave has expired', async () => {
    const io = new FakeIo();
    const credentials = new Credentials(accessWith({ identity }), io);
    const until = (ms: number): string => new Date(io.nowMs + ms).toISOString();
    io.output = () => execOutput({ token: `t${io.infos.length}`, expirationTimestamp: until(60_000) });
    const all = await Promise.all([credentials.headers(), credentials.headers(), credentials.tls()]);
    expect(all[0]).toEqual({ ok: true, headers: { authorization: 'Bearer t1' } });
    expect(io.infos).toHaveLength(1);
    io.nowMs += 49_000;
    await credentials.headers();
    expect(io.infos).toHaveLength(1);
    // Ten seconds before the end it is as good as over.
    io.nowMs += 2_000;
    expect(await credentials.headers()).toEqual({ ok: true, headers: { authorization: 'Bearer t2' } });
  });

  test('without an expiry it is run again only when the server refuses what it gave', async () => {
    const io = new FakeIo();
    const credentials = new Credentials(accessWith({ identity }), io);
    io.output = () => execOutput({ clientCertificateData: `crt${io.infos.length}`, clientKeyData: 'key' });
    expect(await credentials.tls()).toMatchObject({ options: { cert: 'crt1', key: 'key' } });
    io.nowMs += 1e9;
    expect(await credentials.headers()).toEqual({ ok: true, headers: {} });
    credentials.forget();
    expect(await credentials.tls()).toMatchObject({ options: { cert: 'crt2' } });
  });

  test('is told the cluster', async () => {
    const io = new FakeIo();
    io.output = () => execOutput({ token: 't' });
    const ca = { kind: 'inline', pem: 'CA' } as const;
    await new Credentials(accessWith({ identity, ca, serverName: 'api' }), io).headers();
    expect(JSON.parse(io.infos[0])).toEqual({
      apiVersion: PLUGIN.apiVersion,
      kind: 'ExecCredential',
      spec: {
        cluster: { server: 'https://k:6443', 'tls-server-name': 'api', 'certificate-authority-data': 'Q0E=' },
        interactive: false,
      },
    });
  });

  test('that fails says so, and is run again at the next question', async () => {
    const io = new FakeIo();
    const credentials = new Credentials(accessWith({ identity }), io);
    expect(await credentials.headers()).toEqual({ ok: false, message: 'exec plug-in login: exit code 3' });
    io.output = () => execOutput({ token: 't' });
    expect(await credentials.headers()).toMatchObject({ ok: true });
  });

  test('is a real program', async () => {
    const script = 'process.stdout.write(process.env.KUBERNETES_EXEC_INFO + process.env.MORE)';
    const plugin = { ...PLUGIN, command: process.execPath, args: ['-e', script], env: { MORE: '!' } };
    expect(await SYSTEM_CREDENTIAL_IO.run(plugin, 'info')).toBe('info!');
    const failing = { ...plugin, args: ['-e', 'console.error("no ticket"); process.exit(3)'] };
    await expect(SYSTEM_CREDENTIAL_IO.run(failing, '')).rejects.toThrow('no ticket');
    const missing = { ...plugin, command: '/no/such/program' };
    await expect(SYSTEM_CREDENTIAL_IO.run(missing, '')).rejects.toThrow('not found. apt-get install login');
  });

  test.each([
    ['no JSON', 'token', 'not JSON'],
    ['another kind', '{"kind":"Secret","apiVersion":"v1","status":{}}', 'not an ExecCredential'],
    ['no status', JSON.stringify({ kind: 'ExecCredential', apiVersion: PLUGIN.apiVersion }), 'not an ExecCredential'],
    [
      'another version',
      JSON.stringify({
        kind: 'ExecCredential',
        apiVersion: 'client.authentication.k8s.io/v1beta1',
        status: { token: 't' },
      }),
      'it speaks client.authentication.k8s.io/v1beta1',
    ],
    ['nothing of use', execOutput({}), 'neither a token nor a client certificate'],
    ['a certificate without key', execOutput({ token: 't', clientCertificateData: 'c' }), 'come together'],
    ['a time that is none', execOutput({ token: 't', expirationTimestamp: 'soon' }), 'is not a time'],
  ])('that prints %s is refused', (_name, output, message) => {
    const outcome = readExecCredential(PLUGIN, output);
    expect(outcome.ok ? '' : outcome.message).toContain(message);
    // What it printed may be half a secret.
    if (output.includes('"t"')) expect(JSON.stringify(outcome)).not.toContain('"t"');
  });
});
