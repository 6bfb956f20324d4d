package fetch_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// The parts of an OCSP response that a forger puts together anew (RFC 6960, section
// 4.2.1).
type response struct {
	Status asn1.Enumerated
	Bytes  struct {
		Kind  asn1.ObjectIdentifier
		Basic []byte
	} `asn1:"explicit,tag:0"`
}

type basicResponse struct {
	Data         asn1.RawValue
	Algorithm    asn1.RawValue
	Signature    asn1.BitString
	Certificates []asn1.RawValue `asn1:"optional,explicit,omitempty,tag:0"`
}

// unchecked is a response that keeps no rule about who may sign it: as the good
// responder's, but by the signer.
func (r *rig) unchecked(signer *pki.Credential, single pki.SingleResponse) []byte {
	good := testpki.Must(r.responder.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), ProducedAt: r.now, Responses: []pki.SingleResponse{single}}))
	var outer response
	var basic basicResponse
	testpki.Must(asn1.Unmarshal(good.Raw(), &outer))
	testpki.Must(asn1.Unmarshal(outer.Bytes.Basic, &basic))
	data := bytes.Replace(basic.Data.FullBytes, keyHash(r.responder.Leaf()), keyHash(signer.Leaf()), 1)
	digest := sha256.Sum256(data)
	signature := testpki.Must(signer.Key.Sign(rand.Reader, digest[:], crypto.SHA256))
	basic.Data = asn1.RawValue{FullBytes: data}
	basic.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	basic.Certificates = []asn1.RawValue{{FullBytes: signer.Leaf().Raw()}}
	outer.Bytes.Basic = testpki.Must(asn1.Marshal(basic))
	return testpki.Must(asn1.Marshal(outer))
}

// keyHash is the SHA-1 of a key's bits, by which responders are named.
func keyHash(cert *pki.Certificate) []byte {
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	testpki.Must(asn1.Unmarshal(cert.PublicKey().Raw(), &info))
	sum := sha1.Sum(info.Key.Bytes)
	return sum[:]
}

// altered flips a bit of the last byte.
func altered(data []byte) []byte {
	changed := bytes.Clone(data)
	changed[len(changed)-1] ^= 1
	return changed
}

// revive makes a response say good where it says revoked, and leaves its signature.
func revive(data []byte) []byte {
	var outer response
	var basic basicResponse
	testpki.Must(asn1.Unmarshal(data, &outer))
	testpki.Must(asn1.Unmarshal(outer.Bytes.Basic, &basic))
	var parts struct {
		Responder, Produced asn1.RawValue
		Responses           []struct {
			ID, Status, This asn1.RawValue
			Next             asn1.RawValue
		}
	}
	testpki.Must(asn1.Unmarshal(basic.Data.FullBytes, &parts))
	parts.Responses[0].Status = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0}
	basic.Data = asn1.RawValue{FullBytes: testpki.Must(asn1.Marshal(parts))}
	outer.Bytes.Basic = testpki.Must(asn1.Marshal(basic))
	return testpki.Must(asn1.Marshal(outer))
}
