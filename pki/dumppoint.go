package pki

import (
	"cmp"
	"fmt"
	"math/big"
	"time"
)

// small writes the values that are one line.
func (d *dump) small(indent int, id OID, value any) bool {
	switch v := value.(type) {
	case *int:
		d.line(indent, "%d", *v)
	case *big.Int:
		d.line(indent, "%s", dumpNumber(v))
	case Reason:
		d.line(indent, "%s", cmp.Or(reasonTitles[v], v.String()))
	case time.Time:
		d.line(indent, "%s", dumpTime(v))
	case string:
		d.line(indent, "%s", v)
	case struct{}:
		if id == OIDPrecertPoison {
			d.line(indent, "NULL")
		} else {
			d.line(0, "")
		}
	default:
		return false
	}
	return true
}

// reasonTitles are OpenSSL's names of reasons.
var reasonTitles = map[Reason]string{
	Unspecified:          "Unspecified",
	KeyCompromise:        "Key Compromise",
	CACompromise:         "CA Compromise",
	AffiliationChanged:   "Affiliation Changed",
	Superseded:           "Superseded",
	CessationOfOperation: "Cessation Of Operation",
	CertificateHold:      "Certificate Hold",
	RemoveFromCRL:        "Remove From CRL",
	PrivilegeWithdrawn:   "Privilege Withdrawn",
	AACompromise:         "AA Compromise",
}

func (d *dump) subtrees(indent int, title string, trees []Subtree) {
	if len(trees) == 0 {
		return
	}
	d.line(indent, "%s", title)
	d.list(indent+2, true, texts(trees, func(tree Subtree) string {
		if raw := tree.Base.Raw; tree.Base.Kind == IPName {
			half := len(raw) / 2
			return "IP:" + dumpAddress(raw[:half]) + "/" + dumpAddress(raw[half:])
		}
		return tree.Base.dumpText()
	}))
}

func (d *dump) policy(indent int, policy Policy) {
	d.line(indent, "Policy: %s", policy.ID.dumpName())
	for _, q := range bounded(policy.Qualifiers) {
		switch {
		case q.ID == OIDPolicyCPS:
			d.line(indent+2, "CPS: %s", q.CPS)
		case q.Notice != nil:
			d.line(indent+2, "User Notice:")
			d.notice(indent+4, q.Notice)
		default:
			d.line(indent+4, "Unknown Qualifier: %s", q.ID)
		}
	}
}

func (d *dump) notice(indent int, notice *UserNotice) {
	if notice.Organization != "" || notice.Numbers != nil {
		d.line(indent, "Organization: %s", notice.Organization)
		plural := "s"
		if len(notice.Numbers) == 1 {
			plural = ""
		}
		numbers := ""
		for i, number := range bounded(notice.Numbers) {
			if i > 0 {
				numbers += ", "
			}
			numbers += fmt.Sprint(number)
		}
		d.line(indent, "Number%s: %s", plural, numbers)
	}
	if notice.Text != "" {
		d.line(indent, "Explicit Text: %s", notice.Text)
	}
}

func (d *dump) pointName(indent int, name *PointName) {
	switch {
	case name == nil:
	case name.Full != nil:
		d.line(indent, "Full Name:")
		d.list(indent+2, true, texts(name.Full, GeneralName.dumpText))
	default:
		d.line(indent, "Relative Name:")
		d.line(indent+2, "%s", name.Relative.oneLine())
	}
}

func (d *dump) distributionPoint(indent int, point DistributionPoint) {
	d.pointName(indent, point.Name)
	if point.Reasons != 0 {
		d.line(indent, "Reasons:")
		d.line(indent+2, "%s", point.Reasons)
	}
	if point.Issuer != nil {
		d.line(indent, "CRL Issuer:")
		d.list(indent+2, true, texts(point.Issuer, GeneralName.dumpText))
	}
}

func (d *dump) issuingPoint(indent int, point *IssuingPoint) {
	d.pointName(indent, point.Name)
	empty := point.Name == nil
	say := func(is bool, text string) {
		if is {
			d.line(indent, "%s", text)
			empty = false
		}
	}
	say(point.OnlyUsers, "Only User Certificates")
	say(point.OnlyAuthorities, "Only CA Certificates")
	say(point.Indirect, "Indirect CRL")
	if point.Reasons != 0 {
		say(true, "Only Some Reasons:")
		d.line(indent+2, "%s", point.Reasons)
	}
	say(point.OnlyAttributeHolders, "Only Attribute Certificates")
	say(empty, "<EMPTY>")
}

func (d *dump) timestamp(indent int, t Timestamp) {
	d.line(indent, "Signed Certificate Timestamp:")
	indent += 4
	if t.Version != 0 {
		d.line(indent, "Version   : unknown (0x%x)", t.Version)
		return
	}
	d.line(indent, "Version   : v1 (0x0)")
	d.hexLines(indent, "Log ID    : ", t.LogID[:])
	d.line(indent, "Timestamp : %s", t.Time.Format("Jan _2 15:04:05.000 2006 GMT"))
	if len(t.Extensions) == 0 {
		d.line(indent, "Extensions: none")
	} else {
		d.hexLines(indent, "Extensions: ", t.Extensions)
	}
	d.line(indent, "Signature : %s", t.algorithm())
	d.hexLines(indent, "            ", t.Signature)
}

// algorithm names the signature's, by the numbers of TLS 1.2.
func (t Timestamp) algorithm() string {
	switch [2]byte{t.Hash, t.Algorithm} {
	case [2]byte{4, 1}:
		return "sha256WithRSAEncryption"
	case [2]byte{4, 3}:
		return "ecdsa-with-SHA256"
	}
	return fmt.Sprintf("%02X%02X", t.Hash, t.Algorithm)
}

// hexLines writes octets behind a label, 16 a line.
func (d *dump) hexLines(indent int, label string, data []byte) {
	data = data[:min(len(data), maxDumped)]
	for {
		n := min(16, len(data))
		text := hexColons(data[:n])
		data = data[n:]
		if len(data) == 0 {
			d.line(indent, "%s%s", label, text)
			return
		}
		d.line(indent, "%s%s:", label, text)
		label = "            "
	}
}
