import { OpenAgentsError } from "../../core/errors.ts";
import { PLUMBER_LIMITS } from "./limits.ts";

/** Where something of the rules stands. */
export interface Place {
  /** The way to it, like `rules[2].when.source`; empty for the whole. */
  readonly path: string;
  /** Both from 1; undefined for rules that are no text. */
  readonly line: number | undefined;
  readonly column: number | undefined;
}

/** What is wrong with rules, and where. */
export interface RulesProblem extends Place {
  readonly file: string;
  readonly problem: string;
}

/** Rules that cannot be used; the message has each problem with its file, line and column. */
export class RulesError extends OpenAgentsError {
  override readonly name: string = "RulesError";
  readonly problems: readonly RulesProblem[];

  /** `count` is of all of them, also those that are not told. */
  constructor(problems: readonly RulesProblem[], count: number) {
    const lines = problems.map(problemText);
    const first = count > lines.length ? `, the first ${lines.length} are` : "";
    super(
      "CONFIG",
      count === 1
        ? `Cannot use rules: ${lines[0]!}`
        : `Cannot use rules: ${count} errors${first}\n${lines.map((line) => `  ${line}`).join("\n")}`,
    );
    this.problems = problems;
  }
}

/** `FILE:LINE:COLUMN: what is wrong`, or the path in place of line and column. */
function problemText({ file, line, column, path, problem }: RulesProblem): string {
  if (line !== undefined) return `${file}:${line}:${column}: ${problem}`;
  return path === "" ? `${file}: ${problem}` : `${file}: ${path}: ${problem}`;
}

/** Gathers what is wrong, so that a file with three errors is mended in one go. */
export class Problems {
  readonly #file: string;
  readonly #list: RulesProblem[] = [];
  #count = 0;

  constructor(file: string) {
    this.#file = file;
  }

  add(place: Place, problem: string): void {
    this.#count += 1;
    if (this.#list.length >= PLUMBER_LIMITS.problems) return;
    const { path, line, column } = place;
    this.#list.push({ file: this.#file, path, line, column, problem });
  }

  /** @throws RulesError, in the order of the file, when there is any */
  check(): void {
    if (this.#list.length === 0) return;
    const order = (a: RulesProblem, b: RulesProblem): number =>
      (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
    throw new RulesError(this.#list.toSorted(order), this.#count);
  }
}
