import { bytesAbove } from "./byte-length.ts";
import type { SendOptions } from "./context.ts";
import { toMs } from "./duration.ts";
import { checkEnvelope, hopsOf } from "./envelope.ts";
import type { Envelope, EnvelopeType } from "./envelope.ts";
import { OpenAgentsError, UnblamedError } from "./errors.ts";
import { toJson } from "./json.ts";
import type { Json } from "./json.ts";
import { newId } from "./kernel.ts";
import type { Kernel } from "./kernel.ts";
import type { Occasion } from "./perceive.ts";

/** What agent code has to send. */
export interface Said {
  readonly head: { readonly to: string; readonly type: EnvelopeType; readonly replyTo?: string };
  readonly payload: unknown;
  readonly options: SendOptions;
}

/** Mail of an agent that acts on an occasion. @throws INVALID, LIMIT for what cannot be sent */
export function letterOf(
  kernel: Kernel,
  from: { readonly id: string; readonly occasion: Occasion },
  { head, payload, options }: Said,
): Envelope {
  const { limits, clock } = kernel;
  const { occasion } = from;
  if (typeof head.to !== "string" || head.to === "") {
    throw new OpenAgentsError("INVALID", "Cannot send mail: no recipient is given");
  }
  const json = toJson(payload ?? null, "payload");
  const tooMany = bytesAbove(json, limits.envelopeBytes);
  if (tooMany !== undefined) {
    throw new OpenAgentsError(
      "LIMIT",
      `Cannot send mail: ${tooMany} bytes is above limits.envelopeBytes (${limits.envelopeBytes})`,
    );
  }
  const now = clock.now();
  const { expiresIn, priority } = options;
  const hops = hopsOf(occasion.envelope) + 1;
  if (hops > limits.hops) {
    throw new UnblamedError(
      `Cannot send mail: this is the ${hops}th mail in a row that caused the next, limits.hops is ${limits.hops}`,
    );
  }
  const envelope: Envelope = {
    id: newId(kernel),
    sentAt: now,
    source: "agent",
    from: from.id,
    ...head,
    payload: JSON.parse(json) as Json,
    traceId: occasion.envelope.traceId ?? occasion.envelope.id,
    ...(expiresIn !== undefined && { expiresAt: now + toMs(expiresIn) }),
    ...(priority !== undefined && { priority }),
    headers: { ...options.headers, hops: String(hops) },
  };
  checkEnvelope(envelope);
  if ((priority ?? 0) > 99) {
    throw new OpenAgentsError("INVALID", 'Cannot send mail: "priority" must be from -100 to 99');
  }
  return envelope;
}
