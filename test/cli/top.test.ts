import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { Client } from "../../src/control/client.ts";
import type { AgentInfo } from "../../src/core/runtime.ts";
import { sampleAgents } from "../../src/cli/agent-samples.ts";
import type { Sort } from "../../src/cli/agent-samples.ts";
import { textWidth } from "../../src/cli/text-width.ts";
import { shellQuote } from "../../src/cli/shell-quote.ts";
import { PACKAGE, project } from "./project.ts";
import type { Project } from "./project.ts";

const NO_SCRIPT =
  spawnSync("script", ["--version"]).error !== undefined && "script is not installed";

/** The words that run agentctl. */
const AGENTCTL = [process.execPath, join(PACKAGE, "bin/agentctl.js")];

/** agentctl at a terminal of this size. */
function atTerminal(p: Project, args: readonly string[], size: string) {
  const line = [...AGENTCTL, ...args].map(shellQuote).join(" ");
  const child = spawn("script", ["-qec", `stty ${size}; ${line}; echo "ended $?"`, "/dev/null"], {
    cwd: p.dir,
    env: { PATH: process.env["PATH"], HOME: p.dir, TERM: "xterm" },
  });
  let seen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (seen += text));
  return {
    child,
    all: () => seen,
    until: (wanted: RegExp): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => {
          if (wanted.test(seen)) resolve();
        };
        child.stdout.on("data", check);
        check();
      }),
  };
}

void test("agentctl top prints one table where there is no terminal", async () => {
  await using p = project();
  await p.start();
  assert.equal((await p.agentctl("create", "bob", "--type", "quiet")).code, 0);
  await p.agentctl("send", "greeter", "fail", "--wait");
  const { stdout, code } = await p.agentctl("top", "--sort", "ticks");
  assert.equal(code, 0);
  assert.match(stdout, /^NAME +STATUS +TICKS .*ERROR\ngreeter .* FAILED\nbob /);
  const one = await p.agentctl("top", "--type", "quiet", "--once");
  assert.match(one.stdout, /^NAME.*\nbob .*\n$/);
  assert.equal((await p.agentctl("top", "--status", "failed")).stdout, "");
  const first = await p.agentctl("top", "--limit", "1");
  assert.match(first.stdout, /^NAME.*\nbob .*\n$/);
  assert.match(first.stderr, /1 more\. See them with: --limit 2/);
  for (const args of [
    ["--interval", "1ms"],
    ["--interval", "x"],
    ["--sort", "x"],
    ["--limit", "0"],
  ]) {
    assert.equal((await p.agentctl("top", ...args)).code, 2, args.join(" "));
  }
});

void test("agentctl top --json prints a sample a line until it is stopped", async () => {
  await using p = project();
  await p.start();
  const child = spawn(AGENTCTL[0]!, [AGENTCTL[1]!, "top", "--json", "--interval", "200ms"], {
    cwd: p.dir,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: { total: number; agents: { name: string; ticks: number; rate?: number }[] }[] = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(JSON.parse(line) as (typeof lines)[number]);
    if (lines.length === 1) await p.agentctl("tick", "greeter");
    else if (lines.at(-1)!.agents[0]!.ticks >= 2) break;
  }
  child.kill();
  assert.equal(lines[0]!.agents[0]!.rate, undefined);
  assert.ok(lines.some(({ agents }) => (agents[0]!.rate ?? 0) > 0));
  assert.deepEqual([lines[0]!.total, lines[0]!.agents[0]!.name], [1, "greeter"]);
});

for (const [how, end] of [
  ["q", (child: ReturnType<typeof spawn>) => child.stdin!.write("q")],
  ["Ctrl-C", (child: ReturnType<typeof spawn>) => child.stdin!.write("\u0003")],
] as const) {
  void test(`agentctl top gives the terminal back on ${how}`, { skip: NO_SCRIPT }, async () => {
    await using p = project();
    const daemon = await p.start();
    const name = "a-very-long-name-that-would-not-fit-beside-all-the-figures";
    assert.equal((await p.agentctl("create", name, "--type", "quiet")).code, 0);
    const top = atTerminal(p, ["top", "--interval", "200ms"], "cols 90 rows 20");
    try {
      await top.until(/a-very-long-[a-z-]*…/);
      // It goes on when agentd is gone, and says so.
      await daemon.end("SIGKILL");
      await top.until(/Cannot (find|reach) agentd/);
      end(top.child);
      await top.until(/ended 0/);
    } finally {
      top.child.kill("SIGKILL");
    }
    const all = top.all();
    assert.equal(all.split("\u001b[?1049h").length, 2);
    assert.ok(all.lastIndexOf("\u001b[?1049l") > all.lastIndexOf("\u001b[?1049h"));
    assert.ok(all.lastIndexOf("\u001b[?25h") > all.lastIndexOf("\u001b[?25l"));
    // Nothing is cleared before it is written anew.
    assert.ok(!all.includes("\u001b[2J"));
    const plain = stripVTControlCharacters(all.replace(/ended 0.*/s, ""));
    for (const line of plain.split(/\r*\n/)) assert.ok(textWidth(line) <= 90, line);
  });
}

void test("sampleAgents() asks only for the agents that are shown, a few at a time", async () => {
  const agents = Array.from(
    { length: 50 },
    (_, i) =>
      ({
        id: `id-${i}`,
        name: `agent-${String(i).padStart(2, "0")}`,
        type: "t",
        status: i % 2 === 0 ? "active" : "failed",
        createdAt: i,
      }) as AgentInfo,
  );
  let asked = 0;
  let [now, most] = [0, 0];
  const client = {
    get: async (path: string): Promise<unknown> => {
      asked += 1;
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      const i = Number(/id-(\d+)/.exec(path)![1]);
      return {
        ...agents[i],
        ticks: i,
        queued: 0,
        parked: [],
        alarms: [],
      };
    },
  } as Client;
  const look = async (sort: Sort): Promise<readonly [string[], number]> => {
    asked = 0;
    const options = { sort, rows: 5, most: 20, before: undefined };
    const samples = await sampleAgents(client, agents, options);
    return [samples.map(({ name }) => name.slice(-2)), asked];
  };
  assert.deepEqual(await look("name"), [["00", "01", "02", "03", "04"], 5]);
  assert.deepEqual(await look("age"), [["00", "01", "02", "03", "04"], 5]);
  assert.deepEqual(await look("status"), [["00", "02", "04", "06", "08"], 5]);
  assert.deepEqual(await look("ticks"), [["19", "18", "17", "16", "15"], 20]);
  assert.ok(most <= 8, String(most));
});
