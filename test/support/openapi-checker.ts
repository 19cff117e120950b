/** Holds answers of the API to its own OpenAPI document: status, media type, and the shape of every value. */

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { openApiDocument } from '../../src/api/openapi.ts';
import { ROUTES } from '../../src/api/routes/index.ts';

interface Operation {
  readonly responses: {
    readonly [status: string]: {
      readonly content: { readonly [type: string]: { readonly schema?: { $ref: string } } };
    };
  };
}

export class OpenApiChecker {
  readonly document = openApiDocument(ROUTES, 'test') as {
    readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } };
    readonly components: { readonly schemas: { readonly [name: string]: object } };
  };
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor() {
    formats.default(this.#ajv);
    this.#ajv.addSchema({ $id: 'api', components: this.document.components });
  }

  /** What is wrong with an answer; empty: nothing. Paths and methods that are not in the document may only be refused. */
  problems(method: string, url: string, status: number, type: string | undefined, text: string): string[] {
    const [path] = url.split('?');
    const operation = this.#operation(method, path);
    if (operation === null) {
      return [404, 405, 400, 414].includes(status)
        ? this.#problemsOf('Problem', text)
        : [`${status} of an unknown path`];
    }
    const response = operation.responses[status];
    if (response === undefined) return [`${method} ${path} is not said to answer ${status}`];
    const [wanted, { schema }] = Object.entries(response.content)[0];
    if (type !== wanted) return [`${method} ${path} answers ${type}, is said to answer ${wanted}`];
    if (schema === undefined) return [];
    const view = schema.$ref.split('/').at(-1)!;
    const values = wanted === 'application/x-ndjson' ? text.split('\n').filter((line) => line !== '') : [text];
    return values.flatMap((value) => this.#problemsOf(view, value));
  }

  #operation(method: string, path: string): Operation | null {
    const parts = path.split('/');
    const found = Object.keys(this.document.paths)
      .filter((known) => {
        const names = known.split('/');
        return names.length === parts.length && names.every((name, i) => name === parts[i] || name.startsWith('{'));
      })
      .sort((x, y) => (x.match(/\{/g) ?? []).length - (y.match(/\{/g) ?? []).length)
      .find((known) => this.document.paths[known][method.toLowerCase()] !== undefined);
    return found === undefined ? null : this.document.paths[found][method.toLowerCase()];
  }

  #problemsOf(view: string, text: string): string[] {
    let validate = this.#validators.get(view);
    if (validate === undefined) {
      validate = this.#ajv.compile({ $ref: `api#/components/schemas/${view}` });
      this.#validators.set(view, validate);
    }
    if (validate(JSON.parse(text))) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${view}${instancePath} ${message} ${JSON.stringify(params)}: ${text.slice(0, 300)}`,
    );
  }
}
