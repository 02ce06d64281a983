import type { Hono } from "hono";
import type { Runtime } from "../core/runtime.ts";

/** What each request comes with: the runtime that it is about. */
export interface ControlEnv {
  readonly Bindings: { readonly runtime: Runtime };
}

export type ControlApp = Hono<ControlEnv>;
