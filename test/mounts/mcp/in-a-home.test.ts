import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { startLocal } from "../../../src/backends/local.ts";
import type { LocalRuntime } from "../../../src/backends/local.ts";
import { defineAgent, defineRuntime } from "../../../src/index.ts";
import type { Context } from "../../../src/index.ts";
import { isAlive, PROGRAM, SECRET, until } from "./fixture.ts";

let todo: (ctx: Context) => unknown = () => undefined;
const user = defineAgent({
  name: "user",
  mcp: ["tests"],
  retry: { retries: 1, backoff: 1 },
  onMessage: async (ctx) => void (await ctx.reply((await todo(ctx)) ?? "nothing")),
});
const reader = defineAgent({
  name: "reader",
  mounts: [{ path: "/tools/t", kind: "mcp", source: "tests", access: "read-only" }],
});
const definition = defineRuntime({
  agents: [user, reader],
  ensure: [
    { name: "ada", type: "user" },
    { name: "bob", type: "reader" },
  ],
  mcp: {
    tests: {
      command: process.execPath,
      args: [PROGRAM],
      env: { TOKEN: { secret: "TESTS_OF_TOOLS" } },
    },
  },
});

interface Here extends AsyncDisposable {
  readonly local: LocalRuntime;
  readonly warned: string[];
  call(method: string, path: string, how?: { body?: string; token?: string }): Promise<Response>;
  /** Has the agent do something in a tick; its reply. */
  tick(work: (ctx: Context) => unknown): Promise<unknown>;
}

async function here(): Promise<Here> {
  const dir = mkdtempSync(join(tmpdir(), "openagents-mcp-"));
  const warned: string[] = [];
  const local = await startLocal({
    definition,
    data: dir,
    port: 0,
    env: { TESTS_OF_TOOLS: SECRET },
    warn: (text) => warned.push(text),
  });
  return {
    local,
    warned,
    call: (method, path, { body, token = local.token } = {}) =>
      fetch(`${local.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body !== undefined && { body }),
      }),
    async tick(work) {
      todo = work;
      const { replies } = await local.runtime.ask("ada", { payload: "go" }, { timeout: 60_000 });
      return replies[0];
    },
    async [Symbol.asyncDispose]() {
      await local.stop(0);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

void test("an agent calls a tool in its tick, which its record and its stream tell as that", async () => {
  await using h = await here();
  assert.deepEqual(
    await h.tick(async (ctx) => [
      await ctx.fs.exchange("/tools/tests/sum", '{"a":1,"b":2}'),
      JSON.parse(await ctx.fs.read("/tools/tests/tools.json")).length > 5,
      await ctx.fs.exchange("/tools/tests/env", "").then((env) => JSON.parse(env).TOKEN),
    ]),
    ['{"sum":3}', true, "[secret TESTS_OF_TOOLS]"],
  );
  const { lastTick } = await h.local.runtime.status("ada");
  assert.deepEqual(
    lastTick!.steps?.map(({ key }) => key),
    ["step:tool:tests/sum#0", "step:fs:read:/tools/tests/tools.json#0", "step:tool:tests/env#0"],
  );
  const response = await h.call("GET", "/agents/ada/trajectory");
  assert.ok(!(await response.text()).includes(SECRET));
});

void test("a tick that is tried again calls no tool twice, and finds the same error of one", async () => {
  await using h = await here();
  const pids: unknown[] = [];
  let tries = 0;
  const reply = await h.tick(async (ctx) => {
    tries += 1;
    pids.push(await ctx.fs.exchange("/tools/tests/pid", "{}"));
    const failed = await ctx.fs.exchange("/tools/tests/fail", "").catch((error: unknown) => error);
    // The program is another one from here on.
    await ctx.fs.exchange("/tools/tests/crash", "").catch(() => undefined);
    if (tries === 1) throw new Error("once more");
    return [(failed as { errno: string }).errno, (failed as Error).message];
  });
  assert.equal(tries, 2);
  assert.equal(pids[0], pids[1]);
  assert.deepEqual(reply, ["EREMOTEIO", 'Cannot call "/tools/tests/fail": the disk is full']);
});

void test("tools are for those who have the right, and a server is only what the configuration has", async () => {
  await using h = await here();
  const made = await h.call("POST", "/tokens", { body: '{"name":"r","scope":"read"}' });
  assert.equal(made.status, 201);
  const { token } = (await made.json()) as { token: string };
  const echo = "/agents/ada/tools/tests/echo";
  const body = '{"text":"hi"}';
  const said = await h.call("POST", echo, { body });
  assert.deepEqual([said.status, await said.text()], [200, "hi"]);
  assert.equal((await h.call("POST", echo, { body, token })).status, 403);
  const told = await h.call("GET", echo, { token });
  assert.equal(((await told.json()) as { name: string }).name, "echo");
  const failed = await h.call("POST", "/agents/ada/tools/tests/fail");
  const problem = (await failed.json()) as { code: string; detail: string };
  assert.deepEqual([failed.status, problem.code], [502, "REMOTE"]);

  // A level below that is not for its own operators either.
  assert.equal((await h.call("GET", "/agents/bob/tools/t/tools.json")).status, 200);
  assert.equal((await h.call("POST", "/agents/bob/tools/t/echo", { body })).status, 403);
  for (const source of ["other", "", "sh -c id", process.execPath]) {
    const line = `mount /tools/x mcp read-write ${source}\n`;
    const refused = await h.call("PUT", "/agents/bob/mounts", { body: line });
    assert.ok(refused.status >= 400, source);
  }
  assert.equal((await h.call("GET", "/agents/bob/tools/x")).status, 404);
});

void test("programs end with the home", async () => {
  const h = await here();
  const pid = Number(await h.tick((ctx) => ctx.fs.exchange("/tools/tests/pid", "")));
  assert.ok(isAlive(pid));
  await h[Symbol.asyncDispose]();
  await until("ended", () => !isAlive(pid));
  assert.deepEqual(h.warned, []);
});

void test("programs end where the process of the home is killed", async () => {
  const child = spawn(process.execPath, [new URL("./home-process.ts", import.meta.url).pathname], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const pid = Number(line);
    assert.ok(isAlive(pid), line);
    child.kill("SIGKILL");
    await until("ended", () => !isAlive(pid));
    return;
  }
  assert.fail("it said nothing");
});
