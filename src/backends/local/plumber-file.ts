import { readFileSync, statSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { OpenAgentsError } from "../../core/errors.ts";
import { compileRules, reloadable } from "../../drivers/plumber.ts";
import type { Plumber } from "../../drivers/plumber.ts";

/** The plumber of a rules file, which follows what becomes of the file. */
export interface PlumberFile {
  readonly plumber: Plumber;
  /** Follows the file no more; the rules stay as they are. Idempotent. */
  stop(): void;
}

export interface PlumberFileOptions {
  readonly path: string;
  /** The longest payload that a rule may make, UTF-16 units of JSON. */
  readonly payloadLength: number;
  /** Told when new rules hold, and what is wrong with those that cannot. */
  readonly tell: (text: string) => void;
  /** How often the file is looked at, ms. Default 500. */
  readonly interval?: number;
}

const INTERVAL = 500;

/**
 * Reads a rules file and looks at it again from time to time: also one that is put in the place of
 * another, by an editor or through a link, is found. It is read once it was the same at two looks, as it
 * may be half written. Rules that cannot be used change nothing, and what is wrong is told once.
 * @throws NOT_FOUND, DENIED, or RulesError for a file that cannot be used at the start
 */
export function plumberFile(options: PlumberFileOptions): PlumberFile {
  const { path, payloadLength, tell, interval = INTERVAL } = options;
  const compile = (text: string): Plumber => compileRules(text, { file: path, payloadLength });
  let seen = stampNow(path);
  let text = readRulesFile(path);
  const plumber = reloadable(compile(text));
  /** What is there as of the last look is what was read. */
  let isRead = true;
  let isWrong = false;
  let stopped = false;

  const look = async (): Promise<void> => {
    const now = await stat(path, { bigint: true }).then(stamp, (error: Error) => error.message);
    if (now !== seen) {
      [seen, isRead] = [now, false];
      return;
    }
    if (isRead) return;
    isRead = true;
    try {
      const read = await readFile(path, "utf8").catch((error: unknown) => {
        throw unreadable(path, error);
      });
      if (stopped) return;
      if (read === text) {
        if (isWrong) tell(`The rules of "${path}" are again those that hold`);
      } else {
        const compiled = compile(read);
        plumber.replace(compiled);
        text = read;
        tell(`The rules of "${path}" hold now, there are ${compiled.rules.length}`);
      }
      isWrong = false;
    } catch (error) {
      if (stopped) return;
      isWrong = true;
      tell(`The rules stay as they were: ${(error as Error).message}`);
    }
  };

  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    if (stopped) return;
    timer = setTimeout(() => void look().finally(next), interval);
    // Whoever wants to end must not wait for it.
    timer.unref();
  };
  next();
  return {
    plumber,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** The text of a rules file. @throws NOT_FOUND, or DENIED, when it cannot be read */
export function readRulesFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

function stampNow(path: string): string {
  try {
    return stamp(statSync(path, { bigint: true }));
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Changes whenever a file is written to, or another one takes its place. */
function stamp({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

function unreadable(path: string, error: unknown): OpenAgentsError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") {
    return new OpenAgentsError("NOT_FOUND", `Cannot read rules "${path}": there is no such file`);
  }
  return new OpenAgentsError("DENIED", `Cannot read rules "${path}": ${message}`, { cause: error });
}
