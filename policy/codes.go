package policy

import "github.com/signet-tls/signet/fault"

// Codes of a decision that denies.
const (
	NoRule       fault.Code = "no_rule"
	DeniedByRule fault.Code = "denied_by_rule"
	RuleFailed   fault.Code = "policy_error"
)

// Codes of a set of rules that New refuses.
const (
	InvalidRule      fault.Code = "rule_invalid"
	UnknownEntity    fault.Code = "rule_entity_unknown"
	UnknownAttribute fault.Code = "rule_attribute_unknown"
	InvalidType      fault.Code = "rule_type"
	TimeForm         fault.Code = "rule_time_form"
	DuplicateRule    fault.Code = "rule_duplicate"
	TooLarge         fault.Code = "policy_too_large"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: NoRule, Meaning: "No rule allows this connection, and the default is deny.",
			Cause: "Nobody has allowed the pair yet, or the rule that should names another identity.",
			Next:  "signet allow FROM TO"},
		{Code: DeniedByRule, Meaning: "A rule forbids this connection; a forbid beats every allow.",
			Cause: "Somebody denied the pair, or a rule that forbids more than one pair covers it.",
			Next:  "signet allow FROM TO takes back a deny of exactly this pair."},
		{Code: RuleFailed, Meaning: "A rule could not be evaluated, so the connection is denied.",
			Cause: "The rule overflows a number, or makes a date, an address or a decimal of a text that is none.",
			Next:  "Correct or remove the rule that the decision names."},
		{Code: InvalidRule, Meaning: "The text or the name of a rule is not valid.",
			Cause: "A slip in the Cedar text, two policies in one rule, a template, or a name with a character that is not allowed.",
			Next:  "Correct the rule at the line and column that the error names."},
		{Code: UnknownEntity, Meaning: "A rule names an entity that cannot exist, so it would never match.",
			Cause: "A misspelt entity type, action or group, principal and resource exchanged, or a short name in place of a SPIFFE ID.",
			Next:  `Write Identity::"spiffe://…" for the principal, Action::"connect" for the action and Service::"spiffe://…" for the resource; of a group, say which it is: group "ops" = [ … ];`},
		{Code: UnknownAttribute, Meaning: "A rule reads an attribute that nothing has.",
			Cause: "A rule of another system, or a misspelt context.now.",
			Next:  "Put those who are meant into a group, and write principal in Group::\"…\"."},
		{Code: InvalidType, Meaning: "A condition of a rule can only fail: its values are of the wrong types.",
			Cause: "Two things are compared that are never alike, or a condition is neither true nor false.",
			Next:  "Correct the rule at the line and column that the error names."},
		{Code: TimeForm, Meaning: "A rule uses the time in a way from which no deadline follows.",
			Cause: "A comparison under unless, ! or ||, with something else than a date, or from the right to the left.",
			Next:  "Write when { context.now < datetime(\"2027-01-31T12:00:00Z\") }, with <, <=, > or >=, alone or joined by &&."},
		{Code: DuplicateRule, Meaning: "Two rules have one name.",
			Cause: "A rule was copied and its name kept.",
			Next:  "Rename or remove one of them."},
		{Code: TooLarge, Meaning: "A rule, or the whole policy, exceeds its bound.",
			Cause: "Rules made by a program, or one rule that lists very many identities.",
			Next:  "Split the rule, or remove rules that nobody needs."},
	}
}
