// Watermill with its JetStream publisher (1,024 goroutines) and its router with asynchronous acks.
//
//	watermill <url> <count>
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

const window = 1024
const topic = "orders-placed"

type item struct {
	Sku            string `json:"sku"`
	Quantity       int    `json:"quantity"`
	UnitPriceCents int    `json:"unitPriceCents"`
}

type order struct {
	OrderID    string `json:"orderId"`
	CustomerID string `json:"customerId"`
	Items      []item `json:"items"`
	Currency   string `json:"currency"`
}

func createOrder(number int) order {
	return order{
		OrderID:    fmt.Sprintf("order-%d", number),
		CustomerID: fmt.Sprintf("customer-%d", number%1000),
		Items:      []item{{"espresso-machine", 1, 64900}, {"coffee-beans", 2, 1290}, {"filter-paper", 4, 350}},
		Currency:   "EUR",
	}
}

func main() {
	url := os.Args[1]
	count, err := strconv.Atoi(os.Args[2])
	check(err)
	createStream(url)
	publish := measurePublish(url, count)
	consume := measureConsume(url, count)
	check(json.NewEncoder(os.Stdout).Encode(map[string]float64{"publish": publish, "consume": consume}))
}

func createStream(url string) {
	connection, err := nats.Connect(url)
	check(err)
	defer connection.Close()
	stream, err := connection.JetStream()
	check(err)
	_, err = stream.AddStream(&nats.StreamConfig{Name: topic, Subjects: []string{topic}})
	check(err)
}

func measurePublish(url string, count int) float64 {
	publisher, err := wmnats.NewPublisher(wmnats.PublisherConfig{
		URL:       url,
		Marshaler: &wmnats.NATSMarshaler{},
		JetStream: wmnats.JetStreamConfig{TrackMsgId: true},
	}, watermill.NopLogger{})
	check(err)
	defer publisher.Close()
	var next atomic.Int64
	var workers sync.WaitGroup
	startedAt := time.Now()
	for range window {
		workers.Go(func() {
			for {
				number := int(next.Add(1)) - 1
				if number >= count {
					return
				}
				body, err := json.Marshal(createOrder(number))
				check(err)
				check(publisher.Publish(topic, message.NewMessage(watermill.NewUUID(), body)))
			}
		})
	}
	workers.Wait()
	return float64(count) / time.Since(startedAt).Seconds()
}

func measureConsume(url string, count int) float64 {
	subscriber, err := wmnats.NewSubscriber(wmnats.SubscriberConfig{
		URL:              url,
		QueueGroupPrefix: "bench",
		SubscribersCount: 8,
		AckWaitTimeout:   30 * time.Second,
		CloseTimeout:     time.Second,
		Unmarshaler:      &wmnats.NATSMarshaler{},
		JetStream: wmnats.JetStreamConfig{
			AckAsync:         true,
			DurablePrefix:    "bench",
			SubscribeOptions: []nats.SubOpt{nats.DeliverAll(), nats.AckExplicit()},
		},
	}, watermill.NopLogger{})
	check(err)
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	check(err)
	var arrived atomic.Int64
	var startedAt time.Time
	var once sync.Once
	done := make(chan struct{})
	router.AddConsumerHandler("orders", topic, subscriber, func(received *message.Message) error {
		once.Do(func() { startedAt = time.Now() })
		var placed order
		if err := json.Unmarshal(received.Payload, &placed); err != nil {
			return err
		}
		if int(arrived.Add(1)) == count {
			close(done)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { check(router.Run(ctx)) }()
	<-done
	return float64(count) / time.Since(startedAt).Seconds()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
