import type { MailRow } from "../../core/ports/index.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { numberedPage } from "../page.ts";
import { mailLimit, mailOf, ownMail } from "../mail.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { afterParameter, limitParameter, waitParameter } from "../query.ts";
import { mailInTrace } from "../request-observer.ts";
import { sendSigned } from "../signed-mail.ts";
import { answer as answerShape, mailBody, mailRow, sent } from "../shapes/mail.ts";
import { pageOf } from "../shapes/shape.ts";

const MAIL = {
  number: ({ position }: MailRow) => position,
  size: ({ envelope }: MailRow) => JSON.stringify(envelope).length,
};

const NOBODY: ReadonlySet<string> = new Set();

const BOXES = [
  { id: "listInbox", box: "inbox", read: "inbox", summary: "Lists the mail that waits" },
  {
    id: "listDeadLetters",
    box: "deadletter",
    read: "deadLetters",
    summary: "Lists the mail that could not be dealt with, with the reasons",
  },
] as const;

const VERBS = [
  { id: "replayDeadLetter", verb: "replay", summary: "Puts a dead letter back into the inbox" },
  { id: "discardDeadLetter", verb: "discard", summary: "Drops a dead letter for good" },
] as const;

/** Operations over an agent's inbox and dead letters. */
export const mailOperations: readonly Operation[] = [
  operation({
    id: "sendMail",
    method: "post",
    path: "/agents/{ref}/send",
    scope: "operate",
    tag: "Mail",
    summary: "Sends a message to an agent",
    description:
      "It is durable once this is answered. With `wait` the answer is what became of it: `replies` of the agent, or `pending` when the time was up.",
    query: { wait: waitParameter },
    headers: { "Idempotency-Key": "The id of the envelope: sent twice it has effect once." },
    idempotent: true,
    signed: true,
    body: mailBody,
    bodyLimit: ({ limits }) => mailLimit(limits.envelopeBytes),
    answers: {
      200: { description: "What became of it.", body: answerShape },
      202: {
        description: "It is in the inbox, or what has become of it so far.",
        body: sent.or(answerShape),
      },
    },
    async run({ runtime, ref, query, body, principal, options, c }, answer) {
      if (principal.scope === "send") {
        if (query.wait !== undefined) {
          const problem = "a signed request cannot wait: the answer goes to its key";
          throw new OpenAgentsError("INVALID", `Cannot read query: ${problem}`);
        }
        const { limits, senders = () => NOBODY } = options;
        const mail = { ref, principal, body: mailInTrace(body, c.get("trace")) };
        return answer(202, await sendSigned(runtime, { ...mail, limits, senders }));
      }
      const given = ownMail(principal, mailOf(body, c.req.header("idempotency-key")));
      const mail = mailInTrace(given, c.get("trace"));
      if (query.wait === undefined) return answer(202, await runtime.send(ref, mail));
      // Whoever has hung up waits for nothing any more.
      const ends = [options.stopping, c.req.raw.signal].filter((one) => one !== undefined);
      const asked = { timeout: query.wait, signal: AbortSignal.any(ends) };
      const became = await runtime.ask(ref, mail, asked);
      return became.outcome === "pending" ? answer(202, became) : answer(200, became);
    },
  }),
  ...BOXES.map(({ id, box, read, summary }) =>
    operation({
      id,
      method: "get",
      path: `/agents/{ref}/${box}`,
      scope: "read",
      tag: "Mail",
      summary,
      query: { after: afterParameter, limit: limitParameter },
      answers: { 200: { description: "A page of mail.", body: pageOf(mailRow) } },
      async run({ runtime, ref, query }, answer) {
        const rows = (after: number, limit: number) => runtime[read](ref, after, limit);
        return answer(200, await numberedPage(query, { read: rows, ...MAIL }));
      },
    }),
  ),
  ...VERBS.map(({ id, verb, summary }) =>
    operation({
      id,
      method: "post",
      path: `/agents/{ref}/deadletter/{envelope}/${verb}`,
      scope: "operate",
      tag: "Mail",
      summary,
      params: { envelope: "The id of the envelope." },
      answers: { 204: { description: "Done." } },
      async run({ runtime, ref, params }, answer) {
        await runtime[verb](ref, params["envelope"] ?? "");
        return answer(204);
      },
    }),
  ),
];
