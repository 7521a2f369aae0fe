// Tells customers how their orders ended. A notification is tried a few times and then let go.

import { defineService, policies, type Service } from "@throughline/core";
import { NotificationSent, OrderCancelled, OrderConfirmed } from "../contracts/index.ts";
import type { Mailer } from "./mailer.ts";

export function createNotifications(mailer: Mailer): Service {
  const notifications = defineService("notifications", { publishes: [NotificationSent] });

  notifications.on(
    [OrderConfirmed, OrderCancelled],
    { name: "tell-customer", policy: policies.notification },
    async ({ orderId, customerId }, context) => {
      const template = context.event.type === "orders.confirmed" ? "order-confirmed" : "order-cancelled";
      await mailer.send({ customerId, template, orderId });
      await context.publish(NotificationSent, { orderId, customerId, channel: "email", template });
    },
  );

  return notifications;
}
