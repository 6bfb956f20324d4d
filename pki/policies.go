package pki

import "golang.org/x/crypto/cryptobyte/asn1"

// Policy is one policy under which a certificate was issued (RFC 5280, section
// 4.2.1.4).
type Policy struct {
	ID         OID
	Qualifiers []Qualifier
}

// Qualifier is more about a policy, for people.
type Qualifier struct {
	ID     OID
	CPS    string      // where the authority's practices stand, if ID says so
	Notice *UserNotice // if ID says so
	Raw    []byte      // in DER, of any kind
}

// UserNotice is a text to be shown to who relies on a certificate.
type UserNotice struct {
	Organization string
	Numbers      []int
	Text         string
}

func (d *der) policies() []Policy {
	list := d.sequence("certificate policies")
	policies := []Policy{}
	if d.err() == nil && !list.more() {
		list.fail("nothing in certificate policies")
	}
	for list.more() {
		item := list.sequence("policy")
		policy := Policy{ID: item.oid("policy")}
		if item.has(asn1.SEQUENCE) {
			qualifiers := item.sequence("policy qualifiers")
			for qualifiers.more() {
				policy.Qualifiers = append(policy.Qualifiers, qualifiers.qualifier())
			}
		}
		item.end("a policy")
		policies = append(policies, policy)
	}
	return policies
}

func (d *der) qualifier() Qualifier {
	item := d.sequence("policy qualifier")
	q := Qualifier{ID: item.oid("policy qualifier")}
	raw, tag, content := item.element("policy qualifier")
	q.Raw = raw
	item.end("a policy qualifier")
	switch {
	case d.err() != nil:
	case q.ID == OIDPolicyCPS:
		if tag != asn1.IA5String {
			d.failAt(raw, "an address of practices that is not ASCII")
		}
		q.CPS = escapeControls(string(content.String))
	case q.ID == OIDPolicyNotice:
		if tag != asn1.SEQUENCE {
			d.failAt(raw, "no valid user notice")
		}
		q.Notice = content.userNotice()
	}
	return q
}

func (d *der) userNotice() *UserNotice {
	notice := new(UserNotice)
	if d.has(asn1.SEQUENCE) {
		reference := d.sequence("notice reference")
		notice.Organization = reference.displayText()
		numbers := reference.sequence("notice numbers")
		for numbers.more() {
			notice.Numbers = append(notice.Numbers, numbers.small("notice number"))
		}
		reference.end("a notice reference")
	}
	if d.more() {
		notice.Text = d.displayText()
	}
	d.end("a user notice")
	return notice
}

func (d *der) displayText() string {
	raw, tag, content := d.element("text of a notice")
	switch tag {
	case asn1.IA5String, asn1.UTF8String, 26, 30: // VisibleString, BMPString
	default:
		if d.err() == nil {
			d.failAt(raw, "a text of no known kind in a notice")
		}
	}
	text, _ := decodeText(tag, content.String)
	return escapeControls(text)
}

// PolicyMapping makes a policy of the subject's domain one of the issuer's (RFC
// 5280, section 4.2.1.5).
type PolicyMapping struct{ Issuer, Subject OID }

func (d *der) policyMappings() []PolicyMapping {
	list := d.sequence("policy mappings")
	mappings := []PolicyMapping{}
	if d.err() == nil && !list.more() {
		list.fail("nothing in policy mappings")
	}
	for list.more() {
		item := list.sequence("policy mapping")
		mappings = append(mappings, PolicyMapping{item.oid("policy mapping"), item.oid("policy mapping")})
		item.end("a policy mapping")
	}
	return mappings
}

// PolicyConstraints says after how many more certificates a rule begins to hold;
// -1 is never (RFC 5280, section 4.2.1.11).
type PolicyConstraints struct {
	RequireExplicit int
	InhibitMapping  int
}

func (d *der) policyConstraints() *PolicyConstraints {
	list := d.sequence("policy constraints")
	constraints := &PolicyConstraints{-1, -1}
	for i, skip := range []*int{&constraints.RequireExplicit, &constraints.InhibitMapping} {
		if tag := primitive(uint8(i)); list.has(tag) {
			content := list.read(tag, "policy constraints")
			*skip = content.smallContent("policy constraints")
		}
	}
	list.end("policy constraints")
	return constraints
}
