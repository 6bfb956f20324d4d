package main

import (
	"io"
	"os"
)

// ofSystem are the benches that run the whole system, and look into /proc.
var ofSystem = map[string]func(out io.Writer, rounds int, args []string) error{
	"issue":    issue,
	"kill":     kills,
	"programs": programs,
	"revoke":   revocations,
	"rotate":   rotations,
	"soak":     soak,
}

// child is what this program does when a bench has started it again: ok is false where
// none has.
func child() (ok bool, err error) {
	address := os.Getenv(echoVariable)
	if address == "" {
		return false, nil
	}
	return true, echo(address)
}
