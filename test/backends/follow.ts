import { openFeed } from "../../src/control/agent-feed.ts";
import type { StreamEvent } from "../../src/control/tick-events.ts";
import type { Runtime } from "../../src/index.ts";

/** What is told of an agent from now on, as its stream has it. */
export async function* follow(runtime: Runtime, ref: string): AsyncIterable<StreamEvent> {
  const { id } = await runtime.get(ref);
  const reader = await openFeed(runtime, id);
  try {
    while (!reader.closed) {
      for (const batch of (await reader.next(1_000)) ?? []) yield* batch;
    }
  } finally {
    reader.close();
  }
}
