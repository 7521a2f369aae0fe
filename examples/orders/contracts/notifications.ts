// What customers were told.

import { defineEvent } from "@throughline/contracts";
import { z } from "zod";

export const NotificationSent = defineEvent("notifications.sent", {
  key: (notification: { orderId: string }) => notification.orderId,
  description: "A customer was told how an order ended.",
}).version(
  1,
  z.object({
    orderId: z.string(),
    customerId: z.string(),
    channel: z.literal("email"),
    template: z.enum(["order-confirmed", "order-cancelled"]),
  }),
);
