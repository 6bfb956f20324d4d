//go:build !linux

package main

import "io"

// ofSystem are the benches that run the whole system; they look into Linux' /proc.
var ofSystem = map[string]func(out io.Writer, rounds int, args []string) error{}

func child() (ok bool, err error) { return false, nil }
