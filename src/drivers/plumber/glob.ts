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

/** With `?`, which is one character and not half of one: all is compared by code points. */
function wild(tokens: readonly Token[]): Glob {
  const units = codePoints(tokens);
  return (text) => {
    let [at, token, star, resume] = [0, 0, -1, 0];
    while (at < text.length) {
      const need = units[token];
      const point = text.codePointAt(at)!;
      if (need === ANY_POINT) {
        [star, resume] = [token, at];
        token += 1;
      } else if (need === ONE_POINT || need === point) {
        at += sizeOf(point);
        token += 1;
      } else if (star >= 0) {
        // What the last star stands for is one character longer; earlier stars need no second look.
        resume += sizeOf(text.codePointAt(resume)!);
        at = resume;
        token = star + 1;
      } else return false;
    }
    while (units[token] === ANY_POINT) token += 1;
    return token === units.length;
  };
}

const ANY_POINT = -1;
const ONE_POINT = -2;

/** What stands for characters as their code points; tokens are UTF-16 units. */
function codePoints(tokens: readonly Token[]): readonly number[] {
  const points: number[] = [];
  let literal = "";
  const flush = (): void => {
    points.push(...Array.from(literal, (char) => char.codePointAt(0)!));
    literal = "";
  };
  for (const token of tokens) {
    if (typeof token === "string") literal += token;
    else {
      flush();
      points.push(token === ANY ? ANY_POINT : ONE_POINT);
    }
  }
  flush();
  return points;
}

/** How many UTF-16 units a code point has. */
function sizeOf(point: number): number {
  return point > 0xffff ? 2 : 1;
}
