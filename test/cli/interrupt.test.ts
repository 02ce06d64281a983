import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { seriesOf } from "../../src/cli/metrics-text.ts";
import { project } from "./project.ts";
import type { Ended } from "./project.ts";

const CONFIG = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const waiter = defineAgent({
  name: "waiter",
  state: { heard: 0 },
  async onMessage(ctx, { text }) {
    if (text === "run") await new Promise((_, reject) => ctx.signal.addEventListener("abort", reject));
    if (text === "park") await ctx.sleep("1d");
    ctx.state.heard += 1;
  },
});
export default defineRuntime({ agents: [waiter], ensure: [{ name: "alice", type: "waiter" }] });
`;

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function fails({ code, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.match(stderr, message);
}

const json = (ended: Ended): Record<string, unknown> =>
  JSON.parse(ok(ended)) as Record<string, unknown>;

void test("agentctl pause has mail wait until agentctl resume", async () => {
  await using p = project(CONFIG);
  await p.start();
  const paused = await p.agentctl("pause", "alice");
  assert.equal(ok(paused), "");
  assert.match(paused.stderr, /mail waits.*agentctl resume alice\n$/);
  ok(await p.agentctl("send", "alice", "hello"));
  assert.equal(json(await p.agentctl("status", "alice", "--json"))["status"], "paused");
  assert.match(ok(await p.agentctl("inbox", "alice")), /message/);
  fails(await p.agentctl("tick", "alice"), 1, /it is paused[^]*"agentctl resume alice"/);
  assert.equal((await p.agentctl("resume", "alice")).stderr, "alice goes on.\n");
  while (json(await p.agentctl("state", "alice"))["heard"] !== 1) await sleep(50);
  assert.equal(json(await p.agentctl("resume", "alice", "--json"))["name"], "alice");
  fails(await p.agentctl("pause", "alcie"), 3, /Did you mean alice/);
});

void test("agentctl cancel ends the tick that runs, and what is parked", async () => {
  await using p = project(CONFIG);
  await p.start();
  const idle = await p.agentctl("cancel", "alice");
  assert.equal(ok(idle), "");
  assert.match(idle.stderr, /No tick of alice runs.*agentctl inbox alice/);
  fails(
    await p.agentctl("cancel", "alice", "nope"),
    3,
    /no such envelope[^]*"agentctl inbox alice"/,
  );
  ok(await p.agentctl("send", "alice", "run", "--id", "first"));
  let running = json(await p.agentctl("cancel", "alice", "--json"));
  while (running["cancelled"] === undefined) {
    await sleep(50);
    running = json(await p.agentctl("cancel", "alice", "--json"));
  }
  assert.equal(running["cancelled"], "first");
  ok(await p.agentctl("send", "alice", "park", "--id", "second"));
  while (!/second/.test(ok(await p.agentctl("status", "alice")))) await sleep(50);
  const parked = await p.agentctl("cancel", "alice", "second");
  assert.match(parked.stderr, /^Cancelled second\.[^]*agentctl deadletter replay alice second\n$/);
  const dead = ok(await p.agentctl("deadletter", "list", "alice"));
  assert.match(dead, /first[^\n]*CANCELLED[^]*second[^\n]*CANCELLED/);
});

void test("agentctl runtime pause stops all, over a restart, and everybody is told", async () => {
  await using p = project(CONFIG);
  const first = await p.start();
  const pressed = await p.agentctl("runtime", "pause");
  assert.equal(ok(pressed), "");
  assert.match(pressed.stderr, /no tick of any agent begins[^]*over a restart.*runtime resume/);
  await first.end();
  await p.start();
  ok(await p.agentctl("send", "alice", "hello"));
  for (const words of [["list"], ["info"], ["status", "alice"], ["top", "--once"]]) {
    const { stderr } = await p.agentctl(...words);
    assert.match(stderr, /All ticks of this home are stopped.*agentctl runtime resume/, words[0]);
  }
  assert.match(ok(await p.agentctl()), /all ticks are stopped[^]*agentctl runtime resume/);
  assert.equal(json(await p.agentctl("top", "--once", "--json"))["paused"], true);
  assert.equal(json(await p.agentctl("runtime", "status", "--json"))["paused"], true);
  assert.match(ok(await p.agentctl("runtime", "status")), /^paused +true$/m);
  fails(await p.agentctl("tick", "alice"), 1, /are stopped[^]*"agentctl runtime resume"/);
  ok(await p.agentctl("pause", "alice"));
  // It does not go on alone.
  assert.match((await p.agentctl("resume", "alice")).stderr, /agentctl runtime resume/);
  assert.equal(json(await p.agentctl("state", "alice"))["heard"], 0);
  assert.match((await p.agentctl("runtime", "resume")).stderr, /goes on\..*agentctl top/);
  while (json(await p.agentctl("state", "alice"))["heard"] !== 1) await sleep(50);
  assert.equal((await p.agentctl("list")).stderr, "");
  assert.deepEqual(json(await p.agentctl("runtime", "pause", "--json")), { paused: true });
  assert.deepEqual(json(await p.agentctl("runtime", "resume", "--json")), { paused: false });
});

void test("agentctl metrics gives what is counted of one agent, or of all", async () => {
  await using p = project(CONFIG);
  await p.start();
  ok(await p.agentctl("send", "alice", "hello", "--wait"));
  for (const words of [
    ["runtime", "metrics"],
    ["metrics", "alice"],
  ]) {
    const text = ok(await p.agentctl(...words));
    assert.match(text, /^# TYPE openagents_\w+ (counter|gauge)\n/m);
    const series = JSON.parse(ok(await p.agentctl(...words, "--json"))) as { name: string }[];
    const names = new Set(text.match(/^\w+(?=[ {])/gm));
    assert.deepEqual(new Set(series.map(({ name }) => name)), names);
  }
  fails(await p.agentctl("metrics", "alcie"), 3, /Did you mean alice/);
});

void test("seriesOf() reads series as they are written", () => {
  const text = '# HELP a b\na 1\nb{c="d\\"e\\\\n",f="g\\nh"} 0.5\nc_bucket{le="+Inf"} 3\nd +Inf\n';
  assert.deepEqual(seriesOf(text), [
    { name: "a", labels: {}, value: 1 },
    { name: "b", labels: { c: 'd"e\\n', f: "g\nh" }, value: 0.5 },
    { name: "c_bucket", labels: { le: "+Inf" }, value: 3 },
    { name: "d", labels: {}, value: "+Inf" },
  ]);
});
