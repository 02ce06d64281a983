import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

import { FileError } from "../../src/core/file-error.ts";
import { mountFuse } from "../../src/mounts/fuse.ts";
import { MemoryFiles } from "./memory-files.ts";
import { emptyDirectory, mountedFor, run, sh, SKIP, until } from "./mounted.ts";

const EDEADLK = -35;
const HOST = fileURLToPath(new URL("fuse-host.ts", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/mounts/fuse.js", import.meta.url));

/** Whether something is mounted there. */
async function isMounted(dir: string): Promise<boolean> {
  return (await readFile("/proc/self/mountinfo", "utf8")).includes(` ${dir} `);
}

/** A process that has mounted `dir`, in a group of its own. */
async function host(t: TestContext, dir: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [HOST, dir], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  await new Promise((resolve) => {
    child.stdout?.once("data", resolve);
  });
  return child;
}

/** The process that unmounts `dir` when its host is gone. */
async function guardOf(dir: string): Promise<number> {
  for (const pid of await readdir("/proc")) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes(`unmount-when-gone\0${dir}\0`)) return Number(pid);
  }
  throw new Error("There is no guard");
}

function parking(): MemoryFiles {
  const files = new MemoryFiles();
  files.put("/hello", "hello\n");
  files.put("/live", "", { nature: "stream", sizeless: true });
  files.put("/stuck", "", { gate: () => new Promise(() => {}) });
  return files;
}

void test(
  "whoever waits can be killed, and others do not wait with them",
  { skip: SKIP },
  async (t) => {
    const files = parking();
    const { sh } = await mountedFor(t, files);
    const done = await sh(`
    cat live & live=$!
    cat stuck & stuck=$!
    (echo x > stuck) & writer=$!
    sleep 0.3; cat hello
    kill $live; kill -INT $stuck; kill -9 $stuck; kill -9 $writer
    wait $live; echo $?; wait $stuck; echo $?; wait $writer; echo $?
    timeout -s KILL 0.2 dd if=live of=/dev/null status=none; echo $?
  `);
    assert.deepEqual(done.out.split("\n"), ["hello", "143", "137", "137", "137", ""]);
    await until(() => files.followers("/live") === 0);
  },
);

void test(
  "a file that the service never takes keeps nobody from its directory",
  { skip: SKIP },
  async (t) => {
    const { sh } = await mountedFor(t, parking());
    const done = await sh(": > stuck; cat hello; ls; echo x > hello; rm hello; ls");
    assert.equal(done.err, "");
    assert.equal(done.out, "hello\nhello\nlive\nstuck\nlive\nstuck\n");
  },
);

void test(
  "an interrupted read is EINTR, and what comes later is for the next one",
  { skip: SKIP },
  async (t) => {
    const files = parking();
    const { sh } = await mountedFor(t, files);
    const reader = sh(`python3 -c '
import os, signal, errno
f = os.open("live", os.O_RDONLY)
class Stop(Exception): pass
def stop(*_): raise Stop()
signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try: print(os.read(f, 100))
except Stop: print("stopped", flush=True)
print(os.read(f, 100))'`);
    await until(() => files.followers("/live") === 1);
    await new Promise((resolve) => {
      setTimeout(resolve, 600);
    });
    files.feed("/live", "later\n");
    assert.equal((await reader).out, "stopped\nb'later\\n'\n");
  },
);

void test(
  "1,000 parked readers starve nobody, and each gets what comes",
  { skip: SKIP },
  async (t) => {
    const files = parking();
    const { sh, mount } = await mountedFor(t, files);
    const readers = sh(`python3 -c '
import os, threading
threading.stack_size(65536)
got = []
def read():
    f = os.open("live", os.O_RDONLY)
    got.append(os.read(f, 100))
    os.close(f)
all = [threading.Thread(target=read) for _ in range(1000)]
for one in all: one.start()
for one in all: one.join()
print(len(got), set(got))'`);
    await until(() => files.followers("/live") === 1000);
    const others = await sh("for i in $(seq 50); do cat hello; done | wc -l; ls | wc -l");
    assert.equal(others.out, "50\n3\n");
    files.feed("/live", "all\n");
    assert.equal((await readers).out, "1000 {b'all\\n'}\n");
    const parked = sh("cat live; echo $?");
    await until(() => files.followers("/live") === 1);
    await mount.unmount();
    assert.match((await parked).out, /^1$/m, "who waits at the end gets an error");
  },
);

void test("it can be unmounted from outside, busy or not", { skip: SKIP }, async (t) => {
  const first = await mountedFor(t, parking());
  assert.equal((await run("umount", [first.dir])).code, 0);
  await first.mount.closed;
  await first.mount.unmount();
  const files = parking();
  const second = await mountedFor(t, files);
  const parked = second.sh("cat live; cat hello");
  await until(() => files.followers("/live") === 1);
  assert.notEqual((await run("umount", [second.dir])).code, 0, "somebody uses it");
  assert.equal((await run("umount", ["-f", "-l", second.dir])).code, 0);
  await second.mount.closed;
  assert.equal((await parked).code, 1);
  assert.equal(files.followers("/live"), 0);
  assert.deepEqual([...first.problems, ...second.problems], []);
});

void test(
  "it is unmounted though another mount namespace has a copy of it",
  { skip: SKIP },
  async (t) => {
    const files = parking();
    const { dir, mount } = await mountedFor(t, files);
    const copy = spawn("unshare", [
      "-m",
      "--propagation",
      "private",
      "sh",
      "-c",
      `echo; exec sleep 60`,
    ]);
    t.after(() => copy.kill());
    const ready = await new Promise((resolve) => {
      copy.stdout.once("data", () => resolve(true));
      copy.once("exit", () => resolve(false));
    });
    assert.ok(ready);
    await sh(`: > ${dir}/made`);
    await mount.unmount();
    assert.equal(await isMounted(dir), false);
    assert.equal(files.text("/made"), "", "what was just closed came to be");
  },
);

void test(
  "it ends though it was unmounted lazily and somebody still sits in it",
  { skip: SKIP },
  async (t) => {
    const files = parking();
    const { sh, dir, mount } = await mountedFor(t, files);
    const parked = sh("cat live; echo $?");
    await until(() => files.followers("/live") === 1);
    assert.equal((await run("umount", ["-i", "-l", dir])).code, 0);
    await mount.unmount();
    assert.equal((await parked).out, "1\n");
  },
);

void test("what is being written is not cut off by unmounting", { skip: SKIP }, async (t) => {
  const files = parking();
  let go = (): void => {};
  files.put("/slow", "", {
    gate: () =>
      new Promise((resolve) => {
        go = resolve;
      }),
  });
  const { sh, mount } = await mountedFor(t, files);
  const writer = sh("echo slow > slow");
  await until(() => files.changes.length > 0);
  const gone = mount.unmount();
  await new Promise((resolve) => {
    setTimeout(resolve, 100);
  });
  go();
  await gone;
  assert.equal((await writer).code, 0);
  assert.equal(files.text("/slow"), "slow\n");
});

for (const deed of ["exit", "throw", "unmount"]) {
  void test(
    `nothing stays mounted when the process ends by: ${deed}`,
    { skip: SKIP },
    async (t) => {
      const dir = await emptyDirectory(t);
      const { code } = await run(process.execPath, [HOST, dir, deed]);
      assert.equal(code, deed === "throw" ? 1 : 0);
      await until(async () => !(await isMounted(dir)));
    },
  );
}

for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
  void test(
    `nothing stays mounted and no shell hangs after ${signal}`,
    { skip: SKIP },
    async (t) => {
      const dir = await emptyDirectory(t);
      const { pid = 0 } = await host(t, dir);
      const parked = sh(`cat ${dir}/live; echo $?`);
      await sh(`cat ${dir}/hello`);
      // The whole group: nobody is left there to clean up.
      process.kill(-pid, signal);
      assert.equal((await parked).out, "1\n");
      assert.notEqual((await sh(`ls ${dir}/hello`)).code, -1);
      await until(async () => !(await isMounted(dir)));
    },
  );
}

void test("a dead mount is taken away by the next one", { skip: SKIP }, async (t) => {
  const dir = await emptyDirectory(t);
  const child = await host(t, dir);
  process.kill(await guardOf(dir), "SIGKILL");
  child.kill("SIGKILL");
  await new Promise((resolve) => {
    child.once("exit", resolve);
  });
  assert.match((await sh(`ls ${dir}`)).err, /not connected/);
  const mount = await mountFuse({ files: parking(), dir });
  t.after(() => mount.unmount());
  assert.equal((await sh(`cat ${dir}/hello`)).out, "hello\n");
});

void test(
  "a directory is refused that is missing, not empty, a file, or mounted",
  { skip: SKIP },
  async (t) => {
    const dir = await emptyDirectory(t);
    const files = parking();
    const refused = async (where: string, errno: string): Promise<void> => {
      await assert.rejects(
        mountFuse({ files, dir: where }),
        (error) =>
          error instanceof FileError && error.errno === errno && error.message.includes(where),
      );
    };
    await refused(join(dir, "missing"), "ENOENT");
    await refused(join(dir, "missing", "below"), "ENOENT");
    await writeFile(join(dir, "file"), "");
    await refused(join(dir, "file"), "ENOTDIR");
    await refused(dir, "ENOTEMPTY");
    await mkdir(join(dir, "a b"));
    const mount = await mountFuse({ files, dir: join(dir, "a b") });
    assert.equal((await sh(`cat '${dir}/a b/hello'`)).out, "hello\n");
    await refused(join(dir, "a b"), "EBUSY");
    await mount.unmount();
    await assert.rejects(mountFuse({ files, dir: join(dir, "a b"), name: "a,b" }), /letters/);
  },
);

void test("canMount() says what is missing, and what to do instead", { skip: SKIP }, async () => {
  const module = new URL("../../src/mounts/fuse.ts", import.meta.url).href;
  const script = `const { canMount, mountFuse } = await import(${JSON.stringify(module)});
    console.log(canMount());
    await mountFuse({ dir: "/nowhere" }).catch((error) => console.log(error.errno));`;
  const node = [process.execPath, "--input-type=module", "-e", script];
  const { out } = await run("setpriv", ["--bounding-set=-sys_admin", "--inh-caps=-all", ...node]);
  assert.match(out, /^Mounting needs root \(CAP_SYS_ADMIN\).*`agentctl fs`.*\nENOTSUP\n$/);
});

void test(
  "a process that uses its own mount is told EDEADLK instead of waiting for itself",
  { skip: SKIP },
  async (t) => {
    const dir = await emptyDirectory(t);
    const { out, code } = await run(process.execPath, [HOST, dir, "use-itself"]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(out), Array(5).fill(EDEADLK));
  },
);

void test(
  "the built files mount as the sources do",
  { skip: SKIP || (!existsSync(BUILT) && "not built") },
  async (t) => {
    const dir = await emptyDirectory(t);
    assert.equal((await run(process.execPath, [HOST, dir, "unmount", BUILT])).code, 0);
  },
);
