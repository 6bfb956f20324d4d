package cli

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// crlCmds are the commands that make revocation lists in files.
type crlCmds struct {
	New crlNewCmd `cmd:"" help:"make a revocation list"`
}

type crlNewCmd struct {
	issuing
	Revoke []string `sep:"none" placeholder:"WHAT" help:"A certificate's file, or its serial number in hexadecimal; with :REASON behind it, such as server.pem:keyCompromise. Once for each."`
	From   string   `placeholder:"FILE" help:"The list before: its entries are kept, and the new number is the next one."`
	Next   lifetime `default:"7d" placeholder:"SPAN" help:"When the next list will be there at the latest, such as 7d or 12h; 7d without it. Then this one counts no longer."`
	Out    string   `placeholder:"FILE" help:"The file to write, in DER if it ends with .der. Without it, the authority's with .crl at its end."`
	To     string   `enum:"auto,pem,der" default:"auto" placeholder:"FORM" help:"The form, where the ending does not say it: pem or der, which clients that fetch the list want (RFC 5280, section 4.2.1.13)."`
	secret
	force
	terse

	counted bool // the list before had a number, and this one has the next
}

func (crlNewCmd) Help() string {
	return "signet crl new --ca ca.pem --revoke server.pem:keyCompromise\n" +
		"signet crl new --ca ca.pem --from ca.crl --revoke 4f07c1 --out ca.crl --force\n" +
		"signet crl new --ca ca.pem --from ca.crl --out served.crl --to der"
}

func (c *crlNewCmd) run(ctx context.Context, s *shell) error {
	if err := c.issuing.given(); err != nil {
		return err
	}
	if longest := 366 * 24 * time.Hour; time.Duration(c.Next) > longest {
		return fault.New(Usage, "who holds a list for %s hears of no revocation for as long; %s are the most, as public authorities have it (Baseline Requirements, section 4.9.7)",
			verify.Span(time.Duration(c.Next)), verify.Span(longest)).WithHint("shorten --next, and make a list in time")
	}
	if c.Out == "" {
		var err error
		if c.Out, err = outBeside(c.CA, ".crl"); err != nil {
			return err
		}
	}
	if err := c.mayWrite(s, c.reads(), c.Out); err != nil {
		return err
	}
	authority, err := c.authority(ctx, s, c.secret)
	if err != nil {
		return err
	}
	spec, err := c.spec(ctx, s, authority.Leaf())
	if err != nil {
		return err
	}
	list, err := authority.NewRevocationList(spec)
	if err != nil {
		return err
	}
	data := list.PEM()
	if c.der() {
		data = list.Raw()
	}
	if err := c.save(s, product{c.Out, data, readable}); err != nil {
		return err
	}
	return c.tell(s, list, authority.Leaf())
}

// reads are the files that the command reads, but for the list before: that is what
// the new one is to replace.
func (c *crlNewCmd) reads() []string {
	reads := []string{c.CA, c.CAKey, c.PassphraseFile}
	for _, what := range c.Revoke {
		file, _, _ := cutReason(what)
		reads = append(reads, file)
	}
	return reads
}

// der reports whether the list is to be written in DER.
func (c *crlNewCmd) der() bool {
	return c.To == "der" || c.To == "auto" && strings.EqualFold(filepath.Ext(c.Out), ".der")
}

// spec is the wanted list: what the one before has, and what is new. Without one
// before, the number is the time: larger than that of every list that was made so,
// or counts on from there.
func (c *crlNewCmd) spec(ctx context.Context, s *shell, authority *pki.Certificate) (pki.RevocationListSpec, error) {
	now, before, err := c.begin(ctx, s, authority)
	if err != nil {
		return pki.RevocationListSpec{}, err
	}
	spec := pki.RevocationListSpec{Number: big.NewInt(now.Unix()), ThisUpdate: now, NextUpdate: now.Add(time.Duration(c.Next))}
	at := map[string]int{} // entries by their serial numbers
	if before != nil {
		if c.counted, err = carryOn(&spec, before); err != nil {
			return spec, inFile(err, c.From)
		}
		for n, entry := range spec.Entries {
			if entry.Issuer.IsEmpty() {
				at[entry.Serial.String()] = n
			}
		}
	}
	for _, what := range c.Revoke {
		entry, err := s.revocation(what, authority)
		if err != nil {
			return spec, err
		}
		entry.Date = now
		n, listed := at[entry.Serial.String()]
		switch {
		case !listed:
			at[entry.Serial.String()] = len(spec.Entries)
			spec.Entries = append(spec.Entries, entry)
		case spec.Entries[n].Reason == pki.CertificateHold && entry.Reason != pki.CertificateHold:
			spec.Entries[n] = entry // what was on hold is revoked for good
		default:
			return spec, fault.New(RevokedBefore, "%s is revoked already, since %s", what, stamp(spec.Entries[n].Date)).
				WithHint("leave it out: what is on the list stays there")
		}
	}
	return spec, nil
}

// begin returns the list before, nil if there is none, and the present, once it is in
// a later second than that list's: clients know by the second which one is newer.
func (c *crlNewCmd) begin(ctx context.Context, s *shell, authority *pki.Certificate) (time.Time, *pki.RevocationList, error) {
	if c.From == "" {
		return time.Now(), nil, nil
	}
	before, err := s.listBefore(c.From, authority)
	if err != nil {
		return time.Time{}, nil, err
	}
	wait := time.Until(before.ThisUpdate().Add(time.Second))
	if wait > 2*time.Second {
		return time.Time{}, nil, fault.New(pki.SpecInvalid, "%s begins at %s, which is still to come: a list of today would count for the older one", baseName(c.From), stamp(before.ThisUpdate())).
			WithHint("set this machine's clock; if that list's was wrong and nobody has the list, leave --from out")
	}
	select {
	case <-time.After(wait):
		return time.Now(), before, nil
	case <-ctx.Done():
		return time.Time{}, nil, ctx.Err()
	}
}

// listBefore reads the authority's list before this one.
func (s *shell) listBefore(path string, authority *pki.Certificate) (*pki.RevocationList, error) {
	data, err := s.read(path, pki.MaxCRL)
	if err != nil {
		return nil, err
	}
	lists, err := pki.ParseRevocationLists(data)
	if err != nil {
		return nil, inFile(err, path)
	}
	list := lists[0]
	base, err := list.Base()
	if malformed := list.Malformed(); malformed != nil {
		err = malformed
	}
	switch {
	case err != nil:
		return nil, inFile(err, path)
	case len(lists) > 1 || base != nil || len(list.CriticalUnknown()) > 0:
		return nil, fault.New(Usage, "%s is no single complete list whose every word is understood, and cannot be carried on", baseName(path)).
			WithHint("signet inspect %s", quote(path))
	case !list.Issuer().Equal(authority.Subject()) || list.CheckSignatureBy(authority.PublicKey()) != nil:
		return nil, fault.New(ListForeign, "%s is not signed by the key of %s", baseName(path), authority.Title()).
			WithHint("name the list that this authority made last, or its own file with --ca")
	}
	return list, nil
}

// carryOn takes number, scope and entries over, and reports whether there was a
// number.
func carryOn(spec *pki.RevocationListSpec, before *pki.RevocationList) (counted bool, err error) {
	number, err := before.Number()
	if err != nil {
		return false, err
	}
	if number != nil {
		spec.Number = new(big.Int).Add(number, big.NewInt(1))
	}
	if spec.Point, err = before.IssuingPoint(); err != nil {
		return false, err
	}
	for entry := range before.Entries() {
		if err := entry.Malformed(); err != nil {
			return false, err
		}
		kept := pki.RevocationSpec{Serial: entry.SerialNumber(), Date: entry.Date()}
		kept.Reason, _ = entry.Reason()
		kept.InvalidityDate, _ = entry.InvalidityDate()
		if !entry.Issuer().Equal(before.Issuer()) {
			kept.Issuer = entry.Issuer()
		}
		spec.Entries = append(spec.Entries, kept)
	}
	return number != nil, nil
}

// reasons are why a certificate is revoked, by their names in lower case. Removal
// is for deltas, which are not made here.
var reasons = func() map[string]pki.Reason {
	all := map[string]pki.Reason{}
	for _, r := range []pki.Reason{pki.Unspecified, pki.KeyCompromise, pki.CACompromise, pki.AffiliationChanged, pki.Superseded,
		pki.CessationOfOperation, pki.CertificateHold, pki.PrivilegeWithdrawn, pki.AACompromise} {
		all[strings.ToLower(r.String())] = r
	}
	return all
}()

// cutReason splits the reason off from what is revoked, if there is one.
func cutReason(what string) (before string, reason pki.Reason, ok bool) {
	at := strings.LastIndexByte(what, ':')
	if at < 0 {
		return what, 0, false
	}
	if reason, ok = reasons[strings.ToLower(what[at+1:])]; !ok {
		return what, 0, false
	}
	return what[:at], reason, true
}

// revocation reads FILE[:REASON] or SERIAL[:REASON]. What is all hexadecimal is a
// serial number, which may have colons of its own.
func (s *shell) revocation(what string, authority *pki.Certificate) (entry pki.RevocationSpec, err error) {
	subject := what
	if before, reason, ok := cutReason(what); ok {
		entry.Reason, subject = reason, before
	} else if at := strings.LastIndexByte(what, ':'); at >= 0 {
		if _, serial := serialOf(what); !serial {
			return entry, fault.New(RevocationInvalid, "there is no reason %q to revoke %s", what[at+1:], what[:at]).
				WithHint("write keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation,\ncertificateHold or privilegeWithdrawn, or leave the reason out")
		}
	}
	serial, ok := serialOf(subject)
	if ok && serial.Sign() == 0 {
		return entry, fault.New(RevocationInvalid, "no certificate has the serial number 0: it has to be positive (RFC 5280, section 4.1.2.2)").
			WithHint("name the file of the certificate, if one has been made with it all the same")
	}
	if ok {
		entry.Serial = serial
		return entry, nil
	}
	data, err := s.read(subject, pki.MaxInput)
	if err != nil {
		if errors.Is(err, FileMissing) {
			err = fault.New(RevocationInvalid, "%q is neither a file nor a serial number", subject).
				WithHint("name the certificate's file, or its serial number in hexadecimal, as signet inspect shows it")
		}
		return entry, err
	}
	certs, err := certificatesIn(data, subject)
	if err != nil {
		return entry, err
	}
	entry.Serial = certs[0].SerialNumber()
	return entry, ownedBy(authority, certs[0], subject)
}

// serialOf reads a serial number in hexadecimal, of at most 20 bytes (RFC 5280,
// section 4.1.2.2).
func serialOf(text string) (*big.Int, bool) {
	digits := strings.TrimPrefix(strings.ToLower(strings.ReplaceAll(text, ":", "")), "0x")
	if strings.Trim(digits, "0123456789abcdef") != "" {
		return nil, false
	}
	serial, ok := new(big.Int).SetString(digits, 16)
	return serial, ok && serial.BitLen() <= 8*20
}

// ownedBy reports whether a list of the authority can revoke the certificate.
func ownedBy(authority, cert *pki.Certificate, path string) error {
	switch err := cert.CheckSignatureBy(authority.PublicKey()); {
	case !cert.Issuer().Equal(authority.Subject()) || err != nil && !errors.Is(err, pki.SignatureWeak):
		return fault.New(ListForeign, "%s was signed by %s, not by the key of %s, whose list this is", baseName(path), cert.IssuerTitle(), authority.Title()).
			WithHint("name the authority that signed it with --ca")
	case cert.Fingerprint() == authority.Fingerprint():
		return fault.New(ListForeign, "%s is the authority itself, and no list of its own can revoke it", baseName(path)).
			WithHint("name a certificate that it signed; a root is taken out of the roots of those who trust it")
	}
	return nil
}

// madeList is the answer for programs.
type madeList struct {
	File       string    `json:"file"`
	Number     string    `json:"number"`
	Entries    int       `json:"entries"`
	Added      int       `json:"added"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	SignedBy   string    `json:"signed_by"`
}

func (c *crlNewCmd) tell(s *shell, list *pki.RevocationList, authority *pki.Certificate) error {
	number, err := list.Number()
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(madeList{c.Out, number.String(), list.Len(), len(c.Revoke), list.ThisUpdate(), list.NextUpdate(), authority.Title()})
	}
	origin := "one more than that of " + baseName(c.From)
	if !c.counted {
		origin = "the time in seconds: --from named no list with a number"
	}
	var p page
	p.headline(fmt.Sprintf("Made: a revocation list with %s, which counts for %s.", count(list.Len(), "entry", "entries"), verify.Span(time.Duration(c.Next))), "")
	p.fact("file", "%s", outTitle(c.Out))
	p.fact("number", "%s, %s", number, origin)
	for n, what := range c.Revoke {
		if n == listedEntries {
			p.fact("", "… and %d more", len(c.Revoke)-n)
			break
		}
		p.fact("revoked", "%s", what)
	}
	p.fact("signed by", "%s", authority.Title())
	p.fact("next", "%s at the latest", stamp(list.NextUpdate()))
	if err := s.print(p.String()); err != nil {
		return err
	}
	again := "signet crl new " + c.issuing.words() + " --from " + quote(c.Out) + " --out " + quote(c.Out) + " --force"
	if c.To != "auto" {
		again += " --to " + c.To
	}
	s.steps("next", again+"      # the next one, before then")
	return nil
}
