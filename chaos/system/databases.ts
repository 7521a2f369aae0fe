// Looks into the services' databases, past all proxies.

import pg from "pg";
import { type ServiceName, serviceNames } from "../../examples/orders/start/service-process.ts";
import type { Stage } from "./stage.ts";

export class Databases implements AsyncDisposable {
  readonly #clients: ReadonlyMap<ServiceName, pg.Client>;

  private constructor(clients: ReadonlyMap<ServiceName, pg.Client>) {
    this.#clients = clients;
  }

  static async open({ databaseUrls }: Pick<Stage, "databaseUrls">): Promise<Databases> {
    const clients = new Map(
      serviceNames.map((name) => [name, new pg.Client({ connectionString: databaseUrls[name] })] as const),
    );
    for (const client of clients.values()) {
      client.on("error", () => undefined);
      await client.connect();
    }
    return new Databases(clients);
  }

  async ask<Row>(service: ServiceName, text: string): Promise<readonly Row[]> {
    const client = this.#clients.get(service) as pg.Client;
    return (await client.query(text)).rows as Row[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.end().catch(() => undefined)));
  }
}
