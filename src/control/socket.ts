import type { AgentApp } from "./app.ts";
import { protocolsOf } from "./auth.ts";
import { HttpError } from "./problem.ts";
import { agentRef } from "./query.ts";
import { SUBPROTOCOL } from "./socket-frames.ts";

/** The route of an agent's WebSocket: see `SocketSession` for what is said there. */
export function socketRoute(app: AgentApp): void {
  app.get("/agents/:ref/ws", async (c) => {
    const ref = agentRef(c.req.param("ref"));
    const { accept, runtime } = c.env;
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket" || accept === undefined) {
      const problem = "Cannot GET a WebSocket: connect to it as one";
      throw new HttpError(426, "INVALID", problem, { upgrade: "websocket", connection: "Upgrade" });
    }
    const { id, ticks } = await runtime.status(ref);
    const protocol = protocolsOf(c.req.raw).includes(SUBPROTOCOL) ? SUBPROTOCOL : undefined;
    return accept({ agent: id, ticks, protocol });
  });
}
