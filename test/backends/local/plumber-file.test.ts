import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { plumberFile } from "../../../src/backends/local/plumber-file.ts";
import { draft } from "../../drivers/plumber/setting.ts";

const rules = (...names: readonly string[]): string =>
  `rules:\n${names.map((name) => `  - { name: ${name}, send: a }\n`).join("")}`;

function place(first: string) {
  const dir = mkdtempSync(join(tmpdir(), "openagents-plumb-"));
  const path = join(dir, "plumb.yaml");
  writeFileSync(path, first);
  const told: string[] = [];
  const tell = (text: string): void => void told.push(text);
  const file = plumberFile({ path, payloadLength: 1000, tell, interval: 5 });
  return {
    dir,
    path,
    told,
    file,
    rule: () => file.plumber.route(draft()).routed[0]!.rule,
    /** Waits until this many things were told. */
    async heard(count: number): Promise<void> {
      while (told.length < count) await sleep(5);
    },
    [Symbol.dispose]() {
      file.stop();
      rmSync(dir, { recursive: true });
    },
  };
}

void test("new rules hold once the file has them, however they got there", async () => {
  using p = place(rules("one"));
  assert.equal(p.rule(), "one");
  writeFileSync(p.path, rules("two", "more"));
  await p.heard(1);
  assert.equal(p.rule(), "two");
  assert.match(p.told[0]!, /^The rules of ".*plumb.yaml" hold now, there are 2$/);
  writeFileSync(join(p.dir, "new"), rules("three"));
  renameSync(join(p.dir, "new"), p.path);
  await p.heard(2);
  assert.equal(p.rule(), "three");
  writeFileSync(join(p.dir, "linked"), rules("fourth"));
  unlinkSync(p.path);
  symlinkSync("linked", p.path);
  // For a moment there was no file, which may have been seen.
  while (p.rule() !== "fourth") await sleep(5);
});

void test("of the same length and content in the same moment, a file is found to be another", async () => {
  using p = place(rules("one"));
  writeFileSync(p.path, rules("two"));
  await p.heard(1);
  assert.equal(p.rule(), "two");
});

void test("wrong rules change nothing, and are told once with their place", async () => {
  using p = place(rules("one"));
  writeFileSync(p.path, "rules:\n  - { name: two, sned: a }\n");
  await p.heard(1);
  assert.match(
    p.told[0]!,
    /^The rules stay as they were: Cannot use rules: .*plumb.yaml:2:18: a rule/,
  );
  assert.equal(p.rule(), "one");
  writeFileSync(p.path, rules("one"));
  await p.heard(2);
  assert.match(p.told[1]!, /are again those that hold$/);
  unlinkSync(p.path);
  await p.heard(3);
  assert.match(p.told[2]!, /^The rules stay as they were: Cannot read rules .* no such file$/);
  assert.equal(p.rule(), "one");
  writeFileSync(p.path, rules("two"));
  await p.heard(4);
  assert.equal(p.rule(), "two");
  assert.equal(p.told.length, 4);
});

void test("a file that is written again and again is told of as it is in the end", async () => {
  using p = place(rules("first"));
  for (let i = 0; i < 50; i += 1) {
    writeFileSync(p.path, rules(`r${i}`).slice(0, i % 2 === 0 ? 20 : undefined));
    if (i % 10 === 0) await sleep(1);
  }
  while (p.rule() !== "r49") await sleep(5);
});

void test("a file that cannot be used at the start is refused", () => {
  const open = (path: string) => plumberFile({ path, payloadLength: 1000, tell: () => undefined });
  assert.throws(() => open("/nowhere/plumb.yaml"), {
    code: "NOT_FOUND",
    message: 'Cannot read rules "/nowhere/plumb.yaml": there is no such file',
  });
  assert.throws(() => open(tmpdir()), { code: "DENIED" });
  assert.throws(() => place("rules: 1"), {
    code: "CONFIG",
    message: /plumb.yaml:1:8: "rules" must/,
  });
});

void test("a file that is followed no more changes nothing", async () => {
  using p = place(rules("one"));
  p.file.stop();
  p.file.stop();
  writeFileSync(p.path, rules("two"));
  await sleep(50);
  assert.equal(p.rule(), "one");
});
