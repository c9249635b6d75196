package core

import (
	"cmp"
	"strconv"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core/quota"
	"github.com/bargehq/barge/internal/core/retry"
)

// serviceInput reads the inputs of scripts about service jobs and of what they
// need:
//
//	service, unmake-service, update-service NAME limits=  a service environment
//	service-job NAME queue= quota= priority= needs= retries=
//	priority JOB N, terminate-service JOB REASON, starting JOB#N
//	share, update-share, unshare QUEUE/NAME limits= strategy= borrow= in-share=  a quota share
//	share-state QUEUE/NAME, service-state NAME  enabled or disabled
//
// Amounts are `ml.m5.large:4` forms, joined by commas; one instance unless said
// otherwise, and of a service environment a hundred.
func (w *world) serviceInput(t *testing.T, verb string, plain []string, args map[string]string) Input {
	t.Helper()
	queue, name, _ := strings.Cut(plain[0], "/")
	enabled := args["state"] != "disabled"
	switch verb {
	case "service":
		return CreateServiceEnvironment{Name: plain[0], Enabled: enabled, Limits: amounts(t, cmp.Or(args["limits"], AnyInstance+":100"))}
	case "service-state":
		return UpdateServiceEnvironment{Name: plain[0], Enabled: plain[1] == "enabled", Limits: w.s.serviceNames[plain[0]].row.Limits}
	case "update-service":
		return UpdateServiceEnvironment{Name: plain[0], Enabled: enabled, Limits: amounts(t, args["limits"])}
	case "unmake-service":
		return DeleteServiceEnvironment{Name: plain[0]}
	case "service-job":
		w.ids++
		id := batch.JobID{15: w.ids}
		w.names[plain[0]] = id
		priority, _ := strconv.Atoi(args["priority"])
		attempts, _ := strconv.Atoi(args["attempts"])
		timeout, _ := strconv.Atoi(args["timeout"])
		return Submit{
			ID: id, Queue: args["queue"], Claim: claimOf(args["token"], args["request"]), MaxAttempts: int32(attempts), TimeoutSeconds: int32(timeout),
			Retry:   retry.Policy{Rules: rules(args["rules"])},
			Service: &ServiceJob{Priority: int32(priority), Instances: amounts(t, cmp.Or(args["needs"], "ml.m5.large:1"))},
			Quota:   quotaJob(t, args), Fair: fairJobOf(t, args),
		}
	case "starting":
		return AttemptStarting{Attempt: w.attempt(t, plain[0])}
	case "priority":
		return UpdateServiceJob{Job: w.job(t, plain[0]), Priority: int32(mustInt(t, plain[1]))}
	case "terminate-service":
		return Terminate{Job: w.job(t, plain[0]), Kind: Service, Reason: strings.Join(plain[1:], " ")}
	case "share":
		return CreateQuotaShare{Queue: queue, Name: name, Enabled: enabled, Rules: quotaRules(t, args)}
	case "update-share":
		return UpdateQuotaShare{Queue: queue, Name: name, Enabled: enabled, Rules: quotaRules(t, args)}
	case "share-state":
		in := UpdateQuotaShare{Queue: queue, Name: name, Enabled: plain[1] == "enabled"}
		if q := w.s.queueNames[queue]; q != nil && q.shares[name] != nil {
			in.Rules = q.shares[name].Rules
		}
		return in
	case "unshare":
		return DeleteQuotaShare{Queue: queue, Name: name}
	}
	t.Fatalf("unknown command %q", verb)
	return nil
}

func amounts(t *testing.T, s string) quota.Amounts {
	t.Helper()
	var list []quota.Amount
	for part := range strings.SplitSeq(s, ",") {
		unit, n, ok := strings.Cut(part, ":")
		if !ok {
			continue
		}
		amount := quota.Amount{Unit: unit, N: int64(mustInt(t, n))}
		if unit == UnitVCPU {
			amount.N *= 1000
		}
		list = append(list, amount)
	}
	return quota.Of(list...)
}

func quotaRules(t *testing.T, args map[string]string) quota.Rules {
	t.Helper()
	r := quota.Rules{
		Limits: amounts(t, cmp.Or(args["limits"], "ml.m5.large:1")), Borrow: quota.Unlimited, InShare: args["in-share"] == "yes",
		Strategy: map[string]quota.Strategy{"": quota.Reserve, "reserve": quota.Reserve, "lend": quota.Lend, "borrow": quota.LendAndBorrow}[args["strategy"]],
	}
	if args["borrow"] != "" {
		r.Borrow = int32(mustInt(t, args["borrow"]))
	}
	return r
}

func quotaJob(t *testing.T, args map[string]string) *QuotaJob {
	t.Helper()
	if args["quota"] == "" {
		return nil
	}
	j := &QuotaJob{Share: args["quota"], Retries: quota.Unlimited}
	if args["priority"] != "" {
		j.Priority = int32(mustInt(t, args["priority"]))
	}
	if args["retries"] != "" {
		j.Retries = int32(mustInt(t, args["retries"]))
	}
	return j
}

// serviceRows are the rows of service environments and quota shares.
type serviceRows struct {
	services map[int64]ServiceEnvironmentRow
	shares   map[int64]QuotaShareRow
}

func newServiceRows() serviceRows {
	return serviceRows{
		services: make(map[int64]ServiceEnvironmentRow), shares: make(map[int64]QuotaShareRow),
	}
}

func (r *serviceRows) apply(c Change) {
	switch c := c.(type) {
	case ServiceEnvironmentPut:
		r.services[c.Row.ID] = c.Row
	case ServiceEnvironmentDelete:
		delete(r.services, c.ID)
	case QuotaSharePut:
		c.Row.Turn = r.shares[c.Row.ID].Turn
		r.shares[c.Row.ID] = c.Row
	case QuotaTurn:
		row := r.shares[c.ID]
		row.Turn = c.Turn
		r.shares[c.ID] = row
	case QuotaShareDelete:
		delete(r.shares, c.ID)
	}
}
