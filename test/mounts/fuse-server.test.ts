import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";

import * as fc from "fast-check";

import { NodeTable } from "../../src/mounts/fuse/node-table.ts";
import { O } from "../../src/mounts/fuse/protocol.ts";
import { FRAME_BYTES, newRing, RingReader, RingWriter } from "../../src/mounts/fuse/ring.ts";
import { FuseServer } from "../../src/mounts/fuse/server.ts";
import { frame } from "./frames.ts";
import type { FrameHead } from "./frames.ts";
import { MemoryFiles } from "./memory-files.ts";

interface Reply {
  readonly errno: number;
  readonly body: Buffer;
}

/** A server without a kernel. */
function serve(files: MemoryFiles): {
  server: FuseServer;
  replies: Map<number, Reply[]>;
  problems: unknown[];
  notices: string[];
  ask: (
    opcode: Parameters<typeof frame>[0],
    body?: Parameters<typeof frame>[1],
    head?: FrameHead,
  ) => Promise<Reply>;
} {
  const replies = new Map<number, Reply[]>();
  const problems: unknown[] = [];
  const notices: string[] = [];
  const server = new FuseServer({
    files,
    readOnly: false,
    uid: 0,
    gid: 0,
    reply: (unique, errno, body) => {
      const reply = { errno, body: Buffer.from(body ?? []) };
      replies.set(unique, [...(replies.get(unique) ?? []), reply]);
    },
    notify: (key) => notices.push(key),
    onProblem: (problem) => problems.push(problem),
  });
  let unique = 1000;
  const ask = async (
    opcode: Parameters<typeof frame>[0],
    body: Parameters<typeof frame>[1] = [],
    head: FrameHead = {},
  ): Promise<Reply> => {
    unique += 2;
    server.take(frame(opcode, body, { unique, ...head }));
    for (;;) {
      const [reply] = replies.get(head.unique ?? unique) ?? [];
      if (reply !== undefined) return reply;
      await turn();
    }
  };
  return { server, replies, problems, notices, ask };
}

/** What the kernel waits for no answer to. */
const SILENT: ReadonlySet<string | number> = new Set(["FORGET", "INTERRUPT", 2, 36, 42]);

const ENTRY = { node: (reply: Reply): number => Number(reply.body.readBigUInt64LE(0)) };

void test("nothing is kept of what the kernel has forgotten and closed", async () => {
  const files = new MemoryFiles();
  files.directory("/a");
  files.directory("/a/b");
  files.put("/a/b/c", "c");
  const { server, ask } = serve(files);
  const a = ENTRY.node(await ask("LOOKUP", ["a"]));
  const b = ENTRY.node(await ask("LOOKUP", ["b"], { node: a }));
  const c = ENTRY.node(await ask("LOOKUP", ["c"], { node: b }));
  assert.equal(ENTRY.node(await ask("LOOKUP", ["c"], { node: b })), c, "its number stays");
  const open = Number((await ask("OPEN", [[0, 0]], { node: c })).body.readBigUInt64LE(0));
  const directory = Number((await ask("OPENDIR", [], { node: b })).body.readBigUInt64LE(0));
  await ask("READDIRPLUS", [directory, 0, [4096, 0]], { node: b });
  assert.deepEqual(server.size, { nodes: 4, files: 1, directories: 1, requests: 0 });
  server.take(frame("BATCH_FORGET", [[3, 0], a, 1, b, 1, c, 3]));
  assert.equal(server.size.nodes, 4, "an open file keeps its node");
  await ask("RELEASE", [open, 0, 0], { node: c });
  await ask("RELEASEDIR", [directory, 0, 0], { node: b });
  assert.deepEqual(server.size, { nodes: 1, files: 0, directories: 0, requests: 0 });
});

void test("a request that was given up leaves no node, no open file, and one answer", async () => {
  const files = new MemoryFiles();
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const stat = files.stat.bind(files);
  files.put("/slow", "x");
  files.stat = async (path) => {
    await gate;
    return stat(path);
  };
  const { server, replies, ask } = serve(files);
  const lookup = ask("LOOKUP", ["slow"], { unique: 50 });
  server.take(frame("INTERRUPT", [50], { unique: 51 }));
  assert.equal((await lookup).errno, 4);
  go();
  await turn();
  assert.equal(replies.get(50)?.length, 1);
  assert.equal(replies.has(51), false, "nobody waits for an answer to it");
  assert.deepEqual(server.size, { nodes: 1, files: 0, directories: 0, requests: 0 });
});

void test("a change under way ends before it is told to be interrupted, when that is soon", async () => {
  const files = new MemoryFiles();
  let go = (): void => {};
  files.put("/slow", "x", {
    gate: () =>
      new Promise((resolve) => {
        go = resolve;
      }),
  });
  const { server, ask } = serve(files);
  const node = ENTRY.node(await ask("LOOKUP", ["slow"]));
  const open = await ask("OPEN", [[O.WRONLY | O.TRUNC, 0]], { node });
  const fh = Number(open.body.readBigUInt64LE(0));
  const data = Buffer.from("new");
  await ask("WRITE", [fh, 0, [3, 0], 0, [0, 0], data], { node });
  const flush = ask("FLUSH", [fh, 0, 0], { node, unique: 60 });
  await turn();
  server.take(frame("INTERRUPT", [60], { unique: 61 }));
  await turn();
  go();
  assert.equal((await flush).errno, 0);
  assert.equal(files.text("/slow"), "new");
});

void test("invalidate() tells of a node, its name and its directory, and of nothing else", async () => {
  const files = new MemoryFiles();
  files.put("/known", "x");
  const { server, notices, ask } = serve(files);
  await ask("INIT", [[7, 45, 65536, 0xffffffff, 8]]);
  const node = ENTRY.node(await ask("LOOKUP", ["known"]));
  server.invalidate("/known");
  server.invalidate("/unknown/below");
  assert.deepEqual(notices, ["node 1", `node ${node}`, `name ${node}`]);
});

void test("any sequence of frames is answered, each at most once, and nothing is thrown", async () => {
  const small = fc.nat(4);
  const name = fc.constantFrom("dir", "plain", "ranged", "sign", "live", "ctl", "new", "..", "a/b");
  const flags = fc.constantFrom(0, 1, 2, 0o1001, 0o2001, 0o302, 0o4000, 0o103);
  const of = fc.oneof(
    fc.tuple(fc.constantFrom("LOOKUP", "UNLINK", "RMDIR"), fc.tuple(name)),
    fc.tuple(fc.constant("CREATE"), fc.tuple(fc.tuple(flags, small, small, small), name)),
    fc.tuple(fc.constant("MKNOD"), fc.tuple(fc.constant([0o100600, 0, 0, 0]), name)),
    fc.tuple(fc.constant("MKDIR"), fc.tuple(fc.constant([0, 0]), name)),
    fc.tuple(fc.constant("RENAME2"), fc.tuple(small, fc.tuple(small, small), name, name)),
    fc.tuple(fc.constant("OPEN"), fc.tuple(fc.tuple(flags, small))),
    fc.tuple(fc.constantFrom("OPENDIR", "READLINK", "STATFS"), fc.constant([])),
    fc.tuple(
      fc.constantFrom("READ", "READDIR", "READDIRPLUS"),
      fc.tuple(small, fc.oneof(small, fc.maxSafeNat()), fc.tuple(fc.nat(9000), small)),
    ),
    fc.tuple(
      fc.constant("WRITE"),
      fc.tuple(
        small,
        fc.oneof(small, fc.nat()),
        fc.constant([3, 0]),
        small,
        fc.constant([0, 0]),
        fc.constant(Buffer.from("abc")),
      ),
    ),
    fc.tuple(
      fc.constantFrom("FLUSH", "RELEASE", "FSYNC", "RELEASEDIR"),
      fc.tuple(small, small, small),
    ),
    fc.tuple(fc.constant("GETATTR"), fc.tuple(fc.tuple(small, small), small)),
    fc.tuple(
      fc.constant("SETATTR"),
      fc.tuple(
        fc.tuple(fc.nat(127), small),
        small,
        fc.oneof(small, fc.nat()),
        fc.constant(new Uint8Array(32)),
        fc.constant(Array(8).fill(0o600)),
      ),
    ),
    fc.tuple(fc.constant("FORGET"), fc.tuple(small)),
    fc.tuple(fc.constant("INTERRUPT"), fc.tuple(small)),
    fc.tuple(fc.constant("POLL"), fc.tuple(small, small, fc.tuple(small, fc.nat(100)))),
    fc.tuple(fc.nat(60), fc.tuple(fc.uint8Array({ maxLength: 100 }))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(of, fc.nat(6)), { maxLength: 60 }), async (asked) => {
      const files = new MemoryFiles();
      const limit = 10_000;
      files.directory("/dir");
      files.put("/plain", "plain", { limit });
      files.put("/ranged", "ranged", { nature: "ranged" });
      files.put("/sign", "", { nature: "exchange", answer: (data) => data, limit });
      files.put("/live", "", { nature: "stream", sizeless: true });
      files.put("/ctl", "", { say: () => "help", hear: () => {}, limit });
      const { server, replies, problems } = serve(files);
      let unique = 0;
      for (const [[opcode, body], node] of asked) {
        unique += 1;
        server.take(frame(opcode, body as string[], { unique, node }));
        if (unique % 3 === 0) await turn();
      }
      await turn();
      server.end();
      await turn();
      for (const [index, [[opcode]]] of asked.entries()) {
        const given = replies.get(index + 1)?.length ?? 0;
        if (SILENT.has(opcode)) assert.ok(given <= 1);
        else assert.equal(given, 1, String(opcode));
      }
      const { files: open, directories, requests } = server.size;
      assert.deepEqual({ open, directories, requests }, { open: 0, directories: 0, requests: 0 });
      assert.deepEqual(problems, []);
    }),
    { numRuns: 300 },
  );
});

void test("NodeTable keeps a node's number when it moves, and gives nobody else the same", () => {
  const nodes = new NodeTable();
  const a = nodes.child(nodes.root, "a");
  nodes.keep(a);
  const { id, ino } = a;
  nodes.move(a, nodes.root, "b");
  assert.equal(nodes.find("/b"), a);
  assert.deepEqual([a.id, a.ino, nodes.pathOf(a)], [id, ino, "/b"]);
  const second = nodes.child(nodes.root, "a");
  nodes.keep(second);
  assert.notEqual(second.id, id);
  assert.notEqual(second.ino, ino);
  nodes.detach(a);
  assert.equal(nodes.pathOf(a), undefined);
  nodes.forget(a.id, 1);
  nodes.forget(second.id, 1);
  assert.equal(nodes.size, 1);
  const again = nodes.child(nodes.root, "a");
  assert.equal(again.ino, ino, "a path has the same number each time");
});

void test("the ring gives every frame as it was put in, in order, and wakes who sleeps", () => {
  const length = fc.oneof(fc.nat(FRAME_BYTES), fc.nat(200));
  fc.assert(
    fc.property(fc.array(fc.tuple(length, fc.nat(4)), { maxLength: 60 }), (steps) => {
      const memory = newRing();
      const writer = new RingWriter(memory);
      const reader = new RingReader(memory);
      const inside: { mark: number; length: number }[] = [];
      let asleep = true;
      const take = (): void => {
        const frame = reader.take();
        const expected = inside.shift();
        assert.equal(frame?.byteLength, expected?.length);
        assert.equal(frame?.at(0), expected?.mark);
        assert.equal(frame?.at(-1), expected?.mark);
        if (frame === undefined) asleep = true;
      };
      for (const [index, [wanted, taken]] of steps.entries()) {
        // Six of the largest fit for sure.
        while (inside.length >= 6) take();
        const mark = index % 256;
        const bytes = Math.max(1, wanted);
        writer.room().fill(mark, 0, bytes);
        assert.equal(writer.push(bytes), asleep, "who sleeps is woken, and nobody else");
        asleep = false;
        inside.push({ mark, length: bytes });
        for (let count = 0; count < taken; count += 1) take();
      }
      while (inside.length > 0) take();
      take();
    }),
    { numRuns: 60 },
  );
});
