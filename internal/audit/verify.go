package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/tlog"
	"github.com/signet-tls/signet/verify"
)

// Question is what a log is to be held against, besides itself.
type Question struct {
	Since []byte       // a checkpoint that was kept; nil: none
	Roots verify.Roots // whom to believe about the proxies' certificates; zero: their chains are not looked at
}

// Report is what verifying a log found.
type Report struct {
	Origin     string       `json:"origin"`
	Size       int64        `json:"entries"`
	Head       string       `json:"root,omitempty"` // of the tree with all of them, in base64
	Kinds      map[Kind]int `json:"kinds,omitempty"`
	Proxies    int          `json:"proxies"`
	Signatures int          `json:"signatures"`           // of batches, that are right
	Losses     int          `json:"losses,omitempty"`     // events that proxies had no room for, as they said
	Unfinished int          `json:"unfinished,omitempty"` // bytes of a write that broke off, or was cut off
	Since      *int64       `json:"since,omitempty"`      // entries of the checkpoint that was kept
	Problems   []Problem    `json:"problems"`
	More       int          `json:"more_problems,omitempty"` // that are not listed

	checkpoint []byte // as it was signed, of Size entries
}

// Checkpoint returns the signed checkpoint of all entries, to be kept.
func (r *Report) Checkpoint() []byte { return r.checkpoint }

// Problem is something that is not as it was written.
type Problem struct {
	Code  fault.Code `json:"code"`
	File  string     `json:"file,omitempty"`  // below the log's folder
	Entry *int64     `json:"entry,omitempty"` // the first that is concerned
	Text  string     `json:"text"`
	Want  string     `json:"want,omitempty"` // what should be there
}

const (
	maxProblems = 100
	attempts    = 5 // while the log is being written
)

// Verify holds a log against itself and the question. The error is of a log
// that could not be read; what is wrong with one that could stands in the
// report.
func Verify(log fs.FS, q Question) (*Report, error) {
	for attempt := 1; ; attempt++ {
		before, err := readFile(log, checkpointFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, notRead(err)
		}
		r, err := verifyOnce(log, q)
		if err != nil || len(r.Problems) == 0 || attempt == attempts {
			return r, err
		}
		// Tiles may have been replaced while they were read.
		if after, err := readFile(log, checkpointFile); err != nil || bytes.Equal(before, after) {
			return r, nil
		}
	}
}

func verifyOnce(log fs.FS, q Question) (*Report, error) {
	c := &checker{log: log, report: &Report{Problems: []Problem{}}, heads: map[int64][]head{}}
	if err := c.open(q.Since); err != nil {
		return nil, err
	}
	if len(c.report.Problems) == 0 {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	if len(c.report.Problems) == 0 {
		if err := c.meaning(q.Roots); err != nil {
			return nil, err
		}
	}
	return c.report, nil
}

// checker verifies one log.
type checker struct {
	log      fs.FS
	report   *Report
	verifier tlog.Verifier
	last     tlog.Checkpoint  // of the tiles
	heads    map[int64][]head // checkpoints by their size
	blocks   []journalBlock
	tree     *tlog.Tree

	hashes  []tlog.Hash              // of the leaves from keepFrom on
	raws    [][]byte                 // the same entries; nil where one cannot be read
	keep    int64                    // the first of them
	edge    map[[2]int64][]tlog.Hash // by level and number: tiles behind the checkpoint's
	written map[string]bool          // tiles and bundles that were compared
}

// head is a checkpoint, and where it is from.
type head struct {
	root tlog.Hash
	file string // "" for the one that was kept
	at   int    // byte
}

// journalBlock is a block of the journal, and where it is.
type journalBlock struct {
	block
	file string
	at   int
}

// problem notes one; entry is -1 for none.
func (c *checker) problem(code fault.Code, file string, entry int64, want, format string, args ...any) {
	if len(c.report.Problems) == maxProblems {
		c.report.More++
		return
	}
	p := Problem{Code: code, File: file, Text: fmt.Sprintf(format, args...), Want: want}
	if entry >= 0 {
		p.Entry = &entry
	}
	c.report.Problems = append(c.report.Problems, p)
}

// open reads the key, the checkpoints and the journal.
func (c *checker) open(since []byte) error {
	entries, err := fs.ReadDir(c.log, ".")
	if err != nil {
		return notRead(err)
	}
	known := func(e fs.DirEntry) bool {
		return slices.Contains([]string{checkpointFile, verifierFile, "tile", journalFolder}, e.Name())
	}
	if !slices.ContainsFunc(entries, known) {
		return fault.New(Missing, "there is no audit log in this folder").WithHint("name the data folder of an authority, or its folder %s", Folder)
	}
	public, err := c.read(verifierFile)
	if err != nil {
		return err
	}
	if c.verifier, err = tlog.ParseVerifier(string(public)); err != nil || !bytes.HasSuffix(public, []byte("\n")) {
		c.problem(Damaged, verifierFile, -1, "the public key of the log", "it holds no key, or not as it was written")
		return nil
	}
	c.report.Origin = c.verifier.Origin()
	signed, err := c.read(checkpointFile)
	if err != nil {
		return err
	}
	if c.last, err = c.verifier.Open(signed); err != nil {
		c.problem(Damaged, checkpointFile, -1, "the last checkpoint, signed by "+c.report.Origin, "it is missing or not as it was signed")
		return nil
	}
	c.report.checkpoint = signed
	c.heads[c.last.Size] = append(c.heads[c.last.Size], head{c.last.Root, checkpointFile, 0})
	if since != nil {
		kept, err := c.verifier.Open(since)
		if err != nil {
			return err
		}
		c.report.Since = &kept.Size
		c.heads[kept.Size] = append(c.heads[kept.Size], head{root: kept.Root})
	}
	return c.openJournal()
}

// openJournal reads the blocks. A damaged one hides what is behind it in its
// segment.
func (c *checker) openJournal() error {
	names, err := fs.ReadDir(c.log, journalFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return notRead(err)
	}
	found := 0
	for i, name := range names {
		path := journalFolder + "/" + name.Name()
		if leftover(path) {
			continue
		}
		if _, ok := parseSegmentName(path); !ok {
			c.problem(Damaged, path, -1, "", "it is no part of the journal")
			continue
		}
		found++
		data, err := c.read(path)
		if err != nil {
			return err
		}
		c.readSegment(data, path, i == len(names)-1)
	}
	if found == 0 {
		c.problem(Damaged, journalFolder, c.last.Size, "", "the journal is missing, and whatever it held")
	}
	return nil
}

func (c *checker) readSegment(data []byte, path string, last bool) {
	next, _ := parseSegmentName(path)
	for at := 0; at < len(data); {
		b, rest, err := cutBlock(data[at:], int64(at))
		if errors.Is(err, errTorn) && last {
			c.report.Unfinished = len(data) - at
			return
		}
		if err != nil || b.first != next {
			c.problem(Damaged, path, next, "", "at byte %d: %s", at, blockFault(err, b.first))
			return
		}
		signed, err := c.verifier.Open(b.signed)
		next += int64(len(b.entries))
		if err != nil || signed.Size != next {
			c.problem(Damaged, path, b.first, "a checkpoint of "+fmt.Sprint(next)+" entries", "at byte %d: the checkpoint of the block is not as it was signed", at)
			return
		}
		c.heads[next] = append(c.heads[next], head{signed.Root, path, at})
		c.blocks = append(c.blocks, journalBlock{b, path, at})
		c.report.checkpoint = b.signed
		at = len(data) - len(rest)
	}
}

// blockFault says what is wrong with a block.
func blockFault(err error, first int64) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("a block begins with entry %d", first)
}

// read returns a file of the log; one that is missing is empty.
func (c *checker) read(path string) ([]byte, error) {
	data, err := readFile(c.log, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, notRead(err)
	}
	return data, nil
}

func readFile(log fs.FS, path string) ([]byte, error) {
	file, err := log.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return data, err
}

func notRead(err error) error {
	return fault.Wrap(err, Unreadable, "the audit log cannot be read").WithHint("run the command as the folder's owner")
}
