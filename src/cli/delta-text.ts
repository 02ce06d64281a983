import { harmless } from "./output.ts";

/** The data of a `delta`, as streams tell it. */
export interface DeltaData {
  readonly key: string;
  readonly kind: string;
  readonly offset: number;
  readonly text: string;
}

/** Text that goes on as it comes, among what is printed in lines. */
export class DeltaText {
  readonly #write: (text: string) => void;
  /** Which text the line that is not ended is of. */
  #of: string | undefined;
  #ended = true;
  #text = "";

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** What was printed of the text that came last. */
  get text(): string {
    return this.#text;
  }

  /** A piece; one of another text than the one before begins a line, with `head` before it. */
  add({ key, kind, offset, text }: DeltaData, head = ""): void {
    const of = `${kind} ${key}`;
    if (of !== this.#of || offset < this.#text.length) {
      this.endLine();
      this.#of = of;
      this.#text = "";
      this.#write(head);
    }
    this.#text += text;
    this.#ended = text.endsWith("\n");
    this.#write(harmless(text));
  }

  /** What is printed next is on a line of its own. */
  endLine(): void {
    if (!this.#ended) this.#write("\n");
    this.#ended = true;
    this.#of = undefined;
  }

  /** What was printed is no text of anything any more. */
  forget(): void {
    this.endLine();
    this.#text = "";
  }
}
