package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
)

type inspectCmd struct {
	Files      []string `arg:"" name:"FILE" help:"Any file with certificates or keys, PEM or DER; - is standard input."`
	Text       bool     `help:"Show certificates, requests and revocation lists in full, as openssl -text does."`
	Lint       bool     `help:"Say what keeps clients from accepting the certificates. Exit code 1 if there is an error among it."`
	Passphrase bool     `help:"Ask for the passphrase of what is encrypted, which is described from outside otherwise."`
	secret
	terse
}

func (inspectCmd) Help() string {
	return "signet inspect server.pem server.key\nsignet inspect --lint server.pem"
}

// inspection is what one file turned out to hold.
type inspection struct {
	file    string
	objects []*recognise.Object
	err     error
}

// inspector is a run of the command.
type inspector struct {
	*inspectCmd
	now   time.Time
	files []inspection
	owner map[*recognise.Object]string        // the file that an object is in
	found map[*recognise.Object][]lintFinding // by --lint
}

func (c *inspectCmd) run(ctx context.Context, s *shell) error {
	i := &inspector{inspectCmd: c, now: time.Now(), owner: map[*recognise.Object]string{}, found: map[*recognise.Object][]lintFinding{}}
	var all []*recognise.Object
	for _, path := range c.Files {
		file := i.look(ctx, s, path)
		if errors.Is(file.err, PassphraseMissing) || errors.Is(file.err, context.Canceled) {
			return file.err
		}
		for _, o := range file.objects {
			i.owner[o] = path
		}
		i.files = append(i.files, file)
		all = append(all, file.objects...)
	}
	recognise.Relate(all)
	if c.Lint {
		i.lint()
	}
	if err := i.tell(s); err != nil {
		return err
	}
	return i.exit()
}

// look reads one file.
func (i *inspector) look(ctx context.Context, s *shell, path string) inspection {
	file := inspection{file: path}
	data, err := s.readAny(path)
	if err != nil {
		file.err = err
		return file
	}
	var failed error
	options := recognise.Options{}
	if i.Passphrase || i.given() {
		ask := i.asker(ctx, s, asWritten(path))
		options.Passphrase = func() ([]byte, error) {
			passphrase, err := ask()
			failed = err
			return passphrase, err
		}
	}
	file.objects, file.err = recognise.Read(data, options)
	if failed != nil {
		file.err = failed
	}
	return file
}

// exit is 2 if something could not be read, and 1 if lint found an error.
func (i *inspector) exit() error {
	worst := error(nil)
	for _, file := range i.files {
		if file.err != nil {
			return exitFailed
		}
		for _, o := range file.objects {
			if o.Err != nil {
				return exitFailed
			}
			for _, f := range i.found[o] {
				if f.Severity == pki.Error.String() {
					worst = exitNo
				}
			}
		}
	}
	return worst
}

// lintFinding is one of lint, for programs.
type lintFinding struct {
	Code      string   `json:"code"`
	Severity  string   `json:"severity"`
	Found     string   `json:"found"`
	Rule      string   `json:"rule"`
	RefusedBy []string `json:"refused_by,omitempty"`
	Hint      string   `json:"hint"`
}

// lint looks at every certificate, at those of a file that begins with a leaf as at
// a chain that a server sends, and at the keys of all.
func (i *inspector) lint() {
	options := pki.LintOptions{Now: i.now}
	var objects []*recognise.Object
	var certs []*pki.Certificate
	for _, file := range i.files {
		begin := len(certs)
		for _, o := range file.objects {
			if o.Certificate != nil {
				objects, certs = append(objects, o), append(certs, o.Certificate)
			}
		}
		switch own := certs[begin:]; {
		case len(own) == 0:
		case own[0].IsAuthority():
			for n, cert := range own {
				i.add(objects[begin+n:], pki.Lint(cert, options))
			}
		default:
			i.add(objects[begin:], pki.LintChain(own, options))
		}
	}
	i.add(objects, pki.LintKeys(certs))
}

// add keeps what was found about some of these, and is not known yet.
func (i *inspector) add(objects []*recognise.Object, findings []pki.Finding) {
	for _, f := range findings {
		o := objects[f.At]
		if slices.ContainsFunc(i.found[o], func(known lintFinding) bool { return known.Code == f.Code && known.Found == f.Found }) {
			continue
		}
		i.found[o] = append(i.found[o], lintFinding{f.Code, f.Severity.String(), f.Found, f.Rule, f.RefusedBy, f.Hint})
	}
}

// tell writes the answer.
func (i *inspector) tell(s *shell) error {
	if s.json {
		return s.printJSON(i.records(s))
	}
	var p page
	for n, file := range i.files {
		if n > 0 && len(file.objects) > 0 && p.Len() > 0 {
			p.line("")
		}
		i.page(&p, file)
	}
	if err := s.print(p.String()); err != nil {
		return err
	}
	for _, file := range i.files {
		if file.err != nil {
			s.complain(inFile(file.err, file.file))
		}
		for _, o := range file.objects {
			if o.Err != nil {
				s.complain(inFile(atPlace(o), file.file))
			}
		}
	}
	return nil
}

// atPlace says in which block, at which line and at which byte an object is that
// cannot be read; of a file that is one object, this goes without saying.
func atPlace(o *recognise.Object) error {
	e, ok := fault.Of(o.Err)
	if !ok {
		return o.Err
	}
	var words []string
	switch at := o.Place; {
	case at.Block > 0:
		words = append(words, spot(at), fmt.Sprintf("byte %d", at.Offset))
	case at.Offset+at.Entry > 0:
		words = append(words, spot(at))
	}
	if o.Kind != recognise.Unknown {
		words = append(words, kindNames[o.Kind])
	}
	if len(words) == 0 {
		return e
	}
	return fault.Wrap(e, e.Code, "%s", strings.Join(words, ", "))
}
