package signet

import (
	"bytes"
	"encoding/hex"
	"io"
)

// Labels of the application traffic secrets in the NSS key log format, which crypto/tls
// writes (RFC 9850, section 1.1).
const (
	labelClientTraffic = "CLIENT_TRAFFIC_SECRET_0"
	labelServerTraffic = "SERVER_TRAFFIC_SECRET_0"
)

// maxTrafficSecret is the length of the longest: a SHA-384 hash, in bytes.
const maxTrafficSecret = 48

// secrets are what a connection that may be detached keeps of its handshake. Its key
// log writes them.
type secrets struct {
	client, server trafficSecret
	tickets        uint64 // that a server has sent: records under the secret that it writes with
}

// trafficSecret is zero until it is known.
type trafficSecret struct {
	bytes  [maxTrafficSecret]byte
	length int
}

func (s *trafficSecret) get() []byte { return s.bytes[:s.length] }

// Write takes the secrets out of a line of a key log, and leaves others.
func (s *secrets) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) != 3 || len(fields[2]) > hex.EncodedLen(maxTrafficSecret) {
		return len(line), nil
	}
	var into *trafficSecret
	switch string(fields[0]) {
	case labelClientTraffic:
		into = &s.client
	case labelServerTraffic:
		into = &s.server
	default:
		return len(line), nil
	}
	n, err := hex.Decode(into.bytes[:], fields[2])
	if into.length = n; err != nil { // it is crypto/tls that writes
		into.length = 0
	}
	return len(line), nil
}

// beside returns a key log that has the secrets, too. Nil keeps none.
func (s *secrets) beside(log io.Writer) io.Writer {
	switch {
	case s == nil:
		return log
	case log == nil:
		return s
	}
	return io.MultiWriter(log, s)
}

// wrapped counts a ticket. Nil counts none.
func (s *secrets) wrapped() {
	if s != nil {
		s.tickets++
	}
}

// wipe overwrites the secrets. Nil has none.
func (s *secrets) wipe() {
	if s != nil {
		*s = secrets{}
	}
}
