import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { errnoOf, FileError } from "../../src/core/file-error.ts";
import type { Access, FileService } from "../../src/core/ports/files.ts";
import { entries } from "../../src/testing/files/kit.ts";
import { namespace } from "../../src/vfs/namespace.ts";
import { normalPath } from "../../src/vfs/path.ts";
import { bytes, newScratch } from "./fixtures.ts";
import { Naive } from "./naive.ts";

const name = fc.constantFrom("a", "b", "c");
const path = fc.array(name, { maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
/** Not normal, or not to be had at all. */
const odd = fc
  .array(fc.oneof(name, fc.constantFrom("", ".", "..", "\0", "%2e%2e")), { maxLength: 5 })
  .map((parts) => `/${parts.join("/")}`);
const any = fc.oneof({ weight: 5, arbitrary: path }, { weight: 1, arbitrary: odd });
const access = fc.constantFrom<Access>("read-write", "read-write", "read-only", "disabled");
const step = fc.oneof(
  fc.record({ do: fc.constant("mount" as const), path: any, access }),
  fc.record({ do: fc.constant("unmount" as const), path: any }),
  fc.record({ do: fc.constant("setAccess" as const), path: any, access }),
  fc.record({ do: fc.constantFrom("write" as const, "makeDirectory" as const), path: any }),
  fc.record({ do: fc.constantFrom("write" as const, "makeDirectory" as const), path: any }),
  fc.record({
    do: fc.constantFrom("read" as const, "stat" as const, "remove" as const),
    path: any,
  }),
  fc.record({ do: fc.constant("list" as const), path: any, limit: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant("rename" as const), path: any, to: any }),
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

void test("a namespace does what one does that looks through all mounts every time", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      const real = namespace([]);
      const naive = new Naive();
      const pairs: [FileService, FileService][] = [];
      for (const [i, one] of steps.entries()) {
        const pair: [FileService, FileService] = [newScratch(), newScratch()];
        pairs.push(pair);
        const got = await outcome(() => ofReal(real, one, pair[0], i));
        const wanted = await outcome(() => ofNaive(naive, one, pair[1], i));
        assert.deepEqual(got, wanted, JSON.stringify([...steps.slice(0, i), one]));
      }
      const mounts = naive.mounts.map((mount) => [mount.path, mount.access].join(" "));
      assert.deepEqual(
        real
          .mounts()
          .map((mount) => [mount.path, mount.access].join(" "))
          .sort(),
        mounts.sort(),
      );
      for (const [a, b] of pairs) assert.deepEqual(await all(a), await all(b));
    }),
    { numRuns: Number(process.env["FC_RUNS"] ?? 300) },
  );
});

async function ofReal(
  real: ReturnType<typeof namespace>,
  one: Step,
  service: FileService,
  i: number,
): Promise<unknown> {
  switch (one.do) {
    case "mount":
      real.mount({ path: one.path, service, access: one.access });
      break;
    case "unmount":
      real.unmount(one.path);
      break;
    case "setAccess":
      real.setAccess(one.path, one.access);
      break;
    case "write":
      return (await real.write(one.path, bytes(`${i}`))).path;
    case "makeDirectory":
      await real.makeDirectory!(one.path);
      break;
    case "read":
      return real.read(one.path);
    case "remove":
      await real.remove(one.path);
      break;
    case "rename":
      await real.rename(one.path, one.to);
      break;
    case "list": {
      const names = (await entries(real, one.path, one.limit)).map((entry) => entry.name);
      assert.equal(new Set(names).size, names.length, "twins");
      return names.sort();
    }
    case "stat": {
      const { name, kind, access } = await real.stat(one.path);
      return { name, kind, access };
    }
  }
  return undefined;
}

async function ofNaive(naive: Naive, one: Step, service: FileService, i: number): Promise<unknown> {
  const path = normalPath(one.path);
  const mount = naive.mounts.find((mount) => mount.path === path);
  switch (one.do) {
    case "mount":
      if (mount !== undefined) throw new FileError("EBUSY", "mounted");
      naive.mounts.push({ path, service, access: one.access });
      break;
    case "unmount":
      if (mount === undefined) throw new FileError("ENOENT", "not mounted");
      naive.mounts = naive.mounts.filter((other) => other !== mount);
      break;
    case "setAccess":
      if (mount === undefined) throw new FileError("ENOENT", "not mounted");
      mount.access = one.access;
      break;
    case "write":
      await naive.write(path, bytes(`${i}`));
      return path;
    case "rename":
      await naive.rename(path, normalPath(one.to));
      break;
    case "makeDirectory":
    case "read":
    case "remove":
    case "list":
    case "stat":
      return naive[one.do](path);
  }
  return undefined;
}

async function outcome(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FileError) return errnoOf(error);
    throw error;
  }
}

/** All that a service holds, by path. */
async function all(files: FileService, path = "/"): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const { name, kind } of await entries(files, path)) {
    const at = path === "/" ? `/${name}` : `${path}/${name}`;
    if (kind === "directory") Object.assign(found, { [at]: "/" }, await all(files, at));
    else found[at] = new TextDecoder().decode(await files.read(at));
  }
  return found;
}
