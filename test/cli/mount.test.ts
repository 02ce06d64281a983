import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { canMount } from "../../src/mounts/fuse.ts";
import { project } from "./project.ts";
import type { Ended, Project } from "./project.ts";
import { running, runningAgentctl } from "./running.ts";

const skip = canMount() ?? false;

/** What a shell says in the directory of a project; it must not hang. */
async function sh(
  p: Project,
  script: string,
): Promise<{ readonly out: string; readonly code: number | null }> {
  const child = spawn("sh", ["-c", script], { cwd: p.dir, timeout: 20_000, killSignal: "SIGKILL" });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stdin.end();
  const [code] = (await once(child, "close")) as [number | null];
  assert.notEqual(code, null, `${script} hangs`);
  return { out, code };
}

async function says(p: Project, script: string): Promise<string> {
  const { out, code } = await sh(p, script);
  assert.equal(code, 0, out);
  return out;
}

async function said(ended: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  return stdout;
}

function isMounted(dir: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8").includes(` ${dir} `);
}

async function gone(dir: string): Promise<void> {
  while (isMounted(dir)) await sleep(20);
}

/** A project with an empty directory to mount on, which is free at the end. */
function projectWithDir(): Project & { readonly mnt: string } {
  const p = project();
  const mnt = join(p.dir, "mnt");
  mkdirSync(mnt);
  return {
    ...p,
    mnt,
    async [Symbol.asyncDispose]() {
      while (isMounted(mnt)) spawnSync("umount", ["-i", "-f", "-l", mnt]);
      await p[Symbol.asyncDispose]();
    },
  };
}

void test(
  "agentctl mount shows the home to the programs of a shell until Ctrl-C",
  { skip },
  async () => {
    await using p = projectWithDir();
    await p.start();
    await using mount = runningAgentctl(p, "mount", "mnt");
    await mount.until(() => mount.out().includes(`on ${p.mnt}`));
    assert.match(await says(p, "ls mnt mnt/agents"), /agents\nsrv[^]*greeter\nnpub1/);
    const status = JSON.parse(await says(p, "cat mnt/agents/greeter/status")) as { name: string };
    assert.equal(status.name, "greeter");
    await says(p, "echo Greet all > mnt/agents/greeter/goals/7");
    const goals = await said(p.agentctl("goals", "greeter", "--json"));
    assert.equal((JSON.parse(goals) as [{ title: string }])[0].title, "Greet all");
    assert.match(await says(p, "grep -rl 'Greet all' mnt/agents/greeter/goals"), /goals\/7\n$/);
    await using cat = running("cat", ["mnt/agents/greeter/outbox/events"], p.dir);
    const log = "mnt/agents/greeter/logs/trajectory";
    await using tail = running("tail", ["-f", "-n", "1", log], p.dir);
    await tail.until(() => tail.out().endsWith("\n"));
    while (!cat.out().includes("Hello Ada")) {
      await says(p, "echo Ada > mnt/agents/greeter/inbox/new");
      await sleep(50);
    }
    assert.ok("event" in (JSON.parse(cat.out().split("\n")[0]!) as object));
    await tail.until(() => tail.out().split("\n").length > 2);
    await says(p, "rm mnt/agents/greeter/goals/7");
    assert.equal(await said(p.agentctl("fs", "ls", "greeter:goals")), "");
    mount.child.kill("SIGINT");
    assert.equal(await mount.ended, 0, mount.talked());
    await cat.ended;
    assert.ok(!isMounted(p.mnt));
  },
);

void test(
  "agentctl mount shows one agent alone, or without a way to change it",
  { skip },
  async () => {
    await using p = projectWithDir();
    await p.start();
    await said(p.agentctl("fs", "write", "greeter:goals/7", "Greet all"));
    await using mount = runningAgentctl(
      p,
      "mount",
      "mnt",
      "--agent",
      "greeter",
      "--read-only",
      "--json",
    );
    await mount.until(() => mount.out().endsWith("}\n"));
    const { dir, agent, pid } = JSON.parse(mount.out()) as Record<string, unknown>;
    assert.deepEqual([dir, pid], [p.mnt, mount.child.pid]);
    assert.equal(await says(p, "cat mnt/identity/npub"), `${String(agent)}\n`);
    for (const script of [
      "echo x > mnt/goals/8",
      "echo x > mnt/goals/7",
      "rm mnt/goals/7",
      "mkdir mnt/x",
    ]) {
      const { out, code } = await sh(p, script);
      assert.match(out, /Read-only file system/, script);
      assert.notEqual(code, 0);
    }
    // Somebody else unmounts it.
    await said(p.agentctl("umount", "mnt"));
    assert.equal(await mount.ended, 0);
    assert.match(mount.talked(), /mnt was unmounted/);
  },
);

void test(
  "agentctl mount --detach stays, over a restart of agentd, until agentctl umount",
  { skip },
  async () => {
    await using p = projectWithDir();
    const daemon = await p.start();
    const pid = Number(await said(p.agentctl("mount", "mnt", "--detach")));
    assert.match(await says(p, "ls mnt/agents"), /^greeter$/m);
    await daemon.end("SIGKILL");
    assert.match((await sh(p, "ls mnt/agents/greeter")).out, /No route to host/);
    // It has another port.
    await p.start();
    assert.match(await says(p, "ls mnt/agents/greeter/"), /^status$/m);
    assert.match((await p.agentctl("mount", "mnt")).stderr, /something is mounted there/);
    await using user = running("sh", ["-c", "cd mnt && echo in && exec sleep 60"], p.dir);
    await user.until(() => user.out() === "in\n");
    const busy = await p.agentctl("umount", "mnt");
    assert.equal(busy.code, 1);
    assert.match(busy.stderr, /somebody uses it: end that first, or add --force/);
    await said(p.agentctl("umount", "mnt", "--force"));
    assert.ok(!isMounted(p.mnt));
    while (spawnSync("kill", ["-0", String(pid)]).status === 0) await sleep(20);
    const again = await p.agentctl("umount", "mnt");
    assert.equal(again.code, 3);
    assert.match(again.stderr, /Cannot unmount "mnt": no home is mounted there/);
  },
);

void test(
  "agentctl mount ends before it has mounted where something is missing",
  { skip },
  async () => {
    await using p = projectWithDir();
    const cases: readonly (readonly [args: readonly string[], code: number, message: RegExp])[] = [
      [["mnt"], 5, /Cannot find agentd/],
      [["mnt", "--url", "http://127.0.0.1:1", "--token", "x"], 5, /Cannot reach agentd/],
    ];
    const later: typeof cases = [
      [["none"], 3, /"none": it does not exist[^]*mkdir none/],
      [["openagents.config.ts"], 1, /it is no directory/],
      [["."], 1, /it is not empty/],
      [["mnt", "--agent", "greter"], 3, /Did you mean greeter/],
    ];
    const check = async (all: typeof cases): Promise<void> => {
      for (const [args, code, message] of all) {
        for (const more of [[], ["--detach"]]) {
          const ended = await p.agentctl("mount", ...args, ...more);
          assert.equal(ended.code, code, ended.stderr);
          assert.match(ended.stderr, message);
          assert.equal(ended.stdout, "");
        }
      }
    };
    await check(cases);
    await p.start();
    await check(later);
    assert.ok(!isMounted(p.mnt));
  },
);

void test("agentctl mount says what there is instead where nothing can be mounted", async () => {
  await using p = projectWithDir();
  for (const more of [[], ["--detach"]]) {
    // Without the programs of the system it cannot be had anywhere.
    const ended = await p.run(["mount", "mnt", ...more], { env: { PATH: p.mnt } });
    assert.deepEqual([ended.code, ended.stdout], [1, ""]);
    assert.match(ended.stderr, /Cannot mount "mnt": .*HTTP \(\/fs\) or `agentctl fs`/);
  }
});

void test("agentctl mount leaves nothing that hangs when it is killed", { skip }, async () => {
  await using p = projectWithDir();
  await p.start();
  await using mount = runningAgentctl(p, "mount", "mnt");
  await mount.until(() => mount.out().includes(`on ${p.mnt}`));
  await using cat = running("cat", ["mnt/agents/greeter/outbox/events"], p.dir);
  mount.child.kill("SIGKILL");
  await mount.ended;
  await gone(p.mnt);
  await cat.ended;
  assert.equal(await says(p, "ls mnt"), "");
});

void test("agentctl mount shows the homes of all contexts, each for itself", { skip }, async () => {
  await using p = projectWithDir();
  await p.start();
  await said(p.agentctl("context", "set", "lab", "--data", p.data));
  await said(p.agentctl("context", "set", "dead", "--url", "http://127.0.0.1:1", "--token", "x"));
  // The configuration is in the home of the project's user.
  const { stdout, code } = await p.agentctl("mount", "mnt", "--data", p.data, "--detach");
  assert.equal(code, 0);
  try {
    assert.equal(await says(p, "ls mnt/srv"), "dead\nhome\nlab\n");
    assert.match(await says(p, "cat mnt/srv/lab/agents/greeter/status"), /"name": "greeter"/);
    assert.match((await sh(p, "ls mnt/srv/dead")).out, /No route to host/);
    assert.match(await says(p, "ls -l mnt/srv mnt/agents"), /greeter -> npub1/);
  } finally {
    process.kill(Number(stdout));
    await gone(p.mnt);
  }
});

void test(
  "agentd --mount shows its home, and takes it away however it ends",
  { skip },
  async () => {
    await using p = projectWithDir();
    for (const signal of ["SIGTERM", "SIGKILL", "SIGINT"] as const) {
      const daemon = await p.start({ args: ["--mount", "mnt"] });
      assert.match(await says(p, "cat mnt/agents/greeter/status"), /"name": "greeter"/);
      await says(p, `echo ${signal} > mnt/agents/greeter/goals/7`);
      const { types } = JSON.parse(await says(p, "cat mnt/srv/home")) as { types: string[] };
      assert.deepEqual(types, ["greeter", "quiet"]);
      await using cat = running("cat", ["mnt/agents/greeter/logs/trace"], p.dir);
      await daemon.end(signal);
      await gone(p.mnt);
      await cat.ended;
      assert.equal(await says(p, "ls mnt"), "");
    }
    const { code, stderr } = await p.agentd(["--port", "0", "--mount", "none"]);
    assert.equal(code, 3);
    assert.match(stderr, /Cannot mount on "none": it does not exist/);
    const left = await p.start({ args: ["--mount", "mnt"] });
    await said(p.agentctl("umount", "mnt"));
    assert.equal((await p.agentctl("list")).code, 0);
    const ended = await left.end();
    assert.match(ended.stderr, /no longer mounted on "mnt": somebody unmounted it/);
    const [listening, mounted, empty] = ended.stdout.split("\n");
    assert.deepEqual(
      [listening, mounted, empty],
      [`agentd is listening on ${left.url}`, `Mounted on ${p.mnt}`, ""],
    );
    // Nothing is held.
    const daemon = await p.start();
    await daemon.end();
  },
);
