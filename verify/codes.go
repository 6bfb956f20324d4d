package verify

import (
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// Codes of this package.
const (
	RootsMissing       fault.Code = "roots_missing"
	RootsIsLeaf        fault.Code = "roots_is_leaf"
	RootsUnreadable    fault.Code = "roots_unreadable"
	RootsDoNotFit      fault.Code = "roots_do_not_fit"
	PinInvalid         fault.Code = "pin_invalid"
	ConstraintsInvalid fault.Code = "constraints_invalid"
	NameMissing        fault.Code = "name_missing"
	NameInvalid        fault.Code = "name_invalid"
	NoCertificate      fault.Code = "no_peer_certificate"

	SignatureInvalid   fault.Code = "signature_invalid"
	SelfSigned         fault.Code = "self_signed"
	UnknownRoot        fault.Code = "unknown_root"
	PinMismatch        fault.Code = "pin_mismatch"
	AnchorLimited      fault.Code = "anchor_limited"
	ChainIncomplete    fault.Code = "chain_incomplete"
	IssuerNotAuthority fault.Code = "issuer_not_authority"
	NameMismatch       fault.Code = "name_mismatch"
	CertExpired        fault.Code = "cert_expired"
	CertNotYetValid    fault.Code = "cert_not_yet_valid"
	DateMalformed      fault.Code = "date_malformed"
	WrongPurpose       fault.Code = "wrong_purpose"

	BudgetExceeded       fault.Code = "budget_exceeded"
	ExtensionMalformed   fault.Code = "extension_malformed"
	ExtensionMissing     fault.Code = "extension_missing"
	ExtensionForbidden   fault.Code = "extension_forbidden"
	ExtensionCriticality fault.Code = "extension_criticality"
	CriticalUnknown      fault.Code = "critical_extension_unknown"
	VersionOld           fault.Code = "version_old"
	SerialInvalid        fault.Code = "serial_invalid"
	NameEmpty            fault.Code = "name_empty"
	PathTooLong          fault.Code = "path_too_long"
	LeafSigns            fault.Code = "leaf_is_authority"
	SignatureForgeable   fault.Code = "signature_forgeable"
	NameNotPermitted     fault.Code = "name_not_permitted"
	PolicyMissing        fault.Code = "policy_missing"
	NameMalformed        fault.Code = "name_malformed"
	CertRevoked          fault.Code = "cert_revoked"
	RevocationUnknown    fault.Code = "revocation_unknown"
	StapleMissing        fault.Code = "staple_missing"

	SignatureAlgorithmMismatch fault.Code = "signature_algorithm_mismatch"
	IssuerMayNotSign           fault.Code = "issuer_may_not_sign"
	IssuerKeyIDInvalid         fault.Code = "issuer_key_id_invalid"
	SANMissing                 fault.Code = "san_missing"
	WildcardTooWide            fault.Code = "wildcard_too_wide"
	CommonNameStray            fault.Code = "common_name_stray"
	NameConstraintMalformed    fault.Code = "name_constraint_malformed"
	NameConstraintUnknown      fault.Code = "name_constraint_unknown"
	PathOverLimit              fault.Code = "path_over_limit"
	PolicyMappingInvalid       fault.Code = "policy_mapping_invalid"
	PurposeUnlimited           fault.Code = "purpose_unlimited"
	ExtensionDuplicate         fault.Code = "extension_duplicate"
	KeyTooLarge                fault.Code = "key_too_large"
	KeyNotPermitted            fault.Code = "key_not_permitted"
	WorkloadIDInvalid          fault.Code = "workload_id_invalid"
	FeatureMissing             fault.Code = "tls_feature_missing"
)

// rank is the order in which failed checks compete for the headline. A fault comes
// before those that would not matter, or could not be judged, because of it; of two
// that are independent the one that says more about who the peer is comes first,
// and the least specific comes last.
var rank = []fault.Code{
	NoCertificate,

	// Nobody whom the caller trusts has said anything: all below is hearsay.
	PinMismatch,
	SignatureInvalid,
	SignatureAlgorithmMismatch,
	pki.KeyMalformed,
	pki.KeyUnsupported,
	pki.SignatureUnsupported,
	SelfSigned,
	ChainIncomplete,
	UnknownRoot,

	// Somebody has who may not, or has taken it back: the names are not vouched for.
	IssuerNotAuthority,
	IssuerMayNotSign,
	CertRevoked,
	NameConstraintMalformed,
	NameConstraintUnknown,
	NameNotPermitted,
	AnchorLimited,

	// Whom it is for. Version 1 cannot say; a name that is none is nobody's.
	VersionOld,
	SANMissing,
	NameMismatch,
	WorkloadIDInvalid,
	WildcardTooWide,
	NameMalformed,

	// When, what for, and how far an authority reaches.
	DateMalformed,
	CertExpired,
	CertNotYetValid,
	WrongPurpose,
	PurposeUnlimited,
	PathTooLong,
	PathOverLimit,
	PolicyMappingInvalid,
	PolicyMissing,

	// What it is made of.
	pki.KeyWeak,
	KeyTooLarge,
	KeyNotPermitted,
	SignatureForgeable,
	CriticalUnknown,
	LeafSigns,
	FeatureMissing,
	NameEmpty,
	SerialInvalid,
	ExtensionDuplicate,
	ExtensionMalformed,
	IssuerKeyIDInvalid,
	ExtensionForbidden,
	ExtensionMissing,
	ExtensionCriticality,
	CommonNameStray,

	// What could not be found out.
	StapleMissing,
	revocation.ListForged,
	revocation.ResponseForged,
	revocation.ListInvalid,
	revocation.ResponseInvalid,
	revocation.ListSigner,
	revocation.ResponseSigner,
	revocation.Stale,
	RevocationUnknown,
	BudgetExceeded,
}

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: RootsMissing, Meaning: "Nobody was said to be trusted, so nobody is.",
			Cause: "A zero verify.Roots: there is no default of trusting everyone.",
			Next:  "Say whom to believe: verify.SystemRoots, verify.LoadRoots or verify.ForTrustDomain; on the command line --roots FILE."},
		{Code: RootsIsLeaf, Meaning: "A server's or client's own certificate was given as the authority to trust.",
			Cause: "The peer's certificate file was named instead of the file of the authority that signed it.",
			Next:  "Name the certificate of the authority that signed it, or, in a program, believe exactly this one by verify.Pin."},
		{Code: RootsUnreadable, Meaning: "The file of roots could not be read.",
			Cause: "The file does not exist, is not readable by this user, or holds no certificate.",
			Next:  "Check the path and its permissions."},
		{Code: RootsDoNotFit, Meaning: "These roots cannot vouch for this kind of name.",
			Cause: "A SPIFFE ID is vouched for by its own trust domain's roots only, and those vouch for nothing else.",
			Next:  "Give the roots of the ID's trust domain, or ask for a host name with roots that are not a trust domain's."},
		{Code: PinInvalid, Meaning: "What was given as the pin of a key is none.",
			Cause: "Another digest, hexadecimal digits, or a pin that was cut short.",
			Next:  "Write sha256// and the SHA-256 of the key's SubjectPublicKeyInfo in base64; signet inspect prints it."},
		{Code: ConstraintsInvalid, Meaning: "The constraints that were put on roots have no meaning.",
			Cause: "They are empty, name a purpose that is none, or a name that nothing can lie below.",
			Next:  "Say by names, purposes or dates how far the roots are believed; pki.ParseSubtree reads names."},
		{Code: NameMissing, Meaning: "It was not said who the peer must be.",
			Cause: "A zero verify.Name: there is no default of accepting any name.",
			Next:  "Say who it must be: verify.Host, verify.URI, verify.Email, verify.ID, verify.Member, or verify.Any with a reason."},
		{Code: NameInvalid, Meaning: "The wanted name can be nobody's.",
			Cause: "A typing error, a port or a scheme in the name, or no reason for accepting any name.",
			Next:  "Write a host name such as api.example.com, an IP address, or a SPIFFE ID."},
		{Code: NoCertificate, Meaning: "The peer showed no certificate.",
			Cause: "It is not configured with one.",
			Next:  "Configure the peer with a certificate."},
		{Code: SignatureInvalid, Meaning: "A certificate was not signed by the key of the issuer that it names.",
			Cause: "The certificate was altered or forged, or the issuer has a second key of the same name.",
			Next:  "Do not trust this peer; ask its operator for a certificate signed by the present authority."},
		{Code: SelfSigned, Meaning: "The peer vouches for itself: its certificate is signed by its own key.",
			Cause: "A certificate made for testing, or an appliance's factory certificate.",
			Next:  "Have the certificate signed by an authority that both ends trust."},
		{Code: UnknownRoot, Meaning: "The chain ends at an authority that is not among the trusted roots.",
			Cause: "A private authority, a stale list of roots, or somebody in between who signs for other people's names.",
			Next:  "If the authority is yours, name its certificate as --roots; if you do not know it, do not trust the peer."},
		{Code: PinMismatch, Meaning: "The peer shows another certificate, or has another key, than the one that is pinned.",
			Cause: "The certificate was replaced, an authority was pinned instead of the peer's own certificate, or somebody else answered.",
			Next:  "Ask the peer's operator; pin the new certificate only if they say that it is theirs."},
		{Code: AnchorLimited, Meaning: "The root or pin is believed, but not so far: the caller has constrained it.",
			Cause: "A name, a purpose or a date beyond the constraints that were put on the roots.",
			Next:  "Do not trust the peer; if the root is to vouch for this too, widen its constraints."},
		{Code: ChainIncomplete, Meaning: "The peer did not send the certificate of the authority that signed it.",
			Cause: "Only the leaf was put into the peer's certificate file, without its intermediate.",
			Next:  "On the peer, append the intermediate's certificate to its certificate file."},
		{Code: IssuerNotAuthority, Meaning: "A certificate was signed by one that may sign nothing.",
			Cause: "A leaf certificate was used as an authority (RFC 5280, section 4.2.1.9).",
			Next:  "Do not trust this peer; have it use a certificate that an authority signed."},
		{Code: NameMismatch, Meaning: "The certificate is for another name.",
			Cause: "The wrong address was dialed, the name is missing from the certificate, or another peer answered.",
			Next:  "Dial a name that the certificate has, or have the name added to it."},
		{Code: CertExpired, Meaning: "A certificate of the chain has expired.",
			Cause: "It was not renewed in time, was renewed but not loaded, or this machine's clock is ahead.",
			Next:  "Renew the certificate and reload the peer."},
		{Code: CertNotYetValid, Meaning: "A certificate of the chain is not valid yet.",
			Cause: "This machine's clock is behind, or the certificate was made for later.",
			Next:  "Check the clock of both machines."},
		{Code: DateMalformed, Meaning: "A certificate's dates are not written as they must be, or it ends before it begins.",
			Cause: "It was made by hand, or by an old program; a date needs seconds and the zone Z (RFC 5280, section 4.1.2.5).",
			Next:  "Have the certificate issued again, with a notBefore and a later notAfter in UTC."},
		{Code: WrongPurpose, Meaning: "The certificate is not meant for this end of a connection.",
			Cause: "A client's certificate on a server, or a server's on a client (RFC 5280, section 4.2.1.12).",
			Next:  "Use a certificate whose extended key usage has the purpose."},
		{Code: CertRevoked, Meaning: "A certificate of the chain was revoked by its issuer.",
			Cause: "Its key was lost or copied, or it was replaced; the message has the issuer's reason.",
			Next:  "Do not trust the peer until it shows a new certificate with a new key."},
		{Code: RevocationUnknown, Meaning: "It was asked for that no certificate is revoked, and nothing that counts says so of one.",
			Cause: "The list or response that was given is out of date, is about others, or was signed by somebody who may not.",
			Next:  "Give the present revocation list of the issuer that the message names."},
		{Code: StapleMissing, Meaning: "The certificate demands that its server sends an OCSP response along, and the server sent none that counts.",
			Cause: "Stapling is not switched on, the server cannot reach the responder, or a response was sent that is out of date (RFC 7633).",
			Next:  "On the server, switch OCSP stapling on; until then use a certificate without this demand."},
		{Code: BudgetExceeded, Meaning: "Judging this chain would cost more than is spent on one.",
			Cause: "A chain made to keep verifiers busy: very many certificates, names or constraints.",
			Next:  "Do not trust this peer; if it is yours, have it send its own chain alone."},
		{Code: ExtensionMalformed, Meaning: "An extension of a certificate cannot be read, stands there twice, or contradicts itself.",
			Cause: "The program that made the certificate encodes it wrongly.",
			Next:  "Have the certificate issued again by another program."},
		{Code: ExtensionMissing, Meaning: "A certificate lacks an extension that its role needs.",
			Cause: "It was made by hand, or by an old program; RFC 5280, section 4.2, says which are needed.",
			Next:  "Have the certificate issued again, with what the message names."},
		{Code: ExtensionForbidden, Meaning: "A certificate has an extension that has no place on it.",
			Cause: "An extension of authorities on a leaf, or one that contradicts another.",
			Next:  "Have the certificate issued again, without what the message names."},
		{Code: ExtensionCriticality, Meaning: "An extension is critical and must not be, or the other way round.",
			Cause: "It was made by hand, or by an old program; RFC 5280, section 4.2, says which are critical.",
			Next:  "Have the certificate issued again."},
		{Code: CriticalUnknown, Meaning: "A certificate has a critical extension that is not understood here, so that it must be refused.",
			Cause: "A certificate for a special use, or of a private kind.",
			Next:  "Use a certificate without it, or a program that understands it."},
		{Code: VersionOld, Meaning: "A certificate is of version 1 or 2, and cannot say what it may be used for.",
			Cause: "It was made with a command or program of the nineties.",
			Next:  "Have it issued again as version 3."},
		{Code: SerialInvalid, Meaning: "A certificate's serial number is not positive, or has more than 20 bytes.",
			Cause: "It was made by hand, or by a program with a fault.",
			Next:  "Have the certificate issued again."},
		{Code: NameEmpty, Meaning: "An issuer, or an authority, has no name.",
			Cause: "It was made by hand, or by a program with a fault.",
			Next:  "Have the authority's certificate issued again, with a name, and what it signed after it."},
		{Code: NameMalformed, Meaning: "A name in a certificate is not of its form, or must not be there.",
			Cause: "A host name with an underscore, a wildcard in the middle or for everybody's names, a common name that is no alternative name.",
			Next:  "Have the certificate issued again with names that are valid."},
		{Code: NameNotPermitted, Meaning: "An authority of the path signed for a name that its own certificate does not let it sign for.",
			Cause: "An authority of limited rights was used for a name outside of them (RFC 5280, section 4.2.1.10).",
			Next:  "Have the certificate signed by an authority that may sign for the name."},
		{Code: PathTooLong, Meaning: "The path has more authorities than one of them, or the caller, allows.",
			Cause: "An authority that may sign leaves only has signed another (RFC 5280, section 4.2.1.9).",
			Next:  "Have the certificate signed by an authority nearer to the root."},
		{Code: PolicyMissing, Meaning: "No policy is good for all certificates of the path, and one is required.",
			Cause: "The certificate was issued under another policy than the one that is asked for (RFC 5280, section 6.1.5).",
			Next:  "Use a certificate that was issued under the policy."},
		{Code: LeafSigns, Meaning: "The peer's own certificate is an authority's, or says that it may sign others.",
			Cause: "An authority's certificate was configured on a server, or a leaf was made with an authority's key usage.",
			Next:  "Have the peer use a certificate of its own that may sign nothing."},
		{Code: SignatureForgeable, Meaning: "A certificate is signed by an algorithm that can be forged.",
			Cause: "It was signed with MD5 or SHA-1, long ago or by old software.",
			Next:  "Have the certificate signed again with SHA-256 or better."},
		{Code: SignatureAlgorithmMismatch, Meaning: "A certificate names two different algorithms of its signature.",
			Cause: "It was altered, or made by a program with a fault (RFC 5280, section 4.1.1.2).",
			Next:  "Have its authority issue it again; if it was whole before, somebody has altered it."},
		{Code: IssuerMayNotSign, Meaning: "A certificate was signed by an authority whose key may not sign certificates.",
			Cause: "The authority's key usage lacks keyCertSign (RFC 5280, section 4.2.1.3).",
			Next:  "Have the authority's certificate issued again with the keyUsage keyCertSign."},
		{Code: IssuerKeyIDInvalid, Meaning: "A root's authority key identifier is not its own subject key identifier, and that alone.",
			Cause: "It was made with an option such as OpenSSL's authorityKeyIdentifier=issuer:always (CA/B Forum, section 7.1.2.1.3).",
			Next:  "Have the root issued again with authorityKeyIdentifier=keyid."},
		{Code: SANMissing, Meaning: "The certificate has no subject alternative names, so it is for nobody.",
			Cause: "It has its name in the common name alone, where no verifier looks any more (RFC 9525, section 6).",
			Next:  "Have it issued again with the name as its subjectAltName; signet cert new does."},
		{Code: WildcardTooWide, Meaning: "The certificate is for all names below a public suffix, such as *.com, which belong to many.",
			Cause: "It was made by hand, or to impersonate (CA/B Forum, section 3.2.2.6).",
			Next:  "Do not trust it; have one issued whose subjectAltName is the peer's own name."},
		{Code: CommonNameStray, Meaning: "The certificate's common name is not one of its alternative names.",
			Cause: "It was made by hand, or the name is written in another form there (CA/B Forum, section 7.1.4.3).",
			Next:  "Have it issued again without a common name."},
		{Code: NameConstraintMalformed, Meaning: "An authority's name constraints cannot be applied: one of them is not of its form, or they are empty.",
			Cause: "It was made by hand, often with a wildcard, a dot in front of a host, or an address without its mask (RFC 5280, section 4.2.1.10).",
			Next:  "Have the authority's certificate issued again with nameConstraints such as permitted;DNS:example.com."},
		{Code: NameConstraintUnknown, Meaning: "An authority's name constraints are about a form of name that is not understood here.",
			Cause: "The authority limits names of a private form, and the certificate has one (RFC 5280, section 4.2.1.10).",
			Next:  "Use a certificate without names of that form in its subjectAltName."},
		{Code: PathOverLimit, Meaning: "The path has more intermediates than the caller allows.",
			Cause: "The caller has set a limit, and this authority's chains are longer.",
			Next:  "Raise verify.Options.MaxIntermediates, or have the certificate signed nearer to the root."},
		{Code: PolicyMappingInvalid, Meaning: "An authority maps a certificate policy from any policy, or to any.",
			Cause: "It was made by hand; every policy would be every other (RFC 5280, section 6.1.4 (a)).",
			Next:  "Have the authority's certificate issued again with policyMappings between named policies."},
		{Code: PurposeUnlimited, Meaning: "The certificate may be used for anything, which the web's rules forbid.",
			Cause: "Its extended key usage holds anyExtendedKeyUsage (CA/B Forum, section 7.1.2.7.10).",
			Next:  "Have it issued again with the extendedKeyUsage serverAuth alone."},
		{Code: ExtensionDuplicate, Meaning: "An extension stands twice on a certificate, so it is unclear which counts.",
			Cause: "The program that made the certificate has a fault (RFC 5280, section 4.2).",
			Next:  "Have the authority issue the certificate again, with each extension once."},
		{Code: KeyTooLarge, Meaning: "A key is so large that its verifier would spend too long on it.",
			Cause: "An RSA key above 8,192 bits or with an exponent above 65,537, made so by mistake or to keep verifiers busy.",
			Next:  "Have the certificate issued again for an ECDSA key; signet key new makes one."},
		{Code: WorkloadIDInvalid, Meaning: "A workload's certificate has not exactly one SPIFFE ID, or its authority is one of another trust domain.",
			Cause: "A host's certificate is shown where a workload's is wanted, or an authority signed for a trust domain that is not its own (SPIFFE X.509-SVID, sections 2 and 3.2).",
			Next:  "Have the certificate issued again by its trust domain's authority, with one URI, such as spiffe://prod.example/web."},
		{Code: FeatureMissing, Meaning: "An authority demands a TLS feature, such as a stapled OCSP response, of all that it signs, and a certificate below it does not have it.",
			Cause: "The certificate was issued without the TLS feature extension that its authority's has (RFC 7633, section 4.2.2).",
			Next:  "Have the certificate issued again with the same tlsfeature as its authority's."},
		{Code: KeyNotPermitted, Meaning: "A key is of a kind or size that the web's rules do not permit.",
			Cause: "An RSA key whose bits are no whole bytes, a curve below P-256, or Ed25519 (CA/B Forum, section 6.1.5).",
			Next:  "Have the certificate issued again for an ECDSA key on P-256."},
	}
}
