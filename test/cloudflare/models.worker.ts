import { namedTests } from "./shims/node-test.ts";

/** Files of tests, which name their tests when they are first asked for: in a request. */
const FILES: Readonly<Record<string, () => Promise<unknown>>> = {
  call: () => import("../models/call.test.ts"),
  prices: () => import("../models/prices.test.ts"),
  resolve: () => import("../models/resolve.test.ts"),
  scripted: () => import("../models/scripted.test.ts"),
  think: () => import("../models/think.test.ts"),
  tools: () => import("../models/tools.test.ts"),
};

/** Runs the tests of one file; the answer has the names of those that passed, and what went wrong. */
export default {
  async fetch(request: Request): Promise<Response> {
    const file = new URL(request.url).searchParams.get("file");
    if (file === null) return Response.json(Object.keys(FILES));
    const passed: string[] = [];
    const failed: string[] = [];
    try {
      await FILES[file]!();
      for (const { name, run } of namedTests()) {
        try {
          await run();
          passed.push(name);
        } catch (error) {
          failed.push(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
        }
      }
    } catch (error) {
      failed.push(error instanceof Error ? error.stack! : String(error));
    }
    return Response.json({ passed, failed });
  },
};
