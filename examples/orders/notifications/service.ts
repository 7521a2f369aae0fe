// Tells customers how their orders ended. A notification is tried a few times and then let go.

import { defineService, policies, type Service } from "@throughline/core";
import { NotificationSent, OrderCancelled, OrderConfirmed } from "../contracts/index.ts";
import { queueMail } from "./outgoing-mail.ts";

/** Each takes a connection to the database. */
const concurrency = 8;

export function createNotifications(): Service {
  const notifications = defineService("notifications", { publishes: [NotificationSent] });

  notifications.on(
    [OrderConfirmed, OrderCancelled],
    { name: "tell-customer", policy: policies.notification, concurrency },
    async ({ orderId, customerId }, context) => {
      const template = context.event.type === "orders.confirmed" ? "order-confirmed" : "order-cancelled";
      await queueMail(context.tx, { customerId, template, orderId });
      await context.publish(NotificationSent, { orderId, customerId, channel: "email", template });
    },
  );

  return notifications;
}
