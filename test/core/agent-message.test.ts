import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  agentMessageOf,
  agentMessages,
  defineAgent,
  extendAgentMessages,
} from "../../src/index.ts";
import type { AgentMessage, StandardSchema } from "../../src/index.ts";
import { validate } from "../../src/core/standard-schema.ts";
import { setting } from "./setting.ts";

const NPUB = `npub1${"q".repeat(58)}`;

const FULL: readonly AgentMessage[] = [
  { type: "task_request", task: "t", description: "dig", input: { deep: 3 }, deadline: 1 },
  { type: "task_response", task: "t", accepted: false, reason: "busy" },
  { type: "task_complete", task: "t", ok: true, result: [1] },
  { type: "task_complete", task: "t", ok: false, error: "a rock" },
  { type: "task_delegate", task: "t", for: NPUB, description: "dig" },
  { type: "pattern_share", pattern: "rocks are hard", confidence: 0.9, tags: ["rocks"] },
  { type: "ping", nonce: "n" },
  { type: "pong" },
];

void test("agentMessages takes each message of the field, and says what is wrong with another", async () => {
  for (const message of FULL) {
    assert.deepEqual(await validate(agentMessages, message), { value: message });
    assert.deepEqual(agentMessageOf(message), message);
  }
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ type: "task_request", task: "", description: 1 }, /"task": must be text.*; "description"/],
    [{ type: "task_response", task: "t", accepted: "yes" }, /"accepted": must be true or false/],
    [{ type: "task_delegate", task: "t", for: "bob", description: "d" }, /"for": must be an npub/],
    [{ type: "pattern_share", pattern: "p", confidence: 2 }, /"confidence": must be a number/],
    [{ type: "task_request", task: "t", description: "d", deadline: -1 }, /"deadline"/],
    [{ type: "toString" }, /"type": must be one of task_request, .*pong/],
    ["ping", /"type"/],
    [null, /"type"/],
  ];
  for (const [message, problem] of wrong) {
    const result = await validate(agentMessages, message);
    assert.match("problem" in result ? result.problem : "none", problem);
    assert.equal(agentMessageOf(message), undefined);
  }
});

void test("agentMessageOf() never throws, whatever it is given", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const message = agentMessageOf(value);
      assert.ok(message === undefined || FULL.some(({ type }) => type === message.type));
    }),
  );
});

void test("extendAgentMessages() adds types of one's own, and an agent takes no other", async () => {
  interface Greeting {
    readonly type: "greeting";
    readonly words: string;
  }
  const greeting: StandardSchema<Greeting> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) =>
        typeof (value as Greeting).words === "string"
          ? { value: value as Greeting }
          : { issues: [{ message: "must be text", path: ["words"] }] },
    },
  };
  const agent = defineAgent({
    name: "a",
    state: { got: [] as unknown[] },
    messageSchema: extendAgentMessages<Greeting>({ greeting }),
    onMessage: (ctx, message) => void ctx.state.got.push(message.payload),
  });
  const { runtime, clock } = await setting([agent]);
  const good = [{ type: "ping" }, { type: "greeting", words: "hello" }];
  const bad = [{ type: "greeting" }, { type: "gossip" }];
  for (const payload of [...good, ...bad]) await runtime.send("a", { payload });
  await clock.advance(0);
  assert.deepEqual((await runtime.state("a"))["got"], good);
  assert.deepEqual(
    (await runtime.deadLetters("a", 0, 9)).map(({ reason }) => reason?.split(":").at(-1)),
    [
      " must be text",
      " must be one of task_request, task_response, task_complete, task_delegate, pattern_share, ping, pong, greeting",
    ],
  );
});
