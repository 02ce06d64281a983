import assert from "node:assert/strict";
import { test } from "node:test";
import { agentPath } from "../../src/cli/command.ts";
import { oneLine } from "../../src/cli/output.ts";

void test("oneLine() leaves nothing that could steer a terminal or pass for another line", () => {
  assert.equal(
    oneLine("a\n2026 forged\r\u001b[31mred\u001b[0m\u0007"),
    "a\\n2026 forged\\rred\uFFFD",
  );
});

void test("agentPath() refuses what an address would take for something else", () => {
  for (const name of ["", ".", ".."]) assert.throws(() => agentPath(name), /as an agent/);
  assert.equal(agentPath("a/b", "/status"), "/agents/a%2Fb/status");
});
