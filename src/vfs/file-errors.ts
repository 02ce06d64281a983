import { OpenAgentsError } from "../core/errors.ts";
import { errnoOf, FileError } from "../core/file-error.ts";

/** Says more than any error of files: where the agent is now, or that a passphrase is needed. */
const TELLING: ReadonlySet<string> = new Set(["MOVED", "LOCKED"]);

/** Whatever `work` does, with what it throws as an error of files, where there is one for it. */
export async function asFileErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error);
  }
}

/** The same for what comes bit by bit. */
export async function* asFileStream<T>(values: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* values;
  } catch (error) {
    throw fileError(error);
  }
}

function fileError(error: unknown): unknown {
  if (!(error instanceof OpenAgentsError) || error instanceof FileError) return error;
  const errno = errnoOf(error);
  if (errno === "EIO" || TELLING.has(error.code)) return error;
  return new FileError(errno, error.message, { cause: error });
}
