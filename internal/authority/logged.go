package authority

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
)

// storeTime bounds how long the store may take over what is remembered of the log.
const storeTime = 10 * time.Second

// checkLog refuses an audit log that does not go on from what the store remembers of
// it, unless that is accepted: then it stands in the log that goes on.
func (a *Authority) checkLog(accept bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	remembered, err := a.store.Remembered(ctx)
	if err != nil || remembered.Size == 0 || remembered.Epoch != a.store.State().Epoch {
		return err
	}
	refused := a.log.Extends(remembered.Size, remembered.Root)
	if refused == nil || !accept {
		return refused
	}
	request, err := json.Marshal(remembered)
	if err != nil {
		return err
	}
	self, err := a.domain.ID(Path)
	if err != nil {
		return err
	}
	if _, err := a.append(ctx, audit.OfAct(a.now(), self, "accept-log", request)); err != nil {
		return err
	}
	return a.remember(ctx)
}

// remember has the store remember the log as it is.
func (a *Authority) remember(ctx context.Context) error {
	a.remembering.Lock() // so that the last one to be written is the newest
	defer a.remembering.Unlock()
	size, root := a.log.Head()
	return a.store.Remember(ctx, control.Logged{Epoch: a.store.State().Epoch, Size: size, Root: root})
}

// rememberNow is remember where nobody waits for it: what it is about is durable.
func (a *Authority) rememberNow() {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	if err := a.remember(ctx); err != nil {
		a.logger.Error("the store does not remember the audit log", slog.Any("error", err))
	}
}
