import type { ControlApp } from "./app.ts";
import { checkFields, readObject, requireText } from "./body.ts";
import { agentRef, flag, pageLimit, statusFilter } from "./query.ts";

const CREATE_LIMIT = 65_536;

/** Routes over the directory of agents and their lifecycle. */
export function agentRoutes(app: ControlApp): void {
  app.post("/agents", async (c) => {
    const body = await readObject(c.req, CREATE_LIMIT);
    checkFields(body, { name: "text", type: "text" });
    const agent = await c.env.runtime.create({
      name: requireText(body, "name"),
      type: requireText(body, "type"),
    });
    return c.json(agent, 201, { location: `/agents/${agent.id}` });
  });

  app.get("/agents", async (c) => {
    const { limit, cursor, status, type } = c.req.query();
    const page = await c.env.runtime.list({
      limit: pageLimit(limit),
      cursor,
      status: statusFilter(status),
      type,
    });
    return c.json(page);
  });

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
