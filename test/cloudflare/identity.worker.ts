import curveModule from "./secp256k1.wasm";
import { testWorker } from "./test-worker.ts";

Object.assign(globalThis, { curveModule });

export default testWorker({
  "conversation-keys": () => import("../identity/conversation-keys.test.ts"),
  "derived-signer": () => import("../identity/derived-signer.test.ts"),
  "domain-names": () => import("../identity/domain-names.test.ts"),
  "event-signer": () => import("../identity/event-signer.test.ts"),
  event: () => import("../identity/event.test.ts"),
  "locked-signer": () => import("../identity/locked-signer.test.ts"),
  nip04: () => import("../identity/nip04.test.ts"),
  nip05: () => import("../identity/nip05.test.ts"),
  nip06: () => import("../identity/nip06.test.ts"),
  nip17: () => import("../identity/nip17.test.ts"),
  "nip19-pointer": () => import("../identity/nip19-pointer.test.ts"),
  nip19: () => import("../identity/nip19.test.ts"),
  nip42: () => import("../identity/nip42.test.ts"),
  nip44: () => import("../identity/nip44.test.ts"),
  nip49: () => import("../identity/nip49.test.ts"),
  nip59: () => import("../identity/nip59.test.ts"),
  nip98: () => import("../identity/nip98.test.ts"),
  point: () => import("../identity/point.test.ts"),
  "secp-wasm": () => import("../identity/secp-wasm.test.ts"),
  secp: () => import("../identity/secp.test.ts"),
});
