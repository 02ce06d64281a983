import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Context, FileService } from "../../src/index.ts";
import { fileHome } from "../vfs/home.ts";
import { TreeModel } from "./tree-model.ts";
import type { Act } from "./tree-model.ts";

const RUNS = Number(process.env["FC_RUNS"] ?? 60);

/** Few names, so that they meet; some that have to be encoded, and some that begin as others do. */
const name = fc.constantFrom("a", "b", "a.b", "ab", "é ü", "%", "%2F", "\u{1f600}", "~");
const path = fc
  .array(name, { minLength: 1, maxLength: 3 })
  .map((names) => `/memory/files/${names.join("/")}`);
const bytes = fc.uint8Array({ maxLength: 6 });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant("write" as const),
      path,
      bytes,
      how: fc.constantFrom(
        {},
        {},
        { at: "end" as const },
        { create: "only" as const },
        {
          create: "never" as const,
        },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("remove" as const), path }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("rename" as const), path, to: path }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("makeDirectory" as const), path }) },
);

/** What is done in one tick, and whether it fails. */
const ticks = fc.array(fc.record({ acts: fc.array(act, { maxLength: 12 }), fails: fc.boolean() }), {
  minLength: 1,
  maxLength: 4,
});

/** How files are looked at, in a tick and from outside. */
interface Looks extends Pick<FileService, "list" | "stat"> {
  readonly bytes: (path: string) => Promise<Uint8Array>;
}

void test("ctx.fs reads back what a simple model says, in the tick, after it, and nothing of one that failed", async () => {
  await fc.assert(
    fc.asyncProperty(ticks, fc.integer({ min: 1, max: 4 }), async (plan, limit) => {
      const { files, tick, runtime } = await fileHome();
      const outside = outsideOf(files);
      let model = new TreeModel();
      for (const { acts, fails } of plan) {
        const next = model.copy();
        let wrong: unknown;
        const record = await tick(async ({ fs }) => {
          try {
            for (const one of acts) {
              assert.equal(await outcome(fs, one), next.apply(one), JSON.stringify(one));
            }
            await compare(fs, next, limit);
          } catch (error) {
            wrong = error;
          }
          if (fails) throw new Error("told to");
        });
        if (wrong !== undefined) throw wrong;
        assert.equal(record.outcome, fails ? "failed" : "done");
        if (!fails) model = next;
        await compare(outside, model, limit);
      }
      assert.equal((await runtime.verify("ada")).ok, true);
    }),
    { numRuns: RUNS },
  );
});

/** Parts of the tree with entries of one kind, each with a mark. */
const FLAT: Readonly<
  Record<
    string,
    { readonly text: (mark: string) => string; readonly mark: (text: string) => unknown }
  >
> = {
  "/memory/kv": { text: (mark) => mark, mark: (text) => text },
  "/goals": {
    text: (title) => JSON.stringify({ title }),
    mark: (text) => (JSON.parse(text) as { title: string }).title,
  },
  "/alarms": {
    text: (payload) => JSON.stringify({ in: "1h", payload }),
    mark: (text) => (JSON.parse(text) as { payload: string }).payload,
  },
};

const flatAct = fc.record({
  directory: fc.constantFrom(...Object.keys(FLAT)),
  name: fc.constantFrom("a", "ab", "b", "c.d"),
  mark: fc.option(fc.constantFrom("x", "yy", "z z"), { nil: undefined }),
});

void test("ctx.fs reads back goals, alarms and small files as it has written them, as any other does after the tick", async () => {
  const plans = fc.array(
    fc.record({ acts: fc.array(flatAct, { maxLength: 12 }), fails: fc.boolean() }),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(plans, fc.integer({ min: 1, max: 3 }), async (plan, limit) => {
      const { files, tick, runtime } = await fileHome();
      const seen = async (looks: Looks): Promise<Record<string, unknown>> => {
        const marks: Record<string, unknown> = {};
        for (const [directory, { mark }] of Object.entries(FLAT)) {
          for (let cursor: string | undefined; ;) {
            const page = await looks.list(directory, { cursor, limit });
            for (const { name: one, size } of page.items) {
              const content = await looks.bytes(`${directory}/${one}`);
              assert.equal(size, content.byteLength);
              marks[`${directory}/${one}`] = mark(new TextDecoder().decode(content));
            }
            cursor = page.cursor;
            if (cursor === undefined) break;
          }
        }
        return marks;
      };
      let model = new Map<string, string>();
      for (const { acts, fails } of plan) {
        const next = new Map(model);
        let wrong: unknown;
        await tick(async ({ fs }) => {
          try {
            for (const { directory, name: one, mark } of acts) {
              const at = `${directory}/${one}`;
              if (mark === undefined) {
                const there = next.delete(at);
                await fs.remove(at).then(
                  () => assert.ok(there, at),
                  (error: unknown) => {
                    assert.equal((error as { errno?: string }).errno, "ENOENT");
                    assert.ok(!there, at);
                  },
                );
              } else {
                await fs.write(at, FLAT[directory]!.text(mark));
                next.set(at, mark);
              }
            }
            assert.deepEqual(await seen(fs), Object.fromEntries(next));
          } catch (error) {
            wrong = error;
          }
          if (fails) throw new Error("told to");
        });
        if (wrong !== undefined) throw wrong;
        if (!fails) model = next;
        assert.deepEqual(await seen(outsideOf(files)), Object.fromEntries(model));
      }
      assert.equal((await runtime.verify("ada")).ok, true);
    }),
    { numRuns: RUNS },
  );
});

/** What is seen from outside. */
function outsideOf(files: FileService): Looks {
  return {
    list: (at, query) => files.list(at, query),
    stat: (at) => files.stat(at),
    bytes: (at) => files.read(at),
  };
}

/** Does it; "" or the error's name. */
async function outcome(fs: Context["fs"], one: Act): Promise<string> {
  try {
    if (one.act === "write") await fs.write(one.path, one.bytes, one.how);
    else if (one.act === "rename") await fs.rename(one.path, one.to);
    else await fs[one.act](one.path);
    return "";
  } catch (error) {
    return (error as { errno?: string }).errno ?? String(error);
  }
}

/** Holds all that is there against the model, each directory in pages of `limit`. */
async function compare(looks: Looks, model: TreeModel, limit: number): Promise<void> {
  const revisions = new Map<string, string>();
  const visit = async (directory: string): Promise<void> => {
    const found: [string, string, number | undefined][] = [];
    for (let cursor: string | undefined; ;) {
      const page = await looks.list(directory, { cursor, limit });
      assert.ok(page.items.length <= limit);
      for (const { name: one, kind, size } of page.items) found.push([one, kind, size]);
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    assert.deepEqual(
      found.toSorted(([a], [b]) => (a < b ? -1 : 1)),
      model.list(directory),
      directory,
    );
    for (const [one, kind] of found) {
      const at = `${directory}/${one}`;
      if (kind === "directory") {
        await visit(at);
        continue;
      }
      const content = await looks.bytes(at);
      assert.deepEqual(content, model.read(at), at);
      const { size, revision } = await looks.stat(at);
      assert.equal(size, content.byteLength, at);
      // The same revision for the same content alone.
      const before = revisions.get(revision!) ?? content.join();
      assert.equal(before, content.join(), at);
      revisions.set(revision!, before);
    }
  };
  await visit("/memory/files");
  assert.equal(new Set(revisions.values()).size, revisions.size);
}
