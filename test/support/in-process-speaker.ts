/** A speaker with its control API inside the test's own process: stand-alone configuration, loopback, no kernel. */

import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:http';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ApiServer, type ApiServerOptions } from '../../src/api/server.ts';
import { formatDiagnostic } from '../../src/config/diagnose.ts';
import { loadStandAlone } from '../../src/config/load.ts';
import { SILENT_LOG } from '../../src/log/log.ts';
import { DEFAULT_MONITOR, type MonitorSettings } from '../../src/monitor/settings.ts';
import { systemClock } from '../../src/speaker/clock.ts';
import { Speaker } from '../../src/speaker/speaker.ts';
import { SpeakerApi } from '../../src/speaker/speaker-api.ts';
import { LOOPBACK_PORT, temporaryFolder } from './loopback.ts';
import { OpenApiChecker } from './openapi-checker.ts';

const CHECKER = new OpenApiChecker();

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export class InProcessSpeaker {
  readonly socketPath: string;
  readonly #speaker: Speaker;
  readonly #server: ApiServer;

  private constructor(socketPath: string, speaker: Speaker, server: ApiServer) {
    this.socketPath = socketPath;
    this.#speaker = speaker;
    this.#server = server;
  }

  static async start(
    address: string,
    config: object,
    { monitor, ...options }: Partial<ApiServerOptions> & { readonly monitor?: Partial<MonitorSettings> } = {},
  ): Promise<InProcessSpeaker> {
    const text = stringify({
      listen: [{ address, port: LOOPBACK_PORT }],
      kernel: { enabled: false, resolveNextHops: 'always' },
      ...config,
    });
    const loaded = loadStandAlone('test.yaml', text);
    if (!loaded.ok) throw new Error(loaded.diagnostics.map((one) => formatDiagnostic(one, text)).join('\n'));
    const speaker = new Speaker({ log: SILENT_LOG, clock: systemClock, version: 'test' });
    speaker.setSource('file:test.yaml');
    const socketPath = join(temporaryFolder(), 'api.sock');
    const server = await ApiServer.start(
      { ...options, socketPath },
      new SpeakerApi(speaker, { ...DEFAULT_MONITOR, ...monitor }),
      SILENT_LOG,
    );
    const failure = await speaker.start(loaded.desired);
    if (failure !== null) throw new Error(failure);
    return new InProcessSpeaker(socketPath, speaker, server);
  }

  /** One request as any HTTP client makes it; throws when the answer is not as the OpenAPI document says. */
  async ask(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const answer = await this.#ask(method, path, body);
    const { status, headers, text } = answer;
    if (method !== 'HEAD') {
      const problems = CHECKER.problems(method, path, status, headers['content-type'], text);
      if (problems.length > 0) throw new Error(problems.join('\n'));
    }
    return answer;
  }

  #ask(method: string, path: string, body: unknown): Promise<ApiAnswer> {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: this.socketPath, method, path, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        response.on('error', reject);
      });
      call.on('error', reject);
      call.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
    });
  }

  async get<T>(path: string): Promise<T> {
    return JSON.parse((await this.ask('GET', path)).text) as T;
  }

  async list<T>(path: string): Promise<T[]> {
    const { text } = await this.ask('GET', path);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  }

  get tcpPort(): number {
    return this.#server.tcpPort!;
  }

  reloadSecrets(): Promise<void> {
    return this.#server.reload();
  }

  async stop(): Promise<void> {
    await this.#speaker.shutdown('silent');
    await this.#server.close();
  }
}
