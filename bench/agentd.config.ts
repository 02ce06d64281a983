import { defineRuntime } from "../src/core/runtime-definition.ts";
import { AGENTS } from "./agents.ts";

// What the daemon runs when it is measured.
export default defineRuntime({ agents: AGENTS });
