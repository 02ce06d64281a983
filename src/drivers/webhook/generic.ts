import { sha256Hex } from "../../core/hash.ts";
import type { HmacDefinition } from "../../core/hooks.ts";
import { hmac, joined, toBase64, toHex, utf8 } from "./hmac.ts";
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
    const parts = [filled(before), body, filled(after)].filter((part) => part !== "");
    const signs = joined(parts);
    const good = await anyMatches(secrets, [given.slice(prefix.length)], async (secret) => {
      const made = await hmac(algorithm, utf8(secret), [signs]);
      if (encoding === "base64") return [toBase64(made)];
      const hex = toHex(made);
      return [hex, hex.toUpperCase()];
    });
    if (!good) return undefined;
    if (id !== undefined) return { id: delivery };
    return { id: sha256Hex(encoding === "hex" ? given.toLowerCase() : given) };
  };
}
