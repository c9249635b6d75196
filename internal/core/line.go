package core

import (
	"github.com/bargehq/barge/internal/core/fit"
	"github.com/bargehq/barge/internal/core/pending"
)

// line is the jobs that wait in a queue, or in a share of one.
type line = pending.Line[class, *job]

// class is what decides whether a job may start, besides its place and its
// timeout: jobs of one class get the same answer.
type class struct {
	shape   fit.Shape
	basket  int32
	ceiling *ceiling
}

func (j *job) class() class { return class{j.shape, j.basket, j.ceiling} }

func newLine() line {
	return pending.New(pending.Kind[class, *job]{
		Less:   before,
		Node:   func(j *job) *pending.Node[*job] { return &j.node },
		Class:  (*job).class,
		Seq:    func(j *job) int64 { return j.seq },
		Shut:   func(j *job) bool { return j.ceiling.full() },
		Length: (*job).length,
	})
}

// length is how long the job may run, in seconds.
func (j *job) length() int32 {
	if j.timeout == 0 {
		return pending.Endless
	}
	return j.timeout
}
