import assert from "node:assert/strict";
import { test } from "node:test";

import { FileError, isErrno } from "../../src/core/file-error.ts";
import { ERRNO } from "../../src/mounts/fuse/protocol.ts";
import { MemoryFiles } from "./memory-files.ts";
import { mountedFor, SKIP } from "./mounted.ts";

/** Calls of the system, in the manner of pjdfstest, and what each must say. */
const CALLS: readonly (readonly [call: string, errno: string])[] = [
  // open
  ["os.open('none', os.O_RDONLY)", "ENOENT"],
  ["os.open('none/below', os.O_CREAT | os.O_WRONLY)", "ENOENT"],
  ["os.open('file/below', os.O_RDONLY)", "ENOTDIR"],
  ["os.open('file', os.O_CREAT | os.O_EXCL | os.O_WRONLY)", "EEXIST"],
  ["os.open('dir', os.O_WRONLY)", "EISDIR"],
  ["os.open('dir', os.O_RDONLY)", "OK"],
  ["os.open('file', os.O_DIRECTORY)", "ENOTDIR"],
  ["os.open('link', os.O_RDONLY)", "OK"],
  ["os.open('link', os.O_NOFOLLOW)", "ELOOP"],
  ["os.open('loop', os.O_RDONLY)", "ELOOP"],
  ["os.open('dangling', os.O_RDONLY)", "ENOENT"],
  ["os.open('readable', os.O_RDWR)", "EACCES"],
  ["os.open('readable', os.O_RDONLY)", "OK"],
  ["os.open('writable', os.O_RDONLY)", "EACCES"],
  ["os.open('nothing', os.O_RDONLY)", "EACCES"],
  ["os.open('closed/new', os.O_CREAT | os.O_WRONLY)", "EACCES"],
  ["os.open('x' * 256, os.O_CREAT | os.O_WRONLY)", "ENAMETOOLONG"],
  ["os.open('x' * 255, os.O_CREAT | os.O_WRONLY)", "OK"],
  ["os.open(b'\\xff', os.O_CREAT | os.O_WRONLY)", "EINVAL"],
  // mkdir, rmdir
  ["os.mkdir('made')", "OK"],
  ["os.mkdir('made')", "EEXIST"],
  ["os.mkdir('file')", "EEXIST"],
  ["os.mkdir('none/below')", "ENOENT"],
  ["os.mkdir('file/below')", "ENOTDIR"],
  ["os.rmdir('dir')", "ENOTEMPTY"],
  ["os.rmdir('file')", "ENOTDIR"],
  ["os.rmdir('none')", "ENOENT"],
  ["os.rmdir('made/.')", "EINVAL"],
  ["os.rmdir('made')", "OK"],
  // unlink
  ["os.unlink('none')", "ENOENT"],
  ["os.unlink('dir')", "EISDIR"],
  ["os.unlink('file/below')", "ENOTDIR"],
  ["os.unlink('readable')", "EACCES"],
  ["os.unlink('dangling')", "OK"],
  // rename
  ["os.rename('none', 'other')", "ENOENT"],
  ["os.rename('file', 'none/below')", "ENOENT"],
  ["os.rename('file', 'dir')", "EISDIR"],
  ["os.rename('dir', 'file')", "ENOTDIR"],
  ["os.rename('dir', 'dir/below')", "EINVAL"],
  ["os.rename('file', 'abroad/file')", "EXDEV"],
  ["os.rename('file', 'file')", "OK"],
  ["os.rename('file', 'moved')", "OK"],
  ["os.rename('moved', 'file')", "OK"],
  ["renameat2('file', 'readable', 1)", "EEXIST"],
  ["renameat2('file', 'free', 1)", "OK"],
  ["renameat2('free', 'file', 1)", "OK"],
  ["renameat2('file', 'readable', 2)", "EINVAL"],
  // what is not supported
  ["os.link('file', 'hard')", "ENOTSUP"],
  ["os.symlink('file', 'soft')", "ENOTSUP"],
  ["os.mkfifo('pipe')", "ENOTSUP"],
  ["os.mknod('node', 0o100600)", "OK"],
  ["os.mknod('node', 0o100600)", "EEXIST"],
  ["os.chmod('file', 0o755)", "OK"],
  ["os.chmod('file', 0o600)", "OK"],
  ["os.chmod('dir', 0o500)", "OK"],
  ["os.chmod('none', 0o500)", "ENOENT"],
  ["os.chmod('file', 0o4755)", "ENOTSUP"],
  ["os.chmod('file', 0o2755)", "ENOTSUP"],
  ["os.chmod('dir', 0o1777)", "ENOTSUP"],
  ["os.chown('file', 5, 5)", "ENOTSUP"],
  ["os.chown('file', -1, -1)", "OK"],
  ["os.utime('file', (1, 2))", "OK"],
  ["os.getxattr('file', 'user.x')", "ENOTSUP"],
  ["os.setxattr('file', 'user.x', b'')", "ENOTSUP"],
  ["os.listxattr('file')", "ENOTSUP"],
  ["os.removexattr('file', 'user.x')", "ENOTSUP"],
  ["os.posix_fallocate(os.open('file', os.O_RDWR), 0, 100)", "OK"],
  ["fcntl.ioctl(os.open('file', os.O_RDONLY), 0x5401)", "ENOTTY"],
  ["os.open('.', os.O_TMPFILE | os.O_RDWR)", "ENOTSUP"],
  ["fcntl.flock(os.open('file', os.O_RDONLY), fcntl.LOCK_EX)", "OK"],
  ["os.readlink('file')", "EINVAL"],
  ["os.readlink('link')", "OK"],
  ["os.statvfs('.')", "OK"],
  ["os.access('readable', os.W_OK)", "OK"],
  ["os.lseek(os.open('file', os.O_RDONLY), -1, os.SEEK_SET)", "EINVAL"],
  ["os.listdir('file')", "ENOTDIR"],
  ["os.listdir('none')", "ENOENT"],
  // sizes
  ["os.truncate('dir', 0)", "EISDIR"],
  ["os.truncate('none', 0)", "ENOENT"],
  ["os.truncate('readable', 0)", "EACCES"],
  ["os.truncate('file', -1)", "EINVAL"],
  ["os.truncate('small', 11)", "EFBIG"],
  ["os.truncate('small', 10)", "OK"],
  ["os.pwrite(os.open('small', os.O_WRONLY), b'x', 10)", "EFBIG"],
  ["os.pwrite(os.open('small', os.O_WRONLY), b'x', 9)", "OK"],
  ["os.pwrite(os.open('ranged', os.O_WRONLY), b'x', 1 << 60)", "EINVAL"],
  // what the service says, as it is
  ["os.fsync(write('failing'))", "EDQUOT"],
  ["os.close(write('failing'))", "EDQUOT"],
];

void test(
  "each call says what POSIX would have it say, and never EIO",
  { skip: SKIP },
  async (t) => {
    const files = new MemoryFiles();
    files.directory("/dir");
    files.put("/dir/below", "");
    files.put("/file", "file");
    files.put("/small", "small", { limit: 10 });
    files.put("/ranged", "ranged", { nature: "ranged" });
    files.put("/readable", "r", { access: "r" });
    files.put("/writable", "w", { access: "w" });
    files.put("/nothing", "", { access: "" });
    files.directory("/closed", { access: "r" });
    files.directory("/abroad", { limit: -1 });
    files.put("/link", "", { kind: "link", target: "file" });
    files.put("/loop", "", { kind: "link", target: "loop" });
    files.put("/dangling", "", { kind: "link", target: "nowhere" });
    files.put("/failing", "", {
      gate: () => Promise.reject(new FileError("EDQUOT", "on purpose")),
    });
    const { sh, problems } = await mountedFor(t, files);
    const script = `
import ctypes, errno, fcntl, os
libc = ctypes.CDLL(None, use_errno=True)
def renameat2(a, b, flags):
    if libc.renameat2(-100, a.encode(), -100, b.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), "")
def write(name):
    f = os.open(name, os.O_WRONLY | os.O_TRUNC)
    os.write(f, b"x")
    return f
for call in ${JSON.stringify(CALLS.map(([call]) => call))}:
    try:
        eval(call)
        print("OK")
    except OSError as e:
        print({95: "ENOTSUP", 35: "EDEADLK"}.get(e.errno) or errno.errorcode[e.errno])
`;
    const done = await sh(`python3 - <<'END'\n${script}\nEND`);
    assert.equal(done.err, "");
    const said = done.out.trimEnd().split("\n");
    assert.deepEqual(
      CALLS.map(([call], index) => [call, said[index]]),
      CALLS,
    );
    assert.deepEqual(problems, []);
  },
);

void test("every error of a service has its number on the mount", { skip: SKIP }, async (t) => {
  const errnos = Object.keys(ERRNO)
    .filter(isErrno)
    // After EINTR, Python tries again.
    .filter((errno) => errno !== "EINTR");
  assert.ok(errnos.length > 15);
  const files = new MemoryFiles();
  for (const errno of errnos) {
    files.put(`/${errno}`, "x", { gate: () => Promise.reject(new FileError(errno, "on purpose")) });
  }
  files.put("/unforeseen", "x", { gate: () => Promise.reject(new TypeError("on purpose")) });
  const { sh, problems } = await mountedFor(t, files);
  const done = await sh(`python3 -c '
import os, errno
for name in sorted(os.listdir(".")):
    try: os.read(os.open(name, os.O_RDONLY), 9)
    except OSError as e: print(name, {95: "ENOTSUP", 35: "EDEADLK"}.get(e.errno) or errno.errorcode[e.errno])'`);
  const expected = [...errnos.toSorted().map((errno) => `${errno} ${errno}`), "unforeseen EIO", ""];
  assert.deepEqual(done.out.split("\n"), expected);
  assert.match(String(problems.at(-1)), /TypeError: on purpose/);
});
