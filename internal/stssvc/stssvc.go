package stssvc

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/bargehq/barge/internal/awsapi"
	"github.com/bargehq/barge/internal/awsapi/query"
	"github.com/bargehq/barge/internal/batch"
)

const (
	userName = "barge"
	userID   = "AIDABARGEBARGEBARGE00"
)

// Options of the service.
type Options struct {
	Scope batch.Scope
	Log   *slog.Logger // nil discards
}

// Service answers STS's operations.
type Service struct {
	scope batch.Scope
	log   *slog.Logger
}

// New returns the service.
func New(o Options) *Service { return &Service{o.Scope, o.Log} }

// Handler returns the service's HTTP side.
func (s *Service) Handler() http.Handler {
	return query.New(query.Options{
		Log:       s.log,
		Namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
		Version:   "2011-06-15",
		Operations: map[string]query.Operation{
			"GetCallerIdentity": s.GetCallerIdentity,
		},
		NotBuilt: []string{
			"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "DecodeAuthorizationMessage",
			"GetAccessKeyInfo", "GetDelegatedAccessToken", "GetFederationToken", "GetSessionToken", "GetWebIdentityToken",
		},
		Name: name,
	})
}

// Identity is the result of GetCallerIdentity.
type Identity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string
}

// GetCallerIdentity says who the caller is.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (s *Service) GetCallerIdentity(context.Context, url.Values) (any, error) {
	return &Identity{
		ARN:     "arn:" + s.scope.Partition + ":iam::" + s.scope.Account + ":user/" + userName,
		UserID:  userID,
		Account: s.scope.Account,
	}, nil
}

func name(code batch.Code) (string, int) {
	fault := awsapi.FaultFor(code)
	switch code {
	case batch.Invalid, batch.NotFound, batch.Conflict:
		return "ValidationError", fault.Status
	case batch.Denied:
		return "AccessDenied", fault.Status
	case batch.Throttled:
		return "Throttling", http.StatusBadRequest
	case batch.NotBuilt:
		return "NotImplemented", fault.Status
	case batch.Internal, batch.Unavailable:
	}
	return "InternalFailure", fault.Status
}
