package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/signet-tls/signet/fault"
)

// Messages that a PostgreSQL client begins with (PostgreSQL 15, "Message
// Formats"): a length of 32 bits, itself included, and a number.
const (
	postgresStart      = 3 << 16 // version 3, any minor one
	postgresCancel     = 80877102
	postgresSSL        = 80877103
	postgresGSS        = 80877104
	postgresMaxStart   = 10_000 // bytes; MAX_STARTUP_PACKET_LENGTH
	postgresMaxAsked   = 2      // for TLS and for GSSAPI, each once
	postgresNo         = 'N'
	postgresTime       = time.Minute // until a client has begun; authentication_timeout's default
	postgresRefusal    = "28000"     // invalid_authorization_specification
	postgresHead       = 8
	postgresTLSRecord  = 0x16 // of a client that begins with TLS at once
	postgresErrorBytes = 400
)

// greetPostgres answers a PostgreSQL client's questions whether this leg can be
// encrypted, with no: it is on this machine. It returns when the client has begun
// in plain, with the beginning still to be carried.
func greetPostgres(ctx context.Context, plain *plainConn) error {
	stop := context.AfterFunc(ctx, func() { plain.SetDeadline(past) })
	defer stop()
	plain.SetDeadline(time.Now().Add(postgresTime))
	for asked := range postgresMaxAsked + 1 {
		head := make([]byte, postgresHead)
		if n, err := io.ReadFull(plain, head); n == 0 && asked > 0 && errors.Is(err, io.EOF) {
			return fault.New(PostgresWantsTLS, "the client program wants TLS on the way to the door, which is on its own machine, and got none").
				WithHint("connect with sslmode=disable: TLS begins behind the door")
		} else if err != nil {
			return notPostgres(err, "the client program broke off, or said nothing")
		}
		length, number := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		switch {
		case length == postgresHead && (number == postgresSSL || number == postgresGSS):
			if _, err := plain.Write([]byte{postgresNo}); err != nil {
				return err
			}
		case length >= postgresHead && length <= postgresMaxStart && (number>>16 == postgresStart>>16 || number == postgresCancel):
			plain.head = head
			plain.SetDeadline(time.Time{})
			return ctx.Err()
		case head[0] == postgresTLSRecord:
			return notPostgres(nil, "the client program began with TLS, which this door does not speak")
		default:
			return notPostgres(nil, "the client program does not speak PostgreSQL's protocol")
		}
	}
	return notPostgres(nil, "the client program goes on asking for TLS")
}

func notPostgres(err error, message string) error {
	return &fault.Error{Code: NotPostgres, Err: err, Message: message,
		Hint: "connect to this door with a PostgreSQL client, and sslmode=prefer or disable"}
}

// refusePostgres tells a client that has begun, in its own protocol, why it may not
// go on. It is on this machine, and its user's.
func refusePostgres(ctx context.Context, plain *plainConn, why error) {
	stop := context.AfterFunc(ctx, func() { plain.Abort() })
	defer stop()
	plain.SetDeadline(time.Now().Add(time.Second))
	rest := int64(binary.BigEndian.Uint32(plain.head)) // what is not read would have the end be a reset
	io.CopyN(io.Discard, plain, rest)
	text := why.Error()
	message := "SFATAL\x00VFATAL\x00C" + postgresRefusal + "\x00Msignet: " + fault.Printable(text, postgresErrorBytes) + "\x00\x00"
	packet := binary.BigEndian.AppendUint32([]byte{'E'}, uint32(4+len(message)))
	plain.Write(append(packet, message...))
	plain.Close()
}
