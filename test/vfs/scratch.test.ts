import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { holds, refused } from "../../src/testing/files/kit.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { bytes } from "./fixtures.ts";

const clock = { now: () => 0 };

void test("what does not fit is ENOSPC and changes nothing, and what goes makes room", async () => {
  const files = scratch({ bytes: 10, files: 3 }, clock);
  await files.write("/a", bytes("1234567"));
  await refused(files.write("/b", bytes("1234")), "ENOSPC");
  await refused(files.write("/a", bytes("1234"), { at: "end" }), "ENOSPC");
  await refused(files.write("/a", bytes("1"), { at: 10 }), "ENOSPC");
  await refused(files.write("/a", bytes("12345678901")), "ENOSPC");
  await refused(files.resize!("/a", 11), "ENOSPC");
  await holds(files, "/a", "1234567");
  await files.write("/b", bytes("123"));
  await files.makeDirectory!("/d");
  await refused(files.makeDirectory!("/e"), "ENOSPC");
  await refused(files.write("/e", bytes("")), "ENOSPC");
  // What is put in the place of another file makes room for another one.
  await files.rename("/b", "/a");
  await files.write("/c", bytes("1234567"));
  await files.resize!("/c", 0);
  await files.write("/a", bytes("1234567890"));
  await files.remove("/a");
  await files.remove("/d");
  await files.write("/a", bytes("1234567890"));
  await holds(files, "/a", "1234567890");
});

void test("no bytes at an offset take no room", async () => {
  const files = scratch({ bytes: 4 }, clock);
  await files.write("/a", bytes(""), { at: 1_000_000 });
  await files.write("/a", bytes(""), { at: 1_000_000 });
  assert.equal((await files.stat("/a")).size, 0);
  await files.write("/b", bytes("1234"));
  await holds(files, "/b", "1234");
});

void test("a file that is made anew, or in a scratch that is, has another revision", async () => {
  const make = async (now: number): Promise<unknown> => {
    const files = scratch({}, { now: () => now });
    await files.write("/a", bytes("x"));
    const { revision } = await files.stat("/a");
    await files.remove("/a");
    await files.write("/a", bytes("y"));
    assert.notEqual((await files.stat("/a")).revision, revision);
    return revision;
  };
  assert.notEqual(await make(1), await make(2));
});

const step = fc.oneof(
  fc.record({ at: fc.integer({ min: 0, max: 40 }), data: fc.uint8Array({ maxLength: 20 }) }),
  fc.record({ at: fc.constant("end" as const), data: fc.uint8Array({ maxLength: 20 }) }),
  fc.record({ data: fc.uint8Array({ maxLength: 20 }) }, { requiredKeys: ["data"] }),
  fc.record({ size: fc.integer({ min: 0, max: 60 }) }),
);

void test("a file is the bytes that were put into it, wherever they were put", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: "max" }), async (steps) => {
      const files = scratch({ bytes: 1000 }, clock);
      await files.write("/f", new Uint8Array(0));
      let model: number[] = [];
      for (const one of steps) {
        if ("size" in one) {
          await files.resize!("/f", one.size);
          model = Array.from({ length: one.size }, (_, i) => model[i] ?? 0);
        } else {
          const at = "at" in one ? one.at : undefined;
          await files.write("/f", one.data, { at });
          if (at === undefined) model = [];
          const from = at === "end" ? model.length : (at ?? 0);
          if (one.data.length > 0) while (model.length < from) model.push(0);
          model.splice(from, one.data.length, ...one.data);
        }
        assert.deepEqual([...(await files.read("/f"))], model);
        assert.equal((await files.stat("/f")).size, model.length);
      }
      // All of it is there to be had again.
      await files.remove("/f");
      await files.write("/g", new Uint8Array(1000));
    }),
  );
});
