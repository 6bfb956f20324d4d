package pki_test

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/signet-tls/signet/pki"
)

// What tools/facts.py says of requests and revocation lists, said by this
// package.

// signedFacts are what every signed value has.
func signedFacts(of interface {
	RawTBS() []byte
	Signature() []byte
	SignatureAlgorithm() pki.Algorithm
	Extensions() []pki.Extension
}) readings {
	return readings{
		"tbs": sum(of.RawTBS()), "signature": sum(of.Signature()),
		"signature_oid": of.SignatureAlgorithm().ID.String(), "signature_name": of.SignatureAlgorithm().String(),
		"extensions": rawExtensions(of.Extensions()), "values": extensionValues(of.Extensions()),
	}
}

func requestFacts(data []byte) (readings, error) {
	found, err := pki.ParseRequests(data)
	if err != nil {
		return nil, err
	}
	r := found[0]
	answer := signedFacts(r)
	answer["version"] = r.Version()
	answer["subject"], answer["subject_der"] = directoryText(r.Subject()), sum(r.Subject().DER())
	answer["key_type"], answer["key_bits"], answer["public"] = publicKeyFacts(r.PublicKey())
	answer["pem"], answer["der"] = sum(r.PEM()), sum(r.Raw())
	attributes := []any{}
	for _, a := range r.Attributes() {
		for _, value := range a.Values {
			attributes = append(attributes, []any{a.ID.String(), sum(contentsOf(value))})
		}
	}
	answer["attributes"] = attributes
	switch err := r.CheckSignature(); {
	case err == nil, errors.Is(err, pki.SignatureWrong), errors.Is(err, pki.SignatureWeak):
		answer["signature_valid"] = err == nil
	default:
		answer["signature_valid"] = "error: " + err.Error()
	}
	if _, malformed := r.SubjectAltNames(); malformed != nil && len(r.Extensions()) == 0 {
		answer["values"] = "error: " + malformed.Error()
	}
	return answer, nil
}

// contentsOf returns an element without its header.
func contentsOf(element []byte) []byte {
	header := 2
	if element[1] >= 0x80 {
		header += int(element[1] & 0x7f)
	}
	return element[header:]
}

func listFacts(data []byte) (readings, error) {
	found, err := pki.ParseRevocationLists(data)
	if err != nil {
		return nil, err
	}
	l := found[0]
	answer := signedFacts(l)
	answer["version"], answer["count"] = l.Version(), l.Len()
	answer["issuer"], answer["issuer_der"] = directoryText(l.Issuer()), sum(l.Issuer().DER())
	answer["this_update"], answer["next_update"] = asn1Time(l.ThisUpdate()), asn1TimeOrNil(l.NextUpdate())
	answer["pem"], answer["der"], answer["sha256"] = sum(l.PEM()), sum(l.Raw()), sum(l.Raw())
	entries, raw, values := []any{}, []any{}, []any{}
	serials := []*big.Int{big.NewInt(1)}
	for e := range l.Entries() {
		entries = append(entries, []any{fmt.Sprintf("%x", e.SerialNumber()), asn1Time(e.Date())})
		raw = append(raw, rawExtensions(e.Extensions()))
		values = append(values, extensionValues(e.Extensions()))
		serials = append(serials[:min(2, len(serials))], e.SerialNumber())
	}
	answer["entries"], answer["entry_extensions"], answer["entry_values"] = entries, raw, values
	for _, v := range values {
		if _, broken := v.(string); broken {
			answer["entry_values"] = v
		}
	}
	answer["found"] = foundFacts(l, serials)
	return answer, nil
}

// foundFacts says which entries are found by serial number, whoever the issuer.
func foundFacts(l *pki.RevocationList, serials []*big.Int) []any {
	slices.SortFunc(serials, (*big.Int).Cmp)
	out := []any{}
	for i, serial := range serials {
		if i > 0 && serial.Cmp(serials[i-1]) == 0 {
			continue
		}
		answer := []any{fmt.Sprintf("%x", serial), nil}
		for e := range l.Entries() {
			if e.SerialNumber().Cmp(serial) != 0 {
				continue
			}
			if hit, ok := l.Lookup(e.Issuer(), serial); ok {
				answer[1] = asn1Time(hit.Date())
			}
			break
		}
		out = append(out, answer)
	}
	return out
}
