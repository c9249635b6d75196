package batchsvc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/driver"
	"github.com/bargehq/barge/internal/store"
	"github.com/bargehq/barge/internal/training"
)

// Training says where training jobs have their files.
type Training struct {
	Dir     string // for those of attempts, each in a directory of its own
	S3      string // the directory that stands for S3; empty for none
	Mounted bool   // the driver shows a directory of the machine under another name
}

// What SageMaker names and does.
const (
	trainingGroup = "/aws/sagemaker/TrainingJobs"
	trainingStop  = 120 * time.Second // between SIGTERM and SIGKILL
	trainingName  = "AWSBatch"
	maxTraining   = 63
	fromSageMaker = "Received status from SageMaker: " // before what SageMaker says of an end
)

// Files is what has to be done about the files of a task before it starts and
// after it has ended.
type Files interface {
	Prepare() error
	Finish(exit *driver.Exit, statusReason *string) error
	Discard() error
}

// trainingPlaces says where the data of training jobs is.
func (s *Service) trainingPlaces() training.Places {
	return training.Places{S3: s.o.Training.S3, FileSystem: func(id string) (string, bool) {
		m, ok := s.o.Volumes[id]
		return m.Host, ok && m.Host != ""
	}}
}

// trainingRequest reads a service job's request for SageMaker.
func (s *Service) trainingRequest(payload string) (*training.Request, error) {
	r, err := training.Parse(payload)
	if err == nil {
		err = s.trainingPlaces().Check(r)
	}
	if err != nil {
		return nil, &batch.Error{Code: batch.Invalid, Field: "serviceRequestPayload", Message: "serviceRequestPayload is not valid: " + err.Error() + "."}
	}
	return r, nil
}

// trainingJobName is the name of the training job that an attempt is. How AWS
// shortens it to SageMaker's length is not documented.
func trainingJobName(j *store.Job, number int32) string {
	id := attemptID(j, number).TaskID()
	name := strings.ReplaceAll(j.Name, "_", "-")
	return trainingName + name[:min(len(name), maxTraining-len(trainingName)-len(id))] + id
}

func (s *Service) trainingARN(name string) string {
	scope := s.o.Scope
	return strings.Replace(scope.ARN("training-job", strings.ToLower(name)), ":batch:", ":sagemaker:", 1)
}

// trainingResource is how AWS names the training job of an attempt.
func (s *Service) trainingResource(j *store.Job, number int32) *batchapi.ServiceResourceId {
	return &batchapi.ServiceResourceId{Name: "TrainingJobArn", Value: s.trainingARN(trainingJobName(j, number))}
}

// serviceAttempt is what a host runs for an attempt of a service job.
func (s *Service) serviceAttempt(ctx context.Context, j *store.Job, id batch.AttemptID) (Task, error) {
	request, err := serviceRequest(j)
	if err != nil {
		return Task{}, err
	}
	queues, err := s.o.Store.QueuesByID(ctx, []int64{j.Queue})
	if err != nil {
		return Task{}, err
	}
	if len(queues) == 0 {
		return Task{}, fmt.Errorf("job %s: its queue %d is not stored", j.Ref, j.Queue)
	}
	r, err := s.trainingRequest(request.ServiceRequestPayload)
	if err != nil {
		return Task{Refused: fromSageMaker + "ValidationException: " + err.Error()}, nil //nolint:nilerr // the server has been started otherwise since
	}
	name := trainingJobName(j, j.Attempt)
	job := &training.Job{
		Request: r, Name: name, ARN: s.trainingARN(name), Dir: s.trainingDir(id), Mounted: s.o.Training.Mounted, Places: s.trainingPlaces(),
	}
	c := Container{
		Name: "algo-1", Essential: true, Group: trainingGroup,
		Stream: name + "/algo-1-" + strconv.FormatInt(int64(j.ScheduledAt)/1000, 10),
		Spec: driver.Spec{
			Unit: id.Unit(0), Image: r.AlgorithmSpecification.TrainingImage, Resources: j.Needs, StopTimeout: trainingStop,
			Env:    append(append([]driver.Var(nil), s.o.JobEnv...), job.Variables()...),
			Labels: map[string]string{"job-id": j.Ref.String(), "job-name": j.Name, "job-queue": queues[0].Name, "training-job-name": name},
		},
	}
	c.Spec.Entrypoint, c.Spec.Command = r.Command()
	if c.Spec.Mounts, err = job.Mounts(); err != nil {
		var refused *training.Refused
		if !errors.As(err, &refused) {
			return Task{}, err
		}
		return Task{Refused: fromSageMaker + refused.Reason}, nil
	}
	return Task{Containers: []Container{c}, Files: trainingFiles{job}}, nil
}

// trainingFiles are those of a training job.
type trainingFiles struct{ job *training.Job }

// Prepare makes the job's directory.
func (f trainingFiles) Prepare() error {
	err := f.job.Prepare()
	var refused *training.Refused
	if errors.As(err, &refused) {
		return &driver.StartError{Reason: fromSageMaker + refused.Reason}
	}
	return err
}

// Finish keeps what the job has made, and says of its end what SageMaker says.
func (f trainingFiles) Finish(exit *driver.Exit, statusReason *string) error {
	failed := func(why string) { *statusReason = fromSageMaker + why }
	switch {
	case exit.Code == nil && exit.Reason != "":
		failed("ClientError: " + exit.Reason)
	case exit.Code == nil:
		failed("InternalServerError: " + *statusReason)
	case *exit.Code != 0:
		text, err := f.job.Failure()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if text == "" {
			text = exit.Reason
		}
		if text != "" {
			text += ", "
		}
		failed("AlgorithmError: " + text + "exit code: " + strconv.Itoa(int(*exit.Code)))
	default:
		err := f.job.Keep()
		var refused *training.Refused
		switch {
		case errors.As(err, &refused):
			exit.Code = ptr(int32(1))
			failed(refused.Reason)
		case err != nil:
			return err
		default:
			failed("Completed")
		}
	}
	return nil
}

// Discard removes the job's directory.
func (f trainingFiles) Discard() error { return f.job.Discard() }

// trainingDir is the directory of an attempt.
func (s *Service) trainingDir(id batch.AttemptID) string {
	return filepath.Join(s.o.Training.Dir, id.Job.String()+"-"+itoa(int64(id.Number)))
}

// SweepTraining removes the directories of attempts that are over: their ends are
// durable, but we died before the removal. It belongs before the first attempt.
func (s *Service) SweepTraining(ctx context.Context) error {
	entries, err := os.ReadDir(s.o.Training.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if job, number, ok := cutLast(e.Name(), "-"); ok {
			ref, known := batch.ParseJobRef(job)
			n, failure := strconv.Atoi(number)
			if known && failure == nil {
				live, unread := s.Live(ctx, batch.AttemptID{Job: ref, Number: n})
				if unread != nil {
					return unread
				}
				if live {
					continue
				}
			}
		}
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.o.Training.Dir, e.Name())))
	}
	return err
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// serviceAttempts are the attempts of a service job that have ended, and what is
// said of those that were preempted, of which AWS lists the latest.
func (s *Service) serviceAttempts(j *store.Job) (all []batchapi.ServiceJobAttemptDetail, preempted *batchapi.ServiceJobPreemptionSummary) {
	const most = 10 // how many AWS lists is not documented
	all = []batchapi.ServiceJobAttemptDetail{}
	var recent []batchapi.ServiceJobPreemptedAttempt
	for _, a := range j.Attempts {
		d := batchapi.ServiceJobAttemptDetail{
			ServiceResourceId: s.trainingResource(j, a.Number), StartedAt: instant(a.StartedAt), StoppedAt: instant(a.StoppedAt), StatusReason: a.StatusReason,
		}
		all = append(all, d)
		if a.Preempted {
			recent = append(recent, batchapi.ServiceJobPreemptedAttempt(d))
		}
	}
	if len(recent) == 0 {
		return all, nil
	}
	n := int32(len(recent))
	recent = recent[max(0, len(recent)-most):]
	return all, &batchapi.ServiceJobPreemptionSummary{PreemptedAttemptCount: &n, RecentPreemptedAttempts: recent}
}

// latestServiceAttempt names the training job that a service job has, or had last.
func (s *Service) latestServiceAttempt(j *store.Job) *batchapi.LatestServiceJobAttempt {
	if j.Attempt == 0 {
		return nil
	}
	return &batchapi.LatestServiceJobAttempt{ServiceResourceId: s.trainingResource(j, j.Attempt)}
}
