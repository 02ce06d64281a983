import { readFileSync } from "node:fs";
import { OpenAgentsError } from "../core/errors.ts";
import { readSecret } from "./secret.ts";
import { UsageError } from "./usage-error.ts";

/** The variable that may hold the password of an agent's key. */
export const KEY_PASSWORD = "OPENAGENTS_KEY_PASSWORD";

/**
 * The private key that a new agent is to have, out of a file, or `-` for stdin, with its password when
 * it is an ncryptsec. @throws UsageError for a key in the place of a file, which is not quoted
 */
export async function broughtKey(
  file: string,
): Promise<{ readonly key: string; readonly password?: string }> {
  if (/^(nsec|ncryptsec)1/i.test(file) || /^[0-9a-f]{64}$/i.test(file)) {
    throw new UsageError(
      'Cannot use --key: it names a file, or is "-" for stdin: a key on the command line is seen by others, so give this one up',
    );
  }
  const key = (file === "-" ? await readSecret({ what: "key" }) : readKey(file)).trim();
  if (!/^ncryptsec1/i.test(key)) return { key };
  return {
    key,
    password: await readSecret({ what: "password of the key", variable: KEY_PASSWORD }),
  };
}

function readKey(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new OpenAgentsError("INVALID", `Cannot read key: ${(error as Error).message}`);
  }
}
