package batchsvc

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bargehq/barge/internal/batch"
)

// extensionPrefix starts the tags by which Barge adds to AWS's API: any client,
// Terraform and CloudFormation can set a tag. They are part of what creates a
// resource, and are described as the tags that they are.
const extensionPrefix = "barge:"

const clientTokenTag = extensionPrefix + "client-token"

// place is a kind of resource that can have tags, in words.
type place string

// The places.
const (
	onJob         place = "job"
	onDefinition  place = "job definition"
	onQueue       place = "job queue"
	onEnvironment place = "compute environment"
	onConsumable  place = "consumable resource"
	onPolicy      place = "scheduling policy"
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
	clientToken string
}

// tokenPattern is AWS's for its own client tokens.
var tokenPattern = regexp.MustCompile(`^[!-~]{1,64}$`)

// extensionTable lists all extensions by name. docs/extensions.md is made of it.
func extensionTable() []extension {
	return []extension{
		{
			name: clientTokenTag, on: []place{onJob},
			values:  "1 to 64 printable ASCII characters without spaces",
			meaning: "Submitting again with the same token within 24 hours answers with the first job instead of making another; header `X-Barge-Client-Token` does the same.",
			set: func(x *extensions, value string) bool {
				x.clientToken = value
				return tokenPattern.MatchString(value)
			},
		},
	}
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
