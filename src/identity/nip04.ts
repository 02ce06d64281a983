import { base64 } from "@scure/base";

import { OpenAgentsError } from "../core/errors.ts";
import { MAX_EVENT_LENGTH } from "./event.ts";
import { textOf } from "./nip44.ts";

/**
 * The text of a direct message of NIP-04 (AES-256-CBC), which NIP-17 replaced. Nothing in it shows
 * whether it was altered, and there is no counterpart that writes one: old messages can be read, and
 * that is all.
 * @param shared `Secp.sharedX` of the two keys, which is wiped
 * @throws DENIED when it cannot be read, whatever the reason
 */
export async function decryptNip04(payload: string, shared: Uint8Array): Promise<string> {
  try {
    if (payload.length > MAX_EVENT_LENGTH) throw new RangeError("too long");
    const [ciphertext, iv, ...rest] = payload.split("?iv=");
    if (iv === undefined || rest.length > 0) throw new RangeError("no vector");
    const key = await crypto.subtle.importKey(
      "raw",
      shared as Uint8Array<ArrayBuffer>,
      "AES-CBC",
      false,
      ["decrypt"],
    );
    const algorithm = { name: "AES-CBC", iv: bytes(iv) };
    return textOf(new Uint8Array(await crypto.subtle.decrypt(algorithm, key, bytes(ciphertext!))));
  } catch {
    // One error for all: to tell bad padding from bad text would help whoever guesses.
    throw new OpenAgentsError("DENIED", "Cannot decrypt: it is no message of NIP-04 to this key");
  } finally {
    shared.fill(0);
  }
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return base64.decode(text) as Uint8Array<ArrayBuffer>;
}
