/** Code points that take two columns of a terminal (East Asian Width W and F), as ranges. */
const WIDE: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18aff],
  [0x1b000, 0x1b2ff],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];

const ASCII = /^[\u0020-\u007e]*$/;
/** Shown as a picture of two columns: by itself, or as it is asked to be. */
const PICTURE = /\p{Emoji_Presentation}|\ufe0f/u;
/** Marks that stand on what is before them, and what is not seen. */
const NO_COLUMN = /^[\p{Mn}\p{Me}\p{Cf}\p{Zl}\p{Zp}]+$/u;

let segmenter: Intl.Segmenter | undefined;

/** What is seen as one character each, with the columns that it takes. */
function* characters(text: string): Iterable<readonly [text: string, columns: number]> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  for (const { segment } of segmenter.segment(text)) yield [segment, columnsOf(segment)];
}

function columnsOf(character: string): number {
  if (ASCII.test(character)) return character.length;
  if (NO_COLUMN.test(character)) return 0;
  if (PICTURE.test(character)) return 2;
  const code = character.codePointAt(0)!;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** The columns that a text of one line takes on a terminal. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const [, columns] of characters(text)) width += columns;
  return width;
}

/** A text with spaces behind it up to a width; a longer one as it is. */
export function padText(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

/** A text of one line in at most `width` columns, 1 or more: with `…` for what does not fit. */
export function fitText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let fit = "";
  let used = 0;
  for (const [character, columns] of characters(text)) {
    if (used + columns > width - 1) break;
    fit += character;
    used += columns;
  }
  return `${fit}…`;
}
