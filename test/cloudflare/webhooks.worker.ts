import { handleHook } from "../../src/control/hooks.ts";
import { defineAgent, defineRuntime, systemClock, systemRandom } from "../../src/index.ts";
import { namedTests } from "./shims/node-test.ts";

const { hooks } = defineRuntime({
  agents: [defineAgent({ name: "a" })],
  hooks: { github: { verify: "github", secret: "GITHUB" } },
});

export default {
  async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname.startsWith("/hooks/")) {
      return handleHook(request, {
        hooks,
        secrets: () => "It's a Secret to Everybody",
        sink: {
          send: async ({ id }) => ({ id, receipt: "accepted" }),
          ask: async ({ id, payload }) => ({
            id,
            receipt: "accepted",
            outcome: "done",
            replies: [{ status: 201, body: payload }],
          }),
        },
        authorize: () => Promise.reject(new Error("not here")),
        clock: systemClock,
        random: systemRandom,
        bodyBytes: 1000,
        bodyTime: 200,
      });
    }
    await import("../drivers/webhook/verify.test.ts");
    const passed: string[] = [];
    const failed: string[] = [];
    for (const { name, run } of namedTests()) {
      try {
        await run();
        passed.push(name);
      } catch (error) {
        failed.push(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
    return Response.json({ passed, failed });
  },
};
