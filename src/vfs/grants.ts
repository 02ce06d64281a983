import type { Access, TreeUser } from "../core/ports/index.ts";

/** The parts of an agent's tree: its standard services, and `outside` for all that is mounted, and `others` for
 * what of it leads into the trees of other agents. */
export const PARTS = [
  "ctl",
  "status",
  "inbox",
  "outbox",
  "deadletter",
  "state",
  "config",
  "goals",
  "children",
  "memory",
  "identity",
  "alarms",
  "mounts",
  "logs",
  "metrics",
  "nostr",
  "outside",
  "others",
] as const;

export type Part = (typeof PARTS)[number];

const NONE: Readonly<Record<TreeUser, Access>> = {
  agent: "disabled",
  editor: "disabled",
  read: "disabled",
  operate: "disabled",
  admin: "disabled",
  boundAdmin: "disabled",
};

const READ: Readonly<Record<TreeUser, Access>> = {
  agent: "read-only",
  editor: "read-only",
  read: "read-only",
  operate: "read-only",
  admin: "read-only",
  boundAdmin: "read-only",
};

/** What the agent itself changes, and operators by a tick of it. */
const OWN: Readonly<Record<TreeUser, Access>> = {
  agent: "read-write",
  editor: "read-write",
  read: "read-only",
  operate: "read-write",
  admin: "read-write",
  boundAdmin: "read-write",
};

/** What operators change, and the agent only sees. */
const OPERATED: Readonly<Record<TreeUser, Access>> = {
  ...READ,
  operate: "read-write",
  admin: "read-write",
  boundAdmin: "read-write",
};

/** What each user may do with each part of an agent's tree: the one table of it. */
export const GRANTS: Readonly<Record<Part, Readonly<Record<TreeUser, Access>>>> = {
  /** An agent does not end itself, nor brings itself back. */
  ctl: { ...OPERATED, agent: "disabled", editor: "disabled" },
  status: READ,
  inbox: OPERATED,
  outbox: READ,
  deadletter: OPERATED,
  state: OWN,
  config: OPERATED,
  goals: OWN,
  /** They come and go by themselves, and so does what they have of the agent's budget. */
  children: { ...OWN, agent: "read-only" },
  memory: OWN,
  /** Only the agent, and whoever could take its key anyway, uses the key. */
  identity: { ...READ, agent: "read-write", admin: "read-write", boundAdmin: "read-write" },
  alarms: OWN,
  /**
   * The agent's own code may only lower: see `mountChanges`. What is outside is for an admin to give, and
   * what is other agents' for one who may touch them.
   */
  mounts: { ...OWN, operate: "read-only", boundAdmin: "read-only" },
  logs: READ,
  metrics: READ,
  nostr: OWN,
  /** What a mount's own level lets through is lowered to this. */
  outside: { ...OWN, editor: "disabled" },
  /** It was given to this agent. Operators go to the other one, by the rights that they have there. */
  others: { ...NONE, agent: "read-write", admin: "read-write" },
};
