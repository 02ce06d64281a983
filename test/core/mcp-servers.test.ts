import assert from "node:assert/strict";
import { test } from "node:test";
import { mcpSecrets } from "../../src/core/mcp-servers.ts";
import { defineAgent, defineRuntime, OpenAgentsError } from "../../src/index.ts";

const a = defineAgent({ name: "a" });
const runtime = (mcp: unknown): ReturnType<typeof defineRuntime> =>
  defineRuntime({ agents: [a], mcp } as Parameters<typeof defineRuntime>[0]);

function refuses(run: () => unknown, message: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof OpenAgentsError, String(error));
    assert.equal(error.code, "CONFIG", error.message);
    assert.match(error.message, message);
    return true;
  });
}

const url = "https://example.org/mcp";

const SERVERS: readonly (readonly [mcp: unknown, message: RegExp])[] = [
  [[], /"mcp" must be an object/],
  [{ x: undefined }, /"mcp\.x" must be an object with command, args, env, cwd, allow/],
  [{ x: {} }, /"mcp\.x" must have a "command", the program to start, or a "url"$/],
  [{ x: { command: "a", url } }, /there is no "mcp\.x\.command", there are: url, headers, allow/],
  [{ a__b: { url } }, /"mcp\.a__b": a name has 1 to 32 letters.* no two "_" in a row$/],
  [{ "a/b": { url } }, /"mcp\.a\/b": a name has/],
  [{ x: { command: "" } }, /must have a "command"/],
  [{ x: { command: "a\nb" } }, /must have a "command"/],
  [{ x: { command: "a", args: "b" } }, /"mcp\.x\.args" must be a list of texts$/],
  [{ x: { command: "a", args: ["b\0"] } }, /"mcp\.x\.args"/],
  [{ x: { command: "a", cwd: 5 } }, /"mcp\.x\.cwd" must be a directory$/],
  [{ x: { command: "a", env: { "A=B": "c" } } }, /"mcp\.x\.env" must not have the name "A=B"$/],
  [{ x: { command: "a", env: { A: 5 } } }, /"mcp\.x\.env\.A" must be an object with secret/],
  [{ x: { command: "a", headers: {} } }, /there is no "mcp\.x\.headers"/],
  [{ x: { url: "ftp://example.org" } }, /"mcp\.x\.url" must be an address/],
  [{ x: { url: "https://u:p@example.org" } }, /"mcp\.x\.url" must not have a password/],
  [{ x: { url, headers: { "a b": "c" } } }, /"mcp\.x\.headers" must not have the name "a b"$/],
  [{ x: { url, headers: { a: "b\r\nc: d" } } }, /"mcp\.x\.headers\.a" must be an object/],
  [{ x: { url, allow: "echo" } }, /"mcp\.x\.allow" must be a list of names of tools$/],
  [{ x: { url, allow: ["../evil"] } }, /"mcp\.x\.allow"/],
  [{ x: { url, timeout: 0 } }, /"mcp\.x\.timeout" must be 1 ms or more/],
  [{ x: { url, idle: "soon" } }, /"mcp\.x\.idle"/],
];

void test("defineRuntime() refuses servers of tools that are not right, and says why", () => {
  for (const [mcp, message] of SERVERS) refuses(() => runtime(mcp), message);
});

void test("defineRuntime() does not show what stands in the place of a secret's name", () => {
  const mcp = { x: { url, headers: { authorization: { secret: "Bearer abc-def-ghi" } } } };
  assert.throws(
    () => runtime(mcp),
    (error: Error) =>
      /must be the name of a secret/.test(error.message) && !/abc/.test(error.message),
  );
});

void test("defineRuntime() fills in what is not said of a server of tools", () => {
  const { mcp } = runtime({
    files: { command: "files", env: { A: "1", TOKEN: { secret: "FILES_TOKEN" } } },
    web: {
      url,
      headers: { authorization: { secret: "WEB_TOKEN" } },
      allow: ["get"],
      timeout: "5s",
    },
  });
  assert.deepEqual(mcp.get("files"), {
    at: {
      command: "files",
      args: [],
      env: { A: "1", TOKEN: { secret: "FILES_TOKEN" } },
      cwd: undefined,
    },
    allow: undefined,
    timeout: 60_000,
    idle: 300_000,
  });
  assert.deepEqual(mcp.get("web")!.allow, new Set(["get"]));
  assert.equal(mcp.get("web")!.timeout, 5000);
  assert.deepEqual(mcpSecrets(mcp), ["FILES_TOKEN", "WEB_TOKEN"]);
});

void test("defineAgent() mounts the servers that it names, and defineRuntime() knows them", () => {
  const user = defineAgent({ name: "user", mcp: ["web"] });
  assert.deepEqual(user.mounts, [
    { path: "/tools/web", kind: "mcp", source: "web", access: "read-write" },
  ]);
  defineRuntime({ agents: [user], mcp: { web: { url } } });
  refuses(
    () => defineRuntime({ agents: [user], mcp: { other: { url } } }),
    /agent "user" mounts the MCP server "web" at "\/tools\/web", there are: other$/,
  );
  refuses(
    () => defineAgent({ name: "b", mcp: "web" as unknown as string[] }),
    /"mcp" must be a list of names of servers/,
  );
  refuses(
    () => defineAgent({ name: "b", mcp: ["web", "web"] }),
    /there is a mount at "\/tools\/web"/,
  );
});
