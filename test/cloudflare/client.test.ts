import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { startWorkerd } from "../../scripts/workerd.ts";
import { startLocal } from "../../src/backends/local.ts";
import type { LocalRuntime } from "../../src/backends/local.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";

const echo = defineAgent({
  name: "echo",
  onMessage: (ctx, message) => ctx.reply(message.payload),
});

const data = mkdtempSync(join(tmpdir(), "openagents-client-"));
let home: LocalRuntime;
before(async () => {
  const definition = defineRuntime({
    agents: [echo],
    ensure: [{ name: "bob", type: "echo" }],
  });
  home = await startLocal({ definition, data, port: 0 });
});
after(async () => {
  await home.stop(0);
  rmSync(data, { recursive: true });
});

void test("the client runs in a Worker", async () => {
  await using worker = await startWorkerd({
    entry: "test/cloudflare/client.worker.ts",
    objects: {},
  });
  const { url, token } = home;
  const body = JSON.stringify({ url, token });
  const response = await worker.fetch("/", { method: "POST", body });
  assert.ok(response.ok, worker.output());
  assert.deepEqual(await response.json(), {
    name: "ada",
    replies: ["hello"],
    first: "reply",
    code: "NOT_FOUND",
  });
});

/** What a browser has of what the client may use, and nothing of Node. */
const BROWSER = {
  fetch,
  URL,
  URLSearchParams,
  AbortSignal,
  AbortController,
  TextEncoder,
  TextDecoder,
  ReadableStream,
  WebSocket,
  crypto,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
};

void test("the client runs in a browser, with nothing of Node and no schemas in its bundle", async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: ["src/control/remote-runtime.ts"],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "client",
    platform: "browser",
    target: "es2022",
    metafile: true,
    minify: true,
  });
  const [{ text }] = outputFiles as [(typeof outputFiles)[number]];
  const modules = Object.values(metafile.inputs).flatMap(({ imports }) => imports);
  assert.deepEqual(
    modules.filter(({ external, path }) => external === true || path.startsWith("node:")),
    [],
  );
  assert.doesNotMatch(Object.keys(metafile.inputs).join(" "), /\/(zod|hono)\//);
  assert.ok(text.length < 100_000, `it has ${text.length} characters`);
  const page = createContext({ ...BROWSER, at: { url: home.url, token: home.token } });
  runInContext(text, page);
  const done = runInContext(
    `(async () => {
      const home = client.remoteRuntime(at);
      const { replies } = await home.ask("bob", { payload: "hello" }, { timeout: 30000 });
      const socket = client.agentSocket({ ...at, agent: "bob" });
      const said = await socket.ask({ payload: "again" });
      socket.close();
      return JSON.stringify([replies, said.replies]);
    })()`,
    page,
  ) as Promise<string>;
  assert.equal(await done, '[["hello"],["again"]]');
});
