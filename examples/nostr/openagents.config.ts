import { defineRuntime } from "@openagents/runtime";
import { client, worker } from "./agents.ts";

/** The same at both homes; who lives where is said when the agents are made. */
export default defineRuntime({ agents: [client, worker] });
