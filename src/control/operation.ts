import type * as z from "zod/v4";
import type { Context, Hono } from "hono";
import type { Home, Runtime } from "../core/runtime.ts";
import type { Schedules } from "../drivers/scheduler.ts";
import type { Principal, Scope } from "./access.ts";
import type { ControlOptions } from "./api.ts";
import { SMALL_BODY } from "./body.ts";
import type { BodyLimit } from "./body.ts";
import type { Idempotency } from "./idempotency.ts";
import type { TraceVariables } from "./request-observer.ts";
import type { AcceptSocket } from "./socket-request.ts";
import type { SecretAdmin } from "./secrets.ts";
import type { Tokens } from "./tokens.ts";

/** What a request comes with: one API serves all the runtimes of a process. */
export interface ControlBindings {
  readonly home: Home;
  /** That has the agent which the request is about; absent at a gateway. */
  readonly runtime?: Runtime;
  /** Turns the request into a WebSocket; absent where it came by a way that has none. */
  readonly accept?: AcceptSocket | undefined;
  /** What is sent by time; absent where nothing is. */
  readonly schedules?: Schedules | undefined;
  /** The stored tokens; absent where there is the root token alone. */
  readonly tokens?: Tokens | undefined;
  /** The stored secrets; absent where none can be kept. */
  readonly secrets?: SecretAdmin | undefined;
  /** Keeps answers to what is to have effect once; without it such requests are refused. */
  readonly idempotency?: Idempotency | undefined;
}

export interface ControlEnv {
  readonly Bindings: ControlBindings;
  readonly Variables: TraceVariables & {
    principal: Principal;
    requestId: string;
    /** The body, where it was read before it was known who asks. */
    text?: string;
  };
}

export type ControlApp = Hono<ControlEnv>;

/** The answers of an operation: what each status comes with. */
export type Answers = Readonly<Record<number, AnswerShape>>;

export interface AnswerShape {
  readonly description: string;
  /** Of a JSON body; without it and a media type the answer is empty. */
  readonly body?: z.ZodType;
  /** Of a body that is no JSON; beside one that is, what else it may be. */
  readonly type?: string;
}

/** What a parameter of a query is: how it is read, and how it is described. */
export type Query = Readonly<Record<string, z.ZodType>>;
type QueryOf<Q extends Query> = { readonly [K in keyof Q]: z.output<Q[K]> };

/** Who asks for what, before more of it is read. */
export interface Address {
  /** The agent that the address names, where it does. */
  readonly ref: string;
  /** The other parts of the address, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly home: Home;
  readonly runtime: Runtime;
  readonly principal: Principal;
  readonly options: ControlOptions;
  /** The OpenAPI document of the whole API. */
  readonly document: () => object;
  readonly c: Context<ControlEnv>;
}

/** What a request asks for, read and checked. */
export interface Call<Q, B> extends Address {
  readonly query: Q;
  readonly body: B;
}

/** How an operation answers: with a status that it has, and what comes with that. */
export type Answerer<A extends Answers> = <S extends keyof A & number>(
  status: S,
  ...rest: A[S] extends { readonly body: z.ZodType<infer T> }
    ? [body: T, headers?: Readonly<Record<string, string>>]
    : []
) => Response;

/** One operation of the API: all that is known of it, and what it does. */
export interface OperationSpec<Q extends Query, B, A extends Answers> {
  /** Its name in the document and in clients: a verb and a noun. */
  readonly id: string;
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /**
   * With `{name}` for a part that names something; `{ref}` is an agent. `{path...}` at the end is all that
   * follows, which may be nothing: see `restOf`. Such an address gives way to every other one.
   */
  readonly path: string;
  /** Another address of it, of the same kind. It is known by the first one. */
  readonly also?: string;
  /** `open`: for everybody. `ticket`: the operation itself looks at who asks. */
  readonly scope: Scope | "open" | "ticket";
  readonly tag: Tag;
  /** One line. */
  readonly summary: string;
  /** More than the summary says. */
  readonly description?: string;
  /** What the parts of the path other than `{ref}` are. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Q;
  /** Headers of the request that mean something here, and what. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: z.ZodType<B>;
  /** Default: small. */
  readonly bodyLimit?: (options: ControlOptions) => BodyLimit;
  /** The media type of a body that the operation reads itself. */
  readonly stream?: string;
  /** About the home, and still for those who are bound to some agents: it shows no others. */
  readonly bound?: true;
  /** HEAD is answered as GET is, without its body. Default: where answers are JSON. */
  readonly head?: true;
  /** It has effect once by itself, under its `Idempotency-Key`. */
  readonly idempotent?: true;
  /** A Nostr key may sign for it, which has no other right. */
  readonly signed?: true;
  /** Its answer has a secret, which is shown once and kept nowhere. */
  readonly secret?: true;
  readonly answers: A;
  /** Says who may do this where no scope does, before the body is read. @throws DENIED */
  readonly admit?: (call: Address) => Promise<void>;
  readonly run: (call: Call<QueryOf<Q>, B>, answer: Answerer<A>) => Promise<Response> | Response;
}

/** The groups of the document. */
export const TAGS = {
  Agents: "Agents and their lives.",
  Mail: "What agents are sent, and what could not be dealt with.",
  Record: "What agents did, and do now.",
  Files: "Agents as trees of files.",
  Tokens: "Who may use this API, and for what.",
  Secrets: "What models and tools are given, and nobody is shown.",
  Keys: "Agents' keys and the home's own.",
  Moves: "Agents that are copied, or move between homes.",
  Schedules: "What is sent to agents by time.",
  Webhooks: "Events of agents that go out to whoever subscribes to them.",
  Runtime: "The home as a whole.",
} as const;
export type Tag = keyof typeof TAGS;

/** An operation, whatever it takes and gives. */
export interface Operation extends Omit<OperationSpec<Query, unknown, Answers>, "run"> {
  readonly bodyLimit: (options: ControlOptions) => BodyLimit;
  readonly run: (
    call: Call<unknown, unknown>,
    answer: Answerer<Answers>,
  ) => Promise<Response> | Response;
}

/** Defines an operation. */
export function operation<const Q extends Query, B, const A extends Answers>(
  spec: OperationSpec<Q, B, A>,
): Operation {
  return { bodyLimit: () => SMALL_BODY, ...spec } as unknown as Operation;
}

/** True for an operation over one agent: the path names it. */
export function isAboutAgent({ path }: Operation): boolean {
  return /^(?:\/fs)?\/agents\/\{ref\}/.test(path);
}

/** A path as the router has it. */
export function routePath({ path }: Pick<Operation, "path">): string {
  return path.replace(/\{\w+\.\.\.\}$/, "*").replaceAll(/\{(\w+)\}/g, ":$1");
}

/** True for an address that has all that is below it. */
export function hasRest({ path }: Pick<Operation, "path">): boolean {
  return path.endsWith("...}");
}

/** True for an operation whose answers are kept under an `Idempotency-Key`. */
export function takesKey({ method, idempotent, stream, scope }: Operation): boolean {
  return method === "post" && idempotent !== true && stream === undefined && scope !== "ticket";
}
