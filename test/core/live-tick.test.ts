import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { PartKind, StepPart } from "../../src/core/context.ts";
import { createRuntime } from "../../src/core/create-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { Followers } from "../../src/core/followers.ts";
import type { LiveEvent } from "../../src/core/followers.ts";
import type { LiveTick, RunningTick } from "../../src/core/live-tick.ts";
import type { Occasion } from "../../src/core/perceive.ts";
import { systemClock, systemRandom } from "../../src/core/system.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { memoryStore } from "../../src/stores/memory.ts";

const KEPT = 1_048_576;

function running(): { tick: LiveTick; told: LiveEvent[]; followers: Followers } {
  const followers = new Followers({ clock: systemClock, random: systemRandom }, () => {});
  const told: LiveEvent[] = [];
  followers.follow("one", (event) => told.push(event));
  const tick = followers.tickOf("one");
  const envelope = { id: "e", type: "message", from: "operator", source: "http" };
  tick.found(1, { envelope, attempt: 1 } as unknown as Occasion);
  return { tick, told, followers };
}

/** What a client has that heard these: by step and kind, each piece put where it says. */
function textsOf(events: readonly LiveEvent[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const event of events) {
    if (event.event !== "delta") continue;
    const { key, kind, offset, text } = event;
    if (kind === "void") for (const of of KINDS) texts.delete(`${key} ${of}`);
    else texts.set(`${key} ${kind}`, (texts.get(`${key} ${kind}`) ?? "").slice(0, offset) + text);
  }
  return texts;
}

const KINDS: readonly PartKind[] = ["text", "reasoning", "input"];

function* all(tick: RunningTick, from = 0, limit = 1000): Generator<LiveEvent> {
  for (let at = from; at < tick.end;) {
    for (const { end, event } of tick.read(at, limit)) {
      assert.ok(end > at);
      at = end;
      yield event;
    }
  }
}

void test("whoever comes at any place of a tick, and goes on from any other, has its text", () => {
  const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }));
  const part = fc.record({ kind: fc.constantFrom(...KINDS, "void" as const), text });
  const acts = fc.array(
    fc.oneof(
      fc.record({ key: fc.constantFrom("a", "b"), part }),
      fc.record({ ends: fc.constantFrom("a", "b"), replayed: fc.boolean() }),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(acts, fc.nat(), fc.integer({ min: 1, max: 400 }), (given, cut, limit) => {
      const { tick, told } = running();
      /** A client that takes now and then what there is, in pieces. */
      const heard: LiveEvent[] = [];
      let at = 0;
      for (const [i, act] of given.entries()) {
        if ("part" in act) tick.tell(act.key, act.part);
        else tick.step(act.ends, { key: act.ends, ms: 0, ...(act.replayed && { replayed: true }) });
        if ((i + cut) % 3 !== 0) continue;
        for (const { end, event } of tick.read(at, limit)) {
          heard.push(event);
          at = end;
        }
      }
      for (const key of ["a", "b"]) tick.step(key, { key, ms: 0 });
      heard.push(...all(tick, at, limit));
      const expected = textsOf(told);
      assert.deepEqual(textsOf(heard), expected);
      assert.deepEqual(textsOf([...all(tick, 0, limit)]), expected);
      for (const whole of expected.values()) assert.ok(whole.isWellFormed());
    }),
  );
});

void test("a character whose halves are told apart is told whole, and one without its other half is none", () => {
  const { tick, told } = running();
  tick.tell("a", { kind: "text", text: "x\ud83d" });
  tick.tell("a", { kind: "text", text: "\ude00y" });
  tick.tell("a", { kind: "text", text: "\ud83d" });
  tick.step("a", { key: "a", ms: 0 });
  const texts = told.flatMap((event) => (event.event === "delta" ? [event.text] : []));
  assert.deepEqual(texts, ["x", "😀y", "\ufffd"]);
});

void test("what is kept of a tick is bounded: deltas go first, the oldest before others", () => {
  const { tick, told } = running();
  tick.step("s");
  const piece = "0123456789".repeat(5000);
  for (let i = 0; i < 100; i += 1) tick.tell("s", { kind: "text", text: piece });
  tick.step("s", { key: "s", ms: 0 });
  const kept = [...all(tick)];
  assert.deepEqual(
    [kept[0]!.event, kept[1]!.event, kept.at(-1)!.event],
    ["tick_start", "step", "step"],
  );
  const sizes = kept.map((event) => (event.event === "delta" ? event.text.length : 0));
  const size = sizes.reduce((sum, length) => sum + length, 0);
  assert.ok(size <= KEPT && size > KEPT / 2, String(size));
  // The newest is there, and says that it is not all.
  const first = kept.find((event) => event.event === "delta")!;
  assert.equal(first.event === "delta" && first.offset + size, 100 * piece.length);
  assert.equal(tick.whole, true);
  // Those who listen have heard all of it.
  assert.equal([...textsOf(told).values()][0]!.length, 100 * piece.length);

  for (let i = 0; i < 20_000; i += 1) tick.step(`t${i}`, { key: `t${i}`, ms: 0 });
  assert.equal(tick.whole, false);
  const left = [...all(tick)];
  assert.equal(left[0]!.event, "tick_start");
  assert.ok(left.length < 10_000);
  assert.ok(left.every(({ event }) => event !== "delta"));
});

void test("a text of many small pieces is kept as few", () => {
  const { tick } = running();
  for (let i = 0; i < 50_000; i += 1) tick.tell("s", { kind: "text", text: "token " });
  assert.ok([...all(tick)].length < 30);
  assert.equal(textsOf([...all(tick)]).get("s text"), "token ".repeat(50_000));
});

void test("a tick is there while it runs, and each try has an id of its own", () => {
  const { tick, followers } = running();
  assert.equal(followers.running("one"), tick);
  assert.equal(followers.running("two"), undefined);
  const other = followers.tickOf("one");
  assert.equal(followers.running("one"), tick, "one that has nothing to act on is none");
  tick.close("lost");
  assert.equal(followers.running("one"), undefined);
  assert.equal(tick.stage, "lost");
  assert.notEqual(tick.id, other.id);
  assert.equal(tick.id, tick.id);
  const { end } = tick;
  tick.tell("s", { kind: "text", text: "late" });
  assert.equal(tick.end, end);
});

void test("ctx.step's tell is heard by who follows, wherever they come in, and is nothing after", async () => {
  const told = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let late: ((part: StepPart) => void) | undefined;
  const refused: unknown[] = [];
  const agent = defineAgent({
    name: "a",
    async onManual(ctx) {
      await ctx.step("write", async ({ tell }) => {
        late = tell;
        for (const bad of [undefined, {}, { kind: "text" }, { kind: "word", text: "" }]) {
          try {
            tell(bad as unknown as StepPart);
          } catch (error) {
            refused.push((error as { code?: unknown }).code);
          }
        }
        tell({ kind: "text", text: "one " });
        told.resolve();
        await goOn.promise;
        tell({ kind: "text", text: "two" });
      });
      late!({ kind: "text", text: "three" });
    },
  });
  const runtime = createRuntime({
    definition: defineRuntime({ agents: [agent], ensure: [{ name: "one", type: "a" }] }),
    store: memoryStore(),
    signer: derivedSigner(newMnemonic()),
  });
  await runtime.start();
  await runtime.settled();
  const { id } = await runtime.get("one");
  const ticked = runtime.tick("one");
  await told.promise;
  const tick = runtime.running(id)!;
  assert.equal([...textsOf([...all(tick)]).values()][0], "one ");
  const heard: LiveEvent[] = [];
  runtime.follow(id, (event) => heard.push(event));
  goOn.resolve();
  const record = await ticked;
  assert.deepEqual([tick.n, tick.stage], [record.n, "done"]);
  assert.equal(runtime.running(id), undefined);
  assert.equal([...textsOf([...all(tick)]).values()][0], "one two");
  const deltas = heard.filter(({ event }) => event === "delta");
  assert.partialDeepStrictEqual(deltas, [
    { key: "step:write#0", kind: "text", offset: 4, text: "two", n: record.n },
  ]);
  assert.equal(deltas.length, 1);
  assert.deepEqual(
    refused,
    Array.from({ length: 4 }, () => "INVALID"),
  );
  assert.ok(!JSON.stringify(record).includes("one two"));
  late!({ kind: "text", text: "four" });
  await runtime.stop(0);
});
