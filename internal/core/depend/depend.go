// Package depend says what a job that depends on others still waits for. It
// owns the links from a job to those it depends on, how they have ended as far
// as that is known, and sets of children of array jobs.
//
// A [Waits] has the links of one job. A plain link is met when the job at its
// other end has succeeded; an N_TO_N link goes from each child of an array to
// the child with the same index of another array of the same size. Sequential
// arrays, where each child waits for the one before it, need no link.
//
// A [Set] holds indices of children as sorted spans. Arrays start their children
// in order, so a set that describes one is as long as its children are out of
// order: about as many spans as children run at once, however large the array.
//
// Nothing here knows jobs, queues or time; the core calls it from Step and
// Place. Ids are [batch.JobRef], indices count from 0.
package depend

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// Outcome is what is known of the job at the other end of a link. The values
// are stored, so their numbers are fixed.
type Outcome uint8

// The outcomes.
const (
	Open Outcome = iota // it has not ended
	Succeeded
	Failed
)

// OutcomeOf returns the outcome that a state amounts to.
func OutcomeOf(s batch.JobState) Outcome {
	switch s {
	case batch.Succeeded:
		return Succeeded
	case batch.Failed:
		return Failed
	case batch.Submitted, batch.Pending, batch.Runnable, batch.Scheduled, batch.Starting, batch.Running:
	}
	return Open
}

// Link is one dependency.
type Link struct {
	Job  batch.JobRef // the job, array job or child that is depended on
	NToN bool         // child by child, where both are array jobs
	// Outcome is of the whole job. Lost are the children that have failed, of
	// an array job that has ended; it is kept for N_TO_N links only.
	Outcome Outcome
	Lost    Set
}

// Waits is what one job waits for.
type Waits struct {
	Links      []Link
	Sequential bool // each child waits for the one before it
	// Ready are the children that wait for nothing any more and have no row
	// of their own yet, while others still wait.
	Ready Set
}

// Clone returns a copy that shares nothing with w but sets of ended jobs,
// which never change. The copy of nil is nil.
func (w *Waits) Clone() *Waits {
	if w == nil {
		return nil
	}
	return &Waits{Links: slices.Clone(w.Links), Sequential: w.Sequential, Ready: w.Ready.Clone()}
}

// PerChild reports whether children wait each for itself.
func (w *Waits) PerChild() bool {
	return w.Sequential || slices.ContainsFunc(w.Links, func(l Link) bool { return l.NToN })
}

// Close notes how a job has ended. lost are its failed children, if it is an
// array job. It reports whether that was news.
func (w *Waits) Close(job batch.JobRef, o Outcome, lost Set) (news bool) {
	for i := range w.Links {
		l := &w.Links[i]
		if l.Job != job || l.Outcome != Open {
			continue
		}
		news = true
		l.Outcome = o
		if l.NToN {
			l.Lost = lost
		}
	}
	return news
}

// Whole sums up the plain links: whether one is open, whether one has failed.
func (w *Waits) Whole() (open, failed bool) {
	for _, l := range w.Links {
		if !l.NToN {
			open = open || l.Outcome == Open
			failed = failed || l.Outcome == Failed
		}
	}
	return open, failed
}

// Closed reports whether every job depended on has ended.
func (w *Waits) Closed() bool {
	return !slices.ContainsFunc(w.Links, func(l Link) bool { return l.Outcome == Open })
}

// Progress is how far an array job is that has not ended: children that have
// succeeded, and children that have failed.
type Progress func(job batch.JobRef) (succeeded, failed Set)

// Children sums up the N_TO_N links of an array job of the given size: met are
// the children for which all have succeeded, lost those for which one has failed,
// closed those for which all have ended. Plain links are not looked at.
func (w *Waits) Children(size int32, live Progress) (met, lost, closed Set) {
	met, closed = Of(0, size), Of(0, size)
	for _, l := range w.Links {
		if !l.NToN {
			continue
		}
		var succeeded, failed Set
		if l.Outcome == Open {
			succeeded, failed = live(l.Job)
		} else {
			failed = l.Lost
			succeeded = Subtract(Of(0, size), failed)
		}
		met = Intersect(met, succeeded)
		lost = Union(lost, failed)
		closed = Intersect(closed, Union(succeeded, failed))
	}
	return met, lost, closed
}

// Append encodes w for storing.
func (w *Waits) Append(b []byte) []byte {
	var sequential byte
	if w.Sequential {
		sequential = 1
	}
	b = append(b, sequential)
	b = w.Ready.Append(b)
	b = binary.AppendUvarint(b, uint64(len(w.Links)))
	for _, l := range w.Links {
		b = append(b, l.Job.ID[:]...)
		b = binary.AppendUvarint(b, uint64(l.Job.Child))
		kind := byte(l.Outcome) << 1
		if l.NToN {
			kind |= 1
		}
		b = append(b, kind)
		b = l.Lost.Append(b)
	}
	return b
}

// errShort is of bytes that Append has not made.
var errShort = errors.New("what a job waits for is stored in part only")

// Read is the inverse of Append.
func Read(b []byte) (*Waits, error) {
	if len(b) == 0 {
		return nil, errShort
	}
	w := &Waits{Sequential: b[0] == 1}
	var err error
	if w.Ready, b, err = ReadSet(b[1:]); err != nil {
		return nil, err
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)) {
		return nil, errShort
	}
	b = b[size:]
	for range n {
		var l Link
		if len(b) < len(l.Job.ID) {
			return nil, errShort
		}
		b = b[copy(l.Job.ID[:], b):]
		child, size := binary.Uvarint(b)
		if size <= 0 || len(b) == size {
			return nil, errShort
		}
		l.Job.Child = int32(child)
		kind := b[size]
		l.NToN, l.Outcome = kind&1 != 0, Outcome(kind>>1)
		if l.Lost, b, err = ReadSet(b[size+1:]); err != nil {
			return nil, err
		}
		w.Links = append(w.Links, l)
	}
	return w, nil
}
