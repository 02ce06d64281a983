import type { StepUse } from "./budget.ts";
import type { TriggerType } from "./envelope.ts";
import type { ErrorInfo } from "./errors.ts";
import { leafHash, sha256Hex } from "./hash.ts";
import { canonicalJson } from "./json.ts";
import type { Json } from "./json.ts";
import type { LogHead, LogRow, Value } from "./ports/index.ts";
import { paths } from "./tree.ts";

/**
 * One tick as it stands in the record. The record's text is its RFC 8785 canonical JSON, its hash
 * the RFC 6962 leaf hash of that text, and `prev` the hash of the record before it: to change,
 * drop or insert one is to break the chain.
 */
export interface TickRecord {
  readonly v: 1;
  /** The agent's id. */
  readonly agent: string;
  /** The definition that ran: its name and state version. */
  readonly code: string;
  /** 1, 2, 3 … */
  readonly n: number;
  /** Hash of record n - 1; 64 zeros in the first one. */
  readonly prev: string;
  /** When the tick began, ms since 1970, and how long it took, ms. */
  readonly at: number;
  readonly ms: number;
  readonly trigger: {
    readonly type: TriggerType;
    readonly id: string;
    readonly from: string;
    readonly source: string;
  };
  /**
   * `done`; `parked`: waits for a reply or a time; `retry`: failed, to be tried again; `failed`: for
   * the last time, now a dead letter; `expired`: was too old to be acted on.
   */
  readonly outcome: "done" | "parked" | "retry" | "failed" | "expired";
  /** Which try this was, from 1, where it was not the first. */
  readonly attempt?: number | undefined;
  /** The tick went on after having been parked. */
  readonly resumed?: true | undefined;
  readonly error?: ErrorInfo | undefined;
  readonly steps?: readonly StepNote[] | undefined;
  /** What the tick waits for, when parked. */
  readonly waits?: readonly string[] | undefined;
  readonly sent?:
    | readonly { readonly id: string; readonly to: string; readonly type: string }[]
    | undefined;
  /** What the agent's key was used for since the record before, in this tick and outside of any. */
  readonly keys?: readonly KeyUse[] | undefined;
  /**
   * SHA-256 of what the tick found in the journal of its trigger, by key: results of earlier ticks and
   * tries, and answers, by which it went.
   */
  readonly journal?: Readonly<Record<string, string>> | undefined;
  /** SHA-256 of each file written, by path; of finished steps only where they outlive the tick. */
  readonly wrote?: Readonly<Record<string, string>> | undefined;
  /** Files removed; a path that ends in "/" stands for all below it. */
  readonly removed?: readonly string[] | undefined;
  /** SHA-256 of the output's canonical JSON. */
  readonly output?: string | undefined;
  /** The status the tick led to, where it changed. */
  readonly status?: string | undefined;
}

/** A use of an agent's private key. */
export interface KeyUse {
  readonly use: "sign" | "encrypt" | "decrypt" | "export";
  /** What for: the type and id of an envelope, the kind of an event, what agent code said. */
  readonly for: string;
  /** When, for the first time, ms since 1970. */
  readonly at: number;
  /** How often, where it was more than once. */
  readonly count?: number;
}

export interface StepNote {
  /** Its name and how many of that name came before, as in `fetch#0`. */
  readonly key: string;
  readonly ms: number;
  /** The result came from the journal. */
  readonly replayed?: true | undefined;
  /** What it cost, in the one record that counts it. */
  readonly used?: StepUse | undefined;
  readonly error?: ErrorInfo | undefined;
}

/** What a tick gave to the outside, and its log lines. */
export interface TickOutput {
  /** To senders that are not agents. */
  readonly replies?:
    | readonly { readonly to: string; readonly replyTo: string; readonly payload: Json }[]
    | undefined;
  readonly events?: readonly { readonly name: string; readonly data: Json }[] | undefined;
  readonly logs?: readonly LogLine[] | undefined;
}

export interface LogLine {
  readonly at: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly text: string;
  readonly data?: Json | undefined;
}

/** The result of checking a trajectory. */
export type Verdict =
  | {
      readonly ok: true;
      readonly records: number;
      readonly head: string | undefined;
      /**
       * How many results of steps are there that no record names yet, where there are any: of a tick that
       * was interrupted and is still to be taken up. They were not checked.
       */
      readonly unrecorded?: number;
    }
  | {
      readonly ok: false;
      readonly records: number;
      /** The record that is wrong, or that last wrote the file that is. */
      readonly wrong: number;
      readonly reason: string;
    };

/** `prev` of the first record. */
export const GENESIS: string = "0".repeat(64);

/** Everything of a record but its place in the chain. */
export type TickFacts = Omit<TickRecord, "v" | "n" | "prev" | "output">;

/** Chains a tick to the record before it: the record, and the row that stores it. */
export function sealRecord(
  head: LogHead | undefined,
  facts: TickFacts,
  output: TickOutput,
): { readonly record: TickRecord; readonly row: LogRow } {
  const text = outputText(output);
  const record: TickRecord = {
    ...facts,
    v: 1,
    n: (head?.n ?? 0) + 1,
    prev: head?.hash ?? GENESIS,
    output: text === undefined ? undefined : sha256Hex(text),
  };
  const json = canonicalJson(record);
  return { record, row: { n: record.n, hash: leafHash(json), record: json, output: text } };
}

function outputText(output: TickOutput): string | undefined {
  const empty = !output.replies && !output.events && !output.logs;
  return empty ? undefined : canonicalJson(output);
}

/** The record and output that a row holds. The row is trusted: see `checkRow` for one that is not. */
export function readRow(row: LogRow): { readonly record: TickRecord; readonly output: TickOutput } {
  return {
    record: JSON.parse(row.record) as TickRecord,
    output: row.output === undefined ? {} : (JSON.parse(row.output) as TickOutput),
  };
}

/** Checks rows of a trajectory one after the other, from the first one on. */
export class ChainChecker {
  readonly #agent: string;
  #head: LogHead = { n: 0, hash: GENESIS };
  /** The digest that each file should have, and the record that says so. */
  readonly #files = new Map<string, { readonly digest: string; readonly n: number }>();

  constructor(agent: string) {
    this.#agent = agent;
  }

  /** The rows accepted so far. */
  get records(): number {
    return this.#head.n;
  }

  get head(): string | undefined {
    return this.#head.n === 0 ? undefined : this.#head.hash;
  }

  /** What is wrong with the next row, undefined when nothing is. */
  add(row: LogRow): string | undefined {
    const problem = this.#problem(row);
    if (problem === undefined) this.#head = { n: row.n, hash: row.hash };
    return problem;
  }

  /** Paths of files that the records say exist. */
  paths(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** True for a file that the records say exists. */
  knows(path: string): boolean {
    return this.#files.has(path);
  }

  /** What is wrong with a file, undefined when it is as the records say. */
  checkFile(path: string, value: Value | undefined): { wrong: number; reason: string } | undefined {
    const expected = this.#files.get(path);
    if (expected === undefined) {
      return { wrong: this.records, reason: `file "${path}" is in no record` };
    }
    if (value !== undefined && sha256Hex(value) === expected.digest) return undefined;
    return {
      wrong: expected.n,
      reason: `file "${path}" is not what record ${expected.n} says was written`,
    };
  }

  #problem(row: LogRow): string | undefined {
    const expected = this.#head.n + 1;
    if (row.n !== expected) return `record ${expected} is missing, the next one is ${row.n}`;
    if (leafHash(row.record) !== row.hash) return "its text does not have its hash";
    let record: TickRecord;
    try {
      record = JSON.parse(row.record) as TickRecord;
    } catch {
      return "its text is not JSON";
    }
    if (record.prev !== this.#head.hash) return "it does not follow the record before it";
    if (record.n !== row.n) return `it says that it is record ${record.n}`;
    if (record.agent !== this.#agent) return "it is the record of another agent";
    const digest = row.output === undefined ? undefined : sha256Hex(row.output);
    if (record.output !== digest) return "its output is not what it says";
    const found = this.#findings(record);
    if (found !== undefined) return found;
    this.#note(record);
    return undefined;
  }

  /** A tick goes by what the journal has: that must be what the records say was written. */
  #findings({ n, journal = {}, trigger }: TickRecord): string | undefined {
    for (const [key, digest] of Object.entries(journal)) {
      const path = paths.step(trigger.id, key);
      const before = this.#files.get(path);
      // What an interrupted tick has left is on the record from here on.
      if (before === undefined) this.#files.set(path, { digest, n });
      else if (before.digest !== digest) {
        return `it went by another "${path}" than record ${before.n} says was written`;
      }
    }
    return undefined;
  }

  #note(record: TickRecord): void {
    for (const path of record.removed ?? []) {
      if (!path.endsWith("/")) this.#files.delete(path);
      else
        for (const file of this.#files.keys()) if (file.startsWith(path)) this.#files.delete(file);
    }
    for (const [path, digest] of Object.entries(record.wrote ?? {})) {
      this.#files.set(path, { digest, n: record.n });
    }
  }
}
