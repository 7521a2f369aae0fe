// The events that the five services share.

export { CheckStock, InventoryOutOfStock, InventoryReleased, InventoryReserved } from "./inventory.ts";
export { NotificationSent } from "./notifications.ts";
export { OrderCancelled, OrderConfirmed, type OrderItem, OrderPlaced } from "./orders.ts";
export { PaymentCaptured, PaymentDeclined, PaymentRefunded } from "./payments.ts";
