import type { FileService } from "../../src/core/ports/files.ts";
import { namespace } from "../../src/vfs/namespace.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import type { Bench, Figures } from "../bench.ts";
import { median, round } from "../measure.ts";

const MOUNTS = 1000;
/** Where a path goes on below its mount. */
const BELOW = ["", "/notes.md", "/src/main.ts", "/a/b/c/d/e"];

/**
 * Ns to check a path and to find the one of 1,000 mounts that it belongs to: 10 groups of 100, and paths
 * from the mount itself to five names below it.
 */
export function vfsResolve(bench: Bench): Promise<Figures> {
  const service = scratch({}, { now: () => 0 });
  const points = Array.from({ length: MOUNTS }, (_, i) => `/fs/group-${i % 10}/mount-${i}`);
  const tree = namespace(points.map((path) => ({ path, service, access: "read-write" })));
  const paths = points.map((point, i) => point + BELOW[i % BELOW.length]!);
  const known = new Map<string, FileService>(paths.map((path) => [path, service]));
  const { rounds, resolves } = bench.sizes;
  const took = { ours: [] as number[], floor: [] as number[] };
  let found = 0;
  for (let i = 0; i <= rounds; i += 1) {
    for (const who of ["floor", "ours"] as const) {
      const start = process.threadCpuUsage();
      for (let n = 0; n < resolves; n += 1) {
        const path = paths[n % MOUNTS]!;
        if (who === "ours") found += tree.mountAt(path) === undefined ? 0 : 1;
        else found += known.get(path) === undefined ? 0 : 1;
      }
      const { user, system } = process.threadCpuUsage(start);
      // The first round is for the compiler.
      if (i > 0) took[who].push((1000 * (user + system)) / resolves);
    }
  }
  if (found !== 2 * (rounds + 1) * resolves) throw new Error(`${found} paths were found`);
  const [ours, floor] = [median(took.ours), median(took.floor)];
  return Promise.resolve({
    value: round(ours),
    unit: "ns",
    ratio: round(floor / ours),
    against: `${round(floor)} ns: a Map of these paths, with nothing checked`,
  });
}
