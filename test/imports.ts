/** What a module imports: the texts in its import, export-from and import() forms. */
export interface Imports {
  readonly imports: readonly Import[];
  /** How many import() calls have an argument that is not a plain string. */
  readonly computed: number;
}

export interface Import {
  readonly from: string;
  /** It goes when types are stripped: `import type`, `export type`. */
  readonly typeOnly: boolean;
}

/**
 * Finds the imports of TypeScript source. Comments, templates and regular expressions are skipped,
 * and a string stands as its number in quotes, so that nothing written inside one looks like code.
 */
export function importsOf(source: string): Imports {
  const { code, strings } = skeleton(source);
  const imports: Import[] = [];
  for (const [, type, number] of code.matchAll(FROM)) {
    imports.push({ from: strings[Number(number)]!, typeOnly: type !== undefined });
  }
  for (const [, number] of code.matchAll(/(?<![\w$.])import\s*\(?\s*"(\d+)"/g)) {
    imports.push({ from: strings[Number(number)]!, typeOnly: false });
  }
  // A method of that name is declared with the type of what it takes.
  const call = /(?<![\w$.])import\s*\(\s*(?!\w+\s*\??\s*:)[^"\s]/g;
  const computed = [...code.matchAll(call)].length;
  return { imports, computed };
}

/** `import … from "1"` and `export … from "1"`, with no other import or export in between. */
const FROM =
  /(?<![\w$.])(?:import|export)\b(\s+type\b(?!\s+from\b))?(?:(?!\b(?:import|export)\b)[^;"()])*?\bfrom\s*"(\d+)"/g;

/** Before these a slash begins a regular expression, after anything else it divides. */
const REGEX_AFTER =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|void|throw|await))$/;
const REGEX = /\/(?![*/])(?:[^\\/[\n]|\\.|\[(?:[^\\\]\n]|\\.)*\])+\/[a-z]*/y;
const STRING = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/y;
const COMMENT = /\/\/[^\n]*|\/\*[^]*?\*\//y;

function skeleton(source: string): { readonly code: string; readonly strings: readonly string[] } {
  const strings: string[] = [];
  let code = "";
  let at = 0;
  /** For each template that we are inside of, how many braces are open in its `${…}`. */
  const braces: number[] = [];
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const template = (): void => {
    while (at < source.length) {
      if (source.startsWith("${", at)) {
        at += 2;
        braces.push(0);
        return;
      }
      const letter = source[at]!;
      at += letter === "\\" ? 2 : 1;
      if (letter === "`") return;
    }
  };
  while (at < source.length) {
    if (take(COMMENT) !== undefined) {
      code += " ";
      continue;
    }
    const text = take(STRING);
    if (text !== undefined) {
      code += `"${strings.push(text.slice(1, -1)) - 1}"`;
      continue;
    }
    const slash = source[at] === "/" && REGEX_AFTER.test(code.slice(-200).trimEnd());
    if (slash && take(REGEX) !== undefined) {
      code += "0";
      continue;
    }
    const letter = source[at]!;
    at += 1;
    if (letter === "`") {
      code += "0";
      template();
      continue;
    }
    const open = braces.length - 1;
    if (open >= 0 && letter === "{") braces[open]! += 1;
    if (open >= 0 && letter === "}") {
      if (braces[open] === 0) {
        braces.pop();
        code += ";";
        template();
        continue;
      }
      braces[open]! -= 1;
    }
    code += letter;
  }
  return { code, strings };
}
