// Public surface of @throughline/servers.

export {
  type FindOptions,
  type FoundServer,
  findDebianNatsServer,
  findNatsServer,
  type NatsServerSource,
  oldestNatsServerVersion,
} from "./find-nats-server.ts";
export { findFreePorts } from "./free-ports.ts";
export { type FindJaegerOptions, type FoundJaeger, findJaeger, jaegerVersion } from "./jaeger/find-jaeger.ts";
export { type JaegerOptions, type JaegerServer, startJaeger } from "./jaeger/jaeger-server.ts";
export { type ProvidedJaeger, provideJaeger } from "./jaeger/provide-jaeger.ts";
export { type NatsCluster, type NatsClusterOptions, startNatsCluster } from "./nats-cluster.ts";
export { type NatsServer, type NatsServerOptions, startNatsServer } from "./nats-server.ts";
export { natsServerVersion } from "./nats-server-release.ts";
export { type FoundPostgres, findPostgres, oldestPostgresVersion } from "./postgres/find-postgres.ts";
export { type PostgresOptions, type PostgresServer, startPostgres } from "./postgres/postgres-server.ts";
export {
  findPostgresToTest,
  type PostgresToTest,
  type ProvidedPostgres,
  providePostgres,
} from "./postgres/provide-postgres.ts";
export { type ProvidedNats, provideNats } from "./provide-nats.ts";
export { type FailedAttempt, ServersError } from "./servers-error.ts";
export { findServersToTest, type ServerToTest } from "./servers-to-test.ts";
