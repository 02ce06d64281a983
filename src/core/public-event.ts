import { addressOf } from "./address.ts";
import type { PublicEvent } from "./context.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";

/** An event as it is in the outbox, still to be signed. */
export interface EventDraft {
  readonly kind: number;
  readonly content: string;
  readonly tags: readonly (readonly string[])[];
}

/**
 * Kinds that are never published in an agent's name: messages of NIP-04, whose text is not protected,
 * and what proves to a relay or a server that one is the agent (NIP-42, NIP-98).
 */
const REFUSED: ReadonlySet<number> = new Set([4, 22_242, 27_235]);

/**
 * The event that agent code wants published, with those it mentions as `p` tags.
 * @throws INVALID for what is no event, NOT_FOUND for a mention of nobody
 */
export async function publicEvent(kernel: Kernel, event: PublicEvent): Promise<EventDraft> {
  const { kind, content, tags = [], mentions = [] } = event;
  if (!Number.isInteger(kind) || kind < 0 || kind > 65_535 || REFUSED.has(kind)) {
    throw invalid(`"kind" must be 0 to 65535, and none of ${[...REFUSED].join(", ")}`);
  }
  if (typeof content !== "string" || !content.isWellFormed()) {
    throw invalid('"content" must be text with no lone surrogate');
  }
  const good = (tag: unknown): boolean =>
    Array.isArray(tag) && tag.every((part) => typeof part === "string" && part.isWellFormed());
  if (!Array.isArray(tags) || !tags.every(good)) throw invalid('"tags" must be lists of texts');
  const mentioned = await Promise.all(
    mentions.map(async (ref) => {
      const address = await addressOf(kernel, ref);
      if (address === undefined) {
        throw new OpenAgentsError("NOT_FOUND", `Cannot mention "${ref}": there is no such agent`);
      }
      return ["p", address.publicKey];
    }),
  );
  return { kind, content, tags: [...tags, ...mentioned] };
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot publish event: ${problem}`);
}
