package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signet-tls/signet/internal/peers"
)

// TestTour makes files as a newcomer would, and has them opened by the programs
// that they are for.
func TestTour(t *testing.T) {
	peers.OpenSSL(t)
	peers.Keytool(t)
	python := peers.Python(t)
	params := stories("testdata/tour", *update)
	setup := params.Setup
	params.Setup = func(env *testscript.Env) error {
		env.Setenv("PYTHON", python)
		return setup(env)
	}
	testscript.Run(t, params)
}
