import type { MailRow } from "../core/ports/index.ts";
import type { AgentApp } from "./app.ts";
import { readObject } from "./body.ts";
import type { BodyLimit } from "./body.ts";
import { mailOf } from "./mail.ts";
import { numberedPage } from "./page.ts";
import { agentRef, waitTime } from "./query.ts";
import { mailInTrace } from "./request-observer.ts";

export interface MailRouteOptions {
  readonly bodyLimit: BodyLimit;
  readonly stopping: AbortSignal | undefined;
}

const MAIL = {
  number: ({ position }: MailRow) => position,
  size: ({ envelope }: MailRow) => JSON.stringify(envelope).length,
};

/** Routes over an agent's inbox and dead letters. */
export function mailRoutes(app: AgentApp, options: MailRouteOptions): void {
  const { bodyLimit, stopping } = options;
  app.post("/agents/:ref/send", async (c) => {
    const ref = agentRef(c.req.param("ref"));
    const timeout = waitTime(c.req.query("wait"));
    const body = await readObject(c.req, bodyLimit);
    const mail = mailInTrace(mailOf(body, c.req.header("idempotency-key")), c.get("trace"));
    if (timeout === undefined) return c.json(await c.env.runtime.send(ref, mail), 202);
    const answer = await c.env.runtime.ask(ref, mail, { timeout, signal: stopping });
    return c.json(answer, answer.outcome === "pending" ? 202 : 200);
  });

  app.get("/agents/:ref/inbox", async (c) => {
    const ref = agentRef(c.req.param("ref"));
    const read = (after: number, limit: number) => c.env.runtime.inbox(ref, after, limit);
    return c.json(await numberedPage(c.req.query(), { read, ...MAIL }));
  });

  app.get("/agents/:ref/deadletter", async (c) => {
    const ref = agentRef(c.req.param("ref"));
    const read = (after: number, limit: number) => c.env.runtime.deadLetters(ref, after, limit);
    return c.json(await numberedPage(c.req.query(), { read, ...MAIL }));
  });

  app.post("/agents/:ref/deadletter/:id/replay", async (c) => {
    await c.env.runtime.replay(agentRef(c.req.param("ref")), c.req.param("id"));
    return c.body(null, 204);
  });
  app.post("/agents/:ref/deadletter/:id/discard", async (c) => {
    await c.env.runtime.discard(agentRef(c.req.param("ref")), c.req.param("id"));
    return c.body(null, 204);
  });
}
