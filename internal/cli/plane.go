package cli

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/authority"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// plane is the control plane on a data folder: its truth, its keys and its port.
// "up" and "authority serve" open the same.
type plane struct {
	planeConfig
	store     *control.Store
	log       *audit.Log
	ca        *ca.CA
	roots     verify.Roots
	authority *authority.Authority
	status    net.Listener
	profile   bool   // the status port has profiles, too
	exposed   string // the operator's path, if others than its owner could read its file before the start
}

// planeConfig says which one.
type planeConfig struct {
	dir     string
	domain  spiffeid.TrustDomain
	onEvent func(api.Event) // must not block; nil: nobody
	logger  *slog.Logger
	// etcd is the cluster where the truth lives; nil: as the folder says.
	etcd *control.Cluster
	// acceptLog goes on with an audit log that is not the one that the store remembers.
	acceptLog bool
}

// open opens the truth, and the evidence. Whoever opens closes.
func (s *plane) open(ctx context.Context) (err error) {
	if s.store, err = control.Open(ctx, control.Config{Dir: s.dir, TrustDomain: s.domain, Logger: s.logger, Etcd: s.etcd, Connect: connectEtcd}); err != nil {
		return err
	}
	if s.log, err = audit.Open(audit.Config{Dir: s.dir, Origin: audit.Origin(s.domain.String()), Logger: s.logger}); err != nil {
		s.close()
	}
	return err
}

// founded reports whether the folder has its keys and its first revision.
func (s *plane) founded() bool { return s.store.State().Revision > 0 }

// openCA loads the authority's keys.
func (s *plane) openCA(passphrase pki.Passphrase) (err error) {
	stored := s.store.State().CA
	s.ca, err = ca.Load(filepath.Join(s.dir, caFolder), s.domain, ca.Stored(stored), passphrase)
	if err != nil {
		return err
	}
	for what, cert := range map[string]*pki.Certificate{ca.TurnRoot: s.ca.Root(), ca.TurnIntermediate: s.ca.Intermediate()} {
		if cert.Expired(time.Now()) && (what == ca.TurnRoot || !s.ca.Root().Expired(time.Now())) { // a root's end comes first
			return fault.New(ca.AuthorityOver, "the %s of %s expired on %s", what, s.domain, cert.NotAfter().UTC().Format(dayForm)).
				WithHint("signet authority rotate %s --at-once      # then every host enrolls again", what)
		}
	}
	return s.believe()
}

// believe takes over whom to believe from the authority's keys.
func (s *plane) believe() error {
	anchors, err := s.ca.Stored().Anchors()
	if err == nil {
		s.roots, err = verify.ForTrustDomain(s.domain, anchors...)
	}
	return err
}

// trustChanged leaves in the folder what commands need, after a step of a rotation.
func (s *plane) trustChanged() {
	err := s.writeRoots()
	if err == nil {
		err = s.writeOperator(context.Background())
	}
	if err != nil {
		s.logger.Error("the data folder does not have the new roots", slog.Any("error", err))
	}
}

// writeRoots writes whom to believe.
func (s *plane) writeRoots() error {
	stored := s.ca.Stored()
	return s.write(rootsFile, []byte(stored.Root+stored.OtherRoot))
}

// found keeps the authority's new keys, and makes the first revision with whoever runs
// this as its operator and with what more adds. The keys are durable before anything
// refers to them.
func (s *plane) found(ctx context.Context, made *ca.CA, kept ca.Kept, more func(*control.Tx)) (err error) {
	s.ca = made
	if err := s.ca.Save(filepath.Join(s.dir, caFolder), kept); err != nil {
		return err
	}
	_, err = s.store.Change(ctx, func(tx *control.Tx) error {
		tx.SetCA(control.CA(s.ca.Stored()))
		tx.PutIdentity(control.Identity{ID: s.id(operatorPath()), Kind: control.Operator})
		more(tx)
		return nil
	})
	if err != nil {
		return err
	}
	return s.believe()
}

// id is for paths that are known to be right.
func (s *plane) id(path string) spiffeid.ID {
	id, err := s.domain.ID(path)
	if err != nil {
		panic("cli: " + err.Error())
	}
	return id
}

func (s *plane) revoked(path string) bool {
	_, revoked := s.store.State().Revocations[s.id(path)]
	return revoked
}

// makeAuthority makes the control plane's API, which listens nowhere yet.
func (s *plane) makeAuthority() (err error) {
	s.authority, err = authority.New(authority.Config{Store: s.store, CA: s.ca, Log: s.log, AcceptLog: s.acceptLog, OnEvent: s.onEvent, OnTrust: s.trustChanged, Logger: s.logger})
	return err
}

// listen binds the ports: the authority's, and that of its status, on loopback.
func (s *plane) listen(ctx context.Context, at, status string) (err error) {
	if err := s.makeAuthority(); err != nil {
		return err
	}
	if err := s.authority.Listen(ctx, at); err != nil {
		return err
	}
	s.authority.Advertise(s.authority.Addr().String())
	s.status, err = bind.Loopback(ctx, status)
	return err
}

// writeFolder leaves what commands need to find the control plane. It comes last,
// when every port is ours; nil settings are left as they are.
func (s *plane) writeFolder(ctx context.Context, settings any) error {
	if err := s.enrolOperator(ctx); err != nil {
		return err
	}
	s.exposed = s.exposedOperator()
	if err := s.writeOperator(ctx); err != nil {
		return err
	}
	if err := s.writeRoots(); err != nil || settings == nil {
		return err
	}
	data, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	return s.write(settingsFile, append(data, '\n'))
}

func (s *plane) write(name string, data []byte) error {
	if err := atomicfile.Write(filepath.Join(s.dir, name), data, atomicfile.Private); err != nil {
		return fault.Wrap(err, FolderUnwritable, "the data folder cannot be written").WithHint("make %s writable, or free some space", s.dir)
	}
	return nil
}

func (s *plane) serveStatus(ctx context.Context) error {
	port := s.authority.StatusPort()
	port.Profile = s.profile
	return port.Serve(ctx, s.status)
}

// close lets go of what was opened.
func (s *plane) close() {
	if s.authority != nil {
		s.authority.Close()
	}
	if s.status != nil {
		s.status.Close()
	}
	if s.log != nil {
		if err := s.log.Close(); err != nil {
			s.logger.Error("the audit log did not close well", slog.Any("error", err))
		}
	}
	if err := s.store.Close(); err != nil {
		s.logger.Error("the store did not close well", slog.Any("error", err))
	}
}
