/**
 * A worker that asks a daemon for its status again and again, and remembers how long the slowest answer took: about the
 * longest time that the daemon's loop was busy with something else. In a thread of its own, so that what the test does
 * meanwhile does not count.
 */

import { request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

const PAUSE_MS = 3;
let slowestMs = 0;
let answers = 0;

function ask() {
  const startMs = performance.now();
  const call = request({ socketPath: workerData.socketPath, path: '/v1/status' }, (response) => {
    response.resume();
    response.on('end', () => {
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      answers++;
      setTimeout(ask, PAUSE_MS);
    });
  });
  call.on('error', () => setTimeout(ask, PAUSE_MS));
  call.end();
}

// Asked how it went so far; begins anew then.
parentPort.on('message', () => {
  parentPort.postMessage({ slowestMs, answers });
  slowestMs = 0;
  answers = 0;
});
ask();
