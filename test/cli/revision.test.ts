import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { remoteRuntime } from "../../src/control/remote-runtime.ts";
import { project } from "./project.ts";
import type { Daemon, Project } from "./project.ts";

const CONFIG = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
import { work } from "./lib/jobs.ts";
const clerk = defineAgent({ name: "clerk", onMessage: (ctx) => work(ctx) });
export default defineRuntime({ agents: [clerk], ensure: [{ name: "clerk", type: "clerk" }] });
`;
const JOBS = `
import type { Context } from "@openagents/runtime";
import { appendFileSync } from "node:fs";
export async function work(ctx: Context): Promise<void> {
  await ctx.step("charge", () => appendFileSync("did", "charge\\n"));
  await ctx.sleep("2s");
  await ctx.step("mail", () => appendFileSync("did", "mail\\n"));
}
`;

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(50);
}

/** A home whose agent waits, and was then killed. */
async function killed(p: Project): Promise<void> {
  const first = await p.start();
  await homeOf(p, first).send("clerk", { payload: "go", id: "go" });
  await until(async () => (await homeOf(p, first).status("clerk")).parked.length === 1);
  await first.end("SIGKILL");
}

function homeOf(p: Project, { url }: Daemon) {
  return remoteRuntime({ url, token: readFileSync(join(p.data, "token"), "utf8").trim() });
}

for (const [name, from, to] of [
  ["asks for something else", '"charge", ()', '"reserve", ()'],
  [
    "asks for something new before",
    '  await ctx.step("charge"',
    '  await ctx.step("new", () => 1);\n$&',
  ],
] as const) {
  void test(`a tick is not gone on with by a file of the configuration that ${name}`, async () => {
    await using p = project(CONFIG);
    mkdirSync(join(p.dir, "lib"));
    p.write("lib/jobs.ts", JOBS);
    await killed(p);
    p.write("lib/jobs.ts", JOBS.replace(from, to));
    const second = await p.start();
    const home = homeOf(p, second);
    await until(async () => (await home.deadLetters("clerk", 0, 9)).length === 1);
    const [dead] = await home.deadLetters("clerk", 0, 9);
    assert.match(dead?.reason ?? "", /Cannot go on with "go".*asked for "step:charge#0"/);
    assert.equal(readFileSync(join(p.dir, "did"), "utf8"), "charge\n");
    // The old code goes on with it.
    await second.end("SIGKILL");
    p.write("lib/jobs.ts", JOBS);
    const third = await p.start();
    await homeOf(p, third).replay("clerk", "go");
    await until(() => readFileSync(join(p.dir, "did"), "utf8") === "charge\nmail\n");
    await third.end();
  });
}
