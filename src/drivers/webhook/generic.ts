import { sha256Hex } from "../../core/hash.ts";
import type { HmacDefinition } from "../../core/hooks.ts";
import { hmac, sameText, toBase64, toHex, utf8 } from "./hmac.ts";
import { anyMatches, isRecent, timeOf } from "./verifier.ts";
import type { Verifier } from "./verifier.ts";

/**
 * Any HMAC in a header. Where no header has the id of the delivery, what is signed is its id: the same
 * body twice, at the same time where that is signed, is one delivery. A signature in hex may be in
 * capitals.
 */
export function generic(options: HmacDefinition): Verifier {
  const { header, algorithm, encoding, prefix, timestamp, id, signs } = options;
  const [before = "", after = ""] = signs.split("{body}");
  return async (signed) => {
    const { headers, body, secrets } = signed;
    const given = headers.get(header);
    const time = timestamp === undefined ? undefined : headers.get(timestamp);
    if (given === null || !given.startsWith(prefix)) return undefined;
    if (timestamp !== undefined && !isRecent(timeOf(time), signed)) return undefined;
    const delivery = id === undefined ? undefined : (headers.get(id) ?? undefined);
    const filled = (text: string): string =>
      text.replaceAll(/\{(timestamp|id)\}/g, (_, name) =>
        name === "id" ? (delivery ?? "") : (time ?? ""),
      );
    const parts = [filled(before), body, filled(after)];
    const good = await anyMatches(
      secrets,
      [given.slice(prefix.length)],
      async (secret, signature) => {
        const made = await hmac(algorithm, utf8(secret), parts);
        if (encoding === "base64") return sameText(signature, toBase64(made));
        const hex = toHex(made);
        // Both are looked at, whatever the first says.
        return [hex, hex.toUpperCase()].map((one) => sameText(signature, one)).includes(true);
      },
    );
    if (!good) return undefined;
    if (id !== undefined) return { id: delivery };
    return { id: sha256Hex(encoding === "hex" ? given.toLowerCase() : given) };
  };
}
