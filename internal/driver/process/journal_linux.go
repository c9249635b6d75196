package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/bargehq/barge/internal/batch"
)

// compactAt is how much a journal may grow before it is written anew.
const compactAt = 8 << 20

// record is what must be known of an attempt after the runner's death. The
// first line of a journal has only Scope.
type record struct {
	Scope   string `json:"scope,omitempty"` // where its pids mean something, see scopeOf
	Attempt string `json:"attempt,omitempty"`
	Task    string `json:"task,omitempty"` // its task id
	Removed bool   `json:"removed,omitempty"`
	Work    int    `json:"work,omitempty"` // its working directory
	// The first process; zero while it is being made. It began between two
	// moments, in milliseconds since boot, which tell it from another one of
	// the same number.
	Pid    int   `json:"pid,omitempty"`
	After  int64 `json:"after,omitempty"`
	Before int64 `json:"before,omitempty"`

	Ended     bool          `json:"ended,omitempty"`
	Code      *int32        `json:"code,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	StartedAt batch.Instant `json:"startedAt,omitempty"`
	StoppedAt batch.Instant `json:"stoppedAt,omitempty"`
	Usage     *batch.Usage  `json:"usage,omitempty"`
}

// journal is the file of records.
type journal struct {
	path, scope string

	mu    sync.Mutex // held while writing a line, which is short and not synced
	file  *os.File
	size  int64
	live  map[string]record
	stale bool // the file lacks records, or ends in a torn one
}

// openJournal reads dir's journal and says which scope it is from.
func openJournal(dir, scope string) (j *journal, before string, err error) {
	j = &journal{path: filepath.Join(dir, "journal"), scope: scope, live: map[string]record{}}
	f, err := os.Open(j.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("open journal: %w", err)
	}
	if err == nil {
		defer func() { _ = f.Close() }() // only read
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var r record
			if json.Unmarshal(lines.Bytes(), &r) != nil {
				continue // torn by a full disk or a killed runner
			}
			switch {
			case r.Scope != "":
				before = r.Scope
			case r.Removed:
				delete(j.live, r.Attempt)
			default:
				j.live[r.Attempt] = r
			}
		}
		if err := lines.Err(); err != nil {
			return nil, "", fmt.Errorf("read journal: %w", err)
		}
	}
	return j, before, j.compact()
}

// put makes r the record of its attempt. After an error the record counts
// nevertheless, and the next put tries to write it, too.
func (j *journal) put(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Removed {
		delete(j.live, r.Attempt)
	} else {
		j.live[r.Attempt] = r
	}
	if j.stale || j.size > compactAt {
		return j.compact()
	}
	n, err := j.file.Write(append(line, '\n'))
	j.size += int64(n)
	if err != nil {
		j.stale = true
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// compact writes a new file with the live records only.
func (j *journal) compact() error {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	if err := encoder.Encode(record{Scope: j.scope}); err != nil {
		return err
	}
	for _, r := range j.live {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("write journal anew: %w", err)
	}
	if _, err = f.WriteString(b.String()); err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		_ = f.Close()
		j.stale = true
		return fmt.Errorf("write journal anew: %w", err)
	}
	if j.file != nil {
		_ = j.file.Close()
	}
	// Growth counts, not size: many live attempts must not make every put a rewrite.
	j.file, j.size, j.stale = f, 0, false
	return nil
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file.Close()
}
