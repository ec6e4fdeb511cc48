/** POSIX seconds as 2026-11-30 12:34:56 UTC. */
export function utc(at) {
  const when = new Date(at * 1000).toISOString();
  return `${when.slice(0, 10)} ${when.slice(11, 19)} UTC`;
}
