package verify

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	RootsMissing    fault.Code = "roots_missing"
	RootsIsLeaf     fault.Code = "roots_is_leaf"
	RootsUnreadable fault.Code = "roots_unreadable"
	RootsDoNotFit   fault.Code = "roots_do_not_fit"
	NameMissing     fault.Code = "name_missing"
	NameInvalid     fault.Code = "name_invalid"
	NoCertificate   fault.Code = "no_peer_certificate"

	SignatureInvalid   fault.Code = "signature_invalid"
	SelfSigned         fault.Code = "self_signed"
	UnknownRoot        fault.Code = "unknown_root"
	ChainIncomplete    fault.Code = "chain_incomplete"
	IssuerNotAuthority fault.Code = "issuer_not_authority"
	NameMismatch       fault.Code = "name_mismatch"
	CertExpired        fault.Code = "cert_expired"
	CertNotYetValid    fault.Code = "cert_not_yet_valid"
	WrongPurpose       fault.Code = "wrong_purpose"
	PathRejected       fault.Code = "path_rejected"
)

// rank is the order in which failed checks compete for the headline: a chain
// that nobody vouches for makes everything below it hearsay, so it comes first;
// the least specific comes last.
var rank = []fault.Code{
	NoCertificate,
	SignatureInvalid,
	SelfSigned,
	ChainIncomplete,
	UnknownRoot,
	IssuerNotAuthority,
	NameMismatch,
	CertExpired,
	CertNotYetValid,
	WrongPurpose,
	PathRejected,
}

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: RootsMissing, Meaning: "Nobody was said to be trusted, so nobody is.",
			Cause: "A zero verify.Roots: there is no default of trusting everyone.",
			Next:  "Say whom to believe: verify.SystemRoots, verify.LoadRoots or verify.ForTrustDomain; on the command line --roots FILE."},
		{Code: RootsIsLeaf, Meaning: "A server's or client's own certificate was given as the authority to trust.",
			Cause: "The peer's certificate file was named instead of the file of the authority that signed it.",
			Next:  "Name the certificate of the authority that signed it."},
		{Code: RootsUnreadable, Meaning: "The file of roots could not be read.",
			Cause: "The file does not exist, is not readable by this user, or holds no certificate.",
			Next:  "Check the path and its permissions."},
		{Code: RootsDoNotFit, Meaning: "These roots cannot vouch for this kind of name.",
			Cause: "A SPIFFE ID is vouched for by its own trust domain's roots only, and those vouch for nothing else.",
			Next:  "Give the roots of the ID's trust domain, or ask for a host name with roots that are not a trust domain's."},
		{Code: NameMissing, Meaning: "It was not said who the peer must be.",
			Cause: "A zero verify.Name: there is no default of accepting any name.",
			Next:  "Say who it must be: verify.Host, verify.ID, verify.Member, or verify.Any with a reason."},
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
		{Code: WrongPurpose, Meaning: "The certificate is not meant for this end of a connection.",
			Cause: "A client's certificate on a server, or a server's on a client (RFC 5280, section 4.2.1.12).",
			Next:  "Use a certificate whose extended key usage has the purpose."},
		{Code: PathRejected, Meaning: "The path to the root breaks a rule of RFC 5280; the message says which.",
			Cause: "Name constraints, a path that is too long, or a critical extension that is not understood.",
			Next:  "Show the message to the authority that signed the chain."},
	}
}
