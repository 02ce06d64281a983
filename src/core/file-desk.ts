import { able } from "./able.ts";
import type { AgentRecord } from "./agent.ts";
import { agentState } from "./agent-info.ts";
import { checkHere } from "./between-homes.ts";
import type { Canceller } from "./canceller.ts";
import { contextIdentity } from "./context-identity.ts";
import type { ContextIdentity } from "./context.ts";
import type { Entries } from "./entries.ts";
import { OpenAgentsError } from "./errors.ts";
import { agentFace, tickOnPaper } from "./face.ts";
import type { FaceParts } from "./face.ts";
import { errnoOf, FileError } from "./file-error.ts";
import { applyEdit } from "./file-edit.ts";
import type { Kernel } from "./kernel.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Mailroom } from "./mailroom.ts";
import type { AgentTree, FaceOutside, FileEdit, Operator, TreeUser } from "./ports/agent-face.ts";
import type { FileService } from "./ports/files.ts";
import { TreeDraft } from "./tree-draft.ts";
import type { FilesOptions } from "./operations.ts";

interface Parts {
  readonly lifecycle: Lifecycle;
  readonly mailroom: Mailroom;
  readonly entries: Entries;
  readonly canceller: Canceller;
}

/** The trees of agents as operators use them, from outside of ticks. */
export class FileDesk {
  readonly #kernel: Kernel;
  readonly #parts: Parts;

  constructor(kernel: Kernel, parts: Parts) {
    this.#kernel = kernel;
    this.#parts = parts;
  }

  /** As `Operations.fs`. */
  files(ref: string, user: Operator, { once = false }: FilesOptions = {}): FileService {
    const anew = async (): Promise<AgentTree> => this.#tree(await this.#find(ref), user, once);
    let opened: Promise<AgentTree> | undefined;
    const open = (): Promise<AgentTree> => (once ? (opened ??= anew()) : anew());
    const { store } = this.#kernel;
    // What is shown must not be undone by a crash.
    const shown = async <T>(read: (tree: AgentTree) => Promise<T>): Promise<T> => {
      const result = await read(await open());
      await store.sync();
      return result;
    };
    return {
      stat: (path) => shown((tree) => tree.stat(path)),
      list: (path, query) => shown((tree) => tree.list(path, query)),
      read: (path, range) => shown((tree) => tree.read(path, range)),
      write: async (path, data, options) => (await open()).write(path, data, options),
      remove: async (path) => (await open()).remove(path),
      rename: async (from, to) => (await open()).rename(from, to),
      makeDirectory: async (path) => able(await open(), "makeDirectory", path)(path),
      resize: async (path, size) => able(await open(), "resize", path)(path, size),
      exchange: async (path, data) => able(await open(), "exchange", path)(path, data),
      async *follow(path, signal) {
        yield* able(await open(), "follow", path)(path, signal);
      },
      async *watch(path, signal) {
        yield* (await open()).watch(path, signal);
      },
    };
  }

  #tree(record: AgentRecord, user: TreeUser, once: boolean): AgentTree {
    const identity = (): ContextIdentity => this.#identity(record);
    return this.#made(
      { ...this.#outside(record), once, identity, operator: this.#operator(record) },
      user,
    );
  }

  /** An agent as of its last commit; what is written to it goes nowhere. */
  #outside(record: AgentRecord): Omit<FaceParts, "identity"> {
    const { store, limits } = this.#kernel;
    const { id } = record;
    return {
      record,
      tree: new TreeDraft(store, { id, limit: limits.valueBytes }),
      state: () => agentState(store, id),
    };
  }

  #made(parts: FaceParts, user: TreeUser): AgentTree {
    const { tree } = this.#kernel;
    if (tree !== undefined) return tree(agentFace(this.#kernel, parts), user);
    throw new OpenAgentsError("CONFIG", "Cannot show files: this runtime has no tree of files");
  }

  #operator(record: AgentRecord): FaceOutside {
    const { lifecycle, mailroom, entries, canceller } = this.#parts;
    // Each command is for the agent as the one before it has left it.
    const now = (): Promise<AgentRecord> => this.#find(record.id);
    const verbs: Readonly<Record<string, () => Promise<unknown>>> = {
      wake: async () => lifecycle.wake(await now()),
      tick: async () => lifecycle.tick(await now()),
      hibernate: async () => lifecycle.hibernate(await now()),
      pause: async () => lifecycle.pause(await now()),
      resume: async () => lifecycle.resume(await now()),
      terminate: async () => lifecycle.terminate(await now()),
      cancel: async () => canceller.cancel(await now(), {}),
    };
    return {
      async control(verb) {
        const run = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
        if (run === undefined) {
          const known = Object.keys(verbs).join(", ");
          throw new FileError("EINVAL", `Cannot do ${JSON.stringify(verb)}: use one of ${known}`);
        }
        await run();
      },
      deliver: (mail) => mailroom.send(record, mail),
      replay: (envelope) => lifecycle.replay(record, envelope),
      discard: (envelope) => lifecycle.discard(record, envelope),
      async update(change) {
        await entries.update(record.id, change, {});
      },
      edit: (edit) => this.#edit(record, edit),
    };
  }

  async #edit(record: AgentRecord, edit: FileEdit): Promise<void> {
    // On paper first, so that what is wrong with it is said before it is a command.
    const identity = (): ContextIdentity => contextIdentity(this.#kernel, record, UNBOUND);
    const paper = { ...this.#outside(record), identity, tick: tickOnPaper(this.#kernel) };
    await applyEdit(this.#made(paper, "editor"), edit);
    const { error } = await this.#parts.lifecycle.changeFiles(record, { command: "files", edit });
    if (error === undefined) return;
    const { code, message } = error;
    throw new FileError(errnoOf(new OpenAgentsError(code, message)), message);
  }

  /** The record says what the key was used for before anybody has the result. */
  #identity(record: AgentRecord): ContextIdentity {
    const identity = contextIdentity(this.#kernel, record, UNBOUND);
    const noted = async <T>(use: Promise<T>): Promise<T> => {
      const result = await use;
      await this.#parts.lifecycle.note(record);
      return result;
    };
    return {
      ...identity,
      sign: (hash) => noted(identity.sign(hash)),
      encrypt: (to, text) => noted(identity.encrypt(to, text)),
      decrypt: (from, payload) => noted(identity.decrypt(from, payload)),
    };
  }

  async #find(ref: string): Promise<AgentRecord> {
    const record = await this.#kernel.store.get(ref);
    if (record === undefined) throw new FileError("ENOENT", `There is no agent "${ref}"`);
    if (record.status !== "leaving") checkHere(record);
    return record;
  }
}

/** No tick that could be over, and none that could wait for a key. */
const UNBOUND = { check: () => undefined, locked: () => undefined };
