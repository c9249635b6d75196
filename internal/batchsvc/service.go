// Package batchsvc is the AWS Batch API: it turns operations into commands for
// the engine and rows of the store into answers.
//
// A [Service] implements batchapi.Service; what it does not implement answers
// "not implemented" in AWS's form. Handlers run on their connection's goroutine.
// Mutations go through Options.Do and return after the commit; reads go to the
// store, so everybody reads their own writes.
//
// The effective specification of a job (its definition, with the submit's
// overrides and parameters) is never stored: both parts are, and [spec] joins
// them when a job is submitted, described or started. Definitions never change,
// so they are cached.
//
// [Service.Attempt] is the other side: what a host runs for an attempt.
//
// Errors are *batch.Error with AWS's texts where they are known, anything else
// is an internal fault. It decides nothing about when or where a job runs.
package batchsvc

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/netip"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/store"
)

// Options configure a Service. All members but Volumes, JobEnv, MaxProcesses, OnMachine, Provider and Limits
// are required.
type Options struct {
	// Do steps a command and returns after its commit, as engine.Engine.Do.
	Do func(context.Context, core.Input) (core.Reply, error)
	// View lets a function look at the live state, as engine.Engine.View.
	View  func(context.Context, func(*core.State)) error
	Store store.Store
	Scope batch.Scope
	// Secret returns the value that a valueFrom names; its errors show no values.
	Secret func(valueFrom string) (string, error)
	// Volumes are the directories, Host or NFS, that stand for file systems of
	// EFS and S3 Files, by id, and for their access points, as ID/ACCESS-POINT.
	Volumes map[string]driver.Mount
	// MaxProcesses is how many processes and threads a container may have at
	// once; zero is no limit.
	MaxProcesses int64
	// JobEnv are variables that every job has unless it sets them itself.
	JobEnv []driver.Var
	// OnMachine: managed environments without the tag barge:capacity are of
	// this machine, with what it really has.
	OnMachine bool
	// Catalog is the instance types; EC2's where it is nil.
	Catalog *catalog.Catalog
	// Training says where training jobs have their files.
	Training Training
	// Provider is the name of the provider of instances for environments
	// without the tag barge:provider: local where it is empty. HasCommand is
	// that there is one called command.
	Provider   string
	HasCommand bool
	// Limits are AWS's where they are zero.
	Limits Limits
	// NodeSpace is where the nodes of multi-node jobs get their addresses
	// from; its prefix has batch.NodeSpaceBits.
	NodeSpace netip.Prefix
	// Owner is the installation's id, from which the UUIDs of environments
	// are made.
	Owner uuid.UUID
}

// Service is the AWS Batch API.
type Service struct {
	batchapi.Unimplemented
	o            Options
	definitions  definitions
	capabilities capabilities
	changing     chan struct{} // holds a token while resources change

	queuesKnown, environmentsKnown names
}

var _ batchapi.Service = (*Service)(nil)

// New returns a Service.
func New(o Options) *Service {
	o.Limits = o.Limits.withDefaults()
	if o.Catalog == nil {
		o.Catalog = catalog.Builtin()
	}
	o.Provider = cmp.Or(o.Provider, providerLocal)
	s := &Service{o: o, changing: make(chan struct{}, 1)}
	s.definitions.reset()
	s.o.Do = s.capabilities.watch(o.Do)
	return s
}

func invalid(format string, args ...any) error { return batch.Errorf(batch.Invalid, format, args...) }

func notBuilt(member string) error {
	return &batch.Error{
		Code: batch.NotBuilt, Field: member,
		Message: member + " is not supported by this version of Barge.",
	}
}

func ptr[T any](v T) *T { return &v }

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// or gives a list its empty form where it is absent: AWS answers [] there.
func or[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func orMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// maxNames is how many names a describe operation takes.
const maxNames = 100

// page cuts a sorted list by maxResults and an opaque token that names the
// last element given out.
func page[T any](list []T, name func(T) string, maxResults *int32, token string) ([]T, string, error) {
	after, err := readToken(token)
	if err != nil {
		return nil, "", err
	}
	if after != "" && !namePattern.MatchString(after) {
		return nil, "", badToken()
	}
	limit, err := limitOf(maxResults, maxNames)
	if err != nil {
		return nil, "", err
	}
	if after != "" {
		i, found := slices.BinarySearchFunc(list, after, func(v T, after string) int {
			switch n := name(v); {
			case n < after:
				return -1
			case n > after:
				return 1
			}
			return 0
		})
		if found {
			i++
		}
		list = list[i:]
	}
	if len(list) <= limit {
		return list, "", nil
	}
	list = list[:limit]
	return list, writeToken(name(list[limit-1])), nil
}

func limitOf(maxResults *int32, most int32) (int, error) {
	if maxResults == nil {
		return int(most), nil
	}
	if *maxResults < 1 || *maxResults > most {
		return 0, &batch.Error{Code: batch.Invalid, Field: "maxResults", Message: "maxResults must be between 1 and " + itoa(int64(most)) + "."}
	}
	return int(*maxResults), nil
}

func writeToken(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func readToken(token string) (string, error) {
	s, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", badToken()
	}
	return string(s), nil
}

// readKey reads a token that holds a row key. There is none in an empty one.
func readKey(token string) (int64, error) {
	s, err := readToken(token)
	if err != nil || s == "" {
		return 0, err
	}
	key, err := strconv.ParseInt(s, 10, 64)
	if err != nil || key < 1 {
		return 0, badToken()
	}
	return key, nil
}

func badToken() error {
	return &batch.Error{Code: batch.Invalid, Field: "nextToken", Message: "nextToken is not valid."}
}
