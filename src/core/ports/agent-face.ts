import type { AgentRecord } from "../agent.ts";
import type { ContextIdentity, PublicEvent, When } from "../context.ts";
import type { AgentDefinition } from "../definition.ts";
import type { LiveEvent } from "../followers.ts";
import type { IfMatch } from "../if-match.ts";
import type { Json } from "../json.ts";
import type { AgentUpdate } from "../operations.ts";
import type { AgentReport, MailInput, Sent, TickEvent } from "../runtime.ts";
import type { FileService, MountEntry } from "./files.ts";
import type { AgentFiles, TickMemory } from "./memory.ts";
import type { LogHead, LogRow, MailQuery, MailRow, OutboxRow } from "./store.ts";

/**
 * One agent as its file tree shows it: in the middle of a tick, with all that the tick has changed, or
 * from outside, as of its last commit. Either `tick` or `operator` is there.
 */
export interface AgentFace {
  readonly agent: AgentRecord;
  /** Undefined for a type that this runtime does not have. */
  readonly definition: AgentDefinition | undefined;
  /** The agent's own files. From outside they are only read: what is written goes nowhere. */
  readonly tree: AgentFiles;
  /** Goals and peers over those files. */
  readonly memory: TickMemory;
  /** What the key does goes on the record. */
  readonly identity: ContextIdentity;
  /** The relays of the home. */
  readonly relays: readonly string[];
  readonly limits: { readonly valueBytes: number; readonly envelopeBytes: number };
  now(): number;
  report(): Promise<AgentReport>;
  state(): Promise<Readonly<Record<string, Json>>>;
  mail(query: MailQuery): Promise<readonly MailRow[]>;
  /** Mail that is sent and still on its way. */
  outbox(after: number, limit: number): Promise<readonly OutboxRow[]>;
  head(): Promise<LogHead | undefined>;
  log(after: number, limit: number): Promise<readonly LogRow[]>;
  /** When the agent's files changed last: the time of its last tick. */
  changedAt(): Promise<number>;
  /** Calls back for each durable tick from now on; undo by the result. */
  watch(listener: (tick: TickEvent) => void): () => void;
  /** The same for what happens inside ticks. */
  follow(listener: (event: LiveEvent) => void): () => void;
  readonly tick?: FaceInTick;
  readonly operator?: FaceOutside;
}

/** What a tick does with its agent; it is so once the tick is committed. */
export interface FaceInTick {
  setState(state: Readonly<Record<string, Json>>): void;
  setAlarm(id: string, when: When, payload: Json): void;
  cancelAlarm(id: string): void;
  send(to: string, payload: Json): Promise<string>;
  publish(event: PublicEvent): Promise<string>;
}

/** What operators do with an agent from outside; each resolves once it is durable. */
export interface FaceOutside {
  /** wake, tick, hibernate, pause, resume, terminate, cancel. */
  control(verb: string): Promise<void>;
  deliver(mail: MailInput): Promise<Sent>;
  replay(envelope: string): Promise<void>;
  discard(envelope: string): Promise<void>;
  update(change: AgentUpdate): Promise<void>;
  /** Does it in a tick of the agent in which no hook runs, and so on its record. @throws as what it does */
  edit(edit: FileEdit): Promise<void>;
}

/** A change of an agent's own tree, as JSON. */
export type FileEdit =
  | {
      readonly write: string;
      /** Text, or bytes as base64. */
      readonly data: string | { readonly base64: string };
      readonly at?: "end" | undefined;
      readonly create?: "only" | "never" | undefined;
      readonly ifMatch?: IfMatch | undefined;
    }
  | { readonly remove: string }
  | { readonly rename: string; readonly to: string }
  | { readonly makeDirectory: string };

/** The file tree of one agent, for somebody. It takes paths as people write them, and makes them normal. */
export interface AgentTree extends FileService {
  /**
   * Whose a path is: the agent's `own`, which changes with its ticks; `outside`, where what is done is
   * done at once; `nowhere`, below no mount. @throws EINVAL, ENAMETOOLONG
   */
  place(path: string): Promise<"own" | "outside" | "nowhere">;
  /** The mounts as they are. */
  mounts(): Promise<readonly MountEntry[]>;
}

/**
 * Who uses an agent's tree. `agent`: its own code; `editor`: an operator's change, in a tick; else an
 * operator from outside, by the scope that they have (`boundAdmin`: an admin of some agents alone). `GRANTS` in `src/vfs/grants.ts` says what each may.
 */
export type TreeUser = "agent" | "editor" | Operator;

/** Who uses an agent's tree from outside. */
export type Operator = "read" | "operate" | "admin" | "boundAdmin";

/** Makes the file tree of an agent, for somebody. */
export interface TreeMaker {
  (face: AgentFace, user: TreeUser): AgentTree;
  /** The kinds of mounts that there can be in it. */
  readonly kinds: readonly string[];
}
