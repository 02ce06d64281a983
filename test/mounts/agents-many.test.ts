import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { sqlite } from "../../src/stores/sqlite.ts";
import { running } from "../cli/running.ts";
import { MOUNTS, mountedHome, twiceMounted } from "./agents-home.ts";
import { SKIP as skip, until } from "./mounted.ts";

// Mounts of a home in which there is much of something.

/** How many agents there are, and how much mail waits; more with MANY, in thousands of each. */
const MANY = Number(process.env["MANY"] ?? 0.2);
const AGENTS = MANY * 1000;
const MAIL = MANY * 100_000;

/** Where there is something to be found. */
const PLACES = [0, 77, AGENTS - 1];

const CROWD = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const one = defineAgent({ name: "one", onMessage: () => {} });
export default defineRuntime({
  agents: [one],
  ensure: Array.from({ length: ${AGENTS} }, (_, i) => ({ name: "a" + i, type: "one" })),
});
`;

/** Memory (MiB) that a process has in use. */
function memoryOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

void test("find and grep -r go through many agents, and come to an end", { skip }, async () => {
  await using home = await twiceMounted(CROWD);
  for (const i of PLACES) {
    await home.says(
      "mnt",
      `echo needle > agents/a${i}/goals/g; echo needle > agents/a${i}/memory/files/f`,
    );
  }
  const one = Number(await home.says("mnt", "find agents/a5/ | wc -l"));
  assert.ok(one > 30);
  // Three have two files more, and the two ticks that wrote them.
  assert.equal(
    Number(await home.says("mnt", "find -L agents | wc -l")),
    1 + 2 * (AGENTS * one + 12),
  );
  const found = await home.says(
    "mnt",
    "grep -rlw needle agents | sed 's/npub[^/]*/N/' | sort | uniq -c",
  );
  for (const path of ["goals/g", "memory/export", "memory/files/f"]) {
    assert.match(found, new RegExp(`3 agents/N/${path}\\n`));
  }
  for (const mount of MOUNTS) {
    const listed = await home.says(
      mount,
      "ls -l agents | grep -c '^d'; ls -l agents | grep -c ' -> npub1'",
    );
    assert.equal(listed, `${AGENTS}\n${AGENTS}\n`);
    assert.equal(
      // One of them has two files and two ticks more.
      Number(await home.says(mount, "find -L agents/a7? agents/a7 | wc -l")),
      11 * one + 4,
    );
    assert.equal(
      await home.says(mount, `grep -rl needle agents/a7*/goals agents/a${AGENTS - 1}/goals`),
      `agents/a77/goals/g\nagents/a${AGENTS - 1}/goals/g\n`,
    );
  }
});

void test("a long inbox is listed in pages", { skip }, async () => {
  await using home = mountedHome();
  await home.startHere();
  await home.says("mnt", "cd agents/quiet; echo pause > ctl; echo first > inbox/x");
  const { id } = JSON.parse(await home.file("quiet/status")) as { id: string };
  await home.daemon().end();
  const count = MAIL;
  const store = sqlite(join(home.data, "agents.db"));
  const [row] = await store.mail(id, { box: "inbox", limit: 1 });
  const inbox = { depth: 200_000, overflow: "reject-new" } as const;
  for (let n = 1; n < count; n += 1000) {
    const mail = Array.from({ length: Math.min(1000, count - n) }, (_, i) => ({
      envelope: { ...row!.envelope, id: `copy-${n + i}` },
      inbox,
      at: row!.at,
    }));
    await store.deliver(mail);
  }
  await store.sync();
  await store.close();
  const { child } = await home.startHere();
  const net = await home.mountNet();
  const before = memoryOf(child.pid);
  for (const mount of MOUNTS) {
    const names = await home.says(
      mount,
      "ls -f agents/quiet/inbox | grep -v '^[.]' | sort -nu > ../list; wc -l < ../list; head -n1 ../list; rm ../list",
    );
    assert.match(names, new RegExp(`^${count}\\n\\d+\\n$`));
    assert.equal(Number(await home.says(mount, "find agents/quiet/inbox -type f | wc -l")), count);
    const last = (await home.says(mount, "ls -f agents/quiet/inbox | sort -n | tail -n1")).trim();
    assert.match(
      await home.says(mount, `cat agents/quiet/inbox/${last}`),
      new RegExp(`copy-${count - 1}`),
    );
  }
  let [seen, cursor] = [0, ""];
  do {
    const page = await home.http(`/fs/agents/quiet/inbox?limit=1000${cursor}`, {
      headers: { accept: "application/json" },
    });
    const { items, cursor: next } = (await page.json()) as { items: unknown[]; cursor?: string };
    assert.ok(items.length <= 1000);
    seen += items.length;
    cursor = next === undefined ? "" : `&cursor=${encodeURIComponent(next)}`;
  } while (cursor !== "");
  assert.equal(seen, count);
  assert.ok(
    memoryOf(child.pid) - before < 400,
    `agentd grew from ${before} to ${memoryOf(child.pid)} MiB`,
  );
  assert.ok(memoryOf(net.child.pid) < 600, `agentctl has ${memoryOf(net.child.pid)} MiB`);
});

void test(
  "two hundred who wait keep nobody from working, and end with the mount",
  { skip },
  async () => {
    await using home = await twiceMounted();
    const cats = MOUNTS.flatMap((mount) =>
      Array.from({ length: 100 }, () =>
        running("cat", [join(home.dir, mount, "agents/greeter/logs/trace")], "/"),
      ),
    );
    for (const mount of MOUNTS) {
      await home.says(
        mount,
        "cd agents/greeter; for i in $(seq 20); do echo $i > memory/files/$i; cat status state > /dev/null; done; rm memory/files/*",
      );
    }
    await until(async () => {
      await home.says("mnt", "echo Ada > agents/greeter/inbox/x");
      return cats.every((cat) => cat.out().includes("tick_end"));
    });
    for (const mount of MOUNTS) {
      const { code, stderr } = await home.agentctl("umount", mount, "--force");
      assert.equal(code, 0, stderr);
    }
    for (const cat of cats) await cat.ended;
  },
);
