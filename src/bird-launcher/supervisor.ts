/**
 * The wrapper around a launcher (deploy/calico-node/bin/bird) holds the process id that runsv knows, because SIGHUP ends
 * Node while it boots. It is told here when signals are handled from now on; and when it has gone without a word, so do
 * we: nobody would find us any more, and our port and socket would be in the way of the next one.
 */

const LOOK_MS = 1000;

/** To be called when SIGHUP is handled. @param lost the wrapper has gone; by default the process ends at once */
export function followSupervisor(
  variables: Readonly<Record<string, string | undefined>>,
  lost: () => void = () => process.exit(1),
): void {
  const wrapper = Number(variables.PEREGRINE_WRAPPER_PID);
  if (!Number.isInteger(wrapper) || wrapper <= 1 || process.ppid !== wrapper) return;
  try {
    process.kill(wrapper, 'SIGUSR2');
  } catch {
    return lost();
  }
  setInterval(() => {
    if (process.ppid !== wrapper) lost();
  }, LOOK_MS).unref();
}
