// The benchmarks' work in Go: publish asynchronously with the headers that Throughline sends, or consume, parse and ack.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const order = `{"orderId":"order-%d","customerId":"customer-%d","items":[{"sku":"espresso-machine","quantity":1,"unitPriceCents":64900},{"sku":"coffee-beans","quantity":2,"unitPriceCents":1290},{"sku":"filter-paper","quantity":4,"unitPriceCents":350}],"currency":"EUR"}`

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	connection, err := nats.Connect(os.Args[2])
	check(err)
	defer connection.Close()
	count, err := strconv.Atoi(os.Args[3])
	check(err)
	if os.Args[1] == "publish" {
		window, err := strconv.Atoi(os.Args[4])
		check(err)
		publish(connection, count, window)
	} else {
		consume(connection, count, os.Args[4])
	}
}

func publish(connection *nats.Conn, count, window int) {
	stream, err := jetstream.New(connection, jetstream.WithPublishAsyncMaxPending(window))
	check(err)
	started := time.Now()
	for number := 0; number < count; number++ {
		id := fmt.Sprintf("0198c1d4-0000-7000-8000-%012d", number+int(started.UnixNano()%1e9)*1000)
		message := &nats.Msg{
			Subject: fmt.Sprintf("orders.placed.order-%d", number),
			Data:    []byte(fmt.Sprintf(order, number, number%1000)),
			Header: nats.Header{
				"Nats-Msg-Id":        {id},
				"ce-specversion":     {"1.0"},
				"ce-id":              {id},
				"ce-type":            {"orders.placed"},
				"ce-source":          {"/bench"},
				"ce-time":            {time.Now().UTC().Format(time.RFC3339Nano)},
				"ce-subject":         {fmt.Sprintf("order-%d", number)},
				"ce-datacontenttype": {"application/json"},
				"ce-dataversion":     {"1"},
				"ce-correlationid":   {id},
				"traceparent":        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
			},
		}
		_, err := stream.PublishMsgAsync(message)
		check(err)
	}
	<-stream.PublishAsyncComplete()
	fmt.Println(int(float64(count) / time.Since(started).Seconds()))
}

func consume(connection *nats.Conn, count int, durable string) {
	stream, err := jetstream.New(connection)
	check(err)
	consumer, err := stream.Consumer(context.Background(), "ORDERS", durable)
	check(err)
	var done sync.WaitGroup
	done.Add(count)
	var started time.Time
	running, err := consumer.Consume(func(message jetstream.Msg) {
		if started.IsZero() {
			started = time.Now()
		}
		var value map[string]any
		check(json.Unmarshal(message.Data(), &value))
		check(message.Ack())
		done.Done()
	}, jetstream.PullMaxMessages(500))
	check(err)
	done.Wait()
	elapsed := time.Since(started)
	running.Stop()
	fmt.Println(int(float64(count) / elapsed.Seconds()))
}
