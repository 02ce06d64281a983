export { ConversationKeys } from "./conversation-keys.ts";
export { derivedSigner } from "./derived-signer.ts";
export { eventId, expiration, signEvent, verifyEvent } from "./event.ts";
export type { EventTemplate, NostrEvent, UnsignedEvent } from "./event.ts";
export { agentSigner } from "./event-signer.ts";
export type { EventSigner } from "./event-signer.ts";
export { openKeyfile, sealKeyfile } from "./keyfile.ts";
export { memorySigner } from "./memory-signer.ts";
export type { MemorySignerOptions } from "./memory-signer.ts";
export { resolveNip05 } from "./nip05.ts";
export type { Nip05, Nip05Options } from "./nip05.ts";
export { checkMnemonic, newMnemonic } from "./nip06.ts";
export {
  directMessage,
  dmRelays,
  dmRelaysTemplate,
  readDirectMessage,
  wrapDirectMessage,
} from "./nip17.ts";
export type { Addressed, DirectMessage, ReceivedMessage } from "./nip17.ts";
export { decodeNpub, decodeNsec, encodeNpub, encodeNsec } from "./nip19.ts";
export {
  decodeNaddr,
  decodeNevent,
  decodeNprofile,
  encodeNaddr,
  encodeNevent,
  encodeNprofile,
} from "./nip19-pointer.ts";
export type { AddressPointer, EventPointer, ProfilePointer } from "./nip19-pointer.ts";
export { authEvent } from "./nip42.ts";
export { decodeNcryptsec, encodeNcryptsec } from "./nip49.ts";
export type { NcryptsecOptions } from "./nip49.ts";
export { giftWrap, rumorOf, unwrap } from "./nip59.ts";
export type { Rumor, UnwrapOptions, Unwrapped, WrapOptions } from "./nip59.ts";
export { HttpTokens, httpToken } from "./nip98.ts";
export type { HttpTokensOptions, TokenRequest } from "./nip98.ts";
export { nobleSecp } from "./secp.ts";
export type { Secp } from "./secp.ts";
export { loadWasmSecp, wasmSecp } from "./secp-wasm.ts";
export type { WasmModule } from "./secp-wasm.ts";
