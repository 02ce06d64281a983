import { OpenAgentsError } from "../core/errors.ts";

/** The entity tag of what has a revision (RFC 9110, section 8.8.3). */
export function etagOf({ revision }: { readonly revision: string }): string {
  return `"${revision}"`;
}

/** A list of entity tags: opaque text in quotes, each of which may be weak. */
const TAGS = /^(?:[ \t]*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")?[ \t]*(?:,|$))+$/;

/**
 * The revisions of which an `If-Match` asks for any (RFC 9110, section 13.1.1); undefined for none, and
 * for `*`, which anything matches. Weak tags match nothing, so that there may be none.
 * @throws INVALID for what is no list of entity tags
 */
export function revisionsOf(ifMatch: string | undefined): readonly string[] | undefined {
  if (ifMatch === undefined || ifMatch.trim() === "*") return undefined;
  const tags =
    ifMatch.length <= 8_192 && TAGS.test(ifMatch) ? ifMatch.match(/(?:W\/)?"[^"]*"/g) : null;
  if (tags !== null) return tags.flatMap((tag) => (tag.startsWith("W/") ? [] : [tag.slice(1, -1)]));
  throw new OpenAgentsError(
    "INVALID",
    'Cannot read "If-Match": it must be ETags in quotes, as answers had them, with commas between, or *',
  );
}

/** The entity tag of a file, whose revision may be any text. */
export function fileTag(revision: string): string {
  return etagOf({ revision: encodeURIComponent(revision.toWellFormed()) });
}

/** The revisions of files that an `If-Match` asks for: see `revisionsOf`. */
export function fileRevisions(ifMatch: string | undefined): readonly string[] | undefined {
  return revisionsOf(ifMatch)?.map((tag) => {
    try {
      return decodeURIComponent(tag);
    } catch {
      // Nobody was given it.
      return tag;
    }
  });
}
