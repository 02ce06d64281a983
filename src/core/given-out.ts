import { byteLength } from "./byte-length.ts";
import type { Log } from "./context.ts";
import { errorInfo, OpenAgentsError } from "./errors.ts";
import { toJson } from "./json.ts";
import type { Json } from "./json.ts";
import { checkLabel } from "./label.ts";
import type { LogLine, TickOutput } from "./trajectory.ts";

type Reply = NonNullable<TickOutput["replies"]>[number];

/** What one tick gives to the outside, with its log lines: all of it together within a limit. */
export class GivenOut {
  readonly #limit: number;
  readonly #now: () => number;
  readonly #replies: Reply[] = [];
  readonly #events: NonNullable<TickOutput["events"]>[number][] = [];
  readonly #logs: LogLine[];
  #bytes = 0;
  #logsCut = false;

  /** `before`: of the failed run that this one follows, whose log lines are kept. */
  constructor(limits: { readonly outputBytes: number }, now: () => number, before?: GivenOut) {
    this.#limit = limits.outputBytes;
    this.#now = now;
    this.#logs = before === undefined ? [] : before.#logs;
  }

  /** The output of a tick that is done; log lines alone when it is not. */
  output(done: boolean): TickOutput {
    return {
      replies: done && this.#replies.length > 0 ? this.#replies : undefined,
      events: done && this.#events.length > 0 ? this.#events : undefined,
      logs: this.#logs.length > 0 ? this.#logs : undefined,
    };
  }

  /** @throws LIMIT */
  reply(reply: Reply): void {
    this.#take(byteLength(JSON.stringify(reply.payload)), "reply");
    this.#replies.push(reply);
  }

  /** @throws LIMIT; INVALID for what is no name, or no JSON */
  event(name: string, data: unknown): void {
    checkLabel(name, "an event");
    const json = plain(data, `event "${name}"`);
    this.#take(byteLength(JSON.stringify(json)) + byteLength(name), "broadcast");
    this.#events.push({ name, data: json });
  }

  /** As agent code logs. `check` throws once its tick is over. */
  log(check: () => void): Log {
    const line =
      (level: LogLine["level"]): Log["info"] =>
      (text, data) => {
        check();
        this.note(level, text, data);
      };
    return {
      debug: line("debug"),
      info: line("info"),
      warn: line("warn"),
      error: line("error"),
    };
  }

  /** Adds a log line; what is beyond the limit is cut, and a last line says so. */
  note(level: LogLine["level"], text: unknown, data?: unknown): void {
    if (this.#logsCut) return;
    let kept: Json | undefined;
    try {
      kept = data === undefined ? undefined : plain(data, "data");
    } catch {
      kept = String(data).toWellFormed();
    }
    const line: LogLine = {
      at: this.#now(),
      level,
      text: String(text).toWellFormed(),
      ...(kept !== undefined && { data: kept }),
    };
    try {
      this.#take(byteLength(JSON.stringify(line)), "log");
      this.#logs.push(line);
    } catch (error) {
      this.#logsCut = true;
      this.#logs.push({ at: line.at, level: "warn", text: errorInfo(error).message });
    }
  }

  #take(bytes: number, what: string): void {
    if (this.#bytes + bytes > this.#limit) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot ${what}: the output of the tick would be above limits.outputBytes (${this.#limit})`,
      );
    }
    this.#bytes += bytes;
  }
}

/** A value as JSON has it. @throws INVALID for what is none */
export function plain(value: unknown, what: string): Json {
  return JSON.parse(toJson(value, what)) as Json;
}
