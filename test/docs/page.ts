import { readFileSync } from "node:fs";

/** What a page has one do: put a text into a file, or type a command. */
export type Action =
  | { readonly file: string; readonly text: string }
  | { readonly command: string; printed: string };

/**
 * The actions of a page, in order. A block of `console` has commands after `$ ` with what they print below
 * them; any other block is a file, whose name is the last one in back ticks before it.
 */
export function actionsOf(path: string): readonly Action[] {
  const actions: Action[] = [];
  let before = "";
  for (const part of readFileSync(path, "utf8").split(/^(```\w+\n[^]*?^```)$/m)) {
    const [, language, text = ""] = /^```(\w+)\n([^]*)```$/.exec(part) ?? [];
    if (language === undefined) {
      before = part;
    } else if (language === "console") {
      actions.push(...commandsOf(text));
    } else {
      const file = [...before.matchAll(/`([\w.-]+\.\w+)`/g)].at(-1)?.[1];
      if (file === undefined) throw new Error(`A block of ${language} has no file: ${text}`);
      actions.push({ file, text });
    }
  }
  return actions;
}

function commandsOf(block: string): readonly Action[] {
  const commands: { readonly command: string; printed: string }[] = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("$ ")) commands.push({ command: line.slice(2), printed: "" });
    else commands.at(-1)!.printed += `${line}\n`;
  }
  return commands;
}
