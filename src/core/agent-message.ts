import type { Json } from "./json.ts";
import type { SchemaIssue, SchemaResult, StandardSchema } from "./standard-schema.ts";

/** Asks somebody to do something. `task` is the asker's name for it, in all that follows. */
export interface TaskRequest {
  readonly type: "task_request";
  readonly task: string;
  readonly description: string;
  readonly input?: Json;
  /** Ms since 1970. */
  readonly deadline?: number;
}

/** Says whether it will be done. */
export interface TaskResponse {
  readonly type: "task_response";
  readonly task: string;
  readonly accepted: boolean;
  readonly reason?: string;
}

/** Says that it is done, or cannot be. */
export interface TaskComplete {
  readonly type: "task_complete";
  readonly task: string;
  readonly ok: boolean;
  readonly result?: Json;
  readonly error?: string;
}

/** Hands a task on: whoever gets this answers to `for`. */
export interface TaskDelegate {
  readonly type: "task_delegate";
  readonly task: string;
  /** The npub of the one who asked first. */
  readonly for: string;
  readonly description: string;
  readonly input?: Json;
  readonly deadline?: number;
}

/** Shares something learned. */
export interface PatternShare {
  readonly type: "pattern_share";
  readonly pattern: string;
  /** From 0 to 1. */
  readonly confidence: number;
  readonly tags?: readonly string[];
}

export interface Ping {
  readonly type: "ping";
  readonly nonce?: string;
}

export interface Pong {
  readonly type: "pong";
  /** That of the ping. */
  readonly nonce?: string;
}

/** What agents say to each other in the form of the field: told apart by `type`. */
export type AgentMessage =
  | TaskRequest
  | TaskResponse
  | TaskComplete
  | TaskDelegate
  | PatternShare
  | Ping
  | Pong;

type Fits = (value: unknown) => boolean;
interface Field {
  readonly fits: Fits;
  readonly need: string;
  readonly optional?: true;
}

const text: Field = { fits: isText, need: "text that is not empty" };
const flag: Field = { fits: (value) => typeof value === "boolean", need: "true or false" };
const json: Field = { fits: () => true, need: "JSON" };
const time: Field = {
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  need: "a time in whole milliseconds since 1970",
};
const maybe = (field: Field): Field => ({ ...field, optional: true });

/** The fields of each type of message. Others are let pass, for those who know them. */
const FIELDS: Readonly<Record<AgentMessage["type"], Readonly<Record<string, Field>>>> = {
  task_request: { task: text, description: text, input: maybe(json), deadline: maybe(time) },
  task_response: { task: text, accepted: flag, reason: maybe(text) },
  task_complete: { task: text, ok: flag, result: maybe(json), error: maybe(text) },
  task_delegate: {
    task: text,
    for: { fits: (value) => /^npub1[02-9ac-hj-np-z]{58}$/.test(String(value)), need: "an npub" },
    description: text,
    input: maybe(json),
    deadline: maybe(time),
  },
  pattern_share: {
    pattern: text,
    confidence: {
      fits: (value) => typeof value === "number" && value >= 0 && value <= 1,
      need: "a number from 0 to 1",
    },
    tags: maybe({ fits: (value) => Array.isArray(value) && value.every(isText), need: "texts" }),
  },
  ping: { nonce: maybe(text) },
  pong: { nonce: maybe(text) },
};

/** The schema of `AgentMessage`, for `messageSchema` of an agent type (Standard Schema). */
export const agentMessages: StandardSchema<AgentMessage> = schema((value) =>
  check(value, Object.keys(FIELDS)),
);

/**
 * The same schema with more types of message, each with a schema of its own: a type that is known
 * already is replaced.
 */
export function extendAgentMessages<More extends { readonly type: string }>(
  more: Readonly<Record<More["type"], StandardSchema<More>>>,
): StandardSchema<AgentMessage | More> {
  return schema<AgentMessage | More>((value) => {
    const type = typeOf(value);
    if (type !== undefined && Object.hasOwn(more, type)) {
      return more[type as More["type"]]["~standard"].validate(value);
    }
    return check(value, [...new Set([...Object.keys(FIELDS), ...Object.keys(more)])]);
  });
}

/** The message that a payload is; undefined when it is none. */
export function agentMessageOf(payload: unknown): AgentMessage | undefined {
  const result = check(payload, []);
  return result.issues === undefined ? result.value : undefined;
}

function schema<Output>(
  validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>,
): StandardSchema<Output> {
  return { "~standard": { version: 1, vendor: "openagents", validate } };
}

function check(value: unknown, types: readonly string[]): SchemaResult<AgentMessage> {
  const type = typeOf(value);
  if (type === undefined || !Object.hasOwn(FIELDS, type)) {
    return { issues: [{ message: `must be one of ${types.join(", ")}`, path: ["type"] }] };
  }
  const message = value as Readonly<Record<string, unknown>>;
  const issues: SchemaIssue[] = [];
  for (const [name, { fits, need, optional }] of Object.entries(
    FIELDS[type as AgentMessage["type"]],
  )) {
    const given = Object.hasOwn(message, name) ? message[name] : undefined;
    if (given === undefined ? optional === true : fits(given)) continue;
    issues.push({ message: `must be ${need}`, path: [name] });
  }
  return issues.length > 0 ? { issues } : { value: value as AgentMessage };
}

function typeOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "type"))
    return undefined;
  const { type } = value as { readonly type: unknown };
  return typeof type === "string" ? type : undefined;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
