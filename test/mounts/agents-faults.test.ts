import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { project } from "../cli/project.ts";
import { running } from "../cli/running.ts";
import type { Running } from "../cli/running.ts";
import { AGENTS, gone, isMounted, MOUNTS, mountedHome, twiceMounted } from "./agents-home.ts";
import type { MountedHome } from "./agents-home.ts";
import { SKIP as skip, until } from "./mounted.ts";

// What becomes of the mounts of a living home when something goes wrong.

/** The processes whose command line has all of these texts. */
function processesWith(...texts: readonly string[]): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return texts.every((text) => line.includes(text));
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Readers that wait for what happens. */
function parked(home: MountedHome, mount: string, count: number): Running[] {
  const path = join(home.dir, mount, "agents/greeter/logs/trace");
  return Array.from({ length: count }, () => running("cat", [path], "/"));
}

/** Until all of them have it open: a tick shows each of them something. */
async function reading(home: MountedHome, cats: readonly Running[]): Promise<void> {
  await until(async () => {
    await home.http("/fs/agents/greeter/inbox", { method: "POST", body: "Ada" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    return cats.every((cat) => cat.out() !== "");
  });
}

void test("more than mail may have is refused before it is sent", { skip }, async () => {
  await using home = await twiceMounted();
  for (const mount of MOUNTS) {
    const { err, code } = await home.sh(
      mount,
      "cd agents/greeter; dd if=/dev/zero of=inbox/x bs=1M count=1000",
    );
    assert.equal(code, 1);
    assert.match(err, /File too large/);
    // What is not taken is left in the pipe.
    const rest = await home.says(
      mount,
      "head -c 100M /dev/zero | { cat > agents/greeter/inbox/x 2> /dev/null; wc -c; }",
    );
    assert.ok(Number(rest) > 98 << 20, rest);
    assert.equal(
      await home.says(mount, "ls agents/greeter/inbox agents/greeter/deadletter"),
      "agents/greeter/deadletter:\n\nagents/greeter/inbox:\n",
    );
    for (const path of [
      "goals/x",
      "memory/kv/x",
      "state",
      "ctl",
      "identity/sign",
      "nostr/publish",
      "memory/files/x",
    ]) {
      const big = await home.sh(
        mount,
        `head -c 100M /dev/zero | dd of=agents/greeter/${path} bs=1M iflag=fullblock`,
      );
      assert.match(big.err, /File too large|Invalid argument/, path);
    }
    assert.equal(
      await home.says(mount, "cd agents/greeter; ls goals memory/kv memory/files"),
      "goals:\n\nmemory/files:\n\nmemory/kv:\n",
    );
  }
  const status = JSON.parse(await home.file("greeter/status")) as { ticks: number };
  assert.equal(status.ticks, 1);
});

void test(
  "a home that is killed leaves nothing that hangs, and starts again",
  { skip },
  async () => {
    await using home = mountedHome();
    const mnt = join(home.dir, "mnt");
    for (const guarded of [true, false]) {
      const daemon = await home.startHere();
      await home.says("mnt", "echo kept > agents/greeter/memory/files/kept");
      const cats = parked(home, "mnt", 5);
      await reading(home, cats);
      if (!guarded) {
        for (const pid of processesWith("unmount-when-gone", mnt)) process.kill(pid, "SIGKILL");
      }
      await daemon.end("SIGKILL");
      for (const cat of cats) await cat.ended;
      if (guarded) await gone(mnt);
      else {
        assert.ok(isMounted(mnt));
        assert.match((await home.sh("mnt", "ls")).err, /not connected/);
      }
    }
    const daemon = await home.startHere();
    assert.equal(await home.says("mnt", "cat agents/greeter/memory/files/kept"), "kept\n");
    await daemon.end();
    await gone(mnt);
  },
);

void test("agentctl's mount outlives its home, and goes with it again", { skip }, async () => {
  await using home = mountedHome();
  await home.startHere();
  const net = await home.mountNet();
  await home.says("net", "echo kept > agents/greeter/memory/files/kept");
  const cats = parked(home, "net", 3);
  await reading(home, cats);
  await home.daemon().end("SIGKILL");
  for (const cat of cats) await cat.ended;
  const { err, code } = await home.sh("net", "cat agents/greeter/memory/files/kept");
  assert.notEqual(code, 0);
  assert.match(err, /No route to host/);
  await home.startHere();
  await until(
    async () => (await home.sh("net", "cat agents/greeter/memory/files/kept")).out === "kept\n",
  );
  // And killed itself it takes its mount with it.
  const more = parked(home, "net", 3);
  await reading(home, more);
  net.child.kill("SIGKILL");
  for (const cat of more) await cat.ended;
  await gone(join(home.dir, "net"));
  assert.equal(await home.says("net", "ls"), "");
});

void test("a home that is told to stop does so whoever waits for it", { skip }, async () => {
  await using home = await twiceMounted();
  const cats = [...parked(home, "mnt", 10), ...parked(home, "net", 10)];
  await reading(home, cats);
  const { code, stderr } = await home.daemon().end("SIGTERM");
  assert.equal(code, 0, stderr);
  await gone(join(home.dir, "mnt"));
  for (const cat of cats) await cat.ended;
  assert.ok(isMounted(join(home.dir, "net")), "it waits for the home to come back");
});

void test("of two that write one file again and again, it is always one's", { skip }, async () => {
  await using home = await twiceMounted();
  for (const [one, other] of [
    ["mnt", "mnt"],
    ["mnt", "net"],
  ] as const) {
    const write = (mount: string, letter: string): Promise<string> =>
      home.says(
        mount,
        `cd agents/greeter; for i in $(seq 40); do
           { printf '${letter}%.0s' $(seq 300); echo; } > goals/both
           head -c 30000 /dev/zero | tr '\\0' ${letter} > memory/files/both
         done`,
      );
    let over = false;
    const seen = { goals: 0, files: 0 };
    const read = async (mount: string): Promise<void> => {
      while (!over) {
        const goal = await home.sh(mount, "cat agents/greeter/goals/both");
        if (goal.code === 0) {
          const { title } = JSON.parse(goal.out) as { title: string };
          assert.match(title, /^(?:a{300}|b{300})$/);
          seen.goals += 1;
        }
        const file = await home.sh(mount, "cat agents/greeter/memory/files/both");
        if (file.code === 0) {
          assert.match(file.out, /^(?:a{30000}|b{30000}|)$/);
          seen.files += 1;
        }
      }
    };
    const readers = Promise.all(MOUNTS.map(read));
    await Promise.all([write(one, "a"), write(other, "b")]).finally(() => (over = true));
    await readers;
    assert.ok(seen.goals > 2 && seen.files > 2, JSON.stringify(seen));
  }
  const { code } = await home.agentctl("trajectory", "greeter", "--verify");
  assert.equal(code, 0);
});

void test("an agent that is paused, full, at its end or elsewhere says so", { skip }, async () => {
  await using home = await twiceMounted();
  await using other = project(AGENTS.replace(/ensure: .*/, ""));
  await other.start();
  const fails = async (mount: string, script: string, said: RegExp): Promise<void> => {
    const { err, code } = await home.sh(mount, script);
    assert.notEqual(code, 0, script);
    assert.match(err, said, script);
  };
  for (const mount of MOUNTS) {
    const make = `${mount}-gone`;
    for (const name of [make, `${mount}-moved`]) {
      assert.equal((await home.agentctl("create", name, "--type", "quiet")).code, 0);
    }
    await home.says(
      mount,
      "cd agents/strict; echo pause > ctl; for i in 1 2 3; do echo $i > inbox/x; done",
    );
    await fails(mount, "cd agents/strict; echo 4 | tee inbox/x", /Disk quota exceeded/);
    await fails(
      mount,
      "cd agents/strict; echo 4 > /tmp/$$; cp /tmp/$$ inbox/x.json; s=$?; rm /tmp/$$; exit $s",
      /Disk quota exceeded/,
    );
    await fails(mount, "cd agents/strict; echo x | tee goals/x", /Device or resource busy/);
    await home.says(
      mount,
      "cd agents/strict; cat status state config > /dev/null; echo resume > ctl",
    );
    await until(async () => (await home.says(mount, "ls agents/strict/inbox")) === "");
    // At its end it is read under its key.
    const npub = (await home.says(mount, `cat agents/${make}/identity/npub`)).trim();
    await home.says(mount, `echo terminate > agents/${make}/ctl`);
    await until(async () => !(await home.says(mount, "ls agents")).includes(make));
    await home.says(
      mount,
      `cd agents/${npub}; cat status state config logs/trajectory > /dev/null`,
    );
    await fails(mount, `echo x | tee agents/${npub}/inbox/x`, /Permission denied/);
    await fails(mount, `echo x | tee agents/${npub}/goals/x`, /Invalid argument|Permission denied/);
    await until(async () => (await home.sh(mount, `cat agents/${make}/status`)).code !== 0);
    await fails(mount, `cat agents/${make}/status`, /No such file/);
    const moved = await home.agentctl("move", `${mount}-moved`, "--to-data", other.data);
    assert.equal(moved.code, 0, moved.stderr);
    await fails(mount, `cat agents/${mount}-moved/state`, /No such file|No route/);
    await fails(mount, `echo x | tee agents/${mount}-moved/goals/x`, /No such file|No route/);
  }
});

void test("a key that is locked signs nothing, and nobody waits for it", { skip }, async () => {
  await using home = mountedHome();
  await home.startHere({ env: { OPENAGENTS_PASSPHRASE: "a passphrase" } });
  await home.daemon().end();
  await home.startHere();
  await home.mountNet();
  for (const mount of MOUNTS) {
    const { err, code } = await home.sh(
      mount,
      `cd agents/greeter; exec 3<>identity/sign; echo ${"ab".repeat(32)} >&3; timeout 10 cat <&3`,
    );
    assert.equal(code, 1);
    assert.match(err, /Permission denied/);
    await home.says(mount, "cat agents/greeter/identity/pubkey agents/greeter/status > /dev/null");
  }
});
