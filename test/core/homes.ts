import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentDefinition, Forwarder, Runtime, Signer } from "../../src/index.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { mortal } from "../backends/mortal.ts";
import type { MemoryStore } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import type { ManualClock } from "../../src/testing/index.ts";

export const START = Date.UTC(2026, 5, 1, 12);

/** One home of agents in memory, in a time that a test moves on. */
export interface TestHome {
  readonly url: string;
  readonly store: MemoryStore;
  readonly signer: Signer;
  runtime: Runtime;
  /** A crash: what was not durable is gone, and a new runtime is on the rest. */
  crash(): Promise<void>;
}

export interface Homes {
  readonly clock: ManualClock;
  readonly homes: readonly TestHome[];
}

/** Keeps what it is told, asks others, sets alarms, fails: all that a move has to carry. */
export const traveller: AgentDefinition = defineAgent({
  name: "traveller",
  state: { got: [] as string[], fired: [] as string[], answers: [] as unknown[] },
  retry: { retries: 3, backoff: "1m" },
  async onMessage(ctx, message) {
    const [verb = "", rest = ""] = message.text.split(" ");
    if (verb === "alarm") ctx.schedule({ in: rest }, null, { id: "bell" });
    else if (verb === "ask") {
      const mark = await ctx.step("mark", () => `${message.id} marked`);
      ctx.state.answers.push(mark, await ctx.request(rest, "well?", { timeout: "10d" }));
    } else if (verb === "fail") throw new Error("told to");
    else ctx.state.got.push(message.text);
    await ctx.reply(ctx.state.got.length);
  },
  onAlarm: (ctx, alarm) => void ctx.state.fired.push(alarm.alarmId),
});

/** Answers when it is told to. */
export const oracle: AgentDefinition = defineAgent({
  name: "oracle",
  state: { asked: "" },
  async onMessage(ctx, message) {
    await ctx.sleep("1h");
    await ctx.reply(`answer to ${message.text}`);
  },
});

/** Homes that can reach one another by their addresses, as over HTTP. */
export async function homes(
  count: number,
  agents: readonly AgentDefinition[] = [traveller, oracle],
): Promise<Homes> {
  const clock = manualClock(START);
  const all: TestHome[] = [];
  const forwarder: Forwarder = {
    async forward({ url, agent, ticket, hops }, mail) {
      const home = all.find((one) => one.url === url);
      if (home === undefined) throw new Error(`Nobody is at ${url}`);
      if (!(await home.runtime.admits(agent, ticket))) return mail.map(() => "moved" as const);
      return home.runtime.deliver(mail, hops);
    },
  };
  for (let i = 0; i < count; i += 1) {
    const store = memoryStore();
    const signer = derivedSigner(newMnemonic());
    let life = mortal(store);
    const boot = async (): Promise<Runtime> => {
      const definition = defineRuntime({ agents });
      const runtime = createRuntime({ definition, store: life.store, signer, clock, forwarder });
      await runtime.start();
      await clock.advance(0);
      return runtime;
    };
    const home: TestHome = {
      url: `http://home-${i}.test`,
      store,
      signer,
      runtime: await boot(),
      async crash() {
        void life.die();
        store.crash();
        life = mortal(store);
        home.runtime = await boot();
      },
    };
    all.push(home);
  }
  return { clock, homes: all };
}

/** All the bytes of a bundle. */
export async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Bytes as a stream, in pieces of this size. */
export function streamOf(bytes: Uint8Array, piece = 65_536): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + piece));
      at += piece;
      return undefined;
    },
  });
}
