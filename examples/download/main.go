// Command download fetches a file from a web server, and keeps it only if all of
// it has come; or it is that server.
//
//	go run ./examples/download serve localhost:8445 server.pem FOLDER
//	go run ./examples/download https://localhost:8445/data.csv ca.crt data.csv
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/verify"
)

// patience is how long a whole download may take.
const patience = 10 * time.Minute

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 4 && args[0] == "serve":
		err = serve(args[1], args[2], args[3])
	case len(args) == 3:
		err = download(args[0], args[1], args[2])
	default:
		err = errors.New("usage: download URL ROOTS FILE, or download serve HOST:PORT PEM FOLDER")
	}
	check(err)
}

// download writes beside the file, and puts it into its place once it is whole.
func download(url, roots, file string) error {
	if err := replaceable(file); err != nil {
		return err
	}
	believed, err := verify.LoadRoots(os.DirFS(filepath.Dir(roots)), filepath.Base(roots))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := signet.Client{Roots: believed}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.HTTP().Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	part, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".part-")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())            // unless it has been renamed
	size, err := io.Copy(part, answer.Body) // a stream that was cut is an error here, with or without a Content-Length
	if err := errors.Join(err, part.Close()); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes, from %s\n", file, size, answer.Request.URL.Host)
	return os.Rename(part.Name(), file)
}

// replaceable refuses what is in the file's place and is no file, such as a device.
func replaceable(file string) error {
	info, err := os.Lstat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is there already, and is no regular file", file)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// serve lets everybody fetch the files of a folder.
func serve(address, pem, folder string) error {
	own, err := identity.Load(os.DirFS(filepath.Dir(pem)), filepath.Base(pem))
	if err != nil {
		return err
	}
	server := signet.Server{Identity: identity.Static(own), Public: true, ALPN: []string{"h2", "http/1.1"}}
	listener, err := server.Listen(context.Background(), address)
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	return server.HTTP(http.FileServer(http.Dir(folder))).Serve(listener.TLS())
}

// check ends the program on an error, with what happened and what to do next.
func check(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	if e, ok := fault.Of(err); ok {
		fmt.Fprintln(os.Stderr, "  next:", e.Hint)
	}
	os.Exit(2)
}
