/** The kustomizations under deploy/, and kubectl to build them with where there is one that can. */

import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { temporaryFolder } from '../support/loopback.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const DEPLOY = join(ROOT, 'deploy');

/** What people apply. */
export const KUSTOMIZATIONS = [
  'rbac',
  'daemonset',
  'sidecar',
  'route-reflector/first',
  'route-reflector/second',
  'route-reflector/pod-network',
] as const;

/** Components and `labels` came with kustomize 4; 5 is in kubectl from 1.27 on. */
const OLDEST_KUSTOMIZE_MAJOR = 5;

function missing(): string | null {
  const { status, stdout } = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  if (status !== 0) return 'no kubectl: https://kubernetes.io/docs/tasks/tools/';
  const version = (JSON.parse(stdout) as { kustomizeVersion?: string }).kustomizeVersion ?? 'v0';
  const isNew = Number(version.slice(1).split('.')[0]) >= OLDEST_KUSTOMIZE_MAJOR;
  return isNew ? null : `kubectl has kustomize ${version}, wanted v${OLDEST_KUSTOMIZE_MAJOR}: kubectl 1.27 or newer`;
}

/** Why nothing can be built here, or null. */
export const KUBECTL_MISSING: string | null = missing();

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: {
    readonly privileged?: boolean;
    readonly runAsUser?: number;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
    readonly seccompProfile?: { readonly type: string };
  };
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface Probe {
  readonly httpGet?: { readonly host?: string; readonly path: string; readonly port: string | number };
  readonly exec?: { readonly command: readonly string[] };
}

export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly priorityClassName?: string;
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
}

type Strings = { readonly [name: string]: string };

export interface PodTemplate {
  readonly metadata: { readonly labels?: Strings; readonly annotations?: Strings };
  readonly spec: PodSpec;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: object };
  readonly spec?: { readonly template?: PodTemplate };
  readonly data?: { readonly [key: string]: string };
  readonly [field: string]: unknown;
}

/** A copy of deploy/ with what users are told to put there, and more components in one of its kustomizations. */
export function prepare(): string {
  const folder = join(temporaryFolder(), 'deploy');
  cpSync(DEPLOY, folder, { recursive: true });
  cpSync(join(ROOT, 'test/deploy/calico.yaml'), join(folder, 'sidecar/calico.yaml'));
  return folder;
}

/** `kubectl kustomize`, as text. */
export function build(folder: string): string {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`kubectl kustomize ${folder}: ${stderr}`);
  return stdout;
}

export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() as Manifest;
  });
}
