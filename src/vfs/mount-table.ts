import { comparePaths } from "../core/path-order.ts";
import type { Access, FileService, FileStat, MountBudget } from "../core/ports/index.ts";
import { partsOf } from "./path.ts";

/** A mount as it is now. */
export interface Mounted {
  readonly path: string;
  readonly service: FileService;
  readonly budget: MountBudget | undefined;
  readonly listed: (() => FileStat) | undefined;
  access: Access;
}

/** A path at which there is a mount, or below which there is one. */
export class MountPoint {
  mounted: Mounted | undefined;
  readonly #points = new Map<string, MountPoint>();
  #names: readonly string[] | undefined;

  /** The points right below it, by name. */
  get points(): ReadonlyMap<string, MountPoint> {
    return this.#points;
  }

  /** Their names as they are listed: by their bytes. */
  get names(): readonly string[] {
    this.#names ??= [...this.#points.keys()].sort(comparePaths);
    return this.#names;
  }

  make(name: string): MountPoint {
    const point = new MountPoint();
    this.#points.set(name, point);
    this.#names = undefined;
    return point;
  }

  drop(name: string): void {
    this.#points.delete(name);
    this.#names = undefined;
  }

  /** The mounts at it and below. */
  *all(): Generator<Mounted> {
    if (this.mounted !== undefined) yield this.mounted;
    for (const name of this.names) yield* this.#points.get(name)!.all();
  }
}

/** Where a path is among the mounts. */
export interface Place {
  /** The mount with the longest path that it is within. */
  readonly mounted: Mounted | undefined;
  /** Set when there is a mount at the path itself, or below it. */
  readonly point: MountPoint | undefined;
}

/** A path that a service has. */
export interface Within {
  readonly path: string;
  readonly mounted: Mounted;
  /** The path there. */
  readonly rest: string;
}

/** The mounts, as a tree of the parts of their paths. To find one takes as long as that is deep. */
export class MountTable {
  readonly #root = new MountPoint();

  get root(): MountPoint {
    return this.#root;
  }

  /** @param path normal */
  find(path: string): Place {
    let point: MountPoint | undefined = this.#root;
    let mounted = point.mounted;
    for (let start = 1; start < path.length;) {
      const slash = path.indexOf("/", start);
      const end = slash < 0 ? path.length : slash;
      point = point.points.get(path.slice(start, end));
      if (point === undefined) break;
      mounted = point.mounted ?? mounted;
      start = end + 1;
    }
    return { mounted, point };
  }

  add(mounted: Mounted): void {
    let point = this.#root;
    for (const name of partsOf(mounted.path)) point = point.points.get(name) ?? point.make(name);
    point.mounted = mounted;
  }

  /** With the points above it that then lead nowhere. */
  drop(path: string): void {
    const parts = partsOf(path);
    const points = [this.#root];
    for (const name of parts) points.push(points.at(-1)!.points.get(name)!);
    points.at(-1)!.mounted = undefined;
    for (let i = parts.length; i > 0; i -= 1) {
      const { mounted, points: below } = points[i]!;
      if (mounted !== undefined || below.size > 0) return;
      points[i - 1]!.drop(parts[i - 1]!);
    }
  }
}
