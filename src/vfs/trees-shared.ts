import type { AgentFace, FileService, MountEntry } from "../core/ports/index.ts";
import type { MountChanges } from "./agent-mounts.ts";
import type { MountKinds } from "./mount-kind.ts";
import { brokenService } from "./broken-service.ts";
import { agentBudgets, Spending } from "./budgets.ts";
import type { Budgets } from "./budgets.ts";
import { ExportEnds } from "./services/memory-export.ts";
import { eventLines } from "./services/outbox.ts";
import { RecordIndexes, recordLine } from "./services/record-lines.ts";

/** Mounts whose files are kept for the next use, and agents of which it is known what they spent. */
const KEPT = 10_000;

/** What the trees of one home have in common. */
export class TreesShared {
  readonly kinds: MountKinds;
  readonly records: RecordIndexes = new RecordIndexes(recordLine);
  readonly events: RecordIndexes = new RecordIndexes(eventLines);
  readonly exports: ExportEnds = new ExportEnds();
  readonly #pending = new Map<string, MountChanges[]>();
  readonly #told = new Map<string, Set<() => void>>();
  readonly #services = new Map<string, FileService>();
  readonly #spending = new Map<string, Spending>();

  constructor(kinds: MountKinds) {
    this.kinds = kinds;
  }

  /** Changes of an agent's mounts that are accepted, and are not on its record yet. */
  pending(agent: string): readonly MountChanges[] {
    return this.#pending.get(agent) ?? [];
  }

  /** Has changes hold while `edit` puts them on the record: beyond that if it does, else no more. */
  async whilePending(
    agent: string,
    changes: MountChanges,
    edit: () => Promise<void>,
  ): Promise<void> {
    const pending = this.#pending.get(agent) ?? [];
    this.#pending.set(agent, pending);
    pending.push(changes);
    this.#tell(agent);
    try {
      await edit();
    } finally {
      pending.splice(pending.indexOf(changes), 1);
      if (pending.length === 0) this.#pending.delete(agent);
      this.#tell(agent);
    }
  }

  /** Calls back when pending changes of an agent's mounts come or go; undo by the result. */
  onPending(agent: string, listener: () => void): () => void {
    const listeners = this.#told.get(agent) ?? new Set();
    this.#told.set(agent, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#told.delete(agent);
    };
  }

  /** The files of a mount: the same ones for all trees, so that what is in them stays. */
  service({ agent }: AgentFace, { path, kind, source }: MountEntry): FileService {
    const key = JSON.stringify([agent.id, path, kind, source]);
    return kept(this.#services, key, () => {
      const make = Object.hasOwn(this.kinds, kind) ? this.kinds[kind] : undefined;
      if (make === undefined) return brokenService(path, Error(`there is no kind "${kind}" here`));
      try {
        return make(source, { agent, path });
      } catch (error) {
        return brokenService(path, error);
      }
    });
  }

  /** What is left of the budgets of an agent's mounts. */
  budgets(face: AgentFace): Budgets {
    return {
      spend: (path, budget) => {
        const spending = kept(this.#spending, face.agent.id, () => new Spending());
        return agentBudgets(face, spending).spend(path, budget);
      },
    };
  }

  #tell(agent: string): void {
    for (const listener of this.#told.get(agent) ?? []) listener();
  }
}

/** What a map has, or else is made for it; what was not used for longest makes room. */
function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.get(key) ?? make();
  map.delete(key);
  map.set(key, value);
  if (map.size > KEPT) {
    for (const oldest of map.keys()) {
      map.delete(oldest);
      break;
    }
  }
  return value;
}
