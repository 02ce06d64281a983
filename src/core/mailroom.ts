import { TICKING } from "./agent.ts";
import { isKey } from "./agent.ts";
import type { AgentRecord, AgentStatus } from "./agent.ts";
import { bytesAbove } from "./byte-length.ts";
import { inboxOf } from "./delivery.ts";
import { checkEnvelope, checkForeignId, checkSentId, isHops } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import { OpenAgentsError } from "./errors.ts";
import type { ErrorCode } from "./errors.ts";
import { toJson } from "./json.ts";
import type { Json } from "./json.ts";
import { forwardMoved } from "./forwarding.ts";
import { mailSource } from "./key-waits.ts";
import { newId } from "./kernel.ts";
import { logSize, nextLimit } from "./pages.ts";
import type { Kernel } from "./kernel.ts";
import { movedError } from "./between-homes.ts";
import type { InboxPolicy, Receipt } from "./ports/index.ts";
import type { Answer, AskOptions, MailInput, Sent, TickEvent } from "./runtime.ts";
import type { Command, ChangeCommand } from "./think.ts";
import { readRow } from "./trajectory.ts";
import type { TickRecord } from "./trajectory.ts";
import { sealOwn } from "./seal.ts";
import { endSend, failureOf, sendSpan } from "./telemetry.ts";
import type { Watchers } from "./watchers.ts";

/** Types of mail that may come from outside; the others are the kernel's own. */
const OUTSIDE: ReadonlySet<string> = new Set(["message", "request", "event", "mention"]);
/** Headers that the kernel itself acts on: they mean something in the mail of agents only. */
const RESERVED = ["hops", "error"] as const;
/** How many of the newest ticks are searched for what became of mail that was sent before. */
const RECENT = 1000;

/** An envelope of the kernel's own, that goes before all other mail. */
export function controlEnvelope(
  kernel: Kernel,
  to: string,
  given: Command | "initialize" | "tick" | ChangeCommand,
): Envelope {
  const command = nameOf(given);
  const types = { initialize: "initialize", tick: "manual" } as const;
  return {
    id: command === "initialize" ? command : newId(kernel),
    sentAt: kernel.clock.now(),
    source: "control",
    from: "operator",
    to,
    type: command in types ? types[command as keyof typeof types] : "control",
    payload: typeof given === "string" ? given : (given as unknown as Json),
    priority: 100,
  };
}

/** The command in an error message. */
function verbOf(command: Command | "tick" | ChangeCommand): string {
  return typeof command === "string" ? command : `change the ${command.command} of`;
}

function nameOf<T extends string>(command: T | ChangeCommand): T | ChangeCommand["command"] {
  return typeof command === "string" ? command : command.command;
}

/** The error for a dead letter that is not there. */
export function noDeadLetter(ref: string, envelopeId: string): OpenAgentsError {
  return new OpenAgentsError("NOT_FOUND", `"${ref}" has no dead letter "${envelopeId}"`);
}

/** Somebody who waits for a command to be done. */
interface Waiting {
  readonly agent: string;
  /** The id of its envelope. */
  readonly id: string;
  readonly end: (code: "LOCKED" | "BUSY", why: string) => void;
}

/** Where mail from outside the agents comes in, and where its answers go out. */
export class Mailroom {
  readonly #kernel: Kernel;
  readonly #watchers: Watchers;
  /** Ends the waits under way, and whom they are for. */
  readonly #waits = new Map<() => void, string>();
  /** Ends the wait for a command that has to wait, by its source. */
  readonly #commands = new Map<string, Waiting>();
  readonly #wake: (id: string) => void;

  constructor(
    kernel: Kernel,
    options: {
      readonly watchers: Watchers;
      /** Says that an agent has mail. */
      readonly wake: (id: string) => void;
    },
  ) {
    this.#kernel = kernel;
    this.#watchers = options.watchers;
    this.#wake = options.wake;
  }

  /** Ends every wait, or those for one agent: what was waited for is not to come any more here. */
  stop(id?: string): void {
    for (const [end, agent] of this.#waits) if (id === undefined || id === agent) end();
  }

  /** A trigger waits for the keys: whoever gave it as a command is told so. */
  held(source: string): void {
    const command = this.#commands.get(source);
    command?.end("LOCKED", 'it needs its key, and is done once "agentctl unlock" has opened that');
  }

  /** All ticks are stopped: whoever gave a command that waits is told so. `runs`: which trigger of an agent does. */
  braked(runs: (agent: string) => string | undefined): void {
    for (const command of this.#commands.values()) {
      if (runs(command.agent) === command.id) continue;
      command.end("BUSY", "all ticks are stopped, and it is done once they are resumed");
    }
  }

  /** An agent is paused: whoever gave it a command that waits is told so. */
  paused({ id }: AgentRecord): void {
    for (const command of this.#commands.values()) {
      if (command.agent === id) command.end("BUSY", "it is paused, and is done once it is resumed");
    }
  }

  /** Puts mail into an inbox, here or at the agent's new home; resolves when it is durable. */
  async send(record: AgentRecord, mail: MailInput): Promise<Sent> {
    const envelope = this.#envelope(record, mail);
    const { receipt: here, posted } = await this.#deliver(record, envelope);
    await this.#kernel.store.sync();
    const [receipt] = await forwardMoved(this.#kernel, { mail: [posted], receipts: [here] });
    await this.#check(record, envelope, receipt);
    return { id: envelope.id, receipt: receipt! };
  }

  /** Puts mail of other agents into inboxes, as it is; resolves when it is durable. */
  async deliver(envelopes: readonly Envelope[], hops: number): Promise<readonly Receipt[]> {
    const { store, clock, agents, counters } = this.#kernel;
    const at = clock.now();
    const targets = await Promise.all(envelopes.map(({ to }) => store.get(to)));
    const receipts = await store.deliver(
      envelopes.map((envelope, i) => {
        const target = targets[i];
        const to = target?.id ?? envelope.to;
        return {
          envelope: { ...envelope, to },
          inbox: inboxOf(agents.get(target?.type ?? "")),
          at,
        };
      }),
    );
    counters.received(receipts);
    receipts.forEach((receipt, i) => {
      if (receipt === "accepted") this.#wake(targets[i]!.id);
    });
    await store.sync();
    const sent = envelopes.map((envelope, i) => ({
      ...envelope,
      to: targets[i]?.id ?? envelope.to,
    }));
    return forwardMoved(this.#kernel, { mail: sent, receipts, hops });
  }

  /**
   * Takes in what a driver made of something outside, from senders that it made sure of; durable. From
   * a key's owner it is kept sealed. The kernel's own headers are taken off, but for two of a key's owner:
   * that by which whoever was asked says that it failed, and the count of hops, which is sealed with it.
   */
  async accept(envelopes: readonly Envelope[]): Promise<readonly Receipt[]> {
    const letters = envelopes.map(async (given) => {
      checkEnvelope(given);
      checkForeignId(given.id);
      const envelope = this.#traced(withoutReserved(given));
      if (!isKey(envelope.from) || envelope.sealed !== undefined) return envelope;
      const record = await this.#kernel.store.get(envelope.to);
      return record === undefined ? envelope : sealOwn(this.#kernel, record, envelope);
    });
    return this.deliver(await Promise.all(letters), 0);
  }

  /** Mail from outside with its span; that of a letter whose seal is not ours stays as it is. */
  #traced(envelope: Envelope): Envelope {
    const { tracer } = this.#kernel;
    if (tracer === undefined || envelope.sealed !== undefined) return envelope;
    const sent = sendSpan(tracer, envelope);
    sent.span.end();
    return sent.envelope;
  }

  /** Sends and waits for what becomes of it. */
  async ask(record: AgentRecord, mail: MailInput, options: AskOptions): Promise<Answer> {
    const envelope = this.#envelope(record, mail);
    const { id } = envelope;
    // By tick, as one may be both told of and found in the record.
    const replies = new Map<number, readonly Json[]>();
    const ended = Promise.withResolvers<Pick<Answer, "outcome" | "error">>();
    ended.promise.catch(() => undefined);
    const see = ({ record: tick, output }: Pick<TickEvent, "record" | "output">): void => {
      if (tick.trigger.id !== id) return;
      replies.set(tick.n, output.replies?.map(({ payload }) => payload) ?? []);
      if (tick.outcome === "parked" || tick.outcome === "retry") return;
      ended.resolve(
        tick.error === undefined
          ? { outcome: tick.outcome }
          : { outcome: tick.outcome, error: tick.error },
      );
    };
    const giveUp = (): void => ended.resolve({ outcome: "pending" });
    const stopTimer = this.#kernel.clock.after(options.timeout, giveUp);
    const stopWatching = this.#watchers.watch(record.id, see);
    this.#waits.set(giveUp, record.id);
    options.signal?.addEventListener("abort", giveUp);
    try {
      const receipt = await this.#post(record, envelope);
      const durable = this.#kernel.store.sync();
      // What is lost will not be answered.
      durable.catch(ended.reject);
      if (receipt === "dead-lettered") ended.resolve({ outcome: receipt });
      if (receipt === "duplicate") {
        const recent = await this.#lastOf(record.id, id);
        await this.#kernel.store.sync();
        recent.forEach(see);
        if (recent.length === 0 && (await this.#isDead(record.id, id))) {
          ended.resolve({ outcome: "dead-lettered" });
        }
      }
      const end = await ended.promise;
      await durable;
      const inOrder = [...replies].sort(([a], [b]) => a - b).flatMap(([, texts]) => texts);
      return { id, receipt, replies: inOrder, ...end };
    } finally {
      stopTimer();
      stopWatching();
      this.#waits.delete(giveUp);
      options.signal?.removeEventListener("abort", giveUp);
    }
  }

  /**
   * Has an agent do a command; the record of the first tick that it causes.
   * @throws LOCKED when it has to wait for the keys; it is done when these are open
   */
  async command(record: AgentRecord, given: Command | "tick" | ChangeCommand): Promise<TickRecord> {
    const command = verbOf(given);
    if (await this.#kernel.brake.on()) {
      throw new OpenAgentsError(
        "BUSY",
        `Cannot ${command} "${record.name}": all ticks of this runtime are stopped, resume it first`,
      );
    }
    const envelope = controlEnvelope(this.#kernel, record.id, given);
    const ticked = Promise.withResolvers<TickRecord>();
    // It may be over before the command is in the inbox, where nobody awaits it yet.
    ticked.promise.catch(() => undefined);
    const cancel = (code: ErrorCode, why: string): void =>
      ticked.reject(new OpenAgentsError(code, `Cannot ${command} "${record.name}": ${why}`));
    const onStop = (): void => cancel("CANCELLED", "the runtime is stopping, or the agent leaves");
    const stopWatching = this.#watchers.watch(record.id, ({ record: tick }) => {
      if (tick.trigger.id === envelope.id) ticked.resolve(tick);
      else if (tick.status !== undefined && !TICKING.has(tick.status as AgentStatus)) {
        // As whoever asks only now is told.
        const code = tick.status === "terminated" ? "TERMINATED" : "INVALID";
        cancel(code, `it is ${tick.status} now`);
      }
    });
    this.#waits.set(onStop, record.id);
    const source = mailSource(envelope.id);
    this.#commands.set(source, {
      agent: record.id,
      id: envelope.id,
      end: (code, why) =>
        ticked.reject(new OpenAgentsError(code, `Cannot ${command} "${record.name}" now: ${why}`)),
    });
    try {
      await this.#post(record, envelope);
      // It may have been paused since it was looked up.
      if ((await this.#kernel.store.get(record.id))?.status === "paused") this.paused(record);
      this.#kernel.store.sync().catch(ticked.reject);
      return await ticked.promise;
    } finally {
      stopWatching();
      this.#waits.delete(onStop);
      this.#commands.delete(source);
    }
  }

  #envelope(record: AgentRecord, mail: MailInput): Envelope {
    const { payload, id, type = "message", from = "operator", source = "api", ...rest } = mail;
    if (!OUTSIDE.has(type)) {
      const types = [...OUTSIDE].join(", ");
      throw new OpenAgentsError("INVALID", `Cannot send: "type" must be one of ${types}`);
    }
    const { envelopeBytes } = this.#kernel.limits;
    const size = bytesAbove(toJson(payload, "payload"), envelopeBytes);
    if (size !== undefined) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot send: the payload has ${size} bytes, limits.envelopeBytes is ${envelopeBytes}`,
      );
    }
    const envelope: Envelope = {
      id: id ?? newId(this.#kernel),
      sentAt: this.#kernel.clock.now(),
      source,
      from,
      to: record.id,
      type,
      payload,
      ...(Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined)) as object),
    };
    checkEnvelope(envelope);
    if (id !== undefined) checkSentId(id);
    const reserved = RESERVED.find((name) => Object.hasOwn(envelope.headers ?? {}, name));
    if (reserved !== undefined) {
      throw new OpenAgentsError(
        "INVALID",
        `Cannot send: the header "${reserved}" is the runtime's own: use another name`,
      );
    }
    if ((envelope.priority ?? 0) > 99) {
      throw new OpenAgentsError("INVALID", 'Cannot send: "priority" must be from -100 to 99');
    }
    return envelope;
  }

  /** Puts an envelope into an inbox here and wakes its agent. Durable with the next `sync()`. */
  async #post(record: AgentRecord, envelope: Envelope): Promise<Receipt> {
    const { receipt } = await this.#deliver(record, envelope);
    await this.#check(record, envelope, receipt);
    return receipt;
  }

  /** @throws what the receipt means, where it is no success */
  async #check(record: AgentRecord, envelope: Envelope, receipt?: Receipt): Promise<void> {
    const { depth } = this.#inbox(record, envelope);
    // It may have moved since it was looked up.
    const now = receipt === "moved" ? await this.#kernel.store.get(record.id) : undefined;
    checkReceipt(now ?? record, receipt, depth);
  }

  /** What became of the envelope, and as what it was put into the inbox. */
  async #deliver(
    record: AgentRecord,
    envelope: Envelope,
  ): Promise<{ readonly receipt: Receipt; readonly posted: Envelope }> {
    const { store, clock, tracer, counters } = this.#kernel;
    const inbox = this.#inbox(record, envelope);
    const sent = tracer && sendSpan(tracer, envelope);
    const posted = sent?.envelope ?? envelope;
    try {
      const mail = { envelope: posted, inbox, at: clock.now() };
      const [receipt = "unknown"] = await store.deliver([mail]);
      counters.received([receipt]);
      if (sent !== undefined) endSend(sent.span, receipt);
      if (receipt === "accepted") this.#wake(record.id);
      return { receipt, posted };
    } catch (error) {
      sent?.span.end(failureOf(error));
      throw error;
    }
  }

  #inbox(record: AgentRecord, { source }: Envelope): InboxPolicy {
    if (source !== "control") return inboxOf(this.#kernel.agents.get(record.type));
    return { depth: Number.MAX_SAFE_INTEGER, overflow: "reject-new" };
  }

  async #isDead(agent: string, envelope: string): Promise<boolean> {
    const query = { box: "deadletter", envelope, limit: 1 } as const;
    return (await this.#kernel.store.mail(agent, query)).length > 0;
  }

  /**
   * The tick that was the last one of a trigger, among the newest of its agent. Rows are looked at from
   * the newest on, few at a time, and only the one that is meant is parsed whole: outputs may be large.
   */
  async #lastOf(id: string, trigger: string): Promise<Pick<TickEvent, "record" | "output">[]> {
    const head = (await this.#kernel.store.head(id))?.n ?? 1;
    const named = JSON.stringify(trigger);
    let few = 1;
    for (let end = head; end > Math.max(0, head - RECENT);) {
      const after = Math.max(0, end - few);
      const rows = await this.#kernel.store.log(id, after, end - after);
      end = after;
      few = nextLimit(rows, logSize, few);
      for (const row of rows.toReversed()) {
        if (!row.record.includes(named)) continue;
        const { outcome, trigger: of } = JSON.parse(row.record) as TickRecord;
        if (of.id === trigger && outcome !== "parked" && outcome !== "retry") return [readRow(row)];
      }
    }
    return [];
  }
}

/**
 * What comes from outside, without the headers that only agents may give. A count of hops that is wrong
 * ends its giver's own chain too early, or has it begin anew, which it could do without one.
 */
function withoutReserved(envelope: Envelope): Envelope {
  const { headers, type, from } = envelope;
  if (headers === undefined || !RESERVED.some((name) => Object.hasOwn(headers, name))) {
    return envelope;
  }
  const { hops, error, ...rest } = headers;
  const failed = error !== undefined && type === "response" && isKey(from);
  const counted = /^\d{1,7}$/.test(hops ?? "") && isHops(Number(hops)) && isKey(from);
  return {
    ...envelope,
    headers: { ...rest, ...(failed && { error }), ...(counted && { hops: hops! }) },
  };
}

/** @throws what a receipt means for whoever sent it, where it is no success */
function checkReceipt(record: AgentRecord, receipt: Receipt | undefined, depth: number): void {
  const { name } = record;
  switch (receipt) {
    case "accepted":
    case "duplicate":
    case "dead-lettered":
      return;
    case "rejected":
      throw new OpenAgentsError("INBOX_FULL", `The inbox of "${name}" is full (${depth})`);
    case "busy":
      throw new OpenAgentsError("BUSY", `"${name}" is moving: send again in a moment`);
    case "moved":
      throw movedError(record);
    case "terminated":
      throw new OpenAgentsError("TERMINATED", `"${name}" is terminated`);
    default:
      throw new OpenAgentsError("NOT_FOUND", `There is no agent "${name}"`);
  }
}
