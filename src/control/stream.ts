import { logSize, nextLimit } from "../core/pages.ts";
import type { LogRow } from "../core/ports/index.ts";
import type { Runtime } from "../core/runtime.ts";
import type { TickOutput, TickRecord } from "../core/trajectory.ts";
import { OpenAgentsError } from "../core/errors.ts";

/** A place in an agent's stream: tick `n` is seen, and the first `parts` of what follows it. */
export interface StreamPosition {
  readonly n: number;
  readonly parts: number;
}

export interface StreamOptions {
  /** Where to go on from; absent for what happens from now on. */
  readonly from?: StreamPosition | undefined;
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined;
  /** Between two comments that keep the connection open, ms. Default 15,000. */
  readonly heartbeat?: number | undefined;
}

/**
 * An agent's ticks as server-sent events: for each, its `log`, `event` and `reply` events and then
 * `tick`. Ids are `n` for a tick and `n.i` for the i-th part before it, so that a client that
 * resumes from any id misses nothing and sees nothing twice. What is sent is always read from the
 * record and only as fast as the client takes it: a slow client costs no memory.
 */
export async function tickStream(
  runtime: Runtime,
  ref: string,
  options: StreamOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  const { signal, heartbeat = 15_000 } = options;
  const { id } = await runtime.get(ref);
  const encoder = new TextEncoder();
  let newest = 0;
  let wake = (): void => {};
  const unwatch = runtime.watch(id, (tick) => {
    newest = Math.max(newest, tick.record.n);
    wake();
  });
  let position = options.from;
  try {
    // Asked after `watch` began, so that no tick falls between.
    const { ticks } = await runtime.status(id);
    newest = Math.max(newest, ticks);
    // From before a purge or of another agent: what is not there yet cannot have been seen.
    if (position === undefined || position.n > ticks) position = { n: ticks, parts: 0 };
  } catch (error) {
    unwatch();
    throw error;
  }
  let { n, parts } = position;
  let ended = false;
  const end = (): void => {
    ended = true;
    unwatch();
    signal?.removeEventListener("abort", onAbort);
    wake();
  };
  const onAbort = (): void => wake();
  signal?.addEventListener("abort", onAbort);

  /** True when there is something to read or to end for, false when the time was up. */
  const change = (): Promise<boolean> =>
    new Promise((resolve) => {
      if (newest > n || signal?.aborted === true) {
        resolve(true);
        return;
      }
      const timer = setTimeout(() => resolve(false), heartbeat);
      wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });

  // Few rows at a time where they are large.
  let limit = 1;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(": connected\n\n"));
      },
      async pull(controller) {
        try {
          for (;;) {
            const changed = await change();
            if (ended) return;
            if (!changed) {
              controller.enqueue(encoder.encode(": heartbeat\n\n"));
              return;
            }
            if (signal?.aborted === true) {
              end();
              controller.close();
              return;
            }
            const rows = await runtime.log(id, n, limit);
            if (ended) return;
            limit = nextLimit(rows, logSize, limit);
            let text = "";
            for (const row of rows) {
              text += eventsOf(row, parts);
              parts = 0;
              n = row.n;
            }
            // A tick that is told of but not there yet would have this loop spin.
            if (rows.length === 0) newest = n;
            if (text !== "") {
              controller.enqueue(encoder.encode(text));
              return;
            }
          }
        } catch {
          // The agent was erased, or the runtime has stopped: what comes next says which.
          if (ended) return;
          end();
          controller.close();
        }
      },
      cancel() {
        end();
      },
    },
    { highWaterMark: 1 },
  );
}

/** The events of one row of the trajectory, without the first `skip` of its parts. */
function eventsOf(row: LogRow, skip: number): string {
  const { n, hash } = row;
  const record = JSON.parse(row.record) as TickRecord;
  const output: TickOutput = row.output === undefined ? {} : (JSON.parse(row.output) as TickOutput);
  const parts = [
    ...(output.logs ?? []).map((line) => ["log", line] as const),
    ...(output.events ?? []).map((event) => ["event", event] as const),
    ...(output.replies ?? []).map((reply) => ["reply", reply] as const),
  ];
  let text = "";
  parts.forEach(([name, data], i) => {
    if (i >= skip) text += sse(`${n - 1}.${i + 1}`, name, { n, at: record.at, ...data });
  });
  return text + sse(String(n), "tick", { hash, record });
}

function sse(id: string, name: string, data: unknown): string {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Reads an event's id. @throws INVALID for what is none */
export function streamPosition(text: string): StreamPosition {
  const match = /^(\d{1,15})(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) {
    throw new OpenAgentsError("INVALID", `Cannot resume stream: "${text}" is no id of an event`);
  }
  return { n: Number(match[1]), parts: Number(match[2] ?? 0) };
}
