import type { Senders } from "../core/definition.ts";
import type { Access } from "./access.ts";
import type { BodyPace } from "./body.ts";
import type { HookPorts } from "./hook-routes.ts";
import type { ControlApp } from "./operation.ts";
import { perform } from "./perform.ts";
import type { HomeMeasures } from "./prometheus.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { RequestObserver } from "./request-observer.ts";
import { router } from "./router.ts";
import type { SignedRequests } from "./signed-mail.ts";
import type { StillGood } from "./standing.ts";
import type { WebhookAdmin } from "./webhooks.ts";

export type { ControlApp } from "./operation.ts";

/** What the control API needs. */
export interface ControlOptions {
  /** Says who makes a request; only health checks need nobody. */
  readonly access: Access;
  /** The runtime's limits; a body may be a little larger than an envelope's payload. */
  readonly limits: { readonly envelopeBytes: number };
  readonly version: string;
  /** How long the body of a request may take to come; bundles mind their own. Default 30 s. */
  readonly bodyPace?: BodyPace | undefined;
  /** The agent types that can be created, for `GET /runtime/status`. */
  readonly types?: readonly string[];
  /** Takes in what comes to `/hooks/…`. Default: there is no such address. */
  readonly hooks?: HookPorts | undefined;
  /** Webhooks that go out. Default: none can be made. */
  readonly webhooks?: WebhookAdmin | undefined;
  /** Counts the requests of those who have a rate. */
  readonly rates?: RateLimit;
  /** Whether who follows a stream still may. Default: whoever was let in stays in. */
  readonly stillGood?: StillGood | undefined;
  /** Lets in requests that a Nostr key signed. Default: none. */
  readonly signed?: SignedRequests | undefined;
  /** From whose keys agents of a type take mail. Default: from nobody's. */
  readonly senders?: (type: string) => Senders;
  /** False while starting and stopping: requests but the health checks are refused. Default: ready. */
  readonly ready?: () => boolean;
  /** Ends what waits: streams, and sends that wait for an answer. */
  readonly stopping?: AbortSignal;
  /** What the home knows of itself beside what its runtime counts, for `GET /runtime/metrics`. */
  readonly measures?: () => HomeMeasures;
  /** Told of each request. Default: nobody. */
  readonly observer?: RequestObserver | undefined;
  /** Takes secrets out of what is said of errors of the server's own. Default: it stays as it is. */
  readonly redact?: ((text: string) => string) | undefined;
  /** Origins of browsers' pages, beside the API's own, that may use the API (CORS). Default: none. */
  readonly origins?: readonly string[];
  /** Told of errors that are nobody's fault but the server's. */
  readonly onError?: (error: unknown) => void;
}

/**
 * The control API: one handler for Node, Workers and tests. Errors are RFC 9457 problem documents
 * whose `code` is an `ErrorCode`. The runtime comes with each request, `fetch(request, { home, runtime })`,
 * so that one handler serves all the runtimes of a process.
 */
export function controlApi(options: ControlOptions): ControlApp {
  return router(options, (operation) => (c) => perform(operation, c, options));
}
