// Package cli is the command line: its grammar, its voice and its exit codes.
package cli

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/signet-tls/signet/fault"
)

// Exit codes. An answer of no is not a failure.
const (
	exitNo          status = 1
	exitFailed      status = 2
	exitInterrupted status = 130 // as shells report SIGINT
)

// status ends a command that has said all there is to say with an exit code.
type status int

// Error makes a status an error, which nobody reads.
func (s status) Error() string { return "exit" }

// command is one command of the grammar, with its arguments and flags.
type command interface {
	run(ctx context.Context, s *shell) error
}

// Main runs one command line (without the program's name) and returns the exit
// code. A canceled ctx interrupts it.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	keepFromCores()
	s := &shell{stdin: stdin, stdout: stdout, stderr: stderr, stop: ctx.Done(), program: program(), zone: time.Local}
	err := guard(func() error {
		cmd, err := s.parse(args)
		if err != nil {
			return err
		}
		return cmd.run(ctx, s)
	})
	return int(s.conclude(ctx, err))
}

// guard runs a function, and makes an error of a panic.
func guard(run func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fault.New(Panicked, "a defect of Signet: %v", value).
				WithHint("report it, with this line, the command, and the output of \"signet version\"")
		}
	}()
	return run()
}

// conclude says what went wrong, if anything did, and chooses the exit code.
func (s *shell) conclude(ctx context.Context, err error) status {
	var said status
	switch {
	case err == nil:
		return 0
	case errors.As(err, &said):
		return said
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = fault.New(Interrupted, "interrupted").WithHint("run it again")
	}
	s.complain(err)
	if errors.Is(err, Interrupted) {
		return exitInterrupted
	}
	return exitFailed
}
