package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// submitBody is a submit as templates and workflow engines make them.
const submitBody = `{"jobName":"nightly-render-0042","jobQueue":"bench","jobDefinition":"bench",` +
	`"containerOverrides":{"command":["/usr/bin/python3","/opt/render/frame.py","--input","s3://render-input/scene-0042.usd","--samples","256"],` +
	`"environment":[{"name":"STAGE","value":"production"},{"name":"OUTPUT","value":"s3://render-output/nightly/0042"}],` +
	`"resourceRequirements":[{"type":"VCPU","value":"2"},{"type":"MEMORY","value":"2048"}]},` +
	`"retryStrategy":{"attempts":3},"timeout":{"attemptDurationSeconds":3600}}`

// submitHeaders are those that SDKs send.
var submitHeaders = [][2]string{ //nolint:gochecknoglobals // a constant in all but name
	{"User-Agent", "Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux#6.12 md/arch#x86_64 lang/python#3.13.5"},
	{"Content-Type", "application/json"},
	{"X-Amz-Date", "20260101T000000Z"},
	{"Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/batch/aws4_request, " +
		"SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
}

// load is what clients have seen that send one request after another.
type load struct {
	rate     float64 // answers per second
	p50, p99 time.Duration
}

// generator makes load: so many clients that submit for so long.
type generator struct {
	name string
	run  func(ctx context.Context, addr string, clients int, length time.Duration) (load, error)
}

// generator prefers wrk, which takes less of the machine than anything in Go.
func (b *bench) generator() (generator, error) {
	own := generator{"a generator of its own in Go, on bare connections", driveConnections}
	wrk, err := exec.LookPath("wrk")
	if err == nil {
		own := wrkProgram{path: wrk, dir: b.work}
		if b.load != "go" {
			return generator{"wrk with one thread", own.drive}, nil
		}
	}
	switch b.load {
	case "auto", "go":
		return own, nil
	case "wrk":
		return own, err
	}
	return own, fmt.Errorf("-load is auto, wrk or go, not %q", b.load)
}

// submitRequestBytes is a whole request.
func submitRequestBytes(addr, body string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /v1/submitjob HTTP/1.1\r\nHost: %s\r\n", addr)
	for _, h := range submitHeaders {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}

// connection sends the same bytes again and again and reads as little of the
// answer as will do.
type connection struct {
	net.Conn
	in *bufio.Reader
}

func dial(ctx context.Context, addr string) (*connection, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &connection{c, bufio.NewReaderSize(c, 4096)}, nil
}

// exchange sends a request and reads the answer, which has to be good.
func (c *connection) exchange(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	status, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	good := bytes.HasPrefix(status, []byte("HTTP/1.1 200 "))
	problem := string(bytes.TrimSpace(status))
	length := -1
	for {
		var line []byte
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		const name = "Content-Length: "
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(string(line[len(name):])); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	if good {
		_, err = c.in.Discard(length)
		return err
	}
	text, err := io.ReadAll(io.LimitReader(c.in, int64(length)))
	return errors.Join(fmt.Errorf("%s: %s", problem, text), err)
}

// driveConnections is the load of so many goroutines with a connection each.
func driveConnections(ctx context.Context, addr string, clients int, length time.Duration) (load, error) {
	request := submitRequestBytes(addr, submitBody)
	took := make([]figures, clients)
	errs := make([]error, clients)
	var all sync.WaitGroup
	began := time.Now()
	for i := range clients {
		all.Go(func() {
			c, err := dial(ctx, addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer func() { _ = c.Close() }() // all answers are there
			for last := time.Now(); last.Sub(began) < length && ctx.Err() == nil; {
				if errs[i] = c.exchange(request); errs[i] != nil {
					return
				}
				now := time.Now()
				took[i] = append(took[i], float64(now.Sub(last)))
				last = now
			}
		})
	}
	all.Wait()
	elapsed := time.Since(began)
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return load{}, err
	}
	var whole figures
	for _, t := range took {
		whole = append(whole, t...)
	}
	return load{
		rate: float64(len(whole)) / elapsed.Seconds(),
		p50:  time.Duration(whole.quantile(0.5)), p99: time.Duration(whole.quantile(0.99)),
	}, nil
}
