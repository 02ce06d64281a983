import type { Hono } from "hono";
import type { Home, Runtime } from "../core/runtime.ts";
import type { TraceVariables } from "./request-observer.ts";

/** What a request about the home as a whole comes with. */
export interface HomeEnv {
  readonly Bindings: { readonly home: Home };
  readonly Variables: TraceVariables;
}

/** What a request about one agent comes with: a runtime that has it. */
export interface AgentEnv {
  readonly Bindings: { readonly runtime: Runtime };
  readonly Variables: TraceVariables;
}

export type HomeApp = Hono<HomeEnv>;
export type AgentApp = Hono<AgentEnv>;
export type ControlApp = Hono<{
  Bindings: HomeEnv["Bindings"] & AgentEnv["Bindings"];
  Variables: TraceVariables;
}>;
