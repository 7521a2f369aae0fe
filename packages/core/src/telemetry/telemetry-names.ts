// Every span attribute that the toolkit writes, in one place.
// @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/

export const attributeNames = {
  operationName: "messaging.operation.name",
  operationType: "messaging.operation.type",
  system: "messaging.system",
  systemName: "messaging.system.name",
  destinationName: "messaging.destination.name",
  destinationTemplate: "messaging.destination.template",
  messageId: "messaging.message.id",
  conversationId: "messaging.message.conversation_id",
  bodySize: "messaging.message.body.size",
  batchMessageCount: "messaging.batch.message_count",
  consumerGroup: "messaging.consumer.group.name",
  serverAddress: "server.address",
  serverPort: "server.port",
  errorType: "error.type",
  cloudEventId: "cloudevents.event_id",
  cloudEventSource: "cloudevents.event_source",
  cloudEventType: "cloudevents.event_type",
  cloudEventSubject: "cloudevents.event_subject",
  streamName: "messaging.nats.stream.name",
  streamSequence: "messaging.nats.message.stream_sequence",
  consumerSequence: "messaging.nats.message.consumer_sequence",
  deliveryCount: "messaging.nats.message.delivery_count",
} as const;

export const spanEventNames = {
  retryScheduled: "throughline.retry_scheduled",
  deadLettered: "throughline.dead_lettered",
  dropped: "throughline.dropped",
} as const;
