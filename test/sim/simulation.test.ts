import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** How many schedules are tried; more with SIM_SEEDS. */
const SEEDS = Number(process.env["SIM_SEEDS"] ?? 2000);
/** One of moves takes about eight times as long. */
const MOVE_SEEDS = Math.ceil(SEEDS / 8);
/** One of files takes longer, too. */
const FILE_SEEDS = Math.ceil(SEEDS / 8);
/** One of models takes longest. */
const MODEL_SEEDS = Math.ceil(SEEDS / 20);
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

/** What a process that runs these seeds says. */
async function run(what: string, from: number, to: number): Promise<string> {
  const child = spawn(process.execPath, [MAIN, what, String(from), String(to)]);
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise((resolve) => {
    child.once("close", resolve);
  });
  return code === 0 ? "" : said;
}

/** What is said of all seeds up to `seeds`, run by as many processes as there are cores. */
async function runAll(what: string, seeds: number): Promise<string> {
  const processes = Math.min(availableParallelism(), 8);
  const share = Math.ceil(seeds / processes);
  const said = await Promise.all(
    Array.from({ length: processes }, (_, i) =>
      run(what, i * share, Math.min(seeds, (i + 1) * share)),
    ),
  );
  return said.join("");
}

void test(`the kernel keeps its promises under ${SEEDS} seeded schedules of crashes and refusals`, async () => {
  assert.equal(await runAll("kernel", SEEDS), "");
});

void test(`a moving agent has one owner and loses nothing under ${MOVE_SEEDS} seeded schedules of crashes`, async () => {
  assert.equal(await runAll("moves", MOVE_SEEDS), "");
});

void test(`changes of an agent's files are made once under ${FILE_SEEDS} seeded schedules of crashes and refusals`, async () => {
  assert.equal(await runAll("files", FILE_SEEDS), "");
});

void test(`an agent that thinks makes and pays for each call once under ${MODEL_SEEDS} seeded schedules of crashes and refusals`, async () => {
  assert.equal(await runAll("models", MODEL_SEEDS), "");
});
