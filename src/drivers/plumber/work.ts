import { OpenAgentsError } from "../../core/errors.ts";
import { PLUMBER_LIMITS } from "./limits.ts";

/**
 * What the rules may still do with one envelope. Rules are few and payloads small as a rule, but the
 * payload is a stranger's: many rules that look through a large one would hold up everybody.
 */
export class Work {
  #left: number = PLUMBER_LIMITS.work;

  /** Takes off what is about one look at each of so many values. @throws LIMIT when that is too much */
  spend(looks: number): void {
    this.#left -= looks;
    if (this.#left >= 0) return;
    throw new OpenAgentsError(
      "LIMIT",
      "Cannot route envelope: its payload is too large for so many rules that look through it",
    );
  }
}
