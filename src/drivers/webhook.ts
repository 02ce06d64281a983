import { errorInfo } from "../core/errors.ts";
import type { HookDefinition, HookScheme } from "../core/hooks.ts";
import { isLocked } from "../core/locked.ts";
import type { Clock } from "../core/ports/index.ts";
import { generic } from "./webhook/generic.ts";
import { github } from "./webhook/github.ts";
import { slack } from "./webhook/slack.ts";
import { standard, standardKey } from "./webhook/standard.ts";
import { stripe } from "./webhook/stripe.ts";
import type { Verified, Verifier } from "./webhook/verifier.ts";

export { toHex } from "./webhook/hmac.ts";
export { signStandard, standardKey } from "./webhook/standard.ts";
export type { StandardMessage } from "./webhook/standard.ts";
export type { Verified } from "./webhook/verifier.ts";

/** The secret with this name: a stored one, an environment variable, or a secret of the Worker. */
export type Secrets = (name: string) => Promise<string | undefined> | string | undefined;

const SCHEMES = { github, stripe, slack, standard } as const satisfies Record<HookScheme, Verifier>;

export interface CheckRequest {
  readonly hook: HookDefinition;
  readonly headers: Headers;
  /** The body as it came. */
  readonly body: Uint8Array;
  readonly secrets: Secrets;
  readonly clock: Clock;
}

/**
 * Makes sure that a request is of the sender that a hook is for, by its signature. Undefined for one
 * that is not signed, wrongly signed or signed at another time, and while no secret is there.
 * @throws LOCKED for a stored secret while the keys are
 */
export async function verifyWebhook(request: CheckRequest): Promise<Verified | undefined> {
  const { hook, headers, body, secrets, clock } = request;
  const { verify, tolerance } = hook;
  const given = await Promise.all(hook.secrets.map((name) => readable(name, secrets)));
  const known = given.filter((secret) => secret !== undefined && secret !== "");
  if (known.length === 0) return undefined;
  const check = typeof verify === "string" ? SCHEMES[verify] : generic(verify);
  return check({ headers, body, secrets: known as string[], now: clock.now(), tolerance });
}

/** Of one that cannot be opened a stranger is told nothing; `secretProblems` tells the operator. */
async function readable(name: string, secrets: Secrets): Promise<string | undefined> {
  try {
    return await secrets(name);
  } catch (error) {
    if (errorInfo(error).code === "DENIED") return undefined;
    throw error;
  }
}

/** What is wrong with the secrets of hooks, one line each: to be said at the start. Of one that is locked nothing is. */
export async function secretProblems(
  hooks: ReadonlyMap<string, HookDefinition>,
  secrets: Secrets,
): Promise<readonly string[]> {
  const problems = await Promise.all(
    [...hooks].map(async ([source, hook]) => {
      try {
        return await problemsOf(source, hook, secrets);
      } catch (error) {
        if (isLocked(error)) return [];
        return [`Cannot take webhooks of "${source}": ${errorInfo(error).message}`];
      }
    }),
  );
  return problems.flat();
}

async function problemsOf(
  source: string,
  { secrets: names, verify }: HookDefinition,
  secrets: Secrets,
): Promise<readonly string[]> {
  const values = new Map<string, string>();
  for (const name of names) {
    const value = await secrets(name);
    if (value !== undefined && value !== "") values.set(name, value);
  }
  if (values.size === 0) {
    return [
      `Cannot take webhooks of "${source}": there is no secret ${names.map((name) => `"${name}"`).join(" or ")}: set that variable, or store it with "agentctl secret set"; until then each of its requests is refused`,
    ];
  }
  if (verify !== "standard") return [];
  return [...values]
    .filter(([, value]) => standardKey(value) === undefined)
    .map(
      ([name]) =>
        `Cannot use the secret "${name}" for webhooks of "${source}": it is not base64 after "whsec_": copy it again from the sender`,
    );
}
