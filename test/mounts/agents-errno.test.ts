import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { has, MOUNTS, twiceMounted } from "./agents-home.ts";
import type { MountedHome } from "./agents-home.ts";
import { SKIP as skip } from "./mounted.ts";

// How operations on an agent's files end: what cannot be done says so, and never that something broke.

let home: MountedHome;
before(async () => {
  if (skip === false) home = await twiceMounted();
});
after(() => home?.[Symbol.asyncDispose]());

const OPERATIONS = fileURLToPath(new URL("operations.ts", import.meta.url));

type Case = readonly [readonly unknown[], unknown];

const A = "agents/greeter";
const F = `${A}/memory/files`;

/** Each operation, and how it ends: one of several, as kernels differ. In this order. */
const CASES: readonly Case[] = [
  // A ground to stand on.
  [["mkdir", `${F}/d`], "ok"],
  [["write", `${F}/a`, "a"], "ok"],
  [["write", `${F}/d/b`, "b"], "ok"],
  // Files and directories are not each other.
  [["mkdir", `${F}/d`], "EEXIST"],
  [["mkdir", `${F}/a`], "EEXIST"],
  [["mkdir", `${F}/a/x`], "ENOTDIR"],
  [["mkdir", `${F}/none/x`], "ENOENT"],
  [["rmdir", `${F}/d`], "ENOTEMPTY"],
  [["rmdir", `${F}/a`], "ENOTDIR"],
  [["rmdir", `${F}/none`], "ENOENT"],
  [
    ["unlink", `${F}/d`],
    ["EISDIR", "EPERM"],
  ],
  [["unlink", `${F}/none`], "ENOENT"],
  [["open", `${F}/none`, "O_RDONLY"], "ENOENT"],
  [["open", `${F}/a`, "O_RDONLY|O_DIRECTORY"], "ENOTDIR"],
  [["open", `${F}/d`, "O_WRONLY"], "EISDIR"],
  [["open", `${F}/a`, "O_WRONLY|O_CREAT|O_EXCL"], "EEXIST"],
  [["open", `${F}/d`, "O_WRONLY|O_CREAT"], "EISDIR"],
  [["read", `${F}/d`], "EISDIR"],
  [["list", `${F}/a`], "ENOTDIR"],
  [["rename", `${F}/a`, `${F}/d`], "EISDIR"],
  [["rename", `${F}/d`, `${F}/a`], "ENOTDIR"],
  [["rename", `${F}/d`, `${F}/d/e`], "EINVAL"],
  [["rename", `${F}/none`, `${F}/x`], "ENOENT"],
  [["rename", `${F}/a`, `${F}/none/x`], "ENOENT"],
  [["rename", `${F}/a`, `${F}/a`], "ok"],
  // From one to another that it cannot become.
  [["rename", `${F}/a`, "agents/quiet/memory/files/a"], "EXDEV"],
  [["rename", `${F}/a`, `${A}/goals/a`], "EXDEV"],
  [
    ["rename", `${A}/status`, `${F}/status`],
    ["EBUSY", "EXDEV"],
  ],
  [
    ["rename", A, "agents/other"],
    ["EACCES", "EXDEV", "EPERM"],
  ],
  [
    ["rename", `${A}/memory`, `${A}/remember`],
    ["EACCES", "EXDEV"],
  ],
  // What there is not here.
  [
    ["link", `${F}/a`, `${F}/l`],
    ["EPERM", "ENOTSUP"],
  ],
  [
    ["symlink", `${F}/l`, "/etc/passwd"],
    ["EPERM", "ENOTSUP", "ENOSYS"],
  ],
  [["readlink", `${F}/a`], "EINVAL"],
  [
    ["program", "mkfifo", `${F}/p`],
    ["Operation not supported", "Operation not permitted"],
  ],
  [
    ["program", "mknod", `${F}/p`, "b", "1", "1"],
    ["Operation not supported", "Operation not permitted"],
  ],
  [["chmod", `${F}/a`, 0o4777], "ENOTSUP"],
  [["chmod", `${F}/a`, 0o400], "ok"],
  [["chmod", `${F}/a`, 0o600], "ok"],
  [
    ["chmod", `${F}/d`, 0o1700],
    ["ENOTSUP", "ok"],
  ],
  [["chown", `${F}/a`, 1, 1], "ENOTSUP"],
  [["chown", `${F}/a`, process.getuid?.(), process.getgid?.()], "ok"],
  [["utimes", `${F}/a`], "ok"],
  [["program", "fallocate", "-l", "10", `${F}/a`], ["Operation not supported"]],
  [["program", "flock", `${F}/a`, "true"], "ok"],
  [["program", "sync", `${F}/a`], "ok"],
  [["program", "sync", "-f", `${F}/a`], "ok"],
  [["program", "df", `${F}/a`], "ok"],
  // Sizes.
  [["truncate", `${F}/a`, 3], "ok"],
  [["read", `${F}/a`], "a\0\0"],
  [["truncate", `${F}/a`, 0], "ok"],
  [["writeAt", `${F}/a`, 2], "ok"],
  [["read", `${F}/a`], "\0\0x"],
  [["truncate", `${F}/a`, 2 ** 40], "EFBIG"],
  [["writeAt", `${F}/a`, 2 ** 40], "EFBIG"],
  [["read", `${F}/a`], "\0\0x"],
  [["truncate", `${A}/status`, 0], "EACCES"],
  // What is only read, and what takes nothing new.
  [["write", `${A}/status`, "x"], "EACCES"],
  [["write", `${A}/logs/checkpoint`, "x"], "EACCES"],
  [["unlink", `${A}/status`], "EBUSY"],
  [["rmdir", `${A}/memory`], "EBUSY"],
  [["mkdir", `${A}/x`], "EACCES"],
  [["mkdir", `${A}/goals/x`], "EACCES"],
  [
    ["mkdir", "agents/x"],
    ["EACCES", "ENOENT"],
  ],
  [
    ["mkdir", "x"],
    ["EACCES", "ENOTSUP"],
  ],
  [["write", `${A}/x`, "x"], "EACCES"],
  [["write", "x", "x"], "EACCES"],
  [["write", "srv/x", "x"], "EACCES"],
  [["write", `${A}/logs/x`, "x"], "EACCES"],
  [["write", `${A}/deadletter/x`, "x"], "EACCES"],
  [
    ["rmdir", A],
    ["EACCES", "ENOTDIR"],
  ],
  [["rmdir", "agents"], "EACCES"],
  [["read", `${A}/nostr/dm/x`], "ENOENT"],
  [["write", `${A}/goals/g`, "{"], "EINVAL"],
  [["write", `${A}/state`, "[]"], "EINVAL"],
  [["write", `${A}/config`, '{"timeout":1}'], "EINVAL"],
  [["write", `${A}/mounts`, "mount / host /etc read-write"], "EINVAL"],
  [["write", `${A}/memory/peers/x`, "{}"], "EINVAL"],
  [["write", `${A}/alarms/x`, "{}"], "EINVAL"],
  [["write", `${A}/identity/sign`, "x"], "EINVAL"],
  [["write", `${A}/nostr/publish`, "x"], "EINVAL"],
  // Names.
  [["write", `${F}/${"n".repeat(255)}`, "x"], "ok"],
  [["unlink", `${F}/${"n".repeat(255)}`], "ok"],
  [["write", `${F}/${"n".repeat(256)}`, "x"], "ENAMETOOLONG"],
  [["mkdir", `${F}/${"ü".repeat(128)}`], "ENAMETOOLONG"],
  [["read", `${F}/${"d/".repeat(2200)}`], "ENAMETOOLONG"],
  [["write", `${F}/new\nline`, "x"], "EINVAL"],
  [["write", `${F}/del\x7f`, "x"], "EINVAL"],
  [["mkdir", `${F}/bell\x07`], "EINVAL"],
  [
    ["stat", `${F}/new\nline`],
    ["EINVAL", "ENOENT"],
  ],
  [["write", [...Buffer.from(`${F}/`), 0xff, 0xfe], "x"], "EINVAL"],
  [["write", [...Buffer.from(`${F}/`), 0xed, 0xa0, 0x80], "x"], "EINVAL"],
  [["write", [...Buffer.from(`${F}/`), 0xc0, 0xae, 0xc0, 0xae], "x"], "EINVAL"],
  [["rename", `${F}/a`, `${F}/new\nline`], "EINVAL"],
  [["write", `${F}/ `, "x"], "ok"],
  [["unlink", `${F}/ `], "ok"],
  [["write", `${F}/...`, "x"], "ok"],
  [["unlink", `${F}/...`], "ok"],
  // Ways out.
  [["read", "agents/..%2f..%2fetc/passwd"], "ENOENT"],
  [["read", "agents/%2e%2e/%2e%2e/etc/passwd"], "ENOENT"],
  [["read", `${F}/%2e%2e/a`], "ENOENT"],
  [["read", `${F}/..\\a`], "ENOENT"],
  [["read", `${F}/．．/a`], "ENOENT"],
  [["list", "agents/nobody"], "ENOENT"],
  [["list", "agents/npub1none"], "ENOENT"],
  [["read", "agents/.ssh/id"], "ENOENT"],
  // All is as it was.
  [["read", `${F}/a`], "\0\0x"],
  [["unlink", `${F}/d/b`], "ok"],
  [["rmdir", `${F}/d`], "ok"],
  [["unlink", `${F}/a`], "ok"],
  [["list", F], 0],
];

for (const mount of MOUNTS) {
  void test(
    `what cannot be done with an agent's files is said with the right error, by ${mount}`,
    { skip },
    async () => {
      const asked = JSON.stringify(CASES.map(([operation]) => operation));
      const said = await home.says(
        mount,
        `'${process.execPath}' '${OPERATIONS}' '${asked.replaceAll("'", `'\\''`)}'`,
      );
      const ended = JSON.parse(said) as unknown[];
      const wrong = CASES.flatMap(([operation, expected], index) =>
        [expected].flat().includes(ended[index])
          ? []
          : [[JSON.stringify(operation).slice(0, 100), ended[index], expected]],
      );
      assert.deepEqual(wrong, []);
    },
  );

  void test(
    `names of attributes are not supported, by ${mount}`,
    { skip: skip || (has("python3") ? false : "there is no python3") },
    async () => {
      const script = `
import os, errno, mmap
os.chdir("agents/greeter/memory/files")
def tried(work):
    try: work(); return "ok"
    except OSError as e: return errno.errorcode[e.errno]
open("x", "w").write("text")
print(tried(lambda: os.setxattr("x", "user.a", b"1")), tried(lambda: os.getxattr("x", "user.a")), tried(lambda: os.removexattr("x", "user.a")))
print(os.listxattr("x") if tried(lambda: os.listxattr("x")) == "ok" else [])
f = open("x", "r+b")
print(tried(lambda: f.read(-1)), tried(lambda: os.copy_file_range(f.fileno(), f.fileno(), 1, 0, 10)) in ("ok", "EINVAL", "EOPNOTSUPP", "EXDEV"))
os.remove("x")`;
      const said = await home.says(mount, `python3 -c '${script}'`);
      assert.equal(said, "ENOTSUP ENOTSUP ENOTSUP\n[]\nok True\n");
    },
  );
}
