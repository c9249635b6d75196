package logsvc

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/bargehq/barge/internal/awsapi"
	"github.com/bargehq/barge/internal/awsapi/awsjson"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/logs"
)

// maxBody leaves room for PutLogEvents' 1 MiB of messages with what JSON adds.
const maxBody = 4 << 20

// Options of the service.
type Options struct {
	Store *logs.Store
	Scope batch.Scope
	Log   *slog.Logger // nil discards
	// Alias gives the real name of a stream for one that does not exist but
	// that people ask for; false if there is none. Nil: no aliases.
	Alias func(ctx context.Context, group, stream string) (string, bool)
}

// Service answers CloudWatch Logs' operations.
type Service struct {
	store *logs.Store
	scope batch.Scope
	log   *slog.Logger
	alias func(ctx context.Context, group, stream string) (string, bool)
}

// New returns the service.
func New(o Options) *Service {
	if o.Alias == nil {
		o.Alias = func(context.Context, string, string) (string, bool) { return "", false }
	}
	return &Service{store: o.Store, scope: o.Scope, log: o.Log, alias: o.Alias}
}

// Handler returns the service's HTTP side.
func (s *Service) Handler() http.Handler {
	return awsjson.New(awsjson.Options{
		Log:     s.log,
		MaxBody: maxBody,
		Target:  "Logs_20140328",
		Operations: map[string]awsjson.Operation{
			"CreateLogGroup":        awsjson.Operate(s.CreateLogGroup),
			"CreateLogStream":       awsjson.Operate(s.CreateLogStream),
			"DeleteLogGroup":        awsjson.Operate(s.DeleteLogGroup),
			"DeleteLogStream":       awsjson.Operate(s.DeleteLogStream),
			"DeleteRetentionPolicy": awsjson.Operate(s.DeleteRetentionPolicy),
			"DescribeLogGroups":     awsjson.Operate(s.DescribeLogGroups),
			"DescribeLogStreams":    awsjson.Operate(s.DescribeLogStreams),
			"FilterLogEvents":       awsjson.Operate(s.FilterLogEvents),
			"GetLogEvents":          awsjson.Operate(s.GetLogEvents),
			"PutLogEvents":          awsjson.Operate(s.PutLogEvents),
			"PutRetentionPolicy":    awsjson.Operate(s.PutRetentionPolicy),
		},
		NotBuilt: notBuilt(),
		Name:     name,
	})
}

// Nothing is the answer of operations that have none.
type Nothing struct{}

func name(code batch.Code) (string, int) {
	status := awsapi.FaultFor(code).Status
	switch code {
	case batch.Invalid:
		return "InvalidParameterException", status
	case batch.NotFound:
		return "ResourceNotFoundException", status
	case batch.Conflict:
		return "ResourceAlreadyExistsException", status
	case batch.Denied:
		return "AccessDeniedException", http.StatusBadRequest
	case batch.Throttled:
		return "ThrottlingException", http.StatusBadRequest
	case batch.NotBuilt:
		return "NotImplemented", status
	case batch.Unavailable:
		return "ServiceUnavailableException", http.StatusServiceUnavailable
	case batch.Internal:
	}
	return "InternalFailure", status
}
