package agent

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// glance is how often somebody who cannot have the authority looks into the host folder.
const glance = 5 * time.Second

// rejoin goes on as what the host folder says, and reports so, if the host was enrolled
// anew in it while this process runs. It is looked at when the authority cannot be had by
// what there was. Where none of the roots was believed before, nothing that is held, and
// nothing that is remembered, is of any use.
func (a *Agent) rejoin(ctx context.Context, keepers *keepers) bool {
	if a.home == "" {
		return false
	}
	a.keeping.Lock()
	defer a.keeping.Unlock()
	home, err := LoadHome(a.home)
	if err != nil || home.ID() != a.self {
		return false
	}
	leaf, before := home.Credential.Leaf(), a.trust.Load()
	if bytes.Equal(leaf.Raw(), a.written) && home.Authority == before.at && slices.EqualFunc(home.Anchors, a.anchors, (*pki.Certificate).Equal) {
		return false
	}
	generation := before.generation
	anew := foreign(home.Anchors, a.anchors)
	if anew {
		generation, a.belief = 0, firstBelief
	}
	if err := a.believe(home.Authority, home.Roots, generation); err != nil {
		a.logger.Error("the host was enrolled anew, and that cannot be used", slog.Any("error", err))
		return false
	}
	a.anchors, a.written = home.Anchors, leaf.Raw()
	a.keys.put(a.self, home.Credential)
	if anew {
		keepers.want(ctx, []spiffeid.ID{a.self})
	}
	a.logger.Info("the host was enrolled anew; going on as what its folder says", slog.String("authority", home.Authority), slog.Time("until", leaf.NotAfter()))
	return true
}

// foreign reports whether some roots have none of others among them.
func foreign(roots, others []*pki.Certificate) bool {
	return !slices.ContainsFunc(roots, func(root *pki.Certificate) bool { return slices.ContainsFunc(others, root.Equal) })
}

// forget removes what a host folder keeps of earlier runs.
func forget(dir string) error {
	for _, name := range []string{cacheSlice, cacheHeard, cacheWhere} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return unwritable(dir, err)
		}
	}
	return unwritable(dir, os.RemoveAll(filepath.Join(dir, cacheHeld)))
}
