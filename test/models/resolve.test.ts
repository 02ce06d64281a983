import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenAgentsError } from "../../src/core/errors.ts";
import { callModel, resolveModel } from "../../src/models/index.ts";
import type { ModelSettings } from "../../src/models/index.ts";
import { scriptedModel, scriptedServer } from "../../src/models/scripted.ts";

const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hello" }] }];

void test("resolveModel() makes a model of each name, by the package of its provider", async () => {
  const apiKey = "none";
  const cases = [
    ["openai/gpt-5", "openai.responses", "gpt-5"],
    ["anthropic/claude-opus-4-6", "anthropic.messages", "claude-opus-4-6"],
    ["google/gemini-2.5-flash", "google.generative-ai", "gemini-2.5-flash"],
    ["ollama/hf.co/some/model", "ollama.chat", "hf.co/some/model"],
  ] as const;
  for (const [model, provider, modelId] of cases) {
    const made = await resolveModel({ model, apiKey });
    assert.deepEqual(
      [made.specificationVersion, made.provider, made.modelId],
      ["v4", provider, modelId],
    );
  }
});

void test("resolveModel() reaches any server that speaks the API, with key and headers", async () => {
  const server = scriptedServer(["Here"]);
  const model = await resolveModel({
    model: "openai-compatible/anything",
    baseURL: "http://model.test/v1",
    apiKey: "a-key",
    headers: { "x-mine": "yes" },
    fetch: (input, init) => server(new Request(input, init)),
  });
  const { text, usage } = await callModel({ prompt }, { model });
  assert.deepEqual([text, usage.output], ["Here", 1]);
  const { headers } = server.requests[0]!;
  assert.deepEqual([headers.get("authorization"), headers.get("x-mine")], ["Bearer a-key", "yes"]);
});

void test("resolveModel() gives a model back as it is", async () => {
  const model = scriptedModel([]);
  assert.equal(await resolveModel(model), model);
});

void test("resolveModel() says what is wrong with a name, and which package to install", async () => {
  const missing = (): Promise<unknown> => Promise.reject(new Error("Cannot find package"));
  const cases = [
    [
      "anthropic/claude",
      /it needs the package @ai-sdk\/anthropic: run "npm install @ai-sdk\/anthropic"$/,
    ],
    ["ollama/llama3.2", /run "npm install @ai-sdk\/openai-compatible"$/],
    ["gpt-5", /Cannot use model "gpt-5": name it PROVIDER\/MODEL, with one of openai, anthropic/],
    ["nobody/x", /name it PROVIDER\/MODEL/],
    ["openai/", /name it PROVIDER\/MODEL/],
    ["constructor/x", /name it PROVIDER\/MODEL/],
    ["openai-compatible/x", /give "baseURL"/],
  ] as const;
  for (const [name, message] of cases) {
    await assert.rejects(resolveModel(name, { load: missing }), { code: "CONFIG", message });
  }
  await assert.rejects(resolveModel("openai/gpt-5", { load: () => Promise.resolve({}) }), {
    message: /@ai-sdk\/openai has no createOpenAI: install the version that package.json names$/,
  });
});

void test("resolveModel() takes keys out of secrets, by the provider's usual name or by one of its own", async () => {
  const store = new Map([
    ["OPENAI_API_KEY", "key of openai"],
    ["ANTHROPIC_API_KEY", "key of anthropic"],
    ["GOOGLE_GENERATIVE_AI_API_KEY", "key of google"],
    ["MINE", "key of mine"],
  ]);
  const asked: string[] = [];
  const secrets = async (name: string): Promise<string | undefined> => {
    asked.push(name);
    return store.get(name);
  };
  const sent = async (given: Partial<ModelSettings> & { readonly model: string }) => {
    let headers = new Headers();
    const model = await resolveModel(
      {
        ...given,
        async fetch(input, init) {
          ({ headers } = new Request(input, init));
          return new Response("no", { status: 400 });
        },
      },
      { secrets },
    );
    await callModel({ prompt }, { model }).catch(() => undefined);
    return headers;
  };
  const baseURL = "http://model.test/v1";
  const { OPENAI_API_KEY: before } = process.env;
  process.env["OPENAI_API_KEY"] = "of the environment";
  try {
    assert.equal((await sent({ model: "openai/x" })).get("authorization"), "Bearer key of openai");
    assert.equal((await sent({ model: "anthropic/x" })).get("x-api-key"), "key of anthropic");
    assert.equal((await sent({ model: "google/x" })).get("x-goog-api-key"), "key of google");
    assert.deepEqual(asked.splice(0), [...store.keys()].slice(0, 3));
    assert.equal((await sent({ model: "ollama/x" })).get("authorization"), null);
    const own = { model: "openai-compatible/x", baseURL };
    assert.equal((await sent(own)).get("authorization"), null);
    assert.equal(
      (await sent({ model: "openai/x", apiKey: "as it is" })).get("authorization"),
      "Bearer as it is",
    );
    assert.deepEqual(asked, []);
    const named = await sent({ ...own, apiKey: { secret: "MINE" } });
    assert.equal(named.get("authorization"), "Bearer key of mine");
    // What is not stored is not looked for in the environment by the package.
    store.clear();
    await assert.rejects(resolveModel("openai/x", { secrets }), {
      code: "CONFIG",
      message:
        'Cannot use model "openai/x": there is no secret "OPENAI_API_KEY" with the key of its API: set the variable OPENAI_API_KEY, or store it with "agentctl secret set OPENAI_API_KEY"',
    });
  } finally {
    delete process.env["OPENAI_API_KEY"];
    if (before !== undefined) process.env["OPENAI_API_KEY"] = before;
  }
  await assert.rejects(resolveModel({ model: "openai/x", apiKey: { secret: "MINE" } }), /"MINE"/);
  const itself = { model: "openai/x", apiKey: { secret: "sk-the-key-itself" } };
  await assert.rejects(resolveModel(itself, { secrets }), (error: OpenAgentsError) => {
    assert.match(error.message, /must be the name of a secret$/);
    return error.code === "CONFIG";
  });
  const locked = () => Promise.reject(new OpenAgentsError("LOCKED", "Cannot use a key"));
  await assert.rejects(resolveModel("openai/x", { secrets: locked }), { code: "LOCKED" });
});
