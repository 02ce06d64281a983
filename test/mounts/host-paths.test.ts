import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { errnoOf } from "../../src/core/file-error.ts";
import type { FileService } from "../../src/core/ports/index.ts";
import { hostDirectory } from "../../src/mounts/host-directory.ts";

const SECRET = "what nobody may read";

/** Parts of paths that have led out of something, somewhere. */
const PARTS = [
  "..",
  ".",
  "",
  "d",
  "file",
  "new",
  "out",
  "out-file",
  "root",
  "up",
  "chain",
  "self",
  "secret",
  "outside",
  "%2e%2e",
  "..%2f",
  "\u2025",
  "．．",
  "..\u0000",
  "..\\",
  "\\..\\",
  "proc",
  "\u202e..",
  "C:",
  ".. ",
] as const;

const path = fc
  .array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...PARTS) }, fc.string()), {
    maxLength: 6,
  })
  .map((parts) => `/${parts.join("/")}`);

type Act = (files: FileService, a: string, b: string) => Promise<unknown>;

const data = new TextEncoder().encode("inside");

const ACTS: readonly Act[] = [
  (files, a) => files.stat(a),
  (files, a) => files.list(a),
  (files, a) => files.write(a, data),
  (files, a) => files.write(a, data, { create: "only" }),
  (files, a) => files.write(a, data, { at: 1 }),
  (files, a) => files.write(a, data, { at: "end" }),
  (files, a) => files.resize!(a, 3),
  (files, a) => files.remove(a),
  (files, a) => files.makeDirectory!(a),
  (files, a, b) => files.rename(a, b),
  async (files, a) => {
    const text = new TextDecoder().decode(await files.read(a));
    assert.ok(!text.includes("nobody"), `${a} was read outside`);
  },
];

for (const held of process.platform === "linux" ? [true, false] : [false]) {
  void test(`nothing leads out, whatever is done with whatever paths (held: ${held})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...ACTS), path, path), { maxLength: 30 }),
        async (acts) => {
          const base = realpathSync(mkdtempSync(join(tmpdir(), "openagents-paths-")));
          try {
            const [root, outside] = [join(base, "root"), join(base, "outside")];
            for (const dir of [root, outside, join(root, "d")]) mkdirSync(dir);
            writeFileSync(join(outside, "secret"), SECRET);
            writeFileSync(join(root, "file"), "inside");
            const links = {
              out: outside,
              "out-file": "../outside/secret",
              up: "..",
              chain: "up/outside",
              self: ".",
              root: "/",
            };
            for (const [name, to] of Object.entries(links)) symlinkSync(to, join(root, name));
            const files = hostDirectory(root, { held });
            for (const [act, a, b] of acts) {
              try {
                await act(files, a, b);
              } catch (error) {
                if (error instanceof assert.AssertionError) throw error;
                assert.notEqual(errnoOf(error), "EIO", String(error));
              }
            }
            assert.deepEqual(readdirSync(base).sort(), ["outside", "root"]);
            assert.deepEqual(readdirSync(outside), ["secret"]);
            assert.equal(readFileSync(join(outside, "secret"), "utf8"), SECRET);
          } finally {
            rmSync(base, { recursive: true, force: true });
          }
        },
      ),
      { numRuns: 150 },
    );
  });
}
