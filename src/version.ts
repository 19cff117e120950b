/** The version of this build; esbuild puts it in, tests see a placeholder. */

declare const PEREGRINE_VERSION: string | undefined;

export const VERSION: string = typeof PEREGRINE_VERSION === 'string' ? PEREGRINE_VERSION : '0.0.0-source';
