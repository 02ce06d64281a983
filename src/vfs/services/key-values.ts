import type { AgentFace } from "../../core/ports/index.ts";
import type { FileSize } from "../../core/ports/memory.ts";
import { encode, lastSegment, paths } from "../../core/tree.ts";
import { failed } from "../failed.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { tickOf } from "./in-tick.ts";
import { kept, keptFile } from "./kept.ts";
import { pageOf } from "./pages.ts";

/** Bytes of a value. */
const MOST = 65_536;

/** `memory/kv`: small files, by any name. */
export function keyValues(face: AgentFace): DirectoryNode {
  const { tree, memory } = face;
  const limit = Math.min(MOST, face.limits.valueBytes);
  const pathOf = (key: string): string => paths.kv + encode(key);
  const nodeOf = (path: string): FileNode =>
    keptFile(face, path, { limit, remove: () => memory.kv.remove(lastSegment(path)) });
  return {
    list: (query) =>
      pageOf(query, (cursor) => eachValue(face, cursor), {
        entry: ({ path, size }) => ({
          name: lastSegment(path),
          node: nodeOf(path),
          facts: { size, limit },
        }),
        mark: ({ path }) => path.slice(paths.kv.length),
      }),
    async at(key) {
      const path = pathOf(key);
      return (await tree.bytes(path)) === undefined ? undefined : nodeOf(path);
    },
    async create(key, data) {
      tickOf(face, "/memory/kv");
      await memory.writeKey(key, () => tree.write(pathOf(key), kept(data)));
      return key;
    },
    async rename(from, to) {
      tickOf(face, "/memory/kv");
      if (to.includes("/")) throw failed("ENOTDIR", "move", from, "keys are not directories");
      const value = await tree.bytes(pathOf(from));
      if (value === undefined) throw failed("ENOENT", "move", from, "it is not there");
      await memory.writeKey(to, () => tree.write(pathOf(to), kept(value)));
      await memory.kv.remove(from);
    },
    facts: () => ({ limit }),
  };
}

async function* eachValue(
  { tree }: AgentFace,
  cursor: string | undefined,
): AsyncGenerator<FileSize, void, undefined> {
  const limit = 256;
  for (let after = cursor === undefined ? undefined : paths.kv + cursor; ;) {
    const page = await tree.sizes({ prefix: paths.kv, after, limit });
    yield* page;
    if (page.length < limit) return;
    after = page.at(-1)!.path;
  }
}
