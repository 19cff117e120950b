#!/usr/bin/env node
// A process called bird or bird6 (docs/bird-launcher.md): by --name, by the name of a link to this file, else bird.
import { basename } from 'node:path';

const given = process.argv.slice(2);
const isNamed = given[0] === '--name' && ['bird', 'bird6'].includes(given[1]);
const link = basename(process.argv[1] ?? '', '.js');
const name = isNamed ? given[1] : link === 'bird6' ? 'bird6' : 'bird';
// First of all: calicoctl looks for processes of these names.
process.title = name;
process.argv.splice(2, process.argv.length, name, ...(isNamed ? given.slice(2) : given));
await import('./peregrine.js');
