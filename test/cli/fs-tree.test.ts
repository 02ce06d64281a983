import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { copy, placeOf } from "../../src/cli/fs/copy.ts";
import type { Copying } from "../../src/cli/fs/copy.ts";
import { fileBytes, statThrough } from "../../src/cli/fs/file-bytes.ts";
import { lastingFiles } from "../../src/cli/fs/lasting-files.ts";
import { putFile } from "../../src/cli/fs/put.ts";
import { followFile, lastLines } from "../../src/cli/fs/tail.ts";
import { below, treePath, treePathOrLocal } from "../../src/cli/fs/tree-path.ts";
import { asTyped } from "../../src/cli/fs/typed-error.ts";
import { UsageError } from "../../src/cli/usage-error.ts";
import { FileError } from "../../src/core/file-error.ts";
import type { FileService } from "../../src/core/ports/index.ts";
import { systemClock } from "../../src/core/system.ts";
import { normalPath } from "../../src/vfs/path.ts";
import { scratch } from "../../src/vfs/scratch.ts";

const MiB = 1_048_576;

function memory(): FileService {
  return scratch({}, systemClock);
}

async function* chunks(size: number, fail?: Error): AsyncIterable<Uint8Array> {
  for (let left = size; left > 0; left -= 65_536)
    yield new Uint8Array(Math.min(left, 65_536)).fill(7);
  if (fail !== undefined) throw fail;
}

async function sizes(
  files: FileService,
): Promise<readonly (readonly [string, number | undefined])[]> {
  return (await files.list("/")).items.map(({ name, size }) => [name, size] as const);
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);

void test("treePath() takes each way to name a file, and nothing else", () => {
  for (const [typed, path] of [
    ["alice", "/agents/alice"],
    ["alice:", "/agents/alice"],
    ["alice:/", "/agents/alice"],
    ["alice:goals//7/", "/agents/alice/goals/7"],
    ["alice:/goals/a:b", "/agents/alice/goals/a:b"],
    ["/agents/alice", "/agents/alice"],
    ["//srv/", "/srv"],
    ["/", "/"],
    [`${"ab".repeat(32)}:x`, `/agents/${"ab".repeat(32)}/x`],
  ] as const) {
    assert.equal(treePath(typed).path, path, typed);
  }
  assert.deepEqual(
    [treePath("a:b/").slash, treePath("a:").slash, treePath("a:b").slash],
    [true, false, false],
  );
  assert.equal(below(treePath("alice:"), "x").typed, "alice:x");
  assert.equal(below(treePath("alice"), "x").typed, "alice/x");
  for (const typed of ["", "a/b", ".", "-x", "a b", ":x", "a:..", "/agents/../x", "a:\n"]) {
    assert.throws(() => treePath(typed), UsageError, typed);
  }
  for (const typed of ["x", "./a:b", "/tmp/a:b", "/agentsx", "-"]) {
    assert.equal(treePathOrLocal(typed), undefined, typed);
  }
  for (const typed of ["a:b", "/agents", "/srv/x", "a:"]) assert.ok(treePathOrLocal(typed), typed);
});

void test("treePath() gives normal paths, or a UsageError, for whatever is typed", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "/", ".", ":", "\0", "ü", "-") }),
      (typed) => {
        try {
          const { path } = treePath(typed);
          assert.equal(normalPath(path), path);
        } catch (error) {
          assert.ok(error instanceof UsageError, typed);
        }
      },
    ),
  );
});

void test("asTyped() names a path as it was typed, whatever the service calls it", () => {
  const at = treePath("alice:goals/7");
  const named = (message: string): string =>
    (asTyped(new FileError("ENOENT", message), at) as Error).message;
  assert.equal(named('Cannot find "/agents/alice/goals/7": x'), 'Cannot find "alice:goals/7": x');
  assert.equal(named('Cannot find "/goals/7": x'), 'Cannot find "alice:goals/7": x');
  assert.equal(named('Cannot find "/other": x'), 'Cannot find "/other": x');
  const other = new TypeError("x");
  assert.equal(asTyped(other, at), other);
});

void test("putFile() writes a long file in parts, and leaves none that is not whole", async () => {
  const files = memory();
  const size = 20 * MiB + 5;
  assert.equal(await putFile(files, "/new", { size, bytes: chunks(size) }), "/new");
  assert.deepEqual(await sizes(files), [["new", size]]);
  assert.ok((await files.read("/new")).every((byte) => byte === 7));
  const broken = new Error("broken");
  for (const path of ["/new", "/other"]) {
    await assert.rejects(putFile(files, path, { bytes: chunks(size, broken) }), broken);
    assert.deepEqual(await sizes(files), [["new", size]]);
  }
  await putFile(files, "/new", { bytes: chunks(9 * MiB) });
  assert.deepEqual(await sizes(files), [["new", 9 * MiB]]);
  await putFile(files, "/new", { bytes: chunks(0) });
  assert.deepEqual(await sizes(files), [["new", 0]]);
});

void test("putFile() asks a file with a limit for nothing more, and writes it once", async () => {
  const files = memory();
  let writes = 0;
  const limited: FileService = {
    ...bound(files),
    stat: async (path) => ({ ...(await files.stat(path)), nature: undefined, limit: 10 * MiB }),
    write: (...args) => {
      writes += 1;
      return files.write(...args);
    },
  };
  let read = 0;
  const endless = (async function* () {
    for (;;) {
      read += MiB;
      yield new Uint8Array(MiB);
    }
  })();
  await assert.rejects(putFile(limited, "/x", { bytes: endless }), { errno: "EFBIG" });
  await assert.rejects(putFile(limited, "/x", { size: 11 * MiB, bytes: chunks(1) }), {
    errno: "EFBIG",
  });
  assert.deepEqual([read, writes], [11 * MiB, 0]);
  await putFile(limited, "/x", { bytes: chunks(9 * MiB) });
  assert.equal(writes, 1);
});

/** A service whose members can be taken by themselves. */
function bound(files: FileService): FileService {
  return {
    stat: (path) => files.stat(path),
    list: (path, query) => files.list(path, query),
    read: (path, range) => files.read(path, range),
    write: (path, data, options) => files.write(path, data, options),
    remove: (path) => files.remove(path),
    rename: (from, to) => files.rename(from, to),
    watch: (path, signal) => files.watch(path, signal),
    makeDirectory: (path) => files.makeDirectory!(path),
  };
}

void test("fileBytes() reads in parts, and tells when they are of two contents", async () => {
  const files = memory();
  await files.write("/f", new Uint8Array(3 * MiB + 1));
  const stat = await files.stat("/f");
  let read = 0;
  for await (const part of fileBytes(files, "/f", stat)) read += part.byteLength;
  assert.equal(read, 3 * MiB + 1);
  await assert.rejects(
    async () => {
      for await (const _ of fileBytes(files, "/f", stat))
        await files.write("/f", bytes("!"), { at: 0 });
    },
    { errno: "ESTALE" },
  );
});

void test("statThrough() follows links, and stops at a circle", async () => {
  const links: Record<string, string> = { "/a": "b/c", "/b/c": "../d", "/x": "/y", "/y": "x" };
  const files: FileService = {
    ...bound(memory()),
    stat: async (path) => ({
      name: path,
      access: "r",
      ...(links[path] === undefined ? { kind: "file" } : { kind: "link", target: links[path] }),
    }),
  };
  assert.equal((await statThrough(files, "/a")).name, "/d");
  await assert.rejects(statThrough(files, "/x"), { errno: "ELOOP" });
});

void test("copy() writes nothing outside of the directory that it is told", async () => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-copy-"));
  try {
    for (const [i, name] of ["..", "../evil", "a/b", ".", "", "\0"].entries()) {
      const hostile: FileService = {
        ...bound(memory()),
        stat: async (path) => ({
          name: "",
          access: "rw",
          kind: path === "/agents/a/x" ? "directory" : "file",
        }),
        list: async () => ({ items: [{ name, kind: "file", access: "rw", size: 1 }] }),
        read: async () => bytes("!"),
      };
      const copying: Copying = {
        files: hostile,
        deep: true,
        onCopied: () => {},
        onLeftOut: () => {},
      };
      await assert.rejects(copy(placeOf("a:x"), placeOf(join(dir, String(i))), copying), {
        errno: "EINVAL",
      });
      assert.deepEqual(
        [readdirSync(dir), readdirSync(join(dir, String(i)))],
        [Array.from({ length: i + 1 }, (_, n) => String(n)), []],
        name,
      );
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

void test("copy() keeps what was there when the other end breaks off", async () => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-copy-"));
  try {
    const files = memory();
    await files.makeDirectory!("/agents");
    await files.makeDirectory!("/agents/a");
    await files.write("/agents/a/f", new Uint8Array(3 * MiB));
    const breaking: FileService = {
      ...bound(files),
      async read(path, range) {
        if ((range?.offset ?? 0) > MiB) throw new FileError("EHOSTUNREACH", "gone");
        return files.read(path, range);
      },
    };
    const copying: Copying = {
      files: breaking,
      deep: false,
      onCopied: () => {},
      onLeftOut: () => {},
    };
    const local = join(dir, "f");
    await assert.rejects(copy(placeOf("a:f"), placeOf(local), copying), /gone/);
    assert.deepEqual(readdirSync(dir), []);
    writeFileSync(local, "mine");
    await assert.rejects(copy(placeOf("a:f"), placeOf(local), copying), /gone/);
    assert.deepEqual(readdirSync(dir), ["f"]);
    assert.equal(readFileSync(local, "utf8"), "mine");
    await copy(placeOf("a:f"), placeOf(local), { ...copying, files });
    assert.equal(readFileSync(local).byteLength, 3 * MiB);
    await copy(placeOf("a:f"), placeOf(`${dir}/deep/er/`), { ...copying, files });
    assert.ok(existsSync(join(dir, "deep/er/f")));
  } finally {
    rmSync(dir, { recursive: true });
  }
});

void test("lastLines() gives as many lines as are asked for, of files long and short", async () => {
  const files = memory();
  const tail = async (lines: number): Promise<string> => {
    const stat = await files.stat("/f");
    const known = await lastLines(files, "/f", { stat, lines });
    const unknown = await lastLines(files, "/f", { stat: { ...stat, size: undefined }, lines });
    assert.deepEqual(known, unknown);
    assert.equal(known.end, stat.size);
    return text(known.bytes);
  };
  const property = fc.asyncProperty(
    fc.string({ unit: fc.constantFrom("a", "\n", "ü") }),
    fc.nat(5),
    async (content, lines) => {
      await files.write("/f", bytes(content));
      const all = content.match(/[^\n]*\n|[^\n]+$/g) ?? [];
      assert.equal(await tail(lines), lines === 0 ? "" : all.slice(-lines).join(""));
    },
  );
  await fc.assert(property);
  const line = `${"x".repeat(99)}\n`;
  await files.write("/f", bytes(line.repeat(30_000)));
  assert.equal((await tail(20_000)).length, 2_000_000);
});

void test("followFile() tells what is added, over failures and a new start, and of a cut", async () => {
  const files = memory();
  await files.write("/f", bytes("old\n"));
  let ending = new AbortController();
  const talk: string[] = [];
  let down = 0;
  const connect = (): FileService => {
    if (down > 0) {
      down -= 1;
      throw new FileError("EHOSTUNREACH", "Cannot reach agentd");
    }
    return files;
  };
  let seen = "";
  const following = (watched: boolean): Promise<void> => {
    const unwatched: FileService = {
      ...bound(files),
      // oxlint-disable-next-line require-yield
      async *watch() {
        throw new FileError("ENOTSUP", "nobody says");
      },
    };
    return (async () => {
      for await (const more of followFile({
        connect: watched ? connect : () => unwatched,
        path: "/f",
        end: 4,
        stream: false,
        signal: ending.signal,
        talk: (one) => talk.push(one),
        pause: 5,
      })) {
        seen += text(more);
      }
    })();
  };
  const until = async (enough: () => boolean): Promise<void> => {
    while (!enough()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  for (const watched of [true, false]) {
    seen = "";
    await files.write("/f", bytes("old\n"));
    down = watched ? 3 : 0;
    ending = new AbortController();
    const followed = following(watched);
    await files.write("/f", bytes("one\n"), { at: "end" });
    await until(() => seen === "one\n");
    await files.write("/f", bytes("two\n"), { at: "end" });
    await until(() => seen === "one\ntwo\n");
    await files.write("/f", bytes("x\n"));
    await until(() => seen === "one\ntwo\nx\n");
    assert.match(
      talk.join("\n"),
      watched ? /^Cannot reach agentd\nWaiting for it …\nIt was cut/ : /It was cut/,
    );
    assert.equal(talk.length, watched ? 2 : 3);
    ending.abort();
    await followed;
  }
});

void test("lastingFiles() finds its home when it is used, and anew when that is lost", async () => {
  const files = memory();
  let [found, up] = [0, false];
  const lasting = lastingFiles(() => {
    found += 1;
    return {
      ...bound(files),
      list: async (path) => {
        if (!up) throw new FileError("EHOSTUNREACH", "gone");
        return files.list(path);
      },
    };
  });
  assert.equal((await lasting.stat("/")).kind, "directory");
  assert.equal(found, 0);
  for (const _ of [1, 2]) await assert.rejects(lasting.list("/"), { errno: "EHOSTUNREACH" });
  up = true;
  for (const _ of [1, 2]) assert.deepEqual((await lasting.list("/")).items, []);
  assert.equal(found, 3);
  await assert.rejects(lasting.exchange!("/x", bytes("")), { errno: "ENOTSUP" });
  await assert.rejects(lasting.read("/none"), { errno: "ENOENT" });
  assert.equal(found, 3);
});

void test("lastingFiles() has a watch go on when its home is there again", async () => {
  let tries = 0;
  const lasting = lastingFiles(
    () => ({
      ...bound(memory()),
      async *watch() {
        tries += 1;
        if (tries === 1) yield "/a";
        if (tries === 2) yield "/b";
        if (tries === 4) throw new FileError("ENOTSUP", "nobody says");
        if (tries > 1) throw new FileError("EHOSTUNREACH", "gone");
      },
    }),
    1,
  );
  const seen: string[] = [];
  const watching = async (): Promise<void> => {
    const { signal } = new AbortController();
    for await (const path of lasting.watch("/", signal)) seen.push(path);
  };
  const watched = watching();
  await lasting.stat("/");
  assert.equal(tries, 0);
  await lasting.list("/");
  await assert.rejects(watched, { errno: "ENOTSUP" });
  // What has changed while nobody said is all that there is.
  assert.deepEqual(seen, ["/a", "/", "/b", "/", "/"]);
});
