//go:build !linux

package record

import (
	"context"
	"errors"
	"syscall"
)

// Loops carry nothing on this system.
type Loops struct{}

// OpenLoops says that there are none.
func OpenLoops() (*Loops, error) { return nil, errors.ErrUnsupported }

// Run returns.
func (*Loops) Run(context.Context) {}

// Join takes nothing over.
func (*Loops) Join(Pair) (*Link, error) { return nil, errors.ErrUnsupported }

// Link is none.
type Link struct{}

// Abort does nothing.
func (*Link) Abort(uint8) {}

// Duplicate returns none.
func Duplicate(syscall.RawConn) (int, error) { return 0, errors.ErrUnsupported }

// Close does nothing.
func Close(int) {}
