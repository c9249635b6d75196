package core

import (
	"cmp"
	"slices"

	"github.com/bargehq/barge/internal/batch"
)

// How long a client's token is remembered, in milliseconds. AWS Batch has none
// for jobs; there it is what clients of EC2 get.
const (
	claimFor  = 24 * 60 * 60 * 1000
	updateFor = 8 * 60 * 60 * 1000 // of an update of a consumable resource
)

// claimSlack is how long a forgotten token may stay in the tables, so that they
// are tidied now and then and not at every moment.
const claimSlack = 10 * 60 * 1000

// Digest is what the core knows of a text that it need not read.
type Digest [16]byte

// Claim makes a request idempotent: who submits again with the same token and
// the same request gets the first job, who updates again changes nothing.
// Tokens of submits and of updates are made so that none of them are equal. The zero Token claims nothing.
type Claim struct{ Token, Request Digest }

// ClaimRow remembers which job a token has made.
type ClaimRow struct {
	Claim
	Job   batch.JobID
	Until batch.Instant // when it is forgotten
}

// Recall asks which job a claim has made, for a submit that cannot be repeated
// because its definition is gone. It changes nothing. The reply has the job;
// none is a NotFound.
type Recall struct{ Claim Claim }

func (Recall) input() {}

// ClaimPut writes a claim, over an earlier one with the same token.
type ClaimPut struct{ Row ClaimRow }

// ClaimDrop removes the claim with a token.
type ClaimDrop struct{ Token Digest }

func (ClaimPut) change()  {}
func (ClaimDrop) change() {}

// claims are what is remembered of tokens: by token, and in the order in which
// they are forgotten. Those that have been replaced stay in that order.
type claims struct {
	byToken map[Digest]*ClaimRow
	order   []*ClaimRow
	keep    batch.Instant // how long, in milliseconds
}

// claimsFor returns the claims of submits or, without a job, of updates.
func (s *State) claimsFor(id batch.JobID) *claims {
	if id == (batch.JobID{}) {
		return &s.updates
	}
	return &s.claims
}

func (c *claims) add(row ClaimRow) {
	c.byToken[row.Token] = &row
	c.order = append(c.order, &row)
}

// job returns the job that the claim has made, if it has made one.
func (c *claims) job(now batch.Instant, claim Claim) (id batch.JobID, ok bool, err *batch.Error) {
	row := c.byToken[claim.Token]
	if claim.Token == (Digest{}) || row == nil || row.Until <= now {
		return id, false, nil
	}
	if row.Request != claim.Request {
		by := "another request"
		if row.Job != (batch.JobID{}) {
			by += ", which made job " + row.Job.String()
		}
		return id, false, batch.Errorf(batch.Conflict, "The client token was used less than %d hours ago by %s.", c.keep/3_600_000, by)
	}
	return row.Job, true, nil
}

// claim remembers that the claim has made a job, or, without one, an update.
func (s *State) claim(now batch.Instant, c Claim, id batch.JobID, out *Output) {
	if c.Token == (Digest{}) {
		return
	}
	in := s.claimsFor(id)
	row := ClaimRow{Claim: c, Job: id, Until: now + in.keep}
	if n := len(in.order); n > 0 { // a clock set back does not change the order
		row.Until = max(row.Until, in.order[n-1].Until)
	}
	in.add(row)
	out.Changes = append(out.Changes, ClaimPut{row})
}

func (s *State) stepRecall(now batch.Instant, in Recall, out *Output) *batch.Error {
	id, ok, err := s.claims.job(now, in.Claim)
	if err == nil && !ok {
		err = batch.Errorf(batch.NotFound, "No request with this client token is known.")
	}
	if err == nil {
		out.Reply = Reply{Job: id}
	}
	return err
}

// due is when forget has something to do.
func (c *claims) due() (at batch.Instant, ok bool) {
	if len(c.order) == 0 {
		return 0, false
	}
	return c.order[0].Until + claimSlack, true
}

// forget drops claims whose time is over, a bounded number of them.
func (c *claims) forget(now batch.Instant, out *Output) {
	for n := 0; n < maxSlice && len(c.order) > 0 && c.order[0].Until <= now; n++ {
		row := c.order[0]
		c.order[0], c.order = nil, c.order[1:]
		if c.byToken[row.Token] == row {
			delete(c.byToken, row.Token)
			out.Changes = append(out.Changes, ClaimDrop{row.Token})
		}
	}
	if len(c.order) == 0 {
		c.order = nil
	}
}

// check reports whether every claim is in the order of being forgotten.
func (c *claims) check(bad func(string, ...any)) {
	listed := 0
	for i, row := range c.order {
		if i > 0 && row.Until < c.order[i-1].Until {
			bad("claim %x is to be forgotten at %d, after one of %d", row.Token, row.Until, c.order[i-1].Until)
		}
		if c.byToken[row.Token] == row {
			listed++
		}
	}
	if listed != len(c.byToken) {
		bad("%d claims are remembered, %d will be forgotten", len(c.byToken), listed)
	}
}

// sorted returns the claims in an order that tells nothing of their history.
func (c *claims) sorted() []ClaimRow {
	rows := make([]ClaimRow, 0, len(c.byToken))
	for _, row := range c.byToken {
		rows = append(rows, *row)
	}
	slices.SortFunc(rows, func(a, b ClaimRow) int {
		return cmp.Or(cmp.Compare(a.Until, b.Until), slices.Compare(a.Token[:], b.Token[:]))
	})
	return rows
}
