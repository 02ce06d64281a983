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
}

/** What of an agent is to be changed; what is absent stays. */
export interface AgentUpdate {
  readonly name?: string | undefined;
  readonly labels?: readonly string[] | undefined;
}

export interface UpdateOptions {
  readonly ifMatch?: string | undefined;
}
