import type { AgentInfo } from "../core/runtime.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { HttpError } from "./problem.ts";

/** What a key lets its holder do: each scope has what the ones before it have. */
export const SCOPES = ["read", "operate", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** Who makes a request. */
export interface Principal {
  /** `root`, `token:<id>` or an npub: for logs, limits and keys of idempotency. */
  readonly id: string;
  /** `send`: mail to agents that want it, and nothing else. */
  readonly scope: Scope | "send";
  /** The agents that it is bound to, by id or name; absent for no such bound. */
  readonly agents?: readonly string[];
  /** It is bound to agents that have one of these labels. With `agents` too, either is enough. */
  readonly labels?: readonly string[];
  /** Requests in a minute; absent for no limit. */
  readonly rate?: number;
  /** The id of the event by which a Nostr key has signed this request. */
  readonly signed?: string;
}

/** Says who makes a request. */
export interface Access {
  /** @throws DENIED (401) for a request that nobody is known to have made */
  who(request: Request): Principal | Promise<Principal>;
}

/** The one who holds the token of the data directory, or the Worker's secret. */
export const ROOT: Principal = { id: "root", scope: "admin" };

/** @throws DENIED (403) when this scope is not enough */
export function checkScope({ id, scope }: Principal, needed: Scope): void {
  if (scope !== "send" && SCOPES.indexOf(scope) >= SCOPES.indexOf(needed)) return;
  throw new OpenAgentsError(
    "DENIED",
    `Cannot do this with the scope "${scope}" of "${id}": it needs "${needed}"`,
  );
}

/** True for whoever may see some agents only. */
export function isBound({ agents, labels }: Principal): boolean {
  return agents !== undefined || labels !== undefined;
}

/** True when a principal's bounds have this agent within them. */
export function mayTouch(
  { agents, labels }: Principal,
  agent: Pick<AgentInfo, "id" | "name"> & { readonly labels?: readonly string[] | undefined },
): boolean {
  if (agents === undefined && labels === undefined) return true;
  if (agents?.some((ref) => ref === agent.id || ref === agent.name) === true) return true;
  return labels?.some((label) => agent.labels?.includes(label)) === true;
}

/** What a request's `Authorization: Bearer …` header carries. @throws DENIED when it is absent */
export function bearerOf(header: string | null | undefined): string {
  if (header === undefined || header === null) {
    throw unauthorized("Cannot let in: the request carries no token");
  }
  return /^bearer (.*)$/is.exec(header)?.[1] ?? "";
}

/** True for equal texts. The time it takes depends on the length of the secret alone. */
export function sameText(secret: string, given: string): boolean {
  let difference = secret.length ^ given.length;
  for (let i = 0; i < secret.length; i += 1) {
    difference |= secret.charCodeAt(i) ^ (given.charCodeAt(i) | 0);
  }
  return difference === 0;
}

/** The error for a request that nobody is known to have sent. */
export function unauthorized(message: string): HttpError {
  return new HttpError(401, "DENIED", `${message}: send "Authorization: Bearer <token>"`, {
    "www-authenticate": 'Bearer realm="openagents"',
  });
}
