import { OpenAgentsError } from "./errors.ts";
import type { Signer } from "./ports/index.ts";

/** @throws INVALID for a key (hex) that is on no curve, and so is nobody's; `ref` is how it was given */
export function checkPoint(signer: Pick<Signer, "isPoint">, publicKey: string, ref: string): void {
  if (signer.isPoint(publicKey)) return;
  throw new OpenAgentsError(
    "INVALID",
    `Cannot resolve "${ref}": it is no public key, as it is not on the curve: check what you copied`,
  );
}
