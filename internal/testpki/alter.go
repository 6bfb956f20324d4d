package testpki

import (
	"bytes"
	"fmt"
	"iter"
)

// Alter yields what comes of one element in DER if any of those that it is made
// of is altered, each in each way: more at its end, less in it, another tag,
// nothing in it. The text says which and how, such as "0.2.1 another tag". It
// yields nothing for what is not one element.
func Alter(der []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		nodes, ok := grow(der)
		if !ok || len(nodes) != 1 || !bytes.Equal(nodes[0].encode(), der) {
			return
		}
		on := true
		nodes[0].walk("0", func(place string, n *node) {
			for _, a := range alterations {
				undo, ok := a.alter(n)
				var altered []byte
				if ok && on {
					altered = nodes[0].encode()
				}
				undo()
				if ok && on {
					on = yield(place+" "+a.name, altered)
				}
			}
		})
	}
}

// node is an element in DER: a leaf with its content, or a branch. An OCTET
// STRING or BIT STRING around a SEQUENCE is a branch too, behind its prefix.
type node struct {
	tag      byte
	prefix   []byte
	content  []byte // of a leaf
	children []*node
	branch   bool
}

// grow reads elements; ok is false if they are not whole.
func grow(data []byte) (nodes []*node, ok bool) {
	for len(data) > 0 {
		if len(data) < 2 || data[0]&0x1f == 0x1f {
			return nil, false
		}
		size, at := int(data[1]), 2
		if size >= 0x80 {
			for at = 2; at < 2+int(data[1]&0x7f); at++ {
				if at >= len(data) {
					return nil, false
				}
				if at == 2 {
					size = 0
				}
				size = size<<8 | int(data[at])
			}
		}
		if size < 0 || len(data) < at+size {
			return nil, false
		}
		n := &node{tag: data[0], content: data[at : at+size]}
		inner := n.content
		switch {
		case n.tag == 3 && size > 2 && inner[0] == 0 && inner[1] == 0x30:
			n.prefix, inner = inner[:1], inner[1:]
			n.children, n.branch = grow(inner)
		case n.tag == 4 && size > 1 && inner[0] == 0x30, n.tag&0x20 != 0:
			n.children, n.branch = grow(inner)
		}
		if !n.branch {
			n.prefix = nil
		}
		nodes, data = append(nodes, n), data[at+size:]
	}
	return nodes, true
}

// encode writes it again.
func (n *node) encode() []byte {
	content := n.content
	if n.branch {
		content = bytes.Clone(n.prefix)
		for _, child := range n.children {
			content = append(content, child.encode()...)
		}
	}
	size := len(content)
	switch {
	case size < 0x80:
		return append([]byte{n.tag, byte(size)}, content...)
	case size < 0x100:
		return append([]byte{n.tag, 0x81, byte(size)}, content...)
	}
	return append([]byte{n.tag, 0x82, byte(size >> 8), byte(size)}, content...)
}

// walk visits a node and all below it, with its place, such as 0.3.1.
func (n *node) walk(place string, visit func(place string, n *node)) {
	visit(place, n)
	for i, child := range n.children {
		child.walk(fmt.Sprintf("%s.%d", place, i), visit)
	}
}

// alterations are what is done to each node.
var alterations = []struct {
	name  string
	alter func(*node) (undo func(), ok bool)
}{
	{"more at its end", func(n *node) (func(), bool) {
		n.children = append(n.children, &node{tag: 5})
		return func() { n.children = n.children[:len(n.children)-1] }, n.branch
	}},
	{"without its first", func(n *node) (func(), bool) {
		was := n.children
		n.children = n.children[min(1, len(was)):]
		return func() { n.children = was }, n.branch && len(was) > 0
	}},
	{"without its last", func(n *node) (func(), bool) {
		was := n.children
		n.children = n.children[:max(0, len(was)-1)]
		return func() { n.children = was }, n.branch && len(was) > 1
	}},
	{"another tag", func(n *node) (func(), bool) {
		was := n.tag
		n.tag = was&0x20 | 0xde // private, and of no standard
		return func() { n.tag = was }, true
	}},
	{"empty", func(n *node) (func(), bool) {
		content, branch := n.content, n.branch
		n.content, n.branch = nil, false
		return func() { n.content, n.branch = content, branch }, len(content) > 0
	}},
}
