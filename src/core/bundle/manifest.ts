import type { AgentRecord } from "../agent.ts";
import { checkLabels, checkName, isNpub } from "../agent.ts";
import { HOOKS } from "../definition.ts";
import type { AgentDefinition } from "../definition.ts";
import { OpenAgentsError } from "../errors.ts";
import { sha256Hex } from "../hash.ts";
import { canonicalJson } from "../json.ts";
import type { LogHead } from "../ports/index.ts";
import { isShareText } from "../share.ts";

export const FORMAT = "openagents-bundle";
/** The media type of a bundle. */
export const BUNDLE_TYPE = "application/x-tar";
/** Of the bundle's format: raised when older code can no longer read what is written. */
export const VERSION = 1;

/** `manifest.json`, the first entry of a bundle: what it is, and whom it is for. */
export interface Manifest {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  /** When the move began that it is part of, else when it was made, ms since 1970; each move has a later one. */
  readonly createdAt: number;
  /** The release that wrote it. */
  readonly runtime: string;
  /** The public key (hex) of the home that wrote it. */
  readonly home: string;
  /** `account` is null when the key is sealed; `status` is the one before it began to leave. */
  readonly agent: Omit<AgentRecord, "key" | "move" | "labels"> & {
    /** Absent for none, and in a bundle of a release that knew of none. */
    readonly labels?: readonly string[];
  };
  readonly key: SealedKey | LeftKey;
  /** Its type: the version of the shape of its state (0 before the first tick), and `digestOf`. */
  readonly definition: { readonly version: number; readonly digest: string };
  /** The mounts that it was given, each as `mountLine` has it. */
  readonly mounts: readonly string[];
  /** The end of its trajectory; null before the first record. */
  readonly head: LogHead | null;
  /** The move that it is part of; absent for a copy that is only kept. */
  readonly move?: string;
  /** BIP-340, by the agent's key, hex: see `manifestDigest`. */
  readonly signature: string;
}

/** A private key that comes along, for the home with the public key `for` (hex). */
export interface SealedKey {
  readonly sealed: string;
  readonly for: string;
}

/** A private key that only the home with this public key (hex) has. */
export interface LeftKey {
  readonly signer: string;
}

/** What the signature of a manifest is over: 32 bytes, hex. */
export function manifestDigest(manifest: Omit<Manifest, "signature">): string {
  return sha256Hex(`${FORMAT} manifest\n${canonicalJson({ ...manifest, signature: undefined })}`);
}

/** A digest of all of an agent type that its data depends on: equal digests are the same agent. */
export function digestOf(definition: AgentDefinition): string {
  const { name, version, state, hooks, inbox, retry } = definition;
  return sha256Hex(
    canonicalJson({
      name,
      version,
      state: Object.keys(state).sort(),
      hooks: HOOKS.filter((hook) => hooks[hook] !== undefined),
      inbox: { ...inbox },
      retry: { ...retry },
    }),
  );
}

/** The manifest in the text of `manifest.json`. @throws CORRUPT, VERSION */
export function parseManifest(text: string): Manifest {
  const value = parse(text);
  if (!isObject(value) || value["format"] !== FORMAT) throw corrupt("it is no agent's bundle");
  const { version } = value;
  if (!isCount(version) || version < 1) throw corrupt('"version" is not a whole number from 1');
  if (version > VERSION) {
    throw new OpenAgentsError(
      "VERSION",
      `Cannot read bundle: it has version ${version}, and this release knows up to ${VERSION}: use a newer release`,
    );
  }
  for (const [member, fits] of Object.entries(MEMBERS)) {
    if (!fits(value[member])) throw corrupt(`"${member}" of its manifest is wrong`);
  }
  return value as unknown as Manifest;
}

const MEMBERS: Readonly<Record<Exclude<keyof Manifest, "format" | "version">, Fits>> = {
  createdAt: isCount,
  runtime: isText,
  home: (value) => isHex(value, 64),
  agent: isAgent,
  key: (value) =>
    isObject(value) &&
    (isHex(value["signer"], 64) || (isText(value["sealed"]) && isHex(value["for"], 64))),
  definition: (value) => isObject(value) && isCount(value["version"]) && isHex(value["digest"], 64),
  mounts: (value) => Array.isArray(value) && value.every(isText),
  head: (value) =>
    value === null || (isObject(value) && isCount(value["n"]) && isHex(value["hash"], 64)),
  move: (value) => value === undefined || isMoveId(value),
  signature: (value) => isHex(value, 128),
};

type Fits = (value: unknown) => boolean;

/** The statuses in which an agent can be taken along. */
const STATUSES: ReadonlySet<unknown> = new Set([
  "creating",
  "live",
  "paused",
  "failed",
  "quarantined",
]);

function isAgent(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { id, publicKey, name, type, status, account, createdAt, labels } = value;
  const { parent, generation, budget } = value;
  try {
    checkName(name);
    if (labels !== undefined) checkLabels(labels);
  } catch {
    return false;
  }
  if (parent !== undefined && !(isText(parent) && isNpub(parent))) return false;
  if (generation !== undefined && !isCount(generation)) return false;
  if (budget !== undefined && !isShareText(budget)) return false;
  const known = isText(id) && isHex(publicKey, 64) && isText(type) && STATUSES.has(status);
  return known && isCount(createdAt) && (account === null || isCount(account));
}

/** True for what names a move: 1 to 64 letters, digits, "-" and "_". */
export function isMoveId(value: unknown): value is string {
  return typeof value === "string" && /^[\w-]{1,64}$/.test(value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isHex(value: unknown, digits: number): value is string {
  return typeof value === "string" && value.length === digits && /^[0-9a-f]+$/.test(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.isWellFormed();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw corrupt("its manifest is not JSON");
  }
}

/** The error for a bundle that is damaged, or was never one. */
export function corrupt(why: string, cause?: unknown): OpenAgentsError {
  return new OpenAgentsError("CORRUPT", `Cannot read bundle: ${why}`, { cause });
}
