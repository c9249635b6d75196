package crash

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// newSmallServer starts a server whose queue has one vCPU.
func newSmallServer(t *testing.T, flags ...string) *server {
	t.Helper()
	s := newServer(t, "process")
	s.flags = flags
	s.start()
	if err := s.setUp(t.Context(), 1, "unused"); err != nil {
		t.Fatal(err)
	}
	return s
}

// resident is a process's resident memory in MiB, zero if it is gone.
func resident(pid int) int {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kib, _ := strconv.Atoi(f[1])
			return kib >> 10
		}
	}
	return 0
}

// bound is how many MiB a process may have; the race detector takes up to ten
// times as many.
func bound(mib int) int {
	if strings.Contains(os.Getenv("GOFLAGS"), "-race") {
		return 10 * mib
	}
	return mib
}

// watch looks at the memory of processes until stopped, and returns the most
// that each had, in MiB.
func watch(pids ...int) (stop func() []int) {
	most := make([]int, len(pids))
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			for i, pid := range pids {
				most[i] = max(most[i], resident(pid))
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-end:
				return
			}
		}
	}()
	return func() []int { close(end); <-done; return most }
}

func (s *server) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const submitHead = "POST /v1/submitjob HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

// TestRequestsWithoutEnd sends what has no measure. Each is refused in words, and
// the next client is served.
func TestRequestsWithoutEnd(t *testing.T) {
	t.Parallel()
	s := newSmallServer(t)
	stop := watch(s.cmd.Process.Pid)
	for name, c := range map[string]struct {
		head  string
		body  func(w io.Writer) error // until the server has enough
		want  int
		words string
	}{
		"length": {
			head: submitHead + "Content-Length: 10000000000\r\n\r\n", want: 400, words: "larger than",
		},
		"chunks": {
			head: submitHead + "Transfer-Encoding: chunked\r\n\r\n", want: 400, words: "larger than",
			body: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "10000\r\n%s\r\n", strings.Repeat(" ", 0x10000))
				return err
			},
		},
		"depth": {
			head: submitHead + "Content-Length: 1000000\r\n\r\n" + `{"jobName":` + strings.Repeat("[", 1_000_000-11), want: 400,
		},
		"elements": {
			head: submitHead + "Content-Length: 1000000\r\n\r\n" + `{"dependsOn":[{}` + strings.Repeat(",{}", 333_325) + strings.Repeat(" ", 1_000_000-16-3*333_325-2) + "]}", want: 400,
		},
		"headers": {
			head: submitHead, want: 431, words: "",
			body: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "X-More: %s\r\n", strings.Repeat("x", 1000))
				return err
			},
		},
		"address": {head: "GET /v1/tags/" + strings.Repeat("x", 200_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", want: 431},
	} {
		t.Run(name, func(t *testing.T) {
			conn := s.dial(t)
			go func() {
				_, err := io.WriteString(conn, c.head)
				for n := 0; c.body != nil && err == nil && n < 1_000_000; n++ {
					err = c.body(conn) // ends when the server closes, or the test does
				}
			}()
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			text, err := io.ReadAll(answer.Body)
			if answer.StatusCode != c.want || err != nil || !strings.Contains(string(text), c.words) {
				t.Errorf("the answer is %s: %s, %v; want %d and %q", answer.Status, text, err, c.want, c.words)
			}
			if _, err := s.list(t.Context()); err != nil {
				t.Errorf("the next client: %v", err)
			}
		})
	}
	if most := stop()[0]; most > bound(200) {
		t.Errorf("the server had %d MiB", most)
	}
}

// TestManyConnections opens 10,000 of them: some say nothing, some begin a
// request and do not end it, the rest submit all at once. The latter are served,
// and so are others; the former are closed.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	const idle, begun, submit = 4000, 3000, 3000
	s := newSmallServer(t)
	stop := watch(s.cmd.Process.Pid)
	var silent, half net.Conn
	for range idle {
		silent = s.dial(t)
	}
	for range begun {
		half = s.dial(t)
		if _, err := io.WriteString(half, submitHead); err != nil {
			t.Fatal(err)
		}
	}
	clients := make([]net.Conn, submit)
	for i := range clients {
		clients[i] = s.dial(t)
	}
	if _, err := s.list(t.Context()); err != nil {
		t.Errorf("a client beside %d connections: %v", idle+begun+submit, err)
	}
	answers := make([]int, submit)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			// Two vCPUs, and there is one: they wait.
			body := fmt.Sprintf(`{"jobName":"many-%d","jobQueue":"crash","jobDefinition":"crash","containerOverrides":{"resourceRequirements":[{"type":"VCPU","value":"2"}]}}`, i)
			<-begin
			_ = c.SetDeadline(time.Now().Add(patience))
			if _, err := fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", submitHead, len(body), body); err != nil {
				return
			}
			if r, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				answers[i] = r.StatusCode
			}
		})
	}
	close(begin)
	all.Wait()
	taken, refused := 0, 0
	for i, code := range answers {
		switch code {
		case http.StatusOK:
			taken++
		case http.StatusTooManyRequests:
			refused++
		default:
			t.Errorf("submit %d was answered with %d", i, code)
		}
	}
	jobs, err := s.list(t.Context())
	if err != nil || len(jobs) != taken {
		t.Errorf("%d submits were acknowledged, and there are %d jobs, %v", taken, len(jobs), err)
	}
	slow := map[string]net.Conn{"says nothing": silent, "begins a request": half}
	if required("time") { // a minute
		slow["begins a body"] = s.dial(t)
		if _, err := io.WriteString(slow["begins a body"], submitHead+"Content-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range slow {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("a connection that %s is not closed: %v", name, err)
		}
	}
	most := stop()[0]
	t.Logf("%d of %d submits at once were taken, %d refused; the server had %d MiB at most", taken, submit, refused, most)
	if most > bound(600) {
		t.Errorf("the server had %d MiB", most)
	}
}

// TestFlood has a job print a million lines, a gigabyte of them where
// BARGE_REQUIRE names time, while clients ask for logs and read no answer. The
// server and the runner do not grow with it, other jobs go on, and no line is lost.
func TestFlood(t *testing.T) {
	t.Parallel()
	lines, width := 100_000, 200
	if required("time") {
		lines, width = 1_000_000, 1000
	}
	s := newServer(t, "process")
	s.start()
	if err := s.setUp(t.Context(), 4, "unused"); err != nil {
		t.Fatal(err)
	}
	small := func(name string) {
		t.Helper()
		o := &order{name: name, lines: 3}
		if err := o.submit(t.Context(), s.client, s.marks); err != nil {
			t.Fatal(err)
		}
		until(t, "a job beside it to end", func() bool { return over(s.must(t, []string{o.id})[o.id].Status) })
		s.checkJob(t, o, s.must(t, []string{o.id})[o.id], 0)
	}
	small("first")
	stop := watch(s.cmd.Process.Pid, s.runner())
	flood := s.run(t, fmt.Sprintf(`yes %s | head -n %d`, strings.Repeat("x", width-1), lines))
	until(t, "it to print", func() bool { return len(s.printedSome(t, flood)) > 0 })
	stream := *s.must(t, []string{flood})[flood].Container.LogStreamName
	for range 200 {
		c := s.dial(t)
		body := fmt.Sprintf(`{"logGroupName":"/aws/batch/job","logStreamName":%q,"startFromHead":true}`, stream)
		if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Logs_20140328.GetLogEvents\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			t.Fatal(err)
		}
	}
	for n := 0; !over(s.must(t, []string{flood})[flood].Status); n++ {
		small(fmt.Sprintf("beside-%d", n))
	}
	most := stop()
	if j := s.must(t, []string{flood})[flood]; j.Status != types.JobStatusSucceeded {
		t.Errorf("the job is %s: %s", j.Status, aws.ToString(j.StatusReason))
	}
	got, err := s.log(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	for len(got) > 0 && strings.HasPrefix(got[0], "barge: ") {
		got = got[1:]
	}
	if len(got) != lines || len(got[0]) != width-1 || len(got[len(got)-1]) != width-1 {
		t.Errorf("%d lines are kept, of %d", len(got), lines)
	}
	t.Logf("%d lines of %d bytes: the server had %d MiB at most, the runner %d MiB", lines, width, most[0], most[1])
	if most[0] > bound(700) || most[1] > bound(150) {
		t.Errorf("the server had %d MiB, the runner %d MiB", most[0], most[1])
	}
}

// TestForkBomb has a job multiply without end. It comes no further than it is
// allowed to, other jobs run, and when it is terminated nothing is left of it.
func TestForkBomb(t *testing.T) {
	t.Parallel()
	only(t, "root")
	s := newServer(t, "process")
	s.flags = []string{"--max-processes", "150"}
	s.start()
	if err := s.setUp(t.Context(), 4, "unused"); err != nil {
		t.Fatal(err)
	}
	// A shell that cannot fork gives up; this one begins anew.
	mark := filepath.Join(s.marks, "bomb")
	if err := os.WriteFile(mark, []byte(`trap 'exec /bin/sh "$0"' EXIT
while :; do /bin/sh "$0" & done`), 0o600); err != nil {
		t.Fatal(err)
	}
	bomb := s.run(t, "exec nice -n 19 /bin/sh "+mark)
	defer func() { // whatever happens
		_ = s.terminate(t, bomb)
	}()
	text, err := os.ReadFile(filepath.Join(s.data, "process", "runner.log"))
	if err == nil && strings.Contains(string(text), "without limits") {
		need(t, "root", fmt.Errorf("there are no cgroups: %s", text))
	}
	until(t, "it to multiply", func() bool { return alive(mark) > 100 })
	most := 0
	for n := range 5 {
		o := &order{name: fmt.Sprintf("beside-%d", n), lines: 3}
		if err := o.submit(t.Context(), s.client, s.marks); err != nil {
			t.Fatal(err)
		}
		until(t, "a job beside it to end", func() bool {
			most = max(most, alive(mark))
			return over(s.must(t, []string{o.id})[o.id].Status)
		})
		s.checkJob(t, o, s.must(t, []string{o.id})[o.id], 0)
	}
	t.Logf("%d processes at most", most)
	if most > 150 {
		t.Errorf("it had %d processes", most)
	}
	if err := s.terminate(t, bomb); err != nil {
		t.Fatal(err)
	}
	until(t, "it to end", func() bool { return over(s.must(t, []string{bomb})[bomb].Status) })
	until(t, "nothing to be left of it", func() bool { return alive(mark) == 0 })
}

// alive counts the processes whose command line has the mark.
func alive(mark string) (n int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
	for _, path := range lines {
		if line, err := os.ReadFile(path); err == nil && strings.Contains(string(line), mark) {
			n++
		}
	}
	return n
}
