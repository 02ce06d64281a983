import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startLocal } from "../../../src/backends/local.ts";
import type { LocalRuntime } from "../../../src/backends/local.ts";
import { remoteRuntime } from "../../../src/control/remote-runtime.ts";
import type { RemoteHome } from "../../../src/control/remote-runtime.ts";
import { defineAgent } from "../../../src/core/definition.ts";
import { defineRuntime } from "../../../src/core/runtime-definition.ts";
import { listen } from "../../../src/models/scripted-listener.ts";
import { scriptedModel, scriptedServer } from "../../../src/models/scripted.ts";

const KEYS = ["Numbats-first-key", "Numbats-second-key"] as const;
const TOOL = "Numbats tool secret";
const passphrase = "a passphrase of the key file";

void test("models and tools of agents get the home's secrets as they are now, and the record none", async () => {
  const script = scriptedServer(({ last }) =>
    last.startsWith("look") ? { toolCalls: [{ name: "look" }] } : "It is done",
  );
  const sent: (string | null)[] = [];
  let good: string = KEYS[0];
  await using model = await listen(async (request) => {
    const given = request.headers.get("authorization");
    sent.push(given);
    if (given === `Bearer ${good}`) return script(request);
    // As some providers do.
    const message = `Incorrect API key provided: ${given}`;
    return Response.json({ error: { message } }, { status: 401 });
  });
  const agent = defineAgent({
    name: "thinker",
    retry: { retries: 0, quarantineAfter: 100 },
    model: {
      model: "openai-compatible/any",
      baseURL: model.url,
      apiKey: { secret: "MODEL_KEY" },
    },
    tools: {
      look: {
        description: "Looks",
        parameters: { type: "object" },
        secrets: ["TOOL_KEY"],
        execute: async (_: unknown, { secret }) => `seen with ${await secret("TOOL_KEY")}`,
      },
    },
  });
  const definition = defineRuntime({ agents: [agent], ensure: [{ name: "t", type: "thinker" }] });
  const data = mkdtempSync(join(tmpdir(), "openagents-secrets-"));
  const learnt = new Set<string>();
  let local: LocalRuntime | undefined;
  const start = async (more: { readonly passphrase?: string } = {}): Promise<RemoteHome> => {
    local = await startLocal({
      definition,
      data,
      port: 0,
      env: { TOOL_KEY: TOOL },
      onSecret: (value) => learnt.add(value),
      ...more,
    });
    return remoteRuntime({ url: local.url, token: local.token });
  };
  const ask = async (home: RemoteHome, text: string, timeout = 60_000): Promise<string> => {
    const { outcome, replies, error } = await home.ask("t", { payload: text }, { timeout });
    return outcome === "done" ? JSON.stringify(replies) : `${outcome} ${error?.message ?? ""}`;
  };
  try {
    let home = await start({ passphrase });
    assert.match(await ask(home, "hello"), /^failed .*there is no secret "MODEL_KEY"/);
    await home.secrets.set("MODEL_KEY", KEYS[0]);
    assert.equal(await ask(home, "look"), '["It is done"]');
    assert.equal(sent.at(-1), `Bearer ${KEYS[0]}`);
    good = KEYS[1];
    const refused = await ask(home, "hello");
    assert.match(refused, /^failed .*Incorrect API key provided: Bearer \[secret MODEL_KEY\]/);
    await home.secrets.set("MODEL_KEY", KEYS[1]);
    assert.equal(await ask(home, "hello"), '["It is done"]');
    assert.deepEqual(learnt, new Set([...KEYS, TOOL]));
    await local!.stop();

    home = await start();
    assert.equal(await ask(home, "hello", 500), "pending ");
    assert.equal((await home.inbox("t", 0, 9))[0]!.attempts, 0);
    const calls = sent.length;
    await home.unlock(passphrase);
    assert.equal(await ask(home, "again"), '["It is done"]');
    assert.equal(sent.length, calls + 2);
    await home.secrets.remove("MODEL_KEY");
    assert.match(await ask(home, "hello"), /^failed .*there is no secret "MODEL_KEY"/);
    assert.equal(sent.length, calls + 2);

    const told = JSON.stringify([
      await home.ticks("t", 0, 99),
      await home.logs("t", { limit: 99 }),
      await home.deadLetters("t", 0, 99),
      await home.state("t"),
      (await home.files("t", { limit: 99 })).items,
      script.requests.map(({ body }) => body),
    ]);
    assert.match(told, /seen with \[secret TOOL_KEY\]/);
    assert.doesNotMatch(told, /Numbats/);
  } finally {
    await local?.stop(0);
    rmSync(data, { recursive: true, force: true });
  }
});

void test("a secret that an agent's tool echoes is taken out, also after a restart, and whoever declared it", async () => {
  const script = scriptedModel(({ messages, last }) =>
    messages.at(-1)?.role === "tool" ? last : { toolCalls: [{ name: "echo" }] },
  );
  let echoed = "";
  const parameters = { type: "object" };
  const secret = { parameters, secrets: ["STORED"], execute: () => "nothing" };
  const echo = { parameters, execute: () => echoed };
  const definition = defineRuntime({
    agents: [
      defineAgent({ name: "one", model: script, tools: { echo, secret } }),
      defineAgent({ name: "two", model: script, tools: { echo } }),
    ],
    ensure: [
      { name: "one", type: "one" },
      { name: "two", type: "two" },
    ],
    mcp: { s: { command: "none", env: { X: { secret: "VARIABLE" } } } },
  });
  const data = mkdtempSync(join(tmpdir(), "openagents-secrets-"));
  const env = { VARIABLE: "Numbats of a variable", OPENAI_API_KEY: "Numbats-openai" };
  const start = (): Promise<LocalRuntime> => startLocal({ definition, data, port: 0, env });
  let local = await start();
  try {
    await remoteRuntime({ url: local.url, token: local.token }).secrets.set("STORED", TOOL);
    await local.stop();
    local = await start();
    for (const name of ["one", "two"]) {
      echoed = [TOOL, ...Object.values(env), local.token].slice(name === "two" ? 1 : 0).join(" ");
      const { replies } = await local.runtime.ask(name, { payload: "go" }, { timeout: 60_000 });
      const others = "[secret VARIABLE] [secret OPENAI_API_KEY] [secret OPENAGENTS_TOKEN]";
      assert.deepEqual(replies, [name === "one" ? `[secret STORED] ${others}` : others]);
    }
  } finally {
    await local.stop(0);
    rmSync(data, { recursive: true, force: true });
  }
});
