import type { Operation } from "./operation.ts";
import { agentOperations } from "./operations/agents.ts";
import { bundleOperations } from "./operations/bundles.ts";
import { fileOperations } from "./operations/files.ts";
import { homeOperations } from "./operations/home.ts";
import { keyOperations } from "./operations/keys.ts";
import { mailOperations } from "./operations/mail.ts";
import { metricsOperations } from "./operations/metrics.ts";
import { moveOperations } from "./operations/moves.ts";
import { recordOperations } from "./operations/record.ts";
import { scheduleOperations } from "./operations/schedules.ts";
import { secretOperations } from "./operations/secrets.ts";
import { tokenOperations } from "./operations/tokens.ts";
import { workOperations } from "./operations/work.ts";
import { webhookOperations } from "./operations/webhooks.ts";

/** The whole API: what the router, the document, the clients and the tests are made of. */
export const OPERATIONS: readonly Operation[] = [
  ...homeOperations,
  ...tokenOperations,
  ...secretOperations,
  ...keyOperations,
  ...agentOperations,
  ...workOperations,
  ...mailOperations,
  ...recordOperations,
  ...bundleOperations,
  ...moveOperations,
  ...scheduleOperations,
  ...metricsOperations,
  ...webhookOperations,
  ...fileOperations,
];
