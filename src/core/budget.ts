import { OpenAgentsError, UnblamedError } from "./errors.ts";
import { microUsd, usdText } from "./money.ts";
import type { OptionsCheck } from "./options.ts";
import type { Loose } from "./owed.ts";
import { paths } from "./tree.ts";

/** What work costs: whole micro-USD, and tokens of models. */
export interface Amount {
  readonly usd?: number | undefined;
  readonly tokens?: number | undefined;
}

/** What `defineAgent` takes as `budget`. */
export interface BudgetOptions {
  /** For each day, in UTC. */
  readonly perDay: {
    /** In dollars, as text: `"1.00"`. A model whose price is not known is refused then. */
    readonly usd?: string | undefined;
    readonly tokens?: number | undefined;
  };
}

/** The most that may be spent in a day; what is absent has no limit. */
export interface Budget {
  readonly perDay: Amount;
}

/** What a step cost. */
export interface StepUse extends Amount {
  /** What did the work: a model, as `provider/model`. */
  readonly by?: string | undefined;
  /** Tokens by kind, where there is more to know than their sum. */
  readonly kinds?: Readonly<Record<string, number>> | undefined;
  /** Some of it is an estimate, as nobody said. */
  readonly estimated?: true | undefined;
}

/** Of both so much. */
export interface Total {
  readonly usd: number;
  readonly tokens: number;
}

/** What steps cost together, and how many of them at a price that is not known. */
export interface Tally extends Total {
  readonly unpriced: number;
}

/** What an agent has spent, as it is stored in its tree and shown in its status. */
export interface Spent {
  /** The day that `today` is of, as `YYYY-MM-DD` in UTC. */
  readonly day: string;
  readonly today: Total;
  /** What children that have ended spent on that day, they and theirs: it is no more left than what is in `today`. */
  readonly given?: Total | undefined;
  readonly total: Total;
  /** Steps that cost something of which no price is known. */
  readonly unpriced: number;
}

/** Both together: where the price of one is not known, that of the other counts. Who did the work is the last one's. */
export function addUse(a: StepUse | undefined, b: StepUse): StepUse {
  if (a === undefined) return b;
  const kinds: Record<string, number> = { ...a.kinds };
  for (const [kind, count] of Object.entries(b.kinds ?? {}))
    kinds[kind] = (kinds[kind] ?? 0) + count;
  return {
    tokens: (a.tokens ?? 0) + (b.tokens ?? 0),
    ...((a.usd ?? b.usd) !== undefined && { usd: (a.usd ?? 0) + (b.usd ?? 0) }),
    ...((b.by ?? a.by) !== undefined && { by: b.by ?? a.by }),
    ...(Object.keys(kinds).length > 0 && { kinds }),
    ...((a.estimated ?? b.estimated) === true && { estimated: true as const }),
  };
}

/** By how much a step that has used `use` costs more than when it had used `before`. */
export function tallyOf(use: StepUse, before: StepUse | undefined): Tally {
  const one = costs(use);
  return before === undefined ? one : addTally(one, negative(costs(before)));
}

export function addTally(a: Tally, b: Tally): Tally {
  return { ...add(a, b), unpriced: a.unpriced + b.unpriced };
}

function costs({ usd, tokens = 0 }: StepUse): Tally {
  return { usd: usd ?? 0, tokens, unpriced: usd === undefined ? 1 : 0 };
}

function negative({ unpriced, ...amount }: Tally): Tally {
  return { ...add(NOTHING, minus(amount)), unpriced: 0 - unpriced };
}

/** A use as agent code says it, made sure of. @throws INVALID for what is no whole number from 0 on, or no text */
export function checkUse(use: StepUse): StepUse {
  for (const text of [use.by ?? "", ...Object.keys(use.kinds ?? {})]) {
    if (typeof text === "string" && text.isWellFormed() && text.length <= 500) continue;
    throw new OpenAgentsError(
      "INVALID",
      `Cannot count what a step used: "by" and the names of "kinds" must be well-formed text of at most 500 characters, not ${JSON.stringify(text)?.slice(0, 100)}`,
    );
  }
  checkWhole("count what a step used", { usd: use.usd, tokens: use.tokens, ...use.kinds });
  return JSON.parse(JSON.stringify(use)) as StepUse;
}

function checkWhole(what: string, amounts: Readonly<Record<string, number | undefined>>): void {
  for (const [name, amount] of Object.entries(amounts)) {
    if (amount === undefined || (Number.isSafeInteger(amount) && amount >= 0)) continue;
    throw new OpenAgentsError(
      "INVALID",
      `Cannot ${what}: "${name}" must be a whole number from 0 on, not ${String(amount)}`,
    );
  }
}

/** The budget of a definition. @throws CONFIG */
export function budgetOf(
  check: OptionsCheck,
  given: BudgetOptions | undefined,
): Budget | undefined {
  if (given === undefined) return undefined;
  const { perDay } = check.members(given, ["perDay"], "budget");
  const { usd, tokens } = check.members(perDay, KINDS, "budget.perDay");
  if (usd === undefined && tokens === undefined) {
    check.refuse('"budget.perDay" must have "usd", "tokens" or both');
  }
  if (tokens !== undefined) check.whole("budget.perDay.tokens", tokens, 0);
  const micro = usd === undefined ? undefined : microUsd(usd);
  if (usd !== undefined && micro === undefined) {
    check.refuse('"budget.perDay.usd" must be dollars as text, with at most 6 decimals: "1.00"');
  }
  return {
    perDay: {
      ...(micro !== undefined && { usd: micro }),
      ...(tokens !== undefined && { tokens }),
    },
  };
}

/** The lower of two limits, each by itself. */
export function lower(a: Amount, b: Amount): Amount {
  const least = (kind: keyof Amount): number | undefined => {
    const both = [a[kind], b[kind]].filter((limit) => limit !== undefined);
    return both.length === 0 ? undefined : Math.min(...both);
  };
  return { usd: least("usd"), tokens: least("tokens") };
}

const KINDS = ["usd", "tokens"] as const;
const NOTHING: Total = { usd: 0, tokens: 0 };
const NO_TALLY: Tally = { ...NOTHING, unpriced: 0 };

/** What an agent spent, from its file; nothing where there is none. A day that has begun ends by no clock that steps back. */
export function spentOf(text: string | undefined, now: number): Spent {
  const day = dayOf(now);
  if (text === undefined) return { day, today: NOTHING, total: NOTHING, unpriced: 0 };
  return onDay(JSON.parse(text) as Spent, day);
}

/** The same on a day, where that is a later one. */
function onDay(spent: Spent, day: string): Spent {
  if (spent.day >= day) return spent;
  const { given: _given, ...rest } = spent;
  return { ...rest, day, today: NOTHING };
}

/**
 * Counts what one tick spends. What a step may cost at most is reserved before it begins, and what it did cost
 * is counted when it says so, and stored in the commit of the tick, however that ends: once, also when the step is
 * replayed.
 */
export class Meter {
  readonly #input: MeterInput;
  #before: Spent | undefined;
  #used: Tally = NO_TALLY;
  /** Of it, what was used on `#day`. */
  #today: Total = NOTHING;
  /** Of it, what no journal has: it is lost where the tick leaves no trace. */
  #loose: Tally = NO_TALLY;
  readonly #looseSteps = new Set<string>();
  /** What a child has spent that ended, on that day too. */
  #given: Total = NOTHING;
  #day = "";
  #reserved: Total = NOTHING;
  /** How often something reserved was let go. */
  #released = 0;
  #changed = false;

  constructor(input: MeterInput) {
    this.#input = input;
  }

  /**
   * Takes note of what a step has used, which had used `before` when that was noted last.
   * @param step `TRIGGER/KEY`
   */
  count(step: string, use: StepUse, before?: StepUse): void {
    this.#looseSteps.add(step);
    this.countTally(tallyOf(use, before));
  }

  countTally(tally: Tally): void {
    this.#turnDay();
    this.#changed = true;
    this.#used = addTally(this.#used, tally);
    this.#today = add(this.#today, tally);
    this.#loose = addTally(this.#loose, tally);
  }

  /** The journal has what a step used, so that it counts in another tick where this one leaves no trace. */
  journaled(step: string, use: StepUse): void {
    this.#looseSteps.delete(step);
    this.#loose = addTally(this.#loose, negative(costs(use)));
  }

  /** What was counted and is in no journal; undefined when that is nothing. */
  get loose(): Loose | undefined {
    const { usd, tokens, unpriced } = this.#loose;
    if (usd === 0 && tokens === 0 && unpriced === 0) return undefined;
    return { tally: this.#loose, steps: [...this.#looseSteps] };
  }

  /** Takes note of what a child spent until it ended; what it spent on another day is no matter any more. */
  async give({ day, usd, tokens }: Total & { readonly day: string }): Promise<void> {
    await this.#load();
    this.#turnDay();
    if (day < this.#day) return;
    this.#changed = true;
    this.#given = add(this.#given, { usd, tokens });
  }

  /**
   * Sets aside what a step may cost; the result lets go of it.
   * @throws BUDGET when there is less left; INVALID for what is no amount
   */
  async reserve(worst: Amount): Promise<() => void> {
    checkWhole("begin a step that says what it may cost", { usd: worst.usd, tokens: worst.tokens });
    return this.hold((left, budget) => {
      checkLeft(worst, left, budget);
      return worst;
    });
  }

  /**
   * Sets aside what `choose` says, which is told what is left of what, and throws where that is not enough. The
   * result lets go of it: where a child is to have it, once the child is entered.
   */
  hold(choose: (left: Amount, budget: Amount) => Amount): Promise<() => void> {
    return this.#look((left, budget) => {
      const held = choose(left, budget);
      this.#reserved = add(this.#reserved, held);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        this.#released += 1;
        this.#reserved = add(this.#reserved, minus(held));
      };
    });
  }

  /** What may still be spent today; what has no limit is absent. */
  left(): Promise<Amount> {
    return this.#look((left) => left);
  }

  /** Nothing is awaited between the look and the use: two that reserve at the same time must not have the same. */
  async #look<T>(use: (left: Amount, budget: Amount) => T): Promise<T> {
    await this.#load();
    for (;;) {
      const released = this.#released;
      const budget = await this.#input.budget();
      // What was let go in between may have become a child's share.
      if (released === this.#released) return use(this.#left(budget), budget);
    }
  }

  #left(perDay: Amount): Amount {
    const { today, given = NOTHING } = this.#spent(this.#before!);
    const left = (kind: keyof Amount): number | undefined => {
      const limit = perDay[kind];
      return limit === undefined
        ? undefined
        : Math.max(0, limit - today[kind] - given[kind] - this.#reserved[kind]);
    };
    return { usd: left("usd"), tokens: left("tokens") };
  }

  /** With what this tick used so far. */
  async spent(): Promise<Spent> {
    return this.#spent(await this.#load());
  }

  async #load(): Promise<Spent> {
    return (this.#before ??= spentOf(await this.#input.read(paths.spent), this.#input.now()));
  }

  #spent(before: Spent): Spent {
    this.#turnDay();
    const now = onDay(before, this.#day);
    const given = add(now.given ?? NOTHING, this.#given);
    return {
      ...now,
      today: add(now.today, this.#today),
      ...((given.usd > 0 || given.tokens > 0) && { given }),
      total: add(now.total, this.#used),
      unpriced: now.unpriced + this.#used.unpriced,
    };
  }

  /** A new day may begin in the middle of a tick. */
  #turnDay(): void {
    const before = this.#before?.day ?? "";
    if (before > this.#day) this.#day = before;
    const day = dayOf(this.#input.now());
    if (day <= this.#day) return;
    this.#day = day;
    this.#today = NOTHING;
    this.#given = NOTHING;
  }

  /** The file as the commit is to write it; undefined when nothing was used. */
  async file(): Promise<string | undefined> {
    return this.#changed ? JSON.stringify(await this.spent()) : undefined;
  }
}

/** What a meter needs to know. */
export interface MeterInput {
  /** The most of a day: it is less while the agent has children. */
  readonly budget: () => Amount | Promise<Amount>;
  readonly now: () => number;
  /** A file of the agent. */
  readonly read: (path: string) => Promise<string | undefined>;
}

/** @throws BUDGET when there is less left of the budget than is wanted */
function checkLeft(wanted: Amount, left: Amount, perDay: Amount = {}): void {
  for (const kind of KINDS) {
    const limit = left[kind];
    const amount = wanted[kind];
    if (limit === undefined || amount === undefined || amount <= limit) continue;
    const whole = perDay[kind];
    const raise = `raise "budget.perDay.${kind}"`;
    if (whole !== undefined && amount > whole) {
      throw new UnblamedError(
        `Cannot go on: it may cost ${amountText(kind, amount)}, and the budget of a whole day is ${amountText(kind, whole)}: ${raise}`,
        "BUDGET",
      );
    }
    const budget = whole === undefined ? "" : ` (${amountText(kind, whole)} a day)`;
    throw new UnblamedError(
      `Cannot go on: it may cost ${amountText(kind, amount)}, and ${amountText(kind, limit)} of the budget${budget} are left: wait until tomorrow (UTC), or ${raise}`,
      "BUDGET",
    );
  }
}

function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

function add(a: Total, b: Amount): Total {
  return { usd: a.usd + (b.usd ?? 0), tokens: a.tokens + (b.tokens ?? 0) };
}

function minus({ usd = 0, tokens = 0 }: Amount): Amount {
  return { usd: -usd, tokens: -tokens };
}

function amountText(kind: keyof Amount, amount: number): string {
  return kind === "usd" ? `$${usdText(amount)}` : `${amount} tokens`;
}
