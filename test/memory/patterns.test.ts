import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { LearnedPattern } from "../../src/core/ports/memory.ts";
import { remembering } from "./remembering.ts";

const DAY = 24 * 3_600_000;

void test("what is learned fades, is reinforced and weakened, and goes when it is too little", async () => {
  const { memory, advance, now, commit } = remembering();
  const { patterns } = memory;
  const learned = await patterns.learn({ text: "Trains are late", source: "bob" });
  assert.deepEqual(learned, {
    id: learned.id,
    text: "Trains are late",
    source: "bob",
    confidence: 0.5,
    createdAt: now(),
    updatedAt: now(),
  });
  await commit();
  advance(30 * DAY);
  assert.equal((await patterns.get(learned.id))?.confidence, 0.25);
  assert.equal((await patterns.reinforce(learned.id)).confidence, 0.4);
  assert.equal((await patterns.weaken(learned.id))?.confidence, 0.2);
  // Said again, in other case and spaces, it is the same; the surer of the two counts.
  const again = await patterns.learn({ text: " trains  are LATE", confidence: 0.9 });
  assert.deepEqual([again.id, again.confidence, again.text], [learned.id, 0.9, "Trains are late"]);
  advance(120 * DAY);
  assert.equal((await patterns.get(learned.id))?.confidence, 0.056);
  assert.equal(await patterns.weaken(learned.id), undefined);
  assert.equal(await patterns.get(learned.id), undefined);
  assert.deepEqual(await patterns.list(), []);
  await assert.rejects(patterns.weaken(learned.id), { code: "NOT_FOUND" });
  await assert.rejects(patterns.reinforce("../x"), { code: "NOT_FOUND" });
  await patterns.forget(learned.id);
});

void test("find() gives those with most of the words, the surest first", async () => {
  const { memory } = remembering();
  const { patterns } = memory;
  const texts = async (words: string, limit?: number): Promise<string[]> =>
    (await patterns.find(words, { limit })).map(({ text }) => text);
  await patterns.learn({ text: "The harbour closes at nine", confidence: 0.9 });
  await patterns.learn({ text: "The harbour is cold", confidence: 0.6 });
  await patterns.learn({ text: "Café prices rise", confidence: 0.3, source: "harbour news" });
  assert.deepEqual(await texts("When does the HARBOUR close?"), [
    "The harbour closes at nine",
    "The harbour is cold",
    "Café prices rise",
  ]);
  assert.deepEqual(await texts("cold harbour", 1), ["The harbour is cold"]);
  assert.deepEqual(await texts("cafe"), ["Café prices rise"]);
  assert.deepEqual(await texts("pri*"), ["Café prices rise"]);
  assert.deepEqual(await texts("nothing"), []);
  assert.deepEqual(await texts(""), []);
});

void test("what has faded goes first when there are too many, and then the least sure", async () => {
  const { memory, advance, commit, files } = remembering({ patterns: 3 });
  const { patterns } = memory;
  const learn = (text: string, confidence: number): Promise<unknown> =>
    patterns.learn({ text, confidence });
  const texts = async (): Promise<string[]> =>
    (await patterns.list()).map(({ text }) => text).toSorted();
  await learn("a", 0.06);
  await learn("b", 0.9);
  await learn("c", 0.1);
  await commit();
  await learn("d", 0.5);
  assert.deepEqual(await texts(), ["b", "c", "d"]);
  await learn("c", 0.1);
  assert.deepEqual(await texts(), ["b", "c", "d"]);
  advance(60 * DAY);
  // Of "c", 0.28 has become 0.07.
  assert.deepEqual(await texts(), ["b", "c", "d"]);
  advance(30 * DAY);
  assert.deepEqual(await texts(), ["b", "d"]);
  await learn("e", 0.5);
  await commit();
  assert.deepEqual(await texts(), ["b", "d", "e"]);
  assert.equal(files().get("meta/patterns"), "3");
  // One that has faded and is learned again takes no room of another.
  advance(150 * DAY);
  await learn("b", 0.3);
  assert.equal(files().get("meta/patterns"), "3");
});

void test("what cannot be learned is refused, naming what is wrong", async () => {
  const { memory } = remembering();
  const wrong: readonly (readonly [LearnedPattern, RegExp])[] = [
    [{ text: "" }, /"text"/],
    [{ text: "  " }, /"text"/],
    [{ text: "x".repeat(2001) }, /"text"/],
    [{ text: "\ud800" }, /"text"/],
    [{ text: "x", source: "" }, /"source"/],
    [{ text: "x", confidence: 0 }, /"confidence"/],
    [{ text: "x", confidence: 1.1 }, /"confidence"/],
    [{ text: "x", confidence: NaN }, /"confidence"/],
    [{ text: "x", confidence: "1" as never }, /"confidence"/],
  ];
  for (const [pattern, problem] of wrong) {
    await assert.rejects(memory.patterns.learn(pattern), { code: "INVALID", message: problem });
  }
});

void test("however they are learned and weakened, there are never too many, and counts are right", async () => {
  const action = fc.oneof(
    fc.record({
      do: fc.constant("learn" as const),
      text: fc.constantFrom("a", "b", "c", "d", "e", "f"),
      thousandths: fc.integer({ min: 50, max: 1000 }),
    }),
    fc.record({
      do: fc.constantFrom("reinforce" as const, "weaken" as const, "forget" as const),
      which: fc.nat(5),
    }),
    fc.record({ do: fc.constant("wait" as const), days: fc.nat(60) }),
    fc.record({ do: fc.constant("commit" as const) }),
    fc.record({ do: fc.constant("roll back" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 50 }),
      fc.integer({ min: 1, max: 5 }),
      async (actions, most) => {
        const { memory, commit, rollBack, advance, files } = remembering({ patterns: most });
        const { patterns } = memory;
        for (const step of actions) {
          const all = await patterns.list();
          if (step.do === "learn") {
            const confidence = step.thousandths / 1000;
            const { id } = await patterns.learn({ text: step.text, confidence });
            const kept = await patterns.get(id);
            assert.ok(kept !== undefined && kept.confidence >= confidence);
          } else if (step.do === "wait") advance(step.days * DAY);
          else if (step.do === "commit") await commit();
          else if (step.do === "roll back") rollBack();
          else {
            const pattern = all[step.which];
            if (pattern === undefined) continue;
            await patterns[step.do](pattern.id);
            const { confidence = 0 } = (await patterns.get(pattern.id)) ?? {};
            if (step.do === "forget") assert.equal(confidence, 0);
            else if (step.do === "weaken") assert.ok(confidence < pattern.confidence);
            else assert.ok(confidence > pattern.confidence || pattern.confidence === 1);
          }
          const stored = [...files().keys()].filter((path) => path.startsWith("memory/patterns/"));
          assert.ok(stored.length <= most);
          assert.equal(Number(files().get("meta/patterns") ?? 0), stored.length);
          for (const { confidence } of await patterns.list()) {
            assert.ok(confidence >= 0.05 && confidence <= 1);
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

void test("find() takes a long text for what it looks for, and each of its words once", async () => {
  const { memory } = remembering();
  const { patterns } = memory;
  await patterns.learn({ text: "Whales sing in winter", confidence: 0.5 });
  await patterns.learn({ text: "Whales sleep", confidence: 0.6 });
  await patterns.learn({ text: "Nothing of it", confidence: 1 });
  const long = Array.from({ length: 20_000 }, (_, i) => `w${i}`).join(" ");
  const texts = async (words: string): Promise<readonly string[]> =>
    (await patterns.find(words)).map(({ text }) => text);
  assert.deepEqual(await texts(`${long} whales WHALES sing`), [
    "Whales sing in winter",
    "Whales sleep",
  ]);
  assert.deepEqual(await texts(`${long} whales`), ["Whales sleep", "Whales sing in winter"]);
  assert.deepEqual(await texts("wint* sle*"), ["Whales sleep", "Whales sing in winter"]);
  assert.deepEqual(await texts(long), []);
});
