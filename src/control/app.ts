import type { Hono } from "hono";
import type { Home, Runtime } from "../core/runtime.ts";

/** What a request about the home as a whole comes with. */
export interface HomeEnv {
  readonly Bindings: { readonly home: Home };
}

/** What a request about one agent comes with: a runtime that has it. */
export interface AgentEnv {
  readonly Bindings: { readonly runtime: Runtime };
}

export type HomeApp = Hono<HomeEnv>;
export type AgentApp = Hono<AgentEnv>;
export type ControlApp = Hono<{ Bindings: HomeEnv["Bindings"] & AgentEnv["Bindings"] }>;
