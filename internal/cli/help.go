package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// helpFlag is --help, which works however incomplete the rest is.
type helpFlag bool

// BeforeReset runs before kong looks for what is missing.
func (helpFlag) BeforeReset(parsed *kong.Context) error { return helpWanted{parsed.Selected()} }

// helpWanted ends parsing.
type helpWanted struct{ node *kong.Node }

func (helpWanted) Error() string { return "help" }

// helpCmd shows help for one command, or for all of them.
type helpCmd struct {
	app  *kong.Application
	node *kong.Node // nil: all
}

func (c helpCmd) run(_ context.Context, s *shell) error {
	if c.node == nil {
		return s.print(c.overview(s.program))
	}
	return s.print(c.detail(s))
}

// overview lists the commands by the five ideas.
func (c helpCmd) overview(program string) string {
	var out strings.Builder
	out.WriteString("Signet: trust no connection. Know why, or why not.\n")
	for _, idea := range ideas {
		fmt.Fprintf(&out, "\n%s\n", idea)
		for _, node := range c.app.Leaves(true) {
			if node.ClosestGroup().Title == idea {
				fmt.Fprintf(&out, "  %s%s\n", gap(words(node)+" "+arguments(node), 28), node.Help)
			}
		}
	}
	fmt.Fprintf(&out, "\n%s COMMAND --help shows its flags, and an example.\n", program)
	return out.String()
}

// detail shows one command: arguments, flags, example.
func (c helpCmd) detail(s *shell) string {
	var out strings.Builder
	out.WriteString(strings.TrimSpace(s.program+" "+words(c.node)+" "+arguments(c.node)) + "\n")
	out.WriteString(c.node.Help + "\n")
	if !c.node.Leaf() {
		return out.String() + c.family(s)
	}
	if len(c.node.Positional) > 0 {
		out.WriteString("\n")
	}
	for _, arg := range c.node.Positional {
		item(&out, arg.Name, arg.Help)
	}
	out.WriteString("\n")
	for _, flag := range append(c.node.Flags, c.app.Flags...) {
		name := "--" + flag.Name
		if !flag.IsBool() {
			name += " " + flag.PlaceHolder
		}
		item(&out, name, flag.Help)
	}
	out.WriteString("\nfor example:\n")
	for _, line := range lines(c.node.Detail) {
		out.WriteString("  " + s.own(line) + "\n")
	}
	return out.String()
}

// family lists the commands that begin with the same word.
func (c helpCmd) family(s *shell) string {
	var out strings.Builder
	out.WriteString("\n")
	for _, node := range c.node.Leaves(true) {
		fmt.Fprintf(&out, "  %s%s\n", gap(words(node)+" "+arguments(node), 28), node.Help)
	}
	fmt.Fprintf(&out, "\n%s %s --help shows the flags of the first, and an example.\n", s.program, words(c.node.Leaves(true)[0]))
	return out.String()
}

// words returns what calls a command: "key new".
func words(node *kong.Node) string {
	name := node.Name
	for above := node.Parent; above != nil && above.Parent != nil; above = above.Parent {
		name = above.Name + " " + name
	}
	return name
}

// item writes one argument or flag and what it means.
func item(out *strings.Builder, name, help string) {
	const left = 21
	for _, line := range wrap(help, lineWidth-left-4) {
		fmt.Fprintf(out, "  %-*s  %s\n", left, name, line)
		name = ""
	}
}

// arguments writes the positional arguments of a command.
func arguments(node *kong.Node) string {
	if text := node.Tag.Get("args"); text != "" {
		return text
	}
	var names []string
	for _, arg := range node.Positional {
		name := arg.Name
		if arg.IsCumulative() {
			name += "…"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}
