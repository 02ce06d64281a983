import { isCarried } from "../core/bundle/rows.ts";
import { isCount, isHex, isObject } from "../core/bundle/manifest.ts";
import type { Envelope } from "../core/envelope.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { FORWARD_POLICIES } from "../core/move.ts";
import type { Departure, Stayed } from "../core/move.ts";
import type { AgentApp } from "./app.ts";
import { bearerOf, unauthorized } from "./auth.ts";
import { checkFields, readObject, requireText, SMALL_BODY } from "./body.ts";
import type { BodyLimit } from "./body.ts";
import { agentRef, oneOf } from "./query.ts";

/** Longest that an agent may be left waiting for its departure, ms: a day. */
const LONGEST_WAIT = 86_400_000;

/** Routes over an agent that moves from or to this home. */
export function moveRoutes(app: AgentApp): void {
  app.post("/agents/:ref/leave", async (c) => {
    const body = await readObject(c.req, SMALL_BODY);
    checkFields(body, { move: "text", wait: "whole number" });
    const wait = body["wait"] as number | undefined;
    if (wait !== undefined && (wait < 1 || wait > LONGEST_WAIT)) {
      throw invalid(`"wait" must be from 1 to ${LONGEST_WAIT} ms`);
    }
    const move = requireText(body, "move");
    return c.json(await c.env.runtime.leave(agentRef(c.req.param("ref")), { move, wait }));
  });

  app.post("/agents/:ref/stay", async (c) => {
    const body = await readObject(c.req, SMALL_BODY);
    checkFields(body, { move: "text", word: "any JSON" });
    const { word } = body;
    if (word !== undefined && !isStayed(word)) throw invalid("it is no word of an old home");
    const move = requireText(body, "move");
    const stayed = await c.env.runtime.stay(agentRef(c.req.param("ref")), move, word);
    return stayed === undefined ? c.body(null, 204) : c.json(stayed);
  });

  app.post("/agents/:ref/depart", async (c) => {
    const body = await readObject(c.req, SMALL_BODY);
    checkFields(body, { move: "text", url: "text", ticket: "text", policy: "text" });
    const receipt = await c.env.runtime.depart(agentRef(c.req.param("ref")), {
      move: requireText(body, "move"),
      url: requireText(body, "url"),
      ticket: body["ticket"] as string | undefined,
      policy: oneOf("policy", body["policy"] as string | undefined, FORWARD_POLICIES),
    });
    return c.json(receipt);
  });

  app.post("/agents/:ref/arrive", async (c) => {
    const body = await readObject(c.req, SMALL_BODY);
    checkFields(body, { agent: "text", move: "text", head: "any JSON", signature: "text" });
    if (!isDeparture(body)) throw invalid("it is no receipt of a departure");
    return c.json(await c.env.runtime.arrive(agentRef(c.req.param("ref")), body));
  });
}

/** Where the old homes of agents deliver mail, and with which header they say how far it has come. */
export const MAIL_PATH = "/agents/:ref/mail";
export const HOPS_HEADER = "x-openagents-hops";

/** The kinds of mail that a home passes on; the others are commands, and a home's own. */
const PASSED_ON: ReadonlySet<string> = new Set([
  "message",
  "request",
  "response",
  "event",
  "mention",
]);

/**
 * The route that mail comes in by from an agent's old homes. The ticket of a move is what lets them
 * in, and in to this alone. `bodyLimit` is for all mail of a request.
 */
export function passedOnRoute(app: AgentApp, bodyLimit: BodyLimit): void {
  app.post(MAIL_PATH, async (c) => {
    const ref = agentRef(c.req.param("ref"));
    const { runtime } = c.env;
    if (!(await runtime.admits(ref, bearerOf(c.req.header("authorization"))))) {
      throw unauthorized("Cannot let in: the ticket is wrong");
    }
    const body = await readObject(c.req, bodyLimit);
    checkFields(body, { mail: "any JSON" });
    const { mail } = body;
    const { id } = await runtime.get(ref);
    if (!Array.isArray(mail)) throw invalid('"mail" must be a list');
    const envelopes = mail.map((one, i) => {
      if (isPassedOn(one, id)) return one;
      throw invalid(`"mail[${i}]" is no mail for this agent`);
    });
    const hops = Number(/^\d{1,3}$/.exec(c.req.header(HOPS_HEADER) ?? "")?.[0] ?? 1);
    return c.json({ receipts: await runtime.deliver(envelopes, hops) });
  });
}

function isPassedOn(value: unknown, to: string): value is Envelope {
  return (
    isCarried(value) && value.to === to && PASSED_ON.has(value.type) && value.source !== "control"
  );
}

function isDeparture(value: Record<string, Json>): value is Record<string, Json> & Departure {
  const { agent, move, head, signature } = value;
  const last = head === null || (isObject(head) && isCount(head["n"]) && isHex(head["hash"], 64));
  return typeof agent === "string" && typeof move === "string" && last && isHex(signature, 128);
}

function isStayed(value: Json): value is Json & Stayed {
  if (!isObject(value)) return false;
  const { agent, move, signature } = value;
  return typeof agent === "string" && typeof move === "string" && isHex(signature, 128);
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read body: ${problem}`);
}
