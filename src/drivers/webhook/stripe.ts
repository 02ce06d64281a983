import { hmac, joined, toHex, utf8 } from "./hmac.ts";
import { anyMatches, isRecent, objectIn, timeOf } from "./verifier.ts";
import type { Verifier } from "./verifier.ts";

/**
 * Stripe: `Stripe-Signature: t=<seconds>,v1=<hex>`, with more than one `v1` while a secret is changed, over
 * `<t>.<body>` (https://docs.stripe.com/webhooks#verify-manually). Other schemes (`v0`) count for nothing.
 * The event's id is in the body.
 */
export const stripe: Verifier = async (signed) => {
  const { headers, body, secrets } = signed;
  const items = (headers.get("stripe-signature") ?? "").split(",").map((item) => item.trim());
  const valuesOf = (key: string): string[] =>
    items.filter((item) => item.startsWith(`${key}=`)).map((item) => item.slice(key.length + 1));
  const [time, ...more] = valuesOf("t");
  if (time === undefined || more.length > 0 || !isRecent(timeOf(time), signed)) return undefined;
  const signs = joined([`${time}.`, body]);
  const good = await anyMatches(secrets, valuesOf("v1"), async (secret) => [
    toHex(await hmac("sha256", utf8(secret), [signs])),
  ]);
  if (!good) return undefined;
  const id = objectIn(body)?.["id"];
  return { id: typeof id === "string" ? id : undefined };
};
