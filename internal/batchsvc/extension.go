package batchsvc

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/core/retry"
)

// extensionPrefix starts the tags by which Barge adds to AWS's API: any client,
// Terraform and CloudFormation can set a tag. They are part of what creates a
// resource, and are described as the tags that they are.
const extensionPrefix = "barge:"

// The tags that mean something.
const (
	capacityTag       = extensionPrefix + "capacity"
	clientTokenTag    = extensionPrefix + "client-token"
	maxPerShareTag    = extensionPrefix + "max-running-per-share"
	maxRunningTag     = extensionPrefix + "max-running"
	preemptRetriesTag = extensionPrefix + "preemption-retries"
	providerTag       = extensionPrefix + "provider"
	quotaShareTag     = extensionPrefix + "quota-share"
	orderTag          = extensionPrefix + "order"
	retryBackoffTag   = extensionPrefix + "retry-backoff"
	stopTimeoutTag    = extensionPrefix + "stop-timeout"
)

// place is a kind of resource that can have tags, in words.
type place string

// The places.
const (
	onJob                place = "job"
	onDefinition         place = "job definition"
	onQueue              place = "job queue"
	onEnvironment        place = "compute environment"
	onConsumable         place = "consumable resource"
	onServiceEnvironment place = "service environment"
	onQuotaShare         place = "quota share"
	onServiceJob         place = "service job"
	onPolicy             place = "scheduling policy"
)

// Values of the tag barge:capacity.
const (
	capacityHost      = "host"
	capacityUnlimited = "unlimited"
)

// Values of the tag barge:provider.
const (
	providerLocal   = "local"
	providerCommand = "command"
)

// extension is one tag that means something to Barge.
type extension struct {
	name    string // with the prefix
	on      []place
	values  string // what it takes, as in "it must be …"
	meaning string // one sentence
	// set keeps a value, or says false for a bad one.
	set func(x *extensions, value string) bool
}

// extensions are the values of a resource's tags. Zero members were not given.
type extensions struct {
	capacity    string // capacityHost, capacityUnlimited or empty
	clientToken string
	maxRunning  int32
	maxPerShare int32
	// definitionMax is maxRunning of the definition of a job.
	definitionMax int32
	backfill      bool
	provider      string // providerLocal, providerCommand or empty
	backoff       retry.Backoff
	stopTimeout   time.Duration
	quotaShare    string
	preemptions   *int32
}

// tokenPattern is AWS's for its own client tokens.
var tokenPattern = regexp.MustCompile(`^[!-~]{1,64}$`)

// extensionTable lists all extensions by name. docs/extensions.md is made of it.
func extensionTable() []extension {
	return []extension{
		{
			name: capacityTag, on: []place{onEnvironment},
			values:  "host or unlimited",
			meaning: "With `host` its one host is the machine that the server runs on, with its real vCPUs, memory and GPUs, which all environments with it, UNMANAGED ones included, share and together never exceed; with `unlimited`, which is what MANAGED ones have unless `barge serve --capacity` says otherwise, instances are virtual, whatever the machine has.",
			set: func(x *extensions, value string) bool {
				x.capacity = value
				return value == capacityHost || value == capacityUnlimited
			},
		},
		{
			name: clientTokenTag, on: []place{onJob},
			values:  "1 to 64 printable ASCII characters without spaces",
			meaning: "Submitting again with the same token within 24 hours answers with the first job instead of making another; header `X-Barge-Client-Token` does the same.",
			set: func(x *extensions, value string) bool {
				x.clientToken = value
				return tokenPattern.MatchString(value)
			},
		},
		{
			name: maxRunningTag, on: []place{onJob, onDefinition, onQueue},
			values:  "a number from 1 to 1000000",
			meaning: "At most that many are STARTING or RUNNING at once: of an array job its children, of a job definition all jobs of the revision, children of arrays among them, of a queue all its jobs; what waits for its array or its definition is passed by others.",
			set: func(x *extensions, value string) bool {
				n, ok := number(value, MostArraySize)
				x.maxRunning = int32(n)
				return ok
			},
		},
		{
			name: maxPerShareTag, on: []place{onQueue},
			values:  "a number from 1 to 1000000",
			meaning: "Of each share identifier of a queue with a fair-share policy at most that many jobs are STARTING or RUNNING at once; the turn is that of others meanwhile.",
			set: func(x *extensions, value string) bool {
				n, ok := number(value, MostArraySize)
				x.maxPerShare = int32(n)
				return ok
			},
		},
		{
			name: orderTag, on: []place{onQueue},
			values:  "strict or backfill",
			meaning: "With `backfill`, jobs may start before the one at the head of the queue where that does not delay it, because they use nothing that it is going to need or are over in time by their `timeout`; with `strict`, which is AWS's order, nothing passes the head.",
			set: func(x *extensions, value string) bool {
				x.backfill = value == "backfill"
				return x.backfill || value == "strict"
			},
		},
		{
			name: preemptRetriesTag, on: []place{onJob, onDefinition},
			values:  "a number from 0 to 1000000",
			meaning: "In a queue with quota shares the job, or each child of an array job, may be preempted that often and goes back to RUNNABLE, and fails the next time; without the tag it always goes back.",
			set: func(x *extensions, value string) bool {
				n, ok := number(value, 1_000_000)
				x.preemptions = ptr(int32(n))
				return ok || value == "0"
			},
		},
		{
			name: providerTag, on: []place{onEnvironment},
			values:  "local or command",
			meaning: "Where instances of types EC2 and SPOT come from, instead of what `barge serve --provider` says: virtual ones on this machine, or those of the program that `--provider command=PATH` names.",
			set: func(x *extensions, value string) bool {
				x.provider = value
				return value == providerLocal || value == providerCommand
			},
		},
		{
			name: quotaShareTag, on: []place{onJob, onDefinition},
			values:  "the name of a quota share",
			meaning: "The quota share of the job, in a queue whose scheduling policy has quota shares, where it must be given; such queues can have compute environments, the capacity units of whose quota shares are `vCPU`, `MEMORY` (MiB) and `GPU`, unlimited where a share does not name them.",
			set: func(x *extensions, value string) bool {
				x.quotaShare = value
				return namePattern.MatchString(value)
			},
		},
		{
			name: retryBackoffTag, on: []place{onJob, onDefinition},
			values:  "a duration such as 10s, 10s*2 or 10s*2..5m, of at most 24h",
			meaning: "A job that is to be tried again waits that long in RUNNABLE before it may start; with `*2` twice as long after each further attempt, and with `..5m` never longer than that.",
			set: func(x *extensions, value string) (ok bool) {
				x.backoff, ok = parseBackoff(value)
				return ok
			},
		},
		{
			name: stopTimeoutTag, on: []place{onJob, onDefinition},
			values:  "a number of seconds from 1 to 86400",
			meaning: "Between SIGTERM and SIGKILL the containers of the job have that long instead of 30 seconds, unless a container has a `stopTimeout` of its own.",
			set: func(x *extensions, value string) bool {
				n, ok := number(value, 86_400)
				x.stopTimeout = time.Duration(n) * time.Second
				return ok
			},
		},
	}
}

// number reads a decimal number from 1 to the largest one.
func number(s string, most int64) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 1 && n <= most && s == itoa(n)
}

// parseBackoff reads FIRST, FIRST*FACTOR, FIRST..MOST or FIRST*FACTOR..MOST.
func parseBackoff(s string) (b retry.Backoff, ok bool) {
	s, most, limited := strings.Cut(s, "..")
	first, factor, grows := strings.Cut(s, "*")
	if b.First, ok = pause(first); !ok {
		return b, false
	}
	if grows {
		if b.Factor, ok = number(factor, 100); !ok {
			return b, false
		}
	}
	if limited {
		b.Most, ok = pause(most)
	}
	return b, ok
}

// pause reads a duration in milliseconds, from one of them to a day.
func pause(s string) (ms int64, ok bool) {
	d, err := time.ParseDuration(s)
	ms = d.Milliseconds()
	return ms, err == nil && ms >= 1 && ms <= retry.LongestPause
}

// extensions are a job's over its definition's. All were read before. How many of
// each may run is a limit of its own.
func (s *spec) extensions() (x extensions, err error) {
	if err = x.read(onDefinition, s.definition.req.Tags); err != nil {
		return x, err
	}
	x.definitionMax, x.maxRunning = x.maxRunning, 0
	err = x.read(onJob, s.submit.Tags)
	return x, err
}

// queueSettings are what the tags of a queue set.
func queueSettings(tags map[string]string) (core.QueueSettings, error) {
	var x extensions
	err := x.read(onQueue, tags)
	return core.QueueSettings{Backfill: x.backfill, MaxRunning: x.maxRunning, ShareMaxRunning: x.maxPerShare}, err
}

// read takes the extensions out of the tags of a resource, over those that were
// read before: a job's over its definition's.
func (x *extensions) read(on place, tags map[string]string) error {
	for _, key := range sortedKeys(tags) {
		if reservedKey(key) {
			return badTag(key, "starts with "+awsReserved+", which is reserved.")
		}
		if !strings.HasPrefix(key, extensionPrefix) {
			continue
		}
		table := extensionTable()
		i := slices.IndexFunc(table, func(e extension) bool { return e.name == key })
		if i < 0 {
			return badTag(key, "is unknown. Tags that start with "+extensionPrefix+" are settings of Barge; see docs/extensions.md.")
		}
		switch e := table[i]; {
		case !slices.Contains(e.on, on):
			return badTag(key, "has no meaning on a "+string(on)+"; it is for a "+places(e.on)+".")
		case !e.set(x, tags[key]):
			return badTag(key, "must be "+e.values+".")
		}
	}
	return nil
}

func places(list []place) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = string(p)
	}
	return strings.Join(words, " or ")
}

func badTag(key, problem string) error {
	return &batch.Error{Code: batch.Invalid, Field: "tags." + key, Message: "Tag " + key + " " + problem}
}

// checkExtensions refuses tags that a resource of this kind cannot have.
func checkExtensions(on place, tags map[string]string) error { return new(extensions).read(on, tags) }
