import { describe, expect, test } from 'vitest';
import type { ClusterAccess } from './access.ts';
import { NO_OVERRIDES, readKubeconfig } from './kubeconfig.ts';
import { readKubernetesSettings } from './settings.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A file with one cluster, user and context, given as YAML in flow style. */
function file(parts: { cluster?: string; user?: string; more?: string; current?: string } = {}): string {
  return `
apiVersion: v1
kind: Config
current-context: ${parts.current ?? 'here'}
clusters: [{name: c, cluster: ${parts.cluster ?? '{server: "https://10.0.0.1:6443"}'}}]
users: [{name: u, user: ${parts.user ?? '{token: t}'}}]
contexts: [{name: here, context: {cluster: c, user: u}}, {name: there, context: {cluster: other, user: u}}]
${parts.more ?? ''}`;
}

function access(text: string, overrides = NO_OVERRIDES): ClusterAccess {
  const outcome = readKubeconfig([{ path: '/etc/kube/config', text }], overrides);
  if (!outcome.ok) throw new Error(outcome.message);
  return outcome.access;
}

function refusal(text: string, overrides = NO_OVERRIDES): string {
  const outcome = readKubeconfig([{ path: '/etc/kube/config', text }], overrides);
  return outcome.ok ? '' : outcome.message;
}

describe('a kubeconfig', () => {
  test.each<[string, { cluster?: string; user?: string }, Partial<ClusterAccess>]>([
    ['with a token', {}, { server: 'https://10.0.0.1:6443', identity: { kind: 'token', token: 't' }, ca: null }],
    [
      'with files, relative to itself',
      {
        cluster: '{server: "https://k", certificate-authority: ca.crt}',
        user: '{client-certificate: ./me.crt, client-key: /abs/me.key}',
      },
      {
        ca: { kind: 'file', path: '/etc/kube/ca.crt' },
        certificate: { kind: 'file', path: '/etc/kube/me.crt' },
        key: { kind: 'file', path: '/abs/me.key' },
        identity: { kind: 'none' },
      },
    ],
    [
      'with inline data, which counts before files',
      {
        cluster: `{server: "https://k", certificate-authority: ca.crt, certificate-authority-data: ${base64('CA')}}`,
        user: `{client-certificate-data: ${base64('CRT')}, client-key-data: ${base64('KEY')}}`,
      },
      {
        ca: { kind: 'inline', pem: 'CA' },
        certificate: { kind: 'inline', pem: 'CRT' },
        key: { kind: 'inline', pem: 'KEY' },
      },
    ],
    [
      'with a token file, which counts before the token',
      { user: '{token: old, tokenFile: token}' },
      { identity: { kind: 'token-file', path: '/etc/kube/token' } },
    ],
    [
      'with a password',
      { user: '{username: me, password: secret}' },
      { identity: { kind: 'basic', username: 'me', password: 'secret' } },
    ],
    [
      'with another name in the certificate and no verification',
      { cluster: '{server: "https://k", tls-server-name: api, insecure-skip-tls-verify: true}' },
      { serverName: 'api', isInsecure: true },
    ],
    [
      'with an exec plug-in',
      {
        user: `{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, args: [a, b],
          env: [{name: X, value: "1"}], provideClusterInfo: true, interactiveMode: IfAvailable, installHint: get it}}`,
      },
      {
        identity: {
          kind: 'exec',
          plugin: {
            apiVersion: 'client.authentication.k8s.io/v1',
            command: '/etc/kube/login',
            args: ['a', 'b'],
            env: { X: '1' },
            isToldCluster: true,
            installHint: 'get it',
          },
        },
      },
    ],
    [
      'that acts for somebody else',
      { user: '{token: t, as: jane, as-uid: "7", as-groups: [g], as-user-extra: {k: [v]}}' },
      { impersonation: { user: 'jane', uid: '7', groups: ['g'], extra: { k: ['v'] } } },
    ],
  ])('%s', (_name, parts, wanted) => {
    expect(access(file(parts))).toMatchObject(wanted);
  });

  test('another context than the current one can be asked for', () => {
    const text = file().replace('clusters: [', 'clusters: [{name: other, cluster: {server: "https://other"}}, ');
    expect(access(text, { ...NO_OVERRIDES, context: 'there' }).server).toBe('https://other');
  });

  test('settings from elsewhere count before the file', () => {
    const overrides = {
      ...NO_OVERRIDES,
      server: 'https://elsewhere',
      certificateFile: '/a.crt',
      keyFile: '/a.key',
      caFile: '/ca.crt',
      token: 'mine',
      isInsecure: true,
    };
    expect(access(file(), overrides)).toMatchObject({
      server: 'https://elsewhere',
      ca: { kind: 'file', path: '/ca.crt' },
      certificate: { kind: 'file', path: '/a.crt' },
      key: { kind: 'file', path: '/a.key' },
      identity: { kind: 'token', token: 'mine' },
      isInsecure: true,
    });
  });

  test('of several files the first that names something wins', () => {
    const second = file({ cluster: '{server: "https://second"}', user: '{token: second}', current: 'there' }).replace(
      'clusters: [',
      'clusters: [{name: other, cluster: {server: "https://only-in-second", certificate-authority: x}}, ',
    );
    const files = [
      { path: '/one/config', text: file() },
      { path: '/two/config', text: second },
    ];
    const here = readKubeconfig(files);
    expect(here).toMatchObject({ access: { server: 'https://10.0.0.1:6443', identity: { token: 't' } } });
    const there = readKubeconfig(files, { ...NO_OVERRIDES, context: 'there' });
    expect(there).toMatchObject({
      access: { server: 'https://only-in-second', ca: { path: '/two/x' }, identity: { token: 't' } },
    });
  });

  test.each([
    ['no YAML', 'clusters: [', '/etc/kube/config'],
    ['something else', 'clusters: 7', 'not a kubeconfig: clusters'],
    ['no current context', file({ current: '""' }), 'no current-context'],
    ['a current context that is not there', file({ current: 'gone' }), 'context "gone"'],
    ['a cluster that is not there', file({ current: 'there' }), 'cluster "other"'],
    ['a server that is no URL', file({ cluster: '{server: "10.0.0.1 6443"}' }), 'wanted https://HOST:PORT'],
    ['a server of another kind', file({ cluster: '{server: "ftp://k"}' }), 'wanted https://HOST:PORT'],
    ['a password in the address', file({ cluster: '{server: "https://u:secret@k"}' }), 'do not belong in an address'],
    ['a proxy', file({ cluster: '{server: "https://k", proxy-url: "http://p"}' }), 'proxy-url is not supported'],
    ['an auth-provider', file({ user: '{auth-provider: {name: gcp}}' }), 'auth-provider is not supported'],
    [
      'a plug-in that needs a person',
      file({
        user: '{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}}',
      }),
      'interactiveMode',
    ],
    [
      'a plug-in of an unknown version',
      file({ user: '{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}' }),
      'user "u": exec.apiVersion',
    ],
    ['groups without a user to act for', file({ user: '{token: t, as-groups: [g]}' }), 'need "as"'],
  ])('with %s is refused', (_name, text, message) => {
    expect(refusal(text)).toContain(message);
  });

  test('a broken entry does not hurt while another is used', () => {
    expect(access(file().replace('users: [', 'users: [{name: bad, user: {exec: 7}}, ')).server).toBe(
      'https://10.0.0.1:6443',
    );
  });
});

describe('the environment', () => {
  const files: { readonly [path: string]: string } = {
    '/k/one': file(),
    '/k/two': file({ cluster: '{server: "https://two"}' }),
    '/root/.kube/config': file({ cluster: '{server: "https://home"}' }),
  };
  const settings = (environment: { readonly [name: string]: string }) =>
    readKubernetesSettings('n', environment, (path) => {
      if (path === '/k/secret') throw new Error('EACCES: permission denied');
      return files[path] ?? null;
    });
  const pod = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

  test.each<[string, { readonly [name: string]: string }, string, string]>([
    ['KUBECONFIG', { KUBECONFIG: '/k/one' }, 'https://10.0.0.1:6443', 'token'],
    [
      'CALICO_KUBECONFIG before KUBECONFIG',
      { KUBECONFIG: '/k/one', CALICO_KUBECONFIG: '/k/two' },
      'https://two',
      'token',
    ],
    ['a list of files, of which one is not there', { KUBECONFIG: '/none:/k/two' }, 'https://two', 'token'],
    ['the file at home before the pod', { HOME: '/root', ...pod }, 'https://home', 'token'],
    ['the pod', { HOME: '/nobody', ...pod }, 'https://10.96.0.1:443', 'token-file'],
    ['a pod with IPv6', { ...pod, KUBERNETES_SERVICE_HOST: 'fd00::1' }, 'https://[fd00::1]:443', 'token-file'],
    ['an endpoint before home and pod', { HOME: '/root', ...pod, K8S_API_ENDPOINT: 'http://e' }, 'http://e', 'none'],
    [
      'an endpoint before that of the kubeconfig',
      { KUBECONFIG: '/k/one', K8S_API_ENDPOINT: 'https://e' },
      'https://e',
      'token',
    ],
    ['an endpoint with a token', { K8S_API_ENDPOINT: 'https://e', CALICO_K8SAPITOKEN: 'x' }, 'https://e', 'token'],
  ])('%s', (_name, environment, server, identity) => {
    expect(settings(environment)).toMatchObject({
      ok: true,
      options: { access: { server, identity: { kind: identity } } },
    });
  });

  test.each<[string, { readonly [name: string]: string }, string]>([
    ['nothing at all', {}, 'no way to the API server'],
    ['a kubeconfig that is not there', { KUBECONFIG: '/none' }, '/none is not there'],
    ['a kubeconfig that cannot be read', { KUBECONFIG: '/k/secret' }, 'EACCES'],
    ['a context that is not there', { KUBECONFIG: '/k/one', K8S_CURRENT_CONTEXT: 'x' }, 'context "x"'],
    ['a flag that is none', { ...pod, USE_POD_CIDR: 'maybe' }, 'USE_POD_CIDR "maybe"'],
  ])('%s is refused', (_name, environment, message) => {
    const outcome = settings(environment);
    expect(outcome.ok ? '' : outcome.problems.join()).toContain(message);
  });

  test('says what else is to be done', () => {
    const more = {
      USE_POD_CIDR: 'true',
      CALICO_API_GROUP: 'ProjectCalico.org/v3',
      NAMESPACE: 'calico-system',
      CALICO_ADVERTISE_CLUSTER_IPS: '10.96.0.0/12',
    };
    expect(settings({ ...pod, ...more })).toMatchObject({
      options: {
        node: 'n',
        usePodCidr: true,
        group: 'projectcalico.org/v3',
        secretNamespace: 'calico-system',
        advertisesClusterIps: true,
      },
    });
    expect(settings(pod)).toMatchObject({
      options: { usePodCidr: false, group: null, secretNamespace: 'kube-system' },
    });
  });
});
