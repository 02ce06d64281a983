import type { AgentInfo } from "./runtime.ts";

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
}

/** What operators do with a home as a whole. */
export interface HomeOperations {
  /**
   * Has no tick begin until `resumeAll`, also after a restart; those that run come to their end. Mail is
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

export interface UpdateOptions {
  readonly ifMatch?: string | undefined;
}
