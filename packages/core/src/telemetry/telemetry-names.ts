// Every name that the toolkit gives to telemetry, in one place.
// @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
// @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/

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
  partitionId: "messaging.destination.partition.id",
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

/** Of durations, in seconds, as the conventions advise. */
export const durationBuckets: number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

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
  sendDuration: "messaging.client.operation.duration",
  sent: "messaging.client.sent.messages",
  consumed: "messaging.client.consumed.messages",
  processDuration: "messaging.process.duration",
  lag: "throughline.subscription.lag",
  pendingAcks: "throughline.subscription.pending_acks",
  redeliveries: "throughline.subscription.redeliveries",
  retries: "throughline.subscription.retries",
  deadLetters: "throughline.subscription.dead_letters",
  drops: "throughline.subscription.drops",
  expected: "throughline.subscription.expected",
  postponed: "throughline.subscription.postponed",
  circuitState: "throughline.circuit.state",
  outboxWaiting: "throughline.outbox.waiting",
  outboxAge: "throughline.outbox.age",
} as const;
