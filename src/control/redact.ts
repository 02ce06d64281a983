import type { RuntimeDefinition } from "../core/runtime-definition.ts";
import { mcpSecrets } from "../core/mcp-servers.ts";
import type { Tool } from "../core/ports/model.ts";
import { BIP39_WORDS } from "../identity/nip06.ts";

/** What stands where a secret was. */
export const REDACTED = "***";

/** Takes secrets out of whatever is to be logged or told: texts, and all that is in a value. */
export interface Redactor {
  readonly text: (text: string) => string;
  /** A copy of a value as JSON can have it, with no secret in it. Never throws. */
  readonly value: (value: unknown) => unknown;
  /** From now on it knows this secret too, of 4 characters or more. */
  readonly learn: (secret: string) => void;
}

/** What is called so is secret. */
const NAMES =
  "pass(?:phrase|word|wd)?|mnemonic|secret|token|api[_-]?key|(?:private|secret|access)[_-]?key|nsec|authorization|cookie|credentials?";
const VALUE = String.raw`(?:\\+"[^"]*"|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s&"',;)}\]]+)`;

/** A value with its name before it: what stands before the name, the name, and what is between. */
function named(before: string, between: string): RegExp {
  return new RegExp(String.raw`${before}([\w-]*(?:${NAMES}))(${between})${VALUE}`, "gi");
}

/** Secrets that are known by their shape; the group, where there is one, is what stays. */
const SHAPES: readonly (readonly [shape: RegExp, instead: string])[] = [
  [/oat_[A-Za-z0-9]+_[A-Za-z0-9_-]{12,}|\boat_[A-Za-z0-9_.-]+/gi, REDACTED],
  [/\b(bearer|nostr|basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${REDACTED}`],
  [/(?:nsec|ncryptsec)1[a-z0-9]+/gi, REDACTED],
  // Who somebody is in an address: up to the last "@" before its path.
  [/(:\/\/)[^\s/?#"'<>\\]{1,1000}@/g, `$1${REDACTED}@`],
  [/\bwhsec_[A-Za-z0-9+/=_-]+/gi, REDACTED],
  // "name": "value", also within a text of JSON, and name=value or name: value, up to where it ends.
  [named(String.raw`(\\{0,8}["'])`, String.raw`\1\s*:\s*`), `$1$2$3${REDACTED}`],
  [named(String.raw`((?<![\w-]))`, String.raw`\s*[=:]\s*`), `$1$2$3${REDACTED}`],
];

/** Members of a value that are secret whatever they hold: `token`, `access_token`, `accessToken`. */
const SECRET_NAMES = new RegExp(`^(?:.*[_-])?(?:${NAMES})$`, "i");

function isSecretName(name: string): boolean {
  return SECRET_NAMES.test(name.replaceAll(/([a-z0-9])(?=[A-Z])/g, "$1_"));
}

/** Shorter ones are often words, which would go wherever they stand. */
const SHORTEST = 8;
/** Of those that somebody stored as secrets, which are seldom words. */
const SHORTEST_LEARNT = 4;
/** How many are learnt; the oldest make room. */
const LEARNT = 1_000;
const MNEMONIC_WORDS = 12;
const DEEPEST = 12;

/**
 * A redactor that also knows these secrets, such as the values of `OPENAGENTS_PASSPHRASE` and the root
 * token, wherever they stand, also as JSON and URLs write them. Those of fewer than 8 characters are
 * not looked for.
 */
export function redactor(secrets: readonly (string | undefined)[] = []): Redactor {
  const given = secrets.flatMap(spellings).filter((secret) => secret.length >= SHORTEST);
  const learnt = new Map<string, readonly string[]>();
  const all = (): readonly string[] =>
    [...new Set([...given, ...[...learnt.values()].flat()])].sort((a, b) => b.length - a.length);
  let known = all();

  const text = (dirty: string): string => {
    let clean = dirty;
    for (const secret of known) clean = clean.replaceAll(secret, REDACTED);
    clean = withoutMnemonics(clean);
    for (const [shape, instead] of SHAPES) clean = clean.replace(shape, instead);
    return clean;
  };

  const walk = (value: unknown, above: readonly object[]): unknown => {
    if (typeof value === "string") return text(value);
    if (typeof value === "bigint" || typeof value === "symbol") return text(String(value));
    if (typeof value === "function") return "function";
    if (typeof value !== "object" || value === null) return value;
    if (above.includes(value)) return "circular";
    if (above.length >= DEEPEST) return "too deep";
    const path = [...above, value];
    if (value instanceof Error) return walk(errorFields(value), path);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      return `${value.byteLength} bytes`;
    }
    if (value instanceof Map) return walk([...value], path);
    if (value instanceof Set || Array.isArray(value)) {
      return Array.from(value as Iterable<unknown>, (one) => walk(one, path));
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        text(name),
        isSecretName(name) && member !== undefined ? REDACTED : walk(member, path),
      ]),
    );
  };

  return {
    text,
    value(value) {
      try {
        return walk(value, []);
      } catch {
        return "unreadable";
      }
    },
    learn(secret) {
      if (learnt.has(secret)) return;
      if (learnt.size >= LEARNT) learnt.delete(learnt.keys().next().value!);
      const long = spellings(secret).filter((form) => form.length >= SHORTEST_LEARNT);
      learnt.set(secret, long);
      known = all();
    },
  };
}

/** Variables whose names say that they are secret. */
const SECRET_VARIABLES =
  /(?:^|_)(?:TOKEN|SECRET|KEY|PASSWORD|PASSPHRASE|MNEMONIC|CREDENTIALS?)$|^OTEL_EXPORTER_OTLP_(?:TRACES_)?HEADERS$/;

/**
 * The variables that are secret, name and value: by what they are called, as `names` or as `OPENAGENTS_REDACT`
 * names them. What is no text, as the bindings of a Worker, is none.
 */
export function secretVariables(
  env: Readonly<Record<string, unknown>>,
  names: readonly string[] = [],
): [name: string, value: string][] {
  const { OPENAGENTS_REDACT: more } = env;
  const listed = typeof more === "string" ? more.split(",").map((name) => name.trim()) : [];
  const named = new Set([...names, ...listed]);
  return Object.entries(env).flatMap(([name, value]) => {
    if (typeof value !== "string" || value === "") return [];
    return named.has(name) || SECRET_VARIABLES.test(name) ? [[name, value]] : [];
  });
}

/** Their values alone. */
export function secretValues(...given: Parameters<typeof secretVariables>): string[] {
  return secretVariables(...given).map(([, value]) => value);
}

/** The names of the secrets that hooks, servers of tools and tools may have. */
export function declaredSecrets({
  hooks,
  mcp,
  agents,
}: Pick<RuntimeDefinition, "hooks" | "mcp" | "agents">): readonly string[] {
  // What they are is checked later, by the thinker.
  const tools: (Partial<Tool> | null | undefined)[] = [...agents.values()].flatMap(({ thinking }) =>
    Object.values(thinking?.tools ?? {}),
  );
  const ofTool = (tool: Partial<Tool> | null | undefined): readonly string[] =>
    Array.isArray(tool?.secrets) ? tool.secrets : [];
  return [
    ...[...hooks.values()].flatMap(({ secrets }) => secrets),
    ...mcpSecrets(mcp),
    ...tools.flatMap(ofTool),
  ];
}

/** A secret as it may stand in a text: as it is, and as JSON and URLs write it. */
function spellings(secret: string | undefined): readonly string[] {
  if (secret === undefined || secret === "") return [];
  const json = JSON.stringify(secret).slice(1, -1);
  return [secret, json, encodeURIComponent(secret.toWellFormed()), secret.trim()];
}

/** A text without runs of 12 or more of the words that mnemonics (BIP-39) are of. */
function withoutMnemonics(text: string): string {
  const words = [...text.matchAll(/\p{L}+/gu)];
  let clean = "";
  let kept = 0;
  let first = 0;
  const flush = (end: number): void => {
    if (end - first < MNEMONIC_WORDS) return;
    clean += text.slice(kept, words[first]!.index) + REDACTED;
    kept = words[end - 1]!.index + words[end - 1]![0].length;
  };
  words.forEach((word, i) => {
    const before = words[i - 1];
    const gap = before === undefined ? "" : text.slice(before.index + before[0].length, word.index);
    // Between words of a mnemonic is space, or what lists have.
    if (!BIP39_WORDS.has(word[0].toLowerCase())) {
      flush(i);
      first = i + 1;
    } else if (gap.length > 16 || /[^\s,;:."'`\d()[\]{}\\-]/.test(gap)) {
      flush(i);
      first = i;
    }
  });
  flush(words.length);
  return clean + text.slice(kept);
}

function errorFields(error: Error): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const { code } = error as { readonly code?: unknown };
  return {
    name,
    message,
    ...(code !== undefined && { code }),
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && { cause }),
  };
}
