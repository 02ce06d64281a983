/** A request that a provider, or its own library, says is well signed. */
export interface Vector {
  readonly name: string;
  readonly verify: "github" | "stripe" | "slack" | "standard";
  readonly secret: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** ms since 1970. */
  readonly at: number;
  readonly id: string;
  /** The header that has the signature. */
  readonly signature: string;
}

export const VECTORS: readonly Vector[] = [
  {
    // https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries, "Testing the webhook
    // payload validation"; the id of the delivery is from "Webhook events and payloads".
    name: "GitHub's documentation",
    verify: "github",
    secret: "It's a Secret to Everybody",
    headers: {
      "x-hub-signature-256":
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
      "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    },
    body: "Hello, World!",
    at: 0,
    id: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    signature: "x-hub-signature-256",
  },
  {
    // Stripe's documentation has no secret with its example; this one is in the tests of Stripe's own
    // library for .NET: https://github.com/stripe/stripe-dotnet, EventUtilityTest.cs.
    name: "the tests of Stripe's library",
    verify: "stripe",
    secret: "webhook_secret",
    headers: {
      "stripe-signature":
        "t=1533204620,v1=f0bdba6d4eacbd8ad8a3bbadd7248e633ec1477f7899c124c51b39405fa36613,v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef",
    },
    body: `{
  "id": "evt_123",
  "object": "event",
  "account": "acct_123",
  "api_version": "2017-05-25",
  "created": 1533204620,
  "data": {
    "object": {
      "id": "ii_123",
      "object": "invoiceitem",
      "amount": 1000,
      "currency": "usd",
      "customer": "cus_123",
      "date": 1533204620,
      "description": "Test Invoice Item",
      "discountable": false,
      "invoice": "in_123",
      "livemode": false,
      "metadata": {},
      "period": {
        "start": 1533204620,
        "end": 1533204620
      },
      "plan": null,
      "proration": false,
      "quantity": null,
      "subscription": null
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {
    "id": "req_123",
    "idempotency_key": "idempotency-key-123"
  },
  "type": "invoiceitem.created"
}
`,
    at: 1_533_204_720_000,
    id: "evt_123",
    signature: "stripe-signature",
  },
  {
    // https://docs.slack.dev/authentication/verifying-requests-from-slack, the worked example.
    name: "Slack's documentation",
    verify: "slack",
    secret: "8f742231b10e8888abcd99yyyzzz85a5",
    headers: {
      "x-slack-request-timestamp": "1531420618",
      "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    },
    body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
    at: 1_531_420_618_000,
    // No id comes with a command: SHA-256 of the signature.
    id: "8e6f3b97b9a324cb3911e57cce4cbc54dfdc81b4f2ef3dcee5d39ee6a63a71fa",
    signature: "x-slack-signature",
  },
  {
    // https://github.com/standard-webhooks/standard-webhooks, the vector of its libraries' tests.
    name: "the libraries of Standard Webhooks",
    verify: "standard",
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    headers: {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    body: '{"test": 2432232314}',
    at: 1_614_265_330_000,
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    signature: "webhook-signature",
  },
];
