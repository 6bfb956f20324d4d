package cli

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/spelling"
)

// unknownWord matches what kong says of a word that it does not know, whatever
// it proposes instead.
var unknownWord = regexp.MustCompile(`(?s)^(unexpected argument|unknown flag) (.*?)(, did you mean .*)?$`)

// noNumber matches what kong says of a number that is none.
var noNumber = regexp.MustCompile(`expected a valid \d+ bit u?int but got ("[^"]*")`)

// dashed matches what kong says of a value that begins with a dash.
var dashed = regexp.MustCompile(`expected .* but got ("[^"]*") \((?:short|long) flag\).*`)

// reworded says as we do what kong says in its own way: FROM, where it has
// "<FROM>".
var reworded = strings.NewReplacer(`expected string value but got "EOL" (<EOL>)`, "a value is missing", `expected int value but got "EOL" (<EOL>)`, "a value is missing",
	"bool value must be true, 1, yes, false, 0 or no but got", "it is said or left out, and has no value such as", `"<`, "", `> ..."`, " ...", `>"`, "", "<", "", ">", "")

// elsewhere has what curl, openssl and other programs call flags that are here,
// without the dashes.
var elsewhere = map[string]string{
	"cacert": "--roots", "cafile": "--roots", "CAfile": "--roots", "servername": "--name", "host": "--name", "hostname": "--name",
	"cert": "--as", "days": "--for", "output": "--out", "outform": "--to", "format": "--to", "algorithm": "--kind", "type": "--kind",
	"password": "--passphrase-file", "pass": "--passphrase-file", "passin": "--passphrase-file", "passout": "--passphrase-file",
	"permitted": "--permit", "excluded": "--exclude", "crl": "--crl-url", "ocsp": "--ocsp-url", "aia": "--issuer-url", "pathlen": "--path-len", "overwrite": "--force", "yes": "--force",
}

// sayings has what other programs call commands that are here.
var sayings = map[string]string{
	"certificate": "cert", "x509": "inspect", "show": "inspect", "s_client": "connect", "s_server": "listen", "serve": "listen", "status": "conns", "ps": "conns", "list": "conns", "ls": "conns", "stop": "revoke",
	"create": "new", "generate": "new", "gen": "new", "make": "new", "issue": "sign", "req": "request", "csr": "request",
}

// never says what to do in place of flags that there are nowhere.
var never = map[string]string{
	"port":     "write the port behind the host: HOST:443",
	"insecure": "there is no such switch: name whom to believe with --roots, a file of the authority's certificate",
	"dns":      "write the name without a flag, as the others: api.example.com",
	"san":      "write the name without a flag, as the others: api.example.com",
}

// misuse explains what kong could not make sense of.
func misuse(err error, args []string) error {
	var parse *kong.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	node := parse.Context.Selected()
	subject, help := "", "signet --help"
	if node != nil {
		subject, help = words(node)+": ", "signet "+words(node)+" --help"
	}
	unknown := unknownWord.FindStringSubmatch(err.Error())
	if unknown == nil {
		text := noNumber.ReplaceAllString(err.Error(), "$1 is not a whole number")
		text = dashed.ReplaceAllString(text, "a value is missing, and $1 is none: it begins with a dash, as flags do")
		return fault.New(Usage, "%s%s", subject, reworded.Replace(text)).WithHint("%s", help)
	}
	word := unknown[2]
	meant := ""
	result := fault.New(Usage, "%s%s %s", subject, unknown[1], word).WithHint("%s", help)
	switch {
	case unknown[1] == "unknown flag" && strings.HasPrefix(word, "--"):
		flags := flagsOf(parse.Context.Model, node)
		if meant = elsewhere[strings.TrimLeft(word, "-")]; !slices.Contains(flags, meant) {
			meant = spelling.Nearest(word, flags)
		}
		if hint := never[strings.TrimLeft(word, "-")]; hint != "" {
			return result.WithHint("%s", hint)
		}
	case node != nil && !node.Leaf():
		result = fault.New(Usage, "there is no command \"%s %s\"", words(node), word).WithHint("%s", help)
		meant = likely(word, commandsOf(node))
	case node != nil && flagWith(node, word) != "":
		meant = flagWith(node, word) + "=" + word
	case node == nil && unknown[1] == "unexpected argument":
		result = fault.New(Usage, "there is no command %q", word).WithHint("%s", help)
		if meant = likely(word, commandsOf(parse.Context.Model.Node)); meant != "" {
			result.Hint = "signet " + meant + " --help"
		}
	}
	if meant == "" {
		return result
	}
	result.Message += "; did you mean " + meant + "?"
	if line, ok := corrected(args, word, meant); ok {
		return result.WithHint("%s", line)
	}
	return result
}

// misgiven refuses a flag that is given without a value, such as --roots "$ROOTS" is
// where there is no such variable: to take it for one that was left out would, of
// all things, believe more than was meant. It refuses one that is given twice where
// one value counts, too: which of them was meant is nobody's to guess.
func misgiven(parsed *kong.Context) error {
	given := map[*kong.Flag]bool{}
	for _, part := range parsed.Path {
		if part.Flag == nil {
			continue
		}
		if given[part.Flag] && !part.Flag.IsBool() && !part.Flag.IsCumulative() {
			return fault.New(Usage, "%s: --%s is given twice, and takes one value", words(parsed.Selected()), part.Flag.Name).
				WithHint("leave one of them out")
		}
		given[part.Flag] = true
		switch value := part.Flag.Target.Interface().(type) {
		case string:
			if value != "" {
				continue
			}
		case *string:
			if value == nil || *value != "" {
				continue
			}
		case []string:
			if !slices.Contains(value, "") {
				continue
			}
		default:
			continue
		}
		return fault.New(Usage, "%s: --%s is given an empty value", words(parsed.Selected()), part.Flag.Name).
			WithHint("give it a value, or leave --%s out; a variable of the shell may be empty", part.Flag.Name)
	}
	return nil
}

// likely returns which command is meant by a word that is none, or "".
func likely(word string, commands []string) string {
	if meant := sayings[word]; slices.Contains(commands, meant) {
		return meant
	}
	return spelling.Nearest(word, commands)
}

// flagWith returns the flag of a command whose values have this word among them.
func flagWith(node *kong.Node, word string) string {
	for _, flag := range node.Flags {
		if flag.Enum != "" && slices.Contains(flag.EnumSlice(), word) {
			return "--" + flag.Name
		}
	}
	return ""
}

// corrected is the command line with another word for the one that is not known,
// if that makes it one that can be run.
func corrected(args []string, word, meant string) (line string, ok bool) {
	i := slices.IndexFunc(args, func(arg string) bool { return arg == word || strings.HasPrefix(arg, word+"=") })
	if i < 0 {
		return "", false
	}
	args = slices.Clone(args)
	args[i] = meant + strings.TrimPrefix(args[i], word)
	if _, err := newParser(&grammar{}).Parse(args); err != nil {
		return "", false
	}
	words := []string{"signet"}
	for _, arg := range args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " "), true
}

// flagsOf lists the flags of a command, or those of all, as they are typed.
func flagsOf(app *kong.Application, node *kong.Node) []string {
	flags := app.Flags
	if node != nil {
		flags = append(slices.Clone(node.Flags), flags...)
	}
	var names []string
	for _, flag := range flags {
		names = append(names, "--"+flag.Name)
	}
	return names
}

func commandsOf(above *kong.Node) []string {
	var names []string
	for _, node := range above.Children {
		names = append(names, node.Name)
	}
	return names
}
