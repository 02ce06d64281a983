import type { SecretForm } from "./known-secrets.ts";
import { SHORTEST_SPLIT } from "./split-secrets.ts";

/** What is looked for, in the order of its characters, none twice. */
type Sorted = readonly { readonly text: string; readonly mark: string }[];

interface Index {
  readonly whole: Sorted;
  /** Without white space, which may be anywhere within it. */
  readonly bare: Sorted;
  /** What any of them begins with. */
  readonly firsts: ReadonlySet<string>;
  readonly longest: number;
}

/** What begins at a place of a text. */
interface Found {
  /** Where the longest that is there ends, and what stands for it. */
  readonly best: { readonly to: number; readonly mark: string } | undefined;
  /** The text may go on so that there is a longer one. */
  readonly isOpen: boolean;
}

/** White space within a secret that is kept back beside what its length says. */
const SPACE = 64;

const indexes = new WeakMap<readonly SecretForm[], Index>();

/**
 * A text without secrets, as it comes bit by bit: what may be the beginning of one is kept back until it is known
 * what it is, and never more than that.
 */
export class ToldText {
  readonly #forms: () => readonly SecretForm[];
  #kept = "";

  constructor(forms: () => readonly SecretForm[]) {
    this.#forms = forms;
  }

  /** What of it can be told now. */
  add(text: string): string {
    return this.#told(text, false);
  }

  /** The rest: no more comes. */
  end(): string {
    return this.#told("", true);
  }

  /** What was kept back counts no more. */
  forget(): void {
    this.#kept = "";
  }

  #told(more: string, isEnd: boolean): string {
    const { whole, bare, firsts, longest } = indexOf(this.#forms());
    const text = this.#kept + more;
    let told = "";
    let from = 0;
    let at = 0;
    while (at < text.length) {
      if (!firsts.has(text[at]!)) {
        at += 1;
        continue;
      }
      const end = Math.min(text.length, at + 2 * longest + SPACE);
      const found = [
        foundAt(text, { at, end, among: whole, spaced: false }),
        foundAt(text, { at, end, among: bare, spaced: true }),
      ];
      if (!isEnd && end === text.length && found.some(({ isOpen }) => isOpen)) break;
      const [first, second] = found.map(({ best }) => best);
      const best = (first?.to ?? 0) >= (second?.to ?? 0) ? first : second;
      if (best === undefined) at += 1;
      else {
        told += text.slice(from, at) + best.mark;
        at = best.to;
        from = at;
      }
    }
    this.#kept = text.slice(at);
    return told + text.slice(from, at);
  }
}

function indexOf(forms: readonly SecretForm[]): Index {
  const there = indexes.get(forms);
  if (there !== undefined) return there;
  const whole = sorted(forms.map(({ form, mark }) => [form, mark]));
  const long = forms.filter(({ form }) => form.length >= SHORTEST_SPLIT);
  const bare = sorted(long.map(({ bare, mark }) => [bare, mark]));
  const made = {
    whole,
    bare: bare.filter(({ text }) => text.length >= SHORTEST_SPLIT),
    firsts: new Set([...whole, ...bare].map(({ text }) => text.charAt(0))),
    longest: forms[0]?.form.length ?? 0,
  };
  indexes.set(forms, made);
  return made;
}

function sorted(texts: readonly (readonly [text: string, mark: string])[]): Sorted {
  return [...new Map(texts)]
    .map(([text, mark]) => ({ text, mark }))
    .sort((a, b) => (a.text < b.text ? -1 : 1));
}

function foundAt(
  text: string,
  {
    at,
    end,
    among,
    spaced,
  }: {
    readonly at: number;
    readonly end: number;
    readonly among: Sorted;
    /** White space within is not looked at. */
    readonly spaced: boolean;
  },
): Found {
  let best: Found["best"];
  // Those that begin with what was looked at: `depth` characters.
  let [low, high, depth] = [0, among.length, 0];
  for (let i = at; low < high; i += 1) {
    if (among[low]!.text.length === depth) {
      best = { to: i, mark: among[low]!.mark };
      low += 1;
      if (low === high) break;
    }
    if (i >= end) return { best, isOpen: true };
    const char = text[i]!;
    if (spaced && depth > 0 && /\s/.test(char)) continue;
    const [of, place] = [among, depth];
    const before = (k: number): boolean => of[k]!.text.charAt(place) < char;
    const within = (k: number): boolean => of[k]!.text.charAt(place) <= char;
    low = firstNot(before, low, high);
    high = firstNot(within, low, high);
    depth += 1;
  }
  return { best, isOpen: false };
}

/** The first number from `low` on for which it is not so; it is so for all before that. */
function firstNot(isSo: (k: number) => boolean, low: number, high: number): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (isSo(middle)) from = middle + 1;
    else to = middle;
  }
  return from;
}
