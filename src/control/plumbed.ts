import { checkDraft } from "../core/draft-envelope.ts";
import type { DraftEnvelope, Plumbed, Routed } from "../core/draft-envelope.ts";
import type { Envelope } from "../core/envelope.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { Receipt, Sink } from "../core/ports/index.ts";
import type { Answer, AskOptions, MailInput, Runtime } from "../core/runtime.ts";
import { plumb } from "../drivers/plumber.ts";
import type { Plumber } from "../drivers/plumber.ts";

/** What became of what a hook took in; `dropped`: a rule says that nobody gets it. */
export interface Taken {
  readonly id: string;
  readonly receipt: Receipt | "dropped";
}

/** Where what hooks take in goes to. */
export interface HookSink {
  /** Takes a draft in; resolves when that is durable. @throws NOT_FOUND when it is for nobody */
  send(draft: DraftEnvelope): Promise<Taken>;
  /** The same, and waits for what becomes of it. */
  ask(draft: DraftEnvelope, options: AskOptions): Promise<Answer | Taken>;
}

/** Straight to the agent that the address names, with no rules in between. */
export function directSink(runtime: Pick<Runtime, "send" | "ask">): HookSink {
  const addressed = ({ to, from }: DraftEnvelope): string => {
    if (to === undefined) throw unrouted(from);
    return to;
  };
  return {
    send: async (draft) => runtime.send(addressed(draft), mailOf(draft)),
    ask: async (draft, options) => runtime.ask(addressed(draft), mailOf(draft), options),
  };
}

/**
 * To whom the rules say. One of those is waited for, and has the id and the receipt that are told; what one
 * of the others has not taken is refused all the same, as nobody would hear of it. Sent again, it has the
 * same ids, which are duplicates where they were taken.
 */
export function plumbedSink(plumber: Plumber, runtime: Pick<Runtime, "accept" | "ask">): HookSink {
  /** What is waited for comes first. */
  const route = (draft: DraftEnvelope): readonly Envelope[] => {
    checkDraft(draft);
    const { routed, unrouted: isUnrouted } = plumber.route(draft);
    if (isUnrouted) throw unrouted(draft.from);
    const main = mainOf(routed, draft.to);
    const others = routed.filter((one) => one !== main);
    return (main === undefined ? [] : [main, ...others]).map(({ envelope }) => envelope);
  };
  const take = async (envelopes: readonly Envelope[]): Promise<Receipt> => {
    const given = await runtime.accept(envelopes);
    const receipts = envelopes.map((_, i) => given[i] ?? "unknown");
    checkTaken(receiptOf({ unrouted: false, receipts }));
    return receipts[0]!;
  };
  return {
    async send(draft) {
      const envelopes = route(draft);
      const [main] = envelopes;
      if (main === undefined) return { id: draft.id, receipt: "dropped" };
      return { id: main.id, receipt: await take(envelopes) };
    },
    async ask(draft, options) {
      const [main, ...others] = route(draft);
      if (main === undefined) return { id: draft.id, receipt: "dropped" };
      if (others.length === 0) return runtime.ask(main.to, mailOf(main), options);
      const receipt = await take([main]);
      await take(others);
      // It is there by now, so that this finds what becomes of it.
      return { ...(await runtime.ask(main.to, mailOf(main), options)), receipt };
    },
  };
}

/**
 * The one that is for whom the outside has addressed, if any is; else the first one of the last rule, which
 * is the one that does not go on to others, if any did not. The others are copies.
 */
function mainOf(routed: readonly Routed[], to: string | undefined): Routed | undefined {
  const last = routed.at(-1)?.rule;
  return (
    routed.find(({ envelope }) => envelope.to === to) ?? routed.find(({ rule }) => rule === last)
  );
}

const REFUSED: Readonly<Partial<Record<Receipt, readonly [ErrorCode, string]>>> = {
  unknown: ["NOT_FOUND", "there is no such agent"],
  rejected: ["INBOX_FULL", "the agent's inbox is full"],
  terminated: ["TERMINATED", "the agent is terminated"],
  busy: ["BUSY", "the agent is moving: send again in a moment"],
  moved: ["MOVED", "the agent lives elsewhere"],
};

/** @throws what a receipt means where it is no success */
export function checkTaken(receipt: Receipt): void {
  const refused = REFUSED[receipt];
  if (refused === undefined) return;
  throw new OpenAgentsError(refused[0], `Cannot take request: ${refused[1]}`);
}

function mailOf({ to: _to, sentAt: _sentAt, toName: _name, ...mail }: DraftEnvelope): MailInput {
  return mail;
}

function unrouted(from: string): OpenAgentsError {
  return new OpenAgentsError("NOT_FOUND", `No rule says who gets what "${from}" sends`);
}

/**
 * The same for a driver that wants one receipt for each of its envelopes, however many the rules make of
 * it: `busy` while one of those is, as it is to be put in again then, which makes the same ones; else the
 * first that is no success. What a rule drops is `accepted`, and what is for nobody `unknown`.
 */
export function plumbedReceipts(plumber: Plumber, deliver: Sink): Sink {
  const sink = plumb(plumber, deliver);
  return async (mail) => (await sink(mail)).map(receiptOf);
}

function receiptOf({
  unrouted: isUnrouted,
  receipts,
}: Pick<Plumbed, "unrouted" | "receipts">): Receipt {
  if (isUnrouted) return "unknown";
  if (receipts.includes("busy")) return "busy";
  const refused = receipts.find((receipt) => REFUSED[receipt] !== undefined);
  if (refused !== undefined) return refused;
  const failed = receipts.find((receipt) => receipt !== "accepted" && receipt !== "duplicate");
  return failed ?? receipts[0] ?? "accepted";
}
