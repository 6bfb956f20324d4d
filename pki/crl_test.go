package pki_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// The parts of a list by hand, in DER.
var (
	crlAlgorithm = tlv(0x30, tlv(6, "\x2a\x86\x48\xce\x3d\x04\x03\x02"))
	crlTime      = tlv(0x17, "270121100000Z")
	crlIssuer    = dn("L")
)

// dn is a name with one common name.
func dn(common string) string {
	return tlv(0x30, tlv(0x31, tlv(0x30, tlv(6, "\x55\x04\x03")+tlv(12, common))))
}

// crlOf is a list with this in the place of its entries and extensions.
func crlOf(rest string) string {
	return crlOfTBS("\x02\x01\x01" + crlAlgorithm + crlIssuer + crlTime + rest)
}

func crlOfTBS(tbs string) string {
	return tlv(0x30, tlv(0x30, tbs)+crlAlgorithm+tlv(3, "\x00\x30\x00"))
}

// entry is one of a list, with these extensions.
func entry(serial string, extensions ...string) string {
	all := ""
	if extensions != nil {
		all = tlv(0x30, strings.Join(extensions, ""))
	}
	return tlv(0x30, tlv(2, serial)+crlTime+all)
}

func ext(oid, critical, value string) string {
	return tlv(0x30, tlv(6, oid)+critical+tlv(4, value))
}

const yes = "\x01\x01\xff"

// issuerExt names certificate issuers.
func issuerExt(names ...string) string {
	return ext("\x55\x1d\x1d", yes, tlv(0x30, strings.Join(names, "")))
}

func dirName(name string) string { return tlv(0xa4, name) }

func parseCRL(t *testing.T, der string) *pki.RevocationList {
	t.Helper()
	lists, err := pki.ParseRevocationLists([]byte(der))
	if err != nil || len(lists) != 1 {
		t.Fatalf("have %d lists, %v", len(lists), err)
	}
	return lists[0]
}

func TestRevocationListForms(t *testing.T) {
	later := tlv(0x18, "20500101000000Z")
	tests := []struct {
		name, tbs string
		version   int
		next      time.Time
		entries   int
	}{
		{"least", crlAlgorithm + crlIssuer + crlTime, 1, time.Time{}, 0},
		{"version 2", "\x02\x01\x01" + crlAlgorithm + crlIssuer + crlTime, 2, time.Time{}, 0},
		{"next update", crlAlgorithm + crlIssuer + crlTime + crlTime, 1, now, 0},
		{"next update from 2050 on", crlAlgorithm + crlIssuer + crlTime + later, 1, time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{"empty list of entries", crlAlgorithm + crlIssuer + crlTime + tlv(0x30, ""), 1, time.Time{}, 0},
		{"entries without next update", crlAlgorithm + crlIssuer + crlTime + tlv(0x30, entry("\x01")+entry("\x02")), 1, time.Time{}, 2},
		{"empty extensions", crlAlgorithm + crlIssuer + crlTime + tlv(0xa0, tlv(0x30, "")), 1, time.Time{}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list := parseCRL(t, crlOfTBS(test.tbs))
			if list.Version() != test.version || !list.ThisUpdate().Equal(now) || !list.NextUpdate().Equal(test.next) || list.Len() != test.entries || list.Issuer().String() != "CN=L" {
				t.Errorf("version %d, %v, %v, %d entries of %q", list.Version(), list.ThisUpdate(), list.NextUpdate(), list.Len(), list.Issuer())
			}
			number, _ := list.Number()
			base, _ := list.Base()
			point, _ := list.IssuingPoint()
			id, _ := list.AuthorityKeyID()
			fresh, _ := list.FreshestCRL()
			if number != nil || base != nil || point != nil || id != nil || fresh != nil || len(list.Extensions()) != 0 || list.Malformed() != nil || list.CriticalUnknown() != nil {
				t.Error("extensions where there are none")
			}
			if _, ok := list.Lookup(list.Issuer(), big.NewInt(3)); ok {
				t.Error("found what is not there")
			}
		})
	}
}

func TestRevocationListRefused(t *testing.T) {
	good := crlOf(tlv(0x30, entry("\x01")))
	one := func(e string) string { return crlOf(tlv(0x30, e)) }
	tests := []struct{ name, data, says string }{
		{"a byte too many", good + "\x00", "no valid revocation list at byte "},
		{"cut short", good[:len(good)-1], "no valid revocation list at byte 0"},
		{"no signature", tlv(0x30, tlv(0x30, crlAlgorithm+crlIssuer+crlTime)+crlAlgorithm), "no valid signature"},
		{"more behind the signature", tlv(0x30, tlv(0x30, crlAlgorithm+crlIssuer+crlTime)+crlAlgorithm+tlv(3, "\x00")+"\x05\x00"), "the revocation list goes on"},
		{"no time", crlOfTBS(crlAlgorithm + crlIssuer), "no valid this update"},
		{"no issuer", crlOfTBS(crlAlgorithm), "no valid issuer"},
		{"no such day", crlOfTBS(crlAlgorithm + crlIssuer + crlTime + tlv(0x17, "270230100000Z")), "no valid time of next update"},
		{"more behind the extensions", crlOf(tlv(0xa0, tlv(0x30, "")) + "\x05\x00"), "revocation list's contents goes on"},
		{"more in the extensions", crlOf(tlv(0xa0, tlv(0x30, "")+"\x05\x00")), "the extensions goes on"},
		{"entry that is none", one("\x05\x00"), "no valid revoked certificate"},
		{"entry without a date", one(tlv(0x30, "\x02\x01\x01")), "no valid revocation at byte"},
		{"entry with a serial number too long", one(entry("\x00\x01")), "no valid number of serial number"},
		{"entry with more", one(tlv(0x30, tlv(2, "\x01")+crlTime+tlv(0x30, "")+"\x05\x00")), "a revoked certificate goes on"},
		{"entry with extensions that are none", one(tlv(0x30, tlv(2, "\x01")+crlTime+"\x05\x00")), "no valid extensions of a revoked certificate"},
		{"entry with a broken extension", one(entry("\x01", "\x30\x00")), "no valid extension"},
		{"certificate issuer of no name", one(entry("\x01", issuerExt())), "no name in certificate issuer"},
		{"certificate issuer of no directory name", one(entry("\x01", issuerExt(tlv(0x82, "a")))), "not one certificate issuer"},
		{"certificate issuer of an empty name", one(entry("\x01", issuerExt(dirName(tlv(0x30, ""))))), "not one certificate issuer"},
		{"two certificate issuers", one(entry("\x01", issuerExt(dirName(dn("A"))), issuerExt(dirName(dn("B"))))), "not one certificate issuer"},
		{"more in a certificate issuer", one(entry("\x01", ext("\x55\x1d\x1d", yes, tlv(0x30, dirName(dn("A")))+"\x05\x00"))), "the certificate issuer goes on"},
		{"the second entry", crlOf(tlv(0x30, entry("\x01")+"\x30\x00")), "no valid number"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.ParseRevocationLists([]byte(test.data))
			if test.name == "the second entry" {
				wantFault(t, err, pki.CRLUnreadable, "unreadable revocation list: no valid serial number at byte")
				return
			}
			wantFault(t, err, pki.CRLUnreadable, test.says)
		})
	}
	for name, data := range map[string]string{"empty": "", "a list's text": "hello", "another block": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}))} {
		_, err := pki.ParseRevocationLists([]byte(data))
		wantFault(t, err, pki.NoCRL, "there is no revocation list")
		_ = name
	}
	_, err := pki.ParseRevocationLists(make([]byte, pki.MaxCRL+1))
	wantFault(t, err, pki.InputTooLarge, "67108865 bytes are more than the 67108864")
	_, err = pki.ParseRevocationLists(make([]byte, pki.MaxCRL))
	wantFault(t, err, pki.NoCRL, "neither PEM nor DER")
}

func TestManyRevocationLists(t *testing.T) {
	one, two := crlOf(tlv(0x30, entry("\x01"))), crlOf("")
	for name, data := range map[string]string{
		"DER": one + two,
		"PEM": string(parseCRL(t, one).PEM()) + "text\n" + string(parseCRL(t, two).PEM()),
	} {
		lists, err := pki.ParseRevocationLists([]byte(data))
		if err != nil || len(lists) != 2 || string(lists[0].Raw()) != one || string(lists[1].Raw()) != two {
			t.Errorf("%s: %d lists, %v", name, len(lists), err)
		}
	}
	_, err := pki.ParseRevocationLists(append(parseCRL(t, one).PEM(), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL"})...))
	wantFault(t, err, pki.CRLUnreadable, "of the input): unreadable revocation list")
}

// TestLookup has an indirect list whose entries carry on whom they are about.
func TestLookup(t *testing.T) {
	list := parseCRL(t, crlOf(tlv(0x30, strings.Join([]string{
		entry("\x01"),
		entry("\x02", ext("\x55\x1d\x15", "", "\x0a\x01\x01")),
		entry("\x01", issuerExt(dirName(dn("A")))),
		entry("\x03", ext("\x55\x1d\x15", "", "\x0a\x01\x04")),
		entry("\x01", issuerExt(tlv(0x82, "b.example"), dirName(dn("B")), dirName(dn("C")))),
		entry("\x00\x80"),
		entry("\xff"),
		entry("\x00"),
		entry("\x05", issuerExt(dirName(crlIssuer))),
		entry("\x05", ext("\x55\x1d\x15", "", "\x0a\x01\x02")),
	}, ""))))
	name := func(common string) pki.Name { return parseCRL(t, crlOfTBS(crlAlgorithm+dn(common)+crlTime)).Issuer() }
	tests := []struct {
		issuer string
		serial int64
		reason pki.Reason // -1: not there
	}{
		{"L", 1, 0}, {"L", 2, pki.KeyCompromise}, {"L", 3, -1}, {"L", 4, -1}, {"L", 128, -1},
		{"A", 1, 0}, {"A", 3, pki.Superseded}, {"A", 2, -1},
		{"B", 1, 0}, {"C", 1, 0}, {"B", 128, 0}, {"C", -1, 0}, {"B", 0, 0}, {"B", 3, -1}, {"B", -128, -1},
		{"L", 5, 0}, {"B", 5, -1}, {"l", 1, 0}, {"a", 3, pki.Superseded}, {"a", 2, -1},
	}
	for _, test := range tests {
		found, ok := list.Lookup(name(test.issuer), big.NewInt(test.serial))
		if ok != (test.reason >= 0) {
			t.Errorf("%d of %s: %v", test.serial, test.issuer, ok)
			continue
		}
		if reason, err := found.Reason(); ok && (err != nil || reason != test.reason || found.SerialNumber().Int64() != test.serial || found.Issuer().String() != "CN="+test.issuer || !found.Date().Equal(now)) {
			t.Errorf("%d of %s is %s of %s, %v, %v", test.serial, test.issuer, found.Serial(), found.Issuer(), reason, err)
		}
	}
	var all []string
	for e := range list.Entries() {
		all = append(all, e.Issuer().String()+" "+e.Serial())
	}
	if diff := cmp.Diff([]string{"CN=L 01", "CN=L 02", "CN=A 01", "CN=A 03", "CN=B 01", "CN=B 80", "CN=B -01", "CN=B 00", "CN=L 05", "CN=L 05"}, all); diff != "" {
		t.Errorf("entries (-want +have):\n%s", diff)
	}
	for e := range list.Entries() {
		if e.Serial() != "01" {
			t.Errorf("the first entry is %s", e.Serial())
		}
		break
	}
}

func TestEntryExtensions(t *testing.T) {
	list := parseCRL(t, crlOf(tlv(0x30, strings.Join([]string{
		entry("\x01", ext("\x55\x1d\x18", "", tlv(0x18, "20270120100000Z")), ext("\x2a\x03", yes, "")),
		entry("\x02", ext("\x55\x1d\x15", "", "\x0a\x01\x07"), ext("\x2a\x03", yes, "")),
		entry("\x03", ext("\x2a\x04", "", "")),
	}, ""))+tlv(0xa0, tlv(0x30, ext("\x2a\x05", yes, "")+ext("\x55\x1d\x0f", yes, "\x03\x02\x07\x80")))))
	var entries []pki.Revocation
	for e := range list.Entries() {
		entries = append(entries, e)
	}
	if lost := testpki.Must(entries[0].InvalidityDate()); !lost.Equal(now.AddDate(0, 0, -1)) || entries[0].Malformed() != nil || len(entries[0].Extensions()) != 2 {
		t.Errorf("lost %v, %v", lost, entries[0].Malformed())
	}
	_, err := entries[1].Reason()
	wantFault(t, err, pki.ExtensionInvalid, "a reason of a revocation that does not exist")
	wantFault(t, entries[1].Malformed(), pki.ExtensionInvalid, "CRL Reason")
	if lost, err := entries[2].InvalidityDate(); !lost.IsZero() || err != nil {
		t.Errorf("lost %v, %v", lost, err)
	}
	var unknown []string
	for _, id := range list.CriticalUnknown() {
		unknown = append(unknown, id.String())
	}
	if diff := cmp.Diff([]string{"1.2.5", "2.5.29.15", "1.2.3"}, unknown); diff != "" {
		t.Errorf("critical and unknown (-want +have):\n%s", diff)
	}
	many := ""
	for i := range 9 {
		many += ext("\x2a"+string(rune(1+i)), yes, "")
	}
	if n := len(parseCRL(t, crlOf(tlv(0xa0, tlv(0x30, many)))).CriticalUnknown()); n != 8 {
		t.Errorf("%d unknown, want the first 8", n)
	}
}

func TestListExtensions(t *testing.T) {
	point := tlv(0x30, tlv(0xa0, tlv(0xa0, tlv(0x86, "http://a.example/l.crl")))+"\x82\x01\xff"+"\x83\x02\x01\x06")
	list := parseCRL(t, crlOf(tlv(0xa0, tlv(0x30, strings.Join([]string{
		ext("\x55\x1d\x14", "", "\x02\x02\x01\x00"), ext("\x55\x1d\x1b", yes, "\x02\x01\x07"), ext("\x55\x1d\x1c", yes, point),
		ext("\x55\x1d\x23", "", tlv(0x30, tlv(0x80, "key"))), ext("\x55\x1d\x2e", "", tlv(0x30, tlv(0x30, tlv(0xa0, tlv(0xa0, tlv(0x86, "http://d")))))),
	}, "")))))
	if number, base := testpki.Must(list.Number()), testpki.Must(list.Base()); number.Int64() != 256 || base.Int64() != 7 {
		t.Errorf("number %v, base %v", number, base)
	}
	have := testpki.Must(list.IssuingPoint())
	if have == nil || !have.OnlyAuthorities || have.OnlyUsers || have.Indirect || have.Reasons.String() != "Cessation Of Operation, Certificate Hold" || texts(have.Name.Full)[0] != "URI:http://a.example/l.crl" {
		t.Errorf("the scope is %+v", have)
	}
	if id := testpki.Must(list.AuthorityKeyID()); string(id.KeyID) != "key" {
		t.Errorf("the key is %q", id.KeyID)
	}
	if fresh := testpki.Must(list.FreshestCRL()); len(fresh) != 1 || len(list.Extensions()) != 5 || list.CriticalUnknown() != nil {
		t.Errorf("%d points, %v", len(fresh), list.CriticalUnknown())
	}
	broken := parseCRL(t, crlOf(tlv(0xa0, tlv(0x30, ext("\x55\x1d\x14", "", "\x05\x00")))))
	_, err := broken.Number()
	wantFault(t, err, pki.ExtensionInvalid, "CRL Number")
	wantFault(t, broken.Malformed(), pki.ExtensionInvalid, "CRL Number")
}

func TestRevocationListSignature(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	list := testpki.Must(fixture.Root.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}))
	if err := list.CheckSignatureBy(fixture.Root.Leaf().PublicKey()); err != nil {
		t.Error(err)
	}
	wantFault(t, list.CheckSignatureBy(fixture.Intermediate.Leaf().PublicKey()), pki.SignatureWrong, "not made by this key")
	x := testpki.Must(x509.ParseRevocationList(list.Raw()))
	if err := x.CheckSignatureFrom(testpki.Must(fixture.Root.Leaf().X509())); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(x.RawTBSRevocationList, list.RawTBS()) || !bytes.Equal(x.Signature, list.Signature()) || list.SignatureAlgorithm().String() != "ecdsa-with-SHA256" {
		t.Error("another signed part, signature or algorithm than crypto/x509 has")
	}
	other := strings.Replace(string(list.Raw()), crlAlgorithm, tlv(0x30, tlv(6, "\x2a\x86\x48\xce\x3d\x04\x03\x03")), 1)
	wantFault(t, parseCRL(t, other).CheckSignatureBy(fixture.Root.Leaf().PublicKey()), pki.SignatureWrong, "two algorithms of its signature")
}
