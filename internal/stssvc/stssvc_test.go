package stssvc_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/stssvc"
)

func TestTheSDKLearnsWhoItIs(t *testing.T) {
	t.Parallel()
	service := stssvc.New(stssvc.Options{Scope: batch.Scope{Partition: "aws", Region: "eu-west-1", Account: "123456789012"}})
	server := httptest.NewServer(service.Handler())
	t.Cleanup(server.Close)
	client := sts.New(sts.Options{
		BaseEndpoint:     aws.String(server.URL),
		Region:           "eu-west-1",
		Credentials:      credentials.NewStaticCredentialsProvider("x", "y", ""),
		RetryMaxAttempts: 1,
	})
	out, err := client.GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *out.Account != "123456789012" || *out.Arn != "arn:aws:iam::123456789012:user/barge" || len(*out.UserId) != 21 {
		t.Errorf("identity %s, %s, %s", *out.Account, *out.Arn, *out.UserId)
	}
	_, err = client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/x"), RoleSessionName: aws.String("xx")})
	refused, ok := errors.AsType[smithy.APIError](err)
	if !ok || refused.ErrorCode() != "NotImplemented" || refused.ErrorMessage() != "The operation AssumeRole is not implemented" {
		t.Errorf("AssumeRole: %v", err)
	}
}
