package logs

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/bargehq/barge/internal/batch"
)

// MaxMessage is the longest message of an event in bytes: CloudWatch Logs'
// 256 KiB less its overhead of 26 bytes for each event.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
const MaxMessage = 256<<10 - 26

const (
	chunkBytes = 64 << 10
	// chunkSpan is how far apart in time the first and the last event of a
	// chunk may be, and so how far a search by time looks back.
	chunkSpan batch.Instant = 10_000
)

// chunk is a run of consecutive events as it is stored. In data each event is
// the zigzag distance of its timestamp to the one before (of the first one, to
// chunk.first), the length of its message, and the message.
//
// first and last are sort times: the timestamp, or the greatest one before it
// in the stream where that is later.
type chunk struct {
	ordinal     int64
	first, last batch.Instant
	previous    batch.Instant // timestamp of the last event
	data        []byte
}

// accepts says whether an event of the given sort time and length belongs to
// c, or to a new chunk.
func (c *chunk) accepts(sort batch.Instant, length int) bool {
	return len(c.data)+length <= chunkBytes && sort-c.first <= chunkSpan
}

func (c *chunk) add(at batch.Instant, message []byte) {
	c.data = binary.AppendVarint(c.data, int64(at-c.previous))
	c.data = binary.AppendUvarint(c.data, uint64(len(message)))
	c.data = append(c.data, message...)
	c.previous = at
	c.last = max(c.last, at)
}

var errCorrupt = errors.New("log chunk is damaged")

// reader takes a stored chunk apart, event by event.
type reader struct {
	rest     []byte
	position Position
	sort     batch.Instant
	at       batch.Instant
	message  []byte
	ended    bool
	err      error
}

func newReader(ordinal int64, first batch.Instant, data []byte) *reader {
	return &reader{rest: data, position: Position(ordinal)<<indexBits - 1, sort: first, at: first}
}

// next moves to the following event and says whether there is one.
func (r *reader) next() bool {
	if len(r.rest) == 0 {
		r.ended = true
		return false
	}
	delta, n := binary.Varint(r.rest)
	if n <= 0 {
		r.err = errCorrupt
		return false
	}
	length, m := binary.Uvarint(r.rest[n:])
	if m <= 0 || length > uint64(len(r.rest)-n-m) {
		r.err = errCorrupt
		return false
	}
	body := r.rest[n+m:]
	r.message, r.rest = body[:length], body[length:]
	r.at += batch.Instant(delta)
	r.sort = max(r.sort, r.at)
	r.position++
	return true
}

// clean makes text what a message may be. Bytes that are no UTF-8 become
// U+FFFD one by one. An empty line becomes one space: CloudWatch refuses empty
// messages and AWS's log driver drops them, but people want their blank lines.
// The result is text itself where nothing had to change.
func clean(text []byte) []byte {
	if len(text) == 0 {
		return []byte{' '}
	}
	if utf8.Valid(text) {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/2)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		out = utf8.AppendRune(out, r)
		text = text[n:]
	}
	return out
}

// cut splits a message that is too long after at most MaxMessage bytes,
// between two characters.
func cut(message []byte) (head, tail []byte) {
	if len(message) <= MaxMessage {
		return message, nil
	}
	end := MaxMessage
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end], message[end:]
}
