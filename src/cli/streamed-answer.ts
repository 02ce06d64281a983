import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../control/client.ts";
import { errorInfo } from "../core/errors.ts";
import type { Answer, Sent } from "../core/runtime.ts";
import type { TickRecord } from "../core/trajectory.ts";
import { DeltaText } from "./delta-text.ts";
import type { DeltaData } from "./delta-text.ts";
import { follow } from "./follow.ts";

export interface Streamed {
  /** The agent's id, and the mail's. */
  readonly agent: string;
  readonly mail: Sent["id"];
  /** The newest tick when it was not sent yet. */
  readonly after: string;
  /** A client whose calls end with the signal. */
  readonly connect: (signal: AbortSignal) => Client;
  /** What becomes of the mail. */
  readonly answer: Promise<Answer>;
  readonly write: (text: string) => void;
  readonly talk: (text: string) => void;
}

/** The events that say what an agent is writing, and when it is done with that. */
const FOLLOWED = "tick_start,delta,tick_end";
/** How long after the answer the text of it may take to come, ms. */
const LATE = 5_000;

/**
 * Prints what an agent writes because of a mail, as it writes it, until there is an answer: that, and the
 * text that was printed last. A stream that cannot be read is no harm: the answer says it all.
 */
export async function streamedAnswer(
  streamed: Streamed,
): Promise<{ readonly answer: Answer; readonly printed: string }> {
  const ending = new AbortController();
  const text = new DeltaText(streamed.write);
  const printing = printText(streamed, text, ending.signal).catch((error: unknown) => {
    if (!ending.signal.aborted) {
      streamed.talk(`Cannot follow what it writes: ${errorInfo(error).message}`);
    }
  });
  try {
    const answer = await streamed.answer;
    if (answer.outcome === "done" || answer.outcome === "failed") {
      await Promise.race([printing, sleep(LATE, undefined, { signal: ending.signal })]);
    }
    text.endLine();
    return { answer, printed: text.text };
  } finally {
    ending.abort();
  }
}

async function printText(
  { agent, mail, after, connect, talk }: Streamed,
  text: DeltaText,
  signal: AbortSignal,
): Promise<void> {
  const path = `/agents/${encodeURIComponent(agent)}/stream?events=${FOLLOWED}`;
  for await (const { event, data } of follow({
    path,
    after,
    connect: () => connect(signal),
    signal,
  })) {
    const told = JSON.parse(data) as { readonly envelope: string };
    if (told.envelope !== mail) continue;
    if (event === "delta") {
      const delta = told as typeof told & DeltaData;
      if (delta.kind === "text") text.add(delta);
      else if (delta.kind === "void") anew(text, talk, delta.text);
    } else if (event === "tick_start") anew(text, talk, "the tick began anew");
    else if (isOver((told as unknown as { readonly record: TickRecord }).record)) return;
  }
}

/** What is printed stays, so somebody has to say that it is nothing. */
function anew(text: DeltaText, talk: (text: string) => void, why: string): void {
  const printed = text.text !== "";
  text.forget();
  if (printed) talk(`That was not to be: ${why}.`);
}

function isOver({ outcome }: TickRecord): boolean {
  return outcome !== "parked" && outcome !== "retry";
}
