import assert from "node:assert/strict";
import { test } from "node:test";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { lockedSigner } from "../../src/identity/locked-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import type { AgentOptions, Context } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { spender } from "./spender.ts";

void test("a tick that is cut off in the middle of an answer pays for what came of it", async () => {
  const { runtime, clock, settle, spent } = await spender(
    () => ({ text: "x".repeat(400), chunk: 400, fault: { kind: "stall", after: 1 } }),
    { timeout: "10s", retry: { retries: 0 } },
  );
  await runtime.send("a", { payload: "Hi" });
  await settle();
  await clock.advance(10_000);
  await settle();
  const { outcome, error, steps } = (await runtime.status("a")).lastTick!;
  assert.deepEqual([outcome, error!.code], ["failed", "TIMEOUT"]);
  const { total } = (await spent())!;
  assert.ok(total.tokens >= 100, `${total.tokens} tokens`);
  assert.equal(steps![0]!.used!.tokens, total.tokens);
});

void test("a step that does not end with its tick pays for what it said until then, and for what it says later", async () => {
  let say: ((use: { tokens: number; usd: number }) => void) | undefined;
  let hangs = true;
  const { runtime, clock, settle, spent } = await spender([], {
    timeout: "10s",
    retry: { retries: 0 },
    onMessage: (ctx: Context) =>
      ctx.step("deaf", ({ used }) => {
        used({ tokens: 7, usd: 1 });
        say = used;
        return hangs ? new Promise<void>(() => undefined) : undefined;
      }),
  });
  await runtime.send("a", { payload: "Hi" });
  await settle();
  await clock.advance(10_000);
  await clock.advance(10_000);
  await settle();
  const { error, steps } = (await runtime.status("a")).lastTick!;
  assert.equal(error!.code, "TIMEOUT");
  assert.deepEqual([steps![0]!.used, steps![0]!.error!.code], [{ tokens: 7, usd: 1 }, "TIMEOUT"]);
  assert.deepEqual((await spent())!.total, { tokens: 7, usd: 1 });
  say!({ tokens: 5, usd: 2 });
  hangs = false;
  await runtime.send("a", { payload: "Hi" });
  await settle();
  assert.deepEqual((await spent())!.total, { tokens: 19, usd: 4 });
});

void test("what a tick spends that leaves no trace counts with the next one, and once", async () => {
  const mnemonic = newMnemonic();
  const store = memoryStore();
  const options: Partial<AgentOptions> = {
    async onMessage(ctx: Context) {
      await ctx.step("kept", ({ used }) => used({ tokens: 100, usd: 10 }));
      const lost = ctx.step("lost", ({ used }) => {
        used({ tokens: 7, usd: 1 });
        throw new Error("Broken");
      });
      await lost.catch(() => undefined);
      await ctx.identity.sign("ab".repeat(32));
    },
  };
  await spender([], options, { store, signer: derivedSigner(mnemonic) });
  store.crash();
  const locked = lockedSigner(() => Promise.resolve(derivedSigner(mnemonic)));
  const { runtime, settle, spent } = await spender([], options, { store, signer: locked });
  await runtime.send("a", { payload: "Hi" });
  await settle();
  assert.equal(await spent(), undefined, "the tick waits");
  await runtime.unlock("any");
  await settle();
  assert.equal((await runtime.status("a")).lastTick!.outcome, "done");
  assert.deepEqual((await spent())!.total, { tokens: 114, usd: 12 });
});

void test("calls beside each other cannot pass the budget by trying again", async () => {
  const { runtime, settle, spent, model } = await spender(
    () => ({ text: "x".repeat(1200), chunk: 1200, fault: { kind: "disconnect", after: 1 } }),
    {
      budget: { perDay: { tokens: 700 } },
      retry: { retries: 0 },
      async onMessage(ctx: Context) {
        const asked = [1, 2].map((n) =>
          ctx.model.generate({ prompt: "x", name: `m${n}`, maxOutputTokens: 300 }),
        );
        for (const one of await Promise.allSettled(asked)) {
          assert.equal(
            one.status === "rejected" && (one.reason as { code: string }).code,
            "BUDGET",
          );
        }
      },
    },
  );
  await runtime.send("a", { payload: "Hi" });
  await settle();
  // The worst of each is some more than 300 tokens, and so much is lost in each try.
  const { total } = (await spent())!;
  assert.ok(total.tokens > 300 && total.tokens <= 700, `${total.tokens} tokens`);
  assert.equal(model.calls.length, 2);
});
