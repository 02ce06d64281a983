import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Replay } from "../../src/core/replay.ts";
import type { Ask, Known } from "../../src/core/replay.ts";

const known = (key: string, at: number | undefined, kind: Known["kind"] = "done"): Known => ({
  key,
  at,
  code: at === undefined ? undefined : "old",
  kind,
});

/** Which of what is asked for may go on by now. */
async function gone(asks: readonly Ask[]): Promise<readonly string[]> {
  const free = new Set(asks.filter(({ turn }) => turn === undefined).map(({ key }) => key));
  for (const { key, turn } of asks)
    void turn?.then(
      () => free.add(key),
      () => undefined,
    );
  await new Promise((resolve) => setImmediate(resolve));
  return asks.map(({ key }) => key).filter((key) => free.has(key));
}

void test("Replay gives what is new the places that are free", () => {
  const replay = new Replay([known("a", 0), known("c", 2)], false);
  const places = ["a", "new", "c", "more"].map((key) => replay.ask(key).at);
  assert.deepEqual(places, [0, 1, 2, 3]);
  assert.equal(replay.mismatch(), undefined);
});

void test("Replay lets nothing that is new go on before all that is known was asked for", async () => {
  const replay = new Replay([known("a", 0), known("b", 1)], true);
  const asks = [replay.ask("a"), replay.ask("z")];
  assert.deepEqual(await gone(asks), ["a"]);
  assert.deepEqual(replay.mismatch(), { asked: "z", journaled: "b" });
  // Another branch of the hook asks for it after all.
  asks.push(replay.ask("b"));
  assert.deepEqual(await gone(asks), ["a", "z", "b"]);
  assert.equal(replay.mismatch(), undefined);
});

void test("Replay finds that the same is asked for in another order", async () => {
  const replay = new Replay([known("x#0", 0), known("y", 1), known("x#1", 2)], true);
  const asks = [replay.ask("x#0"), replay.ask("x#1")];
  assert.deepEqual(await gone(asks), ["x#0"]);
  assert.deepEqual(replay.mismatch(), { asked: "x#1", journaled: "y" });
});

void test("Replay finds that less is asked for, but for what had failed", () => {
  const replay = new Replay([known("a", 0), known("b", 1), known("f", 2, "again")], true);
  replay.ask("a");
  assert.deepEqual(
    [replay.unfinished, replay.mismatch()],
    [true, { asked: undefined, journaled: "b" }],
  );
  replay.ask("b");
  assert.deepEqual([replay.unfinished, replay.mismatch()], [false, undefined]);
});

void test("Replay lets what failed before be done anew in its place, and nothing else there", async () => {
  const failed = [known("f", 0, "again"), known("b", 1)];
  const same = new Replay(failed, true);
  assert.deepEqual(await gone([same.ask("f")]), ["f"]);
  const other = new Replay(failed, true);
  assert.deepEqual(await gone([other.ask("g")]), []);
  assert.deepEqual(other.mismatch(), { asked: "g", journaled: "f" });
});

void test("Replay goes by what is waited for as by what is done", async () => {
  const replay = new Replay([known("wait", 0, "waiting"), known("b", 1)], true);
  const asks = [replay.ask("b")];
  assert.deepEqual(await gone(asks), []);
  assert.deepEqual(replay.mismatch(), { asked: "b", journaled: "wait" });
  replay.end(() => new Error("over"));
  await assert.rejects(asks[0]!.turn!, /over/);
});

void test("Replay takes what an older release has journaled without a place, where it fits", async () => {
  const replay = new Replay([known("old", undefined), known("b", 1)], true);
  assert.deepEqual(await gone([replay.ask("old"), replay.ask("b")]), ["old", "b"]);
  const without = new Replay([known("old", undefined), known("b", 1)], true);
  assert.deepEqual(await gone([without.ask("b")]), []);
});

void test("Replay lets all go on for any order in which branches ask, whatever was finished", async () => {
  // Branches are chains: what is next in one is asked for once the one before may go on.
  const chains = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
  const property = fc.asyncProperty(
    chains,
    fc.infiniteStream(fc.nat(99)),
    async (lengths, chance) => {
      const pick = (n: number): number => chance.next().value! % n;
      const run = async (replay: Replay, stop: number): Promise<Ask[]> => {
        const asked: Ask[] = [];
        const branches = lengths.map((length, branch) => ({ branch, length, next: 0, free: true }));
        while (asked.length < stop) {
          const able = branches.filter(({ free, next, length }) => free && next < length);
          const one = able[pick(able.length || 1)];
          if (one === undefined) {
            // Those whose turn has come are told so at the end of this one.
            await new Promise((resolve) => setImmediate(resolve));
            if (branches.some(({ free, next, length }) => free && next < length)) continue;
            break;
          }
          const ask = replay.ask(`${one.branch}.${one.next++}`);
          asked.push(ask);
          one.free = ask.turn === undefined;
          void ask.turn?.then(() => (one.free = true));
          if (!one.free || pick(2) === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        return asked;
      };
      const total = lengths.reduce((sum, length) => sum + length, 0);
      const before = await run(new Replay([], false), pick(total + 1));
      // What is last in a branch may be unfinished.
      const lasts = new Set(
        lengths.map((_, i) => before.findLast(({ key }) => key.startsWith(`${i}.`))),
      );
      const stored = before.filter((ask) => !lasts.has(ask) || pick(2) === 0);
      const replay = new Replay(
        stored.map(({ key, at }) => known(key, at)),
        true,
      );
      const after = await run(replay, total);
      assert.equal(after.length, total);
      assert.equal(replay.mismatch(), undefined);
    },
  );
  await fc.assert(property, { numRuns: 300 });
});
