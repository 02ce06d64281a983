import assert from "node:assert/strict";
import { test } from "node:test";
import { callModel, resolveModel } from "../../src/models/index.ts";
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
    await assert.rejects(resolveModel(name, missing), { code: "CONFIG", message });
  }
  await assert.rejects(
    resolveModel("openai/gpt-5", () => Promise.resolve({})),
    {
      message: /@ai-sdk\/openai has no createOpenAI: install the version that package.json names$/,
    },
  );
});
