import { pino } from "pino";
import { redactor } from "../control/redact.ts";
import type { Redactor } from "../control/redact.ts";
import type { RequestObserver } from "../control/request-observer.ts";
import type { TickEvent } from "../core/runtime.ts";
import { LineLimit } from "./line-limit.ts";

/** The levels of log lines, the least important first. */
export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

/** `pretty`: for people, as `agentd: TEXT`; `json`: a line of JSON each. */
export const FORMATS = ["pretty", "json"] as const;
export type Format = (typeof FORMATS)[number];

/** Lines a minute about ticks that failed: of one agent, and of all. */
const FAILURES = { each: 10, all: 300 } as const;
/** Of an error's message no more is logged. */
const MESSAGE = 500;

/** What a line is about, beside its text. */
export type Fields = Readonly<Record<string, unknown>>;

/** Where a daemon logs to. Secrets are taken out of every line. */
export interface DaemonLog {
  /** What whoever started the daemon is to see, at any level. */
  say(text: string): void;
  log(level: Level, text: string, fields?: Fields): void;
  /** The log lines of an agent's tick, each at its level, and at `warn` that it failed. */
  tick(tick: TickEvent): void;
  /** From now on this secret is in no line. */
  learn(secret: string): void;
  /** Logs each request when it is answered, at `info`, or `error` when the server is to blame. */
  readonly requests: RequestObserver;
}

export interface LogOptions {
  readonly format: Format;
  /** Lines below it are not written. */
  readonly level: Level;
  /** Texts that must not be in any line. */
  readonly secrets: readonly (string | undefined)[];
  /** Takes whole lines, each with its end. */
  readonly write: (line: string) => void;
  /** Default: the machine's clock. */
  readonly now?: () => number;
}

/** Opens the log of a daemon. */
export function openLog(options: LogOptions): DaemonLog {
  const { format, level: least, now = Date.now } = options;
  const redact = redactor(options.secrets);
  const write = format === "json" ? jsonLines(options, redact, now) : plainLines(options, redact);
  const lowest = LEVELS.indexOf(least);
  const shows = (level: Level): boolean => LEVELS.indexOf(level) >= lowest;
  const limit = new LineLimit(FAILURES, now);
  const failed = ({ agent, record, trace }: TickEvent): void => {
    const { n, trigger, outcome, error } = record;
    // That of other code is told as a problem of the home.
    if (error === undefined || error.code === "MISMATCH" || !shows("warn")) return;
    const line = limit.take(agent.id);
    if (line === undefined) return;
    const what = outcome === "retry" ? "tick failed, to be tried again" : "tick failed for good";
    // What is cut short may be half of a secret, which nobody knows any more.
    const text = `${what}: ${error.code} ${redact.text(error.message).slice(0, MESSAGE)}`;
    const of = { agent: agent.name, tick: n, envelope: trigger.id, trace };
    const unsaid = line.unsaid > 0 ? line.unsaid : undefined;
    write("warn", oneLine(text), { ...of, code: error.code, unsaid });
  };
  const log = (level: Level, text: string, fields: Fields = {}): void => {
    if (shows(level)) write(level, text, fields);
  };
  return {
    log,
    learn: (secret) => redact.learn(secret),
    say: (text) => write("info", text, {}),
    tick(event) {
      const { agent, record, output, trace } = event;
      failed(event);
      for (const { at, level, text, data } of output.logs ?? []) {
        if (!shows(level)) continue;
        const { n, trigger } = record;
        const of = { agent: agent.name, tick: n, envelope: trigger.id, trace, at, data };
        write(level, oneLine(text), of);
      }
    },
    requests: {
      start({ method, parent }) {
        const begun = now();
        return {
          end({ status, route, id, principal }) {
            const level = status >= 500 ? "error" : "info";
            const ms = now() - begun;
            const trace = parent?.traceId;
            log(level, "request", { method, route, status, ms, request: id, principal, trace });
          },
        };
      },
    },
  };
}

/** One line stays one line, whatever an agent says. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}

type Write = (level: Level, text: string, fields: Fields) => void;

function plainLines({ write }: Pick<LogOptions, "write">, redact: Redactor): Write {
  return (_level, text, fields) => {
    const facts = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${shown(redact.value({ [name]: value }), name)}`);
    write(`agentd: ${redact.text(text)}${facts.join("")}\n`);
  };
}

function shown(value: unknown, name: string): string {
  const member = (value as Record<string, unknown>)[name];
  return typeof member === "string" && /^[^\s"=]+$/.test(member)
    ? member
    : (JSON.stringify(member) ?? "null");
}

function jsonLines(
  { write }: Pick<LogOptions, "write">,
  redact: Redactor,
  now: () => number,
): Write {
  const logger = pino(
    {
      level: "debug",
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return (level, text, fields) => {
    logger[level](redact.value(fields) as object, redact.text(text));
  };
}
