import type { HomeApp } from "./app.ts";
import { checkFields, readObject, requireText, SMALL_BODY } from "./body.ts";
import { homeKeyRoutes } from "./keys.ts";
import { resolveRoute } from "./peers.ts";
import { pageLimit, statusFilter } from "./query.ts";

export interface HomeRouteOptions {
  readonly version: string;
  readonly types: readonly string[];
}

/** Routes over the home as a whole: what it is, and the directory of its agents. */
export function homeRoutes(app: HomeApp, { version, types }: HomeRouteOptions): void {
  app.get("/runtime/status", (c) => {
    const { counts: _counts, ...metrics } = c.env.home.metrics();
    return c.json({ version, types, ...metrics });
  });

  resolveRoute(app);
  homeKeyRoutes(app);

  app.post("/agents", async (c) => {
    const body = await readObject(c.req, SMALL_BODY);
    checkFields(body, { name: "text", type: "text", key: "text", password: "text" });
    const agent = await c.env.home.create({
      name: requireText(body, "name"),
      type: requireText(body, "type"),
      key: body["key"] as string | undefined,
      password: body["password"] as string | undefined,
    });
    return c.json(agent, 201, { location: `/agents/${agent.id}` });
  });

  app.get("/agents", async (c) => {
    const { limit, cursor, status, type } = c.req.query();
    const page = await c.env.home.list({
      limit: pageLimit(limit),
      cursor,
      status: statusFilter(status),
      type,
    });
    return c.json(page);
  });
}
