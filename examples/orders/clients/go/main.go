// Places an order from Go and reads what comes out of it: nats.go and CloudEvents' SDK, nothing of Throughline.
//
//	NATS_URL=nats://127.0.0.1:4222 go run . <order id>
//
// With TRACEPARENT set, the order joins that trace. Prints one JSON line for each event that it reads.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const waitAtMost = 30 * time.Second

// Version 1 of orders.placed: it has no currency yet.
type orderPlaced struct {
	OrderID       string `json:"orderId"`
	CustomerID    string `json:"customerId"`
	Items         []item `json:"items"`
	PaymentMethod string `json:"paymentMethod"`
}

type item struct {
	Sku            string `json:"sku"`
	Quantity       int    `json:"quantity"`
	UnitPriceCents int    `json:"unitPriceCents"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: place-order <order id>")
	}
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, orderID string) error {
	address := os.Getenv("NATS_URL")
	if address == "" {
		address = nats.DefaultURL
	}
	connection, err := nats.Connect(address)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", address, err)
	}
	defer connection.Close()
	js, err := jetstream.New(connection)
	if err != nil {
		return err
	}
	if err := publish(ctx, js, orderID); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	for _, place := range [][2]string{{"ORDERS", "orders.confirmed"}, {"NOTIFICATIONS", "notifications.sent"}} {
		received, err := awaitEvent(ctx, js, place[0], place[1]+"."+orderID)
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", place[1], err)
		}
		line, err := json.Marshal(received)
		if err != nil {
			return err
		}
		fmt.Println(string(line))
	}
	return nil
}

// Binary mode: attributes as headers, the data alone as the body.
func publish(ctx context.Context, js jetstream.JetStream, orderID string) error {
	placed := event.New()
	placed.SetID(uuid.NewString())
	placed.SetType("orders.placed")
	placed.SetSource("/clients/go")
	placed.SetSubject(orderID)
	placed.SetTime(time.Now())
	placed.SetExtension("dataversion", 1)
	data := orderPlaced{
		OrderID:       orderID,
		CustomerID:    "customer-go",
		Items:         []item{{Sku: "coffee-beans", Quantity: 1, UnitPriceCents: 1290}},
		PaymentMethod: "card-visa",
	}
	if err := placed.SetData("application/json", data); err != nil {
		return err
	}
	if err := placed.Validate(); err != nil {
		return err
	}
	message := nats.NewMsg("orders.placed." + orderID)
	message.Data = placed.Data()
	message.Header = nats.Header{
		"ce-specversion":     {placed.SpecVersion()},
		"ce-id":              {placed.ID()},
		"ce-type":            {placed.Type()},
		"ce-source":          {placed.Source()},
		"ce-subject":         {placed.Subject()},
		"ce-time":            {placed.Time().Format(time.RFC3339Nano)},
		"ce-datacontenttype": {placed.DataContentType()},
		"ce-dataversion":     {fmt.Sprint(placed.Extensions()["dataversion"])},
		"Nats-Msg-Id":        {placed.ID()},
	}
	if traceparent := os.Getenv("TRACEPARENT"); traceparent != "" {
		message.Header.Set("traceparent", traceparent)
	}
	_, err := js.PublishMsg(ctx, message)
	return err
}

func awaitEvent(ctx context.Context, js jetstream.JetStream, stream, subject string) (*event.Event, error) {
	consumer, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		return nil, err
	}
	message, err := consumer.Next(jetstream.FetchMaxWait(waitAtMost))
	if err != nil {
		return nil, err
	}
	return readEvent(message)
}

// The SDK judges what was read: attributes, types, time.
func readEvent(message jetstream.Msg) (*event.Event, error) {
	received := event.New()
	for name, values := range message.Headers() {
		attribute, isAttribute := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !isAttribute {
			continue
		}
		value, err := url.PathUnescape(values[0])
		if err != nil {
			return nil, err
		}
		switch attribute {
		case "specversion":
			received.SetSpecVersion(value)
		case "id":
			received.SetID(value)
		case "type":
			received.SetType(value)
		case "source":
			received.SetSource(value)
		case "subject":
			received.SetSubject(value)
		case "datacontenttype":
			received.SetDataContentType(value)
		case "time":
			parsed, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				return nil, err
			}
			received.SetTime(parsed)
		default:
			received.SetExtension(attribute, value)
		}
	}
	received.SetExtension("traceparent", message.Headers().Get("traceparent"))
	received.DataEncoded = message.Data()
	return &received, received.Validate()
}
