package workload

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	BadAddress  fault.Code = "workload_api_address_invalid"
	Unreachable fault.Code = "workload_api_unreachable"
	Refused     fault.Code = "workload_api_refused"
	Malformed   fault.Code = "workload_api_malformed"
	NoBundle    fault.Code = "workload_api_no_bundle"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: BadAddress, Meaning: "The address of the SPIFFE Workload API is missing, or is none.",
			Cause: "SPIFFE_ENDPOINT_SOCKET is not set, or is neither unix:///PATH nor tcp://IP:PORT.",
			Next:  "Set it to the agent's socket, such as unix:///run/spire/agent/public/api.sock."},
		{Code: Unreachable, Meaning: "The SPIFFE Workload API could not be reached, or its stream broke. It is tried again, and what was held before still is.",
			Cause: "The agent does not run, or this user may not connect to its socket.",
			Next:  "See that the agent runs, and that this user may connect to its socket."},
		{Code: Refused, Meaning: "The SPIFFE Workload API has no identity for this program.",
			Cause: "The program is not registered, or not as the one that it asks for.",
			Next:  "Register it with the agent's server; it is asked again by itself."},
		{Code: Malformed, Meaning: "The SPIFFE Workload API gave an answer that cannot be used. It is asked again, and what was held before still is.",
			Cause: "A defect of the agent, a clock that is off, or somebody else at its address. The message says what is wrong.",
			Next:  "Look at the agent, and at this host's clock."},
		{Code: NoBundle, Meaning: "The SPIFFE Workload API has no roots of the trust domain.",
			Cause: "The program's registration is not federated with it.",
			Next:  "Federate the registration with that trust domain."},
	}
}
