package storetest

import (
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/consume"
	"github.com/bargehq/barge/internal/store"
)

func testConsumers(t *testing.T, h Harness) {
	s := open(t, h)
	w := newWorld(t, s)
	w.setUp(2)
	needs := func(n byte, size int32, consumes ...consume.Need) core.Submit {
		in := submission(n, size)
		in.Consumes = consumes
		return in
	}
	licence, token := consume.Need{Resource: "licence", Quantity: 1}, consume.Need{Resource: "token", Quantity: 2}
	w.do(core.CreateConsumable{Name: "licence", Total: 2, Spec: []byte(`{"l":1}`)}, core.CreateConsumable{Name: "token", Total: 2, Spent: true},
		needs(1, 0, licence), needs(2, 0, licence, token), needs(3, 0), needs(4, 3, token), needs(5, 0, licence))
	w.place(2)
	w.check()
	of := func(f store.ConsumerFilter) (names string) {
		t.Helper()
		for _, j := range must[[]store.Job](t)(s.Consumers(t.Context(), f)) {
			names += string(j.Name[len("job-"):]) + " "
		}
		return names
	}
	running, runnable := batch.Starting, batch.Runnable
	for _, c := range []struct {
		f    store.ConsumerFilter
		want string
	}{
		{store.ConsumerFilter{Resource: "licence", Limit: 9}, "f c b "},
		{store.ConsumerFilter{Resource: "licence", Limit: 2}, "f c "},
		{store.ConsumerFilter{Resource: "licence", Limit: 2, Before: 2}, "b "},
		{store.ConsumerFilter{Resource: "token", Limit: 9}, "e c "},
		{store.ConsumerFilter{Resource: "Token", Limit: 9}, ""},
		{store.ConsumerFilter{Resource: "licence", Limit: 9, State: &running}, "c b "},
		{store.ConsumerFilter{Resource: "licence", Limit: 9, State: &runnable}, "f "},
		{store.ConsumerFilter{Resource: "licence", Limit: 9, Like: store.NamePattern{Name: "job-b"}}, "b "},
		{store.ConsumerFilter{Resource: "licence", Limit: 9, Like: store.NamePattern{Name: "job-", Prefix: true}}, "f c b "},
		{store.ConsumerFilter{Resource: "licence", Limit: 9, Like: store.NamePattern{Name: "job"}}, ""},
	} {
		if got := of(c.f); got != c.want {
			t.Errorf("%+v finds %q, want %q", c.f, got, c.want)
		}
	}
	rows := must[[]core.ConsumableRow](t)(s.Consumables(t.Context(), store.ConsumableFilter{Limit: 9}))
	same(t, "rows", []core.ConsumableRow{
		{ID: 1, Name: "licence", Total: 2, InUse: 2, Spec: []byte(`{"l":1}`), CreatedAt: rows[0].CreatedAt},
		{ID: 2, Name: "token", Spent: true, Total: 2, InUse: 2, CreatedAt: rows[1].CreatedAt},
	}, rows)

	// What is made and deleted in one round leaves its key behind.
	w.do(core.CreateConsumable{Name: "short"}, core.DeleteConsumable{Name: "short"}, core.DeleteConsumable{Name: "licence"})
	w.check()
	w.do(core.CreateConsumable{Name: "licence", Total: 7})
	w.check()
	rows = must[[]core.ConsumableRow](t)(s.Consumables(t.Context(), store.ConsumableFilter{Name: "licence", Limit: 9}))
	same(t, "rows", []core.ConsumableRow{{ID: 4, Name: "licence", Total: 7, InUse: 2, CreatedAt: rows[0].CreatedAt}}, rows)
}
