package audit

import (
	"github.com/signet-tls/signet/tlog"
)

// each gives every entry of a log whose files were compared.
func (c *checker) each(use func(n int64, raw []byte, file string) error) error {
	for n := int64(0); n*tlog.TileWidth < c.last.Size; n++ {
		width := c.width(0, n)
		place := tlog.Path(tlog.Entries, n, width)
		data, err := c.read(place)
		if err != nil {
			return err
		}
		entries, err := tlog.ParseBundle(data, width)
		if err != nil {
			return err // it was there a moment ago
		}
		for i, raw := range entries {
			if err := use(n*tlog.TileWidth+int64(i), raw, place); err != nil {
				return err
			}
		}
	}
	for _, b := range c.blocks {
		for i, raw := range b.entries {
			if n := b.first + int64(i); n >= c.last.Size {
				if err := use(n, raw, b.file); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
