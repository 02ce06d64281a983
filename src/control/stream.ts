import type { Runtime } from "../core/runtime.ts";
import { openFeed } from "./agent-feed.ts";
import type { Batch, ReaderOptions } from "./feed-reader.ts";
import type { StreamEvent } from "./tick-events.ts";

export interface StreamOptions extends ReaderOptions {
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined;
  /** Asked, with the agent's id, before anything is sent: the stream ends when it says no. Default: it may. */
  readonly mayGoOn?: ((agent: string) => boolean | Promise<boolean>) | undefined;
  /** Between two comments that keep the connection open, ms. Default 15,000. */
  readonly heartbeat?: number | undefined;
}

const encoder = new TextEncoder();
/** The text of batches, which all who read an agent's stream share. */
const TEXTS = new WeakMap<Batch, Uint8Array>();

/**
 * An agent's life as server-sent events, see `EVENT_NAMES`. What happens inside a running tick comes at
 * once, from its start on also to who comes in the middle of it; its ids, `(n-1)~try.place`, say how much
 * of the try was told. The durable tick follows from the record: its parts, `(n-1).i`, without those
 * that were told while it ran, and last its `tick_end`, `n`. A client that resumes from any id misses
 * nothing, and gets each `tick_end` once. What is sent is read only as fast as the client takes it: a
 * slow client costs no memory.
 */
export async function tickStream(
  runtime: Runtime,
  ref: string,
  options: StreamOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  const { signal, heartbeat = 15_000, mayGoOn = () => true } = options;
  const { id } = await runtime.get(ref);
  const reader = await openFeed(runtime, id, options);
  const onAbort = (): void => reader.close();
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  const end = (): void => {
    signal?.removeEventListener("abort", onAbort);
    reader.close();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(": connected\n\n"));
      },
      async pull(controller) {
        try {
          const batches = await reader.next(heartbeat);
          if (reader.closed || !(await mayGoOn(id))) {
            end();
            controller.close();
          } else if (batches === undefined) controller.enqueue(encoder.encode(": heartbeat\n\n"));
          else for (const batch of batches) controller.enqueue(textOf(batch));
        } catch {
          // The agent was erased, or the runtime has stopped: what comes next says which.
          end();
          controller.close();
        }
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  );
}

function textOf(batch: Batch): Uint8Array {
  let text = TEXTS.get(batch);
  if (text === undefined) {
    text = encoder.encode(batch.map(sse).join(""));
    TEXTS.set(batch, text);
  }
  return text;
}

function sse({ id, event, data }: StreamEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;
}
