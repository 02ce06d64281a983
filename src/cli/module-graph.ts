import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { codeRevision } from "../core/code-revision.ts";

/** This package itself, wherever it lies: its own releases say what changed. */
const OWN = new URL("..", import.meta.url).href;

/** What each module imports, as it was resolved. */
const imports = new Map<string, Set<string>>();
let watching = false;

/** From now on it is noted which module imports which. */
export function watchImports(): void {
  if (watching) return;
  watching = true;
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      const { parentURL } = context;
      if (parentURL !== undefined) {
        const known = imports.get(parentURL) ?? new Set();
        imports.set(parentURL, known.add(found.url));
      }
      return found;
    },
  });
}

/**
 * A hash of a module and of all files that it imported, and so on, but what is installed in `node_modules` and
 * this package. The same files give the same one wherever they lie. What is imported later, or read in other
 * ways, is not in it.
 */
export function graphRevision(file: string): string {
  const seen = new Set([pathToFileURL(file).href]);
  // The list grows while it is gone through.
  for (const url of seen) {
    for (const next of imports.get(url) ?? []) if (isLocal(next)) seen.add(next);
  }
  const files = [...seen].map((url): [string, string] => {
    const path = fileURLToPath(url);
    return [relative(dirname(file), path).split(sep).join("/"), readFileSync(path, "utf8")];
  });
  return codeRevision(files.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function isLocal(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/") && !url.startsWith(OWN);
}
