import type { AgentApp } from "./app.ts";
import { readObject } from "./body.ts";
import { mailOf } from "./mail.ts";
import { agentRef, pageAfter, pageLimit, waitTime } from "./query.ts";

export interface MailRouteOptions {
  /** In bytes. */
  readonly bodyLimit: number;
  readonly stopping: AbortSignal | undefined;
}

/** Routes over an agent's inbox and dead letters. */
export function mailRoutes(app: AgentApp, options: MailRouteOptions): void {
  const { bodyLimit, stopping } = options;
  app.post("/agents/:ref/send", async (c) => {
    const ref = agentRef(c.req.param("ref"));
    const timeout = waitTime(c.req.query("wait"));
    const mail = mailOf(await readObject(c.req, bodyLimit), c.req.header("idempotency-key"));
    if (timeout === undefined) return c.json(await c.env.runtime.send(ref, mail), 202);
    const answer = await c.env.runtime.ask(ref, mail, { timeout, signal: stopping });
    return c.json(answer, answer.outcome === "pending" ? 202 : 200);
  });

  app.get("/agents/:ref/inbox", async (c) => {
    const { after, limit } = c.req.query();
    const rows = await c.env.runtime.inbox(
      agentRef(c.req.param("ref")),
      pageAfter(after),
      pageLimit(limit),
    );
    return c.json({ items: rows });
  });

  app.get("/agents/:ref/deadletter", async (c) => {
    const { after, limit } = c.req.query();
    const rows = await c.env.runtime.deadLetters(
      agentRef(c.req.param("ref")),
      pageAfter(after),
      pageLimit(limit),
    );
    return c.json({ items: rows });
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
