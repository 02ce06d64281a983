import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { mountFuse } from "../../src/mounts/fuse.ts";
import { MemoryFiles } from "./memory-files.ts";
import { emptyDirectory, run, SKIP, until } from "./mounted.ts";

const HOST = fileURLToPath(new URL("fuse-host.ts", import.meta.url));

/** What is mounted there, the oldest first. */
async function typesAt(dir: string): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines
    .filter((line) => line.split(" ")[4] === dir)
    .map((line) => line.split(" - ")[1]!.split(" ")[0]!);
}

void test(
  "what somebody else mounted over it stays when it is unmounted",
  { skip: SKIP },
  async (t) => {
    const dir = await emptyDirectory(t);
    const files = new MemoryFiles();
    const mount = await mountFuse({ files, dir, name: "fuse-test" });
    assert.equal((await run("mount", ["-t", "tmpfs", "theirs", dir])).code, 0);
    t.after(() => run("umount", ["-l", dir]));
    await mount.unmount();
    await mount.closed;
    assert.deepEqual(await typesAt(dir), ["fuse.fuse-test", "tmpfs"]);
    // Below it, ours is dead, and the next one takes its place.
    assert.equal((await run("umount", [dir])).code, 0);
    const next = await mountFuse({ files, dir, name: "fuse-test" });
    assert.deepEqual(await typesAt(dir), ["fuse.fuse-test"]);
    await next.unmount();
    assert.deepEqual(await typesAt(dir), []);
  },
);

for (const [how, deed] of [
  ["is killed", "SIGKILL"],
  ["ends", "SIGTERM"],
] as const) {
  void test(
    `what somebody else mounted over it stays when its process ${how}`,
    { skip: SKIP },
    async (t) => {
      const dir = await emptyDirectory(t);
      const child = spawn(process.execPath, [HOST, dir], { stdio: ["ignore", "pipe", "inherit"] });
      t.after(() => child.kill("SIGKILL"));
      await new Promise((resolve) => {
        child.stdout.once("data", resolve);
      });
      assert.equal((await run("mount", ["-t", "tmpfs", "theirs", dir])).code, 0);
      t.after(() => run("umount", ["-l", dir]));
      const guards = await run("pgrep", ["-f", `unmount-when-gone ${dir} `]);
      const guard = Number(guards.out.trim());
      assert.ok(guard > 0, "there is a guard");
      child.kill(deed);
      await until(async () => (await readFile(`/proc/${guard}/stat`).catch(() => null)) === null);
      assert.deepEqual(await typesAt(dir), ["fuse.fuse-test", "tmpfs"]);
      await run("umount", [dir]);
      await run("umount", [dir]);
    },
  );
}
