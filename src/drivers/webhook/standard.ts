import { fromBase64, hmac, joined, toBase64 } from "./hmac.ts";
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
  return signature(key, signedBy(message));
}

function signedBy({ id, timestamp, body }: StandardMessage): Uint8Array {
  return joined([`${id}.${timestamp}.`, body]);
}

async function signature(key: Uint8Array, signs: Uint8Array): Promise<string> {
  return `v1,${toBase64(await hmac("sha256", key, [signs]))}`;
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
  const signs = signedBy({ id, timestamp, body });
  const good = await anyMatches(secrets, given.split(" "), async (secret) => {
    const key = standardKey(secret);
    return key === undefined ? [] : [await signature(key, signs)];
  });
  return good ? { id } : undefined;
};
