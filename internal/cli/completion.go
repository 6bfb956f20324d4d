package cli

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" name:"SHELL" enum:"bash,zsh,fish" help:"bash, zsh or fish. The script's first lines say where it goes."`
}

func (completionCmd) Help() string { return "signet completion bash" }

func (c *completionCmd) run(_ context.Context, s *shell) error {
	script := map[string]func(places) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell]
	return s.print(script(placesOf(newParser(&grammar{}).Model)))
}

// places are all points of a command line, from its beginning on.
type places []place

// place is the point behind some commands, where words and flags may follow.
type place struct {
	at    string // the commands, each behind a space: " verify"
	words []choice
	flags []choice
	files bool // a file may follow
}

// choice is a word that may follow.
type choice struct {
	name, help string
	value      value // of a flag
}

// value is what may follow a flag.
type value struct {
	wanted bool // something must
	files  bool
	words  []string
}

func placesOf(app *kong.Application) places {
	var all places
	var walk func(node *kong.Node, at string)
	walk = func(node *kong.Node, at string) {
		p := place{at: at}
		for _, child := range node.Children {
			p.words = append(p.words, choice{name: child.Name, help: child.Help})
		}
		for _, arg := range node.Positional {
			v := valueOf(arg, arg.Name)
			p.files = p.files || v.files
			for _, word := range v.words {
				p.words = append(p.words, choice{name: word})
			}
		}
		for _, flag := range node.Flags {
			p.flags = append(p.flags, choiceOf(flag))
		}
		if node != app.Node {
			for _, flag := range app.Flags {
				p.flags = append(p.flags, choiceOf(flag))
			}
		}
		all = append(all, p)
		for _, child := range node.Children {
			walk(child, at+" "+child.Name)
		}
	}
	walk(app.Node, "")
	return all
}

func choiceOf(flag *kong.Flag) choice {
	c := choice{name: "--" + flag.Name, help: flag.Help}
	if !flag.IsBool() {
		c.value = valueOf(flag.Value, flag.PlaceHolder)
		c.value.wanted = true
	}
	return c
}

// fileName and codeName match the names of arguments that may be a file, and the
// code of an error.
var (
	fileName = regexp.MustCompile(`\b(FILE|DIR|TARGET)\b`)
	codeName = regexp.MustCompile(`\bCODE\b`)
)

// valueOf says what an argument may be, of which the help has this name.
func valueOf(arg *kong.Value, name string) value {
	v := value{files: fileName.MatchString(name)}
	switch {
	case arg.Enum != "":
		v.words = slices.DeleteFunc(strings.Split(arg.Enum, ","), func(word string) bool { return word == "" }) // which stands for none
	case codeName.MatchString(name):
		for _, entry := range registry() {
			v.words = append(v.words, string(entry.Code))
		}
	}
	return v
}

// commands lists the places behind a command.
func (all places) commands() []string {
	var names []string
	for _, p := range all[1:] {
		names = append(names, p.at)
	}
	return names
}

// valued are the flags with a value, each once, by its name: a flag means the
// same wherever it occurs.
func (all places) valued() []choice {
	var flags []choice
	for _, p := range all {
		for _, flag := range p.flags {
			if flag.value.wanted && !slices.ContainsFunc(flags, func(c choice) bool { return c.name == flag.name }) {
				flags = append(flags, flag)
			}
		}
	}
	return flags
}

func namesOf(choices []choice) []string {
	var names []string
	for _, c := range choices {
		names = append(names, c.name)
	}
	return names
}
