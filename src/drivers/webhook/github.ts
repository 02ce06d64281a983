import { hmac, toHex, utf8 } from "./hmac.ts";
import { anyMatches } from "./verifier.ts";
import type { Verifier } from "./verifier.ts";

/**
 * GitHub, and what signs as it does: `X-Hub-Signature-256: sha256=<hex>` over the body
 * (https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries). The id of the delivery
 * is not signed, and there is no time: that nobody repeats a delivery under another id, TLS has to see to.
 */
export const github: Verifier = async ({ headers, body, secrets }) => {
  const given = headers.get("x-hub-signature-256");
  if (given === null) return undefined;
  const good = await anyMatches(secrets, [given], async (secret) => [
    `sha256=${toHex(await hmac("sha256", utf8(secret), [body]))}`,
  ]);
  return good ? { id: headers.get("x-github-delivery") ?? undefined } : undefined;
};
