import type { Json } from "../core/json.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { Answer, MailInput, Sent } from "../core/runtime.ts";
import { mailOf } from "./mail.ts";
import { oneOf } from "./query.ts";
import { streamPosition } from "./stream-position.ts";
import { EVENT_NAMES } from "./tick-events.ts";
import type { EventName, StreamEvent } from "./tick-events.ts";

export { CLOSE, PING, PONG, SUBPROTOCOL } from "./socket-protocol.ts";

/** A frame from a client, read. */
export type ClientFrame =
  | { readonly type: "send"; readonly mail: MailInput; readonly wait: boolean }
  | {
      readonly type: "subscribe";
      /** The id to go on from; absent for what happens from now on. */
      readonly after?: string | undefined;
      readonly events?: readonly EventName[] | undefined;
    }
  | { readonly type: "ping" }
  | { readonly type: "pong" };

/** A frame to a client, but for events: those are made by `eventFrame`. */
export type ServerFrame =
  | { readonly type: "hello"; readonly agent: string; readonly cursor: string }
  | { readonly type: "subscribed"; readonly cursor: string }
  | ({ readonly type: "sent" } & Sent)
  | ({ readonly type: "answer" } & Answer)
  | {
      readonly type: "error";
      readonly code: string;
      readonly detail: string;
      /** The `id` of the frame that it is about, where that had one. */
      readonly for?: string | undefined;
    }
  | { readonly type: "ping" }
  | { readonly type: "pong" };

/** An event as a client gets it. */
export interface EventFrame {
  readonly type: "event";
  readonly event: EventName;
  /** Where to go on after it. */
  readonly id: string;
  readonly data: Readonly<Record<string, Json>>;
}

const KEYS: Readonly<Record<string, readonly string[]>> = {
  send: ["id", "payload", "text", "wait"],
  subscribe: ["after", "events"],
  ping: [],
  pong: [],
};

/** What a frame says, before it is known to be one of ours: for errors, which name its `id`. */
export function parseFrame(text: string): Readonly<Record<string, Json>> {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw refuse("it is not JSON");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw refuse("it is not a JSON object");
  }
  return value;
}

/** @throws INVALID saying what is wrong with the frame */
export function clientFrame(frame: Readonly<Record<string, Json>>): ClientFrame {
  const { type, ...fields } = frame;
  if (typeof type !== "string" || !Object.hasOwn(KEYS, type)) {
    throw refuse(`"type" must be one of ${Object.keys(KEYS).join(", ")}`);
  }
  const keys = KEYS[type]!;
  const unknown = Object.keys(fields).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw refuse(`it has ${JSON.stringify(unknown)}, which "${type}" does not know`);
  }
  if (type === "send") {
    const { wait = false, ...mail } = fields;
    if (typeof wait !== "boolean") throw refuse('"wait" must be true or false');
    return { type, mail: { ...mailOf(mail, undefined), source: "websocket" }, wait };
  }
  if (type === "subscribe") return subscribe(fields);
  return { type: type as "ping" | "pong" };
}

function subscribe({ after, events }: Readonly<Record<string, Json>>): ClientFrame {
  if (after !== undefined) {
    if (typeof after !== "string") throw refuse('"after" must be the id of an event, as text');
    streamPosition(after);
  }
  if (events === undefined) return { type: "subscribe", after };
  if (!Array.isArray(events)) throw refuse('"events" must be a list of names');
  const names = events.map((name) => {
    if (typeof name !== "string") throw refuse('"events" must be a list of names');
    return oneOf("events", name, EVENT_NAMES)!;
  });
  return { type: "subscribe", after, events: [...new Set(names)] };
}

const FRAMES = new WeakMap<StreamEvent, string>();

/** The frame of an event, made once for all who get it. */
export function eventFrame(of: StreamEvent): string {
  let frame = FRAMES.get(of);
  if (frame === undefined) {
    frame = `{"type":"event","event":"${of.event}","id":"${of.id}","data":${of.data}}`;
    FRAMES.set(of, frame);
  }
  return frame;
}

function refuse(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read frame: ${problem}`);
}
