package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// basis is what the flags of trust mean on this host.
type basis struct {
	roots    verify.Roots
	origin   string      // of the roots, as a person knows them
	name     verify.Name // zero: the host that is dialed
	own      identity.Source
	alpn     []string       // application protocols that are offered
	timeline *timeline      // of the connection, or nil
	rules    verify.Options // what else is asked of the peer's certificates

	collector *revocation.Collector // fetches evidence, or nil
	given     *revocation.Evidence  // beside that, or nil
}

// moment is the time as of which a peer is judged.
func (b basis) moment() time.Time {
	if b.rules.Now.IsZero() {
		return time.Now()
	}
	return b.rules.Now
}

// question is what verification is asked about a peer.
func (b basis) question(handshake *verify.Handshake) verify.Options {
	rules := b.rules
	rules.Roots, rules.Name, rules.Handshake = b.roots, b.name, handshake
	return rules
}

// basis finds the roots, the name and the identity that the flags ask for. Where
// they name no roots, they are this system's.
func (s *shell) basis(t trust) (b basis, err error) {
	var home *folder // whose identity we use
	if t.As != "" {
		var credential *pki.Credential
		if credential, home, err = s.identity(t.As); err != nil {
			return b, err
		}
		b.own = identity.Static(credential)
	}
	if err := s.believe(&b, t, home); err != nil {
		return b, err
	}
	if b.roots.IsZero() {
		b.origin = "this system's roots"
		b.roots, err = verify.SystemRoots()
	}
	return b, err
}

// believe finds the roots and the name: the roots that the flags name, or those
// of whom we are, or none.
func (s *shell) believe(b *basis, t trust, home *folder) (err error) {
	switch {
	case len(t.Pin) > 0 && t.Roots != "":
		err = fault.New(Usage, "--pin and --roots are given: a pin is believed without any roots").
			WithHint("leave one of them out: --pin believes this peer alone, --roots whom they signed")
	case len(t.Pin) > 0:
		b.origin = "the pin"
		b.roots, err = s.pins(t.Pin)
	case t.Roots != "":
		b.origin = fileTitle(t.Roots)
		b.roots, err = s.roots(t)
	case home != nil:
		b.origin = home.domain.String()
		b.roots, err = home.roots()
	}
	if err == nil && t.Name != "" {
		b.name, err = nameOf(t.Name, b.roots.TrustDomain())
	}
	return err
}

// nameOf reads --name: inside a trust domain it is an identity of it; elsewhere a
// host, a URI or an e-mail address, by its form.
func nameOf(text string, domain spiffeid.TrustDomain) (verify.Name, error) {
	switch {
	case strings.HasPrefix(text, "spiffe://") || !domain.IsZero():
	case strings.Contains(text, "://"):
		return verify.URI(text), nil
	case strings.Contains(text, "@"):
		return verify.Email(text), nil
	default:
		return verify.Host(text), nil
	}
	id, err := domain.Named(text)
	return verify.ID(id), err
}

// roots reads --roots: a file if there is one, else a trust domain that is
// known here. A file's anchors vouch for hosts, unless --name is a SPIFFE ID:
// then they are those of its trust domain.
func (s *shell) roots(t trust) (verify.Roots, error) {
	info, err := os.Stat(t.Roots)
	if t.Roots != standardInput && (err != nil || info.IsDir()) {
		home, err := s.known(t.Roots)
		if err != nil {
			return verify.Roots{}, err
		}
		if home != nil {
			return home.roots()
		}
	}
	if t.Roots != standardInput && errors.Is(err, fs.ErrNotExist) {
		return verify.Roots{}, fault.New(verify.RootsUnreadable, "%s is neither a file nor a trust domain known on this host", t.Roots).
			WithHint("name a file of certificates, PEM or DER, of those whom you believe")
	}
	if !strings.HasPrefix(t.Name, "spiffe://") {
		roots, err := verify.LoadRoots(s.disk(), t.Roots)
		if err != nil && !errors.Is(err, pki.InputTooLarge) && info != nil && info.Mode().IsRegular() {
			data, _ := s.disk().ReadFile(t.Roots)
			err = unstored(err, data, t.Roots)
		}
		return roots, err
	}
	id, err := spiffeid.Parse(t.Name)
	if err != nil {
		return verify.Roots{}, err
	}
	anchors, err := s.disk().certificates(t.Roots)
	if err != nil {
		return verify.Roots{}, err
	}
	return verify.ForTrustDomain(id.TrustDomain(), anchors...)
}

// pins reads --pin: keys by their digests, and certificates in files, of which the
// first one counts.
func (s *shell) pins(texts []string) (verify.Roots, error) {
	var sets []verify.Roots
	for _, text := range texts {
		pinned, err := s.pin(text)
		if err != nil {
			return verify.Roots{}, err
		}
		sets = append(sets, pinned)
	}
	return verify.Union(sets...)
}

func (s *shell) pin(text string) (verify.Roots, error) {
	if strings.HasPrefix(text, "sha256//") {
		return verify.PinKey(text)
	}
	certs, err := s.disk().certificates(text)
	if errors.Is(err, fs.ErrNotExist) {
		return verify.Roots{}, fault.New(FileMissing, "there is no file %s", text).
			WithHint("name the file with the peer's own certificate, or the pin of its key: sha256// and 44 characters")
	}
	if err != nil {
		return verify.Roots{}, err
	}
	return verify.Pin(fileTitle(text), certs[0])
}

// orPin proposes to pin what was given as roots and is a peer's own certificate.
func (t trust) orPin(err error, cmd, target string) error {
	e, ok := fault.Of(err)
	if !ok || e.Code != verify.RootsIsLeaf {
		return err
	}
	t.Pin, t.Roots = []string{t.Roots}, ""
	return withHint(err, t.command(cmd, target)+"      # trust exactly this one\nor "+e.Hint)
}

// known returns the folder of a trust domain, or nil.
func (s *shell) known(domain string) (*folder, error) {
	known, err := s.folders()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(known, func(f folder) bool { return f.domain.String() == domain }); i >= 0 {
		return &known[i], nil
	}
	return nil, nil
}

// identity reads --as: an identity that is kept on this host, in the folder
// that is returned, or a PEM file.
func (s *shell) identity(as string) (*pki.Credential, *folder, error) {
	known, err := s.folders()
	if err != nil {
		return nil, nil, err
	}
	var found []folder
	var credential *pki.Credential
	for _, f := range known {
		path := strings.TrimPrefix(as, "spiffe://"+f.domain.String()+"/")
		c, err := f.credential(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		credential, found = c, append(found, f)
	}
	switch {
	case len(found) == 1:
		return credential, &found[0], nil
	case len(found) > 1:
		return nil, nil, ambiguous(found, fmt.Sprintf("%s is an identity of several trust domains", as))
	}
	if file, err := regular.Open(as); err == nil { // a pipe is fine
		err = secretly(file)
		file.Close()
		if err != nil {
			return nil, nil, err
		}
	}
	if credential, err = identity.Load(s.disk(), as); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, strangerHere(as, known)
	}
	return credential, nil, err
}

func strangerHere(as string, known []folder) error {
	var names []string
	for _, f := range known {
		names = append(names, f.identities()...)
	}
	err := fault.New(CredentialUnknown, "%s is neither an identity kept on this host nor a file", as)
	if len(names) == 0 {
		return err.WithHint("name a PEM file with the certificate chain and its key; no identity is kept on this host")
	}
	return err.WithHint("name a PEM file with the certificate chain and its key, or one that is kept here: %s", strings.Join(names, ", "))
}
