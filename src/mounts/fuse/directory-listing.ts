import type { FileService, FileStat } from "../../core/ports/files.ts";

/** What is kept of a listing: the page that was read last, and where each one before begins. */
interface Page {
  readonly start: number;
  readonly items: readonly FileStat[];
  readonly cursor: string | undefined;
}

/** How many entries are asked for at once: the most that a service gives. */
const PAGE = 1000;

/**
 * The entries of an open directory by their place, which stays: the first is 0. However many there are,
 * one page is in memory.
 */
export class DirectoryListing {
  readonly #files: FileService;
  readonly #path: () => string;
  /** Where each page begins, and what to ask for it. */
  #starts: { readonly start: number; readonly cursor: string | undefined }[] = [];
  #page: Page | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** The first page was read by opening. */
  #opened = false;

  constructor(files: FileService, path: () => string) {
    this.#files = files;
    this.#path = path;
  }

  /** Reads the first page, so that opening says what is wrong. */
  async open(): Promise<void> {
    await this.from(0);
    this.#opened = true;
  }

  /** Entries from a place on, as many as are at hand; none at the end. From 0 it is listed anew. */
  from(place: number): Promise<readonly FileStat[]> {
    const found = this.#last.then(() => this.#find(place));
    this.#last = found.catch(() => {});
    return found;
  }

  async #find(place: number): Promise<readonly FileStat[]> {
    if (this.#opened) {
      this.#opened = false;
    } else if (place === 0) {
      this.#page = undefined;
      this.#starts = [{ start: 0, cursor: undefined }];
    }
    let page = this.#page;
    if (page === undefined || place < page.start) {
      const start = this.#starts.findLast((known) => known.start <= place);
      page = await this.#load(start ?? { start: 0, cursor: undefined });
    }
    while (place >= page.start + page.items.length) {
      if (page.cursor === undefined) return [];
      const next = { start: page.start + page.items.length, cursor: page.cursor };
      if ((this.#starts.at(-1)?.start ?? -1) < next.start) this.#starts.push(next);
      page = await this.#load(next);
    }
    return page.items.slice(place - page.start);
  }

  async #load(at: { readonly start: number; readonly cursor: string | undefined }): Promise<Page> {
    const { items, cursor } = await this.#files.list(this.#path(), {
      limit: PAGE,
      cursor: at.cursor,
    });
    this.#page = { start: at.start, items, cursor };
    return this.#page;
  }
}
