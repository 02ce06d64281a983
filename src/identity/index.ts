export { ConversationKeys } from "./conversation-keys.ts";
export { derivedSigner } from "./derived-signer.ts";
export { eventId, expiration, signEvent, verifyEvent } from "./event.ts";
export type { EventTemplate, NostrEvent, UnsignedEvent } from "./event.ts";
export { agentSigner } from "./event-signer.ts";
export type { EventSigner } from "./event-signer.ts";
export { openKeyfile, sealKeyfile } from "./keyfile.ts";
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
export { authEvent } from "./nip42.ts";
export { decodeNcryptsec, encodeNcryptsec } from "./nip49.ts";
export type { NcryptsecOptions } from "./nip49.ts";
export { giftWrap, rumorOf, unwrap } from "./nip59.ts";
export type { Rumor, UnwrapOptions, Unwrapped, WrapOptions } from "./nip59.ts";
export { nobleSecp } from "./secp.ts";
export type { Secp } from "./secp.ts";
