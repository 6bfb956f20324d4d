package authority

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	NotPermitted   fault.Code = "not_permitted"
	NotGranted     fault.Code = "not_granted"
	BadRequest     fault.Code = "bad_request"
	PolicyFull     fault.Code = "policy_full"
	PolicyMoved    fault.Code = "policy_moved"
	UndoUnknown    fault.Code = "undo_unknown"
	UndoOutdated   fault.Code = "undo_outdated"
	RevokedFull    fault.Code = "revocations_full"
	IdentityExists fault.Code = "identity_exists"
	Busy           fault.Code = "authority_busy"
	RotationWaits  fault.Code = "rotation_waits"
	Failed         fault.Code = "authority_internal"
	RuleForGood    fault.Code = "rule_for_good"
	LastOperator   fault.Code = "last_operator"
	IdentityInUse  fault.Code = "identity_in_use"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: NotPermitted, Meaning: "This identity may not ask the authority for that.",
			Cause: "A proxy asked for an operator's act, an operator for a proxy's, or a workload for anything.",
			Next:  "Use an operator's identity: --as operator/NAME."},
		{Code: NotGranted, Meaning: "The proxy may not hold that identity.",
			Cause: "A proxy asked for an identity that is not one of its services or doors.",
			Next:  "Grant the identity to the proxy, or correct the proxy's configuration."},
		{Code: RotationWaits, Meaning: "The next step of a rotation would leave somebody behind, so that it was not taken.",
			Cause: "The hosts that the message names have not been heard since the last step: a proxy that is off, or a certificate in files that nobody has renewed.",
			Next:  "Bring them back, or wait until what they have has expired: 24 hours at most."},
		{Code: BadRequest, Meaning: "The authority could not use the request; the message says why.",
			Cause: "A client of another version or not one of Signet's, or a reason of more than 1,000 characters.",
			Next:  "Use the signet command of the authority's version."},
		{Code: PolicyFull, Meaning: "The policy has no room for another rule.",
			Cause: "There are 10,000 rules, or 8 MiB of them: more than a proxy could be sent at once.",
			Next:  "Replace rules for single pairs by one rule for many."},
		{Code: PolicyMoved, Meaning: "The policy that was edited is no longer the one in force; nothing was changed.",
			Cause: "Somebody else changed it between the look at it and the edit.",
			Next:  "Look at it anew, and repeat the edit there."},
		{Code: UndoUnknown, Meaning: "There is nothing of that revision that could be taken back.",
			Cause: "It changed no rule or group, is older than the latest 100 such changes, changed more than 256 KiB of them, or does not exist.",
			Next:  "signet policy show says of each rule which revision wrote it."},
		{Code: UndoOutdated, Meaning: "What the revision changed was changed again since.",
			Cause: "A later allow, deny, edit or undo of the same rule or group.",
			Next:  "Undo the later revision first, which the message names."},
		{Code: RevokedFull, Meaning: "There is no room for another revocation.",
			Cause: "The revocations fill 4 MiB, about 15,000 of them: more than a proxy could be sent at once, beside the rules.",
			Next:  "Deny the identity's pairs instead: signet deny FROM TO. Revoked certificates that expire make room."},
		{Code: IdentityExists, Meaning: "There is an identity of that name already.",
			Cause: "The host joined before, or two were to have one name.",
			Next:  "Choose another name; for a host that was away too long: signet token new WHO --again"},
		{Code: Busy, Meaning: "The authority enrolls as many hosts at this moment as it may at once.",
			Cause: "Many hosts join together, or somebody tries tokens.",
			Next:  "Run it again in a moment."},
		{Code: RuleForGood, Meaning: "A rule stands for the pair for good, and one for a time beside it would not do what it says.",
			Cause: "allow --for where it is allowed for good already, deny --for where it is denied, or a rule of the pair that was written by hand.",
			Next:  "Leave it as it is, or change the rule that stands: signet policy show."},
		{Code: LastOperator, Meaning: "Nobody would be left who could ask the authority for anything.",
			Cause: "The operator to be revoked is the last one that has a certificate that counts.",
			Next:  "Have another operator join first: signet token new operator/NAME. To go on nevertheless: --anyway; then only the authority's own host makes an operator: signet authority operator NAME."},
		{Code: IdentityInUse, Meaning: "The identity cannot be removed: somebody is it, or may hold it.",
			Cause: "It has certificates that count, or a grant names it.",
			Next:  "Revoke it first, or take the grants back: signet revoke NAME, signet ungrant PROXY NAME."},
		{Code: Failed, Meaning: "The authority itself failed.",
			Cause: "A failure of its machine, or a defect of Signet.",
			Next:  "Look at the authority's log."},
	}
}
