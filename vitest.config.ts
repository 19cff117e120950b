import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{bgp,rib,confd,src,test}/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores are what CI has; more workers only make the interop tests fight over them.
    maxWorkers: 2,
    // Hundreds of daemons are started, and most have a handful of routes: warming up would cost more than it gives.
    env: { PEREGRINE_REHEARSAL: process.env.PEREGRINE_REHEARSAL ?? 'off' },
    // On CI one machine runs foreign daemons, servers and full tables side by side: a test that fails gets another try
    // there, and vitest says so. By hand nothing is tried again, so that what is unsteady shows.
    retry: process.env.CI ? 2 : 0,
  },
});
