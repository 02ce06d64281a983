import type { AgentApp, HomeApp } from "./app.ts";
import { checkFields, readObject, requireText, SMALL_BODY } from "./body.ts";
import { agentRef } from "./query.ts";

/** Routes over the keys of the home as a whole. */
export function homeKeyRoutes(app: HomeApp): void {
  app.get("/runtime/identity", async (c) => c.json(await c.env.home.identity()));

  app.post("/runtime/unlock", async (c) => {
    const body = await readObject(c.req, SMALL_BODY);
    checkFields(body, { passphrase: "text" });
    await c.env.home.unlock(requireText(body, "passphrase"));
    return c.body(null, 204);
  });
}

/** Routes over an agent's key, of which the private half is given out under a password alone. */
export function keyRoutes(app: AgentApp): void {
  app.get("/agents/:ref/key", async (c) =>
    c.json(await c.env.runtime.key(agentRef(c.req.param("ref")))),
  );

  app.post("/agents/:ref/key/export", async (c) => {
    const body = await readObject(c.req, SMALL_BODY);
    checkFields(body, { password: "text" });
    const password = requireText(body, "password");
    const ncryptsec = await c.env.runtime.exportKey(agentRef(c.req.param("ref")), password);
    return c.json({ ncryptsec }, 200, { "cache-control": "no-store" });
  });
}
