import { areaOf, hasAll, wordsOf } from "../../core/search.ts";
import type { FoundQuery } from "../../core/search.ts";
import type { TreeRow } from "../../core/ports/store.ts";
import type { Agent } from "./agent.ts";
import type { Undo } from "./undo.ts";
import { copy } from "./value.ts";

/** Writes files, over those that are there. */
export function putFiles(undo: Undo, agent: Agent, files: readonly TreeRow[]): void {
  for (const { path, value } of files) {
    undo.set(agent.files, path, copy(value));
    if (areaOf(path) === undefined) continue;
    undo.delete(agent.searched, path);
    undo.set(agent.searched, path, ++agent.written);
  }
}

/** Removes a file; with a path that ends in "/", all files below it. */
export function removeFile(undo: Undo, agent: Agent, path: string): void {
  const gone = path.endsWith("/")
    ? [...agent.files.keys()].filter((file) => file.startsWith(path))
    : [path];
  for (const file of gone) {
    undo.delete(agent.files, file);
    undo.delete(agent.searched, file);
  }
}

/** `Ledger.search`: every file is looked at, the last written first. */
export function search(agent: Agent, { words, areas, limit }: FoundQuery): readonly string[] {
  const found: string[] = [];
  for (const [path] of [...agent.searched].sort(([, a], [, b]) => b - a)) {
    const area = areaOf(path)!;
    if (!areas.includes(area)) continue;
    if (!hasAll(wordsOf(area, { path, value: agent.files.get(path)! }), words)) continue;
    found.push(path);
    if (found.length === limit) break;
  }
  return found;
}
