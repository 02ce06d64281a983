import { MovedError, OpenAgentsError, errorInfo } from "../core/errors.ts";
import type { Departure, ForwardPolicy, ImportMode, Stayed } from "../core/move.ts";
import type { AgentInfo, RemoteRuntime } from "../core/runtime.ts";

/** What a move needs of a home. */
export type MovingHome = Pick<
  RemoteRuntime,
  "get" | "identity" | "export" | "import" | "leave" | "stay" | "depart" | "arrive"
>;

export interface MoveOptions {
  /** The address of the new home, as its old one reaches it: where mail is passed on to. */
  readonly url: string;
  /** Default `restore`. */
  readonly mode?: Exclude<ImportMode, "clone"> | undefined;
  /** Another name at its new home. */
  readonly name?: string | undefined;
  readonly policy?: ForwardPolicy | undefined;
  /** Ms from when the bundle was read until the old home takes the agent back. Default 300,000. */
  readonly wait?: number | undefined;
  /** Ends the move, and has the agent stay, where it has not departed yet. */
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: MoveStep) => void) | undefined;
}

/** How far a move is. */
export type MoveStep =
  | { readonly step: "leaving"; readonly agent: AgentInfo }
  /** So many bytes of its bundle have gone over. */
  | { readonly step: "sending"; readonly bytes: number }
  | { readonly step: "taken in"; readonly bytes: number; readonly warnings: readonly string[] }
  /** From here on the new home has it. */
  | { readonly step: "departed" }
  | { readonly step: "arrived" };

export interface MoveResult {
  /** The agent at its new home. */
  readonly agent: AgentInfo;
  /** Bytes of its bundle; 0 when a move that had departed before was brought to its end. */
  readonly bytes: number;
  readonly warnings: readonly string[];
}

/** Two homes: where an agent lives, and where it is to live. */
export interface MoveHomes {
  readonly from: MovingHome;
  readonly to: MovingHome;
}

/**
 * Moves an agent from home to home. Whatever ends in the middle of it (this process, either home), the
 * same call again brings it to its end: one that had not departed begins anew, one that had arrives. At
 * every moment at most one home has the agent tick, and one home owns it.
 *
 * When it throws before the agent departed, the agent stays; when it cannot tell, or the new home cannot
 * be reached any more, the error says so.
 * @throws EXISTS when it lives at the new home as well; MOVED when it lives at a third one; BUSY while it
 * is on its way in; and what the homes throw
 */
export async function moveAgent(
  homes: MoveHomes,
  ref: string,
  options: MoveOptions,
): Promise<MoveResult> {
  const { from, to } = homes;
  const agent = await from.get(ref);
  const there = await to.get(agent.id).catch(unknown);
  if (agent.status === "moved") return finish(homes, { agent, there, options });
  if (agent.status === "arriving") {
    throw refuse("BUSY", agent, "it is itself on its way in: bring that move to its end first");
  }
  if (there !== undefined && !BETWEEN.has(there.status)) {
    throw refuse("EXISTS", agent, `it is at its new home already, as "${there.name}"`);
  }
  const move = crypto.randomUUID();
  let sent: Sent | undefined;
  let receipt: Departure;
  try {
    await from.leave(agent.id, { move, wait: options.wait });
    options.onStep?.({ step: "leaving", agent });
    await dropOld(homes, agent);
    sent = await send(homes, { agent, move, options });
    options.signal?.throwIfAborted();
    const { url, policy } = options;
    receipt = await from.depart(agent.id, { move, url, policy, ticket: sent.ticket });
  } catch (error) {
    receipt = await stay(homes, { agent, move, url: options.url, error });
  }
  options.onStep?.({ step: "departed" });
  const arrived = await arrive(to, { agent, receipt, options });
  return { agent: arrived, bytes: sent?.bytes ?? 0, warnings: sent?.warnings ?? [] };
}

/** At a home in one of these an agent is not, or not yet. */
const BETWEEN: ReadonlySet<string> = new Set(["moved", "arriving", "terminated"]);

/** Drops what an earlier move has left at the new home: from now on only this one can depart. */
async function dropOld({ from, to }: MoveHomes, { id }: AgentInfo): Promise<void> {
  const before = await to.get(id).catch(unknown);
  if (before?.status !== "arriving") return;
  const old = before.move?.id ?? "";
  const word = await from.stay(id, old).catch(notOurs);
  // Where nobody gives that word, what comes in now takes its place.
  await to.stay(id, old, word).catch(notOurs);
}

/** The end of a move that has departed. */
async function finish(
  { from, to }: MoveHomes,
  input: {
    readonly agent: AgentInfo;
    readonly there: AgentInfo | undefined;
    readonly options: MoveOptions;
  },
): Promise<MoveResult> {
  const { agent, there, options } = input;
  const { id: move, url } = agent.move ?? { id: "", url: "" };
  if (there !== undefined && !BETWEEN.has(there.status)) {
    return { agent: there, bytes: 0, warnings: [] };
  }
  if (there?.status !== "arriving" || there.move?.id !== move) {
    throw new MovedError(`"${agent.name}" has moved to ${url}`, url ?? "");
  }
  const receipt = await from.depart(agent.id, { move, url: options.url });
  const arrived = await arrive(to, { agent, receipt, options });
  return { agent: arrived, bytes: 0, warnings: [] };
}

interface Sent {
  readonly bytes: number;
  readonly ticket: string | undefined;
  readonly warnings: readonly string[];
}

/** Takes a bundle from home to home as it is made. */
async function send(
  { from, to }: MoveHomes,
  input: { readonly agent: AgentInfo; readonly move: string; readonly options: MoveOptions },
): Promise<Sent> {
  const { agent, move, options } = input;
  const { mode, name, signal, onStep } = options;
  const bundle = await from.export(agent.id, { move, to: (await to.identity()).publicKey });
  const reader = bundle.getReader();
  let bytes = 0;
  let broken: { readonly error: unknown } | undefined;
  const counted = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          signal?.throwIfAborted();
          const { done, value } = await reader.read();
          if (done) return controller.close();
          bytes += value.length;
          controller.enqueue(value);
          onStep?.({ step: "sending", bytes });
        } catch (error) {
          broken ??= { error };
          void reader.cancel(error).catch(() => undefined);
          controller.error(error);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  const { ticket, warnings } = await to.import(counted, { mode, name }).catch((error: unknown) => {
    // What the new home makes of a bundle that ends in the middle is not the reason.
    throw broken === undefined ? error : broken.error;
  });
  onStep?.({ step: "taken in", bytes, warnings });
  return { bytes, ticket, warnings };
}

/** Has the agent stay. @throws `error`, unless it has departed all the same: then its receipt */
async function stay(
  { from, to }: MoveHomes,
  input: {
    readonly agent: AgentInfo;
    readonly move: string;
    readonly url: string;
    readonly error: unknown;
  },
): Promise<Departure> {
  const { agent, move, url, error } = input;
  let word: Stayed | undefined;
  try {
    word = await from.stay(agent.id, move);
  } catch (second) {
    const { code } = errorInfo(second);
    // By this move, or `depart` says by which.
    if (code === "MOVED") return from.depart(agent.id, { move, url });
    // It leaves by another move by now, and not by this one.
    if (code === "INVALID") throw error;
    throw refuse(
      errorInfo(error).code,
      agent,
      `${errorInfo(error).message}: whether it has left is not known: move it again, to the same place`,
      error,
    );
  }
  // Only now that it cannot depart by this move any more. What is left there, the next move replaces.
  await to.stay(agent.id, move, word).catch(() => undefined);
  throw error;
}

async function arrive(
  to: MovingHome,
  input: {
    readonly agent: AgentInfo;
    readonly receipt: Departure;
    readonly options: MoveOptions;
  },
): Promise<AgentInfo> {
  const { agent, receipt, options } = input;
  try {
    const arrived = await to.arrive(agent.id, receipt);
    options.onStep?.({ step: "arrived" });
    return arrived;
  } catch (error) {
    throw refuse(
      errorInfo(error).code,
      agent,
      `it has left its old home, and not arrived: ${errorInfo(error).message}: move it again, to the same place`,
      error,
    );
  }
}

/** For a move that a home cannot end. */
function notOurs(error: unknown): undefined {
  if (errorInfo(error).code !== "INVALID") throw error;
}

function unknown(error: unknown): undefined {
  if (errorInfo(error).code !== "NOT_FOUND") throw error;
}

function refuse(
  code: OpenAgentsError["code"],
  { name }: AgentInfo,
  why: string,
  cause?: unknown,
): OpenAgentsError {
  return new OpenAgentsError(code, `Cannot move "${name}": ${why}`, { cause });
}
