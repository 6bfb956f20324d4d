package testpki

import (
	"bytes"

	"github.com/signet-tls/signet/pki"
)

const (
	permitted   = "RFC 5280, section 6.1.3 (b): within one of the permitted subtrees of its form"
	excluded    = "RFC 5280, section 6.1.3 (c): within none of the excluded subtrees"
	constraints = "RFC 5280, section 4.2.1.10: the form of name constraints"
)

// constraintKinds are about the names that authorities may sign for.
var constraintKinds = []Kind{
	{Name: "host not permitted", Code: "name_not_permitted", Rule: permitted, place: atAuthority, make: permit(name(pki.DNSName, "other.example"))},
	{Name: "host excluded", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: exclude(name(pki.DNSName, Host))},
	{Name: "every host excluded", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: exclude(name(pki.DNSName, ""))},
	{Name: "wildcard over an excluded host", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: both(leafNamed(name(pki.DNSName, "*.web.example")), exclude(name(pki.DNSName, "secret.web.example")))},
	{Name: "address not permitted", Code: "name_not_permitted", Rule: permitted, place: atAuthority, make: permit(name(pki.IPName, "\x0a\x00\x00\x00\xff\x00\x00\x00"))},
	{Name: "address excluded", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: exclude(name(pki.IPName, "\x7f\x00\x00\x00\xff\x00\x00\x00"))},
	{Name: "address of six not permitted", Code: "name_not_permitted", Rule: permitted, place: atAuthority,
		make: both(leafNamed(name(pki.IPName, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01")), permit(name(pki.IPName, "\x7f\x00\x00\x00\xff\x00\x00\x00")))},
	{Name: "e-mail address not permitted", Code: "name_not_permitted", Rule: permitted, place: atAuthority, make: permit(name(pki.EmailName, "other.example"))},
	{Name: "e-mail host excluded", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: exclude(name(pki.EmailName, "mail.example"))},
	{Name: "mailbox excluded", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: exclude(name(pki.EmailName, "web@mail.example"))},
	{Name: "e-mail domain excluded", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: exclude(name(pki.EmailName, ".example"))},
	{Name: "subject's e-mail address not permitted", Code: "name_not_permitted", Rule: permitted, place: atAuthority, make: func(c *chain, at int) {
		c.Path[0].Subject = organisation(pki.OIDEmailAddress, "web@mail.example")
		c.Path[0].set(pki.OIDSubjectAltName, false, names(goodNames[:2]...))
		permit(name(pki.EmailName, "other.example"))(c, at)
	}},
	{Name: "URI not permitted", Code: "name_not_permitted", Rule: permitted, place: atAuthority, make: permit(name(pki.URIName, "other.example"))},
	{Name: "URI excluded", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: exclude(name(pki.URIName, "web.example"))},
	{Name: "URIs below a domain excluded", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: exclude(name(pki.URIName, ".example"))},
	{Name: "directory name not permitted", Code: "name_not_permitted", Rule: permitted, place: atAuthority,
		make: permit(name(pki.DirectoryName, string(commonName("Somebody Else").DER())))},
	{Name: "directory name excluded", Code: "name_not_permitted", Rule: excluded, place: atAuthority,
		make: exclude(name(pki.DirectoryName, string(example.DER())))},
	{Name: "directory name excluded, in capitals", Code: "name_not_permitted", Rule: excluded, place: atAuthority,
		make: exclude(name(pki.DirectoryName, string(pki.NewName(Must(pki.NewAttribute(pki.OIDOrganization, "EXAMPLE"))).DER())))},
	{Name: "directory name excluded, in another type of string", Code: "name_not_permitted", Rule: excluded, place: atAuthority,
		make: exclude(name(pki.DirectoryName, string(bytes.Replace(example.DER(), []byte{12, 7}, []byte{printableString, 7}, 1))))},
	{Name: "directory name excluded, in another case and composition", Code: "name_not_permitted", Rule: excluded, place: atAuthority, make: func(c *chain, at int) {
		c.Path[0].Subject = commonName("E\u0301cole")
		exclude(name(pki.DirectoryName, string(commonName("école").DER())))(c, at)
	}},
	{Name: "URI with a backslash in its authority", Code: "name_malformed", Rule: "RFC 3986, section 3.2: no backslash", place: atAuthority,
		make: both(leafNamed(name(pki.URIName, "https://evil.example\\@web.example/")), exclude(name(pki.URIName, "other.example")))},
	{Name: "name of another form not permitted", Code: "name_constraint_unknown", Rule: permitted, place: atAuthority,
		make: both(leafNamed(name(pki.RegisteredID, string(goodPolicy))), permit(name(pki.RegisteredID, string(otherPolicy))))},

	{Name: "empty name constraints", Code: "name_constraint_malformed", Rule: constraints, place: atAuthority, make: set(pki.OIDNameConstraints, true, der(sequence))},
	{Name: "name constraint with a minimum", Code: "name_constraint_malformed", Rule: constraints, place: atAuthority,
		make: set(pki.OIDNameConstraints, true, der(sequence, der(0xa0, der(sequence, name(pki.DNSName, Host), der(0x80, []byte{1})))))},
	{Name: "name constraint with a maximum", Code: "name_constraint_malformed", Rule: constraints, place: atAuthority,
		make: set(pki.OIDNameConstraints, true, der(sequence, der(0xa0, der(sequence, name(pki.DNSName, Host), der(0x81, []byte{1})))))},
	{Name: "name constraint that is no host", Code: "name_constraint_malformed", Rule: constraints, place: atAuthority, make: exclude(name(pki.DNSName, "*.other.example"))},
	{Name: "name constraint whose mask has a hole", Code: "name_constraint_malformed", Rule: constraints, place: atAuthority,
		make: exclude(name(pki.IPName, "\x0a\x00\x00\x00\xff\x00\xff\x00"))},
}

func permit(base ...[]byte) func(*chain, int) {
	return set(pki.OIDNameConstraints, true, nameConstraints(base, nil))
}

func exclude(base ...[]byte) func(*chain, int) {
	return set(pki.OIDNameConstraints, true, nameConstraints(nil, base))
}

// leafNamed gives the leaf one more name.
func leafNamed(extra []byte) func(*chain, int) {
	return func(c *chain, _ int) {
		c.Path[0].set(pki.OIDSubjectAltName, false, names(append(goodNames[:len(goodNames):len(goodNames)], extra)...))
	}
}

// otherPolicy is not the leaf's.
const otherPolicy pki.OID = "\x2b\x06\x01\x04\x01\x86\x8d\x1f\x02"

const policy = "RFC 5280, section 6.1.5 (g): one policy is good for the whole path, where one is required"

// policyKinds are about certificate policies.
var policyKinds = []Kind{
	{Name: "leaf without a policy", Code: "policy_missing", Rule: policy, place: atLeaf, make: both(required, drop(pki.OIDCertificatePolicies))},
	{Name: "intermediate without a policy", Code: "policy_missing", Rule: policy, place: atIntermediate, make: both(required, drop(pki.OIDCertificatePolicies))},
	{Name: "intermediate that demands a policy", Code: "policy_missing", Rule: policy, place: atIntermediate, fault: theLeaf, make: func(c *chain, at int) {
		c.Path[at].set(pki.OIDPolicyConstraints, true, policyConstraints(0, -1))
		c.Path[0].drop(pki.OIDCertificatePolicies)
	}},
	{Name: "leaf of another policy", Code: "policy_missing", Rule: policy, place: atIntermediate, fault: theLeaf,
		make: both(required, set(pki.OIDCertificatePolicies, false, policies(otherPolicy)))},
	{Name: "policy that the caller does not accept", Code: "policy_missing", Rule: policy, place: atLeaf, make: func(c *chain, at int) {
		required(c, at)
		c.Policies = []pki.OID{otherPolicy}
	}},
	{Name: "policy that stands there twice", Code: "extension_malformed", Rule: "RFC 5280, section 4.2.1.4: each policy once", place: belowRoot,
		make: set(pki.OIDCertificatePolicies, false, policies(goodPolicy, otherPolicy, goodPolicy))},
	{Name: "policy to any", Code: "policy_mapping_invalid", Rule: "RFC 5280, section 6.1.4 (a): no mapping from or to any policy", place: atIntermediate,
		make: set(pki.OIDPolicyMappings, true, policyMapping(goodPolicy, pki.OIDAnyPolicy))},
	{Name: "any to a policy", Code: "policy_mapping_invalid", Rule: "RFC 5280, section 6.1.4 (a): no mapping from or to any policy", place: atIntermediate,
		make: set(pki.OIDPolicyMappings, true, policyMapping(pki.OIDAnyPolicy, goodPolicy))},
	{Name: "mapping inhibited by the caller", Code: "policy_missing", Rule: policy, place: atFirst, fault: theLeaf, make: func(c *chain, at int) {
		mapped(c, at)
		c.InhibitMapping = true
	}},
	{Name: "mapping inhibited by an authority", Code: "policy_missing", Rule: policy, place: atUpper, fault: theLeaf, make: func(c *chain, at int) {
		mapped(c, at-1)
		c.Path[at].set(pki.OIDPolicyConstraints, true, policyConstraints(-1, 0))
	}},
	{Name: "any policy inhibited by the caller", Code: "policy_missing", Rule: policy, place: atFirst, fault: theTopmost, make: func(c *chain, at int) {
		required(c, at)
		c.InhibitAnyPolicy = true
	}},
	{Name: "any policy inhibited by an authority", Code: "policy_missing", Rule: policy, place: atUpper, fault: theOneBelow,
		make: both(required, set(pki.OIDInhibitAnyPolicy, true, number(0)))},
}

// required lets the caller require a policy.
func required(c *chain, _ int) { c.RequirePolicy = true }

// mapped lets an intermediate that has the leaf's policy call it another, which
// the leaf then has.
func mapped(c *chain, at int) {
	required(c, at)
	c.Path[at].set(pki.OIDCertificatePolicies, false, policies(goodPolicy))
	c.Path[at].set(pki.OIDPolicyMappings, true, policyMapping(goodPolicy, otherPolicy))
	c.Path[0].set(pki.OIDCertificatePolicies, false, policies(otherPolicy))
}
