import assert from "node:assert/strict";
import { test } from "node:test";
import type { FileService } from "../../src/core/ports/index.ts";
import { namespace } from "../../src/vfs/namespace.ts";
import { union } from "../../src/vfs/union.ts";
import { newScratch, bytes } from "./fixtures.ts";

/** A service that lists one hidden name for ever, each time with another cursor. */
function endless(name: string): { readonly service: FileService; readonly asked: () => number } {
  let asked = 0;
  const service: FileService = {
    ...newScratch(),
    stat: async (path) => ({ name: path.slice(1), kind: "directory", access: "rw" }),
    async list() {
      asked += 1;
      if (asked > 1000) throw new Error("asked for ever");
      return { items: [{ name, kind: "file", access: "r" }], cursor: `${asked}` };
    },
  };
  return { service, asked: () => asked };
}

void test("list() of a namespace comes back from a service that lists hidden names for ever", async () => {
  for (const name of ["in", "../x"]) {
    const { service, asked } = endless(name);
    const files = namespace([
      { path: "/fs", service, access: "read-write" },
      { path: "/fs/in", service: newScratch(), access: "read-write" },
    ]);
    const { cursor: first } = await files.list("/fs", { limit: 1 });
    const page = await files.list("/fs", { limit: 10, cursor: first });
    assert.ok(asked() <= 32, `${asked()}`);
    assert.deepEqual(
      page.items.filter((item) => item.name !== "in"),
      [],
    );
    assert.equal(typeof page.cursor, "string");
    const before = asked();
    await files.list("/fs", { limit: 10, cursor: page.cursor });
    assert.ok(asked() - before <= 16);
  }
});

void test("list() of a union comes back from a service that lists hidden names for ever", async () => {
  const front = newScratch();
  await front.write("/in", bytes("x"));
  for (const name of ["in", "../x"]) {
    const { service, asked } = endless(name);
    const files = union([front, service]);
    const { cursor: first } = await files.list("/", { limit: 1 });
    const page = await files.list("/", { limit: 10, cursor: first });
    assert.deepEqual([page.items, typeof page.cursor], [[], "string"]);
    assert.ok(asked() <= 16, `${asked()}`);
    const inside = namespace([{ path: "/fs/u", service: files, access: "read-write" }]);
    const before = asked();
    await inside.list("/fs/u", { limit: 10, cursor: `s${page.cursor}` });
    assert.ok(asked() - before <= 16, `${asked() - before}`);
  }
});
