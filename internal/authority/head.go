package authority

import (
	"bytes"
	"encoding/json"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// lastSent is the slice that a watch has sent last.
type lastSent struct {
	proxy         spiffeid.ID
	epoch, number int64
	digest        []byte
}

// next is the update with the proxy's slice of a state.
func (l *lastSent) next(a *Authority, state *control.State) (update api.Update, err error) {
	if update.Slice, err = json.Marshal(slice(state, l.proxy, a.now())); err != nil {
		return update, err
	}
	l.epoch, l.number, l.digest = state.Epoch, state.Revision, api.Digest(update.Slice)
	update.Head, err = a.head(l)
	return update, err
}

// head signs that a slice is in force now. The key is no authority's, and is made
// when the authority starts and with each of its certificates: it is kept nowhere.
func (a *Authority) head(l *lastSent) (*api.Head, error) {
	credential, err := a.signer.Credential()
	if err != nil {
		return nil, err
	}
	head := &api.Head{For: l.proxy, Epoch: l.epoch, Number: l.number, At: a.now().UTC(), Digest: l.digest, Signer: raw(credential.Chain)}
	head.Signature, err = pki.SignFile(credential.Key, bytes.NewReader(head.Signed()))
	return head, err
}
