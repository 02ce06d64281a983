import { checkName, isNpub } from "./agent.ts";
import type { Duration } from "./duration.ts";
import type { OptionsCheck } from "./options.ts";
import { isOwnSecret, isSecretName } from "./secret-name.ts";

/** How requests of known senders are signed. */
export const HOOK_SCHEMES = ["github", "stripe", "slack", "standard"] as const;
export type HookScheme = (typeof HOOK_SCHEMES)[number];

/** A sender outside, whose requests to `/hooks/AGENT/SOURCE` are let in by their signature. */
export interface HookOptions {
  /** Who signs, or how: `standard` is Standard Webhooks, an object any other HMAC. */
  readonly verify: HookScheme | HmacOptions;
  /**
   * The NAME of the environment variable, or of the Worker's secret, that holds the secret. More than
   * one while it is being changed: a signature by any of them is good.
   */
  readonly secret: string | readonly string[];
  /** How far the time of a signature may be from ours, before or after. Default `"5m"`. */
  readonly tolerance?: Duration;
  /** What agents get it as. Default `"event"`. */
  readonly type?: "event" | "message";
  /** The sender gets the agent's reply as its response. Default false: it gets 202 and the id. */
  readonly reply?: boolean;
  /** How long the sender may wait for a reply, where it does. Default `"10s"`, at most `"4m"`. */
  readonly wait?: Duration;
  /** Headers that the agent gets beside the usual ones. */
  readonly headers?: readonly string[];
  /**
   * The agents that a request may address, by name or npub, as it stands in the address; where the address
   * names none, rules alone say who gets it. Default: any.
   */
  readonly agents?: readonly string[];
}

/** A signature that is an HMAC over the body, alone or with more. */
export interface HmacOptions {
  /** The header that has it. */
  readonly header: string;
  /** Default `"sha256"`. */
  readonly algorithm?: "sha256" | "sha512";
  /** Default `"hex"`. */
  readonly encoding?: "hex" | "base64";
  /** What stands before it, such as `"sha256="`. */
  readonly prefix?: string;
  /** The header that has the time of the signature, in seconds or milliseconds since 1970. */
  readonly timestamp?: string;
  /** The header that has the id of the delivery. Default: what is signed, so that the same again is a repetition. */
  readonly id?: string;
  /**
   * What is signed, with `{body}`, `{timestamp}` and `{id}` in their places. Default `"{body}"`, or
   * `"{timestamp}.{body}"` where there is a `timestamp`.
   */
  readonly signs?: string;
}

/** A hook, checked and with its defaults filled in. */
export interface HookDefinition {
  readonly verify: HookScheme | HmacDefinition;
  readonly secrets: readonly string[];
  /** Milliseconds. */
  readonly tolerance: number;
  readonly type: "event" | "message";
  readonly reply: boolean;
  /** Milliseconds. */
  readonly wait: number;
  /** In lower case. */
  readonly headers: readonly string[];
  /** Undefined for any. */
  readonly agents: ReadonlySet<string> | undefined;
}

export interface HmacDefinition {
  readonly header: string;
  readonly algorithm: "sha256" | "sha512";
  readonly encoding: "hex" | "base64";
  readonly prefix: string;
  readonly timestamp: string | undefined;
  readonly id: string | undefined;
  readonly signs: string;
}

/** The longest that a sender may be kept waiting, ms: below the time after which clients give up. */
export const LONGEST_HOOK_WAIT = 240_000;

/** Headers that no agent gets: what lets somebody in, and what proves it. */
const KEPT_BACK =
  /authori[sz]ation|cookie|signature|secret|token|password|api-?key|^x-hub-|^x-forwarded-client-cert$/;

/** True for a header that no agent ever gets of a request. */
export function isKeptBack(header: string): boolean {
  return KEPT_BACK.test(header.toLowerCase());
}

const HOOK_KEYS = [
  "verify",
  "secret",
  "tolerance",
  "type",
  "reply",
  "wait",
  "headers",
  "agents",
] as const satisfies readonly (keyof HookOptions)[];

const HMAC_KEYS = [
  "header",
  "algorithm",
  "encoding",
  "prefix",
  "timestamp",
  "id",
  "signs",
] as const satisfies readonly (keyof HmacOptions)[];

/** Ids of deliveries begin with the source, and these beginnings are the kernel's and the drivers' own. */
const TAKEN = new Set(["alarm", "bounce", "clone", "http", "initialize", "schedule"]);

/** Checks the `hooks` of a runtime; by the name of the source. @throws CONFIG */
export function checkHooks(
  check: OptionsCheck,
  hooks: unknown,
): ReadonlyMap<string, HookDefinition> {
  if (typeof hooks !== "object" || hooks === null || Array.isArray(hooks)) {
    check.refuse('"hooks" must be an object with one member for each source');
  }
  return new Map(
    Object.entries(hooks as Readonly<Record<string, HookOptions>>).map(([source, options]) => {
      const where = `hooks.${source}`;
      check.within(where, () => checkName(source));
      if (TAKEN.has(source.toLowerCase()))
        check.refuse(`"${where}": this name is the runtime's own`);
      return [source, checkHook(check, where, options)];
    }),
  );
}

function checkHook(check: OptionsCheck, where: string, options: HookOptions): HookDefinition {
  const given = check.members(options, HOOK_KEYS, where);
  const { type = "event", reply = false, tolerance = "5m", wait = "10s", headers = [] } = given;
  check.word(`${where}.type`, type, ["event", "message"]);
  if (typeof reply !== "boolean") check.refuse(`"${where}.reply" must be true or false`);
  const waits = check.duration(`${where}.wait`, wait, 1);
  if (waits > LONGEST_HOOK_WAIT) {
    check.refuse(`"${where}.wait" must be at most ${LONGEST_HOOK_WAIT / 1000}s`);
  }
  if (!Array.isArray(headers)) check.refuse(`"${where}.headers" must be a list of names`);
  for (const [i, name] of headers.entries()) checkShown(check, `${where}.headers[${i}]`, name);
  return {
    verify: checkVerify(check, `${where}.verify`, given.verify),
    secrets: checkSecrets(check, `${where}.secret`, given.secret),
    tolerance: check.duration(`${where}.tolerance`, tolerance, 1000),
    type,
    reply,
    wait: waits,
    headers: headers.map((name) => name.toLowerCase()),
    agents: given.agents && checkAgents(check, `${where}.agents`, given.agents),
  };
}

function checkAgents(check: OptionsCheck, where: string, agents: unknown): ReadonlySet<string> {
  if (!Array.isArray(agents) || agents.length === 0) {
    check.refuse(`"${where}" must be a list of at least one name or npub`);
  }
  const refs: readonly unknown[] = agents;
  for (const ref of refs) {
    if (typeof ref !== "string" || !isNpub(ref)) check.within(where, () => checkName(ref));
  }
  return new Set(refs as readonly string[]);
}

function checkVerify(
  check: OptionsCheck,
  where: string,
  verify: unknown,
): HookScheme | HmacDefinition {
  if (typeof verify !== "object") {
    check.word(where, verify, HOOK_SCHEMES);
    return verify as HookScheme;
  }
  const {
    algorithm = "sha256",
    encoding = "hex",
    prefix = "",
    ...given
  } = check.members(verify as HmacOptions, HMAC_KEYS, where);
  const { header, timestamp, id } = given;
  const { signs = timestamp === undefined ? "{body}" : "{timestamp}.{body}" } = given;
  checkHeader(check, `${where}.header`, header);
  check.word(`${where}.algorithm`, algorithm, ["sha256", "sha512"]);
  check.word(`${where}.encoding`, encoding, ["hex", "base64"]);
  if (typeof prefix !== "string") check.refuse(`"${where}.prefix" must be text`);
  if (timestamp !== undefined) checkHeader(check, `${where}.timestamp`, timestamp);
  if (id !== undefined) checkHeader(check, `${where}.id`, id);
  checkSigns(check, `${where}.signs`, { signs, timestamp, id });
  return { header, algorithm, encoding, prefix, timestamp, id, signs };
}

/** A time that is not signed proves nothing, so it must be in what is signed. */
function checkSigns(
  check: OptionsCheck,
  where: string,
  { signs, timestamp, id }: Pick<HmacDefinition, "signs" | "timestamp" | "id">,
): void {
  if (typeof signs !== "string" || signs.split("{body}").length !== 2) {
    check.refuse(`"${where}" must be text with "{body}" in it, once`);
  }
  if (signs.includes("{timestamp}") !== (timestamp !== undefined)) {
    check.refuse(
      `"${where}" must have "{timestamp}" in it where "timestamp" names a header, and only there`,
    );
  }
  if (signs.includes("{id}") && id === undefined) {
    check.refuse(`"${where}" has "{id}" in it, and no "id" names the header for it`);
  }
}

function checkSecrets(check: OptionsCheck, where: string, secret: unknown): readonly string[] {
  const names: readonly unknown[] = Array.isArray(secret) ? secret : [secret];
  if (names.length === 0) check.refuse(`"${where}" must name at least one variable`);
  for (const name of names) {
    if (isSecretName(name)) {
      if (!isOwnSecret(name)) continue;
      check.refuse(`"${where}": names that begin with "OPENAGENTS_" are the home's own`);
    }
    // What is wrong is not shown: it may be a secret that stands in the place of its name.
    check.refuse(
      `"${where}" must be the name of an environment variable that holds the secret, like "GITHUB_WEBHOOK_SECRET", and not the secret`,
    );
  }
  return names as readonly string[];
}

function checkShown(check: OptionsCheck, where: string, name: unknown): void {
  checkHeader(check, where, name);
  if (isKeptBack(name)) check.refuse(`"${where}": agents get no header like "${name}"`);
}

function checkHeader(check: OptionsCheck, where: string, name: unknown): asserts name is string {
  if (typeof name === "string" && /^[\w!#$%&'*+.^`|~-]{1,100}$/.test(name)) return;
  check.refuse(`"${where}" must be the name of a header`);
}
