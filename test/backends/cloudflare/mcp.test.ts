import assert from "node:assert/strict";
import { test } from "node:test";
import { objectServers } from "../../../src/backends/cloudflare/mcp.ts";
import { defineAgent, defineRuntime, systemClock } from "../../../src/index.ts";
import { KnownSecrets } from "../../../src/models/known-secrets.ts";
import { agentRecord } from "../../vfs/agent-record.ts";
import { errno } from "../../vfs/home.ts";

void test("a Worker that was given no client for servers of tools says how it is given one", () => {
  const kind = objectServers({
    definition: defineRuntime({
      agents: [defineAgent({ name: "a" })],
      mcp: { s: { url: "https://example.org/mcp" } },
    }),
    secrets: async () => undefined,
    knownSecrets: new KnownSecrets(),
    clock: systemClock,
    mcp: undefined,
    log: () => assert.fail("nothing is wrong"),
    version: "1",
  });
  assert.throws(
    () => kind("s", { agent: agentRecord("a"), path: "/tools/s" }),
    errno("ENOTSUP", /"s": this Worker has no client for it: give cloudflare\(\) "mcp"/),
  );
});
