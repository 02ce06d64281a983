import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../../scripts/agentd.ts";
import { remoteFiles } from "../../src/control/remote-files.ts";
import { Editor } from "../sim/editors.ts";

/** How often agentd is killed; more with KILLS. */
const KILLS = Number(process.env["KILLS"] ?? 5);
const CONFIG = new URL("files.config.ts", import.meta.url);

void test(`every change of files that is acknowledged is there once after ${KILLS} SIGKILLs, and none outside is made again`, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-files-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [data, outside, notes] = ["data", "outside", "notes"].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(outside);
  writeFileSync(notes, "");
  process.env["TEST_OUTSIDE"] = outside;
  process.env["TEST_NOTES"] = notes;
  let daemon = await start(CONFIG, data, 0, "--host-dir", outside);
  t.after(() => daemon.kill());
  const { url, headers } = daemon;
  const token = headers["authorization"]!.slice("Bearer ".length);
  const files = remoteFiles({ url, token }, "filer");

  const load = { over: false };
  const accepted: string[] = [];
  const send = async (client: string): Promise<void> => {
    for (let i = 0; !load.over;) {
      const text = `${client}${i}`;
      const body = JSON.stringify({ payload: text, id: text });
      const init = { method: "POST", headers, body };
      const answer = await fetch(`${url}/agents/filer/send`, init).catch(() => undefined);
      await answer?.text().catch(() => undefined);
      if (answer?.status === 202) {
        accepted.push(text);
        i += 1;
      }
      await sleep(5);
    }
  };
  const editors = ["p", "q", "r", "s"].map((name) => new Editor(name, Math.random));
  const edit = async (editor: Editor): Promise<void> => {
    while (!load.over) {
      await editor.edit(files);
      await sleep(2);
    }
  };
  const busy = [...["a", "b"].map(send), ...editors.map(edit)];
  const told = (): number => editors.reduce((sum, editor) => sum + editor.told, 0);
  for (let i = 0; i < KILLS; i += 1) {
    const enough = told() + 4;
    const until = Date.now() + Math.random() * 300;
    while (told() < enough || Date.now() < until) await sleep(5);
    await daemon.kill();
    daemon = await start(CONFIG, data, Number(new URL(url).port), "--host-dir", outside);
  }
  load.over = true;
  await Promise.all(busy);
  while ((await daemon.get("/agents/filer/status"))["queued"] !== 0) await sleep(20);

  t.diagnostic(`${accepted.length} messages; ${told()} changes`);
  for (const editor of editors) {
    assert.deepEqual(await editor.judge(files), []);
  }
  const read = async (path: string): Promise<string> =>
    new TextDecoder().decode(await files.read(path));
  const log = (await read("/memory/files/log")).split("\n").filter((line) => line !== "");
  assert.deepEqual(log.toSorted(), accepted.toSorted());
  const { got } = (await daemon.get("/agents/filer/state")) as { got: readonly string[] };
  assert.deepEqual(got, log);
  const noted = new Map<string, string>();
  for (const line of readFileSync(notes, "utf8")
    .split("\n")
    .filter((each) => each !== "")) {
    const [text, count] = line.split(" ") as [string, string];
    assert.equal(noted.get(text) ?? count, count, `"${text}" was done again after it was noted`);
    noted.set(text, count);
  }
  for (const text of accepted) {
    const marks = readFileSync(join(outside, text), "utf8");
    assert.equal(String(marks.length), noted.get(text), `what is outside of "${text}"`);
    assert.equal(await read(`/memory/files/each/${text}`), marks);
  }
  const verdict = await daemon.get("/agents/filer/trajectory/verify");
  assert.equal(verdict["ok"], true, JSON.stringify(verdict));
});
