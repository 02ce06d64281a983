import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DirectoryShard } from "../../../src/backends/cloudflare/directory-object.ts";
import { Directory } from "../../../src/backends/cloudflare/directory.ts";
import type { Env, ObjectContext } from "../../../src/backends/cloudflare/platform.ts";
import { statusReport } from "../../../src/backends/cloudflare/status-report.ts";
import type { StatusReport } from "../../../src/backends/cloudflare/status-report.ts";
import { answer } from "../../../src/backends/cloudflare/wire.ts";
import type { AgentRecord } from "../../../src/core/agent.ts";
import { durableObjectStore } from "../../../src/stores/durable-object.ts";
import { fakeSigner } from "../../../src/testing/fake-signer.ts";
import { objectContext, objects, objectStorage } from "./objects.ts";

const SHARDS = 2;

/** A directory and the objects of its agents; `call` by `call` to the directory may be lost. */
function worker() {
  const lost: ("before" | "after" | "no")[] = [];
  const storages = new Map<string, ObjectContext["storage"]>();
  const agents = new Map<string, Promise<StatusReport>>();
  const storageOf = (name: string): ObjectContext["storage"] => {
    const storage = storages.get(name) ?? objectStorage();
    storages.set(name, storage);
    return storage;
  };
  const open = async (id: string): Promise<StatusReport> => {
    const storage = storageOf(id);
    return statusReport(await durableObjectStore(storage), storage.kv, {
      directory: told,
      log: () => undefined,
    });
  };
  const agent = (id: string): Promise<StatusReport> => {
    const report = agents.get(id) ?? open(id);
    agents.set(id, report);
    return report;
  };
  const env: Env = {
    AGENTS: objects((id) => ({
      async fetch(request) {
        const report = await agent(id);
        const response = await answer(request, {
          admit: async (record: AgentRecord) => {
            if ((await report.store.get(record.id)) !== undefined) return false;
            await report.store.create({ ...record, status: "live" });
            return true;
          },
          presence: () => report.presence(),
        });
        return response!;
      },
    })),
    DIRECTORY: objects((name) => shards.get(name)!),
  };
  const parts = { signer: fakeSigner(), types: new Set(["t"]) };
  const shards = new Map(
    Array.from({ length: SHARDS }, (_, i) => {
      const name = `shard-${i}`;
      return [name, new DirectoryShard(objectContext(storageOf(name)), env, parts)] as const;
    }),
  );
  const directory = new Directory(env.DIRECTORY, { shards: SHARDS, ensure: [] });
  /** The directory as agents' objects reach it. */
  const told: Pick<Directory, "setStatus" | "take" | "hold" | "release" | "remove"> = {
    setStatus: (...args) => flaky(() => directory.setStatus(...args)),
    take: (...args) => flaky(() => directory.take(...args)),
    hold: (...args) => flaky(() => directory.hold(...args)),
    release: (...args) => flaky(() => directory.release(...args)),
    remove: (...args) => flaky(() => directory.remove(...args)),
  };
  async function flaky<T>(work: () => Promise<T>): Promise<T> {
    const fate = lost.shift() ?? "no";
    if (fate === "before") throw new Error("It did not get there");
    const result = await work();
    if (fate === "after") throw new Error("It did, and nobody knows");
    return result;
  }
  return {
    lost,
    directory,
    agent,
    /** The object ends, and is there again over what it had stored. */
    crash: (id: string) => void agents.delete(id),
    rename: async (id: string, name: string): Promise<void> => {
      const report = await agent(id);
      const [record] = (await report.store.list({ limit: 1 })).items;
      await report.registry.rename(record!, name, () => report.store.update(id, { name }));
      await report.send();
    },
    nameOf: async (id: string): Promise<string | undefined> =>
      (await (await agent(id)).presence()).name,
  };
}

const NAMES = ["a", "b", "c", "d", "e", "f"];
const quiet = { error: console.error };

async function whoHas(directory: Directory, name: string): Promise<string | undefined> {
  directory.forget(name);
  return directory.idOf(name).catch(() => undefined);
}

void test("a rename that is cut off anywhere leaves each name with one agent, and each agent with one", async () => {
  console.error = () => undefined;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            who: fc.nat(1),
            name: fc.constantFrom(...NAMES),
            lost: fc.array(fc.constantFrom("no", "before", "after"), { maxLength: 4 }),
            crash: fc.boolean(),
            rival: fc.boolean(),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        async (steps) => {
          const { directory, lost, crash, rename, nameOf, agent } = worker();
          const ids: string[] = [];
          for (const name of ["a", "b"]) {
            ids.push((await directory.create({ name, type: "t", labels: ["l"] })).id);
          }
          for (const step of steps) {
            const id = ids[step.who]!;
            lost.push(...step.lost);
            const renaming = rename(id, step.name).catch(() => undefined);
            // Somebody else wants that name at the same time.
            const rival = step.rival
              ? directory.create({ name: step.name, type: "t" }).catch(() => undefined)
              : undefined;
            await renaming;
            lost.length = 0;
            const made = await rival;
            if (made !== undefined && !ids.includes(made.id)) ids.push(made.id);
            if (step.crash) crash(id);
          }
          // The alarm tells the directory what it was not told.
          for (const id of ids) await (await agent(id)).send();
          for (const id of ids) await (await agent(id)).send();
          const names = await Promise.all(ids.map(nameOf));
          assert.equal(new Set(names).size, ids.length, `names: ${names.join()}`);
          for (const [i, id] of ids.entries()) {
            assert.equal(await whoHas(directory, names[i]!), id, `who has ${names[i]}`);
          }
          for (const name of NAMES.filter((one) => !names.includes(one))) {
            assert.equal(await whoHas(directory, name), undefined, `${name} is free`);
            await directory.create({ name, type: "t" });
          }
          const { items } = await directory.list({ label: "l" });
          const listed = new Set(items.map(({ name }) => name));
          assert.deepEqual(listed, new Set(names.slice(0, 2)));
          assert.equal(items.length, 2);
        },
      ),
      { numRuns: Number(process.env["FC_RUNS"] ?? 60) },
    );
  } finally {
    console.error = quiet.error;
  }
});

void test("a rename to a name that is taken changes nothing, and frees nothing", async () => {
  const { directory, rename, nameOf } = worker();
  const [a, b] = await Promise.all(
    ["a", "b"].map(async (name) => (await directory.create({ name, type: "t" })).id),
  );
  await assert.rejects(rename(a!, "b"), { code: "EXISTS" });
  assert.deepEqual([await nameOf(a!), await nameOf(b!)], ["a", "b"]);
  assert.deepEqual([await whoHas(directory, "a"), await whoHas(directory, "b")], [a, b]);
});

void test("while an agent goes from one name to another nobody else gets either of them", async () => {
  // On the same shard as the old one, and on another.
  for (const name of NAMES.slice(1)) {
    const { directory, agent } = worker();
    const { id } = await directory.create({ name: "a", type: "t" });
    const { id: other } = await directory.create({ name: "other", type: "t" });
    const report = await agent(id);
    const record = (await report.store.get(id))!;
    await report.registry.rename(record, name, async () => {
      await report.send();
      for (const wanted of ["a", name]) {
        await assert.rejects(directory.create({ name: wanted, type: "t" }), { code: "EXISTS" });
        await assert.rejects(directory.hold({ id: other, name: wanted }), { code: "EXISTS" });
      }
      await report.store.update(id, { name });
    });
    await report.send();
    assert.deepEqual(
      [await whoHas(directory, "a"), await whoHas(directory, name)],
      [undefined, id],
    );
    await directory.create({ name: "a", type: "t" });
  }
});
