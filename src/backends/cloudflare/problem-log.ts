/** Tells whoever runs a Worker of what went wrong, with no secret in it. */
export type ProblemLog = (problem: string, error?: unknown) => void;

/** A log of problems that goes to the console. */
export function problemLog(redact: (text: string) => string): ProblemLog {
  return (problem, error) =>
    console.error(redact(error === undefined ? problem : `${problem}: ${describe(error)}`));
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
