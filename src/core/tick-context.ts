import type {
  Child,
  Context,
  ContextBudget,
  ContextFiles,
  ContextIdentity,
  Log,
  PublicEvent,
  RequestOptions,
  SendOptions,
  SpawnOptions,
  StepOptions,
  StepTools,
  When,
} from "./context.ts";
import type { Duration } from "./duration.ts";
import type { Trigger } from "./envelope.ts";
import type { Json } from "./json.ts";
import type { Goals, Memory } from "./ports/memory.ts";
import type { ContextModel, ContextTools } from "./ports/model.ts";
import type { Session } from "./session.ts";
import type { State } from "./state.ts";

/**
 * What agent code has in its hands: the members of `Context` and no way to anything behind them, as
 * what a session collects is committed without another look at it.
 */
export class TickContext implements Context {
  readonly #session: Session;
  readonly agent: Context["agent"];
  readonly trigger: Trigger;
  readonly identity: ContextIdentity;
  readonly log: Log;

  constructor(session: Session) {
    this.#session = session;
    this.agent = Object.freeze({ ...session.agent });
    this.trigger = session.trigger;
    this.identity = session.identity;
    this.log = session.log;
    Object.freeze(this);
  }

  get state(): State {
    return this.#session.state;
  }

  set state(next: State) {
    this.#session.state = next;
  }

  get memory(): Memory {
    return this.#session.memory;
  }

  get fs(): ContextFiles {
    return this.#session.fs;
  }

  get goals(): Goals {
    return this.#session.memory.goals;
  }

  get budget(): ContextBudget {
    return this.#session.budget;
  }

  get model(): ContextModel {
    return this.#session.thought(this).model;
  }

  get tools(): ContextTools {
    return this.#session.thought(this).tools;
  }

  async think(): Promise<void> {
    return this.#session.thought(this).think();
  }

  get signal(): AbortSignal {
    return this.#session.signal;
  }

  now(): number {
    return this.#session.now();
  }

  reply(payload: unknown, options?: SendOptions): Promise<string> {
    return this.#session.reply(payload, options);
  }

  send(to: string, payload: unknown, options?: SendOptions): Promise<string> {
    return this.#session.send(to, payload, options);
  }

  request(to: string, payload: unknown, options?: RequestOptions): Promise<Json> {
    return this.#session.request(to, payload, options);
  }

  publish(event: PublicEvent, options?: SendOptions): Promise<string> {
    return this.#session.publish(event, options);
  }

  broadcast(name: string, data?: unknown): void {
    this.#session.broadcast(name, data);
  }

  schedule(when: When, payload?: unknown, options?: { readonly id?: string }): string {
    return this.#session.schedule(when, payload, options);
  }

  cancel(alarmId: string): void {
    this.#session.cancel(alarmId);
  }

  step<T>(
    name: string,
    work: (step: StepTools) => T | Promise<T>,
    options?: StepOptions,
  ): Promise<T> {
    return this.#session.step(name, work, options);
  }

  sleep(duration: Duration): Promise<void> {
    return this.#session.sleep(duration);
  }

  spawn(name: string, options?: SpawnOptions): Promise<string> {
    return this.#session.spawn(name, options);
  }

  children(): Promise<readonly Child[]> {
    return this.#session.children.list();
  }
}
