/** Texts by the name of their file, which the test puts here when it makes the Worker. */
declare const VECTORS: string;

/** What files of tests take for `node:fs`: it has the vectors and nothing else. */
export function readFileSync(url: URL): string {
  const name = url.pathname.split("/").at(-1)!;
  const text = (JSON.parse(VECTORS) as Readonly<Record<string, string>>)[name];
  if (text === undefined) throw new Error(`There is no "${name}"`);
  return text;
}
