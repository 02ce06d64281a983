import { errnoOf } from "../core/file-error.ts";
import type { FileService } from "../core/ports/index.ts";
import { failed } from "./failed.ts";
import { mountsIn } from "./mount-commands.ts";
import type { MountKind, MountPlace } from "./mount-kind.ts";
import { isWithin, nameOf, normalPath } from "./path.ts";
import { subtree } from "./subtree.ts";

/** An agent whose files another one may use. */
export interface OtherAgent {
  /** Its npub. */
  readonly id: string;
  /** Its tree, whose `/mounts` says what it has of others. */
  readonly files: FileService;
}

/**
 * Another agent of a home, by its name or npub, with its files as they are for a user of these rights.
 * @throws NOT_FOUND
 */
export type AgentFinder = (ref: string, user: "operate" | "admin") => Promise<OtherAgent>;

/** Kinds through which one agent's tree comes to stand in another one's. */
export const PASSING: ReadonlySet<string> = new Set(["agent", "union"]);

/**
 * The kind `agent`: what another agent has at and below a path, as `find` gives it. The source is
 * `<name or npub>/<path>`. What that agent has of other agents is not passed on (EDEADLK): it was given to
 * that one alone, and so nothing can lead in a circle. Nor can an agent mount its own tree.
 *
 * Its files are those that an operator has. What is at `/identity` and below alone is as an admin has it, who
 * has made the mount: so one agent's key can sign for another.
 */
export function agentKind(find: AgentFinder): MountKind {
  const make = (source: string, at: MountPlace): FileService => {
    const { ref, path } = partsIn(source);
    const { id: self, publicKey, name } = at.agent;
    if (ref === self || ref === publicKey || ref === name) throw own(at);
    const isKey = isWithin(path, "/identity");
    // The access `sign-only` goes by the name that a file has here.
    if (isKey && nameOf(at.path) === "sign" && !["/identity", "/identity/sign"].includes(path)) {
      throw failed("EINVAL", "mount", at.path, `"${path}" does not sign, and would seem to`);
    }
    return subtree(
      otherFiles(() => find(ref, isKey ? "admin" : "operate"), at),
      path,
    );
  };
  return Object.assign(make, {
    async settle(source: string) {
      const { ref, path } = partsIn(source);
      return `${(await find(ref, "operate")).id}${path}`;
    },
  });
}

function partsIn(source: string): { readonly ref: string; readonly path: string } {
  const [ref = "", ...rest] = source.split("/");
  if (ref !== "") return { ref, path: normalPath(`/${rest.join("/")}`) };
  const why = 'a source is the name or npub of an agent, "/" and a path';
  throw failed("EINVAL", "mount", source, why);
}

/** The files of an agent that is looked for each time: it may come, go, and have other mounts. */
function otherFiles(find: () => Promise<OtherAgent>, at: MountPlace): FileService {
  /** @throws EDEADLK for what would lead on to other agents */
  const tree = async (path: string, ...others: readonly string[]): Promise<FileService> => {
    const { id, files } = await find();
    if (id === at.agent.id) throw own(at);
    const mounts = await passing(files);
    for (const one of [path, ...others]) {
      if (!mounts.some((mount) => isWithin(one, mount))) continue;
      throw failed("EDEADLK", "use", one, "it is mounted from elsewhere, which is not passed on");
    }
    return files;
  };
  const lacking = (path: string): Error =>
    failed("ENOTSUP", "do this with", path, "the agent's home cannot");
  return {
    stat: async (path) => (await tree(path)).stat(path),
    list: async (path, query) => (await tree(path)).list(path, query),
    read: async (path, range) => (await tree(path)).read(path, range),
    write: async (path, data, options) => (await tree(path)).write(path, data, options),
    remove: async (path) => (await tree(path)).remove(path),
    rename: async (from, to) => (await tree(from, to)).rename(from, to),
    async *watch(path, signal) {
      const files = await tree(path);
      // A watch reaches into all that is mounted below, and would come round again.
      const below = (await passing(files)).find((mount) => isWithin(mount, path));
      if (below !== undefined) {
        throw failed("ENOTSUP", "watch", path, `"${below}" in it is mounted from elsewhere`);
      }
      yield* files.watch(path, signal);
    },
    makeDirectory: async (path) => {
      const files = await tree(path);
      if (files.makeDirectory === undefined) throw lacking(path);
      await files.makeDirectory(path);
    },
    resize: async (path, size) => {
      const files = await tree(path);
      if (files.resize === undefined) throw lacking(path);
      await files.resize(path, size);
    },
    exchange: async (path, data, options) => {
      const files = await tree(path);
      if (files.exchange === undefined) throw lacking(path);
      return files.exchange(path, data, options);
    },
    async *follow(path, signal) {
      const files = await tree(path);
      if (files.follow === undefined) throw lacking(path);
      yield* files.follow(path, signal);
    },
  };
}

/** Where an agent has something of others. */
async function passing(files: FileService): Promise<readonly string[]> {
  const table = await files.read("/mounts").then(
    (bytes) => new TextDecoder().decode(bytes),
    (error: unknown) => {
      // A tree with no such file has nothing of others.
      if (errnoOf(error) === "ENOENT") return "";
      throw error;
    },
  );
  return mountsIn(table).flatMap(({ path, kind }) => (PASSING.has(kind) ? [path] : []));
}

function own({ path }: MountPlace): Error {
  return failed("EDEADLK", "mount", path, "an agent's own tree cannot stand in itself");
}
