import { OpenAgentsError } from "../core/errors.ts";
import type { AgentApp, HomeApp } from "./app.ts";
import { agentRef, pageLimit } from "./query.ts";

/** The route over whom an agent knows. */
export function peerRoutes(app: AgentApp): void {
  app.get("/agents/:ref/peers", async (c) => {
    const { after = "", limit } = c.req.query();
    const ref = agentRef(c.req.param("ref"));
    return c.json({ items: await c.env.runtime.peers(ref, after, pageLimit(limit)) });
  });
}

/** The route that says who is meant by a name. */
export function resolveRoute(app: HomeApp): void {
  app.get("/runtime/resolve", async (c) => {
    const name = c.req.query("name") ?? "";
    if (name === "" || name.length > 400) {
      throw new OpenAgentsError("INVALID", 'Cannot read query: "name" must be a name or a key');
    }
    return c.json(await c.env.home.resolve(name));
  });
}
