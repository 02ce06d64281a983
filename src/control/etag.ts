import { OpenAgentsError } from "../core/errors.ts";

/** The entity tag of what has a revision (RFC 9110, section 8.8.3). */
export function etagOf({ revision }: { readonly revision: string }): string {
  return `"${revision}"`;
}

/**
 * The revision that an `If-Match` asks for; undefined for none, and for `*`, which anything matches.
 * @throws INVALID for what is no strong entity tag
 */
export function revisionOf(ifMatch: string | undefined): string | undefined {
  if (ifMatch === undefined || ifMatch.trim() === "*") return undefined;
  const tag = /^\s*"([\w-]{1,128})"\s*$/.exec(ifMatch)?.[1];
  if (tag !== undefined) return tag;
  throw new OpenAgentsError(
    "INVALID",
    'Cannot read "If-Match": it must be one ETag in quotes, as an answer had it, or *',
  );
}
