import { defineRuntime } from "../src/index.ts";
import { conformanceAgents, remoteOutside } from "../src/testing/index.ts";

/** The agents of the backend suite, whose outside is where this says. */
export default defineRuntime({
  agents: conformanceAgents(
    remoteOutside(process.env["OPENAGENTS_OUTSIDE"] ?? ""),
    process.env["OPENAGENTS_RELEASE"] === "2" ? 2 : 1,
  ),
});
