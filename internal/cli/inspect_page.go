package cli

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
)

const (
	detailed = 8   // the most objects of a file of which every row is shown
	listed   = 100 // the most that are listed at all
)

// page adds what one file holds: in words first, then as rows.
func (i *inspector) page(p *page, file inspection) {
	if len(file.objects) == 0 {
		return
	}
	sentence := i.sentence(file.objects)
	if len(i.files) > 1 {
		sentence = asWritten(file.file) + ": " + sentence
	} else {
		sentence = capital(sentence)
	}
	p.headline(sentence+".", "")
	if chain := chainWords(file.objects); chain != "" {
		p.fact("chain", "%s", chain)
		p.line("")
	}
	for n, o := range file.objects {
		switch {
		case n == listed:
			p.line("  … and %s; --json has them all", count(len(file.objects)-n, "more", "more"))
			return
		case len(file.objects) > detailed:
			i.brief(p, n, o)
			continue
		case n > 0:
			p.line("")
		}
		if len(file.objects) > 1 {
			p.line("%d. %s, %s", n+1, i.what(o), spot(o.Place))
		}
		i.rows(p, o)
	}
}

// capital begins a sentence.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// spot is where an object stands, for a person.
func spot(at recognise.Place) string {
	text := fmt.Sprintf("byte %d", at.Offset)
	if at.Block > 0 {
		text = fmt.Sprintf("block %d, line %d", at.Block, at.Line)
	}
	switch {
	case at.Entry > 0 && at.Block+at.Offset == 0: // the file is what it is an entry of
		return fmt.Sprintf("entry %d", at.Entry)
	case at.Entry > 0:
		text += fmt.Sprintf(", entry %d", at.Entry)
	}
	return text
}

// brief is the line of an object among many.
func (i *inspector) brief(p *page, n int, o *recognise.Object) {
	text := i.what(o)
	if o.Certificate != nil {
		text += ", " + i.left(o.Certificate)
	}
	for _, f := range i.found[o] {
		text += "; " + f.Severity + " " + f.Code
	}
	p.line("%4d. %s%s", n+1, gap(spot(o.Place), 22), text)
}

// rows adds the details of an object.
func (i *inspector) rows(p *page, o *recognise.Object) {
	switch {
	case o.Err != nil:
		p.fact("broken", "%s", explained(o.Err).Message)
	case i.Text && inFull(o) != nil:
		for line := range strings.Lines(inFull(o).Text()) {
			p.line("%s", strings.TrimRight(line, "\n"))
		}
	case o.Certificate != nil:
		i.certificateRows(p, o)
	case o.PrivateKey != nil:
		i.keyRows(p, o)
	case o.PublicKey != nil:
		publicRows(p, o.PublicKey)
	case o.Request != nil, o.List != nil, o.OCSPRequest != nil, o.OCSPResponse != nil:
		i.messageRows(p, o)
	case o.Title != "" && o.Kind == recognise.Foreign:
		p.fact("not ours", "nothing more is read of it")
	}
	for _, note := range o.Notes {
		p.fact("note", "%s", note)
	}
	if i.Lint && o.Certificate != nil {
		i.lintRows(p, o)
	}
}

// inFull returns what of an object can be shown as openssl -text does, or nil.
func inFull(o *recognise.Object) interface{ Text() string } {
	switch {
	case o.Certificate != nil:
		return o.Certificate
	case o.Request != nil:
		return o.Request
	case o.List != nil:
		return o.List
	}
	return nil
}

func (i *inspector) certificateRows(p *page, o *recognise.Object) {
	cert := o.Certificate
	if names := allNames(cert); len(names) > 0 {
		p.fact("names", "%s", listing(names, 20))
	}
	p.fact("subject", "%s", cmp.Or(cert.Subject().String(), "empty"))
	p.fact("issuer", "%s", cert.Issuer())
	p.fact("signed", "%s, %s", cert.SignatureAlgorithm(), i.signer(o, cert.IssuerTitle()))
	p.fact("dates", "%s until %s: %s", stamp(cert.NotBefore()), stamp(cert.NotAfter()), i.left(cert))
	p.fact("serial", "%s", cert.Serial())
	p.fact("may", "%s", uses(cert))
	publicRows(p, cert.PublicKey())
	if o.Same != nil {
		p.fact("again", "this very certificate is at %s", i.where(o.Same, o))
	}
	if o.Key != nil {
		p.fact("its key", "%s", i.where(o.Key, o))
	}
	sum := cert.Fingerprint()
	p.fact("sha256", "%s", hex.EncodeToString(sum[:]))
	if err := cert.Malformed(); err != nil {
		p.fact("broken", "%s", explained(err).Message)
	}
}

// signer says whose key made a certificate's or list's signature, as far as that
// can be known from what is here.
func (i *inspector) signer(o *recognise.Object, named string) string {
	switch {
	case o.Issuer == o:
		return "by itself"
	case o.Issuer != nil:
		return fmt.Sprintf("by %s (%s)", o.Issuer.Certificate.Title(), i.where(o.Issuer, o))
	case o.Unchecked:
		return "by " + named + " (not looked for: too many signatures)"
	case o.Disowned != nil:
		return fmt.Sprintf("but not by %s (%s), whose name it gives: it was altered, or signed with another key", o.Disowned.Certificate.Title(), i.where(o.Disowned, o))
	}
	return "by " + named + ", whose certificate is not here"
}

// where names the place of an object, as seen from another one.
func (i *inspector) where(o, from *recognise.Object) string {
	if i.owner[o] != i.owner[from] {
		return asWritten(i.owner[o])
	}
	return spot(o.Place)
}

// allNames are the subject alternative names.
func allNames(cert *pki.Certificate) []string {
	names, _ := cert.SubjectAltNames()
	return nameTexts(names)
}

// nameTexts are names with their forms.
func nameTexts(names []pki.GeneralName) []string {
	texts := make([]string, len(names))
	for n, name := range names {
		texts[n] = name.String()
	}
	return texts
}

// listing joins the first of many texts.
func listing(texts []string, most int) string {
	if len(texts) <= most {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(texts[:most], ", "), len(texts)-most)
}

// uses says what a certificate's key may do.
func uses(cert *pki.Certificate) string {
	usage, _ := cert.KeyUsage()
	extended, _ := cert.ExtKeyUsage()
	var texts []string
	if usage != nil {
		texts = append(texts, usage.String())
	}
	for _, id := range extended {
		texts = append(texts, id.Name())
	}
	if len(texts) == 0 {
		return "anything: it does not say"
	}
	return strings.Join(texts, ", ")
}

func publicRows(p *page, key *pki.PublicKey) {
	p.fact("key", "%s", withoutArticle(key.Title()))
	if key.Raw() != nil {
		p.fact("pin", "%s", pin(key))
	}
	if _, err := key.Key(); err != nil {
		p.fact("unusable", "%s", explained(err).Message)
	}
	for _, problem := range key.Problems() {
		p.fact("problem", "%s", problem.Text)
	}
}

func (i *inspector) keyRows(p *page, o *recognise.Object) {
	key := o.PrivateKey
	p.fact("form", "%s", key.Container)
	if key.Encryption != "" {
		p.fact("encrypted", "%s", key.Encryption)
	}
	if key.Locked() {
		p.fact("locked", "add --passphrase to look inside")
		return
	}
	publicRows(p, key.Public())
	for _, cert := range o.Of {
		p.fact("belongs", "to %s (%s)", cert.Certificate.Title(), i.where(cert, o))
	}
}

func (i *inspector) lintRows(p *page, o *recognise.Object) {
	if len(i.found[o]) == 0 {
		p.fact("lint", "nothing was found")
	}
	for _, f := range i.found[o] {
		text := f.Found + " [" + f.Code + "]; " + f.Rule
		if len(f.RefusedBy) > 0 {
			text += "; refused by " + strings.Join(f.RefusedBy, ", ")
		}
		p.fact(f.Severity, "%s", text)
		p.fact("", "%s", f.Hint)
	}
}

// kindNames are the kinds for a person.
var kindNames = map[recognise.Kind]string{
	recognise.Certificate: "a certificate", recognise.PrivateKey: "a private key", recognise.PublicKey: "a public key",
	recognise.Request: "a certificate request", recognise.CRL: "a revocation list",
	recognise.OCSPRequest: "an OCSP request", recognise.OCSPResponse: "an OCSP response",
	recognise.PKCS7: "PKCS#7", recognise.PKCS12: "PKCS#12", recognise.Signature: "a signature",
	recognise.Parameters: "parameters of a key", recognise.Foreign: "a file of another program", recognise.Unknown: "something that is not known here",
}

// withoutArticle leaves the article out of a title.
func withoutArticle(title string) string {
	for _, article := range []string{"an ", "a "} {
		if rest, ok := strings.CutPrefix(title, article); ok {
			return rest
		}
	}
	return title
}

// sentence says what a file holds.
func (i *inspector) sentence(objects []*recognise.Object) string {
	if len(objects) > detailed {
		return i.crowd(objects)
	}
	said := map[*recognise.Object]bool{}
	var parts []string
	for _, o := range objects {
		if said[o] {
			continue
		}
		said[o] = true
		part := i.what(o)
		if o.Certificate != nil {
			part += ", " + i.left(o.Certificate)
			if key := o.Key; key != nil && slices.Contains(objects, key) && !said[key] {
				said[key] = true
				part += ", and its private key, which belongs to it"
			}
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// crowd counts the objects of a large file by their kind.
func (i *inspector) crowd(objects []*recognise.Object) string {
	counts := map[string]int{}
	var order []string
	for _, o := range objects {
		what := strings.TrimPrefix(strings.TrimPrefix(kindNames[o.Kind], "a "), "an ")
		if o.Certificate != nil && o.Certificate.IsAuthority() {
			what = "authority's certificate"
		}
		if counts[what]++; counts[what] == 1 {
			order = append(order, what)
		}
	}
	for n, what := range order {
		order[n] = fmt.Sprintf("%s: %s", what, thousands(int64(counts[what])))
	}
	return fmt.Sprintf("%s objects (%s)", thousands(int64(len(objects))), strings.Join(order, ", "))
}
