import { OpenAgentsError } from "../core/errors.ts";
import { isRelayUrl } from "./relay-url.ts";
import { isPublicKey } from "./secp.ts";

/** Bytes of an answer that are read: servers that pay no heed to the name send all they have. */
const MAX_ANSWER = 1_048_576;
/** Relays of an answer that are read. */
const MAX_RELAYS = 20;

/** Whom an internet identifier names (NIP-05). */
export interface Nip05 {
  /** x-only, lower-case hex. */
  readonly publicKey: string;
  /** Where that key can be found, ws: or wss:, each once. */
  readonly relays: readonly string[];
}

/** What NIP-05 needs of the outside. */
export interface Nip05Options {
  /** Which requests may be made, and of whom, is for whoever passes it in. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Ends the request; without one it may take as long as `fetch` lets it. */
  readonly signal?: AbortSignal;
}

/**
 * The key that a domain says is `name@domain`, or, for the domain alone, `_@domain` (NIP-05):
 * undefined when it knows no such name. No redirect is followed, as NIP-05 demands, and no more than
 * a mebibyte read. That a name stands for a key is the word of that domain, now.
 * @throws INVALID for what is no identifier; UNREACHABLE when the domain cannot be asked or gives an
 * answer that is none
 */
export async function resolveNip05(
  identifier: string,
  { fetch, signal }: Nip05Options,
): Promise<Nip05 | undefined> {
  const { name, domain } = parse(identifier);
  const url = `https://${domain}/.well-known/nostr.json?name=${encodeURIComponent(name)}`;
  const failed = (detail: string, cause?: unknown): OpenAgentsError =>
    new OpenAgentsError("UNREACHABLE", `Cannot resolve "${identifier}": ${detail}`, { cause });

  let answer: unknown;
  try {
    const init = { redirect: "manual", headers: { accept: "application/json" } } as const;
    const response = await fetch(url, signal === undefined ? init : { ...init, signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw failed(`its domain answers with status ${response.status}`);
    }
    answer = JSON.parse(await textOf(response));
  } catch (error) {
    if (error instanceof OpenAgentsError) throw error;
    throw failed("its domain cannot be asked, or answers with what is no JSON", error);
  }
  const key = member(member(answer, "names"), name);
  if (key === undefined) return undefined;
  if (!isPublicKey(key)) throw failed("its domain gives a key that is none");
  const relays: unknown = member(member(answer, "relays"), key);
  return { publicKey: key, relays: Array.isArray(relays) ? relaysOf(relays) : [] };
}

function parse(identifier: string): { readonly name: string; readonly domain: string } {
  const text = typeof identifier === "string" ? identifier.trim().toLowerCase() : "";
  const [, name = "_", domain = ""] =
    /^(?:([a-z0-9._-]{1,64})@)?([a-z0-9.-]{4,253})$/.exec(text) ?? [];
  // A name that the whole internet has, and no number: that would be somebody's own network.
  if (/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/.test(domain)) {
    return { name, domain };
  }
  throw new OpenAgentsError("INVALID", 'Cannot resolve identifier: it is not "name@domain"');
}

/** The text of an answer, which is let go as soon as it is too long. */
async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let read = 0;
  for await (const chunk of response.body ?? []) {
    read += chunk.length;
    if (read > MAX_ANSWER) throw new RangeError(`The answer has more than ${MAX_ANSWER} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** A member of its own that an object has. */
function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

function relaysOf(given: readonly unknown[]): readonly string[] {
  const relays = new Set<string>();
  for (const url of given) {
    if (typeof url === "string" && isRelayUrl(url)) relays.add(url);
  }
  return [...relays].slice(0, MAX_RELAYS);
}
