package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"
)

// measureArrays submits array jobs one after another to an idle server.
func measureArrays(ctx context.Context, b *bench) (_ *table, err error) {
	const submits = 100
	s, err := b.serve(ctx, filepath.Join(b.work, "arrays"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err = s.setUp(ctx, 1, 2); err != nil {
		return nil, err
	}
	c, err := dial(ctx, s.addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // all answers are there
	t := &table{head: []string{"one at a time", "p50 ms", "p99 ms"}}
	for _, k := range []struct{ name, body string }{
		{"SubmitJob", submitBody},
		{"SubmitJob of an array of 10,000", strings.TrimSuffix(submitBody, "}") + `,"arrayProperties":{"size":10000}}`},
	} {
		request := submitRequestBytes(s.addr, k.body)
		var took figures
		for i := range submits + 10 {
			began := time.Now()
			if err := c.exchange(request); err != nil {
				return nil, err
			}
			if i >= 10 { // after some to warm up
				took = append(took, millis(time.Since(began)))
			}
		}
		t.row(k.name, short(took.quantile(0.5)), short(took.quantile(0.99)))
	}
	t.note("%d submits each, from sending the request to the end of the answer.", submits)
	return t, nil
}
