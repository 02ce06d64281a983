import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** How many schedules are tried; more with SIM_SEEDS. */
const SEEDS = Number(process.env["SIM_SEEDS"] ?? 2000);
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

/** What a process that runs these seeds says. */
async function run(from: number, to: number): Promise<string> {
  const child = spawn(process.execPath, [MAIN, String(from), String(to)]);
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise((resolve) => {
    child.once("close", resolve);
  });
  return code === 0 ? "" : said;
}

void test(`the kernel keeps its promises under ${SEEDS} seeded schedules of crashes and refusals`, async () => {
  const processes = Math.min(availableParallelism(), 8);
  const share = Math.ceil(SEEDS / processes);
  const said = await Promise.all(
    Array.from({ length: processes }, (_, i) => run(i * share, Math.min(SEEDS, (i + 1) * share))),
  );
  assert.equal(said.join(""), "");
});
