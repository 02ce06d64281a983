import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { FileService } from "../../src/core/ports/index.ts";
import { errnoOf } from "../../src/core/file-error.ts";
import { hostDirectory } from "../../src/mounts/host-directory.ts";

const SECRET = "what nobody may read";
const skip = process.platform === "linux" ? false : "only Linux walks by handles";

/** How often each thing is tried. */
const ROUNDS = 600;

void test(
  "neither reads nor writes get out while a directory and a link are swapped all the time",
  { skip },
  async (t) => {
    const base = realpathSync(mkdtempSync(join(tmpdir(), "openagents-race-")));
    t.after(() => rmSync(base, { recursive: true, force: true }));
    const [root, outside] = [join(base, "root"), join(base, "outside")];
    for (const dir of [root, outside, join(root, "d"), join(outside, "below")]) mkdirSync(dir);
    for (const name of ["secret", "f", "below/f"]) writeFileSync(join(outside, name), SECRET);
    mkdirSync(join(root, "d", "below"));
    for (const name of ["d/f", "d/below/f", "file"]) writeFileSync(join(root, name), "inside");
    const before = snapshot(outside);

    const swapper = fileURLToPath(new URL("swapper.ts", import.meta.url));
    const child = spawn(process.execPath, [swapper, root, outside], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    await once(child.stdout, "data");
    const seen = await attacked(hostDirectory(root));
    assert.ok(child.exitCode === null && child.signalCode === null);
    await killed(child);

    assert.deepEqual(snapshot(outside), before);
    // It was an attack: things went well and were refused, both.
    assert.ok((seen.get("done") ?? 0) > 100, JSON.stringify([...seen]));
    assert.ok((seen.get("ELOOP") ?? 0) > 10, JSON.stringify([...seen]));
    assert.equal(seen.get("EIO"), undefined);
  },
);

/** Does everything that a service can do; gives how often each came of it. */
async function attacked(files: FileService): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
  const tries = async (what: Promise<unknown>): Promise<void> => {
    try {
      await what;
      count("done");
    } catch (error) {
      count(errnoOf(error));
    }
  };
  const reads = async (path: string): Promise<void> => {
    const bytes = await files.read(path);
    assert.ok(!new TextDecoder().decode(bytes).includes("nobody"), `${path} was read outside`);
  };
  const lists = async (path: string): Promise<void> => {
    const { items } = await files.list(path);
    assert.ok(!items.some(({ name }) => name === "secret"), `${path} was listed outside`);
  };
  const data = new TextEncoder().encode("inside");
  for (let i = 0; i < ROUNDS; i += 1) {
    await Promise.all(
      [
        reads("/d/f"),
        reads("/d/below/f"),
        reads("/file"),
        lists("/d"),
        files.stat("/d/f"),
        files.write("/d/f", data),
        files.write("/d/below/f", data),
        files.write("/file", data),
        files.write(`/d/new-${i % 20}`, data, { create: "only" }),
        files.write("/d/f", data, { at: 0, create: "never" }),
        files.write("/d/log", data, { at: "end" }),
        files.makeDirectory!(`/d/directory-${i % 20}`),
        files.rename("/d/log", "/d/old"),
        files.rename("/file", "/d/moved"),
        files.rename("/d/moved", "/file"),
        files.resize!("/d/below/f", 6),
        files.remove("/d/old"),
        files.remove(`/d/new-${i % 20}`),
        files.remove(`/d/directory-${i % 20}`),
      ].map(tries),
    );
  }
  return seen;
}

/** All that is there, and what is in it. */
function snapshot(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const place = join(directory, name);
      const stats = lstatSync(place);
      const { mode, size, ino, mtimeMs } = stats;
      const text = stats.isFile() ? readFileSync(place, "utf8") : "";
      return JSON.stringify([name, mode, size, ino, mtimeMs, text]);
    });
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
