/** True when a text fits a glob. */
export type Glob = (text: string) => boolean;

/** What a glob comes to: it is one text alone, or it says of each text whether it fits. */
export interface CompiledGlob {
  readonly exact: string | undefined;
  readonly fits: Glob;
}

/**
 * Compiles a glob: `*` stands for any characters, none and "/" among them, `?` for one, and `\` before
 * `*`, `?` or `\` for that itself. To match costs at most the length of the text times that of the
 * glob: nothing is tried twice. A text when the glob is wrong: why.
 */
export function compileGlob(glob: string): CompiledGlob | string {
  const tokens: Token[] = [];
  for (let i = 0; i < glob.length; i += 1) {
    const char = glob[i]!;
    if (char === "*") {
      if (tokens.at(-1) !== ANY) tokens.push(ANY);
    } else if (char === "?") {
      tokens.push(ONE);
    } else if (char === "\\") {
      i += 1;
      const next = glob[i];
      if (next === undefined) return 'it ends with "\\"';
      if (!"*?\\".includes(next)) return `"\\${next}" means nothing: "\\" stands before *, ? or \\`;
      tokens.push(next);
    } else tokens.push(char);
  }
  if (!tokens.includes(ANY) && !tokens.includes(ONE)) {
    const exact = tokens.join("");
    return { exact, fits: (text) => text === exact };
  }
  return { exact: undefined, fits: tokens.includes(ONE) ? wild(tokens) : pieces(tokens) };
}

const ANY = Symbol("any characters");
const ONE = Symbol("one character");
type Token = string | typeof ANY | typeof ONE;

/** For `*` alone: each piece between two of them is best found as early as can be. */
function pieces(tokens: readonly Token[]): Glob {
  const parts = [""];
  for (const token of tokens) {
    if (token === ANY) parts.push("");
    else parts.push(`${parts.pop()!}${token as string}`);
  }
  const first = parts[0]!;
  const last = parts.at(-1)!;
  const middle = parts.slice(1, -1);
  return (text) => {
    const end = text.length - last.length;
    if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const part of middle) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}

/** With `?`, which is one character and not half of one. */
function wild(tokens: readonly Token[]): Glob {
  const units = joinPairs(tokens);
  return (text) => {
    const chars = Array.from(text);
    let [at, token, star, resume] = [0, 0, -1, 0];
    while (at < chars.length) {
      const need = units[token];
      if (need === ANY) {
        [star, resume] = [token, at];
        token += 1;
      } else if (need !== undefined && (need === ONE || need === chars[at])) {
        at += 1;
        token += 1;
      } else if (star >= 0) {
        // What the last star stands for is one character longer; earlier stars need no second look.
        resume += 1;
        [at, token] = [resume, star + 1];
      } else return false;
    }
    while (units[token] === ANY) token += 1;
    return token === units.length;
  };
}

/** Halves of a character that stand side by side, as one. */
function joinPairs(tokens: readonly Token[]): readonly Token[] {
  const joined: Token[] = [];
  for (const token of tokens) {
    const before = joined.at(-1);
    const pair = typeof token === "string" && typeof before === "string";
    if (pair && !before.isWellFormed() && `${before}${token}`.isWellFormed()) {
      joined[joined.length - 1] = `${before}${token}`;
    } else joined.push(token);
  }
  return joined;
}
