import { isKey } from "../../core/agent.ts";
import { joinPath, normalPath } from "../../vfs/path.ts";
import { UsageError } from "../usage-error.ts";

/** A path in the tree of a home, as it was typed and as it is. */
export interface TreePath {
  readonly typed: string;
  /** Absolute and normal. */
  readonly path: string;
  /** It was typed as a directory: with a slash at its end. */
  readonly slash: boolean;
}

/**
 * A path that was typed: one from the root of the home's tree, as `/agents/alice/goals`; an agent and a path
 * in it, as `alice:goals`; or an agent alone, which is its directory.
 * @throws UsageError for what is none of these
 */
export function treePath(typed: string): TreePath {
  const found = ofAgent(typed) ?? (typed.startsWith("/") ? typed : undefined);
  if (found !== undefined) return made(typed, found);
  if (isAgent(typed)) return made(typed, `/agents/${typed}`);
  throw new UsageError(
    `Cannot use "${typed}" as a path of the tree: begin it with an agent's name and ":", as in alice:goals, or with /agents/ or /srv/`,
  );
}

/** The same where a path of this machine may stand as well; undefined for that. */
export function treePathOrLocal(typed: string): TreePath | undefined {
  const found = ofAgent(typed) ?? (/^\/+(?:agents|srv)(?:\/|$)/.test(typed) ? typed : undefined);
  return found === undefined ? undefined : made(typed, found);
}

/** What is in a directory. */
export function below({ typed, path }: TreePath, name: string): TreePath {
  const parted = /[/:]$/.test(typed) ? typed : `${typed}/`;
  return { typed: parted + name, path: joinPath(path, name), slash: false };
}

function ofAgent(typed: string): string | undefined {
  const [, name = "", rest = ""] = /^([^/:]*):(.*)$/s.exec(typed) ?? [];
  return isAgent(name) ? `/agents/${name}/${rest}` : undefined;
}

function isAgent(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/i.test(name) || isKey(name);
}

function made(typed: string, path: string): TreePath {
  try {
    return { typed, path: normalPath(path), slash: path.endsWith("/") && !typed.endsWith(":") };
  } catch (error) {
    throw new UsageError(
      (error as Error).message.replace(/"(?:[^"\\]|\\.)*"/, () => JSON.stringify(typed)),
    );
  }
}
