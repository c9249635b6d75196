// Package consume keeps the books of consumable resources: how much of each
// there is and how much of it jobs hold.
//
// It owns the accounts, by name. Names are bound late, as on AWS: a job may ask
// for what does not exist, and waits then; what is deleted and made again is
// the same resource to it. So what jobs hold is counted by name too, whether or
// not there is a resource of that name: whatever is made and deleted meanwhile,
// the count is that of the jobs.
//
// Quantities are whole units. All needs of a job are taken at once or not at
// all. Nothing here knows jobs, queues or order.
//
// https://docs.aws.amazon.com/batch/latest/userguide/resource-aware-scheduling.html
package consume

// Need is how many units of a resource a job takes.
type Need struct {
	Resource string `json:"resource"` // its name
	Quantity int64  `json:"quantity"`
}

// Amounts is an account as it stands.
type Amounts struct{ Total, InUse int64 }

// Available is what jobs can still take: nothing where the total was set below
// what is in use.
func (a Amounts) Available() int64 { return max(0, a.Total-a.InUse) }

type account struct {
	Amounts
	exists bool
	spent  bool // NON_REPLENISHABLE: what was used is gone
}

// Ledger holds the accounts. The zero value is empty and ready.
type Ledger struct{ accounts map[string]*account }

func (l *Ledger) of(name string) *account {
	a := l.accounts[name]
	if a == nil {
		if l.accounts == nil {
			l.accounts = make(map[string]*account)
		}
		a = &account{}
		l.accounts[name] = a
	}
	return a
}

// Open makes a resource, and with spent one whose units are gone once used.
// Jobs may hold units of a former one of the same name: they count.
func (l *Ledger) Open(name string, total int64, spent bool) {
	a := l.of(name)
	a.exists, a.spent, a.Total = true, spent, total
}

// SetTotal changes how much there is of a resource that exists.
func (l *Ledger) SetTotal(name string, total int64) { l.accounts[name].Total = total }

// Close deletes a resource, with whatever jobs hold of it.
func (l *Ledger) Close(name string) {
	a := l.of(name)
	a.exists, a.Total = false, 0
	l.forget(name, a)
}

func (l *Ledger) forget(name string, a *account) {
	if !a.exists && a.InUse == 0 {
		delete(l.accounts, name)
	}
}

// Amounts returns the account of a resource, and false where there is none of
// that name.
func (l *Ledger) Amounts(name string) (Amounts, bool) {
	if a := l.accounts[name]; a != nil {
		return a.Amounts, a.exists
	}
	return Amounts{}, false
}

// Fits reports whether all needs can be taken now.
func (l *Ledger) Fits(needs []Need) bool {
	for _, n := range needs {
		a := l.accounts[n.Resource]
		if a == nil || !a.exists || n.Quantity > a.Available() {
			return false
		}
	}
	return true
}

// Take takes all needs, which name each resource once.
func (l *Ledger) Take(needs []Need) {
	for _, n := range needs {
		l.of(n.Resource).InUse += n.Quantity
	}
}

// Give returns what was taken. Units of a resource that is not replenished are
// gone from its total as well.
func (l *Ledger) Give(needs []Need) {
	for _, n := range needs {
		a := l.of(n.Resource)
		a.InUse -= n.Quantity
		if a.exists && a.spent {
			a.Total = max(0, a.Total-n.Quantity)
		}
		l.forget(n.Resource, a)
	}
}

// Held calls yield for every name that jobs hold units of, in no order that
// means anything.
func (l *Ledger) Held(yield func(name string, units int64) bool) {
	for name, a := range l.accounts {
		if a.InUse != 0 && !yield(name, a.InUse) {
			return
		}
	}
}
