import { defineRuntime } from "@openagents/runtime";
import { friend, traveller } from "./traveller.ts";

/** The same at both homes; no agent is there from the start, as one comes and goes. */
export default defineRuntime({ agents: [traveller, friend] });
