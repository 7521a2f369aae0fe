// NestJS with the JetStream transport of HorizonRepublic. Its `emit` resolves before the stream has answered, and its
// consumer acks before the handler runs; both make it look faster than a confirmed and acked delivery would.

import "reflect-metadata";
import {
  getJetStreamTransportToken,
  JetstreamClientModule,
  JetstreamServerModule,
} from "@horizon-republic/nestjs-jetstream";
import { Controller, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { EventPattern, Payload } from "@nestjs/microservices";
import { lastValueFrom } from "rxjs";
import { countArrivals, createOrder, rateOf, report } from "./load.mjs";

const name = "orders";

/** An application whose handler calls `onOrder`; its streams are made when its microservices start. */
async function createApp(servers, onOrder) {
  class OrdersController {
    placed() {
      onOrder();
    }
  }
  Controller()(OrdersController);
  const method = Object.getOwnPropertyDescriptor(OrdersController.prototype, "placed");
  EventPattern("orders.placed")(OrdersController.prototype, "placed", method);
  Payload()(OrdersController.prototype, "placed", 0);
  class AppModule {}
  Module({
    imports: [JetstreamServerModule.forRoot({ name, servers }), JetstreamClientModule.forFeature({ name, servers })],
    controllers: [OrdersController],
  })(AppModule);
  const app = await NestFactory.create(AppModule, { logger: ["error"] });
  app.connectMicroservice(app.get(getJetStreamTransportToken(name)), { inheritAppConfig: true });
  await app.init();
  return app;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

await report(async (url, count) => {
  const servers = [url.replace("nats://", "")];
  const setup = await createApp(servers, () => undefined);
  await setup.startAllMicroservices();
  await pause(1_000);
  await setup.close();

  const arrivals = countArrivals(count);
  const app = await createApp(servers, arrivals.arrive);
  const client = app.get(name, { strict: false });
  await client.connect();
  const publish = await rateOf(count, (number) =>
    lastValueFrom(client.emit("orders.placed", createOrder(number)), { defaultValue: undefined }),
  );
  // Not acked, so what was sent may still be on its way.
  await pause(1_000);
  await app.startAllMicroservices();
  return { publish, consume: await arrivals.rate };
});
