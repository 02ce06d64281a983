/** A part of so many bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * The one range that a `Range` asks for of `size` bytes (RFC 9110, section 14.1.2); undefined for all of
 * them, as for what is no range or are several; `none` for one in which no byte is.
 */
export function byteRange(
  header: string | undefined,
  size: number,
): ByteRange | "none" | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  const offset = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (last !== "" && first !== "" && Number(last) < offset) return undefined;
  return offset < end ? { offset, length: end - offset } : "none";
}
