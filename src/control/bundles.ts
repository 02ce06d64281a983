import { BUNDLE_TYPE } from "../core/bundle/manifest.ts";
import { errorInfo, OpenAgentsError } from "../core/errors.ts";
import { IMPORT_MODES } from "../core/move.ts";
import { decodeNpub } from "../identity/nip19.ts";
import type { AgentApp, HomeApp } from "./app.ts";
import { HttpError } from "./problem.ts";
import { agentRef, moveId, oneOf } from "./query.ts";
import { unread } from "./unread.ts";

/** The route that makes a bundle of an agent. */
export function exportRoute(app: AgentApp): void {
  app.get("/agents/:ref/export", async (c) => {
    // Answered as GET without its body, it would leave a bundle open that nobody reads.
    if (c.req.method === "HEAD") {
      throw new HttpError(405, "INVALID", "Cannot HEAD a bundle: only GET is possible here", {
        allow: "GET",
      });
    }
    const ref = agentRef(c.req.param("ref"));
    const { to, move } = c.req.query();
    const { name } = await c.env.runtime.get(ref);
    const bundle = await c.env.runtime.export(ref, {
      move: moveId(move),
      to: to === undefined ? undefined : publicKeyOf(to),
    });
    return c.body(bundle, 200, {
      "content-type": BUNDLE_TYPE,
      // Names have no character that would have to be quoted.
      "content-disposition": `attachment; filename="${name}.tar"`,
      "cache-control": "no-store",
    });
  });
}

/** Routes over the home that an agent in a bundle is to have. */
export function importRoutes(app: HomeApp): void {
  app.post("/agents/import", async (c) => {
    const type = c.req.header("content-type");
    if (type !== undefined && !/^application\/(?:x-tar|octet-stream)\b/i.test(type)) {
      throw new OpenAgentsError(
        "INVALID",
        `Cannot read bundle: content type is "${type}", not "${BUNDLE_TYPE}"`,
      );
    }
    const mode = oneOf("mode", c.req.query("mode"), IMPORT_MODES);
    const { body } = c.req.raw;
    if (body === null) throw new HttpError(422, "CORRUPT", "Cannot read bundle: it is empty");
    const reader = body.getReader();
    try {
      // To give up reading is not to let go of the connection, which carries the answer.
      const bundle = unread(reader);
      const imported = await c.env.home.import(bundle, { mode, name: c.req.query("name") });
      return c.json(imported, 201, { location: `/agents/${imported.agent.id}` });
    } catch (error) {
      await drain(reader);
      const { code, message } = errorInfo(error);
      // Here these are no damage of what is stored, but faults of what was sent.
      throw code === "CORRUPT" || code === "VERSION" ? new HttpError(422, code, message) : error;
    }
  });
}

/** Bytes of a refused bundle that are let in before the answer goes out, and for how long at most, ms. */
const LET_IN = 16_777_216;
const PATIENCE = 5_000;

/**
 * Reads on what is refused: a client that is still sending may not see the answer before it is done,
 * and some servers cut it off once they have answered. Resolves when enough was read; all that is left
 * is read then, as nobody waits for it.
 */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const enough = Promise.withResolvers<void>();
  const timer = setTimeout(enough.resolve, PATIENCE);
  const run = async (): Promise<void> => {
    for (let left = LET_IN; ;) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.length;
      if (left < 0) enough.resolve();
    }
  };
  run().then(enough.resolve, () => enough.resolve());
  await enough.promise;
  clearTimeout(timer);
}

/** The hex public key that an npub or a hex key stands for. @throws INVALID */
function publicKeyOf(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  return decodeNpub(text);
}
