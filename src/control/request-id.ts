/** The id of a request: the one that its sender gave, where that can be one, or a new one. */
export function requestIdOf(given: string | undefined): string {
  if (given !== undefined && /^[\w.:-]{1,128}$/.test(given)) return given;
  return crypto.randomUUID();
}
