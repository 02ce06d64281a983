import type { Context } from "hono";
import { bytesAbove } from "../core/byte-length.ts";
import type { Senders } from "../core/definition.ts";
import type { RuntimeDefinition } from "../core/runtime-definition.ts";
import type { Envelope } from "../core/envelope.ts";
import { errorInfo, OpenAgentsError } from "../core/errors.ts";
import type { Receipt } from "../core/ports/index.ts";
import type { Runtime, Sent } from "../core/runtime.ts";
import { encodeNpub } from "../identity/nip19.ts";
import type { HttpTokens } from "../identity/nip98.ts";
import type { Principal } from "./access.ts";
import { readText } from "./body.ts";
import { ownId } from "./mail.ts";
import type { BodyLimit, BodyPace } from "./body.ts";
import { checkTaken } from "./plumbed.ts";
import type { ControlEnv } from "./operation.ts";
import { HttpError } from "./problem.ts";
import type { MailBody } from "./shapes/mail.ts";

/** How requests that a Nostr key has signed (NIP-98) are let in: to send mail, and to nothing else. */
export interface SignedRequests {
  readonly tokens: HttpTokens;
  /**
   * The address that clients know the API by, of which they sign the request's. A client may say any `Host`,
   * so the request's own counts only where whoever passes it on has looked.
   * @throws DENIED where it is not known
   */
  readonly address: (request: URL) => URL;
  readonly bodyLimit: BodyLimit;
}

/** From whose keys agents of a type take mail, by their definitions. */
export function sendersOf(
  definition: Pick<RuntimeDefinition, "agents">,
): (type: string) => Senders {
  return (type) => definition.agents.get(type)?.senders ?? NOBODY;
}

const NOBODY: Senders = new Set();

/** Requests in a minute that one key may make. */
const RATE = 60;

/** True for a request that says that a key has signed it. */
export function isSigned(c: Context<ControlEnv>): boolean {
  return /^nostr\b/i.test(c.req.header("authorization") ?? "");
}

/** The key that signed a request. Its body is read, and kept as `text`. @throws DENIED (401) */
export async function signerOf(
  c: Context<ControlEnv>,
  { tokens, address, bodyLimit }: SignedRequests,
  pace?: BodyPace,
): Promise<Principal> {
  const { method, url, path } = c.req;
  if (method !== "POST" || !/^\/agents\/[^/]+\/send$/.test(path)) {
    throw refused("a signed request can send mail to an agent, and do nothing else");
  }
  const text = await readText(c.req, bodyLimit, pace);
  c.set("text", text);
  try {
    const asked = { method, url: address(new URL(url)).href, body: text };
    const event = tokens.verify(c.req.header("authorization"), asked);
    return { id: encodeNpub(event.pubkey), scope: "send", rate: RATE, signed: event.id };
  } catch (error) {
    const { code, message } = errorInfo(error);
    throw code === "DENIED" ? refused(message.replace("Cannot accept request: ", "")) : error;
  }
}

function refused(why: string): HttpError {
  return new HttpError(401, "DENIED", `Cannot let in: ${why}`, {
    "www-authenticate": 'Nostr, Bearer realm="openagents"',
  });
}

/** Mail in the name of the key that signed the request. */
export interface SignedMail {
  readonly ref: string;
  readonly principal: Principal;
  readonly body: MailBody;
  readonly limits: { readonly envelopeBytes: number };
  readonly senders: (type: string) => Senders;
}

/**
 * Puts mail of a key's owner into the inbox of an agent that takes it; resolves when it is durable. The
 * answer of the agent goes to the key.
 * @throws DENIED for a key that the agent takes no mail from; INVALID, LIMIT; what the inbox says
 */
export async function sendSigned(
  runtime: Pick<Runtime, "get" | "accept">,
  { ref, principal, body, limits, senders }: SignedMail,
): Promise<Sent> {
  const agent = await runtime.get(ref).catch((error: unknown) => {
    if (errorInfo(error).code === "NOT_FOUND") throw unwanted(ref, principal);
    throw error;
  });
  const allowed = senders(agent.type);
  if (allowed !== "anyone" && !allowed.has(principal.id)) throw unwanted(ref, principal);
  const { text, payload = text, type = "message", traceId, expiresAt, headers } = body;
  if (payload === undefined) throw invalid('"payload" or "text" is missing');
  if (body.from !== undefined && body.from !== principal.id) {
    throw invalid('"from" must be the key that signed, or absent');
  }
  if (body.priority !== undefined) throw invalid('"priority" is for operators');
  const size = bytesAbove(JSON.stringify(payload), limits.envelopeBytes);
  if (size !== undefined) {
    const most = limits.envelopeBytes;
    throw new OpenAgentsError(
      "LIMIT",
      `Cannot send: the payload has ${size} bytes, limits.envelopeBytes is ${most}`,
    );
  }
  // What is signed says it, and no header: the same request is the same envelope, wherever it comes again.
  const id = ownId(principal, body.id ?? principal.signed ?? "");
  const envelope: Envelope = {
    id,
    sentAt: Date.now(),
    source: "http",
    from: principal.id,
    to: agent.id,
    type,
    payload,
    ...(traceId !== undefined && { traceId }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(headers !== undefined && { headers }),
  };
  const [receipt = "unknown"]: readonly Receipt[] = await runtime.accept([envelope]);
  checkTaken(receipt);
  return { id, receipt };
}

/** For an agent that wants no such mail, and for one that is not there: strangers learn of no agent. */
export function unwanted(ref: string, { id }: Principal): OpenAgentsError {
  return new OpenAgentsError(
    "DENIED",
    `Cannot send: "${ref}" takes no mail from ${id}, or is not there: an agent's type names keys in "senders"`,
  );
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read mail: ${problem}`);
}
