"""Places an order from Python and reads what comes out of it: nats-py and CloudEvents' SDK, nothing of Throughline.

    NATS_URL=nats://127.0.0.1:4222 python place_order.py <order id>

With TRACEPARENT set, the order joins that trace. Prints one JSON line for each event that it reads.
"""

import asyncio
import json
import os
import sys
import uuid
from datetime import datetime, timezone

import nats
from cloudevents.core.bindings.http import HTTPMessage, from_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from nats.js.api import ConsumerConfig

WAIT_AT_MOST_S = 30


async def main(order_id: str) -> None:
    connection = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    try:
        js = connection.jetstream()
        await publish(js, order_id)
        for stream, event_type in (("ORDERS", "orders.confirmed"), ("NOTIFICATIONS", "notifications.sent")):
            print(json.dumps(await await_event(js, stream, f"{event_type}.{order_id}")))
    finally:
        await connection.close()


async def publish(js, order_id: str) -> None:
    """Structured mode: attributes and data together in the body. Version 1 has no currency yet."""
    attributes = {
        "id": str(uuid.uuid4()),
        "type": "orders.placed",
        "source": "/clients/python",
        "subject": order_id,
        "time": datetime.now(timezone.utc),
        "datacontenttype": "application/json",
        "dataversion": "1",
    }
    if "TRACEPARENT" in os.environ:
        attributes["traceparent"] = os.environ["TRACEPARENT"]
    data = {
        "orderId": order_id,
        "customerId": "customer-python",
        "items": [{"sku": "coffee-beans", "quantity": 1, "unitPriceCents": 1290}],
        "paymentMethod": "card-visa",
    }
    message = to_structured(CloudEvent(attributes, data), JSONFormat())
    headers = {**message.headers, "Nats-Msg-Id": attributes["id"]}
    await js.publish(f"orders.placed.{order_id}", message.body, headers=headers)


async def await_event(js, stream: str, subject: str) -> dict:
    """The SDK judges what was read, attribute by attribute."""
    subscription = await js.subscribe(subject, stream=stream, ordered_consumer=True, config=ConsumerConfig())
    message = await subscription.next_msg(timeout=WAIT_AT_MOST_S)
    await subscription.unsubscribe()
    headers = message.headers or {}
    # The SDK has a binding for HTTP, which names this one header differently.
    http_headers = {**headers, "content-type": headers["ce-datacontenttype"]}
    event = from_binary(HTTPMessage(http_headers, message.data), JSONFormat())
    attributes = {name: str(value) for name, value in event.get_attributes().items()}
    return {**attributes, "traceparent": headers["traceparent"], "data": event.get_data()}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: place_order.py <order id>")
    asyncio.run(main(sys.argv[1]))
