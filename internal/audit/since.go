package audit

import (
	"io/fs"

	"github.com/signet-tls/signet/fault"
)

// Since gives the entries of a log, with their numbers, that came after a checkpoint which was kept of
// it. The log has to be as it was written, and to go on from the checkpoint.
func Since(log fs.FS, checkpoint []byte, each func(n int64, entry Entry)) error {
	c := &checker{log: log, report: &Report{Problems: []Problem{}}, heads: map[int64][]head{}}
	if err := c.open(checkpoint); err != nil {
		return err
	}
	if len(c.report.Problems) == 0 {
		if err := c.check(); err != nil {
			return err
		}
	}
	if len(c.report.Problems) > 0 {
		return fault.New(c.report.Problems[0].Code, "the audit log cannot tell: %s", c.report.Problems[0].Text).WithHint(verifyHint)
	}
	return c.each(func(n int64, raw []byte, _ string) error {
		if n < *c.report.Since {
			return nil
		}
		entry, err := decode(raw)
		if err == nil {
			each(n, entry)
		}
		return err
	})
}
