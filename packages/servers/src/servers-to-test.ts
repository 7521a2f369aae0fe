// The servers that a test against real ones should run on: the pinned modern one, and the floor.

import { type FoundServer, findDebianNatsServer, findNatsServer } from "./find-nats-server.ts";
import { describe } from "./servers-error.ts";

export interface ServerToTest {
  /** For the title of a test; says why where the server cannot be had. */
  readonly name: string;
  /** Undefined where the server cannot be had: skip, so that it is counted. */
  readonly server: FoundServer | undefined;
}

/** The modern server has to be there; Debian's, the floor, may be missing. @throws ServersError SERVERS_NOT_FOUND */
export async function findServersToTest(): Promise<readonly [ServerToTest, ServerToTest]> {
  const modern = { name: "the modern server", server: await findNatsServer() };
  const floor = await findDebianNatsServer().then(
    (server) => ({ name: "Debian's server", server }),
    (error: unknown) => ({ name: `Debian's server, which cannot be had: ${describe(error)}`, server: undefined }),
  );
  return [modern, floor];
}
