package pki_test

import (
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
	"github.com/signet-tls/signet/pki/pkcs7"
)

// What either side writes, both read alike: every accessor of the differential
// proof agrees, and there are no rows of exceptions.

func TestPeersWrite(t *testing.T) {
	var made [][]string
	if err := json.Unmarshal(run(t, nil, peers.Python(t), "testdata/roundtrip.py"), &made); err != nil {
		t.Fatal(err)
	}
	var files []input
	for _, m := range made {
		var data []byte
		if err := json.Unmarshal([]byte(`"`+m[2]+`"`), &data); err != nil {
			t.Fatal(err)
		}
		files = append(files, input{m[0], m[1], data})
	}
	wantAgreement(t, files, map[string]int{"key": 50, "public": 18, "cert": 16, "csr": 12, "crl": 12, "pkcs12": 5, "pkcs7": 4})
}

func TestPeersReadWhatIsWritten(t *testing.T) {
	files := slices.Concat(writtenKeys(t), writtenSigned(t), writtenContainers(t))
	wantAgreement(t, files, map[string]int{"key": 27, "public": 14, "cert": 45, "csr": 10, "crl": 4, "pkcs12": 2, "pkcs7": 2})
}

// wantAgreement has both sides read files, of which there are so many of a kind.
func wantAgreement(t *testing.T, files []input, want map[string]int) {
	t.Helper()
	p := startPeer(t)
	have, answers := map[string]int{}, 0
	for _, file := range files {
		theirs, ours := p.ask(file.kind, file.data)
		if ours["accept"] != true {
			t.Errorf("%s as %s is refused: %v", file.name, file.kind, ours["why"])
		}
		for _, r := range compare(t, file.name+" as "+file.kind, theirs, ours) {
			t.Errorf("a difference: %+v", r)
		}
		have[file.kind]++
		answers += len(theirs)
	}
	t.Logf("%v: %d answers", have, answers)
	for kind, least := range want {
		if have[kind] < least {
			t.Errorf("%d files as %s, want %d", have[kind], kind, least)
		}
	}
}

// both are a PEM block as PEM and as DER.
func both(name, kind string, block *pem.Block) []input {
	return []input{{name + " in PEM", kind, pem.EncodeToMemory(block)}, {name + " in DER", kind, block.Bytes}}
}

func writtenKeys(t *testing.T) (files []input) {
	t.Helper()
	for _, kind := range everyKind {
		key := testpki.Must(pki.GenerateKey(kind))
		forms := map[string]pki.KeyForm{"PKCS#8": pki.PKCS8}
		switch {
		case strings.HasPrefix(string(kind), "RSA"):
			forms["PKCS#1"] = pki.PKCS1
		case strings.HasPrefix(string(kind), "P-"):
			forms["SEC 1"] = pki.SEC1
		}
		for name, form := range forms {
			files = append(files, both(string(kind)+", "+name, "key", testpki.Must(pki.MarshalKey(key, form)))...)
		}
		files = append(files, both(string(kind), "public", testpki.Must(pki.MarshalPublicKey(key.Public())))...)
	}
	locked := testpki.Must(pki.EncryptKey(testpki.Must(pki.NewKey()), []byte("password")))
	return append(files, both("locked", "key", locked)...)
}

// writtenSigned has every profile with every key that signs, and requests and
// lists with all that can be in them.
func writtenSigned(t *testing.T) (files []input) {
	t.Helper()
	keys := strongSigners(t)
	names := slices.Sorted(maps.Keys(keys))
	for i, name := range names {
		certified := keys[names[(i+1)%len(names)]] // nobody certifies their own key
		root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Root", Key: keys[name], Now: now}))
		for profile, spec := range profileSpecs() {
			spec.Key, spec.Now = certified, now
			cert := testpki.Must(root.New(spec)).Leaf()
			files = append(files, input{name + " " + profile + " in PEM", "cert", cert.PEM()}, input{name + " " + profile + " in DER", "cert", cert.Raw()})
		}
		request := testpki.Must(wish().Sign(keys[name]))
		files = append(files, input{name + " root", "cert", root.Leaf().Raw()},
			input{name + " in PEM", "csr", request.PEM()}, input{name + " in DER", "csr", request.Raw()})
	}
	fixture := testpki.Must(testpki.New(now))
	for name, spec := range map[string]pki.RevocationListSpec{"all": everyList(fixture), "many": {Number: everyList(fixture).Number, ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 1), Entries: manyRevoked(2000)}} {
		list := testpki.Must(fixture.Root.NewRevocationList(spec))
		files = append(files, input{name + " in PEM", "crl", list.PEM()}, input{name + " in DER", "crl", list.Raw()})
	}
	return files
}

// profileSpecs have all that each profile can have.
func profileSpecs() map[string]pki.Spec {
	address := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}
	places := pki.Spec{CRLs: []string{"http://a.example/l.crl"}, OCSP: []string{"http://a.example/ocsp"}, Issuers: []string{"http://a.example/ca.crt"}}
	authority, server, client, workload := places, places, places, places
	authority.Profile, authority.Name, authority.PathLen = pki.Intermediate, "권한, Ö", 2
	authority.Constraints = &pki.NameConstraints{Permitted: []pki.Subtree{testpki.Must(pki.ParseSubtree("DNS:example"))}}
	server.Profile, server.DNS, server.IPs, server.MustStaple = pki.Server, []string{"a.example", "*.b.example"}, address, true
	client.Profile, client.DNS, client.IPs, client.Emails, client.URIs = pki.Client, []string{"a.example"}, address, []string{"jane@a.example"}, []string{"https://a.example/x"}
	workload.Profile, workload.ID = pki.Workload, web
	return map[string]pki.Spec{"intermediate": authority, "server": server, "client": client, "workload": workload}
}

func writtenContainers(t *testing.T) []input {
	t.Helper()
	fixture := testpki.Must(testpki.New(now))
	server := testpki.Must(fixture.Server("a.example"))
	list := testpki.Must(fixture.Root.NewRevocationList(everyList(fixture)))
	store := testpki.Must(pkcs12.Encode(server, []byte("password")))
	trust := testpki.Must(pkcs12.EncodeTrust([]pkcs12.Anchor{{Name: "중간", Certificate: fixture.Root.Leaf()}}, []byte("password")))
	bundle := testpki.Must(pkcs7.NewBundle(server.Chain, list.Raw()))
	return []input{{"store", "pkcs12", store}, {"trust store", "pkcs12", trust}, {"bundle", "pkcs7", bundle}, {"bundle in PEM", "pkcs7", pkcs7.PEM(bundle)}}
}
