/** Runs each piece of work when the one before it is over, however that went. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** Turns of which nobody knows yet. What reads a count and writes it again must not overlap. */
export function turns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}
