// Signet makes connections encrypted, authenticated, authorised and provably
// whole, and says why whenever the answer is no.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/signet-tls/signet/internal/cli"
)

func main() {
	runtime.MemProfileRate = 0 // until a server is asked for profiles; see metrics.Port
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
