/** More than anything may cost. */
const TOO_MUCH = Number.POSITIVE_INFINITY;

/** How a piece of a pattern can match from one place on. */
interface Piece {
  /** Ways, at most: an engine that goes back tries them all. */
  readonly ways: number;
  /** Steps that it takes to try all of them, at most. */
  readonly steps: number;
}

/**
 * How many steps an engine that goes back may take to look for a pattern in a text of so many characters, at most;
 * infinite for a pattern that refers back to what it found, and for what is no pattern.
 */
export function patternCost(pattern: string, length: number): number {
  const reader = new Reader(pattern, length);
  const { steps } = reader.either();
  if (!reader.isAtEnd) return TOO_MUCH;
  return reader.isAnchored ? steps : steps * (length + 1);
}

/** Reads the syntax that the flag `u` has: what is something else is no pattern there. */
class Reader {
  readonly #pattern: string;
  readonly #length: number;
  #at = 0;
  #depth = 0;
  /** Whether all that it may be begins at the beginning of a text. */
  #isAnchored = true;

  constructor(pattern: string, length: number) {
    this.#pattern = pattern;
    this.#length = length;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#pattern.length;
  }

  get isAnchored(): boolean {
    return this.#isAnchored;
  }

  either(): Piece {
    let [ways, steps] = [0, 0];
    do {
      const one = this.#sequence();
      ways += one.ways;
      steps += one.steps;
    } while (this.#takes("|"));
    return { ways, steps };
  }

  #sequence(): Piece {
    if (this.#depth === 0 && this.#pattern[this.#at] !== "^") this.#isAnchored = false;
    let [ways, steps] = [1, 1];
    while (!this.isAtEnd && !"|)".includes(this.#pattern[this.#at]!)) {
      const next = this.#repeated(this.#one());
      steps += ways * next.steps;
      ways *= next.ways;
    }
    return { ways, steps };
  }

  #one(): Piece {
    const char = this.#pattern[this.#at]!;
    this.#at += 1;
    if (char === "(") return this.#group();
    if (char === "[") {
      const end = /^(?:[^\\\]]|\\[^])*\]/.exec(this.#pattern.slice(this.#at))?.[0];
      this.#at += end?.length ?? Infinity;
    } else if (char === "\\") {
      const escaped = /^(?:[pPu]\{[^}]*\}|[^])/.exec(this.#pattern.slice(this.#at))?.[0] ?? "k";
      if (/^[1-9k]/.test(escaped)) return { ways: 1, steps: TOO_MUCH };
      this.#at += escaped.length;
    }
    return { ways: 1, steps: 1 };
  }

  #group(): Piece {
    this.#at +=
      /^\?(?:[\w-]*:|<?[=!]|<[^>]*>)/.exec(this.#pattern.slice(this.#at))?.[0].length ?? 0;
    this.#depth += 1;
    const inner = this.either();
    this.#depth -= 1;
    return this.#takes(")") ? inner : { ways: 1, steps: TOO_MUCH };
  }

  #repeated({ ways, steps }: Piece): Piece {
    const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(this.#pattern.slice(this.#at));
    if (found === null) return { ways, steps };
    this.#at += found[0].length;
    const [all, from, comma, to] = found;
    const least = from === undefined ? Number(all.startsWith("+")) : Number(from);
    const end = all.startsWith("?") ? 1 : comma === "" ? least : Number(to || TOO_MUCH);
    // Beyond those that there must be each takes at least a character.
    const most = Math.min(end, Math.max(least, this.#length));
    // The last one is begun in vain.
    const begun = most + 1;
    if (ways <= 1) return { ways: Math.max(most - least + 1, 1), steps: begun * steps };
    // 1 + w + w² + …
    const sum = (ways ** begun - 1) / (ways - 1);
    return { ways: sum, steps: sum * steps };
  }

  #takes(char: string): boolean {
    const takes = this.#pattern[this.#at] === char;
    if (takes) this.#at += 1;
    return takes;
  }
}
