/**
 * Where the API server is and who we are to it, as data: what kubeconfig files and the in-cluster environment come down
 * to. Files are named here and read when a connection is made, because certificates and tokens are renewed in place.
 */

/** A certificate or key in PEM form, or the file that holds it. */
export type PemSource =
  | { readonly kind: 'inline'; readonly pem: string }
  | { readonly kind: 'file'; readonly path: string };

/** A program that hands out credentials (client.authentication.k8s.io). */
export interface ExecPlugin {
  readonly apiVersion: 'client.authentication.k8s.io/v1' | 'client.authentication.k8s.io/v1beta1';
  readonly command: string;
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
  /** It wants to be told which cluster it is for. */
  readonly isToldCluster: boolean;
  /** What to tell people when the program is not there. */
  readonly installHint: string;
}

export type Identity =
  /** No more than the client certificate, if any. */
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'token-file'; readonly path: string }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'exec'; readonly plugin: ExecPlugin };

/** Whose rights to use instead of our own (`as` in a kubeconfig). */
export interface Impersonation {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: { readonly [name: string]: readonly string[] };
}

export interface ClusterAccess {
  /** Such as `https://10.96.0.1:443`; a path goes before that of every request. */
  readonly server: string;
  /** Name in the server's certificate; null: that of the URL. */
  readonly serverName: string | null;
  readonly ca: PemSource | null;
  /** Take any server certificate. */
  readonly isInsecure: boolean;
  readonly certificate: PemSource | null;
  readonly key: PemSource | null;
  readonly identity: Identity;
  readonly impersonation: Impersonation | null;
}

/** For people: as whom we come. */
export function describeIdentity({ identity, certificate }: ClusterAccess): string {
  switch (identity.kind) {
    case 'none':
      if (certificate === null) return 'requests without credentials';
      return certificate.kind === 'file' ? `the client certificate ${certificate.path}` : 'our client certificate';
    case 'token':
      return 'our token';
    case 'token-file':
      return `the token in ${identity.path}`;
    case 'basic':
      return `user "${identity.username}" with this password`;
    case 'exec':
      return `what the exec plug-in ${identity.plugin.command} gave`;
  }
}

export type AccessOutcome =
  | { readonly ok: true; readonly access: ClusterAccess }
  /** What is wrong, for people. */
  | { readonly ok: false; readonly message: string };
