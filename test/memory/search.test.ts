import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { defineAgent } from "../../src/index.ts";
import type { Context, Json } from "../../src/index.ts";
import type { Memory, MemoryHit } from "../../src/core/ports/memory.ts";
import {
  ALL_AREAS,
  areaOf,
  hasAll,
  placeOf,
  wantedIn,
  wordsIn,
  wordsOf,
} from "../../src/core/search.ts";
import { TreeDraft } from "../../src/core/tree-draft.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { MemoryStore } from "../../src/stores/memory.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Store } from "../../src/core/ports/index.ts";
import { create, idOf, tick } from "../../src/testing/store/kit.ts";
import { setting } from "../core/setting.ts";
import { remembering } from "./remembering.ts";

const STORES: readonly (readonly [string, () => Store])[] = [
  ["memory", memoryStore],
  ["SQLite", () => sqlite(":memory:")],
];

void test("the words of a text are without case, accents and signs", () => {
  const words = (text: string): string[] => [...wordsIn(text)];
  assert.deepEqual(
    words("The Café, the THÉ: 3.5% of it's_mine"),
    "the cafe 3 5 of it s mine".split(" "),
  );
  assert.deepEqual(words("東京 ラーメン Ωmega ß ﬁne"), [
    "東",
    "京",
    "ラ",
    "ー",
    "メ",
    "ン",
    "ωmega",
    "ß",
    "fine",
  ]);
  assert.deepEqual(words("x".repeat(100)), ["x".repeat(64)]);
  assert.deepEqual(words("🙂 — ☃ \ud800"), []);
  assert.deepEqual(wantedIn("Foo-bar* 'baz'"), ["foo", "bar*", "baz"]);
  assert.deepEqual(wantedIn("* ** -"), []);
});

void test("whatever the text, its words are found by themselves, and by how they begin", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const words = wordsIn(text);
      assert.ok(hasAll(words, wantedIn(text.replaceAll("*", " "))));
      for (const word of words) {
        assert.ok(hasAll(words, [`${Array.from(word)[0]}*`]));
        assert.ok(!/["*\s]/.test(word));
      }
    }),
  );
});

void test("placeOf() is where the first of the words is, and not where one only begins like it", () => {
  assert.equal(placeOf("category cat", ["cat"]), 9);
  assert.equal(placeOf("category cat", ["cat*"]), 0);
  assert.equal(placeOf("a Café", ["cafe"]), 2);
  assert.equal(placeOf("cafe\u0301", ["cafe"]), 0);
  assert.equal(placeOf("これは京都", ["京"]), 3);
  assert.equal(placeOf("1½", ["2"]), 0);
  assert.equal(placeOf(`a ${"x".repeat(100)}`, ["x".repeat(64)]), 2);
  assert.equal(placeOf("nothing of it", ["else"]), -1);
  assert.equal(placeOf("", ["a"]), -1);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
      const at = placeOf(text, [...wordsIn(text)]);
      assert.ok(at >= -1 && at < Math.max(text.length, 1));
      if (/^[\p{Script=Latin}\p{Nd} ]+$/u.test(text)) assert.equal(at >= 0, wordsIn(text).size > 0);
    }),
  );
});

/** Remembers and searches as it is told. */
const thinker = defineAgent({
  name: "thinker",
  state: { result: null as Json },
  retry: { retries: 0 },
  async onMessage(ctx: Context<{ result: Json }>, message) {
    const { do: acts, fail } = message.payload as unknown as {
      do: readonly (readonly [string, ...Json[]])[];
      fail?: boolean;
    };
    const results: unknown[] = [];
    for (const [act, ...args] of acts) results.push((await ACTS[act]!(ctx.memory, args)) ?? null);
    ctx.state.result = JSON.parse(JSON.stringify(results)) as Json;
    if (fail === true) throw new Error("told to");
  },
});

const ACTS: Readonly<Record<string, (memory: Memory, args: readonly Json[]) => Promise<unknown>>> =
  {
    say: (memory, [id, content]) =>
      memory.conversations.get(id as string).append({ role: "user", content: content! }),
    remove: (memory, [id]) => memory.conversations.get(id as string).remove(),
    learn: (memory, [text]) => memory.patterns.learn({ text: text as string }),
    set: (memory, [key, value]) => memory.kv.set(key as string, value!),
    search: (memory, [words, query]) => memory.search(words as string, query as object),
  };

for (const [name, make] of STORES) {
  void test(`in the ${name} store, a tick finds what was kept, what it changed, and nothing of a tick that failed`, async () => {
    const store = make();
    const { runtime, clock } = await setting([thinker], { store: store as MemoryStore });
    const tell = async (acts: readonly (readonly Json[])[], fail = false): Promise<Json[]> => {
      const { id } = await runtime.send("thinker", { payload: { do: acts, fail } as never });
      // SQLite makes ticks durable in turns of the event loop.
      while ((await runtime.status("thinker")).lastTick?.trigger.id !== id) {
        await clock.advance(0);
        await new Promise((resolve) => void setImmediate(resolve));
      }
      return (await runtime.state("thinker"))["result"] as Json[];
    };
    const places = (hits: Json | undefined): string[] =>
      (hits as unknown as MemoryHit[]).map(({ path }) => path);
    const [, , first] = await tell([
      ["say", "bob", "The red boat"],
      ["learn", "Boats are slow"],
      ["search", "boat*"],
    ]);
    const [pattern, said] = first as unknown as MemoryHit[];
    assert.deepEqual(said, {
      in: "conversations",
      id: "bob",
      n: 1,
      path: "/memory/conversations/bob/1",
      text: "The red boat",
    });
    assert.deepEqual([pattern?.in, pattern?.text], ["patterns", "Boats are slow"]);
    await tell([["say", "bob", "lost boat"]], true);
    const [, , second] = await tell([
      ["say", "carol", "A boat, a boat"],
      ["set", "boat", { length: 7 }],
      ["search", "boat"],
    ]);
    assert.deepEqual(places(second), [
      "/memory/kv/boat",
      "/memory/conversations/carol/1",
      "/memory/conversations/bob/1",
    ]);
    const [, third, fourth] = await tell([
      ["remove", "bob"],
      ["search", "boat", { in: ["conversations"] }],
      ["search", "boat", { limit: 1 }],
    ]);
    assert.deepEqual(places(third), ["/memory/conversations/carol/1"]);
    assert.deepEqual(places(fourth), ["/memory/kv/boat"]);
    const long = `${"filler ".repeat(100)}needle ${"filler ".repeat(100)}`;
    const [, needle] = await tell([
      ["say", "dan", long],
      ["search", "Needle"],
    ]);
    const [hit] = needle as unknown as MemoryHit[];
    assert.ok(hit!.text.includes("needle") && hit!.text.length <= 200);
    assert.equal((await runtime.verify("thinker")).ok, true);
    await runtime.stop();
    await store.close();
  });
}

void test("a search for nothing, or where nothing is, is refused", async () => {
  const { runtime, clock } = await setting([thinker]);
  for (const [args, problem] of [
    [["?!"], /1 to 20 words/],
    [[Array.from({ length: 21 }, (_, i) => `w${i}`).join(" ")], /1 to 20 words/],
    [[7], /1 to 20 words/],
    [["x", { in: ["state"] }], /there is no "state"/],
  ] as const) {
    await runtime.send("thinker", { payload: { do: [["search", ...args]] } as never });
    await clock.advance(0);
    assert.match((await runtime.status("thinker")).lastTick!.error!.message, problem);
  }
});

const PATHS = [
  "memory/conversations/a/0000000001",
  "memory/conversations/a/0000000002",
  "memory/conversations/ab/0000000001",
  "memory/patterns/p",
  "memory/files/x",
  "memory/files/d/x",
  "memory/kv/k",
  "goals/g",
  "state/s",
] as const;
const WORDS = ["ada", "bob", "bobby", "élan", "東"] as const;

void test("every store finds what a look at every file finds, in a tick and after it", async () => {
  const change = fc.oneof(
    fc.record({
      path: fc.constantFrom(...PATHS),
      text: fc.array(fc.constantFrom(...WORDS), { maxLength: 3 }).map((words) => words.join(" ")),
    }),
    fc.record({
      remove: fc.constantFrom(...PATHS, "memory/conversations/a/", "memory/files/", "memory/"),
    }),
    fc.constant({ commit: true } as const),
  );
  const query = fc.record({
    words: fc.uniqueArray(fc.constantFrom("ada", "bob", "bob*", "elan", "東", "none", "k"), {
      minLength: 1,
      maxLength: 2,
    }),
    areas: fc.subarray([...ALL_AREAS]),
    limit: fc.integer({ min: 1, max: 4 }),
    after: fc.constantFrom("", ...PATHS),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 3, arbitrary: change }, query), { maxLength: 30 }),
      async (steps) => {
        const stores = STORES.map(([, make]) => make());
        for (const store of stores) await create(store, "alice");
        const drafts = stores.map((store) => newDraft(store));
        // The model: contents by path, the last written last.
        let files = new Map<string, string>();
        for (const step of steps) {
          if ("path" in step) {
            const value = JSON.stringify({ content: step.text, text: step.text, title: step.text });
            files.delete(step.path);
            files.set(step.path, value);
            for (const draft of drafts) draft.write(step.path, value);
          } else if ("remove" in step) {
            const { remove } = step;
            for (const path of files.keys()) {
              if (path === remove || (remove.endsWith("/") && path.startsWith(remove))) {
                files.delete(path);
              }
            }
            for (const draft of drafts) draft.remove(remove);
          } else if ("commit" in step) {
            for (const [i, store] of stores.entries()) {
              const changes = [...drafts[i]!.changes];
              await tick(store, "alice", {
                put: changes.flatMap(([path, value]) =>
                  value === undefined ? [] : { path, value },
                ),
                remove: changes.flatMap(([path, value]) => (value === undefined ? path : [])),
              });
              drafts[i] = newDraft(store);
            }
            files = new Map(files);
          } else {
            const expected = [...files]
              .filter(([path, value]) => {
                const area = areaOf(path);
                if (area === undefined || !step.areas.includes(area)) return false;
                return hasAll(wordsOf(area, { path, value }), step.words);
              })
              .map(([path]) => path)
              .toReversed()
              .slice(0, step.limit);
            for (const draft of drafts) assert.deepEqual(await draft.search(step), expected);
            // What is listed is what there is, too.
            const query = { prefix: "memory/", after: step.after, limit: step.limit };
            const listed = [...files.keys()]
              .filter((path) => path.startsWith("memory/") && path > step.after)
              .toSorted()
              .slice(0, step.limit);
            for (const draft of drafts) {
              assert.deepEqual(
                (await draft.list(query)).map(({ path }) => path),
                listed,
              );
            }
          }
        }
        for (const store of stores) await store.close();
      },
    ),
    { numRuns: 150 },
  );
});

function newDraft(store: Store): TreeDraft {
  return new TreeDraft(store, { id: idOf("alice"), limit: 1_000_000 });
}

void test("some of a text has the word that was looked for, in any script", async () => {
  const { memory } = remembering();
  const talk = memory.conversations.get("a");
  await talk.append({ role: "user", content: `${"category ".repeat(60)} the cat sat` });
  await talk.append({
    role: "user",
    content: `${"これは長い文です。".repeat(40)}それから京都へ行く`,
  });
  const [cat] = await memory.search("CAT");
  assert.match(cat!.text, /\bthe cat sat$/);
  const [kyoto] = await memory.search("京");
  assert.match(kyoto!.text, /京都/);
  assert.ok(kyoto!.text.length <= 200);
});
