import { join } from "node:path";
import { errnoOf } from "../../core/file-error.ts";
import type { FileService, FileStat } from "../../core/ports/index.ts";
import { able } from "../../core/able.ts";
import { checkName, isWithin, nameOf } from "../../vfs/path.ts";
import { UsageError } from "../usage-error.ts";
import {
  localBytes,
  localName,
  localNames,
  localStat,
  makeLocalDirectory,
  writeLocal,
} from "./local-files.ts";
import { print } from "./byte-output.ts";
import { pagesOf } from "./pages.ts";
import { fileBytes, statIfThere, statThrough } from "./file-bytes.ts";
import { putFile } from "./put.ts";
import type { Source } from "./put.ts";
import { below, treePathOrLocal } from "./tree-path.ts";
import type { TreePath } from "./tree-path.ts";
import { named, refused } from "./typed-error.ts";

/** One end of a copy: a path of the tree, or one of this machine, of which `-` is stdin or stdout. */
export type Place = { readonly tree: TreePath } | { readonly local: string };

/** An end of a copy, as it was typed. @throws UsageError for what is none */
export function placeOf(typed: string): Place {
  if (typed === "") throw new UsageError("Cannot copy: a path is empty");
  const tree = treePathOrLocal(typed);
  return tree === undefined ? { local: typed } : { tree };
}

/** How to copy. */
export interface Copying {
  readonly files: FileService;
  /** Directories too, with all that is in them. */
  readonly deep: boolean;
  /** Told of each file that was copied, and where to. */
  readonly onCopied: (from: string, to: string) => void;
  /** Told of what was left out, and why. */
  readonly onLeftOut: (path: string, why: string) => void;
}

/**
 * Copies a file, or a directory with all that is in it, into the place of another or into a directory.
 * What cannot be copied as it is, such as links and streams, is left out of directories.
 * @throws UsageError for ends that do not go together
 */
export async function copy(from: Place, to: Place, copying: Copying): Promise<void> {
  if ("local" in from && "local" in to) {
    throw new UsageError(
      "Cannot copy from this machine to this machine: one of both is a path of the tree, as alice:goals",
    );
  }
  const found = await entryOf(from, copying.files);
  if (found.kind === "directory" && !copying.deep) {
    throw new UsageError(`Cannot copy "${typedOf(from)}": it is a directory: add -r`);
  }
  await copyEntry(found, await targetOf(from, to, copying), copying);
}

/** Something that is to be copied. */
interface Entry {
  readonly place: Place;
  readonly kind: "file" | "directory";
  readonly stat?: FileStat;
  readonly size?: number | undefined;
}

async function entryOf(place: Place, files: FileService): Promise<Entry> {
  if ("tree" in place) {
    const stat = await named(place.tree, () => statThrough(files, place.tree.path));
    return entryWith(place, stat);
  }
  const { local } = place;
  if (local === "-") return { place, kind: "file" };
  const stat = await localStat(local);
  if (stat === undefined) throw refused("ENOENT", "read", local, "there is no such file");
  return { place, kind: stat.kind === "directory" ? "directory" : "file", size: stat.size };
}

function entryWith(place: Place, stat: FileStat): Entry {
  return { place, kind: stat.kind === "directory" ? "directory" : "file", stat, size: stat.size };
}

/** Where it goes: into the other place, or below it, where that is a directory. */
async function targetOf(from: Place, to: Place, { files }: Copying): Promise<Place> {
  const name =
    "tree" in from ? nameOf(from.tree.path) : from.local === "-" ? "" : localName(from.local);
  const inside = (): Place => {
    if (name !== "" && name !== "." && name !== "..") return belowOf(to, name);
    throw new UsageError(
      `Cannot copy "${typedOf(from)}" into the directory "${typedOf(to)}": name the file that it is to be`,
    );
  };
  if ("local" in to) {
    if (to.local === "-") return to;
    const stat = await localStat(to.local);
    if (stat === undefined && to.local.endsWith("/")) await makeLocalDirectory(to.local);
    return stat?.kind === "directory" || to.local.endsWith("/") ? inside() : to;
  }
  const stat = await named(to.tree, () => statIfThere(files, to.tree.path));
  if (stat === undefined && to.tree.slash) await makeDirectory(to.tree, files);
  return stat?.kind === "directory" || to.tree.slash ? inside() : to;
}

async function copyEntry(entry: Entry, to: Place, copying: Copying): Promise<void> {
  if (entry.kind === "file") return copyFile(entry, to, copying);
  const { files } = copying;
  if ("local" in to && to.local === "-") {
    throw new UsageError(`Cannot write the directory "${typedOf(entry.place)}" to stdout`);
  }
  if ("tree" in to && "tree" in entry.place && isWithin(to.tree.path, entry.place.tree.path)) {
    throw new UsageError(`Cannot copy "${typedOf(entry.place)}" into itself`);
  }
  if ("tree" in to) await makeDirectory(to.tree, files);
  else await makeLocalDirectory(to.local);
  for await (const child of childrenOf(entry.place, copying)) {
    await copyEntry(child, belowOf(to, nameOfPlace(child.place)), copying);
  }
}

async function copyFile({ place, stat, size }: Entry, to: Place, copying: Copying): Promise<void> {
  const { files, onCopied } = copying;
  const source: Source = {
    size,
    bytes: "tree" in place ? fileBytes(files, place.tree.path, stat!) : localBytes(place.local),
  };
  let at = typedOf(to);
  const write = async (): Promise<void> => {
    if ("tree" in to) {
      const { tree } = to;
      const path = await named(tree, () => putFile(files, tree.path, source));
      if (path !== tree.path) at = path;
    } else if (to.local === "-") {
      for await (const bytes of source.bytes) await print(bytes);
    } else {
      await writeLocal(to.local, source.bytes);
    }
  };
  await ("tree" in place ? named(place.tree, write) : write());
  onCopied(typedOf(place), at);
}

/** What is in a directory and can be copied. */
async function* childrenOf(place: Place, copying: Copying): AsyncIterable<Entry> {
  const { files, onLeftOut } = copying;
  if ("local" in place) {
    for (const name of await localNames(place.local)) {
      const local = join(place.local, name);
      const stat = await localStat(local, false);
      if (stat?.kind === "file" || stat?.kind === "directory") {
        yield { place: { local }, kind: stat.kind, size: stat.size };
      } else if (stat !== undefined) {
        onLeftOut(local, stat.kind === "link" ? "it is a link" : "it is no file");
      }
    }
    return;
  }
  for await (const page of pagesOf(files, place.tree.path)) {
    for (const stat of page) {
      // Another end could name something outside of the directory that is to be written.
      const child: Place = { tree: below(place.tree, checkName(stat.name)) };
      const why = unfit(stat);
      if (why === undefined) yield entryWith(child, stat);
      else onLeftOut(child.tree.typed, why);
    }
  }
}

/** Why something of the tree cannot be copied with the rest of its directory. */
function unfit({ kind, nature, access }: FileStat): string | undefined {
  if (kind === "link") return "it is a link";
  if (nature === "stream") return "it is a stream";
  if (nature === "exchange") return "it answers to what is written";
  return access.startsWith("r") ? undefined : "it cannot be read";
}

async function makeDirectory(tree: TreePath, files: FileService): Promise<void> {
  await named(tree, async () => {
    if ((await statIfThere(files, tree.path))?.kind === "directory") return;
    try {
      await able(files, "makeDirectory", tree.path)(tree.path);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  });
}

function belowOf(place: Place, name: string): Place {
  return "tree" in place
    ? { tree: below(place.tree, name) }
    : { local: `${place.local}${place.local.endsWith("/") ? "" : "/"}${name}` };
}

function nameOfPlace(place: Place): string {
  return "tree" in place ? nameOf(place.tree.path) : localName(place.local);
}

/** An end of a copy as people know it. */
function typedOf(place: Place): string {
  return "tree" in place ? place.tree.typed : place.local;
}
