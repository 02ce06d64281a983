import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { memoryStore } from "../../src/stores/memory.ts";
import { Spending } from "../../src/vfs/budgets.ts";
import { errno, fileHome } from "./home.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const desk = { path: "/fs/desk", kind: "scratch", source: "" } as const;
const budget = { writes: 2, per: 3_600_000 } as const;
const small = { mounts: [{ ...desk, access: "budgeted", budget }] } as const;
const file = "meta/budgets/%2Ffs%2Fdesk";

/** A spend in each of these waits, ms, some of which begin a new process; the times of what was let through. */
function spendings(
  waits: readonly (readonly [number, boolean])[],
  { writes, per }: { readonly writes: number; readonly per: number },
): { readonly done: readonly number[]; readonly refused: readonly number[] } {
  let spending = new Spending();
  let stored: string | undefined;
  let now = 1_000;
  const [done, refused]: [number[], number[]] = [[], []];
  for (const [wait, anew] of waits) {
    now += wait;
    if (anew) spending = new Spending();
    try {
      stored = spending.take("/fs/x", { writes, per }, { now, stored });
      done.push(now);
    } catch (error) {
      errno("EDQUOT")(error);
      refused.push(now);
    }
  }
  return { done, refused };
}

void test("a budget lets through no more in any stretch of time, and is back soon after it", () => {
  const waits = fc.array(fc.tuple(fc.nat(300), fc.boolean()), { maxLength: 100 });
  const some = fc.record({ writes: fc.nat(5), per: fc.integer({ min: 1, max: 1_000 }) });
  fc.assert(
    fc.property(waits, some, (waits, budget) => {
      const { done, refused } = spendings(waits, budget);
      const { writes, per } = budget;
      for (const from of done) {
        assert.ok(done.filter((at) => at >= from && at < from + per).length <= writes);
      }
      for (const at of refused) {
        const longer = per + Math.ceil(per / 64);
        assert.ok(done.filter((one) => one <= at && one > at - longer).length >= writes);
      }
    }),
  );
});

void test("what is known of a budget stays small, however much is written", () => {
  const spending = new Spending();
  let stored = "[]";
  for (let now = 0; now < 10_000; now += 1) {
    stored = spending.take("/fs/x", { writes: 1_000_000, per: 1_000 }, { now, stored });
  }
  assert.ok((JSON.parse(stored) as unknown[]).length <= 66, stored);
});

void test("a budget that ticks have used up is used up when the home starts again", async () => {
  const store = memoryStore();
  const first = await fileHome({ store, agent: small });
  await first.tick(({ fs }) => fs.write("/fs/desk/a", "1"));
  // It is said in the record that it was written, and so nobody can change it.
  const { wrote } = await first.tick(({ fs }) => fs.write("/fs/desk/a", "2"));
  assert.ok(wrote?.[file] !== undefined, JSON.stringify(wrote));
  const again = await fileHome({ store, agent: small });
  await assert.rejects(
    again.files.write("/fs/desk/a", bytes("3")),
    errno("EDQUOT", /2 writes in 1h/),
  );
  const record = await again.tick(({ fs }) => fs.write("/fs/desk/a", "3"));
  assert.equal(record.error?.code, "RATE_LIMITED");
  assert.equal((await again.runtime.verify("ada")).ok, true);
  await again.clock.advance(3_700_000);
  assert.equal((await again.tick(({ fs }) => fs.write("/fs/desk/a", "3"))).outcome, "done");
});

void test("a budget is used up by ticks that fail and ticks that wait, also when the home starts again", async () => {
  for (const end of ["fail", "fail and try again", "wait", "fail and be done"] as const) {
    const store = memoryStore();
    const agent = {
      ...small,
      ...(end === "fail and try again" && {
        retry: { retries: 3, backoff: "1d", maxBackoff: "1d" },
      }),
      ...(end === "fail and be done" && { onError: () => undefined }),
    };
    const first = await fileHome({ store, agent });
    await first.tick(async (ctx) => {
      await ctx.fs.write("/fs/desk/a", "1");
      await ctx.fs.write("/fs/desk/b", "2");
      if (end === "wait") await ctx.sleep("1d");
      throw new Error("told to");
    });
    const again = await fileHome({ store, agent });
    await assert.rejects(again.files.write("/fs/desk/a", bytes("3")), errno("EDQUOT"), end);
    assert.equal((await again.runtime.verify("ada")).ok, true);
  }
});

void test("a budget that is lowered is not full again", async () => {
  const { tick } = await fileHome({ agent: small });
  const record = await tick(async ({ fs }) => {
    await fs.write("/fs/desk/a", "1");
    await fs.write("/fs/desk/a", "2");
    for (const lower of ["1/1h", "1/2h"]) {
      await fs.write("/mounts", `access /fs/desk budgeted:${lower}`);
      await assert.rejects(fs.write("/fs/desk/a", "3"), errno("EDQUOT"));
    }
  });
  assert.equal(record.outcome, "done", JSON.stringify(record.error));
});

void test("what was spent of a mount goes with it, in the same change", async () => {
  const { tick, write, store, runtime } = await fileHome({ agent: small });
  const { id } = await runtime.get("ada");
  const kept = async (): Promise<unknown> => (await store.read(id, [file]))[0];
  await tick(({ fs }) => fs.write("/fs/desk/a", "1"));
  assert.notEqual(await kept(), undefined);
  await write("/mounts", "unmount /fs/desk");
  assert.equal(await kept(), undefined);
  const { lastTick } = await runtime.status("ada");
  assert.ok(lastTick?.removed?.includes(file), JSON.stringify(lastTick));
  assert.equal((await runtime.verify("ada")).ok, true);
});
