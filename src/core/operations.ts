import type { Guarded } from "./if-match.ts";
import type { Json } from "./json.ts";
import type { FileService, Operator, Page } from "./ports/index.ts";
import type {
  FileText,
  Goal,
  GoalChange,
  MemoryHit,
  MemoryQuery,
  NewGoal,
} from "./ports/memory.ts";
import type { AgentInfo } from "./runtime.ts";

/** How an agent's tree is used. */
export interface FilesOptions {
  /**
   * For one request: the agent is looked up with the first call alone, and what was read may be given
   * again. Default false.
   */
  readonly once?: boolean | undefined;
}

/** What operators do with single agents beside mail, ticks and moves. `ref` is as in `Runtime`. */
export interface Operations {
  /**
   * Gives an agent another name, other labels in place of those it has, or both; durable. With `ifMatch`
   * only when that is its `revision`. A tick that runs has the name that it began with.
   * @throws EXISTS for a name that is taken; PRECONDITION when it is at another revision; INVALID;
   * BUSY, MOVED while it is between two homes; TERMINATED for a name after its end
   */
  update(ref: string, change: AgentUpdate, options?: UpdateOptions): Promise<AgentInfo>;
  /**
   * Has nothing of an agent run until `resume`: mail is taken in, and waits as alarms do. The tick that
   * runs comes to its end first. Idempotent.
   * @throws INVALID for one whose ticks do not run; BUSY, MOVED, TERMINATED
   */
  pause(ref: string): Promise<AgentInfo>;
  /** Takes up what has waited. Nothing happens when it is not paused. @throws as `pause` */
  resume(ref: string): Promise<AgentInfo>;
  /**
   * Has a trigger come to its end, by its envelope's id: while it runs, is parked or waits, also to be
   * tried again. Without one, that of the tick that runs now, if there is one. It goes to the dead
   * letters with no hook run and no blame, and can be replayed; the record has it as failed with
   * CANCELLED. Resolves when that is durable.
   * @throws NOT_FOUND when it is not there; INVALID for a command that waits, and for an agent that
   * neither ticks nor is paused; BUSY, MOVED
   */
  cancel(ref: string, options?: CancelOptions): Promise<Cancelled>;

  /** What the agent is to bring about, by id, after the id `after`; `limit` 1 to 1000. */
  goals(ref: string, after: string, limit: number): Promise<readonly GoalInfo[]>;
  /**
   * Each change of the goals is a tick of the agent in which no hook runs, and so on its record. It
   * waits for the tick that runs.
   * @throws as `Goals.add`; BUSY, INVALID when the agent's ticks do not run
   */
  addGoal(ref: string, goal: NewGoal): Promise<GoalInfo>;
  /**
   * With `ifMatch` only when the goal is at that revision, also when its turn comes.
   * @throws as `Goals.update`, and as `addGoal`; PRECONDITION
   */
  updateGoal(
    ref: string,
    goal: string,
    change: GoalChange,
    options?: UpdateOptions,
  ): Promise<GoalInfo>;
  /** @throws as `Goals.remove`, and as `addGoal`; PRECONDITION as `updateGoal` */
  removeGoal(ref: string, goal: string, options?: UpdateOptions): Promise<void>;

  /**
   * The agent's tree of files, as somebody may use it (default `admin`); the agent is looked up with each
   * call. What changes its own files is a tick of the agent in which no hook runs.
   * @throws as `FileService`, and NOT_FOUND, BUSY, MOVED with each call
   */
  fs(ref: string, user?: Operator, options?: FilesOptions): FileService;

  /** What the agent remembers beside its state, as files: `memory/…`. @throws INVALID for another prefix */
  files(ref: string, query?: ListFiles): Promise<Page<FileText>>;
  /** What it remembers that has all of the words, as of its last commit. @throws INVALID as `Memory.search` */
  searchMemory(ref: string, words: string, query?: MemoryQuery): Promise<readonly MemoryHit[]>;
  /** Its alarms by id, after the id `after`; `limit` 1 to 1000. */
  alarms(ref: string, after: string, limit: number): Promise<readonly AlarmInfo[]>;
}

/** Which files are shown. */
export interface ListFiles {
  /** Default: `memory/`, below which all of them are. */
  readonly prefix?: string | undefined;
  /** A path: those above it only. */
  readonly after?: string | undefined;
  /** 1 to 1000, default 100; a page has 1 MiB at most, unless one file alone has more. */
  readonly limit?: number | undefined;
}

/** An alarm as it is set: once, at an interval in ms, or by a cron expression. */
export interface AlarmInfo {
  readonly id: string;
  /** When it fires next, ms since 1970. */
  readonly at: number;
  readonly every?: number;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly payload: Json;
}

/** What operators do with a home as a whole. */
export interface HomeOperations {
  /**
   * Has no tick begin until `resumeAll`, also after a restart; those that run begin no more steps, and go on
   * at their next one. Mail is
   * taken in and delivered, and commands that need a tick are refused with BUSY. Idempotent.
   */
  pauseAll(): Promise<void>;
  /** Takes up what has waited. Idempotent. */
  resumeAll(): Promise<void>;
  /** True while no tick begins. */
  paused(): Promise<boolean>;
}

export interface CancelOptions {
  readonly trigger?: string | undefined;
}

export interface Cancelled {
  /** The envelope's id; undefined when no tick ran. */
  readonly cancelled: string | undefined;
}

/** What of an agent is to be changed; what is absent stays. */
export interface AgentUpdate {
  readonly name?: string | undefined;
  readonly labels?: readonly string[] | undefined;
}

export type UpdateOptions = Guarded;

/** A goal, and which version of it this is. */
export interface GoalInfo extends Goal {
  readonly revision: string;
}
