import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { Runtime, Store } from "../../src/index.ts";
import { comparePaths } from "../../src/core/path-order.ts";
import type {
  AgentFace,
  AgentTree,
  TreeMaker,
  TreeRow,
  TreeUser,
} from "../../src/core/ports/index.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import { agentTree } from "../../src/vfs/agent-tree.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { bytesOf, START, streamOf } from "./homes.ts";

type Row = { readonly path: string; readonly value: string };

const clock = manualClock(START);
const mount = (path: string, more: object = {}): Row => ({
  path: `mounts/${encodeURIComponent(path)}`,
  value: JSON.stringify({ path, kind: "scratch", source: "", access: "read-write", ...more }),
});

const honest = agentTree({ scratch: () => scratch({}, clock) });
/** Trees in which anything can be written, and is on the record. */
const raw: TreeMaker = Object.assign(
  (face: AgentFace, user: TreeUser): AgentTree => ({
    ...honest(face, user),
    place: async () => "own" as const,
    async write(path: string, data: Uint8Array) {
      const text = new TextDecoder().decode(data);
      if (face.operator === undefined) face.tree.write(path.slice(1), text);
      else await face.operator.edit({ write: path, data: text });
      return { path };
    },
  }),
  { kinds: honest.kinds },
);

/** A home, and the store that it has, of which a test changes what is given of mounts. */
async function home(tree: TreeMaker = honest): Promise<{
  readonly runtime: Runtime;
  readonly store: Store;
  /** What the manifest is made of, instead of what there is. */
  readonly told: { manifest?: readonly Row[] };
  readonly key: string;
}> {
  const inner = memoryStore();
  const told: { manifest?: readonly Row[] } = {};
  const store: Store = new Proxy(inner, {
    get(of, key) {
      const value: unknown = Reflect.get(of, key, of);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        const query = given[1] as { prefix: string; after?: string; limit: number };
        if (key === "files" && query.prefix === "mounts/" && told.manifest !== undefined) {
          return Promise.resolve(pageOf(told.manifest, query));
        }
        return Reflect.apply(value, of, given) as unknown;
      };
    },
  });
  const agent = defineAgent({ name: "worker", onMessage: () => undefined });
  const definition = defineRuntime({ agents: [agent] });
  const signer = derivedSigner(newMnemonic());
  const runtime = createRuntime({ definition, store, signer, clock, tree, memory: agentMemory });
  await runtime.start();
  return { runtime, store, told, key: (await signer.home()).publicKey };
}

function pageOf(
  rows: readonly TreeRow[],
  { after = "", limit }: { readonly after?: string; readonly limit: number },
): readonly TreeRow[] {
  return rows
    .filter(({ path }) => comparePaths(path, after) > 0)
    .sort((a, b) => comparePaths(a.path, b.path))
    .slice(0, limit);
}

/** A bundle with these rows of mounts, whose manifest was made of others. */
async function bundleOf(
  rows: readonly Row[],
  named: readonly Row[],
  to: string,
): Promise<ReadableStream<Uint8Array>> {
  const { runtime, told } = await home(raw);
  await runtime.create({ name: "mallory", type: "worker" });
  await clock.advance(0);
  for (const { path, value } of rows) {
    const written = runtime.fs("mallory").write(`/${path}`, new TextEncoder().encode(value));
    await Promise.all([written, clock.advance(0)]);
  }
  told.manifest = named;
  return streamOf(await bytesOf(await runtime.export("mallory", { to })));
}

const fine = mount("/fs/desk");
const CASES: readonly (readonly [string, readonly Row[], readonly Row[]])[] = [
  ["a mount that it does not name", [fine], []],
  ["a second one", [fine, mount("/fs/more")], [fine]],
  ["a mount that is not there", [], [fine]],
  ["another level", [fine], [mount("/fs/desk", { access: "read-only" })]],
  ["a path outside", [mount("/state")], []],
  ["a path that leads up", [mount("/fs/../state")], []],
  ["no budget", [mount("/fs/desk", { access: "budgeted" })], []],
  ["null for a budget", [mount("/fs/desk", { access: "budgeted", budget: null })], []],
  ["a budget of no level", [mount("/fs/desk", { budget: { writes: 1, per: 1 } })], []],
  ["a file of another name", [{ ...fine, path: "mounts/other" }], [fine]],
  ["two lines of source", [mount("/fs/desk", { source: "a\nb" })], []],
  ["a list", [{ ...fine, value: "[]" }], []],
  ["no JSON", [{ ...fine, value: "{" }], []],
  ["nothing at a name that is no path", [{ path: "mounts/%", value: "null" }], []],
];

for (const mode of ["restore", "clone"] as const) {
  void test(`a bundle is CORRUPT to ${mode} when its mounts are not those of its manifest`, async () => {
    for (const [what, rows, named] of CASES) {
      const to = await home();
      const bundle = await bundleOf(rows, named, to.key);
      const how = mode === "clone" ? { mode, name: "copy" } : { mode };
      await assert.rejects(to.runtime.import(bundle, how), { code: "CORRUPT" }, what);
      assert.deepEqual((await to.runtime.list()).items, [], what);
      assert.deepEqual(await to.store.list({ limit: 10 }), { items: [] }, what);
    }
  });

  void test(`a bundle whose manifest names its mounts is taken to ${mode}`, async () => {
    const to = await home();
    const gone = { path: "mounts/%2Ffs%2Fgone", value: "null" };
    const rows = [
      fine,
      gone,
      mount("/tools/x", { access: "budgeted", budget: { writes: 1, per: 5 } }),
    ];
    const bundle = await bundleOf(rows, rows, to.key);
    const how = mode === "clone" ? { mode, name: "copy" } : { mode };
    const { agent } = await to.runtime.import(bundle, how);
    assert.equal(
      new TextDecoder().decode(await to.runtime.fs(agent.id).read("/mounts")),
      "/fs/desk scratch read-write\n/tools/x scratch budgeted:1/5ms\n",
    );
  });
}
