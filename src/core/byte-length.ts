const encoder = new TextEncoder();

/** Below this many characters it is quicker to count than to encode. */
const SHORT = 512;

/** How many bytes a text has as UTF-8. */
export function byteLength(text: string): number {
  if (text.length > SHORT) return encoder.encode(text).length;
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // Two surrogates are four bytes together; one alone would be written as U+FFFD, in three.
    if (unit < 0x800 || isPaired(text, i, unit)) bytes += 1;
    else bytes += 2;
  }
  return bytes;
}

/**
 * How many bytes a text has as UTF-8, where those are more than `limit`; undefined where it fits. To
 * say so of one with room to spare costs nothing: no character has more than three bytes.
 */
export function bytesAbove(text: string, limit: number): number | undefined {
  if (text.length * 3 <= limit) return undefined;
  const bytes = byteLength(text);
  return bytes > limit ? bytes : undefined;
}

function isPaired(text: string, at: number, unit: number): boolean {
  if (isHigh(unit)) return isLow(text.charCodeAt(at + 1));
  return isLow(unit) && at > 0 && isHigh(text.charCodeAt(at - 1));
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
