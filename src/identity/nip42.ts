import { OpenAgentsError } from "../core/errors.ts";
import type { EventSigner } from "./event-signer.ts";
import type { NostrEvent } from "./event.ts";
import { isRelayUrl } from "./relay-url.ts";

/** The kind of NIP-42. */
export const CLIENT_AUTH = 22_242;
/** Characters; relays send some dozens. */
const LONGEST_CHALLENGE = 1024;

/**
 * The event by which a client proves its key to a relay that sent a challenge (NIP-42); it is good for
 * one connection. The challenge is a relay's own text, so nothing else is signed with it.
 * @param relayUrl the relay's address as the client knows it, ws: or wss:
 * @param now milliseconds since 1970
 * @throws INVALID for another address, and a challenge that is none
 */
export async function authEvent(
  signer: EventSigner,
  relayUrl: string,
  challenge: string,
  now: number,
): Promise<NostrEvent> {
  if (!isRelayUrl(relayUrl)) {
    throw new OpenAgentsError("INVALID", `Cannot answer challenge: "${relayUrl}" is no relay`);
  }
  if (typeof challenge !== "string" || challenge === "" || challenge.length > LONGEST_CHALLENGE) {
    throw new OpenAgentsError(
      "INVALID",
      `Cannot answer challenge: it is not 1 to ${LONGEST_CHALLENGE} characters`,
    );
  }
  return signer.signEvent({
    kind: CLIENT_AUTH,
    created_at: Math.floor(now / 1000),
    tags: [
      ["relay", relayUrl],
      ["challenge", challenge],
    ],
    content: "",
  });
}
