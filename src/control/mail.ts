import type { EnvelopeType } from "../core/envelope.ts";
import type { Json } from "../core/json.ts";
import type { MailInput } from "../core/runtime.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { FieldKind } from "./body.ts";
import { isKey } from "../core/agent.ts";
import { checkFields } from "./body.ts";

/** The types that mail from outside may have; the others are the runtime's own. */
export const MAIL_TYPES: readonly EnvelopeType[] = ["message", "request", "event", "mention"];

const FIELDS = {
  payload: "any JSON",
  text: "text",
  id: "text",
  type: "text",
  from: "text",
  priority: "whole number",
  expiresAt: "whole number",
  traceId: "text",
  headers: "object of texts",
} as const satisfies Record<string, FieldKind>;

/**
 * The mail that a body of `POST /agents/{ref}/send` asks for. `text` stands for a payload that is
 * text; an `Idempotency-Key` is the envelope's id. @throws INVALID saying what is wrong
 */
export function mailOf(body: Record<string, Json>, key: string | undefined): MailInput {
  checkFields(body, FIELDS);
  const { text, payload = text, ...rest } = body;
  if (payload === undefined) throw refuse('"payload" or "text" is missing');
  if (text !== undefined && body["payload"] !== undefined) {
    throw refuse('"payload" and "text" are both there');
  }
  if (rest["type"] !== undefined && !MAIL_TYPES.includes(rest["type"] as "message")) {
    throw refuse(`"type" must be one of ${MAIL_TYPES.join(", ")}`);
  }
  if (typeof rest["from"] === "string" && isKey(rest["from"])) {
    throw refuse('"from" must not be a key: an agent alone sends in its name');
  }
  const mail: MailInput = { ...(rest as Omit<MailInput, "payload">), payload, source: "http" };
  if (key === undefined) return mail;
  if (rest["id"] !== undefined && rest["id"] !== key) {
    throw refuse('"id" is not the "Idempotency-Key"');
  }
  return { ...mail, id: key };
}

function refuse(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read mail: ${problem}`);
}
