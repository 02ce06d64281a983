import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { startLocal } from "../../src/backends/local.ts";
import { openFeed } from "../../src/control/agent-feed.ts";
import { agentSocket } from "../../src/control/agent-socket.ts";
import type { FeedReader } from "../../src/control/feed-reader.ts";
import { streamPosition } from "../../src/control/stream-position.ts";
import type { StreamEvent } from "../../src/control/tick-events.ts";
import type { StepPart } from "../../src/core/context.ts";
import { createRuntime } from "../../src/core/create-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { memoryStore } from "../../src/stores/memory.ts";

type Act = (part: StepPart | undefined) => void;

/** An agent of which each message has one step, that the test acts in. */
function written() {
  let begun = Promise.withResolvers<Act>();
  const agent = defineAgent({
    name: "writer",
    onMessage: (ctx) =>
      ctx.step("write", async ({ tell }) => {
        const over = Promise.withResolvers<void>();
        begun.resolve((part) => (part === undefined ? over.resolve() : tell(part)));
        await over.promise;
      }),
  });
  return {
    definition: defineRuntime({ agents: [agent], ensure: [{ name: "w", type: "writer" }] }),
    begin: async (runtime: Runtime): Promise<Act> => {
      begun = Promise.withResolvers();
      await runtime.send("w", { payload: "go" });
      return begun.promise;
    },
  };
}

/** A client that appends what it gets to the text of the tick that it is told of. */
class Naive {
  /** What it has of each tick. */
  readonly texts = new Map<number, string>();
  readonly ends: number[] = [];
  last = "1";

  hear({ id, event, data }: Pick<StreamEvent, "id" | "event" | "data">): void {
    this.last = id;
    const { n, ...more } = JSON.parse(data) as { n: number } & Partial<StepPart>;
    if (event === "tick_start") this.texts.set(n, "");
    if (event === "tick_end") this.ends.push(n);
    if (event !== "delta") return;
    this.texts.set(n, more.kind === "void" ? "" : (this.texts.get(n) ?? "") + more.text!);
  }
}

void test("any clients that come, read, lag and go have a beginning of the text, and each tick once", async () => {
  const { definition, begin } = written();
  const signer = derivedSigner(newMnemonic());
  const runtime = createRuntime({ definition, store: memoryStore(), signer });
  await runtime.start();
  await runtime.settled();
  const { id } = await runtime.get("w");
  const client = fc.nat({ max: 2 });
  const acts = fc.array(
    fc.oneof(
      { arbitrary: fc.record({ tell: fc.string({ unit: "grapheme" }) }), weight: 4 },
      { arbitrary: fc.record({ reads: client }), weight: 5 },
      { arbitrary: fc.record({ leaves: client }), weight: 2 },
      { arbitrary: fc.constant({ void: true } as const), weight: 1 },
      { arbitrary: fc.constant({ ends: true } as const), weight: 1 },
    ),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(acts, async (given) => {
      const { ticks: before } = await runtime.status("w");
      const clients = Array.from({ length: 3 }, () => new Naive());
      const readers: (FeedReader | undefined)[] = [];
      const texts = new Map<number, string>();
      let n = before + 1;
      let act = await begin(runtime);
      texts.set(n, "");
      const read = async (i: number): Promise<void> => {
        const one = clients[i]!;
        if (one.last === "1") one.last = String(before);
        const reader = (readers[i] ??= await openFeed(runtime, id, {
          from: streamPosition(one.last),
        }));
        for (const event of ((await reader.next(0)) ?? []).flat()) one.hear(event);
        for (const [tick, text] of one.texts)
          assert.ok(texts.get(tick)!.startsWith(text) || tick === n);
      };
      for (const one of given) {
        if ("tell" in one) {
          act({ kind: "text", text: one.tell });
          texts.set(n, texts.get(n)! + one.tell);
        } else if ("void" in one) {
          act({ kind: "void", text: "" });
          texts.set(n, "");
        } else if ("reads" in one) await read(one.reads);
        else if ("leaves" in one) {
          readers[one.leaves]?.close();
          readers[one.leaves] = undefined;
        } else {
          act(undefined);
          await runtime.settled();
          n += 1;
          act = await begin(runtime);
          texts.set(n, "");
        }
      }
      // Whoever is there while the tick runs has all of it.
      for (const [i, one] of clients.entries()) {
        do await read(i);
        while (one.texts.get(n) !== texts.get(n));
      }
      act(undefined);
      await runtime.settled();
      for (const [i, one] of clients.entries()) {
        while (one.ends.at(-1) !== n) await read(i);
        assert.equal(one.texts.get(n), texts.get(n));
        assert.deepEqual(
          one.ends,
          Array.from({ length: n - before }, (_, j) => before + 1 + j),
        );
        readers[i]?.close();
      }
    }),
    { numRuns: 60 },
  );
  await runtime.stop(0);
});

void test("agentSocket() has exactly the text of a tick over connections that are lost in it", async (t) => {
  const data = mkdtempSync(join(tmpdir(), "openagents-deltas-"));
  const { definition, begin } = written();
  const home = await startLocal({ definition, data, port: 0 });
  t.after(async () => {
    await home.stop(0);
    rmSync(data, { recursive: true, force: true });
  });
  await home.runtime.settled();
  const client = new Naive();
  const sockets: WebSocket[] = [];
  let told = (): void => {};
  const socket = agentSocket({
    url: home.url,
    token: home.token,
    agent: "w",
    after: "1",
    longestPause: 1,
    onEvent: ({ id, event, data: of }) => {
      client.hear({ id, event, data: JSON.stringify(of) });
      told();
    },
    WebSocket: class extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        sockets.push(this);
      }
    },
  });
  const act = await begin(home.runtime);
  let text = "";
  for (let i = 0; i < 10; i += 1) {
    // Some of it is told while there is no connection.
    for (const word of [`${i}, `, "more, ", "ünd 😀 "]) {
      act({ kind: "text", text: word });
      text += word;
      if (word === "more, ") sockets.at(-1)!.close();
    }
    while (client.texts.get(2) !== text) await new Promise<void>((resolve) => (told = resolve));
  }
  act(undefined);
  while (client.ends.length === 0) await new Promise<void>((resolve) => (told = resolve));
  assert.equal(client.texts.get(2), text);
  assert.deepEqual(client.ends, [2]);
  assert.ok(sockets.length > 5);
  socket.close();
});
