import { OpenAgentsError } from "./errors.ts";
import type { Receipt } from "./ports/store.ts";

/**
 * Where an agent is in its life, as it is stored. A living agent is `active` while a host holds it
 * in memory and `dormant` when nothing does; that difference is seen, not stored, so that falling
 * asleep costs no write. An agent that moves is `leaving` its old home, where it is `moved` from the
 * moment on from which the new home has it, and `arriving` there until that home knows it. One that is
 * `paused` takes mail in, and nothing of it is acted on.
 */
export type AgentStatus =
  | "creating"
  | "live"
  | "paused"
  | "failed"
  | "quarantined"
  | "terminated"
  | "leaving"
  | "moved"
  | "arriving";

/** Status as people see it: `live` is shown as `active` or `dormant`. */
export type AgentPhase = Exclude<AgentStatus, "live"> | "active" | "dormant";

/** For each status, the ones that may follow it. */
export const TRANSITIONS: Readonly<Record<AgentStatus, readonly AgentStatus[]>> = {
  creating: ["live", "paused", "failed", "quarantined", "terminated", "leaving"],
  live: ["paused", "failed", "quarantined", "terminated", "leaving"],
  paused: ["creating", "live", "terminated", "leaving"],
  failed: ["creating", "live", "terminated", "leaving"],
  quarantined: ["creating", "live", "terminated", "leaving"],
  terminated: [],
  leaving: ["creating", "live", "paused", "failed", "quarantined", "moved"],
  moved: ["arriving", "terminated"],
  arriving: ["creating", "live", "paused", "failed", "quarantined", "terminated"],
};

/** The statuses in which an agent's ticks run. */
export const TICKING: ReadonlySet<AgentStatus> = new Set<AgentStatus>(["creating", "live"]);

/** The statuses in which an agent's record goes on: what is cancelled while it is paused is on it. */
export const RECORDING: ReadonlySet<AgentStatus> = new Set<AgentStatus>([...TICKING, "paused"]);

/** The statuses of an agent between two homes: it sends nothing and takes nothing in here. */
export const BETWEEN: ReadonlySet<AgentStatus> = new Set<AgentStatus>([
  "leaving",
  "moved",
  "arriving",
]);

/** What mail gets that is for an agent in a status in which it takes none in. */
export const CLOSED: Readonly<Partial<Record<AgentStatus, Receipt>>> = {
  terminated: "terminated",
  leaving: "busy",
  arriving: "busy",
  moved: "moved",
};

/** @throws INVALID when `to` may not follow `from` */
export function checkTransition(from: AgentStatus, to: AgentStatus): void {
  if (from !== to && !TRANSITIONS[from].includes(to)) {
    throw new OpenAgentsError("INVALID", `Cannot go from "${from}" to "${to}"`);
  }
}

/** An agent's entry in the directory. */
export interface AgentRecord {
  /** Its npub (NIP-19). */
  readonly id: string;
  /** The same key, x-only, in hex. */
  readonly publicKey: string;
  /** A unique alias, free again once the agent is terminated. */
  readonly name: string;
  /** The name of its definition. */
  readonly type: string;
  /** What operators sort it by: see `checkLabels`. Sorted, each once. */
  readonly labels: readonly string[];
  readonly status: AgentStatus;
  /** The NIP-06 account its key is derived with; null when it brought its key along. */
  readonly account: number | null;
  /** The key it brought along, sealed by the signer, which alone can open it. */
  readonly key?: string;
  readonly createdAt: number;
  /** The npub of the agent that made it; absent for one that an operator made. It stays as it is. */
  readonly parent?: string;
  /** How many agents there are above it, each made by the next; absent for one that an operator made. */
  readonly generation?: number;
  /** The most that it may spend, which it has of its parent: JSON of a `Share`. */
  readonly budget?: string;
  /** Where it is in a move: JSON of a `Move`. */
  readonly move?: string;
}

/** What an agent's entry says of where it comes from. */
export function lineageOf({
  parent,
  generation,
  budget,
}: Pick<AgentRecord, "parent" | "generation" | "budget">): Partial<AgentRecord> {
  return {
    ...(parent !== undefined && { parent }),
    ...(generation !== undefined && { generation }),
    ...(budget !== undefined && { budget }),
  };
}

/** @throws INVALID when `name` cannot be an agent's name */
export function checkName(name: unknown): asserts name is string {
  const text = typeof name === "string" ? name : "";
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/i.test(text) || isKey(text)) {
    throw new OpenAgentsError(
      "INVALID",
      `Cannot name an agent ${JSON.stringify(name)}: use 1 to 63 letters, digits, ".", "_" or "-", starting with a letter or digit, and no key`,
    );
  }
}

/** How many labels an agent may have. */
const LABELS = 32;

/** Labels as they are stored, sorted and each once. @throws INVALID when they cannot be an agent's */
export function checkLabels(labels: unknown): readonly string[] {
  const refuse = (why: string): never => {
    throw new OpenAgentsError("INVALID", `Cannot label an agent: ${why}`);
  };
  if (!Array.isArray(labels)) return refuse("labels are a list of texts");
  const bad: unknown = labels.find((label: unknown) => !isLabel(label));
  if (bad !== undefined || labels.includes(undefined)) {
    refuse(
      `${JSON.stringify(bad) ?? "undefined"} is no label: use 1 to 63 letters, digits, ".", "_", ":", "/", "=" or "-"`,
    );
  }
  const each = [...new Set(labels as readonly string[])];
  if (each.length > LABELS) refuse(`${each.length} are too many: give ${LABELS} at most`);
  return each.sort();
}

/** True for text that can be a label. */
export function isLabel(text: unknown): text is string {
  return typeof text === "string" && /^[A-Za-z0-9._:/=-]{1,63}$/.test(text);
}

/** True for what can be the name of an agent, or one of its keys: else there is none of it. */
export function isRef(text: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/i.test(text) || isKey(text);
}

/** True for an npub or a hex key, which are ids and so cannot be names. */
export function isKey(text: string): boolean {
  return isNpub(text) || /^[0-9a-f]{64}$/i.test(text);
}

/** True for text that looks like an npub: an address of an agent, here or elsewhere. */
export function isNpub(text: string): boolean {
  return /^npub1[02-9ac-hj-np-z]{58}$/.test(text);
}
