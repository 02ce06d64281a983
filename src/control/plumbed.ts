import { checkDraft } from "../core/draft-envelope.ts";
import type { DraftEnvelope, Plumbed } from "../core/draft-envelope.ts";
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
 * To whom the rules say. The first of those is the one who is waited for, and who says whether there is
 * anybody; what becomes of the copies for the others is not told.
 */
export function plumbedSink(plumber: Plumber, runtime: Pick<Runtime, "accept" | "ask">): HookSink {
  const route = (draft: DraftEnvelope): readonly Envelope[] => {
    checkDraft(draft);
    const { routed, unrouted: isUnrouted } = plumber.route(draft);
    if (isUnrouted) throw unrouted(draft.from);
    return routed.map(({ envelope }) => envelope);
  };
  return {
    async send(draft) {
      const envelopes = route(draft);
      if (envelopes.length === 0) return { id: draft.id, receipt: "dropped" };
      const [receipt = "unknown"] = await runtime.accept(envelopes);
      checkTaken(receipt);
      return { id: draft.id, receipt };
    },
    async ask(draft, options) {
      const [first, ...others] = route(draft);
      if (first === undefined) return { id: draft.id, receipt: "dropped" };
      if (others.length > 0) await runtime.accept(others);
      return runtime.ask(first.to, mailOf(first), options);
    },
  };
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

function receiptOf({ unrouted: isUnrouted, receipts }: Plumbed): Receipt {
  if (isUnrouted) return "unknown";
  if (receipts.includes("busy")) return "busy";
  const failed = receipts.find((receipt) => receipt !== "accepted" && receipt !== "duplicate");
  return failed ?? receipts[0] ?? "accepted";
}
