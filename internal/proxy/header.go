package proxy

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/signet-tls/signet/spiffeid"
)

// Parts of a PROXY protocol header of version 2 (HAProxy, "The PROXY protocol",
// section 2.2).
const (
	headerSignature = "\r\n\r\n\x00\r\nQUIT\n"
	headerProxy     = 0x21 // version 2, command PROXY
	headerTCP4      = 0x11
	headerTCP6      = 0x21
	headerUnknown   = 0x00
	tlvUniqueID     = 0x05
	tlvSSL          = 0x20
	tlvSSLVersion   = 0x21
	tlvIdentity     = 0xE0 // of the range for one's own use: the client's SPIFFE ID
)

// tlsClient is the beginning of the TLV about TLS: the client came over TLS (1) and
// showed a certificate on this connection (2), which was verified (four zeros).
const tlsClient = "\x03\x00\x00\x00\x00"

// proxyHeader tells a program who connects, from where and to where, and the
// connection's ID.
func proxyHeader(from, to net.Addr, who spiffeid.ID, id string) []byte {
	family, body := headerAddresses(from, to)
	body = tlv(body, tlvUniqueID, id)
	body = tlv(body, tlvSSL, tlsClient+string(tlv(nil, tlvSSLVersion, "TLSv1.3")))
	body = tlv(body, tlvIdentity, who.String())
	header := append([]byte(headerSignature), headerProxy, family)
	header = binary.BigEndian.AppendUint16(header, uint16(len(body))) // an ID has 2,048 bytes at most
	return append(header, body...)
}

func headerAddresses(from, to net.Addr) (family byte, body []byte) {
	source, destination := addrPort(from), addrPort(to)
	switch {
	case source.Addr().Is4() && destination.Addr().Is4():
		family = headerTCP4
	case source.Addr().Is6() && destination.Addr().Is6():
		family = headerTCP6
	default:
		return headerUnknown, nil
	}
	body = append(body, source.Addr().AsSlice()...)
	body = append(body, destination.Addr().AsSlice()...)
	body = binary.BigEndian.AppendUint16(body, source.Port())
	return family, binary.BigEndian.AppendUint16(body, destination.Port())
}

func addrPort(address net.Addr) netip.AddrPort {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

func tlv(to []byte, kind byte, value string) []byte {
	to = append(to, kind)
	to = binary.BigEndian.AppendUint16(to, uint16(len(value)))
	return append(to, value...)
}
