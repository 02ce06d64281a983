import type { Hono } from "hono";
import type { Home, Runtime } from "../core/runtime.ts";
import type { SocketScope } from "./socket-session.ts";

/** What a request about the home as a whole comes with. */
export interface HomeEnv {
  readonly Bindings: { readonly home: Home };
}

/** What a request about one agent comes with: a runtime that has it. */
export interface AgentEnv {
  readonly Bindings: {
    readonly runtime: Runtime;
    /** Turns the request into a WebSocket; absent where it came by a way that has none. */
    readonly accept?: AcceptSocket;
  };
}

/**
 * Makes a WebSocket of the request at hand, for the agent with this id; the answer to it. The socket's
 * client is told how many ticks the agent has had.
 */
export type AcceptSocket = (socket: {
  readonly agent: string;
  readonly ticks: number;
  readonly protocol: string | undefined;
  /** What its client may do; absent: everything. */
  readonly scopes?: readonly SocketScope[] | undefined;
}) => Response;

export type HomeApp = Hono<HomeEnv>;
export type AgentApp = Hono<AgentEnv>;
export type ControlApp = Hono<{ Bindings: HomeEnv["Bindings"] & AgentEnv["Bindings"] }>;
