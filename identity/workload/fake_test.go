package workload

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

const web = "spiffe://test.signet/web"

var (
	webID  = testpki.Must(spiffeid.Parse(web))
	domain = webID.TrustDomain()
)

// field writes a field of a protobuf message that has a length.
func field(number int, value []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(number)<<3|2)
	return append(binary.AppendUvarint(out, uint64(len(value))), value...)
}

func join(parts ...[]byte) (all []byte) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func der(certs ...*pki.Certificate) (all []byte) {
	for _, cert := range certs {
		all = append(all, cert.Raw()...)
	}
	return all
}

// given is an SVID as an agent writes it.
func given(credential *pki.Credential, roots ...*pki.Certificate) []byte {
	key := testpki.Must(pki.MarshalKey(credential.Key, pki.PKCS8))
	return join(field(fieldID, []byte(credential.Leaf().ID().String())), field(fieldChain, der(credential.Chain...)), field(fieldKey, key.Bytes), field(fieldBundle, der(roots...)))
}

// answer is a response with one SVID of web.
func answer(authority *testpki.PKI) []byte {
	return field(fieldSVIDs, given(testpki.Must(authority.Workload(web)), authority.Root.Leaf()))
}

// framed is a message as gRPC sends it.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// fake is an agent that says what it is told to.
type fake struct {
	t      *testing.T
	socket string
	say    chan []byte   // bytes of the stream that is open
	end    chan string   // ends it with a status; "" breaks it
	opened chan struct{} // holds a value for each stream that was opened
	stop   func()

	serving sync.WaitGroup // streams
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, socket: filepath.Join(t.TempDir(), "agent.sock"), say: make(chan []byte), end: make(chan string), opened: make(chan struct{}, 1000)}
	f.start()
	t.Cleanup(func() { f.stop() })
	return f
}

func (f *fake) start() {
	f.t.Helper()
	listener, err := net.Listen("unix", f.socket)
	if err != nil {
		f.t.Fatal(err)
	}
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: &only, Handler: http.HandlerFunc(f.serve)}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	f.stop = sync.OnceFunc(func() { server.Close(); <-done; f.serving.Wait() }) // what is said from now on, nobody of before hears
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.serving.Add(1)
	defer f.serving.Done()
	if r.URL.Path != method || r.Header.Get("workload.spiffe.io") != "true" || r.Header.Get("Te") != "trailers" || r.Header.Get("Content-Type") != "application/grpc" {
		f.t.Errorf("%s asks for %s with %v", r.RemoteAddr, r.URL, r.Header)
	}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	control := http.NewResponseController(w)
	control.Flush()
	f.opened <- struct{}{}
	for {
		select {
		case data := <-f.say:
			w.Write(data)
			control.Flush()
		case status := <-f.end:
			if status == "" {
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Grpc-Status", status)
			w.Header().Set("Grpc-Message", "what%20was said")
			return
		case <-r.Context().Done():
			return
		}
	}
}

// follow is a source of the fake that runs until the test ends.
func (f *fake) follow(change func(*Config)) *Source {
	f.t.Helper()
	cfg := Config{Address: "unix://" + f.socket}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	f.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("Run returns %v", err)
		}
	})
	return s
}

// until waits for what happens soon.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not yet so: %s", what)
		}
	}
}
