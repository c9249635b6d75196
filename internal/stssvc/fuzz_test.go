package stssvc_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/stssvc"
)

// FuzzRequests sends any form: the answer is a good one, or tells what is wrong.
func FuzzRequests(f *testing.F) {
	for _, form := range []string{
		"Action=GetCallerIdentity&Version=2011-06-15", "Action=AssumeRole", "Action=%zz", "Action=<x>&Version=1", "a;b", "",
	} {
		f.Add(form)
	}
	handler := stssvc.New(stssvc.Options{Scope: batch.Scope{Partition: "aws", Region: "eu-west-1", Account: "123456789012"}}).Handler()
	f.Fuzz(func(t *testing.T, form string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if answer.Code >= 500 && answer.Code != http.StatusNotImplemented {
			t.Errorf("%q: %d %s", form, answer.Code, answer.Body)
		}
	})
}
