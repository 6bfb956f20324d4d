package cli

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
)

// listedEntries is how many entries of a list or a message are shown.
const listedEntries = 10

// messageRows adds the details of what authorities and their clients send each
// other.
func (i *inspector) messageRows(p *page, o *recognise.Object) {
	switch {
	case o.Request != nil:
		requestRows(p, o.Request)
	case o.List != nil:
		i.listRows(p, o)
	case o.OCSPRequest != nil:
		for _, id := range o.OCSPRequest.IDs()[:min(len(o.OCSPRequest.IDs()), listedEntries)] {
			p.fact("about", "%s", certIDWords(id))
		}
		more(p, len(o.OCSPRequest.IDs()))
	case o.OCSPResponse != nil:
		responseRows(p, o.OCSPResponse)
	}
}

// more says that there are more entries than are shown.
func more(p *page, all int) {
	if all > listedEntries {
		p.fact("", "… and %s more", thousands(int64(all-listedEntries)))
	}
}

func requestRows(p *page, request *pki.Request) {
	p.fact("asks for", "%s", cmp.Or(listing(namesAsked(request), 20), "no names"))
	p.fact("subject", "%s", cmp.Or(request.Subject().String(), "empty"))
	for _, e := range request.Extensions() {
		if e.ID != pki.OIDSubjectAltName {
			p.fact("", "the extension %s", e.ID.Name())
		}
	}
	if password, err := request.ChallengePassword(); password != "" && err == nil {
		p.fact("password", "there is one for the authority, which whoever has the file can read")
	}
	p.fact("signed", "%s", request.SignatureAlgorithm())
	publicRows(p, request.PublicKey())
	if err := request.Malformed(); err != nil {
		p.fact("broken", "%s", explained(err).Message)
	}
}

func (i *inspector) listRows(p *page, o *recognise.Object) {
	list := o.List
	p.fact("issuer", "%s", list.Issuer())
	p.fact("signed", "%s, %s", list.SignatureAlgorithm(), i.signer(o, list.Issuer().String()))
	if number, _ := list.Number(); number != nil {
		p.fact("number", "%s", number)
	}
	if base, _ := list.Base(); base != nil {
		p.fact("delta", "to the list with the number %s", base)
	}
	p.fact("dates", "%s%s", stamp(list.ThisUpdate()), i.nextWords(list.NextUpdate()))
	if point, _ := list.IssuingPoint(); point != nil {
		p.fact("scope", "%s", scopeWords(point))
	}
	p.fact("entries", "%s", thousands(int64(list.Len())))
	for _, entry := range firstEntries(list) {
		text := entry.Serial + ", " + stamp(entry.Date)
		if entry.Reason != pki.Unspecified.String() {
			text += ", " + entry.Reason
		}
		p.fact("", "%s", text)
	}
	more(p, list.Len())
	for _, id := range list.CriticalUnknown() {
		p.fact("unknown", "the critical extension %s, which makes the list unusable", id.Name())
	}
	if err := list.Malformed(); err != nil {
		p.fact("broken", "%s", explained(err).Message)
	}
}

// nextWords says until when news count.
func (i *inspector) nextWords(next time.Time) string {
	switch {
	case next.IsZero():
		return "; it does not say when the next comes"
	case i.now.After(next):
		return " until " + stamp(next) + ": out of date"
	}
	return " until " + stamp(next)
}

// scopeWords says of which certificates a list speaks.
func scopeWords(point *pki.IssuingPoint) string {
	var texts []string
	for _, limit := range []struct {
		is    bool
		words string
	}{
		{point.OnlyUsers, "no authorities"}, {point.OnlyAuthorities, "authorities alone"}, {point.OnlyAttributeHolders, "attribute certificates alone"},
		{point.Indirect, "those of other issuers too"}, {point.Reasons != 0, "these reasons alone: " + point.Reasons.String()},
	} {
		if limit.is {
			texts = append(texts, limit.words)
		}
	}
	if point.Name != nil {
		texts = append(texts, "its place is "+listing(nameTexts(point.Name.Full), 3))
	}
	return cmp.Or(strings.Join(texts, "; "), "all certificates of the issuer")
}

// revokedRecord is an entry of a revocation list, for programs.
type revokedRecord struct {
	Serial string    `json:"serial"`
	Date   time.Time `json:"date"`
	Reason string    `json:"reason"`
	Issuer string    `json:"issuer,omitempty"` // where it is not the list's
}

// firstEntries are those that are shown.
func firstEntries(list *pki.RevocationList) []revokedRecord {
	var first []revokedRecord
	for entry := range list.Entries() {
		if len(first) == listedEntries {
			break
		}
		reason, err := entry.Reason()
		record := revokedRecord{Serial: entry.Serial(), Date: entry.Date(), Reason: reason.String()}
		if err != nil {
			record.Reason = "a reason that cannot be read"
		}
		if !entry.Issuer().Equal(list.Issuer()) {
			record.Issuer = entry.Issuer().String()
		}
		first = append(first, record)
	}
	return first
}

// serialWords writes a serial number as inspect shows those of certificates.
func serialWords(serial *big.Int) string {
	sign := ""
	if serial.Sign() < 0 {
		sign = "-"
	}
	return sign + cmp.Or(hex.EncodeToString(serial.Bytes()), "00")
}

func certIDWords(id pki.CertID) string {
	return fmt.Sprintf("the serial number %s of the issuer whose key has the digest %x", serialWords(id.SerialNumber), id.KeyHash)
}

func responseRows(p *page, response *pki.OCSPResponse) {
	p.fact("status", "%s", response.Status())
	if response.Status() != pki.OCSPSuccessful {
		return
	}
	p.fact("by", "%s, on %s", responderWords(response), stamp(response.ProducedAt()))
	p.fact("signed", "%s", response.SignatureAlgorithm())
	for _, single := range response.Responses()[:min(len(response.Responses()), listedEntries)] {
		p.fact(single.Status.String(), "%s", certIDWords(single.ID))
		if single.Status == pki.StatusRevoked {
			p.fact("", "since %s, %s", stamp(single.RevokedAt), single.Reason)
		}
		if next := single.NextUpdate; next.IsZero() {
			p.fact("", "as of %s", stamp(single.ThisUpdate))
		} else {
			p.fact("", "as of %s, until %s", stamp(single.ThisUpdate), stamp(next))
		}
	}
	more(p, len(response.Responses()))
}

func responderWords(response *pki.OCSPResponse) string {
	if name, key := response.Responder(); key == nil {
		return name.String()
	} else {
		return fmt.Sprintf("the key with the digest %x", key)
	}
}

// requestRecord is a certificate request, for programs.
type requestRecord struct {
	Subject   string   `json:"subject"`
	Names     []string `json:"names,omitempty"`
	Signature string   `json:"signature"`
}

// listRecord is a revocation list with its first entries, for programs.
type listRecord struct {
	Issuer     string          `json:"issuer"`
	Number     string          `json:"number,omitempty"` // decimal: it may have 20 bytes
	Base       string          `json:"base,omitempty"`
	ThisUpdate time.Time       `json:"this_update"`
	NextUpdate *time.Time      `json:"next_update,omitempty"`
	Signature  string          `json:"signature"`
	SignedBy   *int            `json:"signed_by,omitempty"`
	Disowned   *int            `json:"not_signed_by,omitempty"` // the issuer by its name, whose key did not sign it
	Entries    int             `json:"entries"`
	First      []revokedRecord `json:"first,omitempty"`
}

func listRecordOf(o *recognise.Object, numbers map[*recognise.Object]int) *listRecord {
	list := o.List
	r := &listRecord{Issuer: list.Issuer().String(), ThisUpdate: list.ThisUpdate(), NextUpdate: known(list.NextUpdate()),
		Signature: list.SignatureAlgorithm().String(), SignedBy: numberOf(o.Issuer, numbers), Disowned: numberOf(o.Disowned, numbers), Entries: list.Len(), First: firstEntries(list)}
	if number, _ := list.Number(); number != nil {
		r.Number = number.String()
	}
	if base, _ := list.Base(); base != nil {
		r.Base = base.String()
	}
	return r
}

// known leaves out a time that is not said.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ocspRecord is an OCSP request or response, for programs.
type ocspRecord struct {
	Status     string       `json:"status,omitempty"` // of a response
	Responder  string       `json:"responder,omitempty"`
	ProducedAt *time.Time   `json:"produced_at,omitempty"`
	Nonce      string       `json:"nonce,omitempty"`
	Count      int          `json:"count"`
	First      []ocspAnswer `json:"first,omitempty"`
}

// ocspAnswer is what is asked, or said, about one certificate.
type ocspAnswer struct {
	Serial     string     `json:"serial"`
	IssuerKey  string     `json:"issuer_key_digest"`
	Status     string     `json:"status,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	ThisUpdate *time.Time `json:"this_update,omitempty"`
	NextUpdate *time.Time `json:"next_update,omitempty"`
}

func ocspRequestRecord(request *pki.OCSPRequest) *ocspRecord {
	nonce, _ := request.Nonce()
	r := &ocspRecord{Nonce: hex.EncodeToString(nonce), Count: len(request.IDs())}
	for _, id := range request.IDs()[:min(r.Count, listedEntries)] {
		r.First = append(r.First, ocspAnswer{Serial: serialWords(id.SerialNumber), IssuerKey: hex.EncodeToString(id.KeyHash)})
	}
	return r
}

func ocspResponseRecord(response *pki.OCSPResponse) *ocspRecord {
	r := &ocspRecord{Status: response.Status().String(), Count: len(response.Responses())}
	if response.Status() != pki.OCSPSuccessful {
		return r
	}
	nonce, _ := response.Nonce()
	r.Nonce, r.Responder, r.ProducedAt = hex.EncodeToString(nonce), responderWords(response), known(response.ProducedAt())
	for _, single := range response.Responses()[:min(r.Count, listedEntries)] {
		answer := ocspAnswer{Serial: serialWords(single.ID.SerialNumber), IssuerKey: hex.EncodeToString(single.ID.KeyHash), Status: single.Status.String(),
			RevokedAt: known(single.RevokedAt), ThisUpdate: known(single.ThisUpdate), NextUpdate: known(single.NextUpdate)}
		if single.Status == pki.StatusRevoked {
			answer.Reason = single.Reason.String()
		}
		r.First = append(r.First, answer)
	}
	return r
}
