import type { Context } from "hono";
import { OpenAgentsError } from "../core/errors.ts";
import type { HookDefinition } from "../core/hooks.ts";
import type { Clock, Random } from "../core/ports/index.ts";
import type { HookAddress } from "../drivers/http.ts";
import type { Secrets } from "../drivers/webhook.ts";
import { checkScope, isBound, mayTouch } from "./access.ts";
import type { Principal } from "./access.ts";
import type { ControlOptions } from "./api.ts";
import type { Forward } from "./gateway.ts";
import { directSink } from "./plumbed.ts";
import type { HookSink } from "./plumbed.ts";
import { answerHook, signedSource } from "./hooks.ts";
import type { ControlApp, ControlEnv } from "./operation.ts";

/** What takes requests to `/hooks/…` in. */
export interface HookPorts {
  readonly hooks: ReadonlyMap<string, HookDefinition>;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly random: Random;
  /** Where their mail goes. Default: to the agent that the address names. */
  readonly sink?: HookSink;
}

/** Where requests to `/hooks/…` are answered. */
export interface HookRoutes {
  /** Those that their signature lets in: before anybody is asked for a token. */
  signed(app: ControlApp): void;
  /** All others: once it is known who asks. */
  others(app: ControlApp): void;
}

/**
 * The routes of hooks. Where agents are elsewhere there is a `sink` that reaches them, and `passOn` asks
 * there whether somebody may touch one.
 */
export function hookRoutes(
  options: ControlOptions,
  checkReady: () => void,
  passOn?: Forward,
): HookRoutes | undefined {
  const { hooks: ports, limits, stopping } = options;
  if (ports === undefined) return undefined;
  const { hooks, secrets, clock, random } = ports;
  const take = async (c: Context<ControlEnv>, principal?: Principal): Promise<Response> => {
    checkReady();
    const handling = {
      hooks,
      secrets,
      clock,
      bodyBytes: limits.envelopeBytes,
      stopping,
      trace: c.get("trace"),
      authorize: async (_request: Request, address: HookAddress) =>
        authorize(principal, address, { c, passOn }),
    };
    const sink = ports.sink ?? directSink(c.env.runtime!);
    return answerHook(c.req.raw, { ...handling, random, sink });
  };
  return {
    signed(app) {
      app.use("/hooks/*", (c, next) =>
        signedSource(new URL(c.req.url).pathname, hooks) === undefined ? next() : take(c),
      );
    },
    others(app) {
      app.all("/hooks/*", (c) => take(c, c.get("principal")));
    },
  };
}

/** Who sends. @throws DENIED for whoever may not send to the agent */
async function authorize(
  principal: Principal | undefined,
  { agent }: HookAddress,
  { c, passOn }: { readonly c: Context<ControlEnv>; readonly passOn: Forward | undefined },
): Promise<string> {
  // Without a principal only a signature lets in, and this source has none.
  if (principal === undefined) throw new OpenAgentsError("DENIED", "Cannot let in: nobody asks");
  checkScope(principal, "operate");
  if (!isBound(principal)) return principal.id;
  const denied = new OpenAgentsError(
    "DENIED",
    `Cannot use "${agent ?? "-"}" as "${principal.id}": it is not bound to it`,
  );
  if (agent === undefined) throw denied;
  if (passOn === undefined) {
    if (!mayTouch(principal, await c.env.runtime!.get(agent))) throw denied;
    return principal.id;
  }
  const request = new Request(new URL(`/agents/${encodeURIComponent(agent)}`, c.req.url));
  const { ok } = await passOn(agent, request, { principal, requestId: c.get("requestId") });
  if (!ok) throw denied;
  return principal.id;
}
