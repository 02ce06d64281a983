import { OpenAgentsError } from "./errors.ts";

/** A name that a secret may have: as of a variable of the environment. */
const NAME = /^[A-Za-z_]\w{0,127}$/;

/** True for what a secret may be called. */
export function isSecretName(name: unknown): name is string {
  return typeof name === "string" && NAME.test(name);
}

/** True for names that are the home's own: no agent, tool or server ever gets what is called so. */
export function isOwnSecret(name: string): boolean {
  return name.toUpperCase().startsWith("OPENAGENTS_");
}

/** @throws INVALID for a name that no secret can have. What is wrong is not shown: it may be the secret itself */
export function checkSecretName(name: unknown): asserts name is string {
  if (isSecretName(name) && !isOwnSecret(name)) return;
  throw new OpenAgentsError(
    "INVALID",
    'Cannot use that name for a secret: it must be 1 to 128 letters, digits and "_", not begin with a digit, nor with "OPENAGENTS_", which is the home\'s own',
  );
}
