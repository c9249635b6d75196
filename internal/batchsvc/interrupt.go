package batchsvc

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bargehq/barge/internal/awsapi/restjson"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
)

// interruption is a request to take instances back, as EC2 does with Spot
// instances: one, or all Spot instances of an environment.
type interruption struct {
	InstanceID         string `json:"instanceId"`
	ComputeEnvironment string `json:"computeEnvironment"` // name or ARN
	NoticeSeconds      *int64 `json:"noticeSeconds"`
}

// AWS gives two minutes; more than a day is none.
const (
	defaultNotice = 120
	longestNotice = 86_400
)

// interruptInstances announces the end of instances, as EC2 announces that of
// Spot instances: they take no more jobs, those that they have get SIGTERM, and
// when the notice is over they are gone with what they hold. It is for trying out
// how jobs take it, so one instance may be of any kind.
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
func (s *Service) interruptInstances(ctx context.Context, c *restjson.Call) error {
	var in interruption
	if err := json.Unmarshal(c.Body, &in); err != nil {
		return invalid("The request is not an object with instanceId or computeEnvironment, and noticeSeconds: %v", err)
	}
	if (in.InstanceID == "") == (in.ComputeEnvironment == "") {
		return invalid("One of instanceId and computeEnvironment is required.")
	}
	notice := int64(defaultNotice)
	if in.NoticeSeconds != nil {
		notice = *in.NoticeSeconds
	}
	if notice < 0 || notice > longestNotice {
		return &batch.Error{Code: batch.Invalid, Field: "noticeSeconds", Message: "noticeSeconds must be between 0 and " + itoa(longestNotice) + "."}
	}
	rows, err := s.interrupted(ctx, in)
	if err != nil {
		return err
	}
	at := batch.InstantOf(time.Now().Add(time.Duration(notice) * time.Second))
	ids := []string{}
	for _, r := range rows {
		if _, err = s.o.Do(context.WithoutCancel(ctx), core.HostNotice{Environment: r.Environment, Host: r.ID, At: at}); err != nil {
			return err
		}
		ids = append(ids, r.Name)
	}
	c.Reply, err = json.Marshal(map[string]any{"instanceIds": ids, "interruptedAt": at})
	return err
}

// interrupted are the instances that a request means.
func (s *Service) interrupted(ctx context.Context, in interruption) (found []core.HostRow, err error) {
	environments, err := s.o.Store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	if in.ComputeEnvironment != "" {
		row, err := find(s, environments, batch.ARNComputeEnvironment, in.ComputeEnvironment, func(r core.EnvironmentRow) string { return r.Name })
		if err != nil {
			return nil, err
		}
		environments = []core.EnvironmentRow{row}
	}
	for _, e := range environments {
		rows, err := s.o.Store.Instances(ctx, e.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			running := r.Type != "" && (r.State == core.HostUp || r.State == core.HostDraining)
			if running && (r.Name == in.InstanceID || in.InstanceID == "" && r.Spot) {
				found = append(found, r)
			}
		}
	}
	if in.InstanceID != "" && len(found) == 0 {
		return nil, batch.Errorf(batch.NotFound, "Instance %s does not exist or has not registered.", in.InstanceID)
	}
	return found, nil
}
