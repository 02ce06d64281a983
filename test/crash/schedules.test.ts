import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { start } from "../../scripts/agentd.ts";

const HOME = fileURLToPath(new URL("schedules.home.ts", import.meta.url));
const START = Date.UTC(2026, 2, 2, 8);

/** Runs the home at a time; what it printed, or the signal that ended it. */
function run(dir: string, minute: number, death: string): Promise<string> {
  const args = [HOME, dir, String(START + minute * 60_000), death];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.signal != null) resolve(error.signal);
      else reject(new Error(stderr));
    });
  });
}

void test("SIGKILL before, between and after the steps of a firing: each fires once", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-schedules-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  await run(dir, 0, "create");
  assert.equal(await run(dir, 1, "marked"), "SIGKILL");
  assert.equal(await run(dir, 1, "delivered"), "SIGKILL");
  assert.equal(await run(dir, 1, "delivered"), "SIGKILL");
  // Down for three more: the first is known to have fired, and those stand for one firing.
  assert.equal(await run(dir, 4, "advanced"), "SIGKILL");
  assert.equal(await run(dir, 4, "delivered"), "SIGKILL");
  assert.equal(await run(dir, 4, "advanced"), "SIGKILL");
  assert.deepEqual(JSON.parse(await run(dir, 4, "never")), [
    "2026-03-02T08:01:00.000Z 0",
    "2026-03-02T08:04:00.000Z 2",
  ]);
});

void test("an agentd that is killed goes on with its schedules", async (t) => {
  const data = mkdtempSync(join(tmpdir(), "openagents-schedules-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const config = new URL("kill.config.ts", import.meta.url);
  let daemon = await start(config, data);
  t.after(() => daemon.kill());
  const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const { url, headers } = daemon;
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(url + path, init);
    const answer = (await response.json()) as Record<string, unknown>;
    assert.ok(response.ok, JSON.stringify(answer));
    return answer;
  };
  const { items } = (await daemon.get("/agents")) as { items: { name: string }[] };
  const agent = items[0]!.name;
  await post("/schedules", { id: "often", agent, every: "1s", missed: "all", type: "event" });
  const fired = async (): Promise<number> =>
    (await daemon.get("/schedules/often"))["fired"] as number;
  while ((await fired()) < 1) await sleep(50);
  await daemon.kill();
  daemon = await start(config, data);
  const before = await fired();
  while ((await fired()) < before + 2) await sleep(50);
  const { due, start: first, fired: count, lastDue } = await daemon.get("/schedules/often");
  // Every time up to the last one fired, those among them for which nothing ran.
  assert.equal((lastDue as number) - (first as number), ((count as number) - 1) * 1000);
  assert.equal(due, (lastDue as number) + 1000);
});
