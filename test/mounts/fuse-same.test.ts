import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { MemoryFiles } from "./memory-files.ts";
import { mountedFor, run, SKIP } from "./mounted.ts";

/** Those that once found something; with MOUNT_SEEDS, the first so many. */
const SEEDS: readonly number[] = process.env["MOUNT_SEEDS"]
  ? Array.from({ length: Number(process.env["MOUNT_SEEDS"]) }, (_, index) => index + 1)
  : [1, 3, 7, 23];

/** Does many things by chance, the same in two directories, and says where they differ. */
const SCRIPT = `
import os, random, stat, sys
seed, count, ours, theirs = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
chance = random.Random(seed)
names = ["a", "b", "c", "d/a", "d/b", "d/e", "d", "f", "none/a", "f/g"]
modes = [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_CREAT, os.O_RDWR | os.O_CREAT,
  os.O_WRONLY | os.O_CREAT | os.O_EXCL, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_CREAT | os.O_TRUNC,
  os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_APPEND | os.O_CREAT]

def tried(do):
    try: return do()
    except OSError as e: return "errno %d" % e.errno

def tree(root):
    found = {}
    for where, dirs, files in os.walk(root):
        for name in dirs: found[os.path.relpath(os.path.join(where, name), root)] = "dir"
        for name in files:
            path = os.path.join(where, name)
            with open(path, "rb") as f: found[os.path.relpath(path, root)] = (f.read(), os.stat(path).st_size)
    return found

def opened(root, name, mode, steps):
    def go():
        said = []
        fd = os.open(os.path.join(root, name), mode)
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            os.close(fd)
            return "dir"
        for step, number, data in steps:
            said.append(tried(lambda: {
                "read": lambda: os.read(fd, number),
                "pread": lambda: os.pread(fd, 100, number),
                "write": lambda: os.write(fd, data),
                "pwrite": lambda: os.pwrite(fd, data, number),
                "truncate": lambda: os.ftruncate(fd, number),
                "seek": lambda: os.lseek(fd, number, os.SEEK_SET),
                "end": lambda: os.lseek(fd, 0, os.SEEK_END),
                "sync": lambda: os.fsync(fd),
                "stat": lambda: os.fstat(fd).st_size,
                "dup": lambda: os.close(os.dup(fd)),
            }[step]()))
        os.close(fd)
        return said
    return tried(go)

def some():
    step = chance.choice(["read", "pread", "write", "write", "pwrite", "truncate", "seek", "end", "sync", "stat", "dup"])
    return step, chance.randrange(0, 300), bytes(chance.randrange(256) for _ in range(chance.randrange(0, 40)))

for number in range(count):
    kind = chance.choice(["open"] * 6 + ["mkdir", "rmdir", "unlink", "rename", "truncate", "stat", "list"])
    name, other, size = chance.choice(names), chance.choice(names), chance.randrange(0, 200)
    mode, steps = chance.choice(modes), [some() for _ in range(chance.randrange(0, 8))]
    def do(root):
        path = os.path.join(root, name)
        if kind == "open": return opened(root, name, mode, steps)
        if kind == "mkdir": return tried(lambda: os.mkdir(path))
        if kind == "rmdir": return tried(lambda: os.rmdir(path))
        if kind == "unlink": return tried(lambda: os.unlink(path))
        if kind == "rename": return tried(lambda: os.rename(path, os.path.join(root, other)))
        if kind == "truncate": return tried(lambda: os.truncate(path, size))
        if kind == "list": return tried(lambda: sorted(os.listdir(path)))
        return tried(lambda: (stat.S_IFMT(os.stat(path).st_mode), stat.S_ISREG(os.stat(path).st_mode) and os.stat(path).st_size))
    a, b = do(ours), do(theirs)
    if a != b:
        print("step", number, kind, name, other, oct(mode), steps, "ours", a, "theirs", b)
        sys.exit(1)
    if number % 25 == 0 and tree(ours) != tree(theirs):
        print("tree after", number, kind, name, other, oct(mode), steps, "ours", tree(ours), "theirs", tree(theirs))
        sys.exit(1)
print("same")
`;

for (const nature of [undefined, "ranged"] as const) {
  const what = nature === undefined ? "written as a whole" : "ranged";
  void test(`files that are ${what} behave as those of the disk do`, { skip: SKIP }, async (t) => {
    const files = new MemoryFiles();
    if (nature !== undefined) files.directory("/", { nature });
    const { dir, problems } = await mountedFor(t, files);
    for (const seed of SEEDS) {
      const disk = await mkdtemp(join(tmpdir(), "fuse-disk-"));
      t.after(() => rm(disk, { recursive: true }));
      const ours = `${dir}/${seed}`;
      await run("mkdir", [ours]);
      if (nature !== undefined) files.entry(`/${seed}`).nature = nature;
      const done = await run("python3", ["-c", SCRIPT, String(seed), "400", ours, disk]);
      assert.equal(done.err, "");
      assert.equal(done.out, "same\n", `seed ${seed}`);
    }
    assert.deepEqual(problems, []);
  });
}
