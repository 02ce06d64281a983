import type { AgentApp } from "./app.ts";
import { agentRef, flag } from "./query.ts";

/** Routes over one agent and its lifecycle. */
export function agentRoutes(app: AgentApp): void {
  app.get("/agents/:ref", async (c) =>
    c.json(await c.env.runtime.get(agentRef(c.req.param("ref")))),
  );

  app.delete("/agents/:ref", async (c) => {
    const ref = agentRef(c.req.param("ref"));
    if (flag("purge", c.req.query("purge"))) await c.env.runtime.purge(ref);
    else await c.env.runtime.terminate(ref);
    return c.body(null, 204);
  });

  app.post("/agents/:ref/tick", async (c) =>
    c.json(await c.env.runtime.tick(agentRef(c.req.param("ref")))),
  );
  app.post("/agents/:ref/wake", async (c) =>
    c.json(await c.env.runtime.wake(agentRef(c.req.param("ref")))),
  );
  app.post("/agents/:ref/hibernate", async (c) =>
    c.json(await c.env.runtime.hibernate(agentRef(c.req.param("ref")))),
  );
  app.get("/agents/:ref/status", async (c) =>
    c.json(await c.env.runtime.status(agentRef(c.req.param("ref")))),
  );
  app.get("/agents/:ref/state", async (c) =>
    c.json(await c.env.runtime.state(agentRef(c.req.param("ref")))),
  );
}
