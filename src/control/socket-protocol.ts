// What both ends of an agent's WebSocket know, on its own so that clients carry nothing else.

/** The subprotocol of an agent's WebSocket. */
export const SUBPROTOCOL = "openagents.v1";

/** The two frames that need no thought: whoever keeps the socket may answer the one with the other. */
export const PING = '{"type":"ping"}';
export const PONG = '{"type":"pong"}';

/** Why a socket is closed, by the code of its close frame. */
export const CLOSE = {
  /** The server stops: come again. */
  stopping: 1001,
  /** A frame that is no text. */
  binary: 1003,
  /** A frame above the limit. */
  large: 1009,
  /** What let the client in holds no longer: the token was revoked or ended, or its bounds left the agent. */
  denied: 4003,
  /** The agent was erased or lives elsewhere now. */
  gone: 4004,
  /** Nothing was heard for too long. */
  silent: 4006,
  /** What was sent was not read in time: come again, and go on from the last id. */
  slow: 4008,
  /** More frames than may come in a second. */
  flood: 4029,
} as const;
