import { utf8ToBytes } from "@noble/hashes/utils.js";
import { addressOf } from "./address.ts";
import type { Address } from "./address.ts";
import { isKey } from "./agent.ts";
import type { AgentRecord } from "./agent.ts";
import { PUBLIC } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Json } from "./json.ts";
import type { Kernel } from "./kernel.ts";
import type { Keyed, Signer } from "./ports/index.ts";

/**
 * What is sealed of an envelope, as JSON: all that its receiver acts on. What else there is of it is bound
 * to it, so that a seal cannot be moved to another envelope. The recipient is bound by its key, except
 * against the sender, whose key is the same one: so the sender is inside.
 */
interface Inside {
  readonly from: string;
  readonly bound: readonly (string | number | null)[];
  readonly headers?: Envelope["headers"] | undefined;
  readonly payload: Json;
}

/** What of the outside is sealed as well, beside the sender: an envelope with another value is another one. */
const BOUND = [
  "id",
  "type",
  "replyTo",
  "sentAt",
  "expiresAt",
  "priority",
  "traceId",
  "seq",
] as const satisfies readonly (keyof Envelope)[];

/**
 * Seals an agent's mail for its receiver: NIP-44 v2, from the sender's key to the receiver's. Where
 * nobody is known by the address, or it cannot be known now, it is sealed for the sender alone, and
 * the courier addresses it anew. What is for everybody is not sealed.
 */
export async function sealMail(
  kernel: Kernel,
  sender: AgentRecord,
  envelope: Envelope,
): Promise<Envelope> {
  // A command of the runtime's own does not leave the home.
  if (envelope.to === PUBLIC || envelope.type === "control") return envelope;
  const to = await addressOf(kernel, envelope.to).catch(() => undefined);
  try {
    return await sealFor(kernel, { sender, envelope, to });
  } catch (error) {
    // Half of all hex keys are on no curve: nobody can have them.
    if (!(error instanceof OpenAgentsError) || error.code !== "INVALID") throw error;
    return sealFor(kernel, { sender, envelope, to: undefined });
  }
}

/** Seals for the agent itself what the runtime took in for it, from a sender that it made sure of. */
export async function sealOwn(
  { signer }: Kernel,
  receiver: AgentRecord,
  envelope: Envelope,
): Promise<Envelope> {
  const { headers: _headers, payload: _payload, ...outside } = envelope;
  const key = { ...receiver, purpose: purposeOf(envelope) };
  const payload = await signer.encrypt(key, receiver.publicKey, insideOf(envelope));
  return { ...outside, payload, sealed: "own" };
}

/**
 * The envelope as its receiver may act on it: opened, and from whom it says. What comes from no agent
 * is not sealed.
 * @throws DENIED when the seal is missing, broken, or that of another envelope
 */
export async function openMail(
  { signer }: Kernel,
  receiver: AgentRecord,
  envelope: Envelope,
): Promise<Envelope> {
  const { sealed, from, source, type } = envelope;
  if (sealed === undefined) {
    // The courier says in the other's place that it could not be reached.
    if (!isKey(from) || (source === "courier" && type === "response")) return envelope;
    throw denied("it is not sealed by its sender");
  }
  const peer = sealed === "own" ? receiver.publicKey : signer.publicKey(from);
  if (peer === undefined) throw denied("its sender is no agent");
  return openWith(signer, { holder: receiver, peer, envelope });
}

/**
 * A sender's own mail as it was before it was sealed, for a carrier that has a seal of its own.
 * @throws DENIED when the seal is missing, broken, or that of another envelope
 */
export async function openSent(
  signer: Signer,
  sender: Keyed,
  envelope: Envelope,
): Promise<Envelope> {
  const peer = envelope.sealed === "own" ? sender.publicKey : signer.publicKey(envelope.to);
  if (envelope.sealed === undefined || peer === undefined) throw denied("it is not sealed");
  return openWith(signer, { holder: sender, peer, envelope });
}

/** Seals a sender's own mail anew, for whom it turned out to be for. */
export async function readdress(
  kernel: Kernel,
  sender: AgentRecord,
  { envelope, to }: { readonly envelope: Envelope; readonly to: Address },
): Promise<Envelope> {
  const { signer } = kernel;
  const peer = envelope.sealed === "own" ? sender.publicKey : signer.publicKey(envelope.to);
  if (peer === undefined) throw denied("its recipient is no agent");
  const { toName, ...opened } = await openWith(signer, { holder: sender, peer, envelope });
  return sealFor(kernel, { sender, envelope: { ...opened, to: toName ?? opened.to }, to });
}

async function sealFor(
  { signer }: Kernel,
  input: {
    readonly sender: AgentRecord;
    readonly envelope: Envelope;
    readonly to: Address | undefined;
  },
): Promise<Envelope> {
  const { sender, envelope, to } = input;
  const { headers: _headers, payload: _payload, ...outside } = envelope;
  const peer = to?.publicKey ?? sender.publicKey;
  const key = { ...sender, purpose: purposeOf(envelope) };
  const payload = await signer.encrypt(key, peer, insideOf(envelope));
  return {
    ...outside,
    to: to?.id ?? outside.to,
    ...(!isKey(outside.to) && { toName: outside.to }),
    payload,
    sealed: to === undefined ? "own" : "sender",
  };
}

async function openWith(
  signer: Signer,
  input: {
    readonly holder: Keyed;
    readonly peer: string;
    readonly envelope: Envelope;
  },
): Promise<Envelope> {
  const { holder, peer, envelope } = input;
  if (typeof envelope.payload !== "string") throw denied("what is sealed is no text");
  const key = { ...holder, purpose: purposeOf(envelope) };
  const inside = insideFrom(await signer.decrypt(key, peer, envelope.payload));
  if (inside.from !== envelope.from || String(inside.bound) !== String(boundOf(envelope))) {
    throw denied("its seal is that of another envelope");
  }
  const { sealed: _sealed, ...outside } = envelope;
  const { headers, payload } = inside;
  return { ...outside, payload, ...(headers !== undefined && { headers }) };
}

function insideOf(envelope: Envelope): Uint8Array {
  const { from, headers, payload } = envelope;
  const inside: Inside = { from, bound: boundOf(envelope), headers, payload };
  return utf8ToBytes(JSON.stringify(inside));
}

function boundOf(envelope: Envelope): Inside["bound"] {
  return BOUND.map((field) => envelope[field] ?? null);
}

function insideFrom(bytes: Uint8Array): Inside {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Inside;
  } catch {
    throw denied("what is sealed is no mail");
  }
}

function purposeOf({ type, id }: Envelope): string {
  return `${type} ${id}`;
}

function denied(why: string): OpenAgentsError {
  return new OpenAgentsError("DENIED", `Cannot open mail: ${why}`);
}
