package authority

import (
	"encoding/json"
	"net/http"

	"github.com/signet-tls/signet/internal/agent/api"
)

// backup answers with all that the store holds, signed, so that nobody can put a
// rule into it on its way or where it is kept.
func (a *Authority) backup(r *http.Request) (any, error) {
	var request api.BackupRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return nil, err
	}
	body := api.BackupBody{Settings: request.Settings, TrustDomain: a.domain, At: a.now().UTC(), Entries: a.log.Size(), Checkpoint: a.log.Checkpoint()}
	values, state, err := a.store.Export(r.Context())
	if err != nil {
		return nil, err
	}
	body.Epoch, body.Revision = state.Epoch, state.Revision
	for _, v := range values {
		body.Values = append(body.Values, [2]string{v.Key, v.Value})
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	signature, err := a.ca.SignBackup(text)
	return api.Backup{Body: text, Signature: signature}, err
}
