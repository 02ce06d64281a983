import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Routing } from "../../src/core/draft-envelope.ts";
import { compileRules } from "../../src/drivers/plumber.ts";
import { project } from "./project.ts";

const RULES = `
rules:
  - name: bots
    when: { json: { $.sender: "*[bot]" } }
    drop: a bot did it
  - name: tidy
    when: { from: github }
    transform: { remove: [$.secret] }
  - name: pushes
    when: { from: github }
    send: [deployer, auditor]
`;

const ENVELOPES = [
  { id: "1", from: "github", payload: { a: 1, secret: 2 } },
  { id: "2", from: "github", payload: { sender: "renovate[bot]" } },
  { id: "3", to: "greeter" },
  { id: "4" },
];

void test("agentctl plumb --dry-run shows what becomes of envelopes, without an agentd", async () => {
  await using p = project(null);
  p.write("plumb.yaml", RULES);
  p.write("one.json", JSON.stringify(ENVELOPES[0]));
  p.write("list.json", JSON.stringify(ENVELOPES, undefined, 2));
  const lines = ENVELOPES.map((each) => JSON.stringify(each)).join("\n");
  const checked = await p.agentctl("plumb", "--dry-run", "plumb.yaml");
  assert.deepEqual(checked, { code: 0, stdout: "plumb.yaml: 3 rules, no error\n", stderr: "" });
  const table = [
    "ENVELOPE  OUTCOME   TO        RULE    WHY",
    "1         sent      deployer  pushes  changed by tidy",
    "1         sent      auditor   pushes  changed by tidy",
    "2         dropped   -         bots    a bot did it",
    "3         sent      greeter   direct",
    "4         unrouted  -         -       no rule is for it",
    "",
  ].join("\n");
  const args = ["plumb", "plumb.yaml", "--dry-run", "--envelope"];
  assert.deepEqual(await p.agentctl(...args, "list.json"), { code: 0, stdout: table, stderr: "" });
  const piped = await p.run([...args, "-"], { stdin: `${lines}\n\n` });
  assert.deepEqual(piped, { code: 0, stdout: table, stderr: "" });
  assert.equal((await p.agentctl(...args, "one.json")).stdout.split("\n").length, 4);
});

void test("agentctl plumb --json gives what the plumber itself gives, one a line", async () => {
  await using p = project(null);
  p.write("plumb.yaml", RULES);
  const full = ENVELOPES.map((each) => ({
    sentAt: 1,
    source: "http",
    from: "ada",
    type: "event" as const,
    payload: null,
    ...each,
  }));
  const stdin = full.map((each) => JSON.stringify(each)).join("\n");
  const args = ["--json", "plumb", "--dry-run", "plumb.yaml", "--envelope", "-"];
  const { stdout } = await p.run(args, { stdin });
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Routing);
  const plumber = compileRules(RULES);
  const real = full.map((each) => ({ id: each.id, ...plumber.route(each) }));
  assert.deepEqual(rows, JSON.parse(JSON.stringify(real)));
  const { stdout: checked } = await p.agentctl("plumb", "--dry-run", "plumb.yaml", "--json");
  assert.deepEqual(JSON.parse(checked), { file: "plumb.yaml", rules: ["bots", "tidy", "pushes"] });
});

void test("agentctl plumb says what is wrong, where, and with which exit code", async () => {
  await using p = project(null);
  p.write("plumb.yaml", RULES);
  p.write("wrong.yaml", "rules:\n  - { name: a, sned: b }\n");
  p.write(
    "blown.yaml",
    `rules: [{ name: r, send: a, transform: { set: { $.a: { text: "${"{$}".repeat(50)}" } } } }]`,
  );
  const cases: readonly (readonly [
    args: string[],
    code: number,
    stderr: RegExp,
    stdin?: string,
  ])[] = [
    [["wrong.yaml"], 1, /^agentctl: Cannot use rules: wrong.yaml:2:16: .*is it "send"\?\n$/],
    [["nowhere.yaml"], 3, /^agentctl: Cannot read rules "nowhere.yaml": there is no such file\n$/],
    [["plumb.yaml", "--envelope", "nowhere"], 3, /^agentctl: Cannot read envelopes "nowhere"/],
    [["plumb.yaml", "--envelope", ""], 2, /--envelope: its value is empty/],
    [["plumb.yaml", "--envelope", "-"], 2, /"-" line 2: /, "{}\n{]"],
    [["plumb.yaml", "--envelope", "-"], 2, /envelope 1 of "-": it must be an object/, "[1]"],
    [["plumb.yaml", "--envelope", "-"], 2, /has no "form", there are: id/, '{"form":"x"}'],
    [["plumb.yaml", "--envelope", "-"], 2, /"type" must be one of/, '{"type":"x"}'],
    [["plumb.yaml", "--envelope", "-"], 2, /no control character/, '{"headers":{"a":"\\r\\nb"}}'],
    [[], 2, /missing required argument/],
  ];
  for (const [args, code, stderr, stdin = ""] of cases) {
    const ended = await p.run(["plumb", "--dry-run", ...args], { stdin });
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, stderr);
  }
  const real = await p.agentctl("plumb", "plumb.yaml");
  assert.equal(real.code, 2);
  assert.match(real.stderr, /rules come to hold by "agentd --plumb FILE": add --dry-run/);
  const wrong = await p.agentctl("plumb", "--dry-run", "wrong.yaml", "--json");
  assert.equal(wrong.code, 1);
  const { problems } = JSON.parse(wrong.stdout) as { problems: { line: number; column: number }[] };
  assert.deepEqual([problems[0]!.line, problems[0]!.column], [2, 16]);
  const stdin = JSON.stringify({ id: "big", payload: "x".repeat(30_000) });
  const blown = await p.run(["plumb", "--dry-run", "blown.yaml", "--envelope", "-"], { stdin });
  assert.equal(blown.code, 1);
  assert.match(blown.stdout, /^big +refused +- +- +Cannot route envelope: .* longer than/m);
});

void test("agentd --plumb checks a file at the start, and follows it", async () => {
  await using p = project();
  p.write("wrong.yaml", "rules:\n  - { name: a, sned: b }\n");
  const refused = await p.agentd(["--plumb", "wrong.yaml"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^agentd: Cannot use rules: wrong.yaml:2:16: a rule has no "sned"/m);
  const none = await p.agentd(["--plumb", "nowhere.yaml"]);
  assert.equal(none.code, 3);
  p.write("plumb.yaml", RULES);
  const daemon = await p.start({ args: ["--plumb", "plumb.yaml"] });
  let stderr = "";
  daemon.child.stderr!.on("data", (chunk: string) => (stderr += chunk));
  writeFileSync(join(p.dir, "plumb.yaml"), "rules: [{ name: a, sned: b }]");
  while (!/stay as they were: Cannot use rules: plumb.yaml:1:20/.test(stderr)) await sleep(20);
  writeFileSync(join(p.dir, "plumb.yaml"), "rules: []");
  while (!stderr.includes('The rules of "plumb.yaml" hold now, there are 0')) await sleep(20);
  assert.equal((await daemon.end()).code, 0);
});

void test("agentd refuses wrong rules of its configuration, with their path", async () => {
  const config = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
export default defineRuntime({
  agents: [defineAgent({ name: "a" })],
  plumber: { rules: [{ name: "a", send: "not ok" }] },
});
`;
  await using p = project(config);
  const { code, stderr } = await p.agentd();
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^agentd: Cannot use rules: the runtime's plumber: rules\[0\]\.send: "not ok"/m,
  );
});
