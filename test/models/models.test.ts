import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { AgentOptions, SecretSource } from "../../src/index.ts";
import { modelThinker } from "../../src/models/index.ts";
import type { ModelReference } from "../../src/models/index.ts";
import { Models } from "../../src/models/resolve.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import { setting } from "../core/setting.ts";

/** A package of a provider whose models are scripted; which keys they were made with. */
function provider() {
  const keys: (string | undefined)[] = [];
  const createOpenAI = ({ apiKey }: { readonly apiKey?: string }) => {
    keys.push(apiKey);
    return () => scriptedModel(() => `Made ${keys.length}`);
  };
  return { keys, load: () => Promise.resolve({ createOpenAI }) };
}

/** An agent `a` with a model by name, and the secrets of its home. */
async function home(options: Partial<AgentOptions>, secrets: SecretSource) {
  const { keys, load } = provider();
  const asked: string[] = [];
  const source: SecretSource = (name) => {
    asked.push(name);
    return secrets(name);
  };
  const agent = defineAgent({ name: "a", model: "openai/gpt-5", ...options });
  const set = await setting([agent], { thinker: modelThinker({ load }), secrets: source });
  const say = async () => {
    await set.runtime.send("a", { payload: "Hi" });
    for (let i = 0; i < 10; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await set.clock.advance(10);
    }
    return (await set.runtime.status("a")).lastTick!;
  };
  return { ...set, keys, asked, say };
}

void test("a model is made once for all ticks, and anew when its key has changed", async () => {
  let key: string | undefined = "first key";
  const { keys, asked, say } = await home({}, async () => key);
  for (let i = 0; i < 3; i += 1) assert.equal((await say()).outcome, "done");
  assert.deepEqual([keys, asked.length], [["first key"], 3], "the key is looked up each time");
  key = "second key";
  await say();
  assert.deepEqual(keys, ["first key", "second key"]);
  key = undefined;
  const { error } = await say();
  assert.match(error!.message, /there is no secret "OPENAI_API_KEY"/);
});

void test("a model that is set up wrong ends the tick at once, and is not tried again", async () => {
  const { runtime, clock, say } = await home({}, async () => undefined);
  const { outcome, error, attempt } = await say();
  assert.deepEqual([outcome, error!.code, attempt], ["failed", "CONFIG", undefined]);
  await clock.advance(60_000);
  assert.equal((await runtime.status("a")).lastTick!.n, (await runtime.log("a", 0, 99)).at(-1)!.n);
  assert.equal((await runtime.deadLetters("a", 0, 9)).length, 1);
});

void test("of the models beside an agent's own only the latest are kept", async () => {
  const { keys, load } = provider();
  const models = new Models(2);
  const settings = ["a", "b", "c"].map((apiKey) => ({ model: "openai/gpt-5", apiKey }));
  const made = async (one: ModelReference) => models.resolve(one, { load });
  const first = await made(settings[0]!);
  assert.equal(await made(settings[0]!), first);
  for (const one of settings) await made(one);
  assert.notEqual(await made(settings[0]!), first);
  assert.deepEqual(keys, ["a", "b", "c", "a"]);
});

void test("a package that is not there is said before its key is asked for", async () => {
  const missing = () => Promise.reject(new Error("Cannot find package"));
  const asked: string[] = [];
  const secrets = async (name: string) => void asked.push(name);
  await assert.rejects(new Models(1).resolve("openai/gpt-5", { load: missing, secrets }), {
    code: "CONFIG",
    message: /run "npm install @ai-sdk\/openai"$/,
  });
  assert.deepEqual(asked, []);
});

void test("what is known to be wrong with a model is said when the runtime is made", async () => {
  const make = (options: Partial<AgentOptions>) => home(options, async () => "key");
  const cases: readonly (readonly [Partial<AgentOptions>, RegExp])[] = [
    [{ model: "nobody/x" }, /Cannot define agent "a": .*name it PROVIDER\/MODEL/],
    [{ model: "openai/" }, /name it PROVIDER\/MODEL/],
    [{ model: "openai-compatible/x" }, /give "baseURL"/],
    [{ model: { model: "openai-compatible/x", baseURL: "model.test" } }, /"baseURL" must be an/],
    [{ fallbacks: ["openai-compatible/x"] }, /give "baseURL"/],
    [
      { model: { model: "openai/gpt-5", apiKey: { secret: "sk-not a name" } } },
      /"apiKey\.secret" must be the name of a secret$/,
    ],
  ];
  for (const [options, message] of cases) {
    await assert.rejects(make(options), (error: Error & { code?: string }) => {
      assert.equal(error.code, "CONFIG");
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /sk-not/);
      return true;
    });
  }
});

void test("a budget of money and a model without a price do not go together", async () => {
  const make = (options: Partial<AgentOptions>) => home(options, async () => "key");
  const budget = { perDay: { usd: "1.00" } };
  const model = "ollama/llama3.2";
  await assert.rejects(make({ model, budget }), {
    code: "CONFIG",
    message:
      'Cannot define agent "a": Cannot use model "ollama/llama3.2": money has a budget, and its price is not known: give it in "think.prices"',
  });
  const free = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  await make({ model, budget, think: { prices: { "ollama/llama3.2": free } } });
  await make({ model, budget: { perDay: { tokens: 1000 } } });
  await make({ model });
  await make({ budget });
});
