package revocation

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// allReasons are the bits of all reasons for which a certificate can be revoked.
const allReasons = pki.ReasonFlags(0x1fe)

// askLists processes the revocation lists as RFC 5280, section 6.3.3, has it: for
// each distribution point of the certificate, then for its issuer itself, until
// lists that are about every reason have been seen.
func (e *Evidence) askLists(q Question) Answer {
	points, err := q.Cert.DistributionPoints()
	if err != nil {
		return Answer{Missing: []string{"its distribution points cannot be read"}}
	}
	if names := countNames(points); names > maxNames {
		return Answer{Missing: []string{fmt.Sprintf("its distribution points have %d names; %d are looked at", names, maxNames)}}
	}
	issuers := pki.DistributionPoint{Name: &pki.PointName{Full: []pki.GeneralName{{Kind: pki.DirectoryName, Raw: q.Cert.Issuer().DER()}}}}
	s := listSearch{Evidence: e, Question: q}
	for _, point := range append(points[:len(points):len(points)], issuers) {
		for _, list := range e.lists {
			if s.answer.Status == Revoked || s.reasons == allReasons {
				break
			}
			s.look(list, point)
		}
	}
	switch {
	case s.answer.Status == Revoked:
	case s.reasons == allReasons:
		s.answer.Status = Good
	case s.reasons == 0 && len(s.answer.Missing) == 0:
		s.missBase()
	case s.reasons != 0:
		return Answer{Missing: append(s.answer.Missing, fmt.Sprintf("%s is about some reasons alone: %s", s.answer.Source, s.reasons))}
	}
	return s.answer
}

// byAge puts the newest list first: what it says counts, and those before it are
// superseded (RFC 5280, section 5.2.3).
func byAge(a, b *pki.RevocationList) int {
	if order := b.ThisUpdate().Compare(a.ThisUpdate()); order != 0 {
		return order
	}
	newer, _ := b.Number()
	older, _ := a.Number()
	if newer == nil || older == nil {
		return 0
	}
	return newer.Cmp(older)
}

// maxNames is how many names a certificate's distribution points may have: each is
// compared with those of each list.
const maxNames = 64

// countNames counts a point without any name as one.
func countNames(points []pki.DistributionPoint) int {
	names := len(points)
	for _, point := range points {
		names += len(point.Issuer)
		if point.Name != nil {
			names += len(point.Name.Full)
		}
	}
	return names
}

// listSearch is one run of the algorithm.
type listSearch struct {
	*Evidence
	Question
	reasons pki.ReasonFlags // those that lists were seen for
	answer  Answer
}

// miss says once why a list does not count, for however many points it was looked
// at.
func (s *listSearch) miss(list *pki.RevocationList, code fault.Code, format string, args ...any) {
	text := titleOf(list) + " " + fmt.Sprintf(format, args...)
	if !slices.Contains(s.answer.Missing, text) {
		s.answer.Code = cmp.Or(s.answer.Code, code)
		s.answer.Missing = append(s.answer.Missing, text)
	}
}

// titleOf names a list for a person.
func titleOf(list *pki.RevocationList) string {
	if base, err := list.Base(); err == nil && base != nil {
		return "the delta list of " + list.Issuer().String()
	}
	return "the list of " + list.Issuer().String()
}

// look takes one complete list into account for one distribution point.
func (s *listSearch) look(list *pki.RevocationList, point pki.DistributionPoint) {
	if base, err := list.Base(); err != nil || base != nil || !s.isAbout(list, point) {
		return
	}
	reasons := s.covers(list, point)
	if reasons&^s.reasons == 0 {
		return
	}
	signer := s.usable(list)
	if signer == nil {
		return
	}
	delta := s.delta(list)
	if delta == nil && !s.isFresh(list) {
		return
	}
	s.reasons |= reasons
	s.answer.Source = titleOf(list)
	s.answer.Kind, s.answer.URL, s.answer.Signer = "crl", s.urls[list], signer
	s.answer.ThisUpdate, s.answer.NextUpdate = list.ThisUpdate(), list.NextUpdate()
	if delta != nil {
		s.answer.Kind, s.answer.URL = "delta_crl", s.urls[delta]
		s.answer.ThisUpdate, s.answer.NextUpdate = delta.ThisUpdate(), delta.NextUpdate()
		if entry, found := delta.Lookup(s.Cert.Issuer(), s.Cert.SerialNumber()); found {
			if reason, err := entry.Reason(); err != nil || reason != pki.RemoveFromCRL {
				s.revoke(entry)
			}
			return
		}
	}
	if entry, found := list.Lookup(s.Cert.Issuer(), s.Cert.SerialNumber()); found {
		s.revoke(entry)
	}
}

func (s *listSearch) revoke(entry pki.Revocation) {
	reason, _ := entry.Reason() // one that cannot be read changes nothing about being revoked
	s.answer.Status, s.answer.Reason, s.answer.Since = Revoked, reason, entry.Date()
}

// missBase says that there are changes to a list alone, where there are.
func (s *listSearch) missBase() {
	for _, list := range s.lists {
		if base, err := list.Base(); err == nil && base != nil && list.Issuer().Match(s.Cert.Issuer()) {
			s.miss(list, "", "does not count: the complete list that it changes is not at hand")
		}
	}
}

// isAbout reports whether the list's issuer and scope fit the certificate and the
// distribution point (section 6.3.3 (b)).
func (s *listSearch) isAbout(list *pki.RevocationList, point pki.DistributionPoint) bool {
	scope, err := list.IssuingPoint()
	if err != nil {
		s.miss(list, ListInvalid, "has a scope that cannot be read")
		return false
	}
	indirect := scope != nil && scope.Indirect
	if point.Issuer != nil {
		if !indirect || !names(point.Issuer, list.Issuer()) {
			return false
		}
	} else if !list.Issuer().Match(s.Cert.Issuer()) {
		return false
	}
	if scope == nil {
		return true
	}
	if scope.Name != nil && !s.sameName(list, scope.Name, point) {
		return false
	}
	constraints, err := s.Cert.BasicConstraints()
	isCA := err == nil && constraints != nil && constraints.CA
	return !(scope.OnlyUsers && isCA) && !(scope.OnlyAuthorities && !isCA) && !scope.OnlyAttributeHolders
}

// names reports whether one of the names is this directory name.
func names(list []pki.GeneralName, name pki.Name) bool {
	for _, general := range list {
		if directory, ok := general.Directory(); ok && directory.Match(name) {
			return true
		}
	}
	return false
}

// sameName reports whether the list's point has one of the names of the
// certificate's; one that has no name stands for its issuer's.
func (s *listSearch) sameName(list *pki.RevocationList, scope *pki.PointName, point pki.DistributionPoint) bool {
	wanted := point.Issuer
	if point.Name != nil {
		issuer := s.Cert.Issuer()
		if directory, ok := firstDirectory(point.Issuer); ok {
			issuer = directory
		}
		wanted = point.Name.FullNames(issuer)
	}
	for _, have := range scope.FullNames(list.Issuer()) {
		for _, want := range wanted {
			if sameGeneral(have, want) {
				return true
			}
		}
	}
	return false
}

func firstDirectory(list []pki.GeneralName) (pki.Name, bool) {
	for _, general := range list {
		if directory, ok := general.Directory(); ok {
			return directory, true
		}
	}
	return pki.Name{}, false
}

func sameGeneral(a, b pki.GeneralName) bool {
	if x, ok := a.Directory(); ok {
		y, same := b.Directory()
		return same && x.Match(y)
	}
	return a.Kind == b.Kind && string(a.Raw) == string(b.Raw)
}

// covers returns the reasons that both the list and the point are about.
func (s *listSearch) covers(list *pki.RevocationList, point pki.DistributionPoint) pki.ReasonFlags {
	reasons := allReasons
	if point.Reasons != 0 {
		reasons &= point.Reasons
	}
	if scope, _ := list.IssuingPoint(); scope != nil && scope.Reasons != 0 {
		reasons &= scope.Reasons
	}
	return reasons
}

// usable returns who signed a list, or nil if it breaks the rules of its form, or
// nobody signed it who may.
func (s *listSearch) usable(list *pki.RevocationList) *pki.Certificate {
	if unknown := list.CriticalUnknown(); len(unknown) > 0 {
		s.miss(list, ListInvalid, "has a critical extension that is not understood, %s", unknown[0].Name())
		return nil
	}
	if err := list.Malformed(); err != nil {
		s.miss(list, ListInvalid, "cannot be used: %s", err)
		return nil
	}
	if scope, _ := list.IssuingPoint(); list.NamesIssuers() && (scope == nil || !scope.Indirect) {
		s.miss(list, ListInvalid, "has an entry about another issuer's certificate, and does not say that it is indirect") // RFC 5280, section 5.3.3
		return nil
	}
	for _, e := range list.Extensions() {
		// RFC 5280, sections 5.2.1 and 5.2.3.
		if e.Critical && (e.ID == pki.OIDCRLNumber || e.ID == pki.OIDAuthorityKeyID) {
			s.miss(list, ListInvalid, "has the extension %s as critical, which it must not be", e.ID.Name())
			return nil
		}
	}
	signer, err := s.signer(list)
	if e, ok := fault.Of(err); ok {
		s.miss(list, e.Code, "does not count: %s", e.Message)
	}
	return signer
}

// signer returns the certificate of who signed the list: the issuer of the one
// that is asked about, or one that is trusted as it is (section 6.3.3 (f), (g)); or
// why there is none, by the one that comes nearest.
func (s *listSearch) signer(list *pki.RevocationList) (*pki.Certificate, error) {
	var why error
	for i, candidate := range append([]*pki.Certificate{s.Issuer}, s.Signers...) {
		if !candidate.Subject().Match(list.Issuer()) {
			continue
		}
		key := candidate.PublicKey()
		if i == 0 && s.IssuerKey != nil {
			key = s.IssuerKey
		}
		err := s.checkedBy(list, key, s.Question, ListForged, ListInvalid)
		if err == nil {
			err = s.mayList(candidate, i == 0)
		}
		if err == nil {
			return candidate, nil
		}
		if why == nil || errors.Is(why, ListForged) {
			why = err
		}
	}
	if why == nil {
		why = fault.New(ListSigner, "the certificate of who signed it is not at hand")
	}
	return nil, why
}

// mayList says why who has signed a list may not, or nil.
func (s *listSearch) mayList(signer *pki.Certificate, isIssuer bool) error {
	usage, err := signer.KeyUsage()
	switch {
	case err != nil || usage != nil && *usage&pki.CRLSign == 0:
		return fault.New(ListSigner, "it was signed by %s, whose key may not sign lists, by its key usage", signer.Title())
	case !isIssuer && (s.Trust == nil || !s.Trust(signer)):
		return fault.New(ListSigner, "it was signed by %s, which does not lead to the same root", signer.Title())
	}
	return nil
}

// delta returns the newest usable delta to a complete list, or nil (section 6.3.3
// (c)), and says why those that would be newer do not count.
func (s *listSearch) delta(list *pki.RevocationList) *pki.RevocationList {
	number, err := list.Number()
	if err != nil || number == nil {
		return nil
	}
	var best *pki.RevocationList
	var newest *big.Int
	for _, delta := range s.lists {
		base, baseErr := delta.Base()
		own, err := delta.Number()
		switch {
		case err != nil || baseErr != nil || base == nil || own == nil, !sameScope(delta, list):
		case own.Cmp(number) <= 0 || newest != nil && own.Cmp(newest) <= 0:
		case value(delta, pki.OIDAuthorityKeyID) != value(list, pki.OIDAuthorityKeyID):
			s.miss(delta, ListSigner, "does not count: it names another key than the complete list")
		case base.Cmp(number) > 0:
			s.miss(delta, "", "does not count: it changes list number %s, and that which is at hand is %s", base, number)
		case !s.isFresh(delta) || s.usable(delta) == nil:
		default:
			best, newest = delta, own
		}
	}
	return best
}

// isFresh reports whether a list counts now.
func (s *listSearch) isFresh(list *pki.RevocationList) bool {
	err := fresh("it", list.ThisUpdate(), list.NextUpdate(), s.Now)
	if err != nil {
		s.miss(list, Stale, "does not count: %s", err)
	}
	return err == nil
}

// sameScope reports whether two lists have the same issuer and scope.
func sameScope(a, b *pki.RevocationList) bool {
	return a.Issuer().Match(b.Issuer()) && value(a, pki.OIDIssuingPoint) == value(b, pki.OIDIssuingPoint)
}

// value returns an extension's DER, or "".
func value(list *pki.RevocationList, id pki.OID) string {
	for _, e := range list.Extensions() {
		if e.ID == id {
			return string(e.Value)
		}
	}
	return ""
}
