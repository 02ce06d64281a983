import { sha256Hex } from "../../core/hash.ts";
import { hmac, joined, toHex, utf8 } from "./hmac.ts";
import { anyMatches, isRecent, objectIn, timeOf } from "./verifier.ts";
import type { Verifier } from "./verifier.ts";

/**
 * Slack: `X-Slack-Signature: v0=<hex>` over `v0:<X-Slack-Request-Timestamp>:<body>`
 * (https://docs.slack.dev/authentication/verifying-requests-from-slack). Events have an id in their body,
 * which stays when Slack sends one again; of what has none, commands and buttons, the signature is the id.
 * The challenge of `url_verification` is answered, when it is signed.
 */
export const slack: Verifier = async (signed) => {
  const { headers, body, secrets } = signed;
  const time = headers.get("x-slack-request-timestamp");
  const given = headers.get("x-slack-signature");
  if (given === null || !isRecent(timeOf(time), signed)) return undefined;
  const signs = joined([`v0:${time}:`, body]);
  const good = await anyMatches(secrets, [given], async (secret) => [
    `v0=${toHex(await hmac("sha256", utf8(secret), [signs]))}`,
  ]);
  if (!good) return undefined;
  const { type, challenge, event_id: id } = objectIn(body) ?? {};
  if (type === "url_verification" && typeof challenge === "string") {
    return { id: undefined, challenge };
  }
  return { id: typeof id === "string" ? id : sha256Hex(given) };
};
