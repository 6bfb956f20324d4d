package fetch

import (
	"net/netip"
	"testing"
)

func TestIsPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"1.1.1.1": true, "9.255.255.255": true, "11.0.0.0": true, "100.63.255.255": true, "100.128.0.0": true, "126.255.255.255": true, "128.0.0.0": true,
		"169.253.255.255": true, "169.255.0.0": true, "172.15.255.255": true, "172.32.0.0": true, "192.167.255.255": true, "192.169.0.0": true, "223.255.255.255": true,
		"0.0.0.0": false, "10.0.0.0": false, "10.255.255.255": false, "100.64.0.1": false, "127.0.0.1": false, "127.255.255.255": false, "169.254.169.254": false,
		"172.16.0.0": false, "172.31.255.255": false, "192.0.0.8": false, "192.0.2.1": false, "192.168.1.1": false, "198.19.255.255": false, "198.51.100.1": false,
		"203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false,
		"2606:4700::1111": true, "2a00::1": true, "2001:4860:4860::8888": true,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:1.1.1.1": false, "fc00::1": false, "fdff::1": false, "fe80::1": false, "febf::1": false,
		"fec0::1": false, "ff02::1": false, "100::1": false, "2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "3fff::1": false, "5f00::1": false,
		"64:ff9b::1.1.1.1": true, "64:ff9b::127.0.0.1": false, "64:ff9b::10.0.0.1": false, "64:ff9b:1::1.1.1.1": false,
	} {
		if have := isPublic(netip.MustParseAddr(text)); have != want {
			t.Errorf("%s: have %v, want %v", text, have, want)
		}
	}
	if isPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// TestAllowed: addresses are compared as those that they are.
func TestAllowed(t *testing.T) {
	check := allowed([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fe80::/10")})
	for address, want := range map[string]bool{
		"10.1.2.3:80": true, "[::ffff:10.1.2.3]:80": true, "10.2.0.0:80": false, "[fe80::1%eth0]:443": true, "[fd00::1]:443": false, "1.1.1.1:22": true, "/run/socket": false,
	} {
		if err := check(t.Context(), "", address, nil); (err == nil) != want {
			t.Errorf("%s: have %v, want allowed %v", address, err, want)
		}
	}
}
