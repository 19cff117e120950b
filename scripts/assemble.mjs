// Puts what Peregrine needs at run time into one folder, for images: the bundle, its commands, and of koffi the code and
// the binary of this platform. `node scripts/assemble.mjs FOLDER`, after `npm ci` and the build.
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [, , folder] = process.argv;
if (folder === undefined) {
  process.stderr.write('usage: node scripts/assemble.mjs FOLDER\n');
  process.exit(2);
}
await rm(join(folder, 'dist'), { recursive: true, force: true });
await mkdir(join(folder, 'node_modules'), { recursive: true });
for (const name of ['dist', 'bin', 'package.json', 'LICENSE'])
  await cp(join(ROOT, name), join(folder, name), { recursive: true });
// Maps are as large as the code, and the lab is for a checkout.
for (const name of await readdir(join(folder, 'dist'))) {
  if (name.endsWith('.map') || name === 'lab.js') await rm(join(folder, 'dist', name));
}
// Sources, for building koffi where there is no binary, stay behind.
const KOFFI = join(ROOT, 'node_modules/koffi');
const isSource = (path) =>
  ['vendor', 'doc'].some((name) => path === join(KOFFI, name)) || /\.(cc|hh|asm|S|inc|txt)$/.test(path);
for (const name of ['koffi', '@koromix']) {
  await cp(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), {
    recursive: true,
    dereference: true,
    filter: (source) => !isSource(source) || source.endsWith('LICENSE.txt'),
  });
}
