/** Something that a source has published. */
export interface Entry {
  /** What tells it from the source's other entries. */
  readonly id: string;
  readonly title: string;
  readonly link: string;
}

/**
 * The entries of a feed in the order it has them: RSS, Atom or JSON Feed. A small reader for
 * well-formed feeds, and no validator: of anything else it gives what it finds, or an error. It knows
 * no ">" in an attribute and no mark-up in a title.
 */
export function parseFeed(text: string): Entry[] {
  return text.trimStart().startsWith("{") ? fromJson(text) : fromXml(text);
}

function fromJson(text: string): Entry[] {
  const { items } = JSON.parse(text) as {
    items?: Partial<Record<"id" | "title" | "url", string>>[];
  };
  if (!Array.isArray(items)) throw new Error('It is no JSON Feed: there are no "items"');
  return items.map(({ id = "", title = "", url = "" }) => entry(id, title, url));
}

/** The members of an entry, by the names of the elements that hold them. */
const MEMBERS: Readonly<Record<string, keyof Entry>> = {
  guid: "id",
  id: "id",
  title: "title",
  link: "link",
};

function fromXml(xml: string): Entry[] {
  const entries: Entry[] = [];
  /** The names of the elements that we are in. */
  const open: string[] = [];
  let found: Record<keyof Entry, string> | undefined;
  for (const { tag, text } of pieces(xml)) {
    if (tag === undefined) {
      const member = MEMBERS[open.at(-1) ?? ""];
      // Only what stands in the entry itself: an author has a title and an id too.
      if (found !== undefined && member !== undefined && isEntry(open.at(-2)))
        found[member] += text;
      continue;
    }
    const name = nameOf(tag);
    if (tag.startsWith("/")) {
      while (open.length > 0 && open.pop() !== name);
      if (isEntry(name) && found !== undefined) {
        entries.push(entry(found.id.trim(), found.title.trim(), found.link.trim()));
        found = undefined;
      }
      continue;
    }
    if (isEntry(name)) found = { id: "", title: "", link: "" };
    if (found !== undefined && name === "link" && isEntry(open.at(-1)) && found.link === "") {
      found.link = attribute(tag, "href");
    }
    if (!tag.endsWith("/")) open.push(name);
  }
  if (entries.length === 0 && !xml.includes("<rss") && !xml.includes("<feed")) {
    throw new Error("It is no feed: neither RSS nor Atom nor JSON Feed");
  }
  return entries;
}

/** An XML text as its tags, without their brackets, and the texts in between. */
function* pieces(xml: string): Iterable<{ readonly tag?: string; readonly text: string }> {
  let at = 0;
  while (at < xml.length) {
    const [start, end] = BRACKETS.find(([start]) => xml.startsWith(start, at)) ?? ["", "<"];
    const from = at + start.length;
    const found = xml.indexOf(end, from);
    const to = found < 0 ? xml.length : found;
    const inside = xml.slice(from, to);
    if (start === "<") yield { tag: inside, text: "" };
    else if (start === "<![CDATA[") yield { text: inside };
    else if (start === "") yield { text: unescape(inside) };
    at = start === "" ? to : to + end.length;
  }
}

/** What begins and what ends the parts of an XML text; the rest is text. */
const BRACKETS = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"],
  ["<!", ">"],
  ["<", ">"],
] as const;

function nameOf(tag: string): string {
  const [name = ""] = tag.replace("/", "").trim().split(/[\s/]/);
  return name;
}

function isEntry(name: string | undefined): boolean {
  return name === "item" || name === "entry";
}

function attribute(tag: string, name: string): string {
  const [, after = ""] = tag.split(` ${name}=`);
  return unescape(after.slice(1, Math.max(1, after.indexOf(after[0] ?? "", 1))));
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  amp: "&",
};

function unescape(text: string): string {
  return text.replace(/&(#x?)?(\w{1,8});/gi, (whole, number: string | undefined, name: string) => {
    if (number === undefined) return ENTITIES[name] ?? whole;
    const point = Number.parseInt(name, number === "#" ? 10 : 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

function entry(id: string, title: string, link: string): Entry {
  return {
    id: (id || link || title).toWellFormed(),
    title: title.toWellFormed(),
    link: link.toWellFormed(),
  };
}
