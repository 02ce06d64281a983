import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A page that has some of the words. */
export interface Hit {
  readonly title: string;
  readonly url: string;
}

const CORPUS = new URL("corpus/", import.meta.url);

const PAGES: ReadonlyMap<string, string> = new Map(
  readdirSync(CORPUS).map((name) => [name, readFileSync(new URL(name, CORPUS), "utf8")]),
);

/** The pages that have the most of the words, at most three, with where they are below `base`. */
export function searchPages(words: string, base: string): readonly Hit[] {
  const wanted = wordsOf(words);
  return [...PAGES]
    .map(([name, text]) => {
      const title = text.split("\n", 1)[0]!.slice(2);
      // What is in the title counts more.
      const score = common(wordsOf(text), wanted) + 2 * common(wordsOf(title), wanted);
      return { title, url: `${base}/${name}`, score };
    })
    .filter(({ score }) => score > 0)
    .toSorted((a, b) => b.score - a.score)
    .slice(0, 3)
    .map(({ title, url }) => ({ title, url }));
}

/** Words by their first four letters, so that "lenses" finds "lens"; short ones say nothing. */
function wordsOf(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/\p{L}{4,}/gu) ?? [];
  return new Set(words.map((word) => word.slice(0, 4)));
}

function common(some: ReadonlySet<string>, others: ReadonlySet<string>): number {
  return [...some].filter((word) => others.has(word)).length;
}

/** A web server with the pages. */
export interface Library extends AsyncDisposable {
  readonly url: string;
  /** The paths that were asked for. */
  readonly served: readonly string[];
}

export async function openLibrary(): Promise<Library> {
  const served: string[] = [];
  const server = createServer(({ url = "/" }, response) => {
    served.push(url);
    const page = PAGES.get(url.slice(1));
    response.writeHead(page === undefined ? 404 : 200, { "content-type": "text/markdown" });
    response.end(page);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
