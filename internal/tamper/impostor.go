package tamper

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// impostor is a peer that is not who it must be. It speaks TLS without a fault.
type impostor struct {
	what string
	at   side            // where it stands
	has  tls.Certificate // no certificate: shows none
	// asks is the end that it meets, where the stack must be asked to look; honest
	// is then a peer whom that end takes. Nil is the stack as it comes.
	asks   connect
	honest tls.Certificate
	only   uint16 // the one version in which they meet; 0: both
}

// impostors returns those that every stack meets, at either side.
func (f *fixture) impostors() (all []impostor, err error) {
	m := maker{keys: f.keys, serial: 100}
	for _, at := range []side{server, client} {
		all = append(all, f.pretend(&m, at)...)
	}
	all = append(all, impostor{what: "no certificate", at: client})
	return all, m.err
}

// pretend makes the impostors of one side.
func (f *fixture) pretend(m *maker, at side) (all []impostor) {
	const day = 24 * time.Hour
	now := time.Now()
	add := func(what string, has credential) {
		if m.err == nil {
			all = append(all, impostor{what: what, at: at, has: has.shown()})
		}
	}
	changed := func(change func(*x509.Certificate)) x509.Certificate {
		template := endpoint(at)
		change(&template)
		return template
	}
	stranger := m.authority(credential{}, "Tamper Root")
	middle := m.authority(f.root, "Tamper Intermediate")
	neighbour := m.issue(f.root, changed(func(c *x509.Certificate) { other(c) }))
	narrow := m.issue(f.root, x509.Certificate{Subject: pkix.Name{CommonName: "Tamper Narrow"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"elsewhere.tamper"}, ExcludedIPRanges: []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}}})
	short := m.issue(f.root, x509.Certificate{Subject: pkix.Name{CommonName: "Tamper Short"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign, MaxPathLenZero: true})

	add("wrong name", neighbour)
	add("the name as common name alone", m.issue(f.root, changed(func(c *x509.Certificate) {
		c.Subject.CommonName = names[at]
		other(c)
	})))
	add("unknown root of the same name", m.issue(stranger, endpoint(at)))
	add("self-signed", m.issue(credential{}, endpoint(at)))
	add("expired", m.issue(f.root, changed(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-30*day), now.Add(-day) })))
	add("not yet valid", m.issue(f.root, changed(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(day), now.Add(30*day) })))
	add("wrong purpose", m.issue(f.root, changed(func(c *x509.Certificate) { c.ExtKeyUsage = endpoint(at.other()).ExtKeyUsage })))
	add("intermediate missing", m.leaf(m.issue(middle, endpoint(at))))
	add("signed by a leaf", m.issue(neighbour, endpoint(at)))
	add("signed by an authority for other names", m.issue(narrow, endpoint(at)))
	add("path too long", m.issue(m.authority(short, "Tamper Too Deep"), endpoint(at)))
	add("somebody's certificate without its key", m.stolen(f.honest(at)))
	add("signature broken", m.broken(m.issue(f.root, endpoint(at))))
	return all
}

// other gives a certificate another end's names.
func other(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = []string{"other.tamper"}, []net.IP{{192, 0, 2, 1}}
}

func (f *fixture) honest(at side) credential {
	if at == client {
		return f.client
	}
	return f.server
}

// leaf leaves away all above it.
func (m *maker) leaf(c credential) credential {
	if m.err != nil {
		return c
	}
	return credential{&pki.Credential{Chain: c.Chain[:1], Key: c.Key}}
}

// stolen shows a certificate with another key.
func (m *maker) stolen(c credential) credential {
	key, err := pki.GenerateKey(m.keys)
	if m.err == nil {
		m.err = err
	}
	return credential{&pki.Credential{Chain: c.Chain, Key: key}}
}

// broken flips a bit of the signature, which a certificate ends with.
func (m *maker) broken(c credential) credential {
	if m.err != nil {
		return c
	}
	der := slices.Clone(c.Leaf().Raw())
	der[len(der)-1] ^= 1
	var cert *pki.Certificate
	cert, m.err = pki.ParseCertificate(der)
	return credential{&pki.Credential{Chain: []*pki.Certificate{cert}, Key: c.Key}}
}

// asked returns the impostors that Signet notices where it was asked to look:
// one whose certificate was revoked, and one whom another trust domain's root
// vouches for.
func (f *fixture) asked() ([]impostor, error) {
	revoked, err := f.revoked()
	if err != nil {
		return nil, err
	}
	mixed, err := mixed(f.keys)
	return []impostor{revoked, mixed}, err
}

func (f *fixture) revoked() (impostor, error) {
	m := maker{keys: f.keys, serial: 300}
	has := m.issue(f.root, endpoint(server))
	if m.err != nil {
		return impostor{}, m.err
	}
	list, err := f.root.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(24 * time.Hour),
		Entries: []pki.RevocationSpec{{Serial: big.NewInt(m.serial), Date: time.Now().Add(-time.Hour)}}})
	if err != nil {
		return impostor{}, err
	}
	evidence, err := revocation.New([]*pki.RevocationList{list}, nil)
	dialer := &signet.Client{Roots: f.roots, Identity: identity.Static(f.client.Credential), Rules: verify.Options{Revocation: &verify.Revocation{Evidence: evidence}}}
	return impostor{what: "revoked", at: server, has: has.shown(), honest: f.server.shown(), asks: dialing(dialer)}, err
}

// mixed is two trust domains of which one vouches for a name of the other's.
func mixed(keys pki.KeyKind) (impostor, error) {
	m := maker{keys: keys, serial: 400}
	var sets []verify.Roots
	var leaves []credential
	name := &url.URL{Scheme: "spiffe", Host: "ours.tamper", Path: "/server"}
	for _, domain := range []string{"ours.tamper", "theirs.tamper"} {
		root := m.issue(credential{}, x509.Certificate{Subject: pkix.Name{CommonName: domain}, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
			URIs: []*url.URL{{Scheme: "spiffe", Host: domain}}})
		leaves = append(leaves, m.issue(root, x509.Certificate{URIs: []*url.URL{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}))
		if m.err != nil {
			return impostor{}, m.err
		}
		trusted, err := spiffeid.ParseTrustDomain(domain)
		if err != nil {
			return impostor{}, err
		}
		roots, err := verify.ForTrustDomain(trusted, root.Leaf())
		if err != nil {
			return impostor{}, err
		}
		sets = append(sets, roots)
	}
	both, err := verify.Union(sets...)
	if err != nil {
		return impostor{}, err
	}
	id, err := spiffeid.Parse(name.String())
	if err != nil {
		return impostor{}, err
	}
	dialer := &signet.Client{Roots: both, Name: verify.ID(id)}
	return impostor{what: "of another trust domain", at: server, has: leaves[1].shown(), honest: leaves[0].shown(), asks: dialing(dialer), only: tls.VersionTLS13}, nil
}

// peer speaks TLS with a certificate, and believes whoever it meets.
func peer(at side, has tls.Certificate, version uint16) connect {
	config := &tls.Config{MinVersion: version, MaxVersion: version, InsecureSkipVerify: true, ServerName: serverName, ClientAuth: tls.RequestClientCert}
	if at == server {
		config.Certificates = []tls.Certificate{has}
		return func(ctx context.Context, raw net.Conn) (stream, error) { return shake(ctx, tls.Server(raw, config)) }
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &has, nil }
	return func(ctx context.Context, raw net.Conn) (stream, error) { return shake(ctx, tls.Client(raw, config)) }
}

// impostorTries has the column's stack meet each impostor, in both versions.
func impostorTries(ctx context.Context, arenas []*arena, sends payloads) (all []try, err error) {
	for _, a := range arenas {
		for _, i := range a.own.stack.shown {
			if i.only != 0 && i.only != a.own.version {
				continue
			}
			t := try{kind: impostors, arena: a, toward: i.at.other(), guest: &guest{what: i.what}}
			t.guest.ends = a.ends(t.toward, false)
			if i.asks != nil {
				t.guest.ends[t.toward] = i.asks
				t.guest.ends[i.at] = peer(i.at, i.honest, a.own.version)
				if err := t.works(ctx, sends); err != nil {
					return nil, err
				}
			}
			t.guest.ends[i.at] = peer(i.at, i.has, a.own.version)
			all = append(all, t)
		}
	}
	return all, nil
}

// works reports an error if the try's end does not take the peer that it meets.
func (t try) works(ctx context.Context, sends payloads) error {
	data := t.arena.sends(sends.now[t.shape], t.toward)
	saw := exchange(ctx, t.arena.own.stack.link(attacks{}), t.ends(), data)[t.toward]
	if saw.ended != nil {
		return fault.New(ReferenceFailed, "%s refused an honest peer in the place of one %s: %v", t.arena.own.stack.name, t.guest.what, saw.ended).
			WithHint("signet version # and tell its makers: nothing was attacked yet")
	}
	return nil
}
