package logsvc

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/logs"
)

func errToken() error { return batch.Errorf(batch.Invalid, "The specified nextToken is invalid.") }

// pageToken is a token of GetLogEvents in AWS's form: f or b for the
// direction, 56 digits, and an s.
func pageToken(direction byte, p logs.Position) string {
	return fmt.Sprintf("%c/%056d/s", direction, p)
}

func parsePageToken(token string) (p logs.Position, backward bool, err error) {
	direction, rest, _ := strings.Cut(token, "/")
	digits, ok := strings.CutSuffix(rest, "/s")
	n, parseErr := parseNumber(digits)
	if !ok || len(digits) != 56 || parseErr != nil || direction != "f" && direction != "b" {
		return 0, false, errToken()
	}
	return logs.Position(n), direction == "b", nil
}

func searchToken(m *logs.SearchMark) string {
	return fmt.Sprintf("%d_%d_%d", m.At, m.Stream, m.Position)
}

func parseSearchToken(token string) (*logs.SearchMark, error) {
	parts := strings.Split(token, "_")
	if len(parts) != 3 {
		return nil, errToken()
	}
	at, err1 := parseNumber(parts[0])
	stream, err2 := parseNumber(parts[1])
	position, err3 := parseNumber(parts[2])
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, errToken()
	}
	return &logs.SearchMark{At: batch.Instant(at), Stream: stream, Position: logs.Position(position)}, nil
}

func streamMark(m *logs.StreamMark, byTime bool) string {
	if byTime {
		return fmt.Sprintf("t/%d/%d", m.Last, m.ID)
	}
	return "n/" + m.Name
}

func parseStreamMark(token string, byTime bool) (*logs.StreamMark, error) {
	kind, rest, _ := strings.Cut(token, "/")
	if kind == "n" && !byTime {
		return &logs.StreamMark{Name: rest}, nil
	}
	last, id, _ := strings.Cut(rest, "/")
	at, err1 := parseNumber(last)
	n, err2 := parseNumber(id)
	if kind != "t" || !byTime || err1 != nil || err2 != nil {
		return nil, errToken()
	}
	return &logs.StreamMark{Last: batch.Instant(at), ID: n}, nil
}

// parseNumber reads a number that is not negative.
func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}
