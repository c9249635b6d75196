package batchsvc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
)

// request makes the HTTP request of an operation. Those on tags have the ARN of
// the resource in the path, and the keys to remove in the query.
func request(operation, body string) *http.Request {
	method, path := http.MethodPost, "/v1/"+strings.ToLower(operation)
	switch operation {
	case "TagResource", "UntagResource", "ListTagsForResource":
		var in struct {
			ResourceArn string
			TagKeys     []string
		}
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			panic(err)
		}
		path = "/v1/tags/" + url.PathEscape(in.ResourceArn)
		switch operation {
		case "UntagResource":
			method = http.MethodDelete
			path += "?" + url.Values{"tagKeys": in.TagKeys}.Encode()
		case "ListTagsForResource":
			method = http.MethodGet
		}
	}
	return httptest.NewRequest(method, path, strings.NewReader(body))
}
