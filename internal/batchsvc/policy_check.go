package batchsvc

import (
	"regexp"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// AWS's limits of a fair-share policy.
const (
	maxShares      = 500
	maxDecay       = 604_800
	maxReservation = 99
	minWeight      = 0.0001
	maxWeight      = 999.9999
)

var sharePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}\*?$`)

// policyRules are AWS's checks of a scheduling policy. The texts are those that
// the service was seen to answer with, but for those marked "ours".
var policyRules = []rule[*batchapi.SchedulingPolicyDetail]{ //nolint:gochecknoglobals // a table that nothing writes
	{
		broken: func(d *batchapi.SchedulingPolicyDetail) bool {
			return d.FairsharePolicy != nil && d.QuotaSharePolicy != nil
		},
		message: "A scheduling policy can have either fairsharePolicy or quotaSharePolicy",
	},
}

// fairshareRules are those of its fair shares.
var fairshareRules = []rule[*batchapi.FairsharePolicy]{ //nolint:gochecknoglobals // a table that nothing writes
	{
		broken: func(p *batchapi.FairsharePolicy) bool {
			return deref(p.ShareDecaySeconds) < 0 || deref(p.ShareDecaySeconds) > maxDecay
		},
		message: "shareDecaySeconds should be between 0 and 604800.",
	}, // ours
	{
		broken: func(p *batchapi.FairsharePolicy) bool {
			return deref(p.ComputeReservation) < 0 || deref(p.ComputeReservation) > maxReservation
		},
		message: "computeReservation should be between 0 and 99.",
	}, // ours
	{broken: func(p *batchapi.FairsharePolicy) bool { return len(p.ShareDistribution) > maxShares }, message: "ShareDistribution size cannot be greater than 500."},
	{broken: func(p *batchapi.FairsharePolicy) bool {
		return anyShare(p, func(a batchapi.ShareAttributes) bool { return !sharePattern.MatchString(a.ShareIdentifier) })
	}, message: "ShareIdentifier name should match a valid pattern."},
	{broken: func(p *batchapi.FairsharePolicy) bool {
		return anyShare(p, func(a batchapi.ShareAttributes) bool {
			return a.WeightFactor != nil && (*a.WeightFactor < minWeight || *a.WeightFactor > maxWeight)
		})
	}, message: "Weight factor should be between 0.0001 and 999.9999."},
	{broken: func(p *batchapi.FairsharePolicy) bool {
		return twice(p.ShareDistribution, func(a batchapi.ShareAttributes) string { return a.ShareIdentifier })
	}, message: "Cannot have two or more identical shareIdentifiers."},
	{broken: func(p *batchapi.FairsharePolicy) bool { return overlap(p) != "" }, message: "Share identifier %s", about: overlap},
}

func anyShare(p *batchapi.FairsharePolicy, is func(batchapi.ShareAttributes) bool) bool {
	for _, a := range p.ShareDistribution {
		if is(a) {
			return true
		}
	}
	return false
}

// overlap names the first identifier that a prefix (`user*`) among the others
// covers, and that prefix; empty where there is none.
func overlap(p *batchapi.FairsharePolicy) string {
	for _, a := range p.ShareDistribution {
		prefix, ok := strings.CutSuffix(a.ShareIdentifier, "*")
		if !ok {
			continue
		}
		for _, b := range p.ShareDistribution {
			if b.ShareIdentifier != a.ShareIdentifier && strings.HasPrefix(b.ShareIdentifier, prefix) {
				return b.ShareIdentifier + " matches another share identifier " + a.ShareIdentifier
			}
		}
	}
	return ""
}

func checkPolicy(d *batchapi.SchedulingPolicyDetail) error {
	if err := check(policyRules, d); err != nil || d.FairsharePolicy == nil {
		return err
	}
	return check(fairshareRules, d.FairsharePolicy)
}
