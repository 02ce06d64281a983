/**
 * The secret of a home with this name; undefined where there is none. It is looked up each time, so that one
 * that was changed or removed counts, and nobody keeps it. Rejects with LOCKED while the keys are that open it.
 */
export type SecretSource = (name: string) => Promise<string | undefined>;
