import type { IdentityUse } from "./context-identity.ts";
import { isLocked } from "./locked.ts";
import type { SecretSource } from "./ports/index.ts";

/**
 * The home's secrets as the run of a tick asks for them, for a model or a tool; agent code has no way to them.
 * Where the keys are locked the tick ends, and waits for them, whatever is made of the error.
 */
export function tickSecrets(secrets: SecretSource, { check, locked }: IdentityUse): SecretSource {
  return async (name) => {
    check();
    try {
      return await secrets(name);
    } catch (error) {
      if (isLocked(error)) locked(error);
      throw error;
    }
  };
}
