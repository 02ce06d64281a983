import { sha256Hex } from "../core/hash.ts";
import type {
  AgentFace,
  AgentTree,
  FaceOutside,
  FileEdit,
  ExchangeOptions,
  FileListQuery,
  FileRange,
  FileStat,
  MountEntry,
  Page,
  TreeMaker,
  TreeUser,
  WriteOptions,
  Written,
} from "../core/ports/index.ts";
import { ACCESS } from "./access.ts";
import type { Act } from "./access.ts";
import { AgentMounts } from "./mounted.ts";
import type { MountKinds } from "./mount-kind.ts";
import { base64 } from "./base64.ts";
import { PathFeed } from "./changes.ts";
import { failed } from "./failed.ts";
import { asFileErrors, asFileStream } from "./file-errors.ts";
import { isLower, isSameSource, settled } from "./mount-commands.ts";
import { GRANTS } from "./grants.ts";
import type { Part } from "./grants.ts";
import { namespace } from "./namespace.ts";
import type { Mount, Namespace, NamespaceOptions } from "./namespace.ts";
import { bytesOf, entryOf, nodeService } from "./nodes.ts";
import type { Node, NodeWatch } from "./nodes.ts";
import { isWithin, nameOf, normalPath, partsOf, pathWithin } from "./path.ts";
import { replay } from "./services/deadletter.ts";
import { OWN, SERVICES } from "./services/index.ts";
import type { ServiceParts } from "./services/index.ts";
import { kept } from "./services/kept.ts";
import { linesOf } from "./services/content.ts";
import { changesIn } from "./services/mounts.ts";
import { touched } from "./services/touched.ts";
import { TreesShared } from "./trees-shared.ts";

/**
 * Makes agents' trees: the standard services, each with the access that `GRANTS` gives its user, and the
 * mounts of the agent, of these kinds. Nothing is read before it is asked for.
 *
 * From outside, a change of what is the agent's own is handed to `FaceOutside.edit`, once it is one that
 * the user may make. What such a change takes of the mounts is taken from the moment in which it is handed on:
 * also from trees that are in use, and in a tick that runs, which ends before the change is on the record. What
 * it gives, it gives once it is there.
 */
export function agentTree(kinds: MountKinds): TreeMaker {
  const shared = new TreesShared(kinds);
  const make = (face: AgentFace, user: TreeUser): AgentTree => new Tree(face, user, shared);
  return Object.assign(make, { kinds: Object.keys(kinds) });
}

type Service = keyof typeof SERVICES;

class Tree implements AgentTree {
  readonly #face: AgentFace;
  readonly #user: TreeUser;
  readonly #shared: TreesShared;
  readonly #parts: ServiceParts;
  #files: Namespace | undefined;
  /** Of one standard service each, as most are used for a single file. */
  readonly #single = new Map<string, Namespace>();
  #mounted: AgentMounts | undefined;

  constructor(face: AgentFace, user: TreeUser, shared: TreesShared) {
    this.#face = face;
    this.#user = user;
    this.#shared = shared;
    this.#parts = {
      kinds: shared.kinds,
      lowersOnly: user === "agent",
      pending: () => shared.pending(face.agent.id),
      records: shared.records,
      events: shared.events,
      exports: shared.exports,
    };
  }

  async place(path: string): Promise<"own" | "outside" | "nowhere"> {
    const normal = normalPath(path);
    if (normal === "/" || isService(normal)) return "own";
    const files = await this.#ready(normal);
    if (files.mountAt(normal) !== undefined) return "outside";
    return files.mounts().some((mount) => isWithin(mount.path, normal)) ? "own" : "nowhere";
  }

  async mounts(): Promise<readonly MountEntry[]> {
    return [...(await this.#outside().entries()).values()];
  }

  stat(path: string): Promise<FileStat> {
    return this.#use(path, (files, normal) => files.stat(normal));
  }

  list(path: string, query?: FileListQuery): Promise<Page<FileStat>> {
    return this.#use(path, (files, normal) => files.list(normal, query));
  }

  read(path: string, range?: FileRange): Promise<Uint8Array> {
    return this.#use(path, (files, normal) => files.read(normal, range));
  }

  write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    return this.#use(path, async (files, normal) => {
      const operator = this.#operatorFor(normal);
      if (operator === undefined) return files.write(normal, data, options);
      this.#check(normal, "write", "write");
      const { at, create, ifMatch } = options;
      if (typeof at === "number") {
        throw failed("ENOTSUP", "write", normal, "it is written as a whole");
      }
      if (normal === "/mounts") {
        await this.#editMounts(operator, { path: normal, data, ifMatch });
        return { path: normal };
      }
      // Its name is known before its tick, so that it can be told.
      const named = at === "end" && normal === "/goals";
      const write = named ? `/goals/${this.#newName(data)}` : normal;
      const content = kept(data);
      const edit: FileEdit = {
        write,
        data: typeof content === "string" ? content : { base64: base64(content) },
        ...(at === "end" && !named && { at }),
        ...(named ? { create: "only" } : create !== undefined && { create }),
        ...(ifMatch !== undefined && { ifMatch }),
      };
      await operator.edit(edit);
      return { path: write };
    });
  }

  remove(path: string): Promise<void> {
    return this.#use(path, async (files, normal) => {
      const operator = this.#operatorFor(normal);
      if (operator === undefined) return files.remove(normal);
      this.#check(normal, "write", "remove");
      return operator.edit({ remove: normal });
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#use(from, async (_files, normal) => {
      const target = normalPath(to);
      if (isWithin(normal, "/deadletter") && isWithin(target, "/inbox")) {
        return this.#replay(normal, target);
      }
      const operator = this.#operatorFor(normal);
      if (operator === undefined) {
        await this.#ready(target);
        return this.#namespace().rename(normal, target);
      }
      this.#check(normal, "write", "move");
      if (partOf(target) !== partOf(normal)) {
        throw failed("EXDEV", "move", normal, `"${target}" is not in the same mount`);
      }
      return operator.edit({ rename: normal, to: target });
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.#use(path, async (files, normal) => {
      const operator = this.#operatorFor(normal);
      if (operator === undefined) return files.makeDirectory!(normal);
      this.#check(normal, "write", "make");
      return operator.edit({ makeDirectory: normal });
    });
  }

  resize(path: string, size: number): Promise<void> {
    return this.#use(path, (files, normal) => files.resize!(normal, size));
  }

  /** Of what is the agent's own, from outside, there is no answer: its tick is only to come. */
  exchange(path: string, data: Uint8Array, options?: ExchangeOptions): Promise<Uint8Array> {
    return this.#use(path, async (files, normal) => {
      const operator = this.#operatorFor(normal);
      if (operator === undefined) return files.exchange!(normal, data, options);
      this.#check(normal, "exchange", "ask");
      if ((await files.stat(normal)).nature !== "exchange") return files.exchange!(normal, data);
      await this.write(normal, data);
      return new Uint8Array(0);
    });
  }

  follow(path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return asFileStream(this.#stream(path, (files, normal) => files.follow!(normal, signal)));
  }

  watch(path: string, signal: AbortSignal): AsyncIterable<string> {
    return asFileStream(this.#stream(path, (files, normal) => files.watch(normal, signal)));
  }

  #use<T>(path: string, work: (files: Namespace, normal: string) => Promise<T>): Promise<T> {
    return asFileErrors(async () => {
      const normal = normalPath(path);
      return work(await this.#ready(normal), normal);
    });
  }

  /** While it lasts, the mounts are kept as they are. */
  async *#stream<T>(
    path: string,
    begin: (files: Namespace, normal: string) => AsyncIterable<T>,
  ): AsyncGenerator<T> {
    const normal = normalPath(path);
    const files = await this.#ready(normal);
    const stop = isService(normal) ? undefined : this.#outside().keepUp();
    try {
      yield* begin(files, normal);
    } finally {
      stop?.();
    }
  }

  /** The files that a path may belong to, with the mounts as they are where it has to do with them. */
  async #ready(path: string): Promise<Namespace> {
    if (!isService(path)) {
      await this.#outside().update();
      return this.#namespace();
    }
    if (this.#files !== undefined) return this.#files;
    const part = partOf(path);
    const single = this.#single.get(part) ?? namespace([this.#service(part)], this.#options());
    this.#single.set(part, single);
    return single;
  }

  #outside(): AgentMounts {
    this.#mounted ??= new AgentMounts(this.#face, {
      shared: this.#shared,
      files: this.#namespace(),
      most: GRANTS.outside[this.#user],
      others: GRANTS.others[this.#user],
    });
    return this.#mounted;
  }

  #namespace(): Namespace {
    this.#files ??= namespace(
      Object.keys(SERVICES).map((part) => this.#service(part)),
      this.#options(),
    );
    return this.#files;
  }

  #options(): NamespaceOptions {
    return { budgets: this.#shared.budgets(this.#face) };
  }

  #service(part: string): Mount {
    const face = this.#face;
    let node: Node | undefined;
    const root = (): Node => (node ??= SERVICES[part as Service](face, this.#parts));
    return {
      path: `/${part}`,
      service: nodeService(root, changesOf(face, `/${part}`)),
      access: GRANTS[part as Part][this.#user],
      listed: () => entryOf(part, root()),
    };
  }

  /** Who changes a path from outside, where it is the agent's own. */
  #operatorFor(path: string): FaceOutside | undefined {
    const { operator } = this.#face;
    return operator !== undefined && OWN.has(partOf(path)) ? operator : undefined;
  }

  /** @throws EACCES for what the user is not granted */
  #check(path: string, act: Act, verb: string): void {
    const part = partOf(path) as Part;
    const access = GRANTS[part][this.#user];
    if (ACCESS[access](act, nameOf(path))) return;
    throw failed("EACCES", verb, path, `the mount "/${part}" is ${access}`);
  }

  async #editMounts(
    operator: FaceOutside,
    given: { readonly path: string; readonly data: Uint8Array } & Pick<WriteOptions, "ifMatch">,
  ): Promise<void> {
    const { path, ifMatch } = given;
    const data = await settled(linesOf(given.data, path), this.#shared.kinds);
    const changes = await changesIn(this.#face, bytesOf(data), this.#parts);
    const now = await this.#outside().entries();
    // What takes something away holds at once; what gives something, once it is on the record.
    const taken = new Map<string, MountEntry | null>();
    for (const [mount, entry] of changes) {
      const there = now.get(mount);
      if (entry === null || (there !== undefined && isLower(there, entry))) taken.set(mount, entry);
      else if (there !== undefined && !isSameSource(there, entry)) taken.set(mount, null);
    }
    const edit: FileEdit = { write: path, data, ...(ifMatch !== undefined && { ifMatch }) };
    await this.#shared.whilePending(this.#face.agent.id, taken, () => operator.edit(edit));
  }

  /** To move a dead letter into the inbox is to have it acted on again. */
  async #replay(from: string, to: string): Promise<void> {
    this.#check(from, "write", "move");
    this.#check(to, "write", "make");
    const [, name, ...more] = partsOf(from);
    const found = name !== undefined && more.length === 0 && (await replay(this.#face, name));
    if (!found) throw failed("ENOENT", "move", from, "there is no such dead letter");
  }

  #newName(data: Uint8Array): string {
    return sha256Hex(`${this.#face.now()} ${sha256Hex(data)}`).slice(0, 16);
  }
}

/** The first part of a path; "" for the root. */
function partOf(path: string): string {
  const end = path.indexOf("/", 1);
  return end < 0 ? path.slice(1) : path.slice(1, end);
}

function isService(path: string): boolean {
  return Object.hasOwn(SERVICES, partOf(path));
}

/** What ticks change at or below the path of a service, by paths from there. */
function changesOf(face: AgentFace, at: string): NodeWatch {
  return (signal) => {
    const feed = new PathFeed("/", signal, () => stop());
    const stop = signal.aborted
      ? () => undefined
      : face.watch((tick) => {
          for (const path of touched(tick)) if (isWithin(path, at)) feed.push(pathWithin(path, at));
        });
    return feed;
  };
}
