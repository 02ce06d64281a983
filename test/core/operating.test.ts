import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { Runtime } from "../../src/index.ts";
import { TRANSITIONS } from "../../src/core/agent.ts";
import type { AgentStatus } from "../../src/core/agent.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeSigner, manualClock } from "../../src/testing/index.ts";
import { mortal } from "../backends/mortal.ts";
import { HOUR, START } from "./setting.ts";

/** Some of its ticks fail once, some hang until they are cut off, some are parked. */
const subject = defineAgent({
  name: "subject",
  state: { done: [] as string[] },
  retry: { retries: 4, backoff: "10s", maxBackoff: "1m", quarantineAfter: 99 },
  timeout: "10s",
  async onMessage(ctx, message) {
    const kind = Number(message.text) % 4;
    if (kind === 1 && (await ctx.step("try", () => ctx.now())) === ctx.now()) throw new Error("no");
    if (kind === 2 && ctx.state.done.length % 2 === 0) await new Promise(() => undefined);
    if (kind === 3) await ctx.sleep("5m");
    ctx.state.done.push(message.id);
  },
});

type Step =
  | { readonly do: "send" | "cancel" | "replay"; readonly id: number }
  | { readonly do: "pause" | "resume" | "cut" | "crash" | "wake" }
  | { readonly do: "wait"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("send" as const), id: fc.nat(9) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom("cancel" as const, "replay"), id: fc.nat(9) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("pause" as const, "resume", "cut", "crash", "wake"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(0, 1000, 60_000, 400_000),
    }),
  },
);

void test("however an agent is paused, resumed, cancelled and killed: no tick while it is paused, nothing lost", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      const disk = memoryStore();
      const clock = manualClock(START);
      const signer = {
        ...fakeSigner(),
        sign: async () => new Uint8Array(64),
        verify: () => false,
      };
      const definition = defineRuntime({
        agents: [subject],
        ensure: [{ name: "subject", type: "subject" }],
      });
      let life = mortal(disk);
      const boot = async (): Promise<Runtime> => {
        const made = createRuntime({ definition, store: life.store, signer, clock });
        await made.start();
        await clock.advance(0);
        return made;
      };
      let runtime = await boot();
      const accepted = new Set<string>();
      let before: AgentStatus = "live";
      // How far the record had come when the agent was known to be paused.
      let mark: number | undefined;
      const head = async (): Promise<number> => (await runtime.status("subject")).ticks;

      const pending: Promise<unknown>[] = [];
      for (const one of steps) {
        const calls = {
          send: async (id: number) => {
            const sent = await runtime.send("subject", { payload: String(id), id: `m${id}` });
            accepted.add(sent.id);
          },
          cancel: async (id: number) => {
            const { cancelled } = await runtime.cancel("subject", { trigger: `m${id}` });
            assert.equal(cancelled, `m${id}`);
            // Of one that is paused this is what its record has more.
            if (mark !== undefined) mark = await head();
          },
          replay: (id: number) => runtime.replay("subject", `m${id}`),
          pause: async () => {
            await runtime.pause("subject");
            mark ??= await head();
          },
          resume: async () => {
            mark = undefined;
            await runtime.resume("subject");
          },
          cut: () => runtime.cancel("subject"),
          wake: () => runtime.wake("subject"),
          crash: async () => {
            void life.die();
            disk.crash();
            life = mortal(disk);
            runtime = await boot();
          },
          wait: (ms: number) => clock.advance(ms),
        };
        const given = "id" in one ? one.id : "ms" in one ? one.ms : 0;
        const state = { over: false };
        const call = calls[one.do](given)
          .catch((error: { code?: string }) => {
            assert.ok(REFUSALS.has(error.code ?? ""), error.code);
          })
          .finally(() => (state.over = true));
        // What waits for a tick to end goes on, when time does.
        for (let i = 0; i < 5 && !state.over; i += 1) await clock.advance(100);
        if (!state.over && one.do !== "crash") pending.push(call);
        else await call;
        if (one.do === "crash") pending.length = 0;
        else {
          await clock.advance(120_000);
          await Promise.all(pending.splice(0));
        }
        const { status } = (await disk.get("subject"))!;
        assert.ok(
          status === before || TRANSITIONS[before].includes(status),
          `${before}, ${status}`,
        );
        before = status;
        if (mark !== undefined) {
          assert.equal(status, "paused");
          assert.equal(await head(), mark, "no tick while it is paused");
        }
      }
      await runtime.resume("subject");
      await clock.advance(HOUR);
      const done = (await runtime.state("subject"))["done"] as string[];
      const dead = await runtime.deadLetters("subject", 0, 99);
      const ends = [...done, ...dead.map(({ envelope }) => envelope.id)].toSorted();
      assert.deepEqual(ends, [...accepted].toSorted(), "each message has one end");
      assert.equal((await runtime.verify("subject")).ok, true);
      const { parked, queued } = await runtime.status("subject");
      assert.deepEqual([parked, queued], [[], 0]);
    }),
    { numRuns: Number(process.env["FC_RUNS"] ?? 30) },
  );
});

/** With which a call may be refused, given what the agent is at. */
const REFUSALS: ReadonlySet<string> = new Set(["NOT_FOUND", "BUSY", "CANCELLED"]);
