// NATS for whoever needs one: the running server that NATS_URL names, or one of our own.

import { type NatsServerOptions, startNatsServer } from "./nats-server.ts";

export interface ProvidedNats extends AsyncDisposable {
  /** One address, or several separated by commas. */
  readonly url: string;
  /** `NATS_URL` for a running server, which is left alone; otherwise how the started one was found. */
  readonly source: string;
}

/** `NATS_URL` skips finding, starting and ending a server. @throws ServersError SERVERS_NOT_FOUND, SERVERS_START_FAILED */
export async function provideNats(options: NatsServerOptions = {}): Promise<ProvidedNats> {
  const url = (options.env ?? process.env)["NATS_URL"];
  return url ? { url, source: "NATS_URL", [Symbol.asyncDispose]: async () => undefined } : startNatsServer(options);
}
