import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

void test("the table of prices is what scripts/prices.ts makes of the package", () => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-prices-"));
  try {
    const file = join(dir, "price-table.ts");
    const { status, stderr } = spawnSync(process.execPath, ["scripts/prices.ts", file], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(file, "utf8"), readFileSync("src/models/price-table.ts", "utf8"));
  } finally {
    rmSync(dir, { recursive: true });
  }
});
