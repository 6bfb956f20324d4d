package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// what says what an object is, with its article.
func (i *inspector) what(o *recognise.Object) string {
	switch {
	case o.Title != "":
		return o.Title + unheld(o)
	case o.Err != nil && o.Kind == recognise.Unknown:
		return kindNames[o.Kind]
	case o.Err != nil:
		return kindNames[o.Kind] + " that cannot be read"
	case o.Certificate != nil:
		return certificateWords(o) + unheld(o) + again(o)
	case o.PrivateKey != nil:
		return i.keyWords(o)
	}
	return "the public half of " + o.PublicKey.Title()
}

// unheld says that a signature is not its issuer's, whose certificate is here.
func unheld(o *recognise.Object) string {
	if o.Disowned != nil {
		return ", whose signature does not hold"
	}
	return ""
}

// again says that a certificate was there before.
func again(o *recognise.Object) string {
	if o.Same != nil {
		return ", once more"
	}
	return ""
}

// purposes are the words for what a leaf is for, the first that it has.
var purposeWords = []struct {
	id    pki.OID
	words string
}{
	{pki.OIDOCSPSigning, "an OCSP responder's certificate"},
	{pki.OIDTimeStamping, "a time stamping authority's certificate"},
	{pki.OIDCodeSigning, "a certificate for signing code"},
	{pki.OIDServerAuth, "a TLS server's certificate"},
	{pki.OIDClientAuth, "a TLS client's certificate"},
	{pki.OIDEmailProtection, "a certificate for e-mail"},
}

// certificateWords says what a certificate is for, and for whom.
func certificateWords(o *recognise.Object) string {
	cert := o.Certificate
	self := ""
	if o.Issuer == o {
		self = ", signed by itself"
	}
	switch {
	case cert.IsAuthority() && o.Issuer == o:
		return "the root authority " + cert.Title()
	case cert.IsAuthority():
		return "the intermediate authority " + cert.Title()
	case !cert.ID().IsZero():
		return "a workload's certificate for " + cert.ID().String() + self
	}
	words := "a certificate"
	extended, _ := cert.ExtKeyUsage()
	for _, purpose := range purposeWords {
		if slices.Contains(extended, purpose.id) {
			words = purpose.words
			break
		}
	}
	names := cert.NamesOf(pki.DNSName, pki.IPName, pki.EmailName, pki.URIName)
	if len(names) == 0 {
		return words + " for " + cert.Title() + self
	}
	return words + " for " + listing(names, 3) + self
}

func (i *inspector) keyWords(o *recognise.Object) string {
	key := o.PrivateKey
	if key.Locked() {
		return "an encrypted private key"
	}
	words := "a private key, " + key.Public().Title()
	if key.Encryption != "" {
		words += " (encrypted in the file)"
	}
	switch {
	case len(o.Of) > 0 && i.owner[o.Of[0]] != i.owner[o]:
		words += ", which belongs to " + o.Of[0].Certificate.Title() + " in " + asWritten(i.owner[o.Of[0]])
	case len(o.Of) > 0:
		words += ", which belongs to " + o.Of[0].Certificate.Title()
	case i.certificates():
		words += ", which belongs to no certificate here"
	}
	return words
}

// certificates reports whether there is any.
func (i *inspector) certificates() bool {
	return slices.ContainsFunc(i.files, func(file inspection) bool {
		return slices.ContainsFunc(file.objects, func(o *recognise.Object) bool { return o.Certificate != nil })
	})
}

// chainWords says in which order the certificates of a file stand that begins with
// a leaf, or "" for other files. A server sends each in front of its issuer
// (RFC 8446, section 4.4.2).
func chainWords(objects []*recognise.Object) string {
	var chain []*recognise.Object
	for _, o := range objects {
		if o.Certificate != nil && o.Same == nil {
			chain = append(chain, o)
		}
	}
	if len(chain) < 2 || len(chain) > detailed || chain[0].Certificate.IsAuthority() {
		return ""
	}
	titles := chain[0].Certificate.Title()
	for n, o := range chain[1:] {
		if chain[n].Issuer != o {
			return fmt.Sprintf("out of order, or of several: %s did not sign %s, which stands in front of it", o.Certificate.Title(), chain[n].Certificate.Title())
		}
		titles += " ← " + o.Certificate.Title()
	}
	if last := chain[len(chain)-1]; last.Issuer == last {
		return titles + "; in order, the root included, which servers need not send"
	}
	return titles + "; in order"
}

// left says how long a certificate still is good for.
func (i *inspector) left(cert *pki.Certificate) string {
	switch {
	case i.now.After(cert.NotAfter()):
		return "expired " + verify.Between(cert.NotAfter(), i.now) + " ago"
	case i.now.Before(cert.NotBefore()):
		return "not valid yet, for another " + verify.Between(i.now, cert.NotBefore())
	}
	return verify.Between(i.now, cert.NotAfter()) + " left"
}

func stamp(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 MST") }

// record is an object for programs. Fields are added, never changed.
type record struct {
	File     string          `json:"file"`
	Kind     recognise.Kind  `json:"kind,omitempty"`
	Summary  string          `json:"summary,omitempty"`
	Block    int             `json:"block,omitempty"` // of PEM, counted from 1
	Label    string          `json:"label,omitempty"`
	Line     int             `json:"line,omitempty"`
	Offset   int             `json:"offset"`
	Length   int             `json:"length,omitempty"` // of the DER
	Entry    int             `json:"entry,omitempty"`  // in PKCS#7 or PKCS#12, counted from 1
	Cert     *certRecord     `json:"certificate,omitempty"`
	Private  *privateRecord  `json:"private_key,omitempty"`
	Public   *publicRecord   `json:"public_key,omitempty"`
	Request  *requestRecord  `json:"request,omitempty"`
	List     *listRecord     `json:"crl,omitempty"`
	OCSP     *ocspRecord     `json:"ocsp,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
	Findings []lintFinding   `json:"findings,omitempty"`
	Failure  *complaintError `json:"error,omitempty"`
}

// certRecord has numbers of other records, counted from 0.
type certRecord struct {
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Names       []string  `json:"names,omitempty"`
	Authority   bool      `json:"authority"`
	Signature   string    `json:"signature"`
	Fingerprint string    `json:"sha256"`
	SignedBy    *int      `json:"signed_by,omitempty"`
	Disowned    *int      `json:"not_signed_by,omitempty"` // the issuer by its name, whose key did not sign it
	Same        *int      `json:"same_as,omitempty"`       // the first copy
	Key         *int      `json:"key,omitempty"`
}

type privateRecord struct {
	Form       string `json:"form,omitempty"`
	Encryption string `json:"encryption,omitempty"`
	Locked     bool   `json:"locked"`
	Of         []int  `json:"of,omitempty"` // certificates
}

type publicRecord struct {
	Kind     string   `json:"kind"`
	Bits     int      `json:"bits"`
	Pin      string   `json:"pin,omitempty"`
	Problems []string `json:"problems,omitempty"`
}

// records returns all that was found, and could not be read, in its order.
func (i *inspector) records(s *shell) []record {
	number := map[*recognise.Object]int{}
	at := 0
	for _, file := range i.files {
		if file.err != nil {
			at++
		}
		for _, o := range file.objects {
			number[o] = at
			at++
		}
	}
	all := make([]record, 0, at)
	for _, file := range i.files {
		if file.err != nil {
			all = append(all, record{File: file.file, Failure: s.complaint(file.err)})
		}
		for _, o := range file.objects {
			all = append(all, i.record(s, o, number))
		}
	}
	return all
}

func (i *inspector) record(s *shell, o *recognise.Object, number map[*recognise.Object]int) record {
	r := record{File: i.owner[o], Kind: o.Kind, Summary: i.what(o), Block: o.Place.Block, Label: o.Place.Label, Line: o.Place.Line,
		Offset: o.Place.Offset, Length: o.Place.Length, Entry: o.Place.Entry, Notes: o.Notes, Findings: i.found[o]}
	switch {
	case o.Err != nil:
		r.Failure = s.complaint(o.Err)
	case o.Certificate != nil:
		r.Cert, r.Public = certRecordOf(o, number), publicRecordOf(o.Certificate.PublicKey())
	case o.PrivateKey != nil:
		r.Private = &privateRecord{Form: o.PrivateKey.Container, Encryption: o.PrivateKey.Encryption, Locked: o.PrivateKey.Locked()}
		for _, cert := range o.Of {
			r.Private.Of = append(r.Private.Of, number[cert])
		}
		if !o.PrivateKey.Locked() {
			r.Public = publicRecordOf(o.PrivateKey.Public())
		}
	case o.PublicKey != nil:
		r.Public = publicRecordOf(o.PublicKey)
	case o.Request != nil:
		r.Request = &requestRecord{o.Request.Subject().String(), namesAsked(o.Request), o.Request.SignatureAlgorithm().String()}
		r.Public = publicRecordOf(o.Request.PublicKey())
	case o.List != nil:
		r.List = listRecordOf(o, number)
	case o.OCSPRequest != nil:
		r.OCSP = ocspRequestRecord(o.OCSPRequest)
	case o.OCSPResponse != nil:
		r.OCSP = ocspResponseRecord(o.OCSPResponse)
	}
	return r
}

func certRecordOf(o *recognise.Object, number map[*recognise.Object]int) *certRecord {
	cert := o.Certificate
	sum := cert.Fingerprint()
	return &certRecord{Subject: cert.Subject().String(), Issuer: cert.Issuer().String(), Serial: cert.Serial(),
		NotBefore: cert.NotBefore(), NotAfter: cert.NotAfter(), Names: allNames(cert), Authority: cert.IsAuthority(),
		Signature: cert.SignatureAlgorithm().String(), Fingerprint: fmt.Sprintf("%x", sum),
		SignedBy: numberOf(o.Issuer, number), Disowned: numberOf(o.Disowned, number), Same: numberOf(o.Same, number), Key: numberOf(o.Key, number)}
}

// numberOf returns the number of an object's record; nil of none.
func numberOf(o *recognise.Object, numbers map[*recognise.Object]int) *int {
	if o == nil {
		return nil
	}
	n := numbers[o]
	return &n
}

func publicRecordOf(key *pki.PublicKey) *publicRecord {
	r := &publicRecord{Kind: key.Kind(), Bits: key.Size()}
	if key.Raw() != nil {
		r.Pin = pin(key)
	}
	for _, problem := range key.Problems() {
		r.Problems = append(r.Problems, problem.Name)
	}
	return r
}
