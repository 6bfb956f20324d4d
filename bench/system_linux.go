package main

import "io"

// ofSystem are the benches that run the whole system, and look into /proc.
var ofSystem = map[string]func(out io.Writer, rounds int, args []string) error{
	"issue": issue,
}
