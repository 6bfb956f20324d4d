package pki

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// PeerCert is what Python's ssl.SSLSocket.getpeercert returns: its JSON has the
// same keys and shapes, lists in place of tuples.
type PeerCert struct {
	Subject               [][][2]string `json:"subject"` // relative names of attributes, each type and value
	Issuer                [][][2]string `json:"issuer"`
	Version               int           `json:"version"`
	SerialNumber          string        `json:"serialNumber"` // in hexadecimal
	NotBefore             string        `json:"notBefore"`    // such as Jan  5 09:34:43 2018 GMT
	NotAfter              string        `json:"notAfter"`
	SubjectAltNames       [][2]any      `json:"subjectAltName,omitempty"` // form and text, or the relative names of a DirName
	OCSP                  []string      `json:"OCSP,omitempty"`
	CAIssuers             []string      `json:"caIssuers,omitempty"`
	CRLDistributionPoints []string      `json:"crlDistributionPoints,omitempty"`
}

// PeerCert returns the certificate as Python has it, for programs that were
// written for that.
func (c *Certificate) PeerCert() PeerCert {
	p := PeerCert{
		Subject: c.subject.relativeNames(), Issuer: c.issuer.relativeNames(), Version: c.version, SerialNumber: upperHex(bigInt(c.serial)),
		NotBefore: dumpTime(c.notBefore), NotAfter: dumpTime(c.notAfter),
	}
	names, _ := c.SubjectAltNames()
	for _, name := range names {
		p.SubjectAltNames = append(p.SubjectAltNames, name.peerCert())
	}
	access, _ := c.AuthorityInfo()
	for _, a := range access {
		switch {
		case a.Location.Kind != URIName:
		case a.Method == OIDAccessOCSP:
			p.OCSP = append(p.OCSP, string(a.Location.Raw))
		case a.Method == OIDAccessIssuers:
			p.CAIssuers = append(p.CAIssuers, string(a.Location.Raw))
		}
	}
	points, _ := c.DistributionPoints()
	for _, point := range points {
		if point.Name == nil {
			continue
		}
		for _, name := range point.Name.Full {
			if name.Kind == URIName {
				p.CRLDistributionPoints = append(p.CRLDistributionPoints, string(name.Raw))
			}
		}
	}
	return p
}

// upperHex writes a number as OpenSSL does.
func upperHex(n *big.Int) string {
	text := fmt.Sprintf("%X", new(big.Int).Abs(n))
	if len(text)%2 == 1 {
		text = "0" + text
	}
	if n.Sign() < 0 {
		text = "-" + text
	}
	return text
}

// relativeNames returns types, in OpenSSL's long names, and values.
func (n Name) relativeNames() [][][2]string {
	rdns := [][][2]string{}
	for a := range n.Attributes() {
		if a.RDN == len(rdns) {
			rdns = append(rdns, nil)
		}
		rdns[a.RDN] = append(rdns[a.RDN], [2]string{a.Type.dumpName(), a.peerCert()})
	}
	return rdns
}

// peerCert returns the value as text; the octets of one that is no text, for which
// Python has bytes, in hexadecimal.
func (a Attribute) peerCert() string {
	text, ok := a.text()
	switch {
	case ok:
		return text
	case asn1.Tag(a.Tag) == asn1.BIT_STRING && len(a.Raw) > 0:
		return hex.EncodeToString(a.Raw[1:])
	}
	return hex.EncodeToString(a.Raw)
}

func (g GeneralName) peerCert() [2]any {
	if g.Kind == DirectoryName {
		return [2]any{"DirName", Name{g.Raw}.relativeNames()}
	}
	form, value, _ := strings.Cut(g.dumpText(), ":")
	return [2]any{form, value}
}
