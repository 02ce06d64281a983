import type { Json } from "../../core/json.ts";
import type { Answer, MailInput, RemoteRuntime } from "../../core/runtime.ts";
import { AssertionError } from "../assert.ts";
import type { Outside } from "./outside.ts";

/** A backend that runs `conformanceAgents`, for one case. */
export interface BackendFixture {
  readonly runtime: RemoteRuntime;
  /** The same one that its agents have. */
  readonly outside: Outside;
  /**
   * Ends the process as a crash does, losing all that is not durable, and starts it again on what is
   * stored, with the agents of this release, 1 where none is given. Use only the new runtime then.
   */
  readonly crash: (release?: 1 | 2) => Promise<RemoteRuntime>;
  /**
   * What is told of an agent from now on, as its stream has it; of a tick that runs, from its start on. The
   * iteration ends it.
   */
  readonly follow: (
    ref: string,
  ) => AsyncIterable<{ readonly event: string; readonly data: string }>;
  /** Private keys and the secrets they come from, in every form in which they could leak. */
  readonly secrets?: () => Promise<readonly string[]>;
  readonly dispose: () => Promise<void>;
}

/** A case and the guarantee of the design (section 4) that it proves. */
export interface BackendCase {
  readonly guarantee: Guarantee;
  readonly name: string;
  readonly body: (fixture: BackendFixture) => Promise<void>;
}

/** The guarantees, as short names. */
export type Guarantee =
  | "one tick at once"
  | "accepted is processed"
  | "effect once"
  | "order per sender"
  | "bounded inbox"
  | "mail with the commit"
  | "mail is sealed"
  | "steps once"
  | "waiting is free"
  | "children"
  | "models"
  | "upgrades"
  | "on the record"
  | "durable"
  | "keys stay in factotum"
  | "poison is contained"
  | "no size cliff"
  | "lifecycle"
  | "retries"
  | "alarms"
  | "schemas"
  | "files"
  | "mobility";

let made = 0;

/** Makes an agent of this type with a name of its own; the name. */
export async function make(runtime: RemoteRuntime, type: string): Promise<string> {
  made += 1;
  const name = `${type}-${made}`;
  await runtime.create({ name, type });
  return name;
}

/** Sends and waits until it is dealt with. */
export function ask(
  runtime: RemoteRuntime,
  name: string,
  payload: Json,
  mail: Partial<MailInput> = {},
): Promise<Answer> {
  return runtime.ask(name, { payload, ...mail }, { timeout: 20_000 });
}

/** Waits until `look` gives true; fails with `what` after 20 s. */
export async function until(what: string, look: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await look())) {
    if (Date.now() > end) throw new AssertionError(`Expected ${what}, waited 20 s for it`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

/** One key of an agent's stored state. */
export async function stateOf(
  runtime: RemoteRuntime,
  name: string,
  key: string,
): Promise<Json | undefined> {
  return (await runtime.state(name))[key];
}

/** A text of its own for each use. */
export function fresh(prefix: string): string {
  made += 1;
  return `${prefix}-${made}`;
}
