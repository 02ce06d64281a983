import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../control/client.ts";
import type { ServerEvent } from "../control/events.ts";
import type { ErrorCode, OpenAgentsError } from "../core/errors.ts";

const RECONNECT = 1000;

/** What an agentd answers that stops, starts, or is gone. */
const PASSING: ReadonlySet<string> = new Set<ErrorCode>([
  "UNREACHABLE",
  "BUSY",
  "CANCELLED",
  "STORE",
]);

/** True for an error that is over once agentd is there again. */
export function passes(error: unknown): boolean {
  return PASSING.has((error as OpenAgentsError).code);
}

export interface Follow {
  /** The stream's address: by the agent's id, as its name may pass to another. */
  readonly path: string;
  /** The id of the last event that was seen. */
  readonly after: string;
  /** Finds agentd anew each time: after a restart it may have another address. */
  readonly connect: () => Client;
  /** Until it is tried again, ms. Default 1000. */
  readonly pause?: number;
  /** Ends it, where what connects is given it as well. */
  readonly signal?: AbortSignal;
}

/** The events of a stream for ever, over restarts of agentd: each once, from the last one seen. */
export async function* follow({
  path,
  connect,
  pause = RECONNECT,
  signal,
  ...from
}: Follow): AsyncIterable<ServerEvent> {
  let { after } = from;
  let told = false;
  for (;;) {
    try {
      for await (const event of connect().stream(path, after)) {
        // What came before the first one has none.
        if (event.id !== "") after = event.id;
        told = false;
        yield event;
      }
    } catch (error) {
      if (signal?.aborted === true) return;
      if (!passes(error)) throw error;
      if (!told) process.stderr.write(`${(error as Error).message}\nWaiting for it …\n`);
      told = true;
    }
    if (signal?.aborted === true) return;
    await sleep(pause);
  }
}
