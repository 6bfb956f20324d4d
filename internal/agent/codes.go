package agent

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	NoTruthYet         fault.Code = "no_truth_yet"
	RootsChanged       fault.Code = "roots_changed"
	CertificatePending fault.Code = "certificate_pending"
	NotHeld            fault.Code = "identity_not_held"
	SelfRevoked        fault.Code = "proxy_revoked"
	AuthorityFailed    fault.Code = "authority_failed"
	OutboxFull         fault.Code = "events_lost"
	RootMismatch       fault.Code = "root_mismatch"
	HomeMissing        fault.Code = "not_enrolled"
	HomeUnreadable     fault.Code = "host_folder_unreadable"
	HomeUnwritable     fault.Code = "host_folder_unwritable"
	HomeExposed        fault.Code = "host_key_exposed"
	TruthExposed       fault.Code = "trust_exposed"
	HomeInUse          fault.Code = "host_folder_in_use"
	Unsigned           fault.Code = "revision_unsigned"
	Misdirected        fault.Code = "revision_misdirected"
	RolledBack         fault.Code = "revision_rolled_back"
	ClocksDiffer       fault.Code = "clocks_differ"
	CacheDamaged       fault.Code = "host_memory_damaged"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: NoTruthYet, Meaning: "The proxy has not heard from its authority since it started, so it lets nobody pass.",
			Cause: "The authority is not running, or not reachable from the proxy.",
			Next:  "Start the authority, or look at the proxy's log for why it cannot be reached."},
		{Code: RootsChanged, Meaning: "The connection ended because the roots changed, and no longer vouch for the other end.",
			Cause: "A root was taken out of the file while the other end still had a certificate of it.",
			Next:  "Give the other end a certificate of the new roots, or put the old root back until it has one."},
		{Code: CertificatePending, Meaning: "The proxy has no certificate for the identity yet.",
			Cause: "It has just started, the authority is not reachable, or the identity was revoked.",
			Next:  "Try again in a moment; if it stays so, look at the proxy's log."},
		{Code: NotHeld, Meaning: "The proxy serves, or speaks as, an identity that it may not hold.",
			Cause: "The identity in its configuration is misspelt, was never granted to this proxy, or the grant was taken back.",
			Next:  "Correct the configuration, or have an operator grant it: signet grant PROXY IDENTITY"},
		{Code: SelfRevoked, Meaning: "This proxy itself was revoked, or is not enrolled: its authority tells it nothing any more, and nothing passes through it.",
			Cause: "An operator revoked the host's own identity, or the trust domain was started over.",
			Next:  "Ask an operator, who can bring it back: signet restore proxy/NAME, then signet token new proxy/NAME --again | signet enroll, in its folder. The proxy takes that over by itself."},
		{Code: AuthorityFailed, Meaning: "The authority gave an answer that cannot be used.",
			Cause: "Proxy and authority are of different versions, or one of them has a defect.",
			Next:  "Run both with the same version of signet."},
		{Code: OutboxFull, Meaning: "Events were dropped because the authority took none for too long.",
			Cause: "The authority is gone or overloaded.",
			Next:  "The gap stays, and signet conns tells its size; connections were not affected."},
		{Code: RootMismatch, Meaning: "Who answered at the authority's address has none of the roots that the token names.",
			Cause: "The address leads to another authority, the authority was started over since, or somebody stands in the way.",
			Next:  "Ask who made the token whether the address is right, and have another one made. The token's secret was not sent."},
		{Code: HomeMissing, Meaning: "The folder is not that of a host that has joined a trust domain.",
			Cause: "The host was not enrolled, or was with another folder.",
			Next:  "Enroll it with a token, or name its folder with --data."},
		{Code: HomeUnreadable, Meaning: "A file of the host folder could not be read or used.",
			Cause: "Missing permissions, or a damaged file.",
			Next:  "Run as the folder's owner, or enroll the host anew: signet token new WHO --again | signet enroll"},
		{Code: HomeUnwritable, Meaning: "The host folder could not be written.",
			Cause: "Missing permissions, or a full disk.",
			Next:  "Make the folder writable for this user, or free some space."},
		{Code: HomeExposed, Meaning: "The file with the host's own key may be read or written by others than its owner.",
			Cause: "Its permissions were changed, or it was copied without them. Who has read it can be this host.",
			Next:  "chmod 600 the file; where somebody else may have read it, revoke the identity."},
		{Code: TruthExposed, Meaning: "A file of roots or of rules may be written by anybody on this host, so it says nothing about whom to believe or what is allowed.",
			Cause: "Its permissions were opened, or it was made in a program without a umask.",
			Next:  "Look whether it has what it should, and then: chmod o-w FILE"},
		{Code: HomeInUse, Meaning: "Another process uses the host folder already.",
			Cause: "The proxy runs already, perhaps as a service of this machine.",
			Next:  "Stop the other process; a second proxy takes a name and a folder of its own: signet token new NAME | signet enroll --data DIR"},
		{Code: Unsigned, Meaning: "A revision or a sign of life came that the authority has not signed; the proxy goes on with what it has.",
			Cause: "Somebody stands in the authority's place who has not the key for this, or the two are of different versions.",
			Next:  "Look at who answers at the authority's address; run both with the same version of signet."},
		{Code: Misdirected, Meaning: "A revision came that was signed for another proxy; this one goes on with what it has.",
			Cause: "Somebody stands in the authority's place and hands on what is others'.",
			Next:  "Look at who answers at the authority's address."},
		{Code: RolledBack, Meaning: "A revision came that is older than one that was in force; the proxy goes on with what it has.",
			Cause: "The authority runs on an older copy of its data, or somebody replays what it once said.",
			Next:  "Bring the authority's present data back; an older backup is restored by a command that begins a new epoch."},
		{Code: ClocksDiffer, Meaning: "The authority's clock and the proxy's differ by more than five minutes, so its signs of life do not count, nor what it signs.",
			Cause: "One of the two clocks is wrong.",
			Next:  "Set the clock; until then the proxy is stale."},
		{Code: CacheDamaged, Meaning: "What the host folder keeps of the proxy's last run cannot be used.",
			Cause: "A damaged or foreign file, or a root that is no longer believed.",
			Next:  "Bring the authority back: the proxy starts as if new, and nobody passes until it is heard."},
	}
}
