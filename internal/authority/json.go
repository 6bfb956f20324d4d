package authority

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
)

// readJSON reads a bounded body into value.
func readJSON(r *http.Request, limit int64, value any) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return fault.Wrap(err, BadRequest, "the request did not arrive whole")
	}
	if int64(len(data)) > limit {
		return fault.New(BadRequest, "a request of more than %d bytes", limit)
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fault.Wrap(err, BadRequest, "unreadable request")
	}
	return nil
}

func writeJSON(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(value)
}

// writeError is the one place where a code becomes an HTTP status.
func writeError(w http.ResponseWriter, err error) {
	answer := api.Error{Code: "internal", Message: "the authority failed"}
	status := http.StatusInternalServerError
	if ours, ok := fault.Of(err); ok {
		answer = api.Error{Code: string(ours.Code), Message: ours.Message, Hint: ours.Hint}
		status = statusOf(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer) // the peer has hung up if this fails
}

func statusOf(err error) int {
	for _, code := range []fault.Code{api.IdentityUnknown, ConnUnknown} {
		if errors.Is(err, code) {
			return http.StatusNotFound
		}
	}
	for _, code := range []fault.Code{NotPermitted, NotGranted, api.IdentityRevoked} {
		if errors.Is(err, code) {
			return http.StatusForbidden
		}
	}
	return http.StatusBadRequest
}
