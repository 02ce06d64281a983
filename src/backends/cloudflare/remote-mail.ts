import { ROOT } from "../../control/access.ts";
import type { Forward } from "../../control/gateway.ts";
import { checkTaken } from "../../control/plumbed.ts";
import { errorOf } from "../../control/problem.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Sink } from "../../core/ports/index.ts";
import type { Answer, Runtime } from "../../core/runtime.ts";

/**
 * Mail of drivers to agents that are in objects of their own, and its answers. What is waited for is
 * delivered first, as it is; then its object is asked what becomes of what has this id.
 */
export function remoteMail(to: {
  readonly deliver: Sink;
  readonly forward: Forward;
}): Pick<Runtime, "accept" | "ask"> {
  const { deliver, forward } = to;
  return {
    accept: deliver,
    async ask(ref, mail, { timeout }) {
      const { id = crypto.randomUUID(), source = "http", from = "operator", ...rest } = mail;
      const { type = "message", payload, headers } = rest;
      const envelope: Envelope = {
        id,
        sentAt: Date.now(),
        source,
        from,
        to: ref,
        type,
        payload,
        ...(headers !== undefined && { headers }),
      };
      const [receipt = "unknown"] = await deliver([envelope]);
      checkTaken(receipt);
      const path = `/agents/${encodeURIComponent(ref)}/send?wait=${timeout}`;
      const request = new Request(new URL(path, "https://home"), {
        method: "POST",
        headers: { "content-type": "application/json" },
        // It is there by now, so that this is a duplicate, whatever it says.
        body: JSON.stringify({ id, type, payload: null }),
      });
      const by = { principal: ROOT, requestId: crypto.randomUUID() };
      const response = await forward(ref, request, by);
      const answer: unknown = await response.json();
      if (response.ok) return { ...(answer as Answer), receipt };
      throw (
        errorOf(answer) ?? new OpenAgentsError("UNREACHABLE", "Cannot ask the agent for its reply")
      );
    },
  };
}
