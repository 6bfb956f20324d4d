// Command orders is a service in Go, and its client, that need no proxy: both follow
// the authority of their trust domain, and are held to its policy. docs/guide-go.md has
// them on two hosts.
//
//	orders serve HOST-FOLDER ADDRESS
//	orders ask   HOST-FOLDER [LINES]
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/member"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := errors.New("usage: orders serve HOST-FOLDER ADDRESS | orders ask HOST-FOLDER [LINES]")
	switch a := append(os.Args, ""); {
	case len(os.Args) == 4 && a[1] == "serve":
		err = serve(ctx, a[2], a[3])
	case (len(os.Args) == 3 || len(os.Args) == 4) && a[1] == "ask":
		err = ask(ctx, a[2], a[3], os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
}

// serve is the service, by a host folder, until ctx ends.
func serve(ctx context.Context, host, address string) error {
	// region: a service
	orders, err := member.Open(member.Config{Host: host, Name: "orders"})
	if err != nil {
		return err
	}
	listener, err := orders.Listen(ctx, address)
	if err != nil {
		return err
	}
	go orders.HTTPServer(http.HandlerFunc(orderLines)).Serve(listener)
	return orders.Run(ctx) // follows the authority; who may no longer be here is cut off
	// endregion
}

// orderLines tells the client who it is, again and again: as many lines as it asks for,
// or for as long as it may hear them.
func orderLines(w http.ResponseWriter, r *http.Request) {
	most, err := strconv.Atoi(r.FormValue("lines"))
	for n := 0; err != nil || n < most; n++ {
		if _, gone := fmt.Fprintf(w, "an order for %s\n", signet.PeerOf(r.Context()).ID.Path()); gone != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// ask is the client, by a host folder. It copies what the service says to out.
func ask(ctx context.Context, host, lines string, out io.Writer) error {
	// region: a client
	web, err := member.Open(member.Config{Host: host, Name: "web"})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- web.Run(ctx) }()
	err = copyOrders(ctx, web.HTTP(), lines, out)
	stop()
	return errors.Join(err, <-done)
	// endregion
}

// copyOrders asks the service that is called orders. Lines that are cut off are an
// error, which says why.
func copyOrders(ctx context.Context, client *http.Client, lines string, out io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://orders/?lines="+lines, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(out, answer.Body)
	return err
}
