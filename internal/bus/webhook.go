package bus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// answerTimeout is how long a webhook has to answer.
const answerTimeout = 30 * time.Second

// Webhook returns a sink that posts each event to a URL by a request of its own.
// An answer of 2xx takes it; on any other it is posted again, since what is
// wrong at the other side may be put right. Those of 4xx that do not speak of the
// moment are a [Refusal]. Redirections are not followed. Nil
// for transport is the default one.
func Webhook(to string, transport http.RoundTripper) (Sink, error) {
	u, err := url.Parse(to)
	if err != nil {
		return Sink{}, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return Sink{}, fmt.Errorf("%s is no address of HTTP or HTTPS", u.Redacted())
	}
	client := &http.Client{
		Transport: transport, Timeout: answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return Sink{Name: "webhook " + u.Redacted(), Deliver: func(ctx context.Context, events [][]byte) (int, error) {
		for n, event := range events {
			if err := post(ctx, client, to, event); err != nil {
				return n, err
			}
		}
		return len(events), nil
	}}, nil
}

func post(ctx context.Context, client *http.Client, to string, event []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(event))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "barge")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	// Read, so that the connection can be used again, but not without end.
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10)
	switch code := answer.StatusCode; {
	case code/100 == 2:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code/100 != 4:
		return fmt.Errorf("it answered %s", answer.Status)
	default:
		return &Refusal{"it answered " + answer.Status}
	}
}
