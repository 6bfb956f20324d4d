package record

import "net"

// Sizes in bytes of what one record can have (RFC 8446, section 5.2).
const (
	MaxData      = 1 << 14                      // data
	MaxRecord    = headerLength + MaxData + 256 // all of it
	Overhead     = headerLength + 1 + tagLength // beyond its data, as Send makes it
	headerLength = 5
	tagLength    = 16
)

// Keys is what a handshake leaves to the record layer.
type Keys struct {
	Suite  uint16 // one that Supports has
	Client bool   // this end is the client, which is sent tickets

	// The application traffic secrets that are in use (RFC 8446, section 7.1), and how
	// many records each direction has had under them. A server has sent its tickets.
	Read, Write                 []byte
	ReadSequence, WriteSequence uint64
}

// Session carries data for one end of a connection. It is not safe for concurrent use.
type Session struct {
	suite   *suite
	in, out half
	client  bool
	owes    bool   // the peer has asked for new keys of ours
	said    bool   // our last record has left: an alert
	useless uint8  // records and messages in a row that brought no data
	updates uint8  // of the peer's keys, in the last Receive
	message []byte // what has come of a handshake message that goes on in the next record
	ended   error  // of the peer's direction
}

// NewSession wipes the secrets that it is handed, whatever it returns. Its error says
// that the suite is not one that Supports has, or that a secret is not one of it.
func NewSession(k Keys) (*Session, error) {
	defer clear(k.Read)
	defer clear(k.Write)
	suite, err := suiteOf(k.Suite)
	if err != nil {
		return nil, err
	}
	s := &Session{suite: suite, client: k.Client}
	err = s.in.begin(suite, k.Read, k.ReadSequence)
	if err == nil {
		err = s.out.begin(suite, k.Write, k.WriteSequence)
	}
	if err != nil {
		s.Wipe()
		return nil, err
	}
	return s, nil
}

// Wipe ends the session in both directions, and overwrites the secrets that it holds.
// What Go's ciphers have made of them is the collector's.
func (s *Session) Wipe() {
	s.in.wipe()
	s.out.wipe()
	clear(s.message)
	s.message = nil
	s.said = true
	if s.ended == nil {
		s.ended = net.ErrClosed
	}
}
