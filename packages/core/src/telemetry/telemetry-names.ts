// Every name that the toolkit gives to telemetry, in one place.
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
  rpcSystem: "rpc.system",
  rpcService: "rpc.service",
  rpcMethod: "rpc.method",
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
  deadLetterReason: "throughline.dead_letter.reason",
  retryDelay: "throughline.retry.delay_ms",
} as const;

export const spanEventNames = {
  retryScheduled: "throughline.retry_scheduled",
  deadLettered: "throughline.dead_lettered",
  dropped: "throughline.dropped",
  expected: "throughline.expected",
  postponed: "throughline.postponed",
  circuitOpened: "throughline.circuit_opened",
  heldByCircuit: "throughline.held_by_circuit",
} as const;

export const metricNames = {
  retries: "throughline.subscription.retries",
  deadLetters: "throughline.subscription.dead_letters",
  drops: "throughline.subscription.drops",
  expected: "throughline.subscription.expected",
  postponed: "throughline.subscription.postponed",
  circuitState: "throughline.circuit.state",
} as const;
