import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { DirectoryReply, encodeAttributes, encodeHeader } from "../../src/mounts/fuse/reply.ts";
import { isName, parseRequest, ProtocolError } from "../../src/mounts/fuse/request.ts";
import { frame } from "./frames.ts";

const HEAD = { unique: 2, node: 1, pid: 1234 };

void test("parseRequest() reads each kind of request", () => {
  const cases: [Uint8Array, object][] = [
    [frame("LOOKUP", ["name"]), { op: "lookup", name: "name" }],
    [frame("FORGET", [3]), { op: "forget", nodes: [{ node: 1, count: 3 }] }],
    [
      frame("BATCH_FORGET", [[2, 0], 5, 1, 6, 2]),
      {
        op: "forget",
        nodes: [
          { node: 5, count: 1 },
          { node: 6, count: 2 },
        ],
      },
    ],
    [frame("GETATTR", [[1, 0], 7]), { op: "getattr", fh: 7 }],
    [frame("GETATTR", [[0, 0], 7]), { op: "getattr", fh: undefined }],
    [
      frame("SETATTR", [[1 | 2 | 8, 0], 7, 99, 0, 0, 0, 0, [0, 0, 0, 0o644, 0, 5, 6, 0]]),
      { op: "setattr", fh: undefined, size: 99, mode: 0o644, uid: 5, gid: undefined },
    ],
    [frame("READ", [7, 4096, [512, 0]]), { op: "read", fh: 7, offset: 4096, size: 512 }],
    [
      frame("WRITE", [7, 1, [3, 0], 0, [0, 0], Uint8Array.of(1, 2, 3)]),
      { op: "write", fh: 7, offset: 1, data: Uint8Array.of(1, 2, 3) },
    ],
    [frame("RENAME", [9, "a", "b"]), { op: "rename", to: 9, flags: 0, name: "a", toName: "b" }],
    [
      frame("RENAME2", [9, [1, 0], "a", "b"]),
      { op: "rename", to: 9, flags: 1, name: "a", toName: "b" },
    ],
    [frame("CREATE", [[0o101, 0o644, 0, 0], "n"]), { op: "create", flags: 0o101, name: "n" }],
    [frame("MKNOD", [[0o100644, 0, 0, 0], "n"]), { op: "mknod", name: "n" }],
    [frame("MKNOD", [[0o010644, 0, 0, 0], "n"]), { op: "refused", errno: "ENOTSUP" }],
    [frame("MKDIR", [[0o755, 0], "n"]), { op: "mkdir", name: "n" }],
    [
      frame("READDIRPLUS", [7, 3, [4096, 0]]),
      { op: "readdir", plus: true, fh: 7, offset: 3, size: 4096 },
    ],
    [frame("INTERRUPT", [42]), { op: "interrupt", target: 42 }],
    [frame("POLL", [7, 8, [1, 65]]), { op: "poll", fh: 7, kh: 8n, schedule: true, events: 65 }],
    [
      frame("INIT", [[7, 45, 65536, 0xffffffff, 8]]),
      { op: "init", major: 7, minor: 45, maxReadahead: 65536, flags: 0xffffffff, flags2: 8 },
    ],
    [frame("SYMLINK", ["a", "b"]), { op: "refused", errno: "ENOTSUP" }],
    [frame(22, [[0, 0], "user.x"]), { op: "refused", errno: "ENOSYS" }],
    [frame(9999), { op: "refused", errno: "ENOSYS" }],
  ];
  for (const [bytes, expected] of cases) {
    assert.deepEqual({ ...parseRequest(bytes) }, { ...HEAD, ...expected });
  }
});

void test("parseRequest() refuses names that are none, and numbers that nobody can count with", () => {
  const refused = (bytes: Uint8Array, errno: string): void => {
    assert.throws(
      () => parseRequest(bytes),
      (error) => error instanceof ProtocolError && error.errno === errno && error.unique === 2,
    );
  };
  for (const name of ["", ".", "..", "a/b", "a\0b"]) refused(frame("LOOKUP", [name]), "EINVAL");
  refused(frame("LOOKUP", [Uint8Array.of(255, 0)]), "EINVAL");
  refused(frame("LOOKUP", [Uint8Array.of(97)]), "EINVAL");
  refused(frame("LOOKUP", ["x".repeat(256)]), "ENAMETOOLONG");
  refused(frame("RENAME", [1, "only one"]), "EINVAL");
  refused(frame("READ", [2 ** 60, 0, [1, 0]]), "EINVAL");
  refused(frame("WRITE", [1, 0, [4, 0], 0, [0, 0], Uint8Array.of(1)]), "EINVAL");
  refused(frame("BATCH_FORGET", [[0xffffffff, 0], 1, 1]), "EINVAL");
  assert.equal(parseRequest(frame("LOOKUP", ["\ufeffbom"])).op, "lookup");
});

void test("parseRequest() throws nothing but a ProtocolError, whatever the frame", () => {
  const opcode = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.nat());
  const whole = fc
    .tuple(opcode, fc.uint8Array({ maxLength: 200 }))
    .map(([code, body]) => frame(code, [body]));
  const cut = fc.tuple(whole, fc.nat(250)).map(([bytes, end]) => bytes.subarray(0, end));
  const any = fc.oneof(whole, cut, fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(any, (bytes) => {
      try {
        const request = parseRequest(bytes);
        if ("name" in request) assert.ok(isName(request.name));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});

void test("replies say their length, and attributes survive any time and size", () => {
  assert.deepEqual(
    [...encodeHeader(0x1_0000_0002, 2, 8)],
    [24, 0, 0, 0, 254, 255, 255, 255, 2, 0, 0, 0, 1, 0, 0, 0],
  );
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.double({ min: 0, max: 2.5e14, noNaN: true }), (size, time) => {
      const view = new DataView(
        encodeAttributes({ ino: 7, mode: 0o100600, size, time, uid: 1, gid: 2 }).buffer,
      );
      assert.equal(view.byteLength, 104);
      assert.equal(view.getBigUint64(16, true), 7n);
      assert.equal(view.getBigUint64(24, true), BigInt(size));
      assert.equal(view.getBigInt64(48, true), BigInt(Math.floor(time / 1000)));
      assert.ok(view.getUint32(68, true) < 1e9);
      assert.equal(view.getUint32(76, true), 0o100600);
    }),
  );
});

void test("DirectoryReply adds whole entries while they fit, at multiples of 8", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1, maxLength: 60 }), { maxLength: 50 }),
      fc.nat(4096),
      fc.boolean(),
      (names, size, plus) => {
        const reply = new DirectoryReply(size, plus);
        let counted = 0;
        const attributes = { ino: 5, mode: 0o100600, size: 1, time: 0, uid: 0, gid: 0 };
        const known = (): { node: number; attributes: typeof attributes } => {
          counted += 1;
          return { node: 5, attributes };
        };
        let added = 0;
        for (const name of names) {
          if (!reply.add({ name, ino: 5, next: added + 1, mode: 0o100600 }, known)) break;
          added += 1;
        }
        assert.ok(reply.bytes.byteLength <= size);
        assert.equal(reply.bytes.byteLength % 8, 0);
        // A node that is in no entry would never be forgotten.
        assert.equal(counted, plus ? added : 0);
        const bytes = Buffer.from(reply.bytes);
        const head = plus ? 128 : 0;
        let at = 0;
        for (const name of names.slice(0, added)) {
          const length = bytes.readUInt32LE(at + head + 16);
          const start = at + head + 24;
          assert.equal(bytes.toString("utf8", start, start + length), Buffer.from(name).toString());
          assert.equal(bytes.readUInt32LE(at + head + 20), 8);
          at = start + ((length + 7) & ~7);
        }
        assert.equal(at, bytes.byteLength);
      },
    ),
  );
});
