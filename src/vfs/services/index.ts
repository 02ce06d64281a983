import type { AgentFace } from "../../core/ports/index.ts";
import type { Part } from "../grants.ts";
import type { Node } from "../nodes.ts";
import { alarms } from "./alarms.ts";
import { children } from "./children.ts";
import { config } from "./config.ts";
import { ctl } from "./ctl.ts";
import { deadletter } from "./deadletter.ts";
import { goals } from "./goals.ts";
import { identity } from "./identity.ts";
import { inbox } from "./inbox.ts";
import { logs } from "./logs.ts";
import { memory } from "./memory.ts";
import type { ExportEnds } from "./memory-export.ts";
import { metrics } from "./metrics.ts";
import { mounts } from "./mounts.ts";
import type { MountsOptions } from "./mounts.ts";
import { nostr } from "./nostr.ts";
import { outbox } from "./outbox.ts";
import type { RecordIndexes } from "./record-lines.ts";
import { state } from "./state.ts";
import { status } from "./status.ts";

/** What the services need beside the agent. */
export interface ServiceParts extends MountsOptions {
  readonly records: RecordIndexes;
  readonly events: RecordIndexes;
  readonly exports: ExportEnds;
}

/** The standard services, by the name that each has in an agent's tree. */
export const SERVICES: Readonly<
  Record<Exclude<Part, "outside" | "others">, (face: AgentFace, parts: ServiceParts) => Node>
> = {
  ctl,
  status,
  inbox,
  outbox: (face, { events }) => outbox(face, events),
  deadletter,
  state,
  config,
  goals,
  children,
  memory: (face, { exports }) => memory(face, exports),
  identity,
  alarms,
  mounts,
  logs: (face, { records }) => logs(face, records),
  metrics,
  nostr,
};

/** Those that are the agent's own: what changes them is part of a tick. */
export const OWN: ReadonlySet<string> = new Set<Part>([
  "state",
  "goals",
  "children",
  "memory",
  "alarms",
  "mounts",
  "nostr",
]);
