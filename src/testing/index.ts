export { fakeSigner } from "./fake-signer.ts";
export { manualClock } from "./manual-clock.ts";
export type { ManualClock } from "./manual-clock.ts";
export {
  backendConformance,
  conformanceAgents,
  localOutside,
  outsideHandler,
  remoteOutside,
} from "./backend-conformance.ts";
export type {
  BackendConformanceCase,
  BackendFixture,
  Guarantee,
  Outside,
} from "./backend-conformance.ts";
export { fileServiceConformance } from "./file-service-conformance.ts";
export type {
  ExchangeSample,
  FileCapability,
  FileContent,
  FileServiceConformanceOptions,
  FileServiceFixture,
  StreamSample,
} from "./file-service-conformance.ts";
export { homeFilesConformance } from "./home-files-conformance.ts";
export type { HomeFilesFixture } from "./home-files-conformance.ts";
export { storeConformance } from "./store-conformance.ts";
export type {
  ConformanceCase,
  StoreConformanceOptions,
  StoreFixture,
} from "./store-conformance.ts";
