import assert from "node:assert/strict";
import { test } from "node:test";
import { errnoOf } from "../../src/core/file-error.ts";
import type { FileService } from "../../src/core/ports/index.ts";
import { manualClock } from "../../src/testing/index.ts";
import type { OtherAgent } from "../../src/vfs/agent-mount.ts";
import { agentKind } from "../../src/vfs/agent-mount.ts";
import type { MountKind } from "../../src/vfs/mount-kind.ts";
import type { Namespace } from "../../src/vfs/namespace.ts";
import { namespace } from "../../src/vfs/namespace.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { agentRecord } from "./agent-record.ts";
import { bytes, text } from "./content.ts";

/** Agents `a`, `b` and `c`, each with a file `/own` and mounts of others. */
class Home {
  readonly kind: MountKind = agentKind((ref, user) => {
    this.users.push(user);
    return this.#find(ref);
  });
  /** With whose rights agents were looked for. */
  readonly users: string[] = [];
  readonly #mounts = new Map<string, string[]>();
  readonly #own = new Map<string, FileService>();
  readonly #trees = new Map<string, Namespace>();

  constructor() {
    for (const name of ["a", "b", "c"]) {
      const own = scratch({}, manualClock(1));
      void own.write("/own", bytes(name));
      void own.write("/mounts", bytes(""));
      this.#own.set(name, own);
      const service: FileService = own;
      this.#trees.set(name, namespace([{ path: "/", service, access: "read-write" }]));
      this.#mounts.set(name, []);
    }
  }

  mount(agent: string, path: string, source: string): void {
    const service = this.kind(source, { agent: agentRecord(agent), path });
    this.tree(agent).mount({ path, service, access: "read-write" });
    const mounts = this.#mounts.get(agent)!;
    mounts.push(`${path} agent read-write ${source}`);
    void this.#own.get(agent)!.write("/mounts", bytes(mounts.map((line) => `${line}\n`).join("")));
  }

  tree(agent: string): Namespace {
    return this.#trees.get(agent)!;
  }

  async #find(ref: string): Promise<OtherAgent> {
    const name = ref.replace(/^(?:npub-)+/, "");
    return { id: `npub-${name}`, files: this.tree(name) };
  }
}

async function fails(what: Promise<unknown>, ...errnos: readonly string[]): Promise<void> {
  await assert.rejects(what, (error) => {
    assert.ok(errnos.includes(errnoOf(error)), String(error));
    return true;
  });
}

void test("the kind agent shows what another agent has below a path", async () => {
  const home = new Home();
  home.mount("a", "/fs/b", "b/");
  home.mount("a", "/fs/own", "npub-b/own");
  const files = home.tree("a");
  assert.equal(await text(files, "/fs/b/own"), "b");
  assert.equal(await text(files, "/fs/own"), "b");
  await files.write("/fs/b/new", bytes("from a"));
  assert.equal(await text(home.tree("b"), "/new"), "from a");
  await fails(files.read("/fs/b/none"), "ENOENT");
});

void test("the kind agent takes no source without an agent, and none that leads above", () => {
  const { kind } = new Home();
  const at = { agent: agentRecord("a"), path: "/fs/x" };
  for (const source of ["", "/", "/b", "b/../a", "b/x\0"]) {
    assert.throws(
      () => kind(source, at),
      (error) => errnoOf(error) === "EINVAL",
    );
  }
});

void test("an agent cannot mount its own tree, by its key or by its name", async () => {
  const home = new Home();
  for (const ref of ["npub-a", "key-a", "a"]) {
    assert.throws(
      () => home.mount("a", "/fs/self", `${ref}/`),
      (error) => errnoOf(error) === "EDEADLK",
    );
  }
  // Another way of writing it.
  home.mount("a", "/fs/self", "npub-npub-a/");
  await fails(home.tree("a").read("/fs/self/own"), "EDEADLK");
  await fails(home.tree("a").write("/fs/self/own", bytes("x")), "EDEADLK");
});

void test("agents that mount one another end in an error, whatever is asked", async () => {
  const home = new Home();
  home.mount("a", "/fs/b", "b/");
  home.mount("b", "/fs/a", "a/");
  const files = home.tree("a");
  assert.equal(await text(files, "/fs/b/own"), "b");
  for (const path of ["/fs/b/fs/a", "/fs/b/fs/a/own", "/fs/b/fs/a/fs/b/fs/a/own"]) {
    await fails(files.stat(path), "EDEADLK");
    await fails(files.read(path), "EDEADLK");
    await fails(files.list(path), "EDEADLK");
    await fails(files.write(path, bytes("x")), "EDEADLK");
    await fails(files.rename("/fs/b/own", path), "EDEADLK");
    await fails(files.makeDirectory!(path), "EDEADLK", "EEXIST");
  }
});

void test("mounts that lead to nothing but one another end in an error", async () => {
  const home = new Home();
  home.mount("a", "/fs/x", "b/fs/x");
  home.mount("b", "/fs/x", "c/fs/x");
  home.mount("c", "/fs/x", "a/fs/x");
  await fails(home.tree("a").stat("/fs/x/y"), "EDEADLK");
  await home.tree("a").list("/fs");
  const ends = new AbortController();
  await fails(
    (async () => {
      for await (const path of home.tree("a").watch("/fs/x", ends.signal)) assert.fail(path);
    })(),
    "EDEADLK",
    "ENOTSUP",
  );
  ends.abort();
});

void test("what an agent has of others is not passed on", async () => {
  const home = new Home();
  home.mount("a", "/fs/b", "b/");
  home.mount("b", "/fs/c", "c/");
  assert.equal(await text(home.tree("b"), "/fs/c/own"), "c");
  await fails(home.tree("a").read("/fs/b/fs/c/own"), "EDEADLK");
});

void test("a watch through a mount of another agent does not come round again", async () => {
  const home = new Home();
  home.mount("a", "/fs/b", "b/");
  const ends = new AbortController();
  const seen = home.tree("a").watch("/fs/b", ends.signal)[Symbol.asyncIterator]();
  const next = seen.next();
  for (let i = 0; i < 20; i += 1) {
    await home.tree("b").write("/own", bytes(`${i}`));
    await new Promise((go) => setImmediate(go));
  }
  assert.equal((await next).value, "/fs/b/own");
  ends.abort();
  home.mount("b", "/fs/a", "a/");
  const other = new AbortController();
  await fails(
    (async () => {
      for await (const path of home.tree("a").watch("/fs/b", other.signal)) assert.fail(path);
    })(),
    "ENOTSUP",
  );
});

void test("an agent's key is had with the rights of whoever made the mount, and nothing else is", async () => {
  const home = new Home();
  const sources = ["b/", "b/own", "b/identityx", "b/memory/identity"];
  for (const [i, source] of sources.entries()) home.mount("a", `/fs/b${i}`, source);
  for (const i of sources.keys())
    await home
      .tree("a")
      .stat(`/fs/b${i}`)
      .catch(() => undefined);
  await home
    .tree("a")
    .stat("/fs/b0/identity/sign")
    .catch(() => undefined);
  assert.deepEqual(new Set(home.users), new Set(["operate"]));
  home.users.length = 0;
  for (const source of ["b/identity", "b//./identity/", "b/identity/sign"]) {
    home.mount("a", `/fs/key${home.users.length}`, source);
    await home
      .tree("a")
      .stat(`/fs/key${home.users.length}`)
      .catch(() => undefined);
  }
  assert.deepEqual(home.users, ["admin", "admin", "admin"]);
});

void test("what does not sign cannot be mounted as what seems to", () => {
  const { kind } = new Home();
  const at = { agent: agentRecord("a"), path: "/fs/sign" };
  for (const source of ["b/identity/decrypt", "b/identity/encrypt", "b/identity/x/sign"]) {
    assert.throws(
      () => kind(source, at),
      (error) => errnoOf(error) === "EINVAL",
    );
  }
  for (const source of ["b/identity", "b/identity/sign"]) kind(source, at);
});
