import { fromBase64, hmac, sameText, toBase64 } from "./hmac.ts";
import { anyMatches, isRecent, timeOf } from "./verifier.ts";
import type { Verifier } from "./verifier.ts";

/** What a request of Standard Webhooks is signed with. */
export interface StandardMessage {
  readonly id: string;
  /** Whole seconds since 1970, as text. */
  readonly timestamp: string;
  readonly body: string | Uint8Array;
}

/**
 * The key in a secret of Standard Webhooks, `whsec_<base64>`, also without what it begins with;
 * undefined for what is none.
 */
export function standardKey(secret: string): Uint8Array | undefined {
  const key = fromBase64(secret.replace(/^whsec_/, ""));
  return key === undefined || key.length === 0 ? undefined : key;
}

/**
 * The signature of a message, `v1,<base64>`, over `<id>.<timestamp>.<body>`
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 */
export async function signStandard(key: Uint8Array, message: StandardMessage): Promise<string> {
  const { id, timestamp, body } = message;
  return `v1,${toBase64(await hmac("sha256", key, [`${id}.${timestamp}.`, body]))}`;
}

/** Standard Webhooks, with `webhook-signature` holding any number of signatures between spaces. */
export const standard: Verifier = async (signed) => {
  const { headers, body, secrets } = signed;
  const id = headers.get("webhook-id");
  const timestamp = headers.get("webhook-timestamp");
  const given = headers.get("webhook-signature");
  if (id === null || id === "" || timestamp === null || given === null) return undefined;
  // With a point in it, another id and body would have the same signature.
  if (id.includes(".") || !/^\d{1,11}$/.test(timestamp) || !isRecent(timeOf(timestamp), signed)) {
    return undefined;
  }
  const good = await anyMatches(secrets, given.split(" "), async (secret, signature) => {
    const key = standardKey(secret);
    if (key === undefined) return false;
    return sameText(signature, await signStandard(key, { id, timestamp, body }));
  });
  return good ? { id } : undefined;
};
