package fetch

import (
	"context"
	"net/netip"
	"slices"
	"syscall"

	"github.com/signet-tls/signet/fault"
)

// notPublic are the networks that the IANA registries of special-purpose addresses
// name as not globally reachable, and those of multicast.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

// translated are IPv4 addresses as hosts without IPv4 see them (RFC 6052).
var translated = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// isPublic reports whether anybody on the internet may have the address.
func isPublic(address netip.Addr) bool {
	if translated.Contains(address) {
		whole := address.As16()
		address = netip.AddrFrom4([4]byte(whole[12:]))
	}
	return address.IsValid() && !slices.ContainsFunc(notPublic, func(network netip.Prefix) bool { return network.Contains(address) })
}

// allowed refuses addresses at the moment at which they are dialed, so that no name
// and no redirect leads elsewhere.
func allowed(private []netip.Prefix) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		dialed, _ := netip.ParseAddrPort(address) // the zero address is not public
		to := dialed.Addr().Unmap().WithZone("")
		if isPublic(to) || slices.ContainsFunc(private, func(network netip.Prefix) bool { return network.Contains(to) }) {
			return nil
		}
		return fault.New(AddressRefused, "it leads to %s, which is no public address", to).
			WithHint("if the authority is your own, allow the network of %s; else do not trust the certificate that names the URL", to)
	}
}
