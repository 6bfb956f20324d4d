package record

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"testing"
)

// traces are what follows the handshakes of RFC 8448, whose keys are AES-128-GCM's.
var traces = []struct {
	section                    string
	clientSecret, serverSecret string
	ticket                     string // record, or ""
	clientData, serverData     string // records with the bytes 0 to 49
	clientClose, serverClose   string // records with close_notify
}{
	{"3", "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
		`17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a015940252f55713e061dc13e078891a38efbcf57
		53ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e09c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca4
		75840025db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74bc2697687e248746d6df3530
		05f3bce18696129c8153556b3b6c6779b37bf15985684f`,
		"1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4",
		"17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d",
		"1703030013c9872760655666b74d7ff1153efd6db6d0b0e3", "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9"},
	{"4", "2abbf2b8e381d23dbebe1dd2a7d16a8bf484cb4950d23fb7fb7fa8547062d9a1", "cc21f1bf8feb7dd5fa505bd9c4b468a9984d554a993dc49e6d285598fb672691",
		"",
		"1703030043b1cebce242aa201be9ae5e1cb2a9aa4b33d4e866af1edb068919237741aa031d7a74d491c99b9d4e232b74206bc6fbaa04fe78be44a9b4f54320a17eb76992afac3103",
		"1703030043275e9f20acff57bc000657d3867df039cccf79047884cf75771746f740b5a83f462a0954c3581393a203a25a7dd14141ef1a37900cdb62ff62dee1ba39ab2590cbf194",
		"17030300130facce3246bdfc6369838d6a82ae6de5d422dc", "17030300135b18af444e8e1eec7158fb62d8f2577d37ba5d"},
}

// TestTraces has a Session in the place of either end of RFC 8448's, which hears and says
// what stands there, to the byte.
func TestTraces(t *testing.T) {
	var data []byte
	for i := range 50 {
		data = append(data, byte(i))
	}
	for _, trace := range traces {
		up := slices.Concat(unhex(t, trace.clientData), unhex(t, trace.clientClose))
		down := slices.Concat(unhex(t, trace.serverData), unhex(t, trace.serverClose))
		tickets := uint64(0)
		heard := down
		if trace.ticket != "" {
			tickets = 1
			heard = slices.Concat(unhex(t, trace.ticket), down)
		}
		client := open(t, Keys{Suite: tls.TLS_AES_128_GCM_SHA256, Client: true, Read: unhex(t, trace.serverSecret), Write: unhex(t, trace.clientSecret)})
		server := open(t, Keys{Suite: tls.TLS_AES_128_GCM_SHA256, Read: unhex(t, trace.clientSecret), Write: unhex(t, trace.serverSecret), WriteSequence: tickets})
		for _, end := range []struct {
			name        string
			session     *Session
			hears, says []byte
		}{{"client", client, heard, up}, {"server", server, up, down}} {
			t.Run(trace.section+"/"+end.name, func(t *testing.T) {
				have, used, err := end.session.Receive(room(), end.hears)
				if !bytes.Equal(have, data) || used != len(end.hears) || err != io.EOF {
					t.Errorf("it hears %x, %d bytes of %d, %v", have, used, len(end.hears), err)
				}
				if have := end.session.CloseNotify(end.session.Send(nil, data)); !bytes.Equal(have, end.says) {
					t.Errorf("it says\n%x, want\n%x", have, end.says)
				}
			})
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
