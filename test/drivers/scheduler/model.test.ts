import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { HomeFiles, Sink } from "../../../src/core/ports/index.ts";
import { scheduler } from "../../../src/drivers/scheduler.ts";
import type { NewSchedule, Scheduler } from "../../../src/drivers/scheduler.ts";
import { memoryHomeFiles } from "../../../src/stores/memory.ts";
import { inbox } from "./setting.ts";

const START = Date.UTC(2026, 2, 2, 8);

type Kind =
  | { readonly every: number }
  /** Each so many minutes of the hour. */
  | { readonly minutes: number }
  | { readonly in: number };

type Step =
  | { readonly do: "create"; readonly kind: Kind; readonly missed: "skip" | "once" | "all" }
  | { readonly do: "pass"; readonly ms: number }
  /** The home dies at one of the next calls to files or agents, before or after it is done, for a while. */
  | { readonly do: "crash"; readonly calls: number; readonly done: boolean; readonly ms: number }
  /** So many calls to agents fail, or say for the last envelope that its agent is busy. */
  | { readonly do: "fail"; readonly calls: number; readonly how: "before" | "after" | "busy" };

const kind: fc.Arbitrary<Kind> = fc.oneof(
  fc.record({ every: fc.integer({ min: 20_000, max: 900_000 }) }),
  fc.record({ minutes: fc.constantFrom(1, 5, 20, 60) }),
  fc.record({ in: fc.integer({ min: 0, max: 1_800_000 }) }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("create" as const),
    kind,
    missed: fc.constantFrom("skip" as const, "once" as const, "all" as const),
  }),
  fc.record({
    do: fc.constant("pass" as const),
    ms: fc.oneof(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 4_000_000 })),
  }),
  fc.record({
    do: fc.constant("crash" as const),
    calls: fc.integer({ min: 0, max: 12 }),
    done: fc.boolean(),
    ms: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2_000_000 })),
  }),
  fc.record({
    do: fc.constant("fail" as const),
    calls: fc.integer({ min: 1, max: 4 }),
    how: fc.constantFrom("before" as const, "after" as const, "busy" as const),
  }),
);

class Crash extends Error {}

void test("whatever crashes or fails, each due time fires once with all, is counted once with once, and never twice", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const files = memoryHomeFiles();
      const box = inbox();
      let now = START;
      // A home dies at a call, and whatever it does after that is in vain.
      let fuse: { calls: number; done: boolean; ms: number } | undefined;
      let life = { dead: false };
      let failing: { calls: number; how: "before" | "after" | "busy" } | undefined;
      const deliver: Sink = async (mail) => {
        if (failing === undefined || failing.calls-- === 0) {
          failing = undefined;
          return box.deliver(mail);
        }
        if (failing.how === "before") throw new Error("not there");
        if (failing.how === "after") {
          await box.deliver(mail);
          throw new Error("lost");
        }
        return [...(await box.deliver(mail.slice(0, -1))), "busy"];
      };
      const through = async <T>(mine: { dead: boolean }, call: () => Promise<T>): Promise<T> => {
        if (mine.dead) throw new Crash();
        if (fuse === undefined || fuse.calls-- > 0) return call();
        const { done, ms } = fuse;
        fuse = undefined;
        mine.dead = true;
        if (done) await call();
        now += ms;
        throw new Crash();
      };
      const born = (): Scheduler => {
        const mine = (life = { dead: false });
        const wrapped: HomeFiles = {
          read: (path) => through(mine, () => files.read(path)),
          list: (query) => through(mine, () => files.list(query)),
          write: (change) => through(mine, () => files.write(change)),
          close: async () => undefined,
        };
        return scheduler({
          files: wrapped,
          clock: { now: () => now, after: () => () => undefined },
          deliver: (mail) => through(mine, () => deliver(mail)),
        });
      };
      let home = born();
      /** Does something until a home lives through it. */
      const surviving = async (work: () => Promise<unknown>): Promise<void> => {
        for (;;) {
          try {
            await work();
            assert.equal(life.dead, false, "one that died says so");
            return;
          } catch (error) {
            if (!life.dead) throw error;
            home = born();
          }
        }
      };

      const made: { id: string; kind: Kind; missed: string }[] = [];
      for (const one of steps) {
        if (one.do === "crash") fuse = { ...one };
        if (one.do === "fail") failing = { ...one };
        if (one.do === "pass") {
          now += one.ms;
          await surviving(() => home.takeUp(now));
        }
        if (one.do !== "create") continue;
        const id = `s${made.length}`;
        made.push({ id, kind: one.kind, missed: one.missed });
        await surviving(() =>
          home
            .create({ id, agent: "a", missed: one.missed, ...timingOf(one.kind, now) })
            .catch((error: unknown) => {
              // It was there when the home died.
              if ((error as { code?: unknown }).code !== "EXISTS") throw error;
            }),
        );
      }
      fuse = undefined;
      failing = undefined;
      // What was put off is tried again by then.
      now += 300_000;
      await surviving(() => home.takeUp(now));

      for (const { id, kind, missed } of made) {
        const stored = await home.get(id);
        const since = stored.createdAt;
        const all = timesOf(kind, since, now);
        const fired = box.mail.filter(({ headers }) => headers!["schedule"] === id);
        const due = fired.map(({ headers }) => Date.parse(headers!["schedule-due"]!));
        const what = `${id}: ${JSON.stringify(kind)}, ${missed}`;
        assert.deepEqual(
          due,
          due.toSorted((a, b) => a - b),
          `${what} in order`,
        );
        assert.deepEqual(
          due.filter((at) => !all.includes(at)),
          [],
          `${what} at its times`,
        );
        assert.equal(new Set(due).size, due.length, `${what} at most once each`);
        if (missed === "all") assert.deepEqual(due, all, what);
        const missing = fired.map(({ headers }) => Number(headers!["schedule-missed"] ?? 0));
        const counted = missing.reduce((sum, count) => sum + count, fired.length);
        if (missed === "once") assert.equal(counted, all.length, `${what}: each counted once`);
        // One that came, of which that is not known, and is too late now to be tried again, is not counted.
        const known = missed === "skip" ? Math.min(stored.fired, fired.length) : fired.length;
        assert.equal(stored.fired, known, `${what}: how often`);
        const next = timesOf(kind, since, now + 4_000_000).find((at) => at > now);
        assert.equal(stored.due, next, `${what}: next`);
        assert.equal(stored.status, next === undefined ? "done" : "active");
      }
    }),
    { numRuns: Number(process.env["FC_RUNS"] ?? 300) },
  );
});

function timingOf(kind: Kind, now: number): Pick<NewSchedule, "every" | "cron" | "at"> {
  if ("every" in kind) return { every: kind.every };
  if ("in" in kind) return { at: now + kind.in };
  return { cron: kind.minutes === 60 ? "0 * * * *" : `*/${kind.minutes} * * * *` };
}

/** The times of a schedule that was made at `since`, up to `until`, reckoned another way. */
function timesOf(kind: Kind, since: number, until: number): readonly number[] {
  const times: number[] = [];
  if ("in" in kind) return since + kind.in <= until ? [since + kind.in] : [];
  if ("every" in kind) {
    for (let at = since + kind.every; at <= until; at += kind.every) times.push(at);
    return times;
  }
  const step = kind.minutes * 60_000;
  for (let at = Math.ceil(since / step) * step; at <= until; at += step) times.push(at);
  return times;
}
