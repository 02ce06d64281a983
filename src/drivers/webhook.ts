import type { HookDefinition, HookScheme } from "../core/hooks.ts";
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

/** The secret with this name: an environment variable, or a secret of the Worker. */
export type Secrets = (name: string) => string | undefined;

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
 */
export async function verifyWebhook(request: CheckRequest): Promise<Verified | undefined> {
  const { hook, headers, body, secrets, clock } = request;
  const { verify, tolerance } = hook;
  const known = hook.secrets.map(secrets).filter((secret) => secret !== undefined && secret !== "");
  if (known.length === 0) return undefined;
  const check = typeof verify === "string" ? SCHEMES[verify] : generic(verify);
  return check({ headers, body, secrets: known as string[], now: clock.now(), tolerance });
}

/** What is wrong with the secrets of hooks, one line each: to be said at the start. */
export function secretProblems(
  hooks: ReadonlyMap<string, HookDefinition>,
  secrets: Secrets,
): readonly string[] {
  return [...hooks].flatMap(([source, { secrets: names, verify }]) => {
    const there = names.filter((name) => (secrets(name) ?? "") !== "");
    if (there.length === 0) {
      return [
        `Cannot take webhooks of "${source}": there is no secret ${names.map((name) => `"${name}"`).join(" or ")}: set that variable; until then each of its requests is refused`,
      ];
    }
    if (verify !== "standard") return [];
    return there
      .filter((name) => standardKey(secrets(name)!) === undefined)
      .map(
        (name) =>
          `Cannot use the secret "${name}" for webhooks of "${source}": it is not base64 after "whsec_": copy it again from the sender`,
      );
  });
}
