package workload

import (
	"encoding/asn1"
	"encoding/binary"
	"errors"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Bounds of an answer. Those of real agents have one identity or a few, with two or
// three certificates each.
const (
	maxMessage    = 4 << 20 // bytes, as gRPC's own default
	maxSVIDs      = 100
	maxFederated  = 1000
	maxChain      = 16  // certificates of an identity
	maxBundle     = 200 // certificates of a trust domain
	maxNameLength = 2048
)

// response is X509SVIDResponse of the SPIFFE Workload API.
type response struct {
	svids     []svid
	federated map[string][]byte // by trust domain, each concatenated DER
}

// svid is X509SVID: an identity, in DER.
type svid struct {
	id                 string
	chain, key, bundle []byte // concatenated certificates, leaf first; PKCS#8; the trust domain's roots
}

// Field numbers of the Workload API's messages. A map is a list of pairs, of which the
// first field is the key and the second the value.
const (
	fieldSVIDs     = 1
	fieldFederated = 3

	fieldID     = 1
	fieldChain  = 2
	fieldKey    = 3
	fieldBundle = 4
)

// parseResponse reads an X509SVIDResponse.
func parseResponse(message []byte) (r response, err error) {
	r.federated = map[string][]byte{}
	err = fields(message, func(number int, value []byte) error {
		switch number {
		case fieldSVIDs:
			if len(r.svids) == maxSVIDs {
				return errors.New("it has too many identities")
			}
			given, err := parseSVID(value)
			r.svids = append(r.svids, given)
			return err
		case fieldFederated:
			if len(r.federated) == maxFederated {
				return errors.New("it has too many federated trust domains")
			}
			name, der, err := parsePair(value)
			r.federated[name] = der
			return err
		}
		return nil
	})
	if err != nil {
		return response{}, malformed("an answer: %s", err)
	}
	return r, nil
}

func parseSVID(message []byte) (s svid, err error) {
	return s, fields(message, func(number int, value []byte) error {
		switch number {
		case fieldID:
			if len(value) > maxNameLength {
				return errors.New("a name is too long")
			}
			s.id = string(value)
		case fieldChain:
			s.chain = value
		case fieldKey:
			s.key = value
		case fieldBundle:
			s.bundle = value
		}
		return nil
	})
}

func parsePair(message []byte) (name string, value []byte, err error) {
	return name, value, fields(message, func(number int, part []byte) error {
		switch {
		case number == 1 && len(part) > maxNameLength:
			return errors.New("a name is too long")
		case number == 1:
			name = string(part)
		case number == 2:
			value = part
		}
		return nil
	})
}

// fields calls each with every field of a protobuf message that has a length; others
// are skipped, as the Workload API has none (protobuf's encoding, "Message Structure").
func fields(message []byte, each func(number int, value []byte) error) error {
	const (
		varint  = 0
		fixed64 = 1
		counted = 2
		fixed32 = 5
	)
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return errors.New("it is no protobuf message")
		}
		message = message[n:]
		skip := 0
		switch tag & 7 {
		case varint:
			if _, skip = binary.Uvarint(message); skip <= 0 {
				return errors.New("it is no protobuf message")
			}
		case fixed64:
			skip = 8
		case fixed32:
			skip = 4
		case counted:
			length, n := binary.Uvarint(message)
			if n <= 0 || length > uint64(len(message)-n) {
				return errors.New("it is cut short")
			}
			message = message[n:]
			if err := each(int(tag>>3), message[:length:length]); err != nil {
				return err
			}
			skip = int(length)
		default:
			return errors.New("it is no protobuf message")
		}
		if skip > len(message) {
			return errors.New("it is cut short")
		}
		message = message[skip:]
	}
	return nil
}

// certificates reads concatenated DER.
func certificates(der []byte, most int) (certs []*pki.Certificate, err error) {
	for len(der) > 0 {
		var one asn1.RawValue
		rest, err := asn1.Unmarshal(der, &one)
		if err != nil {
			return nil, errors.New("they are not certificates in DER, one after the other")
		}
		if len(certs) == most {
			return nil, errors.New("there are too many certificates")
		}
		cert, err := pki.ParseCertificate(one.FullBytes)
		if err != nil {
			return nil, err
		}
		certs, der = append(certs, cert), rest
	}
	if len(certs) == 0 {
		return nil, errors.New("there is no certificate")
	}
	return certs, nil
}

func malformed(format string, args ...any) error {
	return fault.New(Malformed, "the Workload API gave what cannot be used: "+format, args...).
		WithHint("look at the agent; what was held before still is")
}
