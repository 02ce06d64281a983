export { canMount, mountFuse } from "./fuse.ts";
export type { FuseMount, FuseOptions } from "./fuse.ts";
export { hostDirectory } from "./host-directory.ts";
export type { HostDirectoryOptions } from "./host-directory.ts";
export { hostKind } from "./host-kind.ts";
export type { HostKindOptions } from "./host-kind.ts";
export { publicFetch } from "./public-fetch.ts";
export type { PublicFetchOptions } from "./public-fetch.ts";
