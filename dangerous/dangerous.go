// Package dangerous makes the values that switch a protection off. Nothing else
// can make them, so that an import of this package is what a reviewer looks for.
package dangerous

// Legacy is a permission to accept what is no longer safe, for the sake of
// certificates of long ago. The zero value permits nothing.
type Legacy struct{ name string }

// The permissions.

// SHA1 permits signatures by SHA-1, which can be forged.
func SHA1() Legacy { return Legacy{"SHA-1"} }

// DSA permits keys and signatures by DSA, which is no longer used.
func DSA() Legacy { return Legacy{"DSA"} }

// V1Roots permits anchors of version 1, which cannot say that they are
// authorities.
func V1Roots() Legacy { return Legacy{"version 1 roots"} }

// CommonName permits a host's name in the common name of a certificate without
// any alternative names, where name constraints do not reach it.
func CommonName() Legacy { return Legacy{"common name"} }

// HugeKeys permits RSA keys of more than 8,192 bits and public exponents above
// 65,537, which cost much to compute with.
func HugeKeys() Legacy { return Legacy{"huge RSA keys"} }

// String names the permission.
func (l Legacy) String() string { return l.name }
