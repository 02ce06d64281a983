import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { errorInfo } from "../../src/core/errors.ts";
import { errnoOf } from "../../src/core/file-error.ts";
import { agentRecord } from "../vfs/agent-record.ts";
import { hostKind } from "../../src/mounts/host-kind.ts";

const AT = { agent: agentRecord("a"), path: "/fs/x" };

function makeRoots(t: TestContext): { readonly base: string; readonly roots: readonly string[] } {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "openagents-kind-")));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  for (const dir of ["one/below/deep", "two", "one-more"]) {
    mkdirSync(join(base, dir), { recursive: true });
    writeFileSync(join(base, dir, "file"), dir);
  }
  writeFileSync(join(base, "one", "file"), "one");
  writeFileSync(join(base, "one", "below", "file"), "below");
  return { base, roots: [join(base, "one"), join(base, "two")] };
}

async function fileOf(files: ReturnType<ReturnType<typeof hostKind>>): Promise<string> {
  return new TextDecoder().decode(await files.read("/file"));
}

void test("hostKind() mounts what is in a root, and relative sources in the first one", async (t) => {
  const { base, roots } = makeRoots(t);
  const kind = hostKind({ roots });
  for (const [source, content] of [
    [".", "one"],
    ["", "one"],
    ["below", "below"],
    ["below/deep/", "one/below/deep"],
    [join(base, "one"), "one"],
    [join(base, "one/below"), "below"],
    [join(base, "two"), "two"],
  ] as const) {
    assert.equal(await fileOf(kind(source, AT)), content, source);
  }
  assert.equal(await fileOf(hostKind({ roots: ["/"] })(join(base, "two"), AT)), "two");
});

void test("hostKind() refuses what is in no root, and says how to open one", (t) => {
  const { base, roots } = makeRoots(t);
  const kind = hostKind({ roots });
  const refused = (source: string, made = kind): void => {
    assert.throws(
      () => made(source, AT),
      (error: unknown) =>
        errorInfo(error).code === "DENIED" && errorInfo(error).message.includes("--host-dir"),
      source,
    );
  };
  for (const source of ["/", "/etc", base, join(base, "one-more"), join(base, "three")]) {
    refused(source);
  }
  for (const source of ["..", "../two", "below/../../two", `${base}/one/../one-more`, "a\\..\\b"]) {
    refused(source);
  }
  refused(".", hostKind({ roots: [] }));
  assert.throws(() => kind("a\0b", AT));
});

void test("what is mounted of a root is not led out by a link in its place", async (t) => {
  const { base, roots } = makeRoots(t);
  const files = hostKind({ roots })("below", AT);
  assert.equal(await fileOf(files), "below");
  renameSync(join(base, "one/below"), join(base, "one/aside"));
  symlinkSync(join(base, "one-more"), join(base, "one/below"));
  for (const what of [
    () => files.read("/file"),
    () => files.list("/"),
    () => files.write("/new", new Uint8Array(1)),
    () => files.stat("/file"),
  ]) {
    await assert.rejects(what, (error: unknown) => errnoOf(error) === "ELOOP");
  }
  rmSync(join(base, "one/below"));
  await assert.rejects(files.list("/"), (error: unknown) => errnoOf(error) === "ENOENT");
});
