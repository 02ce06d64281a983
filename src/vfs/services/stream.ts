import { jsonLine } from "./content.ts";

/** Lines, and characters of them, that wait for a reader; beyond that it is told only how many came. */
const MOST = { lines: 10_000, characters: 4_194_304 } as const;

/**
 * The lines that somebody tells from now on, until `signal` aborts. `begin` is given what tells them, and
 * gives what undoes that. Who reads slowly misses some, and is told how many in a line of its own.
 */
export async function* lines(
  begin: (tell: (...more: readonly string[]) => void) => () => void,
  signal: AbortSignal,
): AsyncIterable<string> {
  let waiting: string[] = [];
  let [missed, held] = [0, 0];
  let wake = Promise.withResolvers<void>();
  const stop = begin((...more) => {
    for (const line of more) {
      if (waiting.length < MOST.lines && held + line.length <= MOST.characters) {
        waiting.push(line);
        held += line.length;
      } else missed += 1;
    }
    wake.resolve();
  });
  const end = (): void => wake.resolve();
  signal.addEventListener("abort", end, { once: true });
  try {
    while (!signal.aborted) {
      await wake.promise;
      wake = Promise.withResolvers();
      if (signal.aborted) return;
      const told = waiting;
      const lost = missed;
      waiting = [];
      [missed, held] = [0, 0];
      if (told.length > 0) yield told.join("");
      if (lost > 0) yield jsonLine({ event: "missed", lines: lost });
    }
  } finally {
    signal.removeEventListener("abort", end);
    stop();
  }
}
