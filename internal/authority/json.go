package authority

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/recent"
)

// readJSON reads a bounded body into value.
func readJSON(r *http.Request, limit int64, value any) error {
	data, err := readBody(r, limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fault.Wrap(err, BadRequest, "the request is not the JSON that belongs here").WithHint(askerHint)
	}
	return nil
}

const askerHint = "use the signet command of the authority's version"

// readBody reads a body of at most limit bytes.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, fault.Wrap(err, BadRequest, "the request did not arrive whole").WithHint("try again")
	}
	if int64(len(data)) > limit {
		return nil, fault.New(BadRequest, "the request has more than %d bytes", limit).WithHint(askerHint)
	}
	return data, nil
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value) // the peer has hung up if this fails
}

// writeError is the one place where a code becomes an HTTP status.
func writeError(w http.ResponseWriter, err error) {
	ours, ok := fault.Of(err)
	if !ok {
		ours = fault.New(Failed, "the authority failed").WithHint("look at the authority's log")
	}
	status, ok := statuses[ours.Code]
	if !ok {
		status = http.StatusBadRequest
	}
	writeJSON(w, status, api.Error{Code: string(ours.Code), Message: ours.Message, Hint: ours.Hint})
}

// statuses are those of the codes that are no mistake of the request's: 5xx
// tells the asker to try again.
var statuses = map[fault.Code]int{
	api.IdentityUnknown:      http.StatusNotFound,
	recent.ConnUnknown:       http.StatusNotFound,
	NotPermitted:             http.StatusForbidden,
	NotGranted:               http.StatusForbidden,
	api.IdentityRevoked:      http.StatusForbidden,
	control.TokenUnknown:     http.StatusForbidden,
	control.TokenExpired:     http.StatusForbidden,
	control.TokenUsed:        http.StatusForbidden,
	control.TokenVoid:        http.StatusForbidden,
	control.TokenCancelled:   http.StatusForbidden,
	api.CertificateWithdrawn: http.StatusForbidden,
	LastOperator:             http.StatusConflict,
	IdentityInUse:            http.StatusConflict,
	control.TokenAmbiguous:   http.StatusConflict,
	IdentityExists:           http.StatusConflict,
	Busy:                     http.StatusServiceUnavailable,
	Failed:                   http.StatusInternalServerError,
	control.StoreFailed:      http.StatusInternalServerError,
	control.StoreClosed:      http.StatusServiceUnavailable,
	control.Interrupted:      http.StatusServiceUnavailable,
	control.EtcdSilent:       http.StatusServiceUnavailable,
	control.EtcdNoLeader:     http.StatusServiceUnavailable,
	control.EtcdHeld:         http.StatusServiceUnavailable,
	control.EtcdDenied:       http.StatusInternalServerError,
	control.EtcdFull:         http.StatusInsufficientStorage,
	control.StoreFull:        http.StatusInsufficientStorage,
	audit.Unwritable:         http.StatusInsufficientStorage,
	audit.Closed:             http.StatusServiceUnavailable,
	api.ProxyTwice:           http.StatusConflict,
}
