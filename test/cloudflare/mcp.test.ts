import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { httpTools, SECRET } from "../mounts/mcp/fixture.ts";
import type { HttpTools } from "../mounts/mcp/fixture.ts";

let worker: Workerd;
let tools: HttpTools;
let old: HttpTools;
before(async () => {
  [tools, old] = await Promise.all([httpTools(), httpTools({ old: true })]);
  worker = await startWorkerd({
    entry: "test/cloudflare/mcp.worker.ts",
    define: { TOOLS: tools.url, OLD_TOOLS: old.url },
    env: { TOOLS_TOKEN: SECRET },
  });
});
after(async () => {
  await Promise.all([worker, tools, old].map((one) => one?.[Symbol.asyncDispose]()));
});

/** What an agent replies that is told to read or ask a file. */
async function use(agent: string, path: string, input?: unknown): Promise<unknown> {
  const payload = { path, ...(input !== undefined && { input: JSON.stringify(input) }) };
  const response = await worker.fetch(`/agents/${agent}/send?wait=30s`, {
    method: "POST",
    body: JSON.stringify({ payload }),
  });
  return ((await response.json()) as { replies: unknown[] }).replies[0];
}

for (const [name, of] of [
  ["tools", () => tools],
  ["old", () => old],
] as const) {
  void test(`in a Worker: an agent uses the tools of a server over HTTP (${name})`, async () => {
    assert.equal(await use("ada", `/tools/${name}/echo`, { text: "hello" }), "hello");
    // Another object, with a connection of its own.
    assert.equal(await use("bob", `/tools/${name}/sum`, { a: 1, b: 2 }), '{"sum":3}');
    const failed = await use("ada", `/tools/${name}/fail`, {});
    assert.deepEqual(failed, ["EREMOTEIO", `Cannot call "/tools/${name}/fail": the disk is full`]);
    const env = JSON.parse(String(await use("ada", `/tools/${name}/env`, {}))) as object;
    assert.deepEqual(env, { TOKEN: "[secret TOOLS_TOKEN]" });
    const all = JSON.parse(String(await use("ada", `/tools/${name}/tools.json`))) as object[];
    assert.equal(all.length > 6, name === "old");
    const large = (await use("ada", `/tools/${name}/big`, { bytes: 1_000_000 })) as string[];
    assert.equal(large[0], "EFBIG");
    const half = (await use("ada", `/tools/${name}/half`, {})) as string[];
    assert.match(half[1]!, /may have been done/);
    assert.equal(await use("ada", `/tools/${name}/echo`, { text: "again" }), "again");
    assert.ok(
      of().seen.every((line) => line === `POST ${SECRET}`),
      of().seen.join(),
    );
  });
}

void test("in a Worker: the call of a tool is a step, and a program cannot be started", async () => {
  await use("ada", "/tools/tools/echo", { text: "one" });
  const status = (await (await worker.fetch("/agents/ada/status")).json()) as {
    lastTick: { steps: { key: string }[] };
  };
  assert.deepEqual(
    status.lastTick.steps.map(({ key }) => key),
    ["step:tool:tools/echo#0"],
  );
  const [errno, message] = (await use("ada", "/tools/program/echo", {})) as string[];
  assert.equal(errno, "ENOTSUP");
  assert.match(message!, /it is a program, and none can be started here: give it a url/);
  const trajectory = await (await worker.fetch("/agents/ada/trajectory")).text();
  assert.ok(!trajectory.includes(SECRET) && !worker.output().includes(SECRET));
});
