import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Conversation, Message, NewMessage } from "../../src/core/ports/memory.ts";
import { remembering } from "./remembering.ts";

const user = (content: string, tokens?: number): NewMessage => ({
  role: "user",
  content,
  ...(tokens !== undefined && { tokens }),
});
const call = (id: string, tokens = 1): NewMessage => ({
  role: "assistant",
  content: [{ type: "tool-call", toolCallId: id, toolName: "look", input: {} }],
  tokens,
});
const result = (id: string, tokens = 1): NewMessage => ({
  role: "tool",
  content: [
    { type: "tool-result", toolCallId: id, toolName: "look", output: { type: "text", value: "x" } },
  ],
  tokens,
});
const numbers = (messages: readonly Message[]): number[] => messages.map(({ n }) => n);

async function filled(
  talk: Conversation,
  messages: readonly NewMessage[],
): Promise<readonly Message[]> {
  const said = [];
  for (const message of messages) said.push(await talk.append(message));
  return said;
}

void test("a conversation has its messages in order, with numbers, times and tokens", async () => {
  const { memory, commit, now } = remembering();
  const talk = memory.conversations.get("ada");
  assert.equal(await talk.facts(), undefined);
  assert.deepEqual(await talk.messages(), []);
  assert.deepEqual(await talk.last(3), []);
  // Appended together, they still follow each other.
  const said = await Promise.all(["a", "b", "c"].map((text) => talk.append(user(text, 5))));
  assert.deepEqual(numbers(said), [1, 2, 3]);
  await commit();
  const counted = await talk.append(user("twelve bytes"));
  assert.deepEqual(counted, { n: 4, role: "user", content: "twelve bytes", tokens: 7, at: now() });
  assert.deepEqual(await talk.messages({ after: 2 }), [said[2], counted]);
  assert.deepEqual(await talk.messages({ limit: 1 }), [said[0]]);
  assert.deepEqual(numbers(await talk.last(2)), [3, 4]);
  const { bytes: _bytes, ...facts } = (await talk.facts())!;
  assert.deepEqual(facts, {
    id: "ada",
    first: 1,
    last: 4,
    tokens: 22,
    createdAt: now(),
    updatedAt: now(),
  });
  assert.deepEqual(
    (await memory.conversations.list()).map(({ id }) => id),
    ["ada"],
  );
});

void test("replace() says in a message's place what it should have been", async () => {
  const { memory } = remembering();
  const talk = memory.conversations.get("ada");
  await filled(talk, [user("one", 1), user("my password is x", 50), user("three", 1)]);
  await talk.replace(2, user("[taken out]", 2));
  assert.deepEqual(
    (await talk.messages()).map(({ content }) => content),
    ["one", "[taken out]", "three"],
  );
  assert.equal((await talk.facts())?.tokens, 4);
  for (const n of [0, 4, -1, 1.5]) {
    await assert.rejects(talk.replace(n, user("none")), { code: "NOT_FOUND" });
  }
});

void test("context() gives the newest messages that fit, after the newest summary", async () => {
  const { memory } = remembering();
  const talk = memory.conversations.get("ada");
  assert.deepEqual(await talk.context({ tokens: 9 }), { messages: [], tokens: 0, omitted: 0 });
  await filled(
    talk,
    Array.from({ length: 600 }, (_, i) => user(`message ${i + 1}`, 10)),
  );
  const all = await talk.context({ tokens: 100_000 });
  assert.deepEqual([all.messages.length, all.tokens, all.omitted], [600, 6000, 0]);
  const some = await talk.context({ tokens: 45 });
  assert.deepEqual(numbers(some.messages), [597, 598, 599, 600]);
  assert.deepEqual([some.tokens, some.omitted], [40, 596]);
  const none = await talk.context({ tokens: 9 });
  assert.deepEqual(none, { messages: [], tokens: 0, omitted: 600 });
  const summary = await talk.summarise({ upTo: 598, text: "They counted.", tokens: 15 });
  assert.deepEqual(await talk.summary(), summary);
  const short = await talk.context({ tokens: 45 });
  assert.deepEqual(short.summary, summary);
  assert.deepEqual(numbers(short.messages), [599, 600]);
  assert.deepEqual([short.tokens, short.omitted], [35, 0]);
  const tight = await talk.context({ tokens: 30 });
  assert.deepEqual([numbers(tight.messages), tight.tokens, tight.omitted], [[600], 25, 1]);
  // A summary that takes more than half is cut: else what it stands for would be nowhere.
  const cut = await talk.context({ tokens: 25 });
  assert.deepEqual(cut.summary, { ...summary, text: "They count", tokens: 12 });
  assert.deepEqual([numbers(cut.messages), cut.tokens], [[600], 22]);
  const alone = await talk.context({ tokens: 1 });
  assert.deepEqual(alone, { messages: [], tokens: 0, omitted: 2 });
  for (const upTo of [0, 601, 1.5]) {
    await assert.rejects(talk.summarise({ upTo, text: "x" }), { code: "INVALID" });
  }
});

void test("a summary is cut between characters, and numbers that are none ask for the least", async () => {
  const { memory } = remembering();
  const talk = memory.conversations.get("ada");
  await filled(talk, [user("Hello", 2), user("you", 2)]);
  await talk.summarise({ upTo: 1, text: "🦑🦑🦑🦑", tokens: 100 });
  const { summary } = await talk.context({ tokens: 80 });
  assert.equal(summary?.text, "🦑");
  assert.deepEqual(await talk.context({ tokens: Number.NaN }), {
    messages: [],
    tokens: 0,
    omitted: 1,
  });
  assert.deepEqual(numbers(await talk.last(Number.NaN)), [2]);
  assert.deepEqual(numbers(await talk.messages({ after: Number.NaN, limit: Number.NaN })), [1]);
});

void test("context() leaves no result of a tool without its call", async () => {
  const { memory } = remembering();
  const talk = memory.conversations.get("ada");
  await filled(talk, [
    user("look", 1),
    call("c1"),
    call("c2"),
    result("c1"),
    result("c2"),
    user("so", 1),
  ]);
  const context = async (tokens: number): Promise<number[]> =>
    numbers((await talk.context({ tokens })).messages);
  assert.deepEqual(await context(6), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(await context(5), [2, 3, 4, 5, 6]);
  for (const tokens of [4, 3, 2, 1]) assert.deepEqual(await context(tokens), [6]);
});

void test("the oldest messages go when there are too many, or too many bytes", async () => {
  const { memory, files } = remembering({ messages: 3, conversationBytes: 1000 });
  const talk = memory.conversations.get("ada");
  await filled(
    talk,
    ["1", "2", "3", "4", "5"].map((text) => user(text, 2)),
  );
  assert.deepEqual(numbers(await talk.messages()), [3, 4, 5]);
  assert.equal((await talk.facts())?.tokens, 6);
  await talk.append(user("x".repeat(850)));
  assert.deepEqual(numbers(await talk.messages()), [5, 6]);
  // One that alone is too long stays all the same.
  await talk.append(user("y".repeat(2000)));
  assert.deepEqual(numbers(await talk.messages()), [7]);
  const bytes = [...files()].filter(([path]) => path.startsWith("memory/conversations/"));
  assert.equal((await talk.facts())?.bytes, bytes[0]?.[1].length);
  assert.deepEqual(numbers((await talk.context({ tokens: 9999 })).messages), [7]);
});

void test("the longest unused conversations go when there are too many", async () => {
  const { memory, advance, files, commit } = remembering({ conversations: 3 });
  const say = async (id: string): Promise<void> => {
    await memory.conversations.get(id).append(user("hello"));
    advance(1000);
  };
  for (const id of ["a", "b", "c", "a", "d"]) await say(id);
  const ids = async (): Promise<string[]> =>
    (await memory.conversations.list()).map(({ id }) => id);
  assert.deepEqual(await ids(), ["a", "c", "d"]);
  await commit();
  await say("e");
  assert.deepEqual(await ids(), ["a", "d", "e"]);
  await memory.conversations.get("d").remove();
  await memory.conversations.get("d").remove();
  await say("f");
  assert.deepEqual(await ids(), ["a", "e", "f"]);
  await commit();
  assert.equal(files().get("meta/talks"), "3");
  assert.ok(![...files().keys()].some((path) => path.startsWith("memory/conversations/d/")));
});

void test("a conversation that was removed begins anew", async () => {
  const { memory, commit } = remembering();
  const talk = memory.conversations.get("a/b".replace("/", ":"));
  await filled(talk, [user("one"), user("two")]);
  await talk.summarise({ upTo: 2, text: "counted" });
  await commit();
  await talk.remove();
  assert.deepEqual(await talk.messages(), []);
  assert.equal(await talk.summary(), undefined);
  assert.equal((await talk.append(user("again"))).n, 1);
  assert.deepEqual(numbers(await talk.messages()), [1]);
  await commit();
  assert.deepEqual(numbers(await talk.messages()), [1]);
});

void test("what cannot be kept is refused, naming what is wrong", async () => {
  const { memory } = remembering();
  for (const id of ["", "a/b", ".", "..", "x".repeat(201), "a\n", "\ud800", 7]) {
    assert.throws(() => memory.conversations.get(id as string), { code: "INVALID" });
  }
  const talk = memory.conversations.get("ada");
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ role: "robot", content: "x" }, /"role" must be one of system, user, assistant, tool/],
    [{ role: "user", content: () => 1 }, /content of the message/],
    [{ role: "user" }, /content of the message/],
    [{ role: "user", content: "x", tokens: -1 }, /"tokens"/],
    [{ role: "user", content: "x", tokens: 0.5 }, /"tokens"/],
    [{ role: "user", content: "x", at: NaN }, /"at"/],
    [{ role: "user", content: "\udc00" }, /content of the message/],
  ];
  for (const [message, problem] of wrong) {
    await assert.rejects(talk.append(message as NewMessage), { code: "INVALID", message: problem });
  }
  assert.equal(await talk.facts(), undefined);
  await assert.rejects(talk.append(user("x".repeat(2 * 1024 * 1024))), { code: "LIMIT" });
});

void test("a conversation does as a list would, whatever is done with it", async () => {
  const action = fc.oneof(
    fc.record({ do: fc.constant("append" as const), tokens: fc.nat(20) }),
    fc.record({ do: fc.constant("replace" as const), n: fc.nat(30), tokens: fc.nat(20) }),
    fc.record({ do: fc.constant("call" as const), id: fc.nat(3) }),
    fc.record({ do: fc.constant("result" as const), id: fc.nat(3) }),
    fc.record({ do: fc.constant("summarise" as const), upTo: fc.nat(30), tokens: fc.nat(20) }),
    fc.record({ do: fc.constant("context" as const), tokens: fc.nat(200) }),
    fc.record({ do: fc.constant("commit" as const) }),
    fc.record({ do: fc.constant("roll back" as const) }),
    fc.record({ do: fc.constant("remove" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      async (actions, most) => {
        const { memory, commit, rollBack } = remembering({ messages: most });
        const talk = memory.conversations.get("ada");
        interface Model {
          list: readonly (NewMessage & { readonly n: number })[];
          last: number;
          summary?: { readonly upTo: number; readonly tokens: number } | undefined;
        }
        const none: Model = { list: [], last: 0 };
        let [model, kept] = [none, none];
        const add = async (message: NewMessage): Promise<void> => {
          const n = model.last + 1;
          assert.equal((await talk.append(message)).n, n);
          model = { ...model, list: [...model.list, { ...message, n }].slice(-most), last: n };
        };
        for (const step of actions) {
          if (step.do === "append") await add(user("x", step.tokens));
          else if (step.do === "call") await add(call(`${step.id}`));
          else if (step.do === "result") await add(result(`${step.id}`));
          else if (step.do === "replace") {
            const there = model.list.some(({ n }) => n === step.n);
            const done = talk.replace(step.n, user("y", step.tokens));
            if (!there) await assert.rejects(done, { code: "NOT_FOUND" });
            else await done;
            model = {
              ...model,
              list: model.list.map((message) =>
                message.n === step.n ? { ...user("y", step.tokens), n: step.n } : message,
              ),
            };
          } else if (step.do === "summarise") {
            const { upTo, tokens } = step;
            const done = talk.summarise({ upTo, tokens, text: "s" });
            if (upTo < 1 || upTo > model.last) await assert.rejects(done, { code: "INVALID" });
            else {
              await done;
              model = { ...model, summary: { upTo, tokens } };
            }
          } else if (step.do === "context") {
            const { summary } = model;
            const stands = summary !== undefined && summary.tokens <= Math.floor(step.tokens / 2);
            let room = step.tokens - (stands ? summary.tokens : 0);
            let fit: Model["list"] = [];
            const open = model.list.filter(({ n }) => n > (summary?.upTo ?? 0));
            for (const message of open.toReversed()) {
              room -= message.tokens!;
              if (room < 0) break;
              fit = [message, ...fit];
            }
            while (!fit.every((message, i) => hasCall(fit.slice(0, i), message)))
              fit = fit.slice(1);
            const context = await talk.context({ tokens: step.tokens });
            assert.deepEqual(
              numbers(context.messages),
              fit.map(({ n }) => n),
            );
            assert.equal(context.omitted, open.length - fit.length);
            assert.equal(context.summary !== undefined, stands);
          } else if (step.do === "commit") {
            await commit();
            kept = model;
          } else if (step.do === "roll back") {
            rollBack();
            model = kept;
          } else {
            await talk.remove();
            model = none;
          }
          const messages = await talk.messages({ limit: 1000 });
          assert.deepEqual(
            messages.map(({ n, tokens }) => [n, tokens]),
            model.list.map(({ n, tokens }) => [n, tokens]),
          );
          const facts = await talk.facts();
          assert.equal(facts?.last ?? 0, model.last);
          assert.equal(
            facts?.tokens ?? 0,
            messages.reduce((sum, { tokens }) => sum + tokens, 0),
          );
        }
      },
    ),
    { numRuns: 150 },
  );
});

/** Whether every result in a message has its call among those before it. */
function hasCall(before: readonly NewMessage[], { role, content }: NewMessage): boolean {
  if (role !== "tool") return true;
  const ids = (messages: readonly NewMessage[]): string[] =>
    messages.flatMap((each) =>
      each.role === "assistant" ? [(each.content as { toolCallId: string }[])[0]!.toolCallId] : [],
    );
  return ids(before).includes((content as { toolCallId: string }[])[0]!.toolCallId);
}
