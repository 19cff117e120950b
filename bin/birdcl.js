#!/usr/bin/env node
// The client for BIRD's control socket (docs/bird-socket.md); birdcl6, as a link to this file, means bird6.ctl.
import { basename } from 'node:path';

const name = basename(process.argv[1] ?? '', '.js') === 'birdcl6' ? 'birdcl6' : 'birdcl';
process.argv.splice(2, process.argv.length, name, ...process.argv.slice(2));
await import('./peregrine.js');
