/**
 * Who attacks a directory from inside: swaps a directory with a link, a file with a link, and puts links
 * in the place of files that are being written, as fast as it can, until it is killed.
 */
import { readdirSync, renameSync, rmSync, symlinkSync, writeSync } from "node:fs";
import { join } from "node:path";

const [root = "", outside = ""] = process.argv.slice(2);

function tries(what: () => void): void {
  try {
    what();
  } catch {
    // The other one was first.
  }
}

function swap(a: string, b: string): void {
  const aside = join(root, "aside");
  tries(() => renameSync(a, aside));
  tries(() => renameSync(b, a));
  tries(() => renameSync(aside, b));
}

tries(() => symlinkSync(outside, join(root, "link")));
tries(() => symlinkSync(join(outside, "secret"), join(root, "link-file")));
for (let round = 0; ; round += 1) {
  swap(join(root, "d"), join(root, "link"));
  swap(join(root, "file"), join(root, "link-file"));
  if (round % 4 === 0) {
    for (const name of readdirSync(root).filter((name) => name.endsWith(".tmp"))) {
      tries(() => rmSync(join(root, name)));
      tries(() => symlinkSync(join(outside, "made"), join(root, name)));
    }
  }
  if (round % 1000 === 0) writeSync(1, `${round}\n`);
}
