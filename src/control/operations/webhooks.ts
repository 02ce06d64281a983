import * as z from "zod/v4";
import { OpenAgentsError } from "../../core/errors.ts";
import type { ControlOptions } from "../api.ts";
import { etagOf, revisionsOf } from "../etag.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { limitParameter } from "../query.ts";
import { pageOf } from "../shapes/shape.ts";
import {
  attempt,
  delivery,
  webhook,
  webhookChange,
  webhookInput,
  webhookReport,
  webhookWithSecret,
} from "../shapes/webhook.ts";
import type { WebhookAdmin } from "../webhooks.ts";

const id = "A webhook's id.";
const IF_MATCH = {
  "If-Match": "The ETag of the webhook as it was: refused (412) when it has changed.",
};

/** @throws NOT_FOUND where a home has none */
function of({ webhooks }: ControlOptions): WebhookAdmin {
  if (webhooks !== undefined) return webhooks;
  throw new OpenAgentsError("NOT_FOUND", "Cannot use webhooks: this home sends none");
}

/** Operations over webhooks: events that go out. An address may be a secret itself, so all are for admins. */
export const webhookOperations: readonly Operation[] = [
  operation({
    id: "createWebhook",
    method: "post",
    path: "/webhooks",
    scope: "admin",
    tag: "Webhooks",
    summary: "Has events of agents sent to an address",
    body: webhookInput,
    secret: true,
    answers: { 201: { description: "The webhook, with its secret.", body: webhookWithSecret } },
    async run({ options, body }, answer) {
      const made = await of(options).create(body);
      return answer(201, made, { location: `/webhooks/${made.id}`, etag: etagOf(made) });
    },
  }),
  operation({
    id: "listWebhooks",
    method: "get",
    path: "/webhooks",
    scope: "admin",
    tag: "Webhooks",
    summary: "Lists webhooks, in the order in which they were made",
    answers: { 200: { description: "All of them.", body: pageOf(webhook) } },
    run: async ({ options }, answer) => answer(200, { items: await of(options).list() }),
  }),
  operation({
    id: "getWebhook",
    method: "get",
    path: "/webhooks/{id}",
    scope: "admin",
    tag: "Webhooks",
    summary: "Shows a webhook, and how its receiver is",
    params: { id },
    answers: { 200: { description: "The webhook.", body: webhookReport } },
    async run({ options, params }, answer) {
      const found = await of(options).get(params["id"]!);
      return answer(200, found, { etag: etagOf(found) });
    },
  }),
  operation({
    id: "updateWebhook",
    method: "patch",
    path: "/webhooks/{id}",
    scope: "admin",
    tag: "Webhooks",
    summary: "Changes a webhook",
    params: { id },
    headers: IF_MATCH,
    body: webhookChange,
    answers: { 200: { description: "The webhook as it is now.", body: webhook } },
    async run({ options, params, body, c }, answer) {
      const ifMatch = revisionsOf(c.req.header("if-match"));
      const after = await of(options).update(params["id"]!, body, { ifMatch });
      return answer(200, after, { etag: etagOf(after) });
    },
  }),
  operation({
    id: "deleteWebhook",
    method: "delete",
    path: "/webhooks/{id}",
    scope: "admin",
    tag: "Webhooks",
    summary: "Removes a webhook with all that waits for it",
    params: { id },
    headers: IF_MATCH,
    answers: { 204: { description: "It is gone." } },
    async run({ options, params, c }, answer) {
      await of(options).remove(params["id"]!, { ifMatch: revisionsOf(c.req.header("if-match")) });
      return answer(204);
    },
  }),
  operation({
    id: "rotateWebhook",
    method: "post",
    path: "/webhooks/{id}/rotate",
    scope: "admin",
    tag: "Webhooks",
    summary: "Gives a webhook a new secret",
    description: "The old one signs as well for a day.",
    params: { id },
    secret: true,
    answers: { 200: { description: "The webhook, with its secret.", body: webhookWithSecret } },
    run: async ({ options, params }, answer) =>
      answer(200, await of(options).rotate(params["id"]!)),
  }),
  operation({
    id: "pingWebhook",
    method: "post",
    path: "/webhooks/{id}/ping",
    scope: "admin",
    tag: "Webhooks",
    summary: "Sends an event by which a receiver is tried, once",
    params: { id },
    answers: { 200: { description: "What became of it.", body: attempt } },
    run: async ({ options, params }, answer) => answer(200, await of(options).ping(params["id"]!)),
  }),
  operation({
    id: "listDeliveries",
    method: "get",
    path: "/webhooks/{id}/deliveries",
    scope: "admin",
    tag: "Webhooks",
    summary: "Lists what was sent to a webhook and what waits, the newest first",
    params: { id },
    query: { limit: limitParameter },
    answers: { 200: { description: "The newest.", body: pageOf(delivery) } },
    run: async ({ options, params, query: { limit } }, answer) =>
      answer(200, { items: await of(options).deliveries(params["id"]!, limit) }),
  }),
  operation({
    id: "redeliver",
    method: "post",
    path: "/webhooks/{id}/deliveries/{delivery}/redeliver",
    scope: "admin",
    tag: "Webhooks",
    summary: "Sends an event again that was delivered or given up",
    params: { id, delivery: "The id of a delivery that is over." },
    answers: {
      202: {
        description: "The new delivery of the same event.",
        body: z.strictObject({ id: z.string() }),
      },
    },
    run: async ({ options, params }, answer) =>
      answer(202, await of(options).redeliver(params["id"]!, params["delivery"]!)),
  }),
];
