import { isKey } from "../core/agent.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { MailInput } from "../core/runtime.ts";
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
 * text; an `Idempotency-Key` is the envelope's id. @throws INVALID saying what is wrong
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
  if (key === undefined) return mail;
  if (rest.id !== undefined && rest.id !== key) throw refuse('"id" is not the "Idempotency-Key"');
  return { ...mail, id: key };
}

function refuse(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read mail: ${problem}`);
}
