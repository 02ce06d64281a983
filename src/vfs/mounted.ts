import type { Access, AgentFace, MountEntry } from "../core/ports/index.ts";
import { paths } from "../core/tree.ts";
import { lower } from "./access.ts";
import { PASSING } from "./agent-mount.ts";
import { mountsOf } from "./agent-mounts.ts";
import type { Namespace } from "./namespace.ts";
import type { TreesShared } from "./trees-shared.ts";

/** What an agent's mounts are put into. */
export interface AgentMountsOptions {
  readonly shared: TreesShared;
  readonly files: Namespace;
  /** No mount lets more through than this. */
  readonly most: Access;
  /** Nor does one that leads into the tree of another agent more than this. */
  readonly others: Access;
}

/** The mounts of an agent in one tree of its, kept as they are. */
export class AgentMounts {
  readonly #face: AgentFace;
  readonly #options: AgentMountsOptions;
  #entries: ReadonlyMap<string, MountEntry> = new Map();
  #updating: Promise<void> = Promise.resolve();

  constructor(face: AgentFace, options: AgentMountsOptions) {
    this.#face = face;
    this.#options = options;
  }

  /** The mounts as they are now, by path. */
  entries(): Promise<ReadonlyMap<string, MountEntry>> {
    return mountsOf(this.#face, this.#options.shared.pending(this.#face.agent.id));
  }

  /** Has the tree show the mounts as they are now. */
  update(): Promise<void> {
    const next = this.#updating.then(() => this.#update());
    this.#updating = next.catch(() => undefined);
    return next;
  }

  /** Has the tree show them as they are from now on, until it is undone by the result. */
  keepUp(): () => void {
    const { agent } = this.#face;
    // Who uses a mount meets with what is wrong; here is nobody to tell.
    const update = (): void => void this.update().catch(() => undefined);
    const stops = [
      this.#options.shared.onPending(agent.id, update),
      this.#face.watch(({ record: { wrote = {}, removed = [] } }) => {
        const changed = [...Object.keys(wrote), ...removed];
        if (changed.some((path) => path.startsWith(paths.mounts))) update();
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }

  #level({ kind, access }: MountEntry): Access {
    const { most, others } = this.#options;
    return lower(access, PASSING.has(kind) ? lower(most, others) : most);
  }

  async #update(): Promise<void> {
    const { files, shared } = this.#options;
    const before = this.#entries;
    const now = await this.entries();
    this.#entries = now;
    for (const [path, entry] of before) {
      const next = now.get(path);
      if (next === undefined || !isSame(entry, next)) files.unmount(path);
    }
    for (const [path, entry] of now) {
      const access = this.#level(entry);
      const there = before.get(path);
      if (there === undefined || !isSame(there, entry)) {
        const { budget } = entry;
        files.mount({ path, service: shared.service(this.#face, entry), access, budget });
      } else if (there.access !== entry.access) {
        files.setAccess(path, access);
      }
    }
  }
}

/** True where nothing is otherwise than the level of access. */
function isSame(a: MountEntry, b: MountEntry): boolean {
  const { writes, per } = a.budget ?? {};
  const same = a.kind === b.kind && a.source === b.source;
  return same && writes === b.budget?.writes && per === b.budget?.per;
}
