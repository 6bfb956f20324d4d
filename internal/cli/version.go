package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Answer as JSON."`
}

func (versionCmd) Help() string { return "signet version" }

func (c *versionCmd) set(s *shell) { s.json = c.JSON }

// build says which program this is.
type build struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

func (c *versionCmd) run(_ context.Context, s *shell) error {
	this := build{Version: "(devel)", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		this.Version = info.Main.Version
	}
	if s.json {
		return s.printJSON(this)
	}
	return s.print(fmt.Sprintf("signet %s, %s, %s\n", this.Version, this.Go, this.System))
}
