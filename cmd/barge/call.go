package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/spf13/cobra"
)

const (
	maxCallRequest = 8 << 20 // bytes; the server takes less
	maxCallAnswer  = 64 << 20
)

func newCallCommand() *cobra.Command {
	return clientCommand(&cobra.Command{
		Use:   "call OPERATION [JSON | @FILE | -]",
		Short: "Call any operation of the API with JSON",
		Long: `Call an operation of the AWS Batch API, or with "logs." before its name one of
CloudWatch Logs, and print the answer. The request is JSON as in AWS's API
reference: given directly, from a file, or with - from standard input.

Exit code: 0 for an answer, 1 for an error, which goes to standard error.`,
		Example: `  barge call DescribeJobQueues
  barge call submit-job '{"jobName":"a","jobQueue":"q","jobDefinition":"d"}'
  barge call logs.GetLogEvents '{"logGroupName":"/aws/batch/job","logStreamName":"s"}'`,
		Args: cobra.RangeArgs(1, 2),
	}, func(cmd *cobra.Command, c *client, args []string) error {
		body := []byte("{}")
		if len(args) == 2 {
			var err error
			if body, err = readRequest(args[1], cmd.InOrStdin()); err != nil {
				return err
			}
		}
		answer, err := c.call(cmd.Context(), args[0], body)
		if err != nil {
			return err
		}
		return printAnswer(cmd.OutOrStdout(), answer)
	})
}

func readRequest(arg string, stdin io.Reader) ([]byte, error) {
	switch path, isFile := strings.CutPrefix(arg, "@"); {
	case arg == "-":
		return readBounded(stdin, maxCallRequest)
	case isFile:
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read
		return readBounded(f, maxCallRequest)
	}
	return []byte(arg), nil
}

func readBounded(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("more than %d MiB are more than an operation has", limit>>20)
	}
	return b, err
}

// call sends a request as it is and returns the answer as it is.
func (c *client) call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	if !json.Valid(body) {
		return nil, errors.New("the request is not JSON")
	}
	req, service, err := c.request(ctx, operation, body)
	if err != nil {
		return nil, err
	}
	creds, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	if err = v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), service, c.region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := readBounded(resp.Body, maxCallAnswer)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, answeredError(resp, answer)
	}
	return answer, nil
}

// request makes the request of an operation: SubmitJob and submit-job name the
// same one.
func (c *client) request(ctx context.Context, operation string, body []byte) (req *http.Request, service string, err error) {
	if name, ok := strings.CutPrefix(operation, "logs."); ok {
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/", bytes.NewReader(body))
		if err != nil {
			return nil, "", err
		}
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", "Logs_20140328."+pascal(name))
		return req, "logs", nil
	}
	name := strings.ToLower(strings.ReplaceAll(operation, "-", ""))
	method, path := http.MethodPost, "/v1/"+url.PathEscape(name)
	switch name { // the three that are not posted to a path of their own
	case "listtagsforresource", "tagresource", "untagresource":
		if method, path, err = tagging(name, body); err != nil {
			return nil, "", err
		}
	}
	if method != http.MethodPost {
		body = nil
	}
	req, err = http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	return req, "batch", nil
}

// tagging says where the operations on tags go: their parameters are in the
// address.
func tagging(name string, body []byte) (method, path string, err error) {
	var in struct {
		ResourceArn string   `json:"resourceArn"`
		TagKeys     []string `json:"tagKeys"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return "", "", fmt.Errorf("read the request: %w", err)
	}
	path = "/v1/tags/" + url.PathEscape(in.ResourceArn)
	switch name {
	case "tagresource":
		return http.MethodPost, path, nil
	case "untagresource":
		return http.MethodDelete, path + "?" + url.Values{"tagKeys": in.TagKeys}.Encode(), nil
	}
	return http.MethodGet, path, nil
}

// pascal turns get-log-events into GetLogEvents.
func pascal(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

func answeredError(resp *http.Response, answer []byte) error {
	var e struct {
		Message string `json:"message"` // or Message: the decoder takes both
		Type    string `json:"__type"`
	}
	_ = json.Unmarshal(answer, &e) // what is no JSON has neither
	code, _, _ := strings.Cut(cmp.Or(resp.Header.Get("X-Amzn-Errortype"), e.Type, resp.Status), ":")
	code = code[strings.LastIndexByte(code, '#')+1:]
	return errors.New(code + ": " + cmp.Or(e.Message, "no message"))
}

func printAnswer(w io.Writer, answer []byte) error {
	if answer = bytes.TrimSpace(answer); len(answer) == 0 {
		return nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, answer, "", "  "); err != nil {
		return fmt.Errorf("the server's answer is no JSON: %w", err)
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(w)
	return err
}
