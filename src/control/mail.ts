import { isKey } from "../core/agent.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { MailInput } from "../core/runtime.ts";
import { sha256Hex } from "../core/hash.ts";
import { ROOT } from "./access.ts";
import type { Principal } from "./access.ts";
import type { BodyLimit } from "./body.ts";
import type { MailBody } from "./shapes/mail.ts";

/** Bytes that a body may have beyond its payload: the envelope's other fields. */
const ROOM = 65_536;

/** How large a body may be that carries a payload of at most `payload` bytes. */
export function mailLimit(payload: number): BodyLimit {
  return { bytes: payload + ROOM, setBy: '"limits.envelopeBytes" and some room' };
}

/**
 * The mail that a body of `POST /agents/{ref}/send` asks for. `text` stands for a payload that is
 * text; an `Idempotency-Key` stands for the envelope's id. @throws INVALID saying what is wrong
 */
export function mailOf(body: MailBody, key: string | undefined): MailInput {
  const { text, payload = text, ...rest } = body;
  if (payload === undefined) throw refuse('"payload" or "text" is missing');
  if (text !== undefined && body.payload !== undefined) {
    throw refuse('"payload" and "text" are both there');
  }
  if (rest.from !== undefined && isKey(rest.from)) {
    throw refuse('"from" must not be a key: an agent alone sends in its name');
  }
  const mail: MailInput = { ...rest, payload, source: "http" };
  const id = rest.id ?? key;
  if (id === undefined) return mail;
  if (key !== undefined && id !== key) throw refuse('"id" is not the "Idempotency-Key"');
  return { ...mail, id: rest.id ?? idOf(id) };
}

/** The same mail, with its id in the space of whoever sends it. */
export function ownMail(principal: Principal, mail: MailInput): MailInput {
  return mail.id === undefined ? mail : { ...mail, id: ownId(principal, mail.id) };
}

/** A key as an id: those that no envelope can have by their digest. */
function idOf(key: string): string {
  return /^[^/]{1,200}$/.test(key) ? key : sha256Hex(key);
}

/**
 * The id of an envelope that somebody gave: for all but the root token it is in a space of their own, so that
 * nobody takes the id of another's mail, which would then be a duplicate.
 */
export function ownId({ id: owner }: Principal, id: string): string {
  if (owner === ROOT.id) return id;
  const own = `${owner}:${id}`;
  return own.length <= LONGEST_ID ? own : `${owner}:${sha256Hex(id)}`;
}

/** Characters of an envelope's id. */
const LONGEST_ID = 200;

function refuse(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read mail: ${problem}`);
}
