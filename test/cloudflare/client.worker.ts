import { remoteRuntime } from "../../src/control/remote-runtime.ts";

/** Uses a home elsewhere, by the client, and says what came of it. */
export default {
  async fetch(request: Request): Promise<Response> {
    const home = remoteRuntime((await request.json()) as { url: string; token: string });
    const made = await home.with({ idempotencyKey: "one" }).create({ name: "ada", type: "echo" });
    const { replies } = await home.ask("ada", { payload: "hello" }, { timeout: 30_000 });
    let first;
    for await (const event of home.stream("ada", { after: "0", events: ["reply"] })) {
      first = event.event;
      break;
    }
    const missing: unknown = await home.get("nobody").catch((error: unknown) => error);
    const { code } = missing as { readonly code?: string };
    return Response.json({ name: made.name, replies, first, code });
  },
};
