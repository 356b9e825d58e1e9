/** Time: of the machine, and of this process alone. */

/** The monotonic clock in ms, the same in all processes of one machine. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** CPU time of this process so far, all threads. Unlike elapsed time, it hardly knows who else uses the machine. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
