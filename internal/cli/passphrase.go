package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/pki"
)

// secret are the flags that say where a passphrase comes from: never the command
// line, which every user of the machine can read, nor the environment, which
// every program that is started inherits.
type secret struct {
	PassphraseFile string `placeholder:"FILE" help:"The passphrase is the first line of this file."`
	PassphraseFD   *int   `name:"passphrase-fd" placeholder:"N" help:"The passphrase is the first line of this open descriptor, such as 3."`
}

// maxPassphrase is more than anybody types, in bytes.
const maxPassphrase = 4 << 10

// given reports whether the flags name a passphrase.
func (f secret) given() bool { return f.PassphraseFile != "" || f.PassphraseFD != nil }

// words are the flags as they are typed again for the same passphrase: a pipe is spent.
func (f secret) words() string {
	if f.PassphraseFile == "" || f.PassphraseFile == standardInput {
		return ""
	}
	return " --passphrase-file " + quote(f.PassphraseFile)
}

// credentialName is what the passphrase of an authority's keys is called among the
// credentials that systemd hands a service (LoadCredential=).
const credentialName = "ca-passphrase"

// orCredential is the same where flags name a passphrase; else that of systemd's
// credential, if there is one.
func (f secret) orCredential() secret {
	if folder := os.Getenv("CREDENTIALS_DIRECTORY"); !f.given() && filepath.IsAbs(folder) {
		path := filepath.Join(folder, credentialName)
		if _, err := os.Stat(path); err == nil {
			f.PassphraseFile = path
		}
	}
	return f
}

// asker returns the passphrase of an existing key or file once it is needed, and
// the same again for what needs it later.
func (f secret) asker(ctx context.Context, s *shell, what string) pki.Passphrase {
	var known []byte // which may be empty, as that of some PKCS#12 files
	asked := false
	return func() (_ []byte, err error) {
		if !asked {
			known, err = f.read(ctx, s, "passphrase of "+what)
			asked = err == nil
		}
		return known, err
	}
}

// choose returns a passphrase for what is about to be written. A person types it
// twice.
func (f secret) choose(ctx context.Context, s *shell, what string) ([]byte, error) {
	first, err := f.read(ctx, s, "new passphrase for "+what)
	if err == nil && len(first) == 0 {
		err = fault.New(PassphraseMissing, "the passphrase is empty, and would protect nothing").WithHint("give one of some words")
	}
	if err != nil || f.given() {
		return first, err
	}
	second, err := f.read(ctx, s, "the same again")
	if err == nil && !bytes.Equal(first, second) {
		err = fault.New(PassphraseDiffers, "the two passphrases are not the same").WithHint("run it again")
	}
	return first, err
}

func (f secret) read(ctx context.Context, s *shell, prompt string) ([]byte, error) {
	switch {
	case f.PassphraseFile != "" && f.PassphraseFD != nil:
		return nil, fault.New(Usage, "--passphrase-file and --passphrase-fd are both given").WithHint("leave one out")
	case f.given():
		return waiting(s, func() ([]byte, error) { return f.written(s) })
	}
	return s.prompt(ctx, prompt)
}

// written is the passphrase of the file or the descriptor that the flags name.
func (f secret) written(s *shell) ([]byte, error) {
	switch {
	case f.PassphraseFile == standardInput, f.PassphraseFD != nil && *f.PassphraseFD == 0:
		if err := s.takeInput(); err != nil {
			return nil, err
		}
		return firstLine(s.stdin, "standard input")
	case f.PassphraseFile != "":
		file, err := os.Open(f.PassphraseFile)
		if err != nil {
			return nil, unreadableFile(err, f.PassphraseFile)
		}
		defer file.Close()
		if err := secretly(file); err != nil {
			return nil, err
		}
		return firstLine(file, f.PassphraseFile)
	}
	if !isInherited(*f.PassphraseFD) {
		return nil, fault.New(Usage, "--passphrase-fd %d is no descriptor that was handed over", *f.PassphraseFD).WithHint("open it, for example: --passphrase-fd 3 3< FILE")
	}
	file := os.NewFile(uintptr(*f.PassphraseFD), "descriptor")
	defer file.Close()
	return firstLine(file, fmt.Sprintf("descriptor %d", *f.PassphraseFD))
}

// secretly refuses a file with a secret in it that others can get at. A pipe is fine.
func secretly(file *os.File) error {
	info, err := file.Stat()
	return secretlyKept(file.Name(), info, err)
}

// secretlyAt is secretly for a path that was read already, perhaps to the end of a pipe:
// to open that again would be to wait.
func secretlyAt(path string) error {
	if path == standardInput {
		return nil
	}
	info, err := os.Stat(path)
	return secretlyKept(path, info, err)
}

func secretlyKept(name string, info fs.FileInfo, err error) error {
	if err != nil {
		return unreadableFile(err, name)
	}
	if exposed := regular.Private(info); exposed != nil {
		return fault.New(SecretExposed, "%s has a secret in it, and is open to others: %s", name, exposed).
			WithHint("chmod 600 %s      # and if somebody else may have read it, replace the secret", quote(name))
	}
	return nil
}

// firstLine reads a passphrase. What follows its line is left alone, so that a
// file may have notes below it.
func firstLine(from io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxPassphrase+1))
	if err != nil {
		return nil, unreadableFile(err, name)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > maxPassphrase {
		return nil, fault.New(PassphraseMissing, "the first line of %s has more than %d bytes, too many for a passphrase", name, maxPassphrase).
			WithHint("name the file whose first line is the passphrase")
	}
	return line, nil
}

// prompt asks a person, who does not see what they type.
func (s *shell) prompt(ctx context.Context, prompt string) ([]byte, error) {
	terminal, ok := s.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return nil, fault.New(PassphraseMissing, "a passphrase is needed, and there is no terminal to ask at (%s)", prompt).
			WithHint("add --passphrase-file FILE, or --passphrase-fd N")
	}
	fmt.Fprintf(s.stderr, "%s: ", clean(prompt))
	before, err := term.MakeRaw(int(terminal.Fd()))
	if err != nil {
		return nil, fault.Wrap(err, PassphraseMissing, "the terminal cannot be asked").WithHint("add --passphrase-file FILE, or --passphrase-fd N")
	}
	defer func() { // the terminal must not stay mute
		term.Restore(int(terminal.Fd()), before)
		fmt.Fprintln(s.stderr)
	}()
	type answer struct {
		line []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := typedLine(terminal)
		typed <- answer{line, err}
	}()
	select {
	case a := <-typed:
		if errors.Is(a.err, io.EOF) {
			return nil, fault.New(Interrupted, "no passphrase was typed: the input was ended").WithHint("run it again, and type one")
		}
		return a.line, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Keys of a terminal that hands on every key at once.
const (
	keyEnd       = 0x04 // Ctrl-D
	keyInterrupt = 0x03 // Ctrl-C
	keyClear     = 0x15 // Ctrl-U
	keyBackspace = 0x08
	keyDelete    = 0x7f
)

// typedLine reads what a person types, up to Enter. Ctrl-C and Ctrl-D are io.EOF: the
// ReadPassword of x/term passes over the latter (Linux hands it on as a zero if it was
// typed too early).
func typedLine(terminal io.Reader) ([]byte, error) {
	var line []byte
	key := make([]byte, 1)
	for {
		n, err := terminal.Read(key)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, io.EOF
		}
		switch key[0] {
		case '\r', '\n':
			return line, nil
		case keyEnd, keyInterrupt, 0:
			return nil, io.EOF
		case keyClear:
			line = nil
		case keyBackspace, keyDelete:
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		default:
			if line = append(line, key[0]); len(line) > maxPassphrase {
				return nil, fault.New(PassphraseMissing, "more than %d bytes were typed, too many for a passphrase", maxPassphrase).WithHint("run it again, and type one")
			}
		}
	}
}
