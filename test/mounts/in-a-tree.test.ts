import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Runtime } from "../../src/index.ts";
import type { FileService } from "../../src/core/ports/index.ts";
import { hostKind } from "../../src/mounts/host-kind.ts";
import type { OtherAgent } from "../../src/vfs/agent-mount.ts";
import type { MountKinds } from "../../src/vfs/mount-kind.ts";
import { mountKinds } from "../../src/vfs/mount-kinds.ts";
import { errno, fileHome } from "../vfs/home.ts";

async function nobody(): Promise<never> {
  throw new Error("nobody is asked");
}

/** The kinds of a home with these agents. */
function kindsOf(agent: (ref: string) => Promise<OtherAgent>, own: MountKinds = {}): MountKinds {
  return mountKinds({ clock: { now: () => 1 }, http: { fetcher: nobody }, agent, own });
}

void test("a host directory is mounted at run time, and an agent's tree has what is in it", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-tree-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, "open/drafts"), { recursive: true });
  writeFileSync(join(dir, "secret"), "what nobody may read");
  symlinkSync("../../secret", join(dir, "open/drafts/link"));
  const host = hostKind({ roots: [join(dir, "open")] });
  const home = await fileHome({ kinds: kindsOf(nobody, { host }) });

  await home.write("/mounts", "mount /fs/d host read-write drafts\n");
  assert.equal(await home.read("/mounts"), "/fs/d host read-write drafts\n");
  assert.equal(await home.write("/fs/d/new", "from the tree"), "/fs/d/new");
  assert.equal(readFileSync(join(dir, "open/drafts/new"), "utf8"), "from the tree");
  assert.deepEqual(await home.names("/fs/d"), ["link/", "new"]);
  await assert.rejects(home.read("/fs/d/link"), errno("ELOOP", /"\/fs\/d\/link"/));
  await assert.rejects(home.read("/fs/d/none"), errno("ENOENT", /"\/fs\/d\/none"/));

  await home.write("/mounts", "access /fs/d read-only\n");
  await assert.rejects(home.write("/fs/d/new", "x"), errno("EACCES"));
  await home.write("/mounts", "access /fs/d disabled\n");
  await assert.rejects(home.read("/fs/d/new"), errno("EACCES"));
  await home.write("/mounts", "unmount /fs/d\n");
  await assert.rejects(home.read("/fs/d/new"), errno("ENOENT"));

  for (const source of ["/etc", "..", "drafts/../../x", dir]) {
    await assert.rejects(
      home.write("/mounts", `mount /fs/x host read-only ${source}\n`),
      /--host-dir/,
    );
  }
  await home.write("/mounts", "mount /fs/u union read-write scratch: host:drafts\n");
  assert.equal(await home.read("/fs/u/new"), "from the tree");
  await home.write("/fs/u/other", "above");
  assert.deepEqual((await home.names("/fs/u")).toSorted(), ["link/", "new", "other"]);
});

void test("an agent's tree has what it is given of another one's, and nothing in a circle", async () => {
  const made: { runtime?: Runtime } = {};
  const kinds = kindsOf(async (ref) => ({
    id: (await made.runtime!.status(ref)).id,
    files: made.runtime!.fs(ref),
  }));
  const home = await fileHome({ kinds });
  const { runtime, within } = home;
  made.runtime = runtime;
  await within(runtime.create({ type: "worker", name: "bob" }));
  const bob = runtime.fs("bob");
  const write = (files: FileService, path: string, text: string): Promise<unknown> =>
    within(files.write(path, new TextEncoder().encode(text)));
  await write(bob, "/memory/files/note", "of bob");
  await home.write("/mounts", "mount /fs/bob agent read-write bob/\n");
  assert.equal(await home.read("/fs/bob/memory/files/note"), "of bob");
  await home.write("/fs/bob/memory/files/note", "of ada");
  const note = await bob.read("/memory/files/note");
  assert.equal(new TextDecoder().decode(note), "of ada");

  await write(bob, "/mounts", "mount /fs/ada agent read-only ada/\n");
  await assert.rejects(home.read("/fs/bob/fs/ada/status"), errno("EDEADLK"));
  await assert.rejects(home.names("/fs/bob/fs/ada"), errno("EDEADLK"));
  assert.deepEqual(await home.names("/fs/bob/memory/files"), ["note"]);
  await assert.rejects(
    home.write("/mounts", "mount /fs/me agent read-only ada/\n"),
    /an agent's own tree cannot stand in itself/,
  );
});
