import { OpenAgentsError } from "../../core/errors.ts";
import { contentRevision } from "../../core/if-match.ts";
import type { Random } from "../../core/ports/index.ts";
import { isPublicHost } from "../../core/public-address.ts";
import { checkPatterns, isWanted } from "./events.ts";
import type { NotedTick } from "./events.ts";

/** What a webhook is made of. */
export interface WebhookInput {
  /** Where events go to: `https:`. */
  readonly url: string;
  /** Types of events: one, all below one (`agent.tick.*`), or all (`*`). */
  readonly events: readonly string[];
  /** Names or npubs; the events of these agents only. Default: of all. */
  readonly agents?: readonly string[] | undefined;
  /** The events of agents with one of these labels only. Default: of all. */
  readonly labels?: readonly string[] | undefined;
  readonly description?: string | undefined;
}

export interface WebhookChange extends Partial<WebhookInput> {
  /** False: no events are noted or sent. True makes good again what was given up on. */
  readonly active?: boolean | undefined;
}

/** A subscription to events, as it may be shown. */
export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly agents?: readonly string[];
  readonly labels?: readonly string[];
  readonly description?: string;
  readonly active: boolean;
  /** Why it is not active, when nobody asked for that. */
  readonly disabled?: string;
  /** ms since 1970. */
  readonly createdAt: number;
  /** When it was made active again: what was before does not count. Absent where it always was active. */
  readonly activeSince?: number;
  /** Which version of it this is, by what can be changed of it. */
  readonly revision: string;
}

/** The same as it is stored, with its secrets. */
export interface StoredWebhook extends Omit<Webhook, "revision"> {
  /** The newest first; older ones are good until a time, and sign as well. */
  readonly secrets: readonly { readonly secret: string; readonly until?: number }[];
}

/** A webhook and its secret, which is shown this once. */
export type WebhookWithSecret = Webhook & { readonly secret: string };

/** Which version of a webhook this is. */
export function webhookRevision(webhook: Omit<Webhook, "revision">): string {
  const { url, events, agents, labels, description, active, disabled } = webhook;
  return contentRevision({ url, events, agents, labels, description, active, disabled });
}

/** What may be seen of a webhook. */
export function shownWebhook({ secrets: _secrets, ...webhook }: StoredWebhook): Webhook {
  return { ...webhook, revision: webhookRevision(webhook) };
}

/** A new secret of Standard Webhooks: 32 bytes. */
export function newSecret(random: Random): string {
  return `whsec_${btoa(String.fromCharCode(...random.bytes(32)))}`;
}

const FIELDS: ReadonlySet<string> = new Set([
  "url",
  "events",
  "agents",
  "labels",
  "description",
  "active",
]);

/** Checks what was given of a webhook and leaves out what is undefined. @throws INVALID, DENIED */
export function checkedWebhook(
  given: WebhookChange,
  { allowPrivate }: { readonly allowPrivate: boolean },
): WebhookChange {
  for (const name of Object.keys(given)) {
    if (!FIELDS.has(name)) {
      throw invalid(`there is no "${name}", there are: ${[...FIELDS].join(", ")}`);
    }
  }
  const { url, events, agents, labels, description, active } = given;
  for (const [name, list] of Object.entries({ events, agents, labels })) {
    if (list !== undefined && !isTexts(list)) throw invalid(`"${name}" must be a list of texts`);
  }
  if (description !== undefined && !isTexts([description])) {
    throw invalid('"description" must be text of 1 to 200 characters');
  }
  if (active !== undefined && typeof active !== "boolean") {
    throw invalid('"active" must be true or false');
  }
  return {
    ...(url !== undefined && { url: checkTarget(url, allowPrivate) }),
    ...(events !== undefined && { events: checkPatterns(events) }),
    ...(agents !== undefined && { agents }),
    ...(labels !== undefined && { labels }),
    ...(description !== undefined && { description }),
    ...(active !== undefined && { active }),
  };
}

function isTexts(list: unknown): boolean {
  return (
    Array.isArray(list) &&
    list.length <= 1000 &&
    list.every(
      (text) =>
        typeof text === "string" && text !== "" && text.length <= 200 && text.isWellFormed(),
    )
  );
}

/**
 * Checks where events may go to; gives the address as it is used. Private ones are refused, however they
 * are written, unless they are allowed: by name and address here, and each time by whoever connects.
 * @throws INVALID for what is no address; DENIED for a private one
 */
export function checkTarget(url: unknown, allowPrivate: boolean): string {
  const parsed = typeof url === "string" && url.length <= 2000 ? URL.parse(url) : null;
  if (parsed === null || !["https:", "http:"].includes(parsed.protocol)) {
    throw invalid('"url" must be an address like "https://example.com/events"');
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw invalid('"url" must have no user or password: what is sent is signed');
  }
  if (!allowPrivate && parsed.protocol !== "https:") {
    throw invalid('"url" must begin with "https:", so that nobody on the way can read it');
  }
  if (!allowPrivate && !isPublicHost(parsed.hostname)) throw privateTarget(parsed.hostname);
  parsed.hash = "";
  return parsed.href;
}

/** The error for an address in a network of somebody's own. */
export function privateTarget(host: string): OpenAgentsError {
  return new OpenAgentsError(
    "DENIED",
    `Cannot send to "${host}": it is in a private network, whose services trust whoever is inside: use a public address, or start agentd with --allow-private-webhooks`,
  );
}

/** True when a webhook has to do with an agent. */
export function isAbout(
  { agents, labels }: Omit<Webhook, "revision">,
  agent: NotedTick["agent"],
): boolean {
  if (agents !== undefined && !agents.includes(agent.id) && !agents.includes(agent.name)) {
    return false;
  }
  return labels === undefined || labels.some((label) => agent.labels?.includes(label) === true);
}

/** From when on ticks count for a webhook, ms since 1970. */
export function countsFrom({ createdAt, activeSince }: Omit<Webhook, "revision">): number {
  return activeSince ?? createdAt;
}

/** The types of events of an agent that are to go to a webhook; undefined for none. */
export function wants(
  webhook: Omit<Webhook, "revision">,
  { agent, record }: NotedTick,
): ((type: string) => boolean) | undefined {
  // What was before it does not count, though it is found in the record.
  if (!webhook.active || record.at + record.ms < countsFrom(webhook)) return undefined;
  return isAbout(webhook, agent) ? (type) => isWanted(webhook.events, type) : undefined;
}

function invalid(why: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot make webhook: ${why}`);
}
