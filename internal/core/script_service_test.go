package core

import (
	"strconv"
	"strings"
	"testing"

	"github.com/bargehq/barge/internal/batch"
)

// serviceInput reads the inputs of scripts about service jobs and of what they
// need:
//
//	service, unmake-service NAME       a service environment
//	service-job NAME queue= share= priority=
//	priority JOB N, terminate-service JOB REASON
//	share, unshare QUEUE/NAME          a quota share
//	share-state QUEUE/NAME, service-state NAME  enabled or disabled
func (w *world) serviceInput(t *testing.T, verb string, plain []string, args map[string]string) Input {
	t.Helper()
	queue, name, _ := strings.Cut(plain[0], "/")
	enabled := args["state"] != "disabled"
	switch verb {
	case "service":
		return CreateServiceEnvironment{Name: plain[0], Enabled: enabled}
	case "service-state":
		return UpdateServiceEnvironment{Name: plain[0], Enabled: plain[1] == "enabled"}
	case "unmake-service":
		return DeleteServiceEnvironment{Name: plain[0]}
	case "service-job":
		w.ids++
		id := batch.JobID{15: w.ids}
		w.names[plain[0]] = id
		priority, _ := strconv.Atoi(args["priority"])
		return Submit{
			ID: id, Queue: args["queue"], Claim: claimOf(args["token"], args["request"]),
			Service: &ServiceJob{Priority: int32(priority), QuotaShare: args["share"]},
		}
	case "priority":
		return UpdateServiceJob{Job: w.job(t, plain[0]), Priority: int32(mustInt(t, plain[1]))}
	case "terminate-service":
		return Terminate{Job: w.job(t, plain[0]), Kind: Service, Reason: strings.Join(plain[1:], " ")}
	case "share":
		return CreateQuotaShare{Queue: queue, Name: name, Enabled: enabled}
	case "share-state":
		return UpdateQuotaShare{Queue: queue, Name: name, Enabled: plain[1] == "enabled"}
	case "unshare":
		return DeleteQuotaShare{Queue: queue, Name: name}
	}
	t.Fatalf("unknown command %q", verb)
	return nil
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
		r.shares[c.Row.ID] = c.Row
	case QuotaShareDelete:
		delete(r.shares, c.ID)
	}
}
