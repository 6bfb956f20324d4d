//go:build !linux

package record

import (
	"context"
	"errors"
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
