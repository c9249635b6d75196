package batch

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// JobID names a job. It prints as a UUID.
type JobID [16]byte

// NewJobID returns a fresh id. It has the form of a version 4 UUID, which is
// what AWS returns, but its first 48 bits are the moment, so that ids made one
// after another are neighbours in the store's index; the other 74 free bits are
// random. See docs/adr/0004-job-ids.md.
func NewJobID(now Instant) JobID {
	var id JobID
	_, _ = rand.Read(id[6:]) // never fails: crypto/rand crashes the program instead
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// String prints the id as a UUID.
func (id JobID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// ParseJobID reads the form that String prints. It says false for anything else.
func ParseJobID(s string) (JobID, bool) {
	var id JobID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	h := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	if _, err := hex.Decode(id[:], []byte(h)); err != nil {
		return JobID{}, false
	}
	return id, true
}

// JobRef names a job, one child of an array job or one node of a multi-node
// parallel job.
type JobRef struct {
	ID JobID
	// Child is the array index plus one of a child, minus one minus the index of
	// a node of a multi-node parallel job, and zero for any other job.
	Child int32
}

// ChildRef names the child of array job id with the given zero-based index.
func ChildRef(id JobID, index int) JobRef { return JobRef{ID: id, Child: int32(index) + 1} }

// NodeRef names the node of multi-node parallel job id with the given
// zero-based index.
func NodeRef(id JobID, index int) JobRef { return JobRef{ID: id, Child: -int32(index) - 1} }

// Index returns the zero-based array index of a child.
func (r JobRef) Index() (index int, ok bool) { return int(r.Child) - 1, r.Child > 0 }

// Node returns the zero-based index of a node of a multi-node parallel job.
func (r JobRef) Node() (index int, ok bool) { return -int(r.Child) - 1, r.Child < 0 }

// Parent returns the job of a child or node, and r itself for any other job.
func (r JobRef) Parent() JobRef { return JobRef{ID: r.ID} }

// String prints `uuid`, `uuid:index` for a child of an array or `uuid#index`
// for a node, as AWS does.
func (r JobRef) String() string {
	if i, ok := r.Index(); ok {
		return r.ID.String() + ":" + strconv.Itoa(i)
	}
	if i, ok := r.Node(); ok {
		return r.ID.String() + "#" + strconv.Itoa(i)
	}
	return r.ID.String()
}

// ParseJobRef reads the form that String prints.
func ParseJobRef(s string) (JobRef, bool) {
	uuid, index, ref := s, "", ChildRef
	if i := strings.IndexAny(s, ":#"); i >= 0 {
		uuid, index = s[:i], s[i+1:]
		if s[i] == '#' {
			ref = NodeRef
		}
	}
	id, ok := ParseJobID(uuid)
	if !ok {
		return JobRef{}, false
	}
	if len(uuid) == len(s) {
		return JobRef{ID: id}, true
	}
	n, err := strconv.ParseUint(index, 10, 30)
	if err != nil || strconv.FormatUint(n, 10) != index {
		return JobRef{}, false
	}
	return ref(id, int(n)), true
}

// AttemptID names one try to run a job. Everything a driver does is keyed by
// it, so that doing it twice does it once.
type AttemptID struct {
	Job    JobRef
	Number int // from 1
}

// String prints `uuid/1`, `uuid:index/1` or `uuid#index/1`.
func (a AttemptID) String() string { return a.Job.String() + "/" + strconv.Itoa(a.Number) }

// ParseAttemptID reads the form that String prints.
func ParseAttemptID(s string) (AttemptID, bool) {
	job, number, ok := strings.Cut(s, "/")
	if !ok {
		return AttemptID{}, false
	}
	ref, ok := ParseJobRef(job)
	if !ok {
		return AttemptID{}, false
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 {
		return AttemptID{}, false
	}
	return AttemptID{Job: ref, Number: int(n)}, true
}

// Whole is the attempt of the job that a node's attempt belongs to, and a itself
// for any other.
func (a AttemptID) Whole() AttemptID {
	if _, node := a.Job.Node(); node {
		a.Job = a.Job.Parent()
	}
	return a
}

// TaskID is the attempt's ECS task id: 32 hexadecimal digits, derived from the
// attempt, so that it needs no storage. It names log streams, containers and
// directories.
func (a AttemptID) TaskID() string {
	sum := sha256.Sum256([]byte(a.String()))
	return hex.EncodeToString(sum[:16])
}

// GoString helps test failures.
func (a AttemptID) GoString() string { return fmt.Sprintf("attempt %s", a.String()) }
