import { turn } from "../../src/testing/files/kit.ts";
import { Changes } from "../../src/vfs/changes.ts";
import { nodeService } from "../../src/vfs/nodes.ts";
import type { DirectoryNode, FileNode, Node, NodeFacts } from "../../src/vfs/nodes.ts";
import type { FileService } from "../../src/core/ports/files.ts";
import { comparePaths } from "../../src/core/path-order.ts";

type Tree = Map<string, Tree | Uint8Array>;

export interface NodeTreeOptions {
  /** The most bytes that a file may have. */
  readonly limit?: number;
}

/**
 * Files as a service of nodes has them, each step of which takes a turn, so that whatever can come between
 * does. Nothing but what nodes are asked for keeps them right.
 */
export function nodeTree({ limit }: NodeTreeOptions = {}): FileService {
  const tree: Tree = new Map();
  const changes = new Changes();
  const facts = (): NodeFacts => (limit === undefined ? {} : { limit });

  const fileAt = (directory: Tree, name: string, path: string): FileNode => ({
    read: async () => {
      await turn();
      return directory.get(name) as Uint8Array;
    },
    write: async (data) => {
      await turn();
      directory.set(name, data.slice());
      changes.tell(path);
    },
    remove: async () => {
      directory.delete(name);
      changes.tell(path);
    },
    ...(limit !== undefined && { facts }),
  });

  const nodeAt = (directory: Tree, name: string, path: string): Node | undefined => {
    const entry = directory.get(name);
    if (entry === undefined) return undefined;
    if (entry instanceof Uint8Array) return fileAt(directory, name, path);
    const remove = async (): Promise<void> => {
      directory.delete(name);
      changes.tell(path);
    };
    return { ...directoryOf(entry, `${path}/`), remove };
  };

  const directoryOf = (directory: Tree, path: string): DirectoryNode => ({
    facts,
    list: async ({ cursor, limit = 100 }) => {
      const names = [...directory.keys()]
        .sort(comparePaths)
        .filter((name) => cursor === undefined || comparePaths(name, cursor) > 0);
      const items = names
        .slice(0, limit)
        .map((name) => ({ name, node: nodeAt(directory, name, path + name)! }));
      return { items, ...(names.length > limit && { cursor: names[limit - 1]! }) };
    },
    at: async (name) => {
      await turn();
      return nodeAt(directory, name, path + name);
    },
    create: async (name, data) => {
      await turn();
      directory.set(name, data.slice());
      changes.tell(path + name);
      return name;
    },
    makeDirectory: async (name) => {
      directory.set(name, new Map());
      changes.tell(path + name);
    },
    rename: async (from, to) => {
      const [old, next] = [placeOf(directory, from), placeOf(directory, to)];
      next.parent.set(next.name, old.parent.get(old.name)!);
      old.parent.delete(old.name);
      changes.tell(path + from, path + to);
    },
  });

  return nodeService(directoryOf(tree, "/"), (signal) => changes.watch("/", signal));
}

function placeOf(directory: Tree, path: string): { readonly parent: Tree; readonly name: string } {
  const names = path.split("/");
  const name = names.pop()!;
  let parent = directory;
  for (const one of names) parent = parent.get(one) as Tree;
  return { parent, name };
}
