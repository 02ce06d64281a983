import { BUNDLE_TYPE } from "../core/bundle/manifest.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { IMPORT_MODES } from "../core/move.ts";
import { decodeNpub } from "../identity/nip19.ts";
import type { AgentApp, HomeApp } from "./app.ts";
import { HttpError } from "./problem.ts";
import { agentRef, moveId, oneOf } from "./query.ts";

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
  app.get("/runtime/identity", async (c) => c.json(await c.env.home.identity()));

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
    if (body === null) throw new OpenAgentsError("CORRUPT", "Cannot read bundle: it is empty");
    const reader = body.getReader();
    try {
      const imported = await c.env.home.import(taken(reader), { mode, name: c.req.query("name") });
      return c.json(imported, 201, { location: `/agents/${imported.agent.id}` });
    } catch (error) {
      drain(reader);
      throw error;
    }
  });
}

/** What a reader reads. To give it up is not to let go of the connection, which carries the answer. */
function taken(reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Lets whoever still sends come to the end, so that the answer is seen. */
function drain(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  const run = async (): Promise<void> => {
    while (!(await reader.read()).done);
  };
  void run().catch(() => undefined);
}

/** The hex public key that an npub or a hex key stands for. @throws INVALID */
function publicKeyOf(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  return decodeNpub(text);
}
