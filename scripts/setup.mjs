// Decides what this machine lacks for `npm start` (lab) and `npm test` (test), and installs it: npm packages, and as
// root on Debian the packages of the foreign BGP daemons. Runs before node_modules exists, so node: modules only.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OLDEST_NODE_MAJOR = 20;
const POLICY_RC_D = '/usr/sbin/policy-rc.d';

/** What each purpose runs, and the Debian package that has it. */
const TOOLS = [
  { file: 'ip', package: 'iproute2', purposes: ['lab', 'test'], use: 'network namespaces' },
  { file: 'nsenter', package: 'util-linux', purposes: ['lab', 'test'], use: 'network namespaces' },
  { file: 'ping', package: 'iputils-ping', purposes: ['lab', 'test'], use: 'proof of forwarding' },
  { file: 'bird', package: 'bird2', purposes: ['lab', 'test'], use: 'BIRD as peer' },
  { file: 'runsvdir', package: 'runit', purposes: ['test'], use: 'services of calico-node' },
  { file: 'gobgpd', package: 'gobgpd', purposes: ['test'], use: 'GoBGP as peer' },
  { file: '/usr/lib/frr/bgpd', package: 'frr', purposes: ['test'], use: 'FRR as peer' },
  { file: 'bgpctl', package: 'openbgpd', purposes: ['test'], use: 'OpenBGPD as peer' },
  { file: 'exabgp', package: 'exabgp', purposes: ['test'], use: 'ExaBGP as peer' },
  { file: 'prometheus', package: 'prometheus', purposes: ['test'], use: 'alerting rules and dashboard' },
  { file: 'tmux', package: 'tmux', purposes: ['test'], use: 'peregrine top' },
  { file: 'fish', package: 'fish', purposes: ['test'], use: 'completion' },
  { file: 'zsh', package: 'zsh', purposes: ['test'], use: 'completion' },
  { file: 'openssl', package: 'openssl', purposes: ['test'], use: 'certificates' },
  { file: 'chromium', package: 'chromium', purposes: ['test'], use: 'the looking-glass page' },
  { file: 'etcd', package: 'etcd-server', purposes: ['test'], use: 'etcd as datastore' },
];

const purpose = process.argv[2] ?? 'test';
if (purpose !== 'lab' && purpose !== 'test') {
  fail(`usage: node scripts/setup.mjs [lab|test], not '${purpose}'`);
}
requireNode();
installNpmPackages();
installTools(TOOLS.filter((tool) => tool.purposes.includes(purpose)));
run('Building', process.execPath, [join(ROOT, 'scripts/build.mjs')]);

/** @param {string} text */
function say(text) {
  process.stdout.write(`setup: ${text}\n`);
}

/** @param {string} text @returns {never} */
function fail(text) {
  process.stderr.write(`setup: ${text}\n`);
  process.exit(1);
}

function requireNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE_MAJOR) {
    fail(`Node.js ${OLDEST_NODE_MAJOR} or newer is needed, this is ${process.versions.node}`);
  }
}

/** @param {string} what @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
function run(what, command, args, env = process.env) {
  say(`${what} ...`);
  const done = spawnSync(command, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.error) fail(`${command}: ${done.error.message}`);
  if (done.signal) fail(`${command} was ended by ${done.signal}`);
  if (done.status !== 0) fail(`${command} ${args.join(' ')} ended with status ${done.status}`);
}

function installNpmPackages() {
  const reason = npmPackagesReason();
  if (reason === null) return;
  run(`Installing npm packages (${reason})`, 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

/**
 * Why node_modules is not what package-lock.json says, or null. Versions are compared rather than file times: git sets
 * those as it likes. What is optional may be absent (binaries for other platforms).
 */
function npmPackagesReason() {
  const installedPath = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(installedPath)) return 'node_modules is missing';
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || (entry.optional && !installed[path])) continue;
    if (installed[path]?.version !== entry.version) return `${path} is not the version of package-lock.json`;
  }
  return null;
}

/** @param {string} file */
function isInstalled(file) {
  // Debian leaves the sbin folders out of an ordinary user's PATH.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  const candidates = file.startsWith('/') ? [file] : folders.map((folder) => join(folder, file));
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @param {typeof TOOLS} tools */
function installTools(tools) {
  const missing = tools.filter((tool) => !isInstalled(tool.file));
  if (missing.length === 0) return;
  const packages = missing.map((tool) => tool.package);
  const listed = missing.map((tool) => `${tool.package} (${tool.use})`).join(', ');
  const obstacle = aptObstacle();
  if (obstacle !== null) {
    say(`Not installed: ${listed}. ${obstacle}; what needs them is skipped.`);
    return;
  }
  say(`Installing Debian packages: ${listed}.`);
  say('Their services are not started now. PEREGRINE_NO_APT=1 prevents this step.');
  const withoutServices = forbidServiceStart();
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0'];
    run('apt-get update', 'apt-get', [...options, 'update'], env);
    run('apt-get install', 'apt-get', [...options, 'install', '-y', '--no-install-recommends', ...packages], env);
  } finally {
    withoutServices.end();
  }
}

/** Why apt-get is not used, or null. */
function aptObstacle() {
  if (process.getuid?.() !== 0) return 'Only root can install them';
  if (process.env.PEREGRINE_NO_APT === '1' && !process.env.CI) return 'PEREGRINE_NO_APT=1';
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (!/^ID(_LIKE)?=.*debian/m.test(release)) return 'This is not Debian';
  return null;
}

/**
 * Debian's maintainer scripts start a package's services unless policy-rc.d forbids it. An existing one is the
 * administrator's and stays as it is; ours goes however this process ends (`fail` exits, so `finally` alone won't do).
 */
function forbidServiceStart() {
  if (existsSync(POLICY_RC_D)) return { end: () => {} };
  const remove = () => rmSync(POLICY_RC_D, { force: true });
  writeFileSync(POLICY_RC_D, "#!/bin/sh\n# Written by Peregrine's setup for the time of one apt-get.\nexit 101\n", {
    mode: 0o755,
    flag: 'wx',
  });
  process.once('exit', remove);
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.once(signal, () => process.exit(1));
  }
  return { end: remove };
}
