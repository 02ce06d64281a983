import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

async function bench(...args: string[]): Promise<string> {
  const env = { ...process.env, BENCH_QUICK: "1" };
  return (await run(process.execPath, ["bench/main.ts", ...args], { env })).stdout;
}

void test("bench prints nothing but a JSON array of the rows asked for", async () => {
  const rows = JSON.parse(await bench("--json", "dormant.due", "tick.one")) as unknown;
  assert.ok(Array.isArray(rows));
  const shapes = (rows as Record<string, unknown>[]).map((row) =>
    Object.entries(row)
      .map(([key, value]) => `${key}:${typeof value}`)
      .join(" "),
  );
  const shape =
    "name:string value:number unit:string p50:number p99:number ratio:number against:string";
  assert.deepEqual(shapes, [shape, shape]);
  const names = (rows as { readonly name: string }[]).map(({ name }) => name);
  assert.deepEqual(names, ["tick.one", "dormant.due"]);
});

void test("bench prints a table when it is not asked for JSON", async () => {
  const [head, row] = (await bench("create")).split("\n");
  assert.match(head ?? "", /^name +value +unit +p50 +p99 +ratio +against$/);
  assert.match(row ?? "", /^create +[\d.]+ +ms +[\d.]+ +[\d.]+$/);
});

void test("bench refuses a row that there is not", async () => {
  await assert.rejects(bench("tick.few"), { code: 2, stdout: "" });
});
