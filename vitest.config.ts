import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{bgp,rib,confd,src,test}/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores are what CI has; more workers only make the interop tests fight over them.
    maxWorkers: 2,
  },
});
