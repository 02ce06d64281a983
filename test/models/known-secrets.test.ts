import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, OpenAgentsError } from "../../src/index.ts";
import type { AgentOptions, SecretSource } from "../../src/index.ts";
import { lockedError } from "../../src/core/locked.ts";
import { modelThinker } from "../../src/models/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import { KnownSecrets, knownVariables } from "../../src/models/known-secrets.ts";
import { Secrets } from "../../src/models/secrets.ts";
import { setting } from "../core/setting.ts";

const TOKEN = "quokka-4711-quokka";
const parameters = { type: "object" };

/** All that is kept of a message to an agent whose model calls the tool `leak`. */
async function kept(
  options: Partial<AgentOptions>,
  secrets: SecretSource,
  known?: KnownSecrets,
): Promise<string> {
  const model = scriptedModel(({ messages, last }) =>
    messages.some(({ role }) => role === "tool") ? last : { toolCalls: [{ name: "leak" }] },
  );
  const agent = defineAgent({ name: "a", model, retry: { retries: 0 }, ...options });
  const thinker = modelThinker({ known });
  const { runtime, clock } = await setting([agent], { thinker, secrets });
  await runtime.send("a", { payload: "go" });
  for (let i = 0; i < 10; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await clock.advance(10);
  }
  return JSON.stringify([await runtime.log("a", 0, 99), await runtime.deadLetters("a", 0, 9)]);
}

const source: SecretSource = async (name) => (name === "TOK" ? TOKEN : undefined);

void test("a secret that a tool may have is taken out of results of tools that never asked for it", async () => {
  const leak = { parameters, execute: () => `It is ${TOKEN}` };
  const declares = await kept({ tools: { leak: { ...leak, secrets: ["TOK", "NONE"] } } }, source);
  assert.doesNotMatch(declares, /quokka/);
  assert.match(declares, /It is \[secret TOK\]/);
  // Another tool had it, maybe before a restart.
  const other = { parameters, secrets: ["TOK"], execute: () => "nothing" };
  const beside = await kept({ tools: { leak, other } }, source);
  assert.doesNotMatch(beside, /quokka/);
});

void test("agents of a home know the same secrets", async () => {
  const leak = { parameters, execute: () => `It is ${TOKEN}` };
  const known = knownVariables([
    ["SOME_TOKEN", TOKEN],
    ["SHORT_TOKEN", "It"],
    ["NONE", undefined],
  ]);
  const told = await kept({ tools: { leak } }, source, known);
  assert.match(told, /It is \[secret SOME_TOKEN\]/);
  assert.doesNotMatch(told, /quokka/);
});

void test("what a model's key is looked up by is known to the tools", async () => {
  const secrets = new Secrets(source);
  assert.equal(await secrets.source!("TOK"), TOKEN);
  assert.equal(secrets.clean(`a ${TOKEN} b`), "a [secret TOK] b");
});

void test("each secret is looked up once, and only that the keys are locked is told", async () => {
  const asked: string[] = [];
  let isLocked = true;
  const secrets = new Secrets(
    async (name) => {
      asked.push(name);
      if (name === "FOREIGN") throw new OpenAgentsError("DENIED", "It was sealed by another home");
      if (name === "STORED" && isLocked) throw lockedError();
      return `value-of-${name}`;
    },
    new KnownSecrets(),
    ["STORED"],
  );
  await assert.rejects(secrets.know(["FOREIGN"]), { code: "LOCKED" });
  isLocked = false;
  await secrets.know(["FOREIGN", "OTHER"]);
  await secrets.know(["OTHER", "STORED"]);
  assert.deepEqual(asked, ["STORED", "FOREIGN", "STORED", "OTHER"]);
  assert.equal(secrets.clean("value-of-OTHER"), "[secret OTHER]");
});

void test("a tick whose tools may have a stored secret waits while the keys are locked", async () => {
  let isLocked = true;
  let runs = 0;
  const model = scriptedModel(({ messages, last }) =>
    messages.some(({ role }) => role === "tool") ? last : { toolCalls: [{ name: "leak" }] },
  );
  const execute = (): string => {
    runs += 1;
    return TOKEN;
  };
  const agent = defineAgent({
    name: "a",
    model,
    retry: { retries: 0 },
    tools: { leak: { parameters, secrets: ["TOK"], execute } },
  });
  const secrets: SecretSource = async (name) => {
    if (isLocked) throw lockedError();
    return source(name);
  };
  const { runtime, clock } = await setting([agent], { thinker: modelThinker(), secrets });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await clock.advance(10_000);
    }
  };
  await runtime.send("a", { payload: "go" });
  await settle();
  const [letter] = await runtime.inbox("a", 0, 9);
  assert.deepEqual([letter?.attempts, runs], [0, 0]);
  isLocked = false;
  await settle();
  assert.equal(runs, 1);
  assert.match(JSON.stringify(await runtime.log("a", 0, 99)), /\[secret TOK\]/);
});

void test("what a ready-made model says of the key that it was made with is cleaned, also where it is cut", async () => {
  const variable = "sk-of-a-variable-4711";
  const before = process.env["OPENAI_API_KEY"];
  process.env["OPENAI_API_KEY"] = variable;
  const literal = "sk-in-the-definition-0815";
  try {
    const error = { status: 401, message: `${"x".repeat(482)} ${variable} and ${TOKEN}` };
    const broken = { status: 500, message: `Busy for ${literal} ${variable} ${TOKEN}` };
    for (const refusal of [error, broken]) {
      const model = scriptedModel(() => ({ error: refusal }));
      const told = await kept(
        {
          model,
          fallbacks: [
            {
              model: "openai-compatible/none",
              baseURL: "http://127.0.0.1:1/v1",
              headers: { authorization: `Bearer ${literal}` },
            },
          ],
          tools: { leak: { parameters, secrets: ["TOK"], execute: () => 1 } },
          think: { limits: { retries: 1, backoff: 1 } },
        },
        source,
      );
      assert.match(told, /Cannot call model/);
      assert.match(told, /\[secret OPENAI/);
      assert.doesNotMatch(told, /sk-of-a|quokka|sk-in-the/);
    }
  } finally {
    if (before === undefined) delete process.env["OPENAI_API_KEY"];
    else process.env["OPENAI_API_KEY"] = before;
  }
});
