// The connection to NATS: patient at start, reconnecting for ever, and telling the log about every change.

import type { ConnectionOptions, NatsConnection } from "@nats-io/nats-core";
import { errors } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { ThroughlineError } from "@throughline/contracts";
import type { Logger } from "@throughline/core";

const reconnectWaitMs = 2_000;
const reconnectJitterMs = 500;
/** Notices a half-open socket within 30 s; the client's default takes 6 minutes. */
const pingIntervalMs = 10_000;
const maxUnansweredPings = 2;

export interface OpenOptions {
  readonly servers: readonly string[];
  readonly service: string;
  readonly logger: Logger;
  /** How long the first connection may take, tries included. */
  readonly connectTimeoutMs: number;
  readonly client: ConnectionOptions;
}

/** @throws NATS_UNREACHABLE, NATS_UNAUTHORIZED */
export async function openConnection(options: OpenOptions): Promise<NatsConnection> {
  const { servers, service, logger, connectTimeoutMs } = options;
  const deadline = Date.now() + connectTimeoutMs;
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, reconnectWaitMs)) {
    try {
      const connection = await connect({
        name: service,
        inboxPrefix: `_INBOX_${service}`,
        maxReconnectAttempts: -1,
        reconnectTimeWait: reconnectWaitMs,
        reconnectJitter: reconnectJitterMs,
        pingInterval: pingIntervalMs,
        maxPingOut: maxUnansweredPings,
        ignoreAuthErrorAbort: true,
        ...options.client,
        servers: [...servers],
      });
      logger.info({ server: connection.getServer(), serverName: connection.info?.server_name }, "connected");
      return connection;
    } catch (error) {
      if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) {
        throw new ThroughlineError("NATS_UNAUTHORIZED", `NATS refused the credentials of ${service}.`, {
          cause: error,
        });
      }
      if (Date.now() + pauseMs > deadline) {
        throw new ThroughlineError("NATS_UNREACHABLE", `No nats-server answers at ${withoutCredentials(servers)}.`, {
          details: { servers: withoutCredentials(servers), waitedMs: connectTimeoutMs },
          cause: error,
        });
      }
      logger.warn({ servers: withoutCredentials(servers), pauseMs }, "nats-server not reachable yet");
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** Logs disconnects, reconnects and errors with the server's name until the connection closes. */
export async function followStatus(
  connection: NatsConnection,
  logger: Logger,
  on: {
    readonly disconnect: () => void;
    readonly reconnect: () => void;
    /** The server does not let this user publish the subject. */
    readonly forbidden: (subject: string, error: Error) => void;
  },
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect") {
      on.disconnect();
      logger.warn({ server: status.server, serverName: connection.info?.server_name }, "disconnected");
    } else if (status.type === "reconnect") {
      on.reconnect();
      logger.info({ server: status.server, serverName: connection.info?.server_name }, "reconnected");
    } else if (status.type === "error") {
      logger.error({ err: status.error }, "connection error");
      const { error } = status;
      if (error instanceof errors.PermissionViolationError && error.operation === "publish") {
        on.forbidden(error.subject, error);
      }
    } else if (status.type === "ldm") {
      logger.warn({ server: status.server }, "the server is shutting down in lame duck mode");
    }
  }
}

function withoutCredentials(servers: readonly string[]): string {
  return servers.map((server) => server.replace(/^([a-z]+:\/\/)?[^@/]*@/i, "$1")).join(", ");
}
